//! The Describe actions, a file each: endpoints, the service that they lead to, and the networks around them.

use std::sync::Arc;

use aws_identifiers::VpcEndpointId;
use jiff::{SignedDuration, Timestamp};

use super::{
    Call,
    error::Ec2Error,
    view::{EndpointView, State},
};
use crate::{
    network::{Vpc, entry_point::PlacedEndpoint},
    runtime::Snapshot,
    services::query::xml::Xml,
};

pub(super) mod availability_zones;
pub(super) mod endpoints;
pub(super) mod managed_prefix_lists;
pub(super) mod network_interfaces;
pub(super) mod prefix_lists;
pub(super) mod regions;
pub(super) mod route_tables;
pub(super) mod security_groups;
pub(super) mod services;
pub(super) mod subnets;
pub(super) mod vpc_attribute;
pub(super) mod vpcs;

impl<'c> Call<'c> {
    /// The networks in this Region
    pub(super) fn vpcs(&self) -> Vec<&'c Vpc> {
        self.invocation
            .snapshot
            .settings
            .networks
            .vpcs_in(self.region())
            .collect()
    }

    /// The endpoints in this Region, with their states
    pub(super) fn endpoints(&self) -> Vec<(Arc<PlacedEndpoint>, State)> {
        self.endpoints_of(&self.invocation.snapshot)
    }

    /// The same of another snapshot than that of the call
    pub(super) fn endpoints_of(&self, snapshot: &Snapshot) -> Vec<(Arc<PlacedEndpoint>, State)> {
        let table = &snapshot.endpoints;
        let gone_before = self.now.saturating_sub(DELETING_FOR).unwrap_or(Timestamp::MIN);
        let standing = table.iter().map(|placed| (placed, State::Available));
        let deleting = table
            .deleting()
            .filter(|(_, since)| *since > gone_before)
            .map(|(placed, _)| (placed, State::Deleting));
        standing
            .chain(deleting)
            .filter(|(placed, _)| placed.stands_in(self.region()))
            .map(|(placed, state)| (placed.clone(), state))
            .collect()
    }

    pub(super) fn view<'v>(&'v self, placed: &'v PlacedEndpoint, state: State) -> EndpointView<'v> {
        EndpointView {
            placed,
            settings: &self.invocation.snapshot.settings,
            region: self.region(),
            state,
        }
    }
}

pub(super) fn endpoint_id(text: &str) -> Result<VpcEndpointId, Ec2Error> {
    text.parse()
        .map_err(|_| malformed("InvalidVpcEndpointId.Malformed", text))
}

pub(super) fn malformed(code: &'static str, id: &str) -> Ec2Error {
    Ec2Error::MalformedId {
        code,
        id: id.to_owned(),
    }
}

pub(super) fn write_next_token(xml: &mut Xml, next: Option<String>) {
    if let Some(next) = next {
        xml.text("nextToken", &next);
    }
}

/// How long a deleted endpoint is shown as `deleting`
// Guess: AWS takes minutes, and no test wants to wait for them.
const DELETING_FOR: SignedDuration = SignedDuration::from_secs(1);

/// Regions and zones that nobody has to opt in to
const OPT_IN_STATUS: &str = "opt-in-not-required";
