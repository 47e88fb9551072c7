//! From the file to a [`Config`]: every check that takes more than one value.
//!
//! Each section has its file. A check that fails reports its mistake and the next one goes on, so that all mistakes are
//! reported together. `None` stands for what could not be made because something was reported; a `Config` comes out
//! only when nothing was. Values that are wrong in themselves have been left out of the file by now: a check that must
//! tell them from absent ones asks [`Report::is_said`].

pub(super) mod faults;
mod networks;
mod policies;
mod principals;
mod projects;
mod roles;
mod rules;
mod s3;
mod tags;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use iam_policy::{PolicyDocument, PolicyType};
use lookoutvision::{
    canned::CannedRule,
    declared::{Declarations, MinimumImages},
};
use sigv4_verify::{DeclaredUnsignedPayload, MismatchDetail, UndeclaredUnsignedPayload, UnsignedAmzHeaders};

use self::policies::Policies;
pub(super) use self::projects::{refuse_too_many_scenarios_of_list, warn_of_list};
use super::{
    Config, Problem, Problems, Process,
    file::{self, ConfigFile, List},
    files::Files,
    limits::LimitsFile,
    listened::ListenedAddresses,
    problems::{Place, Report},
    reachability,
    source::Source,
    texts::Name,
};
use crate::{
    identity::{Identities, Organization},
    network::{EmulatedName, Networks, VpcEndpoint},
    services::{policy_names::KnownNames, vocabulary},
    settings::{Limits, PolicyFiles, Settings, Strictness},
};

/// The rules of a configuration's first model, which are at this place of it
pub(super) fn rules_of_list(
    written: ConfigFile,
    list: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<Vec<CannedRule>> {
    let project = written.projects?.into_iter().next()??;
    let model = project.models?.into_iter().next()??;
    rules::validate(model.detect_anomalies, list, files, report)
}

/// Makes a configuration of the file, or reports why that is impossible
///
/// `probe` is asked about the process's settings as soon as they are known to be valid, whatever else may be wrong. It
/// returns what prevents their use (a busy port, a folder that cannot be written).
pub(super) fn validate(
    written: ConfigFile,
    source: &Source,
    files: &Files,
    report: &Report<'_>,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Option<Config> {
    let root = Place::root();
    let process = source.process(&written, files.base(), report);
    for (setting, message) in process.as_ref().map(probe).into_iter().flatten() {
        report_setting(setting, &message, &written, source, report);
    }
    let policies = Policies::new(files, report);
    let account_id = match written.account_id {
        Some(account_id) => account_id.0,
        None => DEFAULT_ACCOUNT_ID
            .parse()
            .expect("the default account id has twelve digits"),
    };
    let names = names(written.names.unwrap_or_default(), report);
    let roles = roles::validate(written.roles, &root.child("roles"), &policies, report);
    let are_principals_declared = written.principals.is_some();
    let principals_place = root.child("principals");
    let principals = principals::validate(
        written.principals,
        &principals_place,
        &account_id,
        roles.as_deref().unwrap_or_default(),
        &policies,
        report,
    );
    let managed_policies = roles::managed_policies(
        written.managed_policies,
        &root.child("managed_policies"),
        &policies,
        report,
    );
    let organization = written.organization.map(|organization| {
        let place = root.child("organization");
        organization_of(organization, &place, &policies, report)
    });
    let networks = networks::validate(
        networks::Written {
            vpcs: written.vpcs,
            vpc_endpoints: written.vpc_endpoints,
            endpoint_policy: written.endpoint_policy,
            option_policy: source.overrides.endpoint_policy.as_deref(),
        },
        &policies,
        report,
    );
    let are_projects_declared = written.projects.is_some();
    let projects_place = root.child("projects");
    let projects = projects::validate(written.projects, &projects_place, files, report);
    if let (Some(principals), Some((_, vpc_endpoints)), Some(projects)) = (&principals, &networks, &projects)
        && are_projects_declared
    {
        projects::warn_of_rules_that_never_match(
            projects,
            &projects_place,
            principals,
            vpc_endpoints,
            report,
        );
    }
    if let (Some(principals), Some(roles), Some((_, vpc_endpoints))) = (&principals, &roles, &networks)
        && are_principals_declared
    {
        let endpoints = vpc_endpoints.iter().map(|endpoint| &*endpoint.policy_document);
        let documents: Vec<_> = endpoints
            .chain(roles.iter().map(|role| &role.trust_policy))
            .collect();
        principals::warn_of_unknown_paths(principals, &principals_place, &documents, report);
    }
    let (strictness, minimum_images) = strictness(&written.strictness.unwrap_or_default());
    let s3 = s3::validate(written.s3.unwrap_or_default(), &root.child("s3"), files, report);
    let limits = limits(written.limits.unwrap_or_default(), &root.child("limits"), report);
    if let Some(projects) = &projects {
        projects::refuse_too_many_scenarios(projects, &projects_place, limits.scenarios_max, report);
    }
    let faults_place = root.child("faults");
    let faults = faults::validate(written.faults.unwrap_or_default(), &faults_place, report);
    if let Some(faults) = &faults
        && faults.len() > limits.faults_max
    {
        let message = format!(
            "{} faults are more than faults_max ({})",
            faults.len(),
            limits.faults_max
        );
        report.problem(&faults_place, message);
    }
    let (vpcs, vpc_endpoints) = networks?;
    let settings = Settings {
        names: names?,
        identities: Identities {
            principals: principals?,
            roles: roles?,
            managed_policies: managed_policies?,
            organization: match organization {
                Some(organization) => Some(organization?),
                None => None,
            },
        },
        networks: Networks {
            vpcs,
            vpc_endpoints,
            public_endpoint: written.public_endpoint.unwrap_or_default(),
        },
        lookoutvision: Arc::new(Declarations {
            account_id: account_id.clone(),
            projects: projects?,
            timing: written.timing.unwrap_or_default().into(),
            minimum_images,
            limits: limits.of_lookoutvision(),
            seed: written.seed.unwrap_or(0),
        }),
        account_id,
        s3: s3?,
        strictness,
        faults: faults?.into_iter().map(Arc::new).collect(),
        limits,
        coverage: written.coverage.unwrap_or(false),
        policy_files: PolicyFiles::default(),
    };
    let config = Config {
        settings: Arc::new(settings),
        process: process?,
        warnings: Vec::new(),
        file: None,
        sections: BTreeSet::new(),
        files: Vec::new(),
    };
    policies.warn(&config.settings);
    if let Some(listened) = ListenedAddresses::of(config.process.listen.ip()) {
        for unreached in reachability::unreached(&config.settings, &listened) {
            report.warning(&root.descend(&unreached.pointer), unreached.message);
        }
    }
    Some(config)
}

/// The endpoint policy that a test gives without a file
pub(super) fn endpoint_policy(document: &serde_json::Value) -> Result<PolicyDocument, Problems> {
    PolicyDocument::parse(&document.to_string(), PolicyType::VpcEndpoint).map_err(|error| {
        let problem = |finding: &iam_policy::Finding| Problem {
            path: finding.path.clone(),
            ..Problem::of_process(&*finding.message)
        };
        error.findings().iter().map(problem).collect()
    })
}

/// The warnings of lint about the policy of an endpoint that is in no file
pub(super) fn warnings_about(endpoint: &VpcEndpoint, settings: &Settings) -> Vec<Problem> {
    let document = &endpoint.policy_document;
    let surroundings = policies::attached_to(endpoint, settings);
    let findings = vocabulary::lint(document.text(), document.policy_type(), surroundings);
    let warning = |finding: &iam_policy::Finding| Problem {
        path: finding.path.clone(),
        ..Problem::of_process(format!("endpoint policy: {}", finding.message))
    };
    let unknown = KnownNames::of(settings).unknown_in(document).into_iter();
    let unknown = unknown.map(|unknown| Problem {
        path: unknown.pointer,
        ..Problem::of_process(format!("endpoint policy: {}", unknown.message))
    });
    findings.iter().map(warning).chain(unknown).collect()
}

/// A setting of the process whose use something outside of the configuration can prevent
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The address of the TLS listener
    Listen,
    /// The address of the control API
    Control,
    /// The folder of the certificate authority
    Certs,
    /// The folder that its public files are also written to
    PublicCerts,
}

fn report_setting(
    setting: Setting,
    message: &str,
    written: &ConfigFile,
    source: &Source,
    report: &Report<'_>,
) {
    let said = &source.overrides;
    let (name, is_written, is_overridden) = match setting {
        Setting::Listen => ("listen", written.listen.is_some(), said.listen.is_some()),
        Setting::Control => ("control", written.control.is_some(), said.control.is_some()),
        Setting::Certs => ("certs", written.certs.is_some(), said.certs.is_some()),
        Setting::PublicCerts => (
            "public_certs",
            written.public_certs.is_some(),
            said.public_certs.is_some(),
        ),
    };
    if is_written && !is_overridden {
        report.problem(&Place::root().child(name), message);
    } else {
        report.add(Problem::of_process(format!("{name}: {message}")));
    }
}

fn names(written: List<Name>, report: &Report<'_>) -> Option<Vec<EmulatedName>> {
    let mut names = each(written, &Place::root().child("names"), report, |_, name| {
        Some(name.0)
    })?;
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Some(names)
}

fn organization_of(
    written: file::Organization,
    place: &Place,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Option<Organization> {
    let service_control_policies = policies.levels(
        written.service_control_policies,
        &place.child("service_control_policies"),
        PolicyType::ServiceControl,
    );
    let rcp_place = place.child("resource_control_policies");
    let resource_control_policies = policies.levels(
        written.resource_control_policies,
        &rcp_place,
        PolicyType::ResourceControl,
    );
    if let Some(levels) = &resource_control_policies
        && levels.iter().any(|level| !level.is_empty())
    {
        // Organizations User Guide, *Resource control policies*: the list of services that support them.
        report.warning(&rcp_place, "AWS applies resource control policies to other services only, not to Lookout for Vision; here they are applied");
    }
    Some(Organization {
        id: written.id?.0,
        service_control_policies: service_control_policies?,
        resource_control_policies: resource_control_policies?,
    })
}

fn strictness(written: &file::Strictness) -> (Strictness, MinimumImages) {
    let strictness = Strictness {
        undeclared_unsigned_payload: match written.undeclared_unsigned_payload {
            None | Some(file::UndeclaredUnsignedPayload::Warn) => {
                UndeclaredUnsignedPayload::AcceptWithWarning
            }
            Some(file::UndeclaredUnsignedPayload::Refuse) => UndeclaredUnsignedPayload::Refuse,
        },
        declared_unsigned_payload: match written.declared_unsigned_payload {
            None | Some(file::AcceptOrRefuse::Accept) => DeclaredUnsignedPayload::Accept,
            Some(file::AcceptOrRefuse::Refuse) => DeclaredUnsignedPayload::Refuse,
        },
        unsigned_amz_headers: match written.unsigned_amz_headers {
            None | Some(file::AcceptOrRefuse::Refuse) => UnsignedAmzHeaders::Refuse,
            Some(file::AcceptOrRefuse::Accept) => UnsignedAmzHeaders::Accept,
        },
        mismatch_detail: match written.mismatch_detail {
            None | Some(file::MismatchDetail::Include) => MismatchDetail::Include,
            Some(file::MismatchDetail::Omit) => MismatchDetail::Omit,
        },
        clock_skew: Duration::from_secs(written.clock_skew_seconds.unwrap_or(300)),
    };
    let minimum_images = match written.minimum_images {
        None | Some(file::MinimumImages::Ignore) => MinimumImages::Ignore,
        Some(file::MinimumImages::Enforce) => MinimumImages::Enforce,
    };
    (strictness, minimum_images)
}

fn limits(written: LimitsFile, place: &Place, report: &Report<'_>) -> Limits {
    let limits = Limits::from(written);
    if limits.in_flight_body_bytes_max < limits.body_bytes_max && report.is_sound(place) {
        let message = format!(
            "`in_flight_body_bytes_max` ({}) is less than `body_bytes_max` ({}): such a body would never be read",
            limits.in_flight_body_bytes_max, limits.body_bytes_max
        );
        report.problem(place, message);
    }
    limits
}

/// Makes something of each element of a list. `None`: one of them is wrong; every element is looked at either way.
fn each<T, U>(
    list: List<T>,
    place: &Place,
    report: &Report<'_>,
    mut make: impl FnMut(&Place, T) -> Option<U>,
) -> Option<Vec<U>> {
    let made = list.into_iter().enumerate().map(|(index, element)| {
        let place = place.child(index);
        make(&place, element?).filter(|_| report.is_sound(&place))
    });
    // Collected twice, because the first `None` ends a collection of options.
    made.collect::<Vec<_>>().into_iter().collect()
}

/// Finds repetitions of keys that must be unique
struct Unique<K> {
    what: &'static str,
    seen: BTreeMap<K, Place>,
}

impl<K: Ord + fmt::Display> Unique<K> {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            seen: BTreeMap::new(),
        }
    }

    /// Reports a problem if the key was seen before
    fn check(&mut self, key: K, place: Place, report: &Report<'_>) {
        if let Some(first) = self.seen.get(&key) {
            let message = format!("duplicate {} `{key}`; {}", self.what, report.first_at(first));
            report.problem(&place, message);
        } else {
            self.seen.insert(key, place);
        }
    }
}

const DEFAULT_ACCOUNT_ID: &str = "123456789012";
