//! Policies: from a file or from the configuration itself, parsed once, their mistakes reported at their own places.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use iam_policy::{Finding, FindingCode, PolicyDocument, PolicyType};

use super::{
    super::{
        Problem,
        file::{List, PolicyLevels, PolicyOrLevel, PolicySource},
        files::{Files, Unreadable},
        problems::{Place, Report},
        text_file,
        yaml::{self, Position},
    },
    each,
};
use crate::network::VpcEndpoint;
use crate::services::{
    policy_names::KnownNames,
    vocabulary::{self, Attachment, Surroundings},
};
use crate::settings::Settings;

/// Loads policies; a file that several places name is read once for each policy type
pub(super) struct Policies<'a> {
    files: &'a Files,
    report: &'a Report<'a>,
    loaded: RefCell<BTreeMap<(PathBuf, PolicyType), Option<PolicyDocument>>>,
    /// Every document that was loaded, once each; they are linted when the rest of the configuration is known
    documents: RefCell<Vec<(PolicyDocument, Origin)>>,
}

/// Where a document is written
enum Origin {
    /// In the configuration file, at this place
    Inline(Place),
    /// In a file of its own
    File(PathBuf),
}

impl<'a> Policies<'a> {
    pub(super) fn new(files: &'a Files, report: &'a Report<'a>) -> Self {
        Self {
            files,
            report,
            loaded: RefCell::default(),
            documents: RefCell::default(),
        }
    }

    /// Lints every document with the names that the configuration declares; an endpoint's policy is linted for each
    /// endpoint that it is attached to
    pub(super) fn warn(&self, settings: &Settings) {
        let known = KnownNames::of(settings);
        for (document, origin) in self.documents.borrow().iter() {
            self.warn_of_unknown_names(&known, document, origin);
            for surroundings in surroundings(document, settings) {
                for warning in vocabulary::lint(document.text(), document.policy_type(), surroundings) {
                    // Without variables the document means the same in either version, so a newcomer need not see this
                    // warning. `policy lint` gives it.
                    if warning.code == FindingCode::MissingVersion && !document.text().contains("${") {
                        continue;
                    }
                    match origin {
                        // The finding's line and column are those of the serialized text; the configuration file has
                        // its own.
                        Origin::Inline(place) => self
                            .report
                            .warning(&place.descend(&warning.path), &*warning.message),
                        Origin::File(file) => self.report.add_warning(in_file(file, &warning)),
                    }
                }
            }
        }
    }

    fn warn_of_unknown_names(&self, known: &KnownNames<'_>, document: &PolicyDocument, origin: &Origin) {
        let found = known.unknown_in(document);
        if found.is_empty() {
            return;
        }
        // JSON is YAML, and this reader knows the position of every value.
        let tree = yaml::parse(document.text(), yaml::NODES_MAX).ok();
        for unknown in found {
            match origin {
                Origin::Inline(place) => self
                    .report
                    .warning(&place.descend(&unknown.pointer), unknown.message),
                Origin::File(file) => {
                    let position = tree.as_ref().map(|tree| tree.position_at(&unknown.pointer));
                    let problem = Problem {
                        path: unknown.pointer,
                        ..Problem::in_file(file, unknown.message)
                    };
                    self.report.add_warning(problem.at(position));
                }
            }
        }
    }

    fn keep(&self, document: &PolicyDocument, origin: Origin) {
        self.documents.borrow_mut().push((document.clone(), origin));
    }

    /// A policy of the configuration file
    pub(super) fn policy(
        &self,
        written: Option<PolicySource>,
        place: &Place,
        policy_type: PolicyType,
    ) -> Option<PolicyDocument> {
        match written? {
            PolicySource::File(path) => {
                let file = self.files.base().join(path);
                self.load(&file, policy_type, |error| {
                    self.report.problem(place, error.in_a_file_or_inline());
                })
            }
            PolicySource::Document(document) => {
                match PolicyDocument::parse(&document.to_string(), policy_type) {
                    Ok(policy) => {
                        self.keep(&policy, Origin::Inline(place.clone()));
                        Some(policy)
                    }
                    Err(error) => {
                        // The finding's line and column are those of the serialized text; the configuration file has
                        // its own.
                        for finding in error.findings() {
                            self.report
                                .problem(&place.descend(&finding.path), &*finding.message);
                        }
                        None
                    }
                }
            }
        }
    }

    /// The policy file that an option names
    pub(super) fn of_option(&self, file: &Path, policy_type: PolicyType) -> Option<PolicyDocument> {
        self.load(file, policy_type, |error| {
            let message = error.in_a_file();
            self.report
                .add(Problem::of_process(format!("endpoint-policy: {message}")));
        })
    }

    /// A list of policies; whatever one of them allows is allowed
    pub(super) fn list(
        &self,
        written: List<PolicySource>,
        place: &Place,
        policy_type: PolicyType,
    ) -> Option<Vec<PolicyDocument>> {
        let policies = each(written, place, self.report, |place, policy| {
            self.policy(Some(policy), place, policy_type)
        })?;
        if let Some(consequence) = consequence_of_denying_only(policy_type)
            && !policies.is_empty()
            && !policies.iter().any(PolicyDocument::has_allow)
        {
            let message = format!("none of these policies has an `Allow` statement, so {consequence}");
            self.report.warning(place, message);
        }
        Some(policies)
    }

    /// The identity policies and the permissions boundary of the principal or role at a place
    pub(super) fn of_identity(
        &self,
        identity_policies: Option<List<PolicySource>>,
        permissions_boundary: Option<PolicySource>,
        place: &Place,
    ) -> Option<(Option<Vec<PolicyDocument>>, Vec<PolicyDocument>)> {
        let list_place = place.child("identity_policies");
        let identity_policies =
            identity_policies.map(|list| self.list(list, &list_place, PolicyType::Identity));
        let boundary_place = place.child("permissions_boundary");
        let permissions_boundary = permissions_boundary
            .map(|policy| self.policy(Some(policy), &boundary_place, PolicyType::PermissionsBoundary));
        let identity_policies = match identity_policies {
            Some(policies) => Some(policies?),
            None => None,
        };
        let permissions_boundary = permissions_boundary.into_iter().collect::<Option<_>>();
        Some((identity_policies, permissions_boundary?))
    }

    /// The levels of an organization's policies, root first; an empty list is no level at all
    pub(super) fn levels(
        &self,
        written: Option<PolicyLevels>,
        place: &Place,
        policy_type: PolicyType,
    ) -> Option<Vec<Vec<PolicyDocument>>> {
        let (mut policies, mut levels) = (List::new(), List::new());
        for element in written.map_or_else(Vec::new, |written| written.0) {
            match element {
                Some(PolicyOrLevel::Level(level)) => levels.push(Some(level)),
                Some(PolicyOrLevel::Policy(policy)) => policies.push(Some(policy)),
                None => policies.push(None),
            }
        }
        match (policies.is_empty(), levels.is_empty()) {
            (true, true) => Some(Vec::new()),
            (false, true) => Some(vec![self.list(policies, place, policy_type)?]),
            (true, false) => each(levels, place, self.report, |place, level| {
                self.list(level, place, policy_type)
            }),
            (false, false) => self
                .report
                .refuse(place, "a list holds policies or lists of policies, not both"),
        }
    }

    fn load(
        &self,
        file: &Path,
        policy_type: PolicyType,
        unreadable: impl FnOnce(Unreadable),
    ) -> Option<PolicyDocument> {
        // Reported at each place that names the file, because each of those places must be corrected.
        let text = self.files.read_text(file).map_err(unreadable).ok()?;
        let mut loaded = self.loaded.borrow_mut();
        let loaded = loaded
            .entry((file.to_path_buf(), policy_type))
            .or_insert_with(|| match PolicyDocument::parse(&text, policy_type) {
                Ok(policy) => {
                    self.keep(&policy, Origin::File(file.to_path_buf()));
                    Some(policy)
                }
                Err(error) => {
                    for finding in error.findings() {
                        let message = text_file::policy_message(finding, &text).into_owned();
                        let problem = in_file(file, finding);
                        self.report.add(Problem { message, ..problem });
                    }
                    None
                }
            });
        loaded.clone()
    }
}

/// What happens to requests when a list of policies only denies; `None` where such a list is in order
fn consequence_of_denying_only(policy_type: PolicyType) -> Option<&'static str> {
    match policy_type {
        PolicyType::Identity => Some("every request of the principal is refused"),
        PolicyType::Session => Some("every request of the session is refused"),
        // Organizations User Guide, *Service control policies*: `FullAWSAccess` is attached everywhere at first.
        PolicyType::ServiceControl => Some(
            "every request is refused; AWS attaches `FullAWSAccess` to every level unless it is taken away, so put one that \
             allows `*` beside them",
        ),
        // A full-access policy is always attached.
        PolicyType::ResourceControl => None,
        // These are single documents, and lint reports it about each.
        PolicyType::VpcEndpoint | PolicyType::PermissionsBoundary | PolicyType::RoleTrust => None,
    }
}

/// What is known of the requests that a document will be asked about: once for each endpoint that it is attached to
fn surroundings<'c>(document: &PolicyDocument, settings: &'c Settings) -> Vec<Surroundings<'c>> {
    let attached: Vec<_> = settings
        .networks
        .vpc_endpoints
        .iter()
        .filter(|endpoint| document.is_same(&endpoint.policy_document))
        .map(|endpoint| attached_to(endpoint, settings))
        .collect();
    if attached.is_empty() {
        vec![Surroundings::Configured { settings }]
    } else {
        attached
    }
}

/// What is known of the requests that the policy of an endpoint is asked about
pub(super) fn attached_to<'c>(endpoint: &'c VpcEndpoint, settings: &'c Settings) -> Surroundings<'c> {
    let mut vpcs = settings.networks.vpcs.iter();
    let vpc = vpcs.find(|vpc| vpc.vpc_id == endpoint.vpc_id);
    Surroundings::Attached {
        settings,
        endpoint: Attachment {
            vpc_endpoint_id: &endpoint.vpc_endpoint_id,
            vpc_id: &endpoint.vpc_id,
            region: vpc.and_then(|vpc| vpc.region.as_ref()),
        },
    }
}

fn in_file(file: &Path, finding: &Finding) -> Problem {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let position = Position {
        line: number(finding.line),
        column: number(finding.column),
    };
    Problem {
        path: finding.path.clone(),
        ..Problem::in_file(file, &*finding.message)
    }
    .at(Some(position))
}
