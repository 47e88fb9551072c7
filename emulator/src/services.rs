//! The services that are played: Lookout for Vision, and as much of EC2 and STS as stands around it.
//!
//! Each owns how its calls are read and performed, what it refuses with, and the form of its answers.

pub(crate) mod ec2;
pub(crate) mod injected;
pub(crate) mod lookoutvision;
pub(crate) mod policy_names;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod sts;
pub(crate) mod vocabulary;

/// The operations and actions of all services that are played
pub(crate) fn operation_names() -> Vec<&'static str> {
    let lookoutvision = ::lookoutvision::operation::Operation::ALL.into_iter();
    let ec2 = ec2::Ec2Action::ALL.into_iter().map(ec2::Ec2Action::name);
    lookoutvision
        .map(::lookoutvision::operation::Operation::name)
        .chain(ec2)
        .chain(sts::ACTION_NAMES)
        .collect()
}
