"""Datasets from moto's S3 and evaluations to it, through boto3: both ends of what the emulator does with S3.

    s3.py prepare MOTO_URL                        makes user, key, buckets and objects; prints the key and its secret
    s3.py walk MOTO_URL KEY SECRET                the emulator has the key and its secret
    s3.py refused MOTO_URL KEY SECRET             the emulator has the key and another secret
    s3.py answers MOTO_URL KEY SECRET             models of the emulator's project answer from their datasets

moto is started with a number of calls for which it asks for no signature: those that make the user. From then on it
checks every signature and the user's policy, so whatever the emulator reads or writes here was signed as AWS has it.
"""

import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-west-2"
LINES = [
    json.dumps(
        {
            "source-ref": f"s3://images/{name}.jpg",
            "auto-label": 11,
            "auto-label-metadata": {
                "class-name": name,
                "human-annotated": "yes",
                "type": "groundtruth/image-classification",
            },
        }
    )
    for name in ("normal", "anomaly")
]
# Every character that the API model lets a key have and that is not itself in a signed path.
ODD_KEY = "a//!(1)*'_.-/train.manifest"


def client(service, url, key, secret):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def prepare(url):
    iam = client("iam", url, "anybody", "anything")
    # Three calls, and no more without a signature: INITIAL_NO_AUTH_ACTION_COUNT of the program that starts moto.
    iam.create_user(UserName="emulator")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    iam.put_user_policy(
        UserName="emulator",
        PolicyName="s3",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    made = iam.create_access_key(UserName="emulator")["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    s3 = client("s3", url, key, secret)
    for bucket in ("images", "results"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name in ("normal", "anomaly"):
        s3.put_object(Bucket="images", Key=f"{name}.jpg", Body=b"the emulator does not look at it")
    s3.put_object(Bucket="images", Key="train.manifest", Body="\n".join(LINES).encode())
    try:
        client("s3", url, key, "anything").list_buckets()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "SignatureDoesNotMatch", error
    else:
        raise AssertionError("moto checks no signature, and so this test none of ours")
    print(key, secret)


def settled(describe, in_progress):
    """Asks until it is in progress no longer: S3 is asked after the call was answered."""
    deadline = time.monotonic() + 60
    while (described := describe())["Status"] == in_progress:
        assert time.monotonic() < deadline, described
        time.sleep(0.05)
    return described


def create_dataset(lookout, dataset_type, bucket, key, version_id=None):
    """Makes a dataset from a manifest, and describes it."""
    s3_object = {"Bucket": bucket, "Key": key}
    if version_id:
        s3_object["VersionId"] = version_id
    made = lookout.create_dataset(
        ProjectName="line",
        DatasetType=dataset_type,
        DatasetSource={"GroundTruthManifest": {"S3Object": s3_object}},
    )
    assert made["DatasetMetadata"]["Status"] == "CREATE_IN_PROGRESS", made
    describe = lambda: lookout.describe_dataset(ProjectName="line", DatasetType=dataset_type)["DatasetDescription"]
    return settled(describe, "CREATE_IN_PROGRESS")


def entries(lookout, dataset_type):
    return lookout.list_dataset_entries(ProjectName="line", DatasetType=dataset_type)["DatasetEntries"]


def train(lookout, bucket, prefix):
    """Trains a model, and describes it."""
    location = {"Bucket": bucket, "Prefix": prefix}
    made = lookout.create_model(ProjectName="line", OutputConfig={"S3Location": location})
    version = made["ModelMetadata"]["ModelVersion"]
    describe = lambda: lookout.describe_model(ProjectName="line", ModelVersion=version)["ModelDescription"]
    return settled(describe, "TRAINING")


def check_failed(described, status, message):
    assert (described["Status"], described["StatusMessage"]) == (status, message), described


def walk(s3):
    lookout = boto3.client("lookoutvision")
    lookout.create_project(ProjectName="line")

    dataset = create_dataset(lookout, "train", "images", "train.manifest")
    assert dataset["Status"] == "CREATE_COMPLETE", dataset
    assert dataset["ImageStats"] == {"Total": 2, "Labeled": 2, "Normal": 1, "Anomaly": 1}, dataset
    assert entries(lookout, "train") == LINES

    for bucket, key, code in (
        ("images", "another.manifest", "404 NoSuchKey"),
        ("another-bucket", "train.manifest", "404 NoSuchBucket"),
    ):
        check_failed(
            create_dataset(lookout, "test", bucket, key),
            "CREATE_FAILED",
            f"The manifest s3://{bucket}/{key} could not be used: the server refused: {code}",
        )
        assert entries(lookout, "test") == []
        lookout.delete_dataset(ProjectName="line", DatasetType="test")

    # The first of two versions, under a key that is hard to sign.
    s3.put_bucket_versioning(Bucket="images", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="images", Key=ODD_KEY, Body=LINES[1].encode())["VersionId"]
    s3.put_object(Bucket="images", Key=ODD_KEY, Body=LINES[0].encode())
    for version_id, line in ((first, LINES[1]), (None, LINES[0])):
        dataset = create_dataset(lookout, "test", "images", ODD_KEY, version_id)
        assert dataset["Status"] == "CREATE_COMPLETE", dataset
        assert entries(lookout, "test") == [line]
        lookout.delete_dataset(ProjectName="line", DatasetType="test")

    check_evaluation(s3, train(lookout, "results", "a/k_fold!'(1)*_"), "a/k_fold!'(1)*_")
    check_evaluation(s3, train(lookout, "results", ""), "")
    check_failed(
        train(lookout, "another-bucket", "k_fold_"),
        "TRAINING_FAILED",
        "The evaluation could not be written to s3://another-bucket/k_fold_EvaluationManifest-line-3.json: "
        "the server refused: 404 NoSuchBucket",
    )
    # What is in the bucket is what was said to be there, and nothing else.
    listed = s3.list_objects_v2(Bucket="results")["Contents"]
    assert len(listed) == 4, listed


def check_evaluation(s3, model, prefix):
    assert (model["Status"], model["StatusMessage"]) == ("TRAINED", "Training completed successfully."), model
    version = model["ModelVersion"]
    places = {}
    for what in ("EvaluationResult", "EvaluationManifest"):
        place = {"Bucket": "results", "Key": f"{prefix}{what}-line-{version}.json"}
        assert model[what] == place, model
        places[what] = s3.get_object(**place)["Body"].read().decode()
    result = json.loads(places["EvaluationResult"])
    details = result["EvaluationDetails"]
    assert details["ModelArn"] == model["ModelArn"], result
    ended = datetime.strptime(details["EvaluationEndTimestamp"], "%Y-%m-%dT%H:%M:%S.%f")
    assert abs((datetime.now(timezone.utc).replace(tzinfo=None) - ended).total_seconds()) < 300, result
    assert (details["NumberOfTrainingImages"], details["NumberOfTestingImages"]) == (1, 1), result
    metrics = result["AggregatedEvaluationResults"]["Metrics"]
    performance = {name: metrics[name] for name in ("F1Score", "Recall", "Precision")}
    assert performance == model["Performance"], (result, model)
    # One line for each image that the model was tested with, the first of the two: what it was labelled and found to be.
    (line,) = [json.loads(line) for line in places["EvaluationManifest"].splitlines()]
    assert line["source-ref"] == "s3://images/normal.jpg", line
    assert line["auto-label"] == line["auto-label-detected"] == 0, line
    assert line["auto-label-metadata"]["class-name"] == "normal", line
    detected = line["auto-label-detected-metadata"]
    assert (detected["class-name"], detected["model-version"]) == ("normal", version), line


def refused():
    lookout = boto3.client("lookoutvision")
    lookout.create_project(ProjectName="line")
    check_failed(
        create_dataset(lookout, "train", "images", "train.manifest"),
        "CREATE_FAILED",
        "The manifest s3://images/train.manifest could not be used: the server refused: 403 SignatureDoesNotMatch",
    )
    lookout.delete_dataset(ProjectName="line", DatasetType="train")
    lookout.create_dataset(ProjectName="line", DatasetType="train")
    check_failed(
        train(lookout, "results", "k_fold_"),
        "TRAINING_FAILED",
        "The evaluation could not be written to s3://results/k_fold_EvaluationManifest-line-1.json: "
        "the server refused: 403 SignatureDoesNotMatch",
    )


def answers(s3):
    images = Path(__file__).parents[2] / "emulator/tests/fixtures/images"
    parts = {"good.jpg": "normal-1.jpg", "bad.jpg": "anomaly-1.jpg", "bad-mask.png": "mask-anomaly-1.png"}
    bytes_of = {key: (images / name).read_bytes() for key, name in parts.items()}
    for key, body in bytes_of.items():
        s3.put_object(Bucket="images", Key=key, Body=body)
    label = lambda name: json.loads(LINES[0])["auto-label-metadata"] | {"class-name": name}
    cracked = {"class-name": "cracked", "hex-color": "#2ca02c"}
    mask = {
        "internal-color-map": {"0": {"class-name": "background", "hex-color": "#ffffff"}, "1": cracked},
        "type": "groundtruth/semantic-segmentation",
        "human-annotated": "yes",
    }
    line = lambda key, name: {
        "source-ref": f"s3://images/{key}",
        "auto-label": 1,
        "auto-label-metadata": label(name),
    }
    masked = {"mask-ref": "s3://images/bad-mask.png", "mask-ref-metadata": mask}
    lines = [line("good.jpg", "normal"), line("bad.jpg", "anomaly") | masked]
    manifest = "\n".join(json.dumps(line) for line in lines)
    s3.put_object(Bucket="images", Key="parts.manifest", Body=manifest.encode())

    lookout = boto3.client("lookoutvision")
    lookout.create_project(ProjectName="line")
    dataset = create_dataset(lookout, "train", "images", "parts.manifest")
    assert dataset["Status"] == "CREATE_COMPLETE", dataset
    model = train(lookout, "results", "")
    assert model["Status"] == "TRAINED", model
    lookout.start_model(ProjectName="line", ModelVersion="1", MinInferenceUnits=1)

    def detect(key):
        answer = lookout.detect_anomalies(
            ProjectName="line", ModelVersion="1", ContentType="image/jpeg", Body=bytes_of[key]
        )
        return answer["DetectAnomalyResult"]

    bad = detect("bad.jpg")
    assert bad["IsAnomalous"] is True, bad
    names = [anomaly["Name"] for anomaly in bad["Anomalies"]]
    assert names == ["background", "cracked"], bad
    assert bad["AnomalyMask"].startswith(b"\x89PNG"), bad
    good = detect("good.jpg")
    assert good["IsAnomalous"] is False, good


def main():
    what, url, *credentials = sys.argv[1:]
    if what == "prepare":
        prepare(url)
    elif what == "walk":
        walk(client("s3", url, *credentials))
        print("done")
    elif what == "refused":
        refused()
        print("done")
    elif what == "answers":
        answers(client("s3", url, *credentials))
        print("done")
    else:
        raise SystemExit(f"`{what}` is none of prepare, walk, refused, answers")


if __name__ == "__main__":
    main()
