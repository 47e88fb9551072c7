//! A configuration with everything that calls have made since, and what is called in it.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use aws_identifiers::{Region, VpcEndpointId};
use client_text::spelling;
use iam_policy::Decision;
use jiff::Timestamp;
use lookoutvision::{operation::Operation, store::State};
use serde::{Serialize, Serializer};

use super::{
    Subject, SubjectName,
    callers::{Callers, LISTED_MAX},
    coverage::show_all,
    subject,
};
use crate::{
    authorization::{Coverage, RequestTags, SupposedCall},
    identity::Caller,
    network::{PublicEndpoint, entry_point::EntryPoint},
    runtime::{Snapshot, Space},
    services::lookoutvision::call,
    settings::Settings,
};

/// A configuration with everything that calls have made since
pub(crate) struct Scene {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) callers: Callers,
    pub(super) now: Timestamp,
    state: Arc<State>,
    default_region: Region,
}

/// The entry point, as a person names it
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryPointName {
    /// The only endpoint of the Region
    TheOnlyOne,
    /// The endpoint of this id
    VpcEndpoint(VpcEndpointId),
    /// The public endpoint
    Public,
}

/// The outcome of a call
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallDecision {
    /// The policies decide it so
    Decided(Decision),
    /// The server answers it 421 before it asks any policy (`public_endpoint: refuse`)
    Refused,
}

impl Scene {
    /// What a configuration declares, before any call; `default_region` gives the Region where nothing names one
    pub(crate) fn declared(
        settings: Arc<Settings>,
        now: Timestamp,
        default_region: impl FnOnce(&Snapshot) -> Region,
    ) -> Self {
        let snapshot = Snapshot::untouched(settings, now);
        Self {
            default_region: default_region(&snapshot),
            snapshot: Arc::new(snapshot),
            callers: Callers::Declared,
            state: Arc::default(),
            now,
        }
    }

    /// The present state of a running emulator
    pub(crate) fn running(space: &Space, default_region: impl FnOnce(&Snapshot) -> Region) -> Self {
        let snapshot = space.snapshot();
        Self {
            default_region: default_region(&snapshot),
            state: snapshot.generation.state(),
            now: snapshot.generation.clock.now(),
            snapshot,
            callers: Callers::Declared,
        }
    }

    /// Every entry point with each Region that it leads to: the endpoints, and then the public endpoint
    pub(crate) fn entry_points(&self) -> Vec<(EntryPoint, Region)> {
        let mut regions: BTreeSet<Region> = self.settings().regions().into_iter().collect();
        regions.extend(
            self.snapshot
                .endpoints
                .iter()
                .filter_map(|placed| placed.region.clone()),
        );
        if regions.is_empty() {
            regions.insert(self.default_region.clone());
        }
        let endpoints = self.snapshot.endpoints.iter();
        let endpoints = endpoints.map(|placed| EntryPoint::VpcEndpoint(placed.clone()));
        let with_region = |entry_point: EntryPoint| {
            let leads_to = |region: &&Region| match &entry_point {
                EntryPoint::VpcEndpoint(placed) => placed.stands_in(region),
                EntryPoint::Public => true,
            };
            let regions: Vec<Region> = regions.iter().filter(leads_to).cloned().collect();
            regions
                .into_iter()
                .map(move |region| (entry_point.clone(), region))
        };
        endpoints
            .chain([EntryPoint::Public])
            .flat_map(with_region)
            .collect()
    }

    /// Whether the server answers calls over this entry point with 421, before any policy is asked
    pub(crate) fn refuses(&self, entry_point: &EntryPoint) -> bool {
        let public_endpoint = self.settings().networks.public_endpoint;
        matches!(entry_point, EntryPoint::Public) && public_endpoint == PublicEndpoint::Refuse
    }

    /// The scene, but it also accepts callers of whom only the ARN is known
    pub(crate) fn with_any_caller(self) -> Self {
        Self {
            callers: Callers::Anyone,
            ..self
        }
    }

    /// The configuration
    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.snapshot.settings
    }

    /// Registers every document of the configuration with the coverage, so that documents that no call asks are in a
    /// report too
    pub(crate) fn show_all(&self, coverage: &Coverage) {
        show_all(coverage, self.settings(), &self.snapshot.endpoints);
    }

    /// The entry point, and the Region that it leads to
    ///
    /// # Errors
    /// When no such endpoint is in that Region, or when it is not clear which one is meant.
    pub(crate) fn entry_point(
        &self,
        name: &EntryPointName,
        region: Option<&Region>,
    ) -> Result<(EntryPoint, Region), String> {
        let endpoints = &self.snapshot.endpoints;
        match name {
            EntryPointName::Public => {
                Ok((EntryPoint::Public, region.unwrap_or(&self.default_region).clone()))
            }
            EntryPointName::VpcEndpoint(id) => {
                let Some(placed) = endpoints.get(id) else {
                    let known: Vec<&str> = endpoints.iter().map(|placed| placed.id().as_str()).collect();
                    return Err(match spelling::meant(id.as_str(), &known) {
                        Some(meant) => format!("no VPC endpoint `{id}` is declared; did you mean `{meant}`?"),
                        None => format!(
                            "no VPC endpoint `{id}` is declared; those that are: {}",
                            spelling::quoted(known.get(..LISTED_MAX).unwrap_or(&known))
                        ),
                    });
                };
                let region = region.or(placed.region.as_ref()).unwrap_or(&self.default_region);
                match &placed.region {
                    Some(own) if own != region => {
                        Err(format!("`{id}` stands in {own}, and the call goes to {region}"))
                    }
                    _ => Ok((EntryPoint::VpcEndpoint(placed.clone()), region.clone())),
                }
            }
            EntryPointName::TheOnlyOne => {
                let region = region.unwrap_or(&self.default_region);
                let here: Vec<_> = endpoints
                    .iter()
                    .filter(|placed| placed.stands_in(region))
                    .collect();
                match here.as_slice() {
                    [only] => Ok((EntryPoint::VpcEndpoint((*only).clone()), region.clone())),
                    [] => Err(format!(
                        "no VPC endpoint stands in {region}; name one of another Region in `vpc_endpoint_id`, or the public \
                         endpoint: `vpc_endpoint_id: null`"
                    )),
                    several => {
                        let ids: Vec<&str> = several.iter().map(|placed| placed.id().as_str()).collect();
                        Err(format!(
                            "{} VPC endpoints stand in {region}; say which in `vpc_endpoint_id`: {}",
                            ids.len(),
                            spelling::quoted(ids.get(..LISTED_MAX).unwrap_or(&ids))
                        ))
                    }
                }
            }
        }
    }

    /// The resources that calls of an operation are about in a Region, out of the named ones; without a name, all that
    /// exist
    ///
    /// # Errors
    /// When no call of the operation could be about that.
    pub(crate) fn subjects(
        &self,
        operation: Operation,
        region: &Region,
        name: Option<&SubjectName>,
        is_pattern: bool,
    ) -> Result<Vec<Subject>, String> {
        let view = self.state.view(&self.snapshot.declared, region, self.now);
        subject::subjects(&view, operation, name, is_pattern)
    }

    /// A note about a resource that the configuration does not declare; `None`: it does, or the operation creates it
    pub(crate) fn undeclared(
        &self,
        operation: Operation,
        region: &Region,
        subject: &Subject,
    ) -> Option<String> {
        let view = self.state.view(&self.snapshot.declared, region, self.now);
        subject::undeclared(&view, operation, subject)
    }

    /// The call, as the server would put it to the policies
    pub(crate) fn call(
        &self,
        caller: Caller,
        entry_point: EntryPoint,
        region: &Region,
        operation: Operation,
        subject: &Subject,
        source_ip: IpAddr,
    ) -> SupposedCall {
        let no_tags = RequestTags::default();
        self.call_with_tags(
            caller,
            entry_point,
            region,
            operation,
            subject,
            &no_tags,
            source_ip,
        )
    }

    /// The call, with tags that it brings along
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact of a call, and named by its type"
    )]
    pub(crate) fn call_with_tags(
        &self,
        caller: Caller,
        entry_point: EntryPoint,
        region: &Region,
        operation: Operation,
        subject: &Subject,
        tags: &RequestTags,
        source_ip: IpAddr,
    ) -> SupposedCall {
        let request = call::asked_about(
            operation,
            region.clone(),
            &subject.resource,
            subject.tags.as_ref(),
            tags,
        );
        SupposedCall::new(
            self.settings().clone(),
            caller,
            entry_point,
            request,
            self.now,
            source_ip,
        )
    }
}

impl CallDecision {
    /// `allowed`, `implicitDeny`, `explicitDeny` or `refused`
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Decided(decision) => decision.as_str(),
            Self::Refused => REFUSED,
        }
    }
}

impl fmt::Display for CallDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CallDecision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The decision about a call that no policy is asked about
pub(super) const REFUSED: &str = "refused";

/// The address of a call where none is given: that of a program on the emulator's machine
pub(crate) const SOURCE_IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
