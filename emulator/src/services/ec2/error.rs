//! What EC2 refuses, by name. Codes and sentences are in `refusal`.

use aws_identifiers::{VpcEndpointId, VpcId};
use iam_policy::PolicyError;

use crate::{services::query::parameters::ParameterFault, storage::StorageError};

/// A call that EC2 does not carry out
#[derive(Debug)]
pub(crate) enum Ec2Error {
    /// The dry run would have succeeded
    DryRunOperation,
    /// No action is named
    MissingAction,
    /// An action that EC2 does not have, or that is not played here
    InvalidAction(String),
    /// A version of the API that is not played here
    NoSuchVersion(String),
    /// Something is wrong with a parameter as such
    Parameter(ParameterFault),
    /// A value that the action does not accept, with EC2's sentence
    InvalidParameter(String),
    /// A value that the action does not accept, under EC2's other code for it
    InvalidParameterValue(String),
    /// Parameters that exclude one another
    InvalidParameterCombination(&'static str),
    /// A malformed id, with the kind of thing that it should name (`VpcId`)
    MalformedId {
        /// The code
        code: &'static str,
        /// What was found
        id: String,
    },
    /// CreateVpcEndpoint names a VPC that is not there
    VpcIdNotFound(VpcId),
    /// DescribeVpcs names a VPC that is not there
    VpcIDNotFound(VpcId),
    /// A subnet that is not there
    SubnetNotFound(String),
    /// A network interface that is not there
    NetworkInterfaceNotFound(String),
    /// A security group that is not there, by id or name
    SecurityGroupNotFound(String),
    /// A route table that is not there
    RouteTableNotFound(String),
    /// A prefix list that is not there
    PrefixListNotFound(String),
    /// An endpoint that is not there
    VpcEndpointNotFound(VpcEndpointId),
    /// Tags for something that is not there
    ResourceNotFound(String),
    /// A service that has no endpoints here
    InvalidServiceName(String),
    /// An endpoint policy that AWS would refuse
    InvalidPolicyDocument(Box<PolicyError>),
    /// Another endpoint of this VPC answers for the service's own name
    ConflictingDnsDomain {
        /// The service's own name
        dns_name: String,
        /// Where the other endpoint stands
        vpc_id: VpcId,
    },
    /// A client token that came with other parameters before
    IdempotentParameterMismatch,
    /// More endpoints than `made_vpc_endpoints_max`
    VpcEndpointLimitExceeded,
    /// More tags than a resource can have
    TagLimitExceeded,
    /// A page that does not exist
    InvalidPaginationToken,
    /// The change could not be persisted; the reason
    InternalError(String),
}

impl From<StorageError> for Ec2Error {
    fn from(error: StorageError) -> Self {
        Self::InternalError(error.to_string())
    }
}

impl From<ParameterFault> for Ec2Error {
    fn from(fault: ParameterFault) -> Self {
        Self::Parameter(fault)
    }
}
