"""The life of a project through boto3, as programs for the real service are written: create, poll, use, delete.

Credentials, Region, endpoint and trust come from the AWS_... variables alone. The first argument is an image; the
emulator's configuration is `life-cycle/emulator.yaml`. A failed assertion ends the program. Where
LOOKOUTVISION_EMULATOR_CONTROL_URL is set everything takes ten minutes, and the program puts the emulator's clock forward.
"""

import json
import os
import sys
import time
import urllib.request

import boto3

client = boto3.client("lookoutvision")
errors = client.exceptions
image = open(sys.argv[1], "rb").read()


def expect(exception, call, **parameters):
    try:
        call(**parameters)
    except exception as error:
        return error.response
    raise AssertionError(f"no {exception.__name__} from {call.__name__}")


control_url = os.environ.get("LOOKOUTVISION_EMULATOR_CONTROL_URL")


def wait():
    if control_url is None:
        time.sleep(0.05)
        return
    step = json.dumps({"seconds": 600}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{control_url}/clock/advance", step)).read()


def poll(call, status_of, running, done):
    for looked in range(100):
        status = status_of(call())
        if status != running:
            assert status == done, status
            assert control_url is None or looked == 1, f"{running} for {looked} steps of the clock"
            return
        wait()
    raise AssertionError(f"{running} for ever")


def line(number):
    label = "anomaly" if number % 3 == 0 else "normal"
    return json.dumps(
        {
            "source-ref": f"s3://images/{number}.jpg",
            "anomaly-label": number % 2,
            "anomaly-label-metadata": {
                "class-name": label,
                "human-annotated": "yes",
                "type": "groundtruth/image-classification",
                "creation-date": "2023-01-02T03:04:05.678",
            },
        }
    )


project = {"ProjectName": "line-7"}
created = client.create_project(**project)["ProjectMetadata"]
assert created["CreationTimestamp"].year >= 2020
expect(errors.ConflictException, client.create_project, **project)
missing = expect(errors.ResourceNotFoundException, client.describe_project, ProjectName="nobody")
assert (missing["ResourceType"], missing["ResourceId"]) == ("PROJECT", "nobody")
expect(errors.ValidationException, client.describe_dataset, **project, DatasetType="neither")
expect(errors.ServiceQuotaExceededException, client.create_project, ProjectName="one-too-many")

for dataset_type in ("train", "test"):
    dataset = {**project, "DatasetType": dataset_type}
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": "images", "Key": f"{dataset_type}.manifest"}}}
    answer = client.create_dataset(**dataset, DatasetSource=source)["DatasetMetadata"]
    assert answer["Status"] == "CREATE_IN_PROGRESS", answer
    describe = lambda: client.describe_dataset(**dataset)["DatasetDescription"]
    poll(describe, lambda answer: answer["Status"], "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert describe()["ImageStats"]["Total"] == 2, describe()
assert len(client.describe_project(**project)["ProjectDescription"]["Datasets"]) == 2

train = {**project, "DatasetType": "train"}
changes = "\n".join(line(number) for number in range(100, 130))
status = client.update_dataset_entries(**train, Changes=changes.encode())["Status"]
assert status == "UPDATE_IN_PROGRESS", status
describe = lambda: client.describe_dataset(**train)["DatasetDescription"]
poll(describe, lambda answer: answer["Status"], "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
pages = client.get_paginator("list_dataset_entries").paginate(**train, PaginationConfig={"PageSize": 7})
sources = [json.loads(entry)["source-ref"] for page in pages for entry in page["DatasetEntries"]]
assert len(sources) == len(set(sources)) == 32, sources
anomalies = client.list_dataset_entries(**train, AnomalyClass="anomaly", Labeled=True)["DatasetEntries"]
assert len(anomalies) == 11, len(anomalies)

output = {"S3Location": {"Bucket": "results", "Prefix": "k_fold_"}}
for version in ("1", "2", "3"):
    answer = client.create_model(**project, OutputConfig=output, Tags=[{"Key": "line", "Value": "7"}])
    assert answer["ModelMetadata"]["Status"] == "TRAINING", answer
    model = {**project, "ModelVersion": version}
    describe = lambda: client.describe_model(**model)["ModelDescription"]
    poll(describe, lambda answer: answer["Status"], "TRAINING", "TRAINED")
    assert describe()["Performance"]["F1Score"] == 1.0
    assert describe()["EvaluationResult"]["Key"] == f"k_fold_EvaluationResult-line-7-{version}.json"
pages = client.get_paginator("list_models").paginate(**project, PaginationConfig={"PageSize": 2})
versions = [answer["ModelVersion"] for page in pages for answer in page["Models"]]
assert versions == ["3", "2", "1"], versions

arn = describe()["ModelArn"]
client.tag_resource(ResourceArn=arn, Tags=[{"Key": "shift", "Value": "night"}])
client.untag_resource(ResourceArn=arn, TagKeys=["line", "absent"])
assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "shift", "Value": "night"}]

detect = lambda: client.detect_anomalies(**model, ContentType="image/png", Body=image)
expect(errors.ConflictException, detect)
assert client.start_model(**model, MinInferenceUnits=1)["Status"] == "STARTING_HOSTING"
poll(describe, lambda answer: answer["Status"], "STARTING_HOSTING", "HOSTED")
# The canned rules of the project: one throttling, which the SDK's retry gets over, then an anomaly.
assert detect()["DetectAnomalyResult"]["IsAnomalous"] is True

greengrass = {
    "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64", "Accelerator": "NVIDIA"},
    "CompilerOptions": '{"gpu-code": "sm_75", "trt-ver": "7.1.3", "cuda-ver": "10.2"}',
    "S3OutputLocation": {"Bucket": "results"},
    "ComponentName": "line-7",
}
for component_version in ("1.0.0", "1.0.1", "1.0.2"):
    configuration = {"Greengrass": {**greengrass, "ComponentVersion": component_version}}
    job = client.start_model_packaging_job(**model, Configuration=configuration)["JobName"]
    describe_job = lambda: client.describe_model_packaging_job(**project, JobName=job)["ModelPackagingDescription"]
    poll(describe_job, lambda answer: answer["Status"], "RUNNING", "SUCCEEDED")
pages = client.get_paginator("list_model_packaging_jobs").paginate(**project, PaginationConfig={"PageSize": 2})
assert sum(len(page["ModelPackagingJobs"]) for page in pages) == 3

expect(errors.ConflictException, client.delete_model, **model)
assert client.stop_model(**model)["Status"] == "STOPPING_HOSTING"
poll(describe, lambda answer: answer["Status"], "STOPPING_HOSTING", "TRAINED")
for version in versions:
    client.delete_model(**project, ModelVersion=version)
    expect(errors.ResourceNotFoundException, client.describe_model, **project, ModelVersion=version)
for dataset_type in ("train", "test"):
    client.delete_dataset(**project, DatasetType=dataset_type)
assert client.delete_project(**project)["ProjectArn"] == created["ProjectArn"]
pages = client.get_paginator("list_projects").paginate(PaginationConfig={"PageSize": 1})
names = [answer["ProjectName"] for page in pages for answer in page["Projects"]]
assert names == ["declared"], names
expect(errors.AccessDeniedException, client.describe_project, ProjectName="forbidden")
expect(errors.InternalServerException, client.detect_anomalies, ProjectName="declared", ModelVersion="1", ContentType="image/png", Body=image)
expect(errors.ThrottlingException, client.detect_anomalies, ProjectName="declared", ModelVersion="2", ContentType="image/png", Body=image)
print("done")
