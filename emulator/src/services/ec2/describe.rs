//! The Describe actions, one file each: endpoints, the service that they lead to, and the networks around them.

use std::{str::FromStr, sync::Arc};

use aws_identifiers::VpcEndpointId;
use jiff::{SignedDuration, Timestamp};

use super::{
    Call, DryRun,
    error::Ec2Error,
    filters::{Filters, Page},
    view::{EndpointView, State},
};
use crate::{
    network::{Vpc, entry_point::PlacedEndpoint},
    runtime::Snapshot,
    services::query::{parameters::Reader, xml::Xml},
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

    /// The endpoints in this Region in another snapshot than that of the call
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

/// The parameters of a Describe action that finds things by their ids
pub(super) struct Listing<'c> {
    ids: Vec<&'c str>,
    filters: Filters,
    page: Page,
    dry_run: DryRun,
}

impl<'c> Listing<'c> {
    /// Reads a call whose list of ids has the name `ids`
    pub(super) fn read(call: &Call<'c>, ids: &str, known_filters: &[&str]) -> Result<Self, Ec2Error> {
        let (listing, ()) = Self::read_with(call, ids, known_filters, |_| ())?;
        Ok(listing)
    }

    /// Reads such a call that has further parameters
    pub(super) fn read_with<T>(
        call: &Call<'c>,
        ids: &str,
        known_filters: &[&str],
        read_further: impl FnOnce(&mut Reader<'c>) -> T,
    ) -> Result<(Self, T), Ec2Error> {
        let ((ids, further, filters, page), dry_run) = call.read(|reader| {
            Ok((
                reader.texts(ids),
                read_further(reader),
                Filters::read(reader, known_filters)?,
                Page::read(reader)?,
            ))
        })?;
        let listing = Self {
            ids,
            filters,
            page,
            dry_run,
        };
        Ok((listing, further))
    }

    /// Checks that each of the ids exists
    ///
    /// # Errors
    /// What `missing` returns for the first id that does not.
    pub(super) fn check<T>(
        &self,
        there: &[(String, T)],
        missing: impl Fn(&str) -> Ec2Error,
    ) -> Result<(), Ec2Error> {
        let is_there = |id: &str| there.iter().any(|(there, _)| there == id);
        match self.ids.iter().find(|id| !is_there(id)) {
            Some(id) => Err(missing(id)),
            None => Ok(()),
        }
    }

    /// The answer, in an element called `set`: a page of the things that have one of the ids and pass the filters
    ///
    /// # Errors
    /// What `missing` returns for the first id that nothing has; and, for a dry run, that it is one.
    pub(super) fn answer<T, V: IntoIterator<Item = String>>(
        &self,
        call: &Call<'_>,
        set: &str,
        there: Vec<(String, T)>,
        missing: impl Fn(&str) -> Ec2Error,
        values_of: impl Fn(&T, &str) -> V,
        write: impl Fn(&mut Xml, T),
    ) -> Result<String, Ec2Error> {
        self.check(&there, missing)?;
        self.dry_run.stop()?;
        let is_asked_for = |id: &str| self.ids.is_empty() || self.ids.contains(&id);
        let shown = there
            .into_iter()
            .filter(|(id, _)| is_asked_for(id))
            .map(|(_, item)| item)
            .filter(|item| self.filters.pass(|name| values_of(item, name)));
        let (shown, next) = self.page.of(shown.collect());
        Ok(call.answer(|xml| {
            xml.items(set, shown, write);
            write_next_token(xml, next);
        }))
    }
}

/// The error for an id that nothing has: it is malformed, or `missing`
pub(super) fn malformed_or<T: FromStr>(
    code: &'static str,
    id: &str,
    not_found: impl FnOnce(T) -> Ec2Error,
) -> Ec2Error {
    id.parse().map_or_else(|_| malformed(code, id), not_found)
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

/// Status of Regions and zones that need no opt-in
const OPT_IN_STATUS: &str = "opt-in-not-required";
