//! VPCs and endpoints: which entry points there are, and that no request could come through two.

use std::{path::Path, sync::Arc};

use aws_identifiers::Region;
use iam_policy::{PolicyDocument, PolicyType};

use super::{
    super::{
        Problem,
        file::{self, List, PolicySource},
        problems::{Place, Report},
    },
    Unique, each,
    policies::Policies,
};
use crate::network::{PrivateDns, Vpc, VpcEndpoint};

/// The sections about networks, as they are written
pub(super) struct Written<'a> {
    pub(super) vpcs: Option<List<file::Vpc>>,
    pub(super) vpc_endpoints: Option<List<file::VpcEndpoint>>,
    pub(super) endpoint_policy: Option<PolicySource>,
    pub(super) option_policy: Option<&'a Path>,
}

/// The declared networks and endpoints; each of the two sections has its own default
pub(super) fn validate(
    written: Written<'_>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Option<(Vec<Vpc>, Vec<VpcEndpoint>)> {
    let root = Place::root();
    let (vpcs_place, endpoints_place) = (root.child("vpcs"), root.child("vpc_endpoints"));
    let are_vpcs_declared = written.vpcs.is_some();
    let vpcs = match written.vpcs {
        Some(list) => declared_vpcs(list, &vpcs_place, report),
        None => report.is_sound(&vpcs_place).then(|| vec![default_vpc()]),
    };
    let policy_place = root.child("endpoint_policy");
    let are_endpoints_declared = written.vpc_endpoints.is_some();
    if are_endpoints_declared && report.is_said(&policy_place) {
        let message = "this is the default endpoint's policy, and `vpc_endpoints` takes the default endpoint's \
                       place; give the policy there, as `policy_document`";
        report.problem(&policy_place, message);
    }
    let endpoint_policy = match written.endpoint_policy {
        Some(policy) => policies.policy(Some(policy), &policy_place, PolicyType::VpcEndpoint),
        None => Some(PolicyDocument::full_access()),
    };
    let option_document = written
        .option_policy
        .map(|named| policies.of_option(named, PolicyType::VpcEndpoint));
    let endpoints = match written.vpc_endpoints {
        Some(list) => declared_endpoints(list, &endpoints_place, vpcs.as_deref(), policies, report),
        None if !report.is_sound(&endpoints_place) => None,
        None => {
            if are_vpcs_declared && let Some(vpcs) = &vpcs {
                check_default_vpc(vpcs, &vpcs_place, report);
            }
            endpoint_policy.map(|policy| vec![default_endpoint(policy)])
        }
    };
    let (vpcs, mut endpoints) = (vpcs?, endpoints?);
    // Checked after the endpoints, whose VPC is known whether or not its network overlaps another.
    if are_vpcs_declared {
        check_overlaps(&vpcs, &vpcs_place, report);
    }
    if are_endpoints_declared && report.is_sound(&vpcs_place) {
        check_entry_points(&vpcs, &endpoints, &endpoints_place, report);
    }
    if let Some(document) = option_document {
        let mut declared = endpoints.iter_mut();
        let Some(endpoint) = declared.find(|endpoint| endpoint.vpc_endpoint_id.as_str() == DEFAULT_ENDPOINT)
        else {
            let message = format!(
                "endpoint-policy: the policy is for the default endpoint `{DEFAULT_ENDPOINT}`, which is not among the `vpc_endpoints` of \
                 the configuration file; give the policy there, as `policy_document`"
            );
            report.add(Problem::of_process(message));
            return None;
        };
        endpoint.policy_document = Arc::new(document?);
    }
    Some((vpcs, endpoints))
}

fn declared_vpcs(written: List<file::Vpc>, place: &Place, report: &Report<'_>) -> Option<Vec<Vpc>> {
    let mut ids = Unique::new("VPC");
    each(written, place, report, |place, written| {
        let vpc_id = written.vpc_id?.0;
        ids.check(vpc_id.clone(), place.child("vpc_id"), report);
        Some(Vpc {
            vpc_id,
            region: written.region.map(|region| region.0),
            cidr_block: written.cidr_block.map(|cidr_block| cidr_block.0),
        })
    })
}

/// Reports overlapping networks. AWS lets the networks of VPCs overlap, because a packet knows its VPC; here only the
/// address tells the VPC.
fn check_overlaps(vpcs: &[Vpc], place: &Place, report: &Report<'_>) {
    for (index, vpc) in vpcs.iter().enumerate() {
        let Some(network) = vpc.cidr_block else {
            continue;
        };
        let overlapping = vpcs[..index].iter().position(|other| {
            in_one_region(vpc.region.as_ref(), other.region.as_ref())
                && other
                    .cidr_block
                    .is_some_and(|other| network.contains(&other) || other.contains(&network))
        });
        if let Some(other) = overlapping {
            let message = format!(
                "the network `{network}` overlaps that of VPC `{}`; {}",
                vpcs[other].vpc_id,
                report.first_at(&place.child(other).child("cidr_block"))
            );
            report.problem(&place.child(index).child("cidr_block"), message);
        }
    }
}

fn declared_endpoints(
    written: List<file::VpcEndpoint>,
    place: &Place,
    vpcs: Option<&[Vpc]>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Option<Vec<VpcEndpoint>> {
    let mut ids = Unique::new("VPC endpoint");
    each(written, place, report, |place, written| {
        let vpc_endpoint_id = written.vpc_endpoint_id.map(|id| id.0);
        if let Some(id) = &vpc_endpoint_id {
            ids.check(id.clone(), place.child("vpc_endpoint_id"), report);
        }
        let vpc_id = written.vpc_id.map(|id| id.0);
        if let (Some(id), Some(vpcs)) = (&vpc_id, vpcs)
            && !vpcs.iter().any(|vpc| vpc.vpc_id == *id)
        {
            let message = format!("no VPC `{id}` is declared in `vpcs`");
            report.problem(&place.child("vpc_id"), message);
        }
        let policy_document = match written.policy_document {
            Some(policy) => {
                let place = place.child("policy_document");
                policies.policy(Some(policy), &place, PolicyType::VpcEndpoint)
            }
            None => Some(PolicyDocument::full_access()),
        };
        Some(VpcEndpoint {
            vpc_endpoint_id: vpc_endpoint_id?,
            vpc_id: vpc_id?,
            // EC2 API reference, `CreateVpcEndpoint`, PrivateDnsEnabled: the default is true.
            private_dns: match written.private_dns_enabled {
                None | Some(true) => PrivateDns::Enabled,
                Some(false) => PrivateDns::Disabled,
            },
            policy_document: Arc::new(policy_document?),
        })
    })
}

fn check_default_vpc(vpcs: &[Vpc], place: &Place, report: &Report<'_>) {
    if !vpcs.iter().any(|vpc| vpc.vpc_id.as_str() == DEFAULT_VPC) {
        let message = format!(
            "without `vpc_endpoints` there is the default endpoint, which stands in `{DEFAULT_VPC}`, and that is not among \
             these VPCs; declare the endpoints too (`vpc_endpoints: []` for none)"
        );
        report.problem(place, message);
    }
}

fn default_endpoint(policy: PolicyDocument) -> VpcEndpoint {
    VpcEndpoint {
        vpc_endpoint_id: DEFAULT_ENDPOINT
            .parse()
            .expect("the default endpoint's id is well-formed"),
        vpc_id: DEFAULT_VPC.parse().expect("the default VPC's id is well-formed"),
        private_dns: PrivateDns::Enabled,
        policy_document: Arc::new(policy),
    }
}

/// Reports two endpoints with private DNS to which the service's own name would lead from one address: in one VPC,
/// which AWS refuses as well, or in two VPCs that hold every address
fn check_entry_points(vpcs: &[Vpc], endpoints: &[VpcEndpoint], place: &Place, report: &Report<'_>) {
    let vpc_of = |endpoint: &VpcEndpoint| {
        let vpc = vpcs.iter().find(|vpc| vpc.vpc_id == endpoint.vpc_id);
        vpc.filter(|_| endpoint.private_dns == PrivateDns::Enabled)
    };
    for (index, endpoint) in endpoints.iter().enumerate() {
        let Some(vpc) = vpc_of(endpoint) else { continue };
        let conflict = |(first, other): (usize, &VpcEndpoint)| {
            let other_vpc = vpc_of(other)?;
            let conflict = if vpc.vpc_id == other_vpc.vpc_id {
                // The end is EC2's own sentence, as public issue reports quote it.
                format!(
                    "VPC `{}` has the endpoint `{}` with private DNS already: private-dns-enabled cannot be set because \
                     there is already a conflicting DNS domain",
                    vpc.vpc_id, other.vpc_endpoint_id
                )
            } else if vpc.cidr_block.is_none()
                && other_vpc.cidr_block.is_none()
                && in_one_region(vpc.region.as_ref(), other_vpc.region.as_ref())
            {
                format!(
                    "neither VPC `{}` nor VPC `{}` has a `cidr_block`, so both hold every address, and both have an \
                     endpoint with private DNS: nothing tells which one a request came through",
                    vpc.vpc_id, other_vpc.vpc_id
                )
            } else {
                return None;
            };
            Some(format!("{conflict}; {}", report.first_at(&place.child(first))))
        };
        if let Some(message) = endpoints[..index].iter().enumerate().find_map(conflict) {
            report.problem(&place.child(index), message);
        }
    }
}

fn in_one_region(one: Option<&Region>, other: Option<&Region>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// The VPC that is there by default: in every Region, around every address
fn default_vpc() -> Vpc {
    Vpc {
        vpc_id: DEFAULT_VPC.parse().expect("the default VPC's id is well-formed"),
        region: None,
        cidr_block: None,
    }
}

const DEFAULT_VPC: &str = "vpc-00000000000000000";
const DEFAULT_ENDPOINT: &str = "vpce-00000000000000000";
