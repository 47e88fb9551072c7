//! What a configuration results in: everything that requests are answered by, checked and complete.
//!
//! `config` makes it; every other room takes the part that it reads.

use std::{sync::Arc, time::Duration};

use aws_identifiers::{AccountId, Region};
use lookoutvision::declared::Declarations;

pub(crate) mod faults;
pub(crate) mod limits;
mod log_requests;
mod policy_files;

use self::faults::Fault;
pub(crate) use self::limits::{Limits, LimitsReached};
pub(crate) use self::log_requests::LogRequests;
pub(crate) use self::policy_files::{PolicyFiles, sha256};
use crate::{
    identity::Identities,
    network::{EmulatedName, Networks},
    s3::S3,
};

/// Everything that requests are answered by
#[derive(Debug)]
pub(crate) struct Settings {
    /// The account that owns the projects, the VPCs and the endpoints
    pub(crate) account_id: AccountId,
    /// Further names and addresses that the emulator answers for
    pub(crate) names: Vec<EmulatedName>,
    /// Who can sign, and as whom
    pub(crate) identities: Identities,
    /// Where requests come from
    pub(crate) networks: Networks,
    /// What is declared of Lookout for Vision, its projects and models among it
    pub(crate) lookoutvision: Arc<Declarations>,
    /// Where manifests are read from and evaluations are written to
    pub(crate) s3: S3,
    /// Where the emulator may be more or less strict than AWS
    pub(crate) strictness: Strictness,
    /// What goes wrong on purpose
    pub(crate) faults: Vec<Arc<Fault>>,
    /// Every bound, by name
    pub(crate) limits: Limits,
    /// Whether the coverage of the policies is counted
    pub(crate) coverage: bool,
    /// Which files policies were read from
    pub(crate) policy_files: PolicyFiles,
}

/// Named relaxations
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strictness {
    /// What happens to a request that signs `UNSIGNED-PAYLOAD` without saying so
    pub(crate) undeclared_unsigned_payload: sigv4_verify::UndeclaredUnsignedPayload,
    /// What happens to a request that declares `UNSIGNED-PAYLOAD`
    pub(crate) declared_unsigned_payload: sigv4_verify::DeclaredUnsignedPayload,
    /// What happens to a request with an `x-amz-` header that its signature does not cover
    pub(crate) unsigned_amz_headers: sigv4_verify::UnsignedAmzHeaders,
    /// Whether a signature that differs is answered with our canonical request and string to sign
    pub(crate) mismatch_detail: sigv4_verify::MismatchDetail,
    /// How far a request's date may be from the clock
    pub(crate) clock_skew: Duration,
}

impl Settings {
    /// Every Region that they name for a VPC or a project
    pub(crate) fn regions(&self) -> Vec<Region> {
        let of_vpcs = self.networks.vpcs.iter().filter_map(|vpc| vpc.region.clone());
        let projects = self.lookoutvision.projects.iter();
        let of_projects = projects.filter_map(|project| project.region.clone());
        of_vpcs.chain(of_projects).collect()
    }
}
