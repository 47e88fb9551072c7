//! What is known of the requests that a policy will be asked about: from what the emulator is, from its configuration,
//! and from the endpoint that the policy is attached to.

use iam_policy::lint::{FactScope, KeyFact};

use super::ORGANIZATION_KEYS;
use crate::{
    config::{Config, Organization},
    entry_point::PlacedEndpoint,
    identifiers::{Region, VpcEndpointId, VpcId},
};

/// Where a policy is
#[derive(Clone, Copy)]
pub(crate) enum Surroundings<'a> {
    /// In a file that is linted by itself
    Unknown,
    /// Somewhere in this configuration
    Configured { config: &'a Config },
    /// Attached to this endpoint
    Attached {
        config: &'a Config,
        endpoint: Attachment<'a>,
    },
}

/// The endpoint that a policy is attached to
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attachment<'a> {
    pub(crate) vpc_endpoint_id: &'a VpcEndpointId,
    pub(crate) vpc_id: &'a VpcId,
    /// `None`: every Region
    pub(crate) region: Option<&'a Region>,
}

impl<'a> From<&'a PlacedEndpoint> for Attachment<'a> {
    fn from(placed: &'a PlacedEndpoint) -> Self {
        Self {
            vpc_endpoint_id: placed.id(),
            vpc_id: &placed.vpc.vpc_id,
            region: placed.region.as_ref(),
        }
    }
}

impl Surroundings<'_> {
    /// What condition keys can be there, beyond what their names say
    pub(super) fn facts(self) -> Vec<KeyFact<'static>> {
        let mut facts = of_every_request();
        match self {
            Self::Unknown => {}
            Self::Configured { config } => facts.extend(of_configuration(config)),
            Self::Attached { config, endpoint } => {
                facts.extend(of_configuration(config));
                facts.extend(of_endpoint(endpoint));
            }
        }
        facts
    }
}

/// The keys that `authorize::context` only ever sets to one value
fn of_every_request() -> Vec<KeyFact<'static>> {
    vec![
        // General Reference, *Amazon Lookout for Vision endpoints and quotas*: the protocol is HTTPS.
        fact("aws:SecureTransport", ["true"], "every request comes over TLS"),
        // IAM User Guide, *AWS global condition context keys*: `true` when a service calls for its caller.
        fact(
            "aws:ViaAWSService",
            ["false"],
            "every caller calls by itself, and none through another service",
        ),
        here(fact(
            "aws:PrincipalIsAWSService",
            ["false"],
            "no AWS service calls the emulator",
        )),
        here(fact(
            "aws:MultiFactorAuthPresent",
            ["false"],
            "sessions are made without MFA",
        )),
    ]
}

fn of_configuration(config: &Config) -> impl Iterator<Item = KeyFact<'static>> {
    let account_id = &config.account_id;
    let organization = ORGANIZATION_KEYS
        .into_iter()
        .map(|key| of_organization(key, config.organization.as_ref()));
    organization.chain([fact(
        "aws:ResourceAccount",
        [account_id.as_str()],
        &format!("every resource belongs to the account `{account_id}`"),
    )])
}

fn of_organization(key: &'static str, organization: Option<&Organization>) -> KeyFact<'static> {
    match organization {
        Some(Organization { id, .. }) => fact(key, [id.as_str()], &format!("`organization.id` is `{id}`")),
        None => here(fact(key, [], NO_ORGANIZATION)),
    }
}

fn of_endpoint(endpoint: Attachment<'_>) -> Vec<KeyFact<'static>> {
    let Attachment {
        vpc_endpoint_id,
        vpc_id,
        region,
    } = endpoint;
    let mut facts = vec![
        fact(
            "aws:SourceVpce",
            [vpc_endpoint_id.as_str()],
            &format!("the policy is attached to `{vpc_endpoint_id}`"),
        ),
        fact(
            "aws:SourceVpc",
            [vpc_id.as_str()],
            &format!("the policy is attached to `{vpc_endpoint_id}`, which lies in `{vpc_id}`"),
        ),
    ];
    // The Region of a request over an endpoint is that of the endpoint, and so is that of what it asks for.
    facts.extend(region.map(|region| {
        fact(
            "aws:RequestedRegion",
            [region.as_str()],
            &format!("the policy is attached to `{vpc_endpoint_id}`, which lies in `{region}`"),
        )
    }));
    facts
}

fn fact<const N: usize>(key: &'static str, values: [&str; N], reason: &str) -> KeyFact<'static> {
    KeyFact {
        key,
        values: values.map(str::to_owned).to_vec(),
        reason: reason.to_owned(),
        scope: FactScope::Aws,
    }
}

/// The fact as one that holds in the emulator and not on AWS
fn here(fact: KeyFact<'static>) -> KeyFact<'static> {
    KeyFact {
        scope: FactScope::Here,
        ..fact
    }
}

/// Why no request has an organization's key
const NO_ORGANIZATION: &str = "the configuration has no `organization.id`, which would set the key";
