"""Asks the model `1` of `myProject` about one image, as a program in a VPC does: by the service's own host name."""

import boto3

client = boto3.client("lookoutvision")
with open("/images/normal-1.jpg", "rb") as image:
    answer = client.detect_anomalies(
        ProjectName="myProject", ModelVersion="1", ContentType="image/jpeg", Body=image.read()
    )
result = answer["DetectAnomalyResult"]
print(f"IsAnomalous {result['IsAnomalous']}, Confidence {result['Confidence']}")
