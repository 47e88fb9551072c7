//! The services that are played: Lookout for Vision, and as much of EC2 and STS as stands around it.
//!
//! Each owns how its calls are read and performed, what it refuses with, and the form of its answers.

use std::sync::LazyLock;

use crate::network::host_name::EmulatedService;

pub(crate) mod ec2;
pub(crate) mod injected;
pub(crate) mod lookoutvision;
pub(crate) mod policy_names;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod sts;
pub(crate) mod vocabulary;

/// The actions of a service whose calls name their action in the body
pub(crate) fn query_actions(service: EmulatedService) -> &'static [&'static str] {
    static EC2: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        ec2::Ec2Action::ALL
            .into_iter()
            .map(ec2::Ec2Action::name)
            .collect()
    });
    match service {
        EmulatedService::LookoutVision => &[],
        EmulatedService::Ec2 => &EC2,
        EmulatedService::Sts => &sts::ACTION_NAMES,
    }
}

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
