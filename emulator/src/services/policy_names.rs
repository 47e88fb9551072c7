//! Names in policies that the configuration does not have: accounts, Regions, projects, models.
//!
//! A policy that names a wrong project by mistake matches nothing, and nothing tells so. So what is named in full,
//! without a wildcard or a variable, is looked up when the policy is loaded and when it is attached:
//!
//! ```text
//! "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProjct/1"
//! → /Statement/0/Resource: … names project `myProjct`, which is not declared in us-west-2
//! ```
//!
//! Lint reports the rest: that the service has no resources of another account, nor any in a Region without a VPC.

use std::collections::BTreeSet;

use aws_identifiers::Region;
use client_text::Shown;
use iam_policy::{Identity, PolicyDocument, PolicyType};
use serde_json::Value;

use crate::{
    network::{PublicEndpoint, host_name::EmulatedService},
    settings::Settings,
};

/// Something that a policy names and the configuration does not have
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownName {
    /// Where the policy names it, as a JSON Pointer into the document
    pub(crate) pointer: String,
    /// What is not there
    pub(crate) message: String,
}

/// The names in a configuration that policies can use
#[derive(Debug)]
pub(crate) struct KnownNames<'c> {
    settings: &'c Settings,
    /// The account of the configuration, and those of everyone who is declared
    accounts: BTreeSet<&'c str>,
    /// `None`: there is an endpoint in every Region, or there can be one
    endpoint_regions: Option<BTreeSet<&'c Region>>,
}

/// A place in a document
#[derive(Clone)]
struct Place(String);

impl Place {
    fn child(&self, token: impl std::fmt::Display) -> Self {
        let token = token.to_string().replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{token}", self.0))
    }
}

impl<'c> KnownNames<'c> {
    pub(crate) fn of(settings: &'c Settings) -> Self {
        let principals = settings
            .identities
            .principals
            .iter()
            .filter_map(|principal| principal.identity.identity());
        let roles = settings.identities.roles.iter().map(|role| &role.identity);
        let declared = principals.chain(roles).map(Identity::account);
        let regions = settings.networks.vpc_endpoints.iter().map(|endpoint| {
            let vpc = settings
                .networks
                .vpcs
                .iter()
                .find(|vpc| vpc.vpc_id == endpoint.vpc_id);
            vpc.and_then(|vpc| vpc.region.as_ref())
        });
        Self {
            settings,
            accounts: BTreeSet::from_iter(declared.chain([settings.account_id.as_str()])),
            // Who declares no endpoint creates them by calls.
            endpoint_regions: regions
                .collect::<Option<BTreeSet<_>>>()
                .filter(|regions| !regions.is_empty()),
        }
    }

    /// The names in a running emulator, where calls may have created endpoints in any Region
    pub(crate) fn at_run_time(settings: &'c Settings) -> Self {
        Self {
            endpoint_regions: None,
            ..Self::of(settings)
        }
    }

    /// What a document names and does not exist, in the order of its text
    pub(crate) fn unknown_in(&self, document: &PolicyDocument) -> Vec<UnknownName> {
        // The text was read before, by a stricter reader.
        let Ok(tree) = serde_json::from_str::<Value>(document.text()) else {
            return Vec::new();
        };
        let mut search = Search {
            known: self,
            policy_type: document.policy_type(),
            found: Vec::new(),
        };
        for (place, statement) in one_or_more(&tree["Statement"], &Place("/Statement".to_owned())) {
            search.statement(statement, &place);
        }
        search.found
    }

    fn own_account(&self) -> &str {
        self.settings.account_id.as_str()
    }

    fn has_endpoint_in(&self, region: &str) -> bool {
        self.endpoint_regions
            .as_ref()
            .is_none_or(|regions| regions.iter().any(|known| known.as_str() == region))
    }

    /// Whether an endpoint can be in a Region; if not, lint says so
    fn has_vpc_in(&self, region: &str) -> bool {
        let mut regions = self.settings.networks.vpcs.iter().map(|vpc| vpc.region.as_ref());
        regions.any(|own| own.is_none_or(|own| own.as_str() == region))
    }

    /// The declared role with the same name and another path, if the role itself is not declared
    fn role_with_another_path(&self, arn: &str) -> Option<&'c str> {
        // `None`: the ARN of something else
        let without_path = |arn: &str| -> Option<(String, String)> {
            let (account, path_and_name) = arn.split_once(":role/")?;
            let name = path_and_name.rsplit('/').next()?;
            Some((account.to_owned(), name.to_owned()))
        };
        let named = without_path(arn)?;
        let declared = || {
            let roles = self.settings.identities.roles.iter();
            roles.map(|role| role.identity.arn().as_str())
        };
        let is_declared = declared().any(|declared| declared == arn);
        declared().find(|declared| !is_declared && without_path(declared).as_ref() == Some(&named))
    }

    /// Whether a project is declared, in a Region or (`None`) in any
    fn has_project(&self, name: &str, region: Option<&str>) -> bool {
        self.projects(name, region).next().is_some()
    }

    /// Whether a model is declared, or its project is one that only calls will create
    fn has_model(&self, project: &str, version: &str, region: Option<&str>) -> bool {
        self.projects(project, region).any(|project| {
            let mut versions = project.models.iter().map(|model| model.version.as_str());
            !project.exists || versions.any(|declared| declared == version)
        })
    }

    fn projects(
        &self,
        name: &str,
        region: Option<&str>,
    ) -> impl Iterator<Item = &'c lookoutvision::declared::DeclaredProject> {
        self.settings
            .lookoutvision
            .projects
            .iter()
            .filter(move |project| {
                let own = project.region.as_ref().map(Region::as_str);
                project.name.as_str() == name && (own.is_none() || region.is_none() || own == region)
            })
    }
}

struct Search<'k, 'c> {
    known: &'k KnownNames<'c>,
    policy_type: PolicyType,
    found: Vec<UnknownName>,
}

impl Search<'_, '_> {
    fn report(&mut self, place: &Place, message: String) {
        if self.found.len() < iam_policy::FINDINGS_MAX {
            self.found.push(UnknownName {
                pointer: place.0.clone(),
                message,
            });
        }
    }

    fn statement(&mut self, statement: &Value, place: &Place) {
        for clause in ["Principal", "NotPrincipal"] {
            let place = place.child(clause).child("AWS");
            for (place, text) in texts(&statement[clause]["AWS"], &place) {
                self.principal(text, &place);
            }
        }
        for clause in [ResourceClause::Resource, ResourceClause::NotResource] {
            let name = clause.name();
            for (place, text) in texts(&statement[name], &place.child(name)) {
                self.resource(text, clause, &place);
            }
        }
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            let place = place.child("Condition").child(operator);
            for (key, values) in keys.as_object().into_iter().flatten() {
                self.condition(operator, key, values, &place.child(key));
            }
        }
    }

    fn principal(&mut self, text: &str, place: &Place) {
        let account = text.split(':').nth(4).unwrap_or(text);
        if is_account(account) && !self.known.accounts.contains(account) {
            let own = self.known.own_account();
            self.report(
                place,
                format!(
                    "names account `{account}`; everything here belongs to `{own}`, and no principal and no role of \
                     `{account}` is declared"
                ),
            );
        }
        if let Some(declared) = self.known.role_with_another_path(text) {
            self.report(
                place,
                format!(
                    "`{}` names no declared role, whose ARN has its path: `{declared}` is declared",
                    Shown(text)
                ),
            );
        }
    }

    fn resource(&mut self, text: &str, clause: ResourceClause, place: &Place) {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let ["arn", _, service, region, account, resource] = parts[..] else {
            return;
        };
        let known = self.known;
        let is_own_service = service == EmulatedService::LookoutVision.signing_name();
        let is_known = match service {
            "iam" | "sts" => known.accounts.contains(account),
            _ => account == known.own_account(),
        };
        let is_played = service == "iam" || EmulatedService::from_signing_name(service).is_some();
        if is_played && is_account(account) && !is_known {
            if is_own_service && clause == ResourceClause::Resource {
                return; // Lint says it.
            }
            let own = known.own_account();
            self.report(
                place,
                format!(
                    "`{}` names account `{account}`, and everything here belongs to `{own}`",
                    Shown(text)
                ),
            );
        } else if is_own_service {
            self.region_and_name(text, region, resource, place);
        }
    }

    /// The Region, project and model of a resource of Lookout for Vision
    fn region_and_name(&mut self, arn: &str, region: &str, resource: &str, place: &Place) {
        let known = self.known;
        let region = Some(region).filter(|region| is_literal(region));
        if let Some(region) = region
            && !known.has_endpoint_in(region)
            // Without an endpoint there, policies other than an endpoint's still decide about the public endpoint.
            && (self.policy_type == PolicyType::VpcEndpoint
                || known.settings.networks.public_endpoint == PublicEndpoint::Refuse)
        {
            if known.has_vpc_in(region) {
                let message = format!(
                    "`{}` names {region}, where no VPC endpoint is declared",
                    Shown(arn)
                );
                self.report(place, message);
            }
            return;
        }
        let mut names = resource.split('/');
        let (Some(kind), Some(project)) = (names.next(), names.next()) else {
            return;
        };
        if !is_literal(project) {
            return;
        }
        let in_region = region.map_or(String::new(), |region| format!(" in {region}"));
        if !known.has_project(project, region) {
            self.report(
                place,
                format!(
                    "`{}` names project `{}`, which is not declared{in_region}",
                    Shown(arn),
                    Shown(project)
                ),
            );
        } else if kind == "model"
            && let Some(version) = names.next().filter(|version| is_literal(version))
            && !known.has_model(project, version, region)
        {
            self.report(
                place,
                format!(
                    "`{}` names model `{}`, which project `{project}` does not declare{in_region}",
                    Shown(arn),
                    Shown(version)
                ),
            );
        }
    }

    /// A condition that no caller of a declared account can meet
    fn condition(&mut self, operator: &str, key: &str, values: &Value, place: &Place) {
        let operator = operator.rsplit(':').next().unwrap_or(operator);
        let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
        let is_positive = ["StringEquals", "StringEqualsIgnoreCase", "StringLike"].contains(&operator);
        if !is_positive || !key.eq_ignore_ascii_case("aws:PrincipalAccount") {
            return;
        }
        let values: Vec<_> = texts(values, place).into_iter().map(|(_, value)| value).collect();
        let is_known = |value: &&str| !is_account(value) || self.known.accounts.contains(value);
        if !values.is_empty() && !values.iter().any(is_known) {
            let values = values.join("`, `");
            self.report(
                place,
                format!("no principal and no role of `{}` is declared", Shown(values)),
            );
        }
    }
}

/// Which resources a statement is about
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResourceClause {
    Resource,
    NotResource,
}

impl ResourceClause {
    fn name(self) -> &'static str {
        match self {
            Self::Resource => "Resource",
            Self::NotResource => "NotResource",
        }
    }
}

/// The elements of a list, or the one value in the place of a list
fn one_or_more<'v>(value: &'v Value, place: &Place) -> Vec<(Place, &'v Value)> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => {
            let values = values.iter().enumerate();
            values.map(|(index, value)| (place.child(index), value)).collect()
        }
        value => vec![(place.clone(), value)],
    }
}

fn texts<'v>(value: &'v Value, place: &Place) -> Vec<(Place, &'v str)> {
    let values = one_or_more(value, place).into_iter();
    values
        .filter_map(|(place, value)| Some((place, value.as_str()?)))
        .collect()
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text is literal: it has no wildcard and no variable
fn is_literal(text: &str) -> bool {
    !text.is_empty() && !text.contains(['*', '?', '$'])
}

#[cfg(test)]
mod tests;
