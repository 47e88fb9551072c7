//! The request context: every condition key that a request has, from the entry point, the caller, the connection, the
//! headers, the clock, the resource and its tags.
//!
//! Keys are present when IAM User Guide, *AWS global condition context keys*, says so; Service Authorization Reference,
//! *Amazon Lookout for Vision*, has the tag keys. The keys that the emulator never sets are those that no direct call
//! to this service has (`aws:CalledVia…`, `aws:SourceArn`, `aws:FederatedProvider`, `aws:MultiFactorAuthAge`, …), and
//! `aws:SourceVpcArn`, `aws:VpceAccount`, `aws:VpceOrgID` and `aws:VpceOrgPaths`, whose lists of supporting services do
//! not name this one.

use std::net::IpAddr;

use aws_identifiers::Region;
use client_text::cut_bytes;
use iam_policy::{IdentityKind, RequestContext, Resource};
use jiff::Timestamp;

use super::Pair;
use crate::{
    identity::{Caller, Credentials},
    network::entry_point::EntryPoint,
    request::ReceivedRequest,
    settings::Settings,
};

/// What the context is made of besides the settings, the caller, the entry point and what is asked for
#[derive(Debug)]
pub(super) struct Facts {
    time: Timestamp,
    /// The client's address: `aws:SourceIp` or `aws:VpcSourceIp`
    peer: IpAddr,
    user_agent: Option<Box<str>>,
    referer: Option<Box<str>>,
}

impl Facts {
    pub(super) fn of(received: &ReceivedRequest) -> Self {
        Self {
            time: received.received_at,
            peer: received.connection.peer.ip(),
            user_agent: received.header(&http::header::USER_AGENT).map(Into::into),
            referer: received.header(&http::header::REFERER).map(Into::into),
        }
    }

    /// The facts of a call that nobody made
    pub(super) fn supposed(time: Timestamp, peer: IpAddr) -> Self {
        Self {
            time,
            peer,
            user_agent: None,
            referer: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<Self>() + text(&self.user_agent) + text(&self.referer)
    }

    /// The same with each text cut to at most `bytes_max` bytes
    pub(super) fn abridged(&self, bytes_max: usize) -> Self {
        let cut = |text: &str| -> Box<str> { cut_bytes(text, bytes_max).into() };
        Self {
            time: self.time,
            peer: self.peer,
            user_agent: self.user_agent.as_deref().map(cut),
            referer: self.referer.as_deref().map(cut),
        }
    }

    /// Every condition key of this request, including those of one of its pairs
    pub(super) fn context<'a>(
        &'a self,
        settings: &'a Settings,
        caller: &'a Caller,
        entry_point: &'a EntryPoint,
        region: &'a Region,
        pair: &'a Pair,
    ) -> RequestContext<'a> {
        let mut context = RequestContext::with_capacity(KEYS_EXPECTED);
        self.network_keys(&mut context, entry_point);
        principal_keys(&mut context, settings, caller);
        self.request_keys(&mut context, region);
        resource_keys(&mut context, settings, pair.resource());
        pair.add_keys(&mut context);
        context
    }

    fn source_ip(&self) -> String {
        self.peer.to_canonical().to_string()
    }

    fn network_keys<'a>(&'a self, context: &mut RequestContext<'a>, entry_point: &'a EntryPoint) {
        match entry_point {
            EntryPoint::VpcEndpoint(placed) => {
                context.insert("aws:SourceVpce", placed.id().as_str());
                context.insert("aws:SourceVpc", placed.vpc.vpc_id.as_str());
                context.insert("aws:VpcSourceIp", self.source_ip());
            }
            EntryPoint::Public => context.insert("aws:SourceIp", self.source_ip()),
        }
        // There is no listener without TLS.
        context.insert("aws:SecureTransport", "true");
    }

    fn request_keys<'a>(&'a self, context: &mut RequestContext<'a>, region: &'a Region) {
        context.insert("aws:RequestedRegion", region.as_str());
        context.insert("aws:CurrentTime", whole_seconds(self.time).to_string());
        context.insert("aws:EpochTime", self.time.as_second().to_string());
        context.insert("aws:ViaAWSService", "false");
        if let Some(user_agent) = &self.user_agent {
            context.insert("aws:UserAgent", &**user_agent);
        }
        if let Some(referer) = &self.referer {
            context.insert("aws:referer", &**referer);
        }
    }
}

fn resource_keys<'a>(context: &mut RequestContext<'a>, settings: &'a Settings, resource: &'a Resource) {
    let Resource::Arn(arn) = resource else { return };
    context.insert("aws:ResourceAccount", arn.account());
    if let Some(organization) = &settings.identities.organization
        && arn.account() == settings.account_id.as_str()
    {
        context.insert("aws:ResourceOrgID", organization.id.as_str());
    }
}

fn principal_keys<'a>(context: &mut RequestContext<'a>, settings: &'a Settings, caller: &'a Caller) {
    let principal = &*caller.principal;
    let identity = principal
        .identity
        .identity()
        .expect("a configured principal is an identity");
    context.insert("aws:PrincipalArn", &*principal.policy_arn);
    context.insert("aws:PrincipalAccount", identity.account());
    context.insert(
        "aws:PrincipalType",
        match identity.kind() {
            IdentityKind::Root => "Account",
            IdentityKind::User => "User",
            IdentityKind::FederatedUser => "FederatedUser",
            IdentityKind::Role | IdentityKind::AssumedRole => "AssumedRole",
        },
    );
    context.insert("aws:userid", &*principal.user_id);
    context.insert("aws:PrincipalIsAWSService", "false");
    if identity.kind() == IdentityKind::User {
        context.insert("aws:username", identity.name());
    }
    for (key, value) in &principal.tags {
        context.insert(format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    if let Some(organization) = &settings.identities.organization
        && identity.account() == settings.account_id.as_str()
    {
        context.insert("aws:PrincipalOrgID", organization.id.as_str());
    }
    if let Some(issued_at) = principal.issued_at {
        context.insert("aws:TokenIssueTime", whole_seconds(issued_at).to_string());
    }
    if let Some(source_identity) = &principal.source_identity {
        context.insert("aws:SourceIdentity", &**source_identity);
    }
    if caller.credentials == Credentials::Temporary {
        // Guess: the configuration does not say how a session was made, so we take it that it was made without MFA.
        // AssumeRole makes sessions without MFA too, because there is no MFA device here.
        context.insert("aws:MultiFactorAuthPresent", "false");
    }
}

// IAM User Guide, *Condition operators*: dates in ISO 8601. AWS's own values have whole seconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).expect("a moment without its fraction is a moment")
}

/// Room for the keys of an ordinary request
const KEYS_EXPECTED: usize = 24;

#[cfg(test)]
mod tests;
