//! `ModifyVpcEndpoint`

use std::sync::Arc;

use aws_identifiers::VpcEndpointId;
use iam_policy::PolicyDocument;

use super::{
    Call,
    address_options::AskedOptions,
    create::{group_id, known_subnets, policy, private_dns, refuse_conflicting_dns},
    describe::endpoint_id,
    error::Ec2Error,
    network,
};
use crate::journal::events::ChangeKind;
use crate::{network::PrivateDns, services::vocabulary};

/// Changes an endpoint, from the next request on
pub(super) fn modify(call: &Call<'_>) -> Result<String, Ec2Error> {
    let (input, dry_run) = call.read(|reader| {
        let id = endpoint_id(reader.required("VpcEndpointId")?)?;
        let reset = reader.flag("ResetPolicy")?.unwrap_or(false);
        let document = match reader.text("PolicyDocument").filter(|text| !text.is_empty()) {
            // Guess: the code and the sentence.
            Some(_) if reset => {
                return Err(Ec2Error::InvalidParameterCombination(
                    "PolicyDocument and ResetPolicy cannot be specified together.",
                ));
            }
            Some(text) => Some(policy(text)?),
            None => reset.then(PolicyDocument::full_access),
        };
        let addresses = AskedOptions::read(reader)?;
        if !reader.texts("AddRouteTableId").is_empty() || !reader.texts("RemoveRouteTableId").is_empty() {
            // Guess: after EC2's sentence about subnets (nanlabs/terraform-aws-starter#18).
            return Err(Ec2Error::InvalidParameter(
                "Route table IDs are only supported for Gateway type VPC Endpoints.".to_owned(),
            ));
        }
        Ok(Input {
            id,
            document,
            private_dns: reader.flag("PrivateDnsEnabled")?.map(private_dns),
            add_subnets: reader
                .texts("AddSubnetId")
                .into_iter()
                .chain(addresses.subnets.iter().map(|(id, _)| *id))
                .collect(),
            addresses,
            remove_subnets: reader.texts("RemoveSubnetId"),
            add_groups: reader.texts("AddSecurityGroupId"),
            remove_groups: reader.texts("RemoveSecurityGroupId"),
        })
    })?;
    let region = call.region();
    call.space
        .change_endpoints(ChangeKind::Endpoint, |changes, now| {
            let placed = now
                .endpoints
                .get(&input.id)
                .filter(|placed| placed.stands_in(region))
                .ok_or_else(|| Ec2Error::VpcEndpointNotFound(input.id.clone()))?;
            if input.private_dns == Some(PrivateDns::Enabled) {
                refuse_conflicting_dns(&now.endpoints, &placed.vpc, region, Some(&input.id))?;
            }
            let change = changes.of(&input.id);
            if !input.add_subnets.is_empty() || !input.remove_subnets.is_empty() {
                let mut subnets: Vec<_> = network::subnets_of(placed, region)
                    .into_iter()
                    .map(|subnet| subnet.subnet_id)
                    .filter(|id| !input.remove_subnets.contains(&id.as_str()))
                    .collect();
                known_subnets(&placed.vpc, region, &input.remove_subnets)?;
                for id in known_subnets(&placed.vpc, region, &input.add_subnets)? {
                    if !subnets.contains(&id) {
                        subnets.push(id);
                    }
                }
                change.subnet_ids = Some(subnets);
            }
            if !input.add_groups.is_empty() || !input.remove_groups.is_empty() {
                let mut groups = network::groups_of(placed);
                groups.retain(|id| !input.remove_groups.contains(&id.as_str()));
                for id in &input.add_groups {
                    let id = group_id(id)?;
                    if !groups.contains(&id) {
                        groups.push(id);
                    }
                }
                if groups.is_empty() {
                    // Guess: the sentence.
                    return Err(Ec2Error::InvalidParameter(
                        "An interface endpoint must have at least one security group.".to_owned(),
                    ));
                }
                change.group_ids = Some(groups);
            }
            let addresses = input
                .addresses
                .applied_to(&placed.details.addresses, &placed.vpc, region)?;
            if addresses != placed.details.addresses {
                change.addresses = Some(addresses);
            }
            if let Some(document) = &input.document {
                change.policy_document = Some(Arc::new(document.clone()));
            }
            if let Some(private_dns) = input.private_dns {
                change.private_dns = Some(private_dns);
            }
            dry_run.stop()
        })?;
    let snapshot = &call.invocation.snapshot;
    if let (Some(document), Some(placed)) = (&input.document, snapshot.endpoints.get(&input.id)) {
        vocabulary::warn_about(document, placed, &snapshot.settings);
    }
    Ok(call.answer(|xml| xml.flag("return", true)))
}

/// What is to be changed
struct Input<'p> {
    id: VpcEndpointId,
    document: Option<PolicyDocument>,
    private_dns: Option<PrivateDns>,
    addresses: AskedOptions<'p>,
    add_subnets: Vec<&'p str>,
    remove_subnets: Vec<&'p str>,
    add_groups: Vec<&'p str>,
    remove_groups: Vec<&'p str>,
}
