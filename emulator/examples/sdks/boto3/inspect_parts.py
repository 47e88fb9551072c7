"""inspect_parts.py IMAGE...: says of each image whether it shows a flaw.

    lookoutvision-emulator exec -- python3 emulator/examples/sdks/boto3/inspect_parts.py \
        emulator/tests/fixtures/images/normal-1.jpg

Credentials, Region, endpoint and trust come from the environment; nothing here knows whether AWS answers or the emulator.
"""

import pathlib
import sys

import boto3


def has_flaw(client, image, content_type):
    answer = client.detect_anomalies(
        ProjectName="myProject", ModelVersion="1", ContentType=content_type, Body=image
    )
    return answer["DetectAnomalyResult"]["IsAnomalous"]


def main(paths):
    client = boto3.client("lookoutvision")
    for path in paths:
        content_type = "image/png" if path.endswith(".png") else "image/jpeg"
        flawed = has_flaw(client, pathlib.Path(path).read_bytes(), content_type)
        print(f"{path}: {'flawed' if flawed else 'good'}")


if __name__ == "__main__":
    main(sys.argv[1:])
