//! What is known of the requests that a policy will be asked about: from the nature of the emulator, from its
//! configuration, and from the endpoint that the policy is attached to.

use aws_identifiers::{Region, VpcEndpointId, VpcId};
use iam_policy::lint::{Fact, FactScope, Subject};

use crate::{
    authorization::ORGANIZATION_KEYS,
    identity::Organization,
    network::{PublicEndpoint, entry_point::PlacedEndpoint},
    settings::Settings,
};

/// Where a policy is used
#[derive(Clone, Copy)]
pub(crate) enum Surroundings<'a> {
    /// In a file that is linted by itself
    Unknown,
    /// Somewhere in this configuration
    Configured { settings: &'a Settings },
    /// Attached to this endpoint
    Attached {
        settings: &'a Settings,
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
    /// What is known of condition keys and ARNs, beyond what their forms say
    pub(super) fn facts(self) -> Vec<Fact<'static>> {
        let mut facts = of_every_request();
        match self {
            Self::Unknown => {}
            Self::Configured { settings } => {
                facts.extend(of_configuration(settings));
                facts.extend(of_regions(settings));
            }
            Self::Attached { settings, endpoint } => {
                facts.extend(of_configuration(settings));
                facts.extend(of_endpoint(settings, endpoint));
            }
        }
        facts
    }
}

/// The keys that `authorization::context` only ever sets to one value
fn of_every_request() -> Vec<Fact<'static>> {
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

fn of_configuration(settings: &Settings) -> Vec<Fact<'static>> {
    let account_id = settings.account_id.as_str();
    let reason = format!("every resource belongs to the account `{account_id}`");
    let organization = settings.identities.organization.as_ref();
    let mut facts = vec![
        fact("aws:ResourceAccount", [account_id], &reason),
        about(Subject::ArnAccount, [account_id], &reason),
    ];
    facts.extend(ORGANIZATION_KEYS.map(|key| of_organization(key, organization)));
    facts
}

/// The resources that a policy can be about that is attached to no endpoint: the service has resources only where
/// requests for them can come through
fn of_regions(settings: &Settings) -> Option<Fact<'static>> {
    let regions = regions(settings)?;
    let (first, others) = regions.split_first()?;
    let listed = others.iter().fold(format!("`{first}`"), |listed, region| {
        format!("{listed}, `{region}`")
    });
    let reason = format!("the VPCs lie in {listed}, and `public_endpoint` is `refuse`");
    Some(Fact {
        values: regions,
        ..about(Subject::ArnRegion, [], &reason)
    })
}

/// The Regions of the VPCs, each once; `None` when requests can come through in every Region
fn regions(settings: &Settings) -> Option<Vec<String>> {
    let mut regions = Vec::new();
    for vpc in &settings.networks.vpcs {
        let region = vpc.region.as_ref()?.to_string();
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    (settings.networks.public_endpoint == PublicEndpoint::Refuse).then_some(regions)
}

fn of_organization(key: &'static str, organization: Option<&Organization>) -> Fact<'static> {
    match organization {
        Some(Organization { id, .. }) => fact(key, [id.as_str()], &format!("`organization.id` is `{id}`")),
        None => here(fact(key, [], NO_ORGANIZATION)),
    }
}

fn of_endpoint(settings: &Settings, endpoint: Attachment<'_>) -> Vec<Fact<'static>> {
    let Attachment {
        vpc_endpoint_id,
        vpc_id,
        region,
    } = endpoint;
    let attached = format!("the policy is attached to `{vpc_endpoint_id}`");
    // One document may be written for several endpoints.
    let mut facts = vec![
        Fact {
            values_elsewhere: settings
                .networks
                .vpc_endpoints
                .iter()
                .map(|other| other.vpc_endpoint_id.to_string())
                .collect(),
            ..fact("aws:SourceVpce", [vpc_endpoint_id.as_str()], &attached)
        },
        Fact {
            values_elsewhere: settings
                .networks
                .vpcs
                .iter()
                .map(|vpc| vpc.vpc_id.to_string())
                .collect(),
            ..fact(
                "aws:SourceVpc",
                [vpc_id.as_str()],
                &format!("{attached}, which lies in `{vpc_id}`"),
            )
        },
    ];
    // A request over an endpoint has the Region of the endpoint, and so has the resource that it asks for.
    let Some(region) = region else { return facts };
    let reason = format!("{attached}, which lies in `{region}`");
    for subject in [Subject::Key("aws:RequestedRegion"), Subject::ArnRegion] {
        facts.push(Fact {
            values_elsewhere: settings
                .networks
                .vpcs
                .iter()
                .filter_map(|vpc| vpc.region.as_ref())
                .map(ToString::to_string)
                .collect(),
            ..about(subject, [region.as_str()], &reason)
        });
    }
    facts
}

fn fact<const N: usize>(key: &'static str, values: [&str; N], reason: &str) -> Fact<'static> {
    about(Subject::Key(key), values, reason)
}

fn about<const N: usize>(subject: Subject<'static>, values: [&str; N], reason: &str) -> Fact<'static> {
    Fact {
        subject,
        values: values.map(str::to_owned).to_vec(),
        values_elsewhere: Vec::new(),
        reason: reason.to_owned(),
        scope: FactScope::Aws,
    }
}

/// The fact, marked as one that holds in the emulator and not on AWS
fn here(fact: Fact<'static>) -> Fact<'static> {
    Fact {
        scope: FactScope::Here,
        ..fact
    }
}

/// Why no request has an organization's key
const NO_ORGANIZATION: &str = "the configuration has no `organization.id`, which would set the key";
