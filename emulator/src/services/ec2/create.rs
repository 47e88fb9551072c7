//! `CreateVpcEndpoint`

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{Region, SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use client_text::Shown;
use iam_policy::{PolicyDocument, PolicyType};
use ring::digest;

use super::{
    Call,
    address_options::AskedOptions,
    describe::malformed,
    error::Ec2Error,
    network, tags,
    view::{self, State},
};
use crate::{
    journal::events::ChangeKind,
    network::{
        PrivateDns, Vpc, VpcEndpoint,
        changes::{EndpointChanges, MadeEndpoint},
        entry_point::{AddressOptions, EndpointDetails, EndpointTable, PlacedEndpoint},
    },
    runtime::Snapshot,
    services::{query::parameters::Reader, vocabulary},
};

/// The parameters of a call
struct Input<'p> {
    vpc: &'p Vpc,
    subnet_ids: Vec<SubnetId>,
    group_ids: Vec<SecurityGroupId>,
    policy_document: PolicyDocument,
    private_dns: PrivateDns,
    addresses: AddressOptions,
    tags: BTreeMap<String, String>,
    client_token: Option<&'p str>,
}

/// Makes an endpoint; its names lead to it from the next request on
pub(super) fn create(call: &Call<'_>) -> Result<String, Ec2Error> {
    let (input, dry_run) = call.read(|reader| read(call, reader))?;
    let fingerprint = fingerprint(call);
    let region = call.region();
    let made = call
        .space
        .change_endpoints(ChangeKind::Endpoint, |changes, now| {
            if let Some(token) = input.client_token
                && let Some(made) = changes.made_with(token, region)
            {
                let first = made.client_token.as_ref().map(|(_, fingerprint)| fingerprint);
                return if first == Some(&fingerprint) {
                    Ok(made.clone())
                } else {
                    Err(Ec2Error::IdempotentParameterMismatch)
                };
            }
            if input.private_dns == PrivateDns::Enabled {
                refuse_conflicting_dns(&now.endpoints, input.vpc, region, None)?;
            }
            if changes.count() >= now.settings.limits.made_vpc_endpoints_max {
                return Err(Ec2Error::VpcEndpointLimitExceeded);
            }
            dry_run.stop()?;
            Ok(make(changes, now, &input, call, fingerprint))
        })?;
    let placed = PlacedEndpoint {
        endpoint: made.endpoint.clone(),
        vpc: input.vpc.clone(),
        region: Some(made.region.clone()),
        details: made.details.clone(),
    };
    vocabulary::warn_about(
        &placed.endpoint.policy_document,
        &placed,
        &call.invocation.snapshot.settings,
    );
    // The answer is that of every CreateVpcEndpoint, although the endpoint can be used already.
    Ok(call.answer(|xml| {
        xml.element("vpcEndpoint", |xml| call.view(&placed, State::Pending).write(xml));
        if let Some(token) = input.client_token {
            xml.text("clientToken", token);
        }
    }))
}

fn make(
    changes: &mut EndpointChanges,
    now: &Snapshot,
    input: &Input<'_>,
    call: &Call<'_>,
    fingerprint: [u8; 32],
) -> Arc<MadeEndpoint> {
    changes.make(MadeEndpoint {
        endpoint: VpcEndpoint {
            vpc_endpoint_id: fresh_id(&now.endpoints),
            vpc_id: input.vpc.vpc_id.clone(),
            private_dns: input.private_dns,
            policy_document: Arc::new(input.policy_document.clone()),
        },
        region: call.region().clone(),
        details: EndpointDetails {
            subnet_ids: Some(input.subnet_ids.clone()),
            group_ids: (!input.group_ids.is_empty()).then(|| input.group_ids.clone()),
            addresses: input.addresses.clone(),
            tags: input.tags.clone(),
            created_at: call.now,
        },
        client_token: input.client_token.map(|token| (token.into(), fingerprint)),
        number: 0,
    })
}

fn read<'p>(call: &Call<'p>, reader: &mut Reader<'p>) -> Result<Input<'p>, Ec2Error> {
    let vpc_id = reader.required("VpcId")?;
    let endpoint_type = reader.text("VpcEndpointType");
    let service_name = reader.required("ServiceName")?;
    let client_token = reader.text("ClientToken").filter(|token| !token.is_empty());
    let private_dns_enabled = reader.flag("PrivateDnsEnabled")?;
    let policy_document = match reader.text("PolicyDocument").filter(|text| !text.is_empty()) {
        Some(text) => policy(text)?,
        None => PolicyDocument::full_access(),
    };
    let subnet_ids = reader.texts("SubnetId");
    let group_ids = reader.texts("SecurityGroupId");
    let route_tables = reader.texts("RouteTableId");
    let addresses = AskedOptions::read(reader)?;
    let tags = tags::of_specifications(reader, "vpc-endpoint")?;
    if let Some(region) = reader.text("ServiceRegion")
        && region != call.region().as_str()
    {
        // Guess: the sentence.
        return Err(Ec2Error::InvalidParameter(format!(
            "The service {} does not support cross-region access from {}",
            Shown(service_name),
            Shown(region)
        )));
    }

    let vpc_id: VpcId = vpc_id
        .parse()
        .map_err(|_| malformed("InvalidVpcId.Malformed", vpc_id))?;
    let vpc = call.vpcs().into_iter().find(|vpc| vpc.vpc_id == vpc_id);
    let vpc = vpc.ok_or(Ec2Error::VpcIdNotFound(vpc_id))?;
    if service_name != view::service_name(call.region()) {
        return Err(Ec2Error::InvalidServiceName(service_name.to_owned()));
    }
    // API model, VpcEndpointType: the default is Gateway.
    let endpoint_type = endpoint_type.unwrap_or("Gateway");
    if endpoint_type != "Interface" {
        // hashicorp/terraform-provider-aws#10132 quotes EC2 so.
        return Err(Ec2Error::InvalidParameter(format!(
            "Endpoint type ({}) does not match available service types ([Interface]).",
            Shown(endpoint_type)
        )));
    }
    if !route_tables.is_empty() {
        // Guess: after EC2's sentence about subnets (nanlabs/terraform-aws-starter#18).
        return Err(Ec2Error::InvalidParameter(
            "Route table IDs are only supported for Gateway type VPC Endpoints.".to_owned(),
        ));
    }
    // A subnet that has a configuration counts as asked for (EC2 API reference, `CreateVpcEndpoint`,
    // SubnetConfiguration).
    let subnet_ids: Vec<&str> = subnet_ids
        .into_iter()
        .chain(addresses.subnets.iter().map(|(id, _)| *id))
        .collect();
    Ok(Input {
        subnet_ids: known_subnets(vpc, call.region(), &subnet_ids)?,
        addresses: addresses.applied_to(&AddressOptions::default(), vpc, call.region())?,
        vpc,
        group_ids: group_ids.into_iter().map(group_id).collect::<Result<_, _>>()?,
        policy_document,
        // EC2 API reference, `CreateVpcEndpoint`, PrivateDnsEnabled: the default is true.
        private_dns: private_dns(private_dns_enabled.unwrap_or(true)),
        tags,
        client_token,
    })
}

pub(super) fn policy(text: &str) -> Result<PolicyDocument, Ec2Error> {
    PolicyDocument::parse(text, PolicyType::VpcEndpoint)
        .map_err(|error| Ec2Error::InvalidPolicyDocument(Box::new(error)))
}

pub(super) fn private_dns(is_enabled: bool) -> PrivateDns {
    if is_enabled {
        PrivateDns::Enabled
    } else {
        PrivateDns::Disabled
    }
}

/// The ids of subnets, if they are in this network
pub(super) fn known_subnets(vpc: &Vpc, region: &Region, ids: &[&str]) -> Result<Vec<SubnetId>, Ec2Error> {
    let subnets = network::subnets(vpc, region);
    let mut known: Vec<SubnetId> = Vec::new();
    for id in ids {
        let id: SubnetId = id
            .parse()
            .map_err(|_| malformed("InvalidSubnetId.Malformed", id))?;
        if !subnets.iter().any(|subnet| subnet.subnet_id == id) {
            return Err(Ec2Error::SubnetNotFound(id.to_string()));
        }
        if !known.contains(&id) {
            known.push(id);
        }
    }
    Ok(known)
}

/// Security groups are not played: any well-formed id is accepted
pub(super) fn group_id(text: &str) -> Result<SecurityGroupId, Ec2Error> {
    text.parse()
        .map_err(|_| malformed("InvalidSecurityGroupID.Malformed", text))
}

/// Only one endpoint of a network, in one Region, may answer for the service's own name
pub(super) fn refuse_conflicting_dns(
    endpoints: &EndpointTable,
    vpc: &Vpc,
    region: &Region,
    itself: Option<&VpcEndpointId>,
) -> Result<(), Ec2Error> {
    let conflicting = endpoints
        .iter()
        .find(|other| Some(other.id()) != itself && other.answers_for(vpc, region));
    conflicting.map_or(Ok(()), |other| {
        Err(Ec2Error::ConflictingDnsDomain {
            dns_name: view::private_dns_name(region),
            vpc_id: other.vpc.vpc_id.clone(),
        })
    })
}

/// A hash of everything that came with a client token
fn fingerprint(call: &Call<'_>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for (name, value) in call.invocation.parameters.iter() {
        // Each with its length, so that no two lists of parameters are hashed alike.
        for text in [name, value] {
            context.update(&text.len().to_be_bytes());
            context.update(text.as_bytes());
        }
    }
    let hash = context.finish();
    hash.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

// Ids only identify endpoints and protect nothing, so a fast generator is enough.
fn fresh_id(endpoints: &EndpointTable) -> VpcEndpointId {
    loop {
        let id: VpcEndpointId = format!("vpce-0{:016x}", fastrand::u64(..))
            .parse()
            .expect("seventeen hexadecimal digits are an id");
        if endpoints.get(&id).is_none() {
            return id;
        }
    }
}
