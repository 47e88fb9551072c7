//! AWS's Regions whose services have names below `amazonaws.com` and `api.aws`.
//!
//! The emulator plays every Region, even those in which the service never was. This list is not a check: it says for
//! which Regions there are certificates even if no configuration names them.

/// The Regions of the partitions `aws` and `aws-us-gov`
///
/// Source: botocore 1.43.11, `botocore/data/partitions.json`: of all partitions these two have the `dnsSuffix`
/// `amazonaws.com` and the `dualStackDnsSuffix` `api.aws`.
pub(crate) const AWS_REGIONS: [&str; 36] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];
