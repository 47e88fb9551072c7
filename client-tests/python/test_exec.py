"""A test suite that knows nothing of the emulator: endpoint, Region, credentials and trust come from its environment."""

import os
import pathlib

import boto3
import pytest

IMAGE = pathlib.Path(os.environ["IMAGE"]).read_bytes()


def detect(model_version):
    client = boto3.client("lookoutvision")
    return client, lambda: client.detect_anomalies(
        ProjectName="myProject", ModelVersion=model_version, ContentType="image/jpeg", Body=IMAGE
    )


def test_the_model_that_the_policy_names_answers():
    _, call = detect("myModel")
    assert call()["DetectAnomalyResult"]["IsAnomalous"] is False


def test_another_model_is_denied():
    client, call = detect("1")
    with pytest.raises(client.exceptions.AccessDeniedException, match="no VPC endpoint policy allows"):
        call()
