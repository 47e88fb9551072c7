//! VPCs and endpoints: which entry point there is, and that no request could come through two.

use std::{path::Path, sync::Arc};

use aws_identifiers::{Region, VpcEndpointId, VpcId};
use iam_policy::{PolicyDocument, PolicyType};
use ipnet::IpNet;

use super::{
    super::{
        Problem,
        file::{self, PolicySource},
        problems::{Place, Report, Reported},
        read::{List, Located},
    },
    Unique, all,
    policies::Policies,
};
use crate::network::PrivateDns;
use crate::network::Vpc;
use crate::network::VpcEndpoint;

/// What is said about networks
pub(super) struct WrittenNetworks<'a> {
    pub(super) vpcs: Option<List<file::Vpc>>,
    pub(super) vpc_endpoints: Option<List<file::VpcEndpoint>>,
    pub(super) endpoint_policy: Option<Located<PolicySource>>,
    pub(super) option_policy: Option<&'a Path>,
}

/// The declared networks and endpoints; each of the two sections has its own default
pub(super) fn validate(
    written: WrittenNetworks<'_>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Result<(Vec<Vpc>, Vec<VpcEndpoint>), Reported> {
    let WrittenNetworks {
        vpcs: written_vpcs,
        vpc_endpoints,
        endpoint_policy,
        option_policy,
    } = written;
    let vpcs_place = written_vpcs.as_ref().map(|list| list.place.clone());
    let vpcs = match written_vpcs {
        Some(list) => declared_vpcs(list, report),
        None => Ok(vec![(None, default_vpc())]),
    };
    let endpoint_policy_place = endpoint_policy.as_ref().map(|policy| policy.place.clone());
    let endpoint_policy = endpoint_policy
        .map(|policy| policies.policy(policy, PolicyType::VpcEndpoint))
        .transpose();
    let option_document = option_policy
        .map(|named| policies.of_option(named, PolicyType::VpcEndpoint))
        .transpose();
    let endpoints = match vpc_endpoints {
        Some(list) => {
            if let Some(place) = endpoint_policy_place {
                let message = "this is the default endpoint's policy, and `vpc_endpoints` takes the default endpoint's \
                               place; give the policy there, as `policy_document`";
                report.problem(&place, message);
            }
            declared_endpoints(list, vpcs.as_deref().ok(), policies, report)
        }
        None => default_endpoints(endpoint_policy, vpcs.as_deref().ok(), vpcs_place.as_ref(), report),
    };
    let vpcs = vpcs?;
    // After the endpoints were looked at, which know their VPC whether or not its network overlaps another.
    let overlaps = refuse_overlaps(&vpcs, report);
    let mut endpoints = endpoints?;
    overlaps?;
    refuse_two_entry_points(&vpcs, &endpoints, report)?;
    if let Some(document) = option_document? {
        let default_endpoint = endpoints
            .iter_mut()
            .find(|(_, endpoint)| is_default(&endpoint.vpc_endpoint_id));
        let Some((_, endpoint)) = default_endpoint else {
            let message = format!(
                "endpoint-policy: the policy is for the default endpoint `{DEFAULT_ENDPOINT}`, which is not among the `vpc_endpoints` of \
                 the configuration file; give the policy there, as `policy_document`"
            );
            return Err(report.add(Problem::of_process(message)));
        };
        endpoint.policy_document = Arc::new(document);
    }
    let strip = |(_, endpoint)| endpoint;
    Ok((
        vpcs.into_iter().map(|(_, vpc)| vpc).collect(),
        endpoints.into_iter().map(strip).collect(),
    ))
}

type PlacedVpc = (Option<Place>, Vpc);
type PlacedEndpoint = (Option<Place>, VpcEndpoint);

fn declared_vpcs(written: List<file::Vpc>, report: &Report<'_>) -> Result<Vec<PlacedVpc>, Reported> {
    let mut ids = Unique::new("VPC");
    let vpcs = written.value?.into_iter().map(|written| {
        let place = written.place;
        let written = written.value?;
        let vpc_id = written.vpc_id.value.and_then(|id| {
            ids.check(id.clone(), &written.vpc_id.place, report)?;
            Ok(id)
        });
        let region = written.region.map(|region| region.value).transpose();
        let cidr_block = written
            .cidr_block
            .map(|cidr| cidr_block(cidr, report))
            .transpose();
        Ok((
            Some(place),
            Vpc {
                vpc_id: vpc_id?,
                region: region?,
                cidr_block: cidr_block?,
            },
        ))
    });
    all(vpcs)
}

fn cidr_block(written: Located<String>, report: &Report<'_>) -> Result<IpNet, Reported> {
    let text = written.value?;
    match text.parse::<IpNet>() {
        // EC2 API reference, `CreateVpc`: `100.68.0.18/18` is taken as `100.68.0.0/18`.
        Ok(network) => Ok(network.trunc()),
        Err(_) => {
            let message = format!("`{text}` is not a network (like `172.28.0.0/16`)");
            Err(report.problem(&written.place, message))
        }
    }
}

/// AWS lets the networks of VPCs overlap, because a packet knows its VPC. Here the address alone tells the VPC.
fn refuse_overlaps(vpcs: &[PlacedVpc], report: &Report<'_>) -> Result<(), Reported> {
    let mut result = Ok(());
    for (index, (place, vpc)) in vpcs.iter().enumerate() {
        let (Some(place), Some(network)) = (place, vpc.cidr_block) else {
            continue;
        };
        let overlapping = vpcs[..index].iter().find(|(_, other)| {
            in_one_region(vpc.region.as_ref(), other.region.as_ref())
                && other
                    .cidr_block
                    .is_some_and(|other| network.contains(&other) || other.contains(&network))
        });
        if let Some((Some(other_place), other)) = overlapping {
            let message = format!(
                "the network `{network}` overlaps that of VPC `{}`; {}",
                other.vpc_id,
                report.first_at(&other_place.child("cidr_block"))
            );
            result = Err(report.problem(&place.child("cidr_block"), message));
        }
    }
    result
}

fn declared_endpoints(
    written: List<file::VpcEndpoint>,
    vpcs: Option<&[PlacedVpc]>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Result<Vec<PlacedEndpoint>, Reported> {
    let mut ids = Unique::new("VPC endpoint");
    let endpoints = written.value?.into_iter().map(|written| {
        let place = written.place;
        let written = written.value?;
        let vpc_endpoint_id = written.vpc_endpoint_id.value.and_then(|id| {
            ids.check(id.clone(), &written.vpc_endpoint_id.place, report)?;
            Ok(id)
        });
        let vpc_id = written.vpc_id.value.and_then(|id| {
            let is_known = vpcs.is_none_or(|vpcs| vpcs.iter().any(|(_, vpc)| vpc.vpc_id == id));
            if is_known {
                Ok(id)
            } else {
                Err(report.problem(&written.vpc_id.place, unknown_vpc(&id)))
            }
        });
        // EC2 API reference, `CreateVpcEndpoint`, PrivateDnsEnabled: the default is true.
        let private_dns = written
            .private_dns_enabled
            .map_or(Ok(true), |enabled| enabled.value);
        let policy_document = match written.policy_document {
            Some(policy) => policies.policy(policy, PolicyType::VpcEndpoint),
            None => Ok(PolicyDocument::full_access()),
        };
        Ok((
            Some(place),
            VpcEndpoint {
                vpc_endpoint_id: vpc_endpoint_id?,
                vpc_id: vpc_id?,
                private_dns: if private_dns? {
                    PrivateDns::Enabled
                } else {
                    PrivateDns::Disabled
                },
                policy_document: Arc::new(policy_document?),
            },
        ))
    });
    all(endpoints)
}

fn default_endpoints(
    policy: Result<Option<PolicyDocument>, Reported>,
    vpcs: Option<&[PlacedVpc]>,
    vpcs_place: Option<&Place>,
    report: &Report<'_>,
) -> Result<Vec<PlacedEndpoint>, Reported> {
    if let (Some(vpcs), Some(place)) = (vpcs, vpcs_place)
        && !vpcs.iter().any(|(_, vpc)| vpc.vpc_id.as_str() == DEFAULT_VPC)
    {
        let message = format!(
            "without `vpc_endpoints` there is the default endpoint, which stands in `{DEFAULT_VPC}`, and that is not among \
             these VPCs; declare the endpoints too (`vpc_endpoints: []` for none)"
        );
        return Err(report.problem(place, message));
    }
    let endpoint = VpcEndpoint {
        vpc_endpoint_id: DEFAULT_ENDPOINT
            .parse()
            .expect("the default endpoint's id is well-formed"),
        vpc_id: DEFAULT_VPC.parse().expect("the default VPC's id is well-formed"),
        private_dns: PrivateDns::Enabled,
        policy_document: Arc::new(policy?.unwrap_or_else(PolicyDocument::full_access)),
    };
    Ok(vec![(None, endpoint)])
}

/// Two endpoints with private DNS that the service's own name would lead to from one address: in one VPC, which AWS
/// refuses as well, or in two VPCs that hold every address
fn refuse_two_entry_points(
    vpcs: &[PlacedVpc],
    endpoints: &[PlacedEndpoint],
    report: &Report<'_>,
) -> Result<(), Reported> {
    let vpc_of = |endpoint: &VpcEndpoint| {
        vpcs.iter()
            .map(|(_, vpc)| vpc)
            .find(|vpc| vpc.vpc_id == endpoint.vpc_id)
    };
    let mut result = Ok(());
    for (index, (place, endpoint)) in endpoints.iter().enumerate() {
        let (Some(place), PrivateDns::Enabled, Some(vpc)) = (place, endpoint.private_dns, vpc_of(endpoint))
        else {
            continue;
        };
        for (other_place, other) in &endpoints[..index] {
            let (PrivateDns::Enabled, Some(other_vpc)) = (other.private_dns, vpc_of(other)) else {
                continue;
            };
            let message = if vpc.vpc_id == other_vpc.vpc_id {
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
                continue;
            };
            let first = other_place
                .as_ref()
                .map_or(String::new(), |place| format!("; {}", report.first_at(place)));
            result = Err(report.problem(place, format!("{message}{first}")));
            break;
        }
    }
    result
}

fn in_one_region(one: Option<&Region>, other: Option<&Region>) -> bool {
    one.is_none() || other.is_none() || one == other
}

fn unknown_vpc(id: &VpcId) -> String {
    format!("no VPC `{id}` is declared in `vpcs`")
}

fn is_default(id: &VpcEndpointId) -> bool {
    id.as_str() == DEFAULT_ENDPOINT
}

/// Everywhere and around every address
fn default_vpc() -> Vpc {
    Vpc {
        vpc_id: DEFAULT_VPC.parse().expect("the default VPC's id is well-formed"),
        region: None,
        cidr_block: None,
    }
}

const DEFAULT_VPC: &str = "vpc-00000000000000000";
const DEFAULT_ENDPOINT: &str = "vpce-00000000000000000";
