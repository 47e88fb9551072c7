"""Makes an interface endpoint with AWS's own tools, calls DetectAnomalies through each of its names, changes its policy
and deletes it. Run as `endpoints.py boto3|cli|terraform|least-privilege IMAGE POLICY`; an exit code of 0 says that all was as on AWS.
`before-a-restart` and `after-a-restart` are two walks, with a last argument: the file that one leaves to the other.

Credentials, Region, trust and the proxy that leads the real host names to the emulator come from the AWS_... and
HTTPS_PROXY variables alone, as in any program.
"""

import json
import subprocess
import sys
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SERVICE = "com.amazonaws.us-west-2.lookoutvision"
VPC = "vpc-0a1b2c3d4e5f67890"
ROLE = "arn:aws:iam::123456789012:role/factory/inspector"
ONE_MODEL = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
        }
    ],
}


def main():
    tool, image_path, policy_path, *kept = sys.argv[1:]
    with open(image_path, "rb") as image:
        body = image.read()
    walks = {
        "boto3": with_boto3,
        "cli": with_the_cli,
        "terraform": as_terraform_does,
        "least-privilege": with_least_privilege,
        "before-a-restart": before_a_restart,
        "after-a-restart": after_a_restart,
    }
    walks[tool](body, image_path, policy_path, *kept)


def with_boto3(body, _, policy_path):
    ec2 = boto3.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    with open(policy_path) as policy:
        made = ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=VPC,
            ServiceName=SERVICE,
            SubnetIds=subnets[:2],
            PolicyDocument=policy.read(),
        )["VpcEndpoint"]
    same(made["State"], "pending")
    ids = [made["VpcEndpointId"]]
    for page in ec2.get_paginator("describe_vpc_endpoints").paginate(VpcEndpointIds=ids):
        same([endpoint["State"] for endpoint in page["VpcEndpoints"]], ["available"])
    # botocore has no waiter for endpoints; it has these for what is around them.
    ec2.get_waiter("vpc_available").wait(VpcIds=[VPC])
    ec2.get_waiter("subnet_available").wait(SubnetIds=subnets)
    interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])
    same(sorted(each["SubnetId"] for each in interfaces["NetworkInterfaces"]), sorted(subnets[:2]))

    names = [entry["DnsName"] for entry in made["DnsEntries"]]
    same(len(names), 4)
    same(names[3], "lookoutvision.us-west-2.amazonaws.com")
    for name in names:
        same(detect(name, "myModel", body), "allowed")
        same(detect(name, "1", body), "AccessDeniedException")
    same(ec2.modify_vpc_endpoint(VpcEndpointId=ids[0], ResetPolicy=True)["Return"], True)
    for name in names:
        same(detect(name, "1", body), "allowed")

    # A session that is narrowed to one model.
    sts = boto3.client("sts")
    same(sts.get_caller_identity()["Arn"], "arn:aws:iam::123456789012:user/alice")
    session = sts.assume_role(
        RoleArn=ROLE,
        RoleSessionName="line-7",
        Policy=json.dumps(ONE_MODEL),
        Tags=[{"Key": "line", "Value": "7"}],
    )
    same(session["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/inspector/line-7")
    same(detect(names[3], "1", body, session["Credentials"]), "allowed")
    same(detect(names[3], "myModel", body, session["Credentials"]), "AccessDeniedException")

    same(ec2.delete_vpc_endpoints(VpcEndpointIds=ids)["Unsuccessful"], [])
    same(detect(names[0], "1", body), "MisdirectedRequestException")
    refused(lambda: ec2.run_instances(MinCount=1, MaxCount=1), "InvalidAction")
    refused(lambda: ec2.describe_vpcs(DryRun=True), "DryRunOperation")


def with_the_cli(_, image_path, policy_path):
    made = aws(
        *("ec2", "create-vpc-endpoint", "--vpc-endpoint-type", "Interface", "--vpc-id", VPC),
        *("--service-name", SERVICE, "--policy-document", f"file://{policy_path}"),
        *("--tag-specifications", "ResourceType=vpc-endpoint,Tags=[{Key=team,Value=vision}]"),
    )["VpcEndpoint"]
    endpoint_id, name = made["VpcEndpointId"], made["DnsEntries"][0]["DnsName"]
    call = ["lookoutvision", "detect-anomalies", "--project-name", "myProject", "--content-type", "image/jpeg"]
    call += ["--body", image_path, "--endpoint-url", f"https://{name}", "--model-version"]
    same("DetectAnomalyResult" in aws(*call, "myModel"), True)
    same("AccessDeniedException" in aws_fails(*call, "1"), True)
    aws("ec2", "modify-vpc-endpoint", "--vpc-endpoint-id", endpoint_id, "--reset-policy")
    same("DetectAnomalyResult" in aws(*call, "1"), True)
    found = aws("ec2", "describe-vpc-endpoints", "--filters", "Name=tag:team,Values=vision")["VpcEndpoints"]
    same([(each["VpcEndpointId"], each["State"]) for each in found], [(endpoint_id, "available")])
    session = aws("sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "line-7")
    same(session["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/inspector/line-7")
    aws("ec2", "delete-vpc-endpoints", "--vpc-endpoint-ids", endpoint_id)
    same("MisdirectedRequestException" in aws_fails(*call, "1"), True)
    denied = aws_fails("ec2", "describe-instances")
    same("(InvalidAction)" in denied, True)


def as_terraform_does(_, __, policy_path):
    """The calls of the AWS provider's `aws_vpc_endpoint` (internal/service/ec2/vpc_endpoint.go), in its order."""
    ec2, sts = boto3.client("ec2"), boto3.client("sts")
    sts.get_caller_identity()
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]

    # Create.
    with open(policy_path) as policy:
        made = ec2.create_vpc_endpoint(
            ClientToken=str(uuid.uuid4()),
            PrivateDnsEnabled=True,
            TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "Name", "Value": "vision"}]}],
            VpcEndpointType="Interface",
            VpcId=VPC,
            IpAddressType="ipv4",
            PolicyDocument=json.dumps(json.load(policy)),
            SecurityGroupIds=["sg-0a1b2c3d4e5f67890"],
            ServiceName=SERVICE,
            SubnetIds=subnets[:1],
        )["VpcEndpoint"]
    endpoint_id = made["VpcEndpointId"]

    def read():
        endpoint = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]
        same(endpoint["State"], "available")
        lists = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [SERVICE]}])
        same(lists["PrefixLists"], [])
        for interface_id in endpoint["NetworkInterfaceIds"]:
            found = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])
            same(len(found["NetworkInterfaces"]), 1)
        return endpoint

    endpoint = read()
    for written in ("DnsEntries", "Groups", "NetworkInterfaceIds", "OwnerId", "SubnetIds", "Tags", "PolicyDocument"):
        same(endpoint[written], made[written])
    same([group["GroupId"] for group in endpoint["Groups"]], ["sg-0a1b2c3d4e5f67890"])

    # Update in place: the policy, the subnets, the groups, the tags.
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint_id,
        AddSubnetIds=subnets[1:],
        RemoveSubnetIds=subnets[:1],
        AddSecurityGroupIds=["sg-1a1b2c3d4e5f67890"],
        RemoveSecurityGroupIds=["sg-0a1b2c3d4e5f67890"],
        ResetPolicy=True,
    )
    ec2.create_tags(Resources=[endpoint_id], Tags=[{"Key": "team", "Value": "vision"}])
    ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": "Name", "Value": "vision"}])
    endpoint = read()
    same(sorted(endpoint["SubnetIds"]), sorted(subnets[1:]))
    same([group["GroupId"] for group in endpoint["Groups"]], ["sg-1a1b2c3d4e5f67890"])
    same(endpoint["Tags"], [{"Key": "team", "Value": "vision"}])

    # Delete, and wait until it is gone.
    same(ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"], [])
    again = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"]
    same([item["Error"]["Code"] for item in again], ["InvalidVpcEndpoint.NotFound"])
    same(wait_until_deleted(ec2, endpoint_id), "InvalidVpcEndpointId.NotFound")


def with_least_privilege(*_):
    """A maker of endpoints under a policy of AWS's own kind: each resource of a call is asked about."""
    maker = boto3.client(
        "ec2",
        aws_access_key_id="AKIAI44QH8DHBEXAMPLE",
        aws_secret_access_key="je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    )
    subnets = [subnet["SubnetId"] for subnet in maker.describe_subnets()["Subnets"]]
    arn = "arn:aws:ec2:us-west-2:123456789012:vpc-endpoint/"

    def create(**more):
        asked = {"VpcEndpointType": "Interface", "VpcId": VPC, "ServiceName": SERVICE, "SubnetIds": subnets[:1]}
        return maker.create_vpc_endpoint(**{**asked, "SecurityGroupIds": ["sg-0a1b2c3d4e5f67890"], **more})

    def tagged(team):
        tags = [{"Key": "team", "Value": team}]
        return {"TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": tags}]}

    unauthorized(lambda: create(**tagged("audit")), "ec2:CreateTags", arn + "*")
    # A service of somebody else is not Amazon's.
    foreign = "com.amazonaws.vpce.us-west-2.vpce-svc-0a1b2c3d4e5f67890"
    unauthorized(lambda: create(ServiceName=foreign), "ec2:CreateVpcEndpoint", arn + "*")
    refused(lambda: create(DryRun=True, **tagged("vision")), "DryRunOperation")
    made = create(**tagged("vision"))["VpcEndpoint"]["VpcEndpointId"]
    tags = [{"Key": "team", "Value": "vision"}]
    unauthorized(lambda: maker.create_tags(Resources=[made], Tags=tags), "ec2:CreateTags", arn + made)
    # What the endpoint has is allowed, what is added to it is not.
    same(maker.modify_vpc_endpoint(VpcEndpointId=made, ResetPolicy=True)["Return"], True)
    unauthorized(
        lambda: maker.modify_vpc_endpoint(VpcEndpointId=made, AddSubnetIds=subnets[1:2]),
        "ec2:ModifyVpcEndpoint",
        f"arn:aws:ec2:us-west-2:123456789012:subnet/{subnets[1]}",
    )
    owner = boto3.client("ec2")
    other = owner.create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=VPC, ServiceName=SERVICE, PrivateDnsEnabled=False
    )["VpcEndpoint"]["VpcEndpointId"]
    # One of two that must not be deleted: neither is.
    unauthorized(
        lambda: maker.delete_vpc_endpoints(VpcEndpointIds=[made, other]), "ec2:DeleteVpcEndpoints", arn + other
    )
    same(sorted(each["VpcEndpointId"] for each in described(owner)), sorted([made, other]))
    same(maker.delete_vpc_endpoints(VpcEndpointIds=[made])["Unsuccessful"], [])
    attribute = maker.describe_vpc_attribute(VpcId=VPC, Attribute="enableDnsSupport")
    same(attribute["EnableDnsSupport"], {"Value": True})


def unauthorized(call, action, resource):
    """Both sentence forms of EC2: who, what, on which resource and why, and then the encoded message"""
    try:
        call()
    except ClientError as error:
        same(error.response["Error"]["Code"], "UnauthorizedOperation")
        message = error.response["Error"]["Message"]
        said = f"is not authorized to perform: {action} on resource: {resource} because no identity-based policy"
        same(said in message and ". Encoded authorization failure message: " in message, True)
    else:
        raise AssertionError(f"{action} on {resource} was not refused")


def before_a_restart(_, __, policy_path, kept_path):
    ec2, sts = boto3.client("ec2"), boto3.client("sts")
    made = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=VPC,
        ServiceName=SERVICE,
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "team", "Value": "vision"}]}],
    )["VpcEndpoint"]
    with open(policy_path) as policy:
        ec2.modify_vpc_endpoint(VpcEndpointId=made["VpcEndpointId"], PolicyDocument=policy.read())
    credentials = sts.assume_role(RoleArn=ROLE, RoleSessionName="line-7")["Credentials"]
    with open(kept_path, "w") as kept:
        # The moments in it are compared as texts.
        json.dump([described(ec2), credentials], kept, default=str)


def after_a_restart(body, _, __, kept_path):
    with open(kept_path) as kept:
        endpoints, credentials = json.load(kept)
    found = json.loads(json.dumps(described(boto3.client("ec2")), default=str))
    same(found, endpoints)
    same(found[0]["Tags"], [{"Key": "team", "Value": "vision"}])
    for name in (entry["DnsName"] for entry in found[0]["DnsEntries"]):
        same(detect(name, "myModel", body, credentials), "allowed")
        same(detect(name, "1", body, credentials), "AccessDeniedException")


def described(ec2):
    return ec2.describe_vpc_endpoints()["VpcEndpoints"]


def wait_until_deleted(ec2, endpoint_id):
    while True:
        try:
            endpoint = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]
        except ClientError as error:
            return error.response["Error"]["Code"]
        same(endpoint["State"], "deleting")
        # As a waiter does; the emulator shows the endpoint for one second.
        time.sleep(0.25)


def detect(host, model_version, body, credentials=None):
    """`allowed`, or the name of the refusal"""
    keys = {}
    if credentials:
        keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client("lookoutvision", endpoint_url=f"https://{host}", config=once, **keys)
    try:
        client.detect_anomalies(
            ProjectName="myProject", ModelVersion=model_version, ContentType="image/jpeg", Body=body
        )
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


def refused(call, code):
    try:
        call()
    except ClientError as error:
        same(error.response["Error"]["Code"], code)
    else:
        raise AssertionError(f"it was not refused with {code}")


def aws(*arguments):
    done = run_aws(arguments)
    if done.returncode != 0:
        raise AssertionError(f"aws {' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout or "{}")


def aws_fails(*arguments):
    done = run_aws(arguments)
    if done.returncode == 0:
        raise AssertionError(f"aws {' '.join(arguments)} succeeded: {done.stdout}")
    return done.stderr


def run_aws(arguments):
    command = [sys.executable, "-m", "awscli", "--output", "json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def same(found, expected):
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


if __name__ == "__main__":
    main()
