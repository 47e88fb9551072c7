"""Calls DetectAnomalies through boto3: one job on standard input, one outcome on standard output.

Credentials, Region, endpoint and trust come from the AWS_... variables alone, as in any program.
"""

import base64
import json
import sys

import boto3
import botocore.exceptions


def main():
    job = json.load(sys.stdin)
    client = boto3.client("lookoutvision")
    with open(job["image"], "rb") as image:
        body = image if job["upload"] == "file" else image.read()
        outcome = detect(client, job, body)
    json.dump(outcome, sys.stdout)


def detect(client, job, body):
    try:
        response = client.detect_anomalies(
            ProjectName=job["project"],
            ModelVersion=job["model_version"],
            ContentType=job["content_type"],
            Body=body,
        )
    except botocore.exceptions.ClientError as error:
        return {"refusal": refusal(client, error)}
    except botocore.exceptions.BotoCoreError as error:
        return {"unreachable": {"detail": f"{type(error).__name__}: {error}"}}
    return {"result": detection(response)}


def refusal(client, error):
    response = error.response
    metadata = response["ResponseMetadata"]
    code = response["Error"]["Code"]
    modelled = getattr(client.exceptions, code, None) if code.isidentifier() else None
    retry_after = metadata["HTTPHeaders"].get("retry-after")
    return {
        "exception": code,
        "typed": modelled is not None and type(error) is modelled,
        "status": metadata["HTTPStatusCode"],
        "message": response["Error"]["Message"],
        "retry_after_seconds": int(retry_after) if retry_after else None,
        "request_id": metadata.get("RequestId"),
    }


def detection(response):
    result = response["DetectAnomalyResult"]
    mask = result.get("AnomalyMask")
    return {
        "source_type": result["Source"]["Type"],
        "is_anomalous": result["IsAnomalous"],
        "confidence": result["Confidence"],
        "anomalies": [
            {
                "name": anomaly["Name"],
                "color": anomaly["PixelAnomaly"]["Color"],
                "total_percentage_area": anomaly["PixelAnomaly"]["TotalPercentageArea"],
            }
            for anomaly in result.get("Anomalies") or []
        ],
        "anomaly_mask": base64.b64encode(mask).decode("ascii") if mask else None,
        "request_id": response["ResponseMetadata"].get("RequestId"),
    }


main()
