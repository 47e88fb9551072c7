//! How the emulator is set where it could be set otherwise.

use serde::Serialize;
use sigv4_verify::UndeclaredUnsignedPayload;
use utoipa::ToSchema;

use crate::{network::PublicEndpoint, runtime::Snapshot};

/// The effective modes, as `/health` and the ready block show them
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Modes {
    pub(crate) identity_side: &'static str,
    pub(crate) undeclared_unsigned_payload: &'static str,
    pub(crate) clock_skew_seconds: u64,
    pub(crate) public_endpoint: &'static str,
    pub(crate) vpc_endpoints: Vec<String>,
}

impl Modes {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let settings = &snapshot.settings;
        let modelled = settings
            .identities
            .principals
            .iter()
            .filter(|principal| principal.identity_policies.is_some())
            .count();
        Self {
            identity_side: match modelled {
                0 => "none configured: every principal may do what the endpoint policy allows",
                all if all == settings.identities.principals.len() => "those of every principal apply",
                _ => "those of some principals apply; the others may do what the endpoint policy allows",
            },
            undeclared_unsigned_payload: match settings.strictness.undeclared_unsigned_payload {
                UndeclaredUnsignedPayload::Refuse => "refuse",
                UndeclaredUnsignedPayload::AcceptWithWarning => "warn",
            },
            clock_skew_seconds: settings.strictness.clock_skew.as_secs(),
            public_endpoint: match settings.networks.public_endpoint {
                PublicEndpoint::Allow => "allow",
                PublicEndpoint::Refuse => "refuse",
            },
            vpc_endpoints: snapshot
                .endpoints
                .iter()
                .map(|placed| placed.id().to_string())
                .collect(),
        }
    }
}
