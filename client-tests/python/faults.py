"""Faults as boto3 sees them: every error of every operation as its typed exception, tried again as against AWS, and what a
broken connection or a bad certificate is to it.

Run under `lookoutvision-emulator exec`, which sets the variables. A failed assertion ends the program.
"""

import json
import os
import urllib.error
import urllib.request

import boto3
import botocore.endpoint
from botocore import exceptions
from botocore.config import Config

CONTROL = os.environ["LOOKOUTVISION_EMULATOR_CONTROL_URL"]
ARN = "arn:aws:lookoutvision:us-east-1:123456789012:model/myProject/1"

# What the SDK waits between its attempts is not what is tested here.
botocore.endpoint.time.sleep = lambda seconds: None


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(CONTROL + path, data, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def fault(effect, **members):
    control("PUT", "/faults", [{"name": "f", "fault": effect, **members}])


def attempts():
    """Calls that met the fault, as the journal has them"""
    entries = control("GET", "/requests?fault=f")
    control("DELETE", "/requests")
    return len(entries)


def raised(call, **parameters):
    try:
        call(**parameters)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


PROJECT = {"ProjectName": "myProject"}
DATASET = {**PROJECT, "DatasetType": "train"}
MODEL = {**PROJECT, "ModelVersion": "1"}
S3 = {"Bucket": "my-bucket", "Prefix": "out/"}
GREENGRASS = {"S3OutputLocation": S3, "ComponentName": "c", "TargetDevice": "jetson_xavier"}
PARAMETERS = {
    "CreateDataset": DATASET,
    "CreateModel": {**PROJECT, "OutputConfig": {"S3Location": S3}},
    "CreateProject": PROJECT,
    "DeleteDataset": DATASET,
    "DeleteModel": MODEL,
    "DeleteProject": PROJECT,
    "DescribeDataset": DATASET,
    "DescribeModel": MODEL,
    "DescribeModelPackagingJob": {**PROJECT, "JobName": "j"},
    "DescribeProject": PROJECT,
    "DetectAnomalies": {**MODEL, "ContentType": "image/jpeg", "Body": b"image"},
    "ListDatasetEntries": DATASET,
    "ListModelPackagingJobs": PROJECT,
    "ListModels": PROJECT,
    "ListProjects": {},
    "ListTagsForResource": {"ResourceArn": ARN},
    "StartModel": {**MODEL, "MinInferenceUnits": 1},
    "StartModelPackagingJob": {**MODEL, "Configuration": {"Greengrass": GREENGRASS}},
    "StopModel": MODEL,
    "TagResource": {"ResourceArn": ARN, "Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"ResourceArn": ARN, "TagKeys": ["k"]},
    "UpdateDatasetEntries": {**DATASET, "Changes": b"{}"},
}
# botocore's `_retry.json`: a status of 500 or 429 is tried again; a client makes five attempts.
TRIED_AGAIN = {"InternalServerException", "ThrottlingException"}


def every_error_of_every_operation():
    client = boto3.client("lookoutvision")
    model = client.meta.service_model
    assert sorted(model.operation_names) == sorted(PARAMETERS)
    seen, listed = 0, set()
    for name, parameters in PARAMETERS.items():
        operation = model.operation_model(name)
        call = getattr(client, next(method for method, api in client.meta.method_to_api_mapping.items() if api == name))
        for shape in operation.error_shapes:
            listed.add(shape.name)
            effect = {"error": shape.name, "message": f"{name} fails"}
            if "RetryAfterSeconds" in shape.members:
                effect["retry_after_seconds"] = 7
            fault(effect, when={"operation": name}, stage="instead_of_operation")
            error = raised(call, **parameters)
            assert type(error) is getattr(client.exceptions, shape.name), (name, shape.name, error)
            answer = error.response
            assert answer["Error"]["Message"] == f"{name} fails", answer
            metadata = answer["ResponseMetadata"]
            assert metadata["HTTPStatusCode"] == shape.metadata["error"]["httpStatusCode"], answer
            # Every member that the model requires is there.
            for member in shape.required_members:
                assert answer.get(member) is not None, (name, shape.name, member, answer)
            if "retry_after_seconds" in effect:
                assert answer["RetryAfterSeconds"] == 7, answer
            expected = 5 if shape.name in TRIED_AGAIN else 1
            assert attempts() == metadata["RetryAttempts"] + 1 == expected, (name, shape.name, metadata)
            seen += 1
        for other in listed - {shape.name for shape in operation.error_shapes}:
            try:
                fault({"error": other}, when={"operation": name})
            except urllib.error.HTTPError as refused:
                assert json.load(refused)["error"]["path"] == "/0/fault/error"
            else:
                raise AssertionError(f"{name} has no {other}")
    assert len(listed) == 7, listed
    print(f"{seen} errors of {len(PARAMETERS)} operations")


def a_service_that_recovers():
    client = boto3.client("lookoutvision")
    fault({"error": "ThrottlingException"}, times=2)
    assert client.list_projects()["ResponseMetadata"]["RetryAttempts"] == 2
    assert attempts() == 2
    for mode in ("standard", "adaptive"):
        client = boto3.client("lookoutvision", config=Config(retries={"mode": mode}))
        fault({"error": "InternalServerException"})
        error = raised(client.list_projects)
        assert isinstance(error, client.exceptions.InternalServerException), error
        assert attempts() == 3, mode


def ec2_and_sts():
    for service, call, code, expected in [
        ("ec2", "describe_vpcs", "RequestLimitExceeded", 5),
        ("ec2", "describe_vpcs", "EC2ThrottledException", 5),
        ("ec2", "describe_vpcs", "Throttling", 5),
        ("ec2", "describe_vpcs", "InternalError", 5),
        ("ec2", "describe_vpcs", "Unavailable", 5),
        ("ec2", "describe_vpcs", "UnauthorizedOperation", 1),
        ("sts", "get_caller_identity", "Throttling", 5),
        ("sts", "get_caller_identity", "IDPCommunicationError", 5),
        ("sts", "get_caller_identity", "ServiceUnavailable", 5),
        ("sts", "get_caller_identity", "AccessDenied", 1),
        ("sts", "get_caller_identity", "ExpiredToken", 1),
    ]:
        client = boto3.client(service)
        fault({"error": code, "message": "m"}, when={"service": service})
        error = raised(getattr(client, call))
        assert isinstance(error, exceptions.ClientError), error
        assert error.response["Error"]["Code"] == code and error.response["Error"]["Message"] == "m", error.response
        assert attempts() == expected, (service, code)
    client = boto3.client("sts")
    role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "line-7"}
    fault({"error": "PackedPolicyTooLarge"}, stage="before_authentication")
    error = raised(client.assume_role, **role)
    assert type(error) is client.exceptions.PackedPolicyTooLargeException, error
    attempts()


def connections():
    one_attempt = Config(retries={"max_attempts": 0}, read_timeout=1)
    client = boto3.client("lookoutvision", config=one_attempt)
    for effect, expected in [
        ({"connection": "reset"}, exceptions.ConnectionClosedError),
        ({"connection": "close"}, exceptions.ConnectionClosedError),
        ({"connection": "truncate"}, exceptions.ConnectionClosedError),
        ({"connection": "reset", "after_bytes": 5}, exceptions.ConnectionClosedError),
        ({"connection": "stall"}, exceptions.ReadTimeoutError),
        ({"delay_milliseconds": 3000}, exceptions.ReadTimeoutError),
    ]:
        fault(effect)
        error = raised(client.list_projects)
        assert isinstance(error, expected), (effect, type(error), error)
        entries = control("GET", "/requests?fault=f")
        assert "connection" not in effect or [entry["status"] for entry in entries] == [None], entries
        control("DELETE", "/requests")
    fault({"connection": "slow", "bytes_per_second": 20000})
    client.list_projects()
    assert attempts() == 1
    # A connection that breaks is tried again, as one to AWS is.
    client = boto3.client("lookoutvision")
    for kind in ("reset", "close", "truncate"):
        fault({"connection": kind}, times=2)
        client.list_projects()
        assert attempts() == 2, kind


def certificates():
    for kind, expected in [
        ("expired_certificate", "certificate has expired"),
        ("not_yet_valid", "certificate is not yet valid"),
        ("wrong_name", "match"),
        ("unknown_authority", "certificate verify failed"),
    ]:
        client = boto3.client("lookoutvision", config=Config(retries={"max_attempts": 0}))
        fault({"tls": kind})
        error = raised(client.list_projects)
        assert isinstance(error, exceptions.SSLError) and expected in str(error), (kind, error)
        attempts()
    client = boto3.client("lookoutvision", config=Config(retries={"max_attempts": 0}))
    fault({"tls": "reset_in_handshake"})
    error = raised(client.list_projects)
    assert isinstance(error, exceptions.HTTPClientError), error
    control("DELETE", "/faults")
    client.list_projects()


every_error_of_every_operation()
a_service_that_recovers()
ec2_and_sts()
connections()
certificates()
print("done")
