//! Endpoints in a document: those that calls made, and the overrides of those that the configuration declares.

use std::collections::{BTreeMap, BTreeSet};

use aws_identifiers::{Region, SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use client_text::{hex, json::escape_pointer};
use iam_policy::{PolicyDocument, PolicyType};
use jiff::Timestamp;
use lookoutvision::store::document::Misfit as Misplaced;
use serde::{Deserialize, Serialize};

use super::{PolicyText, client_tokens::sha256};
use crate::{
    identity::{RESOURCE_TAGS_MAX, check_resource_tag},
    network::{
        Networks, PrivateDns, VpcEndpoint,
        changes::{EndpointChanges, MadeEndpoint, Misfit, Overrides},
        entry_point::{AddressOptions, EndpointDetails},
    },
    settings::Settings,
};

/// An endpoint: with `made` the whole of it, without `made` its overrides of the configuration
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointDocument {
    vpc_endpoint_id: VpcEndpointId,
    /// Absent: the configuration declares it
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Making>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_dns_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_document: Option<PolicyText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet_ids: Option<Vec<SubnetId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_ids: Option<Vec<SecurityGroupId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<AddressOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

/// How an endpoint was made
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Making {
    vpc_id: VpcId,
    region: Region,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<UsedToken>,
}

/// The client token that an endpoint was made with
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsedToken {
    token: String,
    /// SHA-256 of everything that came with it
    request_sha256: String,
}

/// Everything that has a place in the configuration, the made endpoints first and in the order in which they were made
pub(super) fn documents(changes: &EndpointChanges, networks: &Networks) -> Vec<EndpointDocument> {
    let misfits = BTreeMap::from_iter(changes.misfits(networks));
    let made = changes.all_made().filter_map(|(made, overrides)| {
        let is_standing_without_dns = match misfits.get(&made.endpoint.vpc_endpoint_id) {
            None => false,
            Some(Misfit::PrivateDnsTaken { .. }) => true,
            // Set aside: nobody sees it under this configuration.
            Some(_) => return None,
        };
        let mut document = of_made(made, overrides);
        if is_standing_without_dns {
            document.private_dns_enabled = Some(false);
        }
        Some(document)
    });
    let declared = changes
        .of_declared(networks)
        .map(|(id, overrides)| of_declared(id, overrides));
    made.chain(declared).collect()
}

fn of_declared(id: &VpcEndpointId, overrides: &Overrides) -> EndpointDocument {
    let Overrides {
        policy_document,
        private_dns,
        subnet_ids,
        group_ids,
        addresses,
        tags,
        deleted_at,
    } = overrides;
    EndpointDocument {
        vpc_endpoint_id: id.clone(),
        made: None,
        private_dns_enabled: private_dns.map(|dns| dns == PrivateDns::Enabled),
        policy_document: policy_document.as_deref().map(PolicyText::of),
        subnet_ids: subnet_ids.clone(),
        security_group_ids: group_ids.clone(),
        addresses: addresses.clone(),
        tags: tags.clone(),
        deleted_at: *deleted_at,
    }
}

fn of_made(made: &MadeEndpoint, overrides: Option<&Overrides>) -> EndpointDocument {
    let MadeEndpoint {
        endpoint,
        region,
        details,
        client_token,
        number: _,
    } = made;
    let changed = of_declared(
        &endpoint.vpc_endpoint_id,
        overrides.unwrap_or(&Overrides::default()),
    );
    EndpointDocument {
        made: Some(Making {
            vpc_id: endpoint.vpc_id.clone(),
            region: region.clone(),
            created_at: details.created_at,
            client_token: client_token.as_ref().map(|(token, fingerprint)| UsedToken {
                token: token.to_string(),
                request_sha256: hex(fingerprint),
            }),
        }),
        private_dns_enabled: changed
            .private_dns_enabled
            .or(Some(endpoint.private_dns == PrivateDns::Enabled)),
        policy_document: changed
            .policy_document
            .or_else(|| Some(PolicyText::of(&endpoint.policy_document))),
        subnet_ids: changed.subnet_ids.or_else(|| details.subnet_ids.clone()),
        security_group_ids: changed.security_group_ids.or_else(|| details.group_ids.clone()),
        addresses: changed.addresses.or_else(|| Some(details.addresses.clone())),
        tags: changed.tags.or_else(|| Some(details.tags.clone())),
        ..changed
    }
}

/// The endpoints that documents describe
pub(super) fn read(
    documents: Vec<EndpointDocument>,
    settings: &Settings,
) -> Result<EndpointChanges, Misplaced> {
    let mut places = BTreeMap::new();
    let (mut made, mut changed) = (Vec::new(), BTreeMap::new());
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/vpc_endpoints/{index}");
        let id = document.vpc_endpoint_id.clone();
        if let Some(first) = places.insert(id.clone(), path.clone()) {
            let message = format!("the endpoint `{id}` stands at {first} already");
            return Err(Misplaced::at(format!("{path}/vpc_endpoint_id"), message));
        }
        let (endpoint, overrides) = document.read(&path)?;
        made.extend(endpoint);
        if let Some(overrides) = overrides {
            changed.insert(id, overrides);
        }
    }
    let changes = EndpointChanges::of_all(made, changed);
    let (count, most) = (changes.count(), settings.limits.made_vpc_endpoints_max);
    if count > most {
        let message =
            format!("{count} endpoints that calls made are more than limits.made_vpc_endpoints_max ({most})");
        return Err(Misplaced::at("/vpc_endpoints", message));
    }
    let place = |id: &VpcEndpointId| places.get(id).map_or("/vpc_endpoints", String::as_str);
    if let Some(id) = changes.clone().drop_undeclared(&settings.networks).first() {
        let declared = settings.networks.vpc_endpoints.iter();
        let declared: BTreeSet<&str> = declared
            .map(|declared| declared.vpc_endpoint_id.as_str())
            .collect();
        let declared = declared.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!(
            "the configuration declares no endpoint `{id}` (it declares: {declared}); one that a call made has `made`"
        );
        return Err(Misplaced::at(format!("{}/vpc_endpoint_id", place(id)), message));
    }
    match changes.misfits(&settings.networks).into_iter().next() {
        None => Ok(changes),
        Some((id, misfit)) => {
            let (member, message) = told(&misfit);
            Err(Misplaced::at(format!("{}{member}", place(&id)), message))
        }
    }
}

fn check_tags(tags: &BTreeMap<String, String>, path: &str) -> Result<(), Misplaced> {
    if tags.len() > RESOURCE_TAGS_MAX {
        let message = format!(
            "{} tags are more than a resource of EC2 has ({RESOURCE_TAGS_MAX})",
            tags.len()
        );
        return Err(Misplaced::at(path, message));
    }
    for (key, value) in tags {
        check_resource_tag(key, value)
            .map_err(|fault| Misplaced::at(format!("{path}/{}", escape_pointer(key)), fault.to_string()))?;
    }
    Ok(())
}

/// In which member of the document the reason stands that an endpoint has no place, and what the reason is
fn told(misfit: &Misfit) -> (&'static str, String) {
    match misfit {
        Misfit::NoVpc(vpc_id) => ("/made/vpc_id", format!("the configuration has no VPC `{vpc_id}`")),
        Misfit::OtherRegion { vpc_id, made_in } => (
            "/made/region",
            format!("the VPC `{vpc_id}` of the configuration does not lie in {made_in}"),
        ),
        Misfit::Declared => (
            "/made",
            "the configuration declares an endpoint of this id, so that no call can have made it".to_owned(),
        ),
        Misfit::PrivateDnsTaken { by } => (
            "/private_dns_enabled",
            format!("the private DNS name of the VPC leads to `{by}` already"),
        ),
    }
}

impl EndpointDocument {
    /// Refuses dates that no clock can have shown, and tags and tokens that no call can have brought
    fn check(&self, path: &str) -> Result<(), Misplaced> {
        if let Some(tags) = &self.tags {
            check_tags(tags, &format!("{path}/tags"))?;
        }
        if let Some(deleted_at) = self.deleted_at {
            Misplaced::check_date(format!("{path}/deleted_at"), deleted_at)?;
        }
        let Some(making) = &self.made else {
            return Ok(());
        };
        Misplaced::check_date(format!("{path}/made/created_at"), making.created_at)?;
        match &making.client_token {
            Some(used) if used.token.is_empty() => Err(Misplaced::at(
                format!("{path}/made/client_token/token"),
                "an empty text is no client token",
            )),
            _ => Ok(()),
        }
    }

    /// The endpoint, if a call made it, and its overrides
    fn read(self, path: &str) -> Result<(Option<MadeEndpoint>, Option<Overrides>), Misplaced> {
        self.check(path)?;
        let policy_document = self.policy_document.map(|policy| {
            policy.read(&format!("{path}/policy_document"), |text| {
                PolicyDocument::parse(text, PolicyType::VpcEndpoint)
            })
        });
        let overrides = Overrides {
            policy_document: policy_document.transpose()?.map(Into::into),
            private_dns: self.private_dns_enabled.map(|is_enabled| match is_enabled {
                true => PrivateDns::Enabled,
                false => PrivateDns::Disabled,
            }),
            subnet_ids: self.subnet_ids,
            group_ids: self.security_group_ids,
            addresses: self.addresses,
            tags: self.tags,
            deleted_at: self.deleted_at,
        };
        let Some(making) = self.made else {
            return Ok((None, Some(overrides)));
        };
        let client_token = making.client_token.map(|used| {
            let path = format!("{path}/made/client_token/request_sha256");
            Ok((used.token.into(), sha256(&used.request_sha256, &path)?))
        });
        let made = MadeEndpoint {
            endpoint: VpcEndpoint {
                vpc_endpoint_id: self.vpc_endpoint_id,
                vpc_id: making.vpc_id,
                private_dns: overrides.private_dns.unwrap_or(PrivateDns::Disabled),
                policy_document: overrides
                    .policy_document
                    .unwrap_or_else(|| PolicyDocument::full_access().into()),
            },
            region: making.region,
            details: EndpointDetails {
                subnet_ids: overrides.subnet_ids,
                group_ids: overrides.group_ids,
                addresses: overrides.addresses.unwrap_or_default(),
                tags: overrides.tags.unwrap_or_default(),
                created_at: making.created_at,
            },
            client_token: client_token.transpose()?,
            number: 0,
        };
        let deleted = overrides.deleted_at.map(|deleted_at| Overrides {
            deleted_at: Some(deleted_at),
            ..Overrides::default()
        });
        Ok((Some(made), deleted))
    }
}
