//! From the mirror to a [`Config`]: every check that the form of the file cannot make.
//!
//! Each section has its file. A check that fails takes its mistake down and the next one goes on, so that all of them
//! are told together; what could not be made is `Err(Reported)`, and a `Config` comes out only when nothing was.

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
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use iam_policy::{PolicyDocument, PolicyType};
use lookoutvision::declared::{Declarations, MinimumImages, Timing};
use sigv4_verify::{DeclaredUnsignedPayload, MismatchDetail, UndeclaredUnsignedPayload, UnsignedAmzHeaders};

use self::{networks::WrittenNetworks, policies::Policies};
use super::{
    Config, Problem, Problems, Process,
    file::{self, ConfigFile},
    files::Files,
    limits::{LimitsFile, number_in},
    listened::ListenedAddresses,
    problems::{Place, Report, Reported},
    reachability,
    read::{List, Located},
    source::{ProcessSettings, Source},
};
use crate::{
    identity::{Identities, Organization},
    network::{
        EmulatedName, Networks, PublicEndpoint, VpcEndpoint,
        host_name::{EmulatedHost, HostName},
    },
    services::{policy_names::KnownNames, vocabulary},
    settings::{Limits, Settings, Strictness},
};

/// Makes a configuration of the file, or reports why there is none
///
/// `probe` is asked about the process's settings as soon as they are known to be good, whatever else may be wrong; it
/// answers with what stands against them (a busy port, a folder that cannot be written).
pub(super) fn validate(
    written: Located<ConfigFile>,
    source: &Source,
    files: &Files,
    report: &Report<'_>,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Reported> {
    let mut written = written.value?;
    let settings = ProcessSettings {
        listen: written.listen.as_ref(),
        control: written.control.as_ref(),
        certs: written.certs.as_ref(),
        public_certs: written.public_certs.as_ref(),
        log_format: written.log_format.as_ref(),
        log_requests: written.log_requests.as_ref(),
        log_level: written.log_level.as_ref(),
        http2: written.http2.as_ref(),
        state: written.state.as_ref(),
    };
    let process = source.process(&settings, files.base(), report);
    if let Ok(process) = &process {
        for (setting, message) in probe(process) {
            report_setting(setting, &message, &settings, source, report);
        }
    }
    let policies = Policies::new(files, report);
    let account_id = match written.account_id.take() {
        Some(account_id) => account_id.value,
        None => Ok(DEFAULT_ACCOUNT_ID
            .parse()
            .expect("the default account id has twelve digits")),
    };
    let names = names(written.names.take(), report);
    let roles = roles::validate(written.roles.take(), &policies, report);
    let principals_place = written.principals.as_ref().map(|list| list.place.clone());
    let principals = principals::validate(
        written.principals.take(),
        account_id.as_ref().ok(),
        roles.as_deref().unwrap_or_default(),
        &policies,
        report,
    );
    let managed_policies = roles::managed_policies(written.managed_policies.take(), &policies, report);
    let organization = written
        .organization
        .take()
        .map(|organization| organization_of(organization, &policies, report));
    let networks = networks::validate(
        WrittenNetworks {
            vpcs: written.vpcs.take(),
            vpc_endpoints: written.vpc_endpoints.take(),
            endpoint_policy: written.endpoint_policy.take(),
            option_policy: source.overrides.endpoint_policy.as_deref(),
        },
        &policies,
        report,
    );
    let public_endpoint = match written.public_endpoint.take() {
        Some(public_endpoint) => public_endpoint.value.map(PublicEndpoint::from),
        None => Ok(PublicEndpoint::default()),
    };
    let projects = projects::validate(written.projects.take(), files, report);
    if let (Ok(principals), Ok((_, vpc_endpoints)), Ok(projects)) = (&principals, &networks, &projects) {
        projects::warn_of_rules_that_never_match(projects, principals, vpc_endpoints, report);
    }
    if let (Ok(principals), Ok(roles), Ok((_, vpc_endpoints))) = (&principals, &roles, &networks) {
        let endpoints = vpc_endpoints.iter().map(|endpoint| &*endpoint.policy_document);
        let documents: Vec<_> = endpoints
            .chain(roles.iter().map(|role| &role.trust_policy))
            .collect();
        principals::warn_of_unknown_paths(principals, principals_place.as_ref(), &documents, report);
    }
    let strictness = strictness(written.strictness.take(), report);
    let s3 = s3::validate(written.s3.take(), files, report);
    let timing = match written.timing.take() {
        Some(timing) => timing.value.and_then(|timing| timing.validate(report)),
        None => Ok(Timing::default()),
    };
    let limits = limits(written.limits.take(), report);
    let (vpcs, vpc_endpoints) = networks?;
    let limits = limits?;
    let (strictness, minimum_images) = strictness?;
    let account_id = account_id?;
    let settings = Settings {
        names: names?,
        identities: Identities {
            principals: principals?,
            roles: roles?,
            managed_policies: managed_policies?,
            organization: organization.transpose()?,
        },
        networks: Networks {
            vpcs,
            vpc_endpoints,
            public_endpoint: public_endpoint?,
        },
        lookoutvision: Arc::new(Declarations {
            account_id: account_id.clone(),
            projects: projects?.into_iter().map(|(_, project)| project).collect(),
            timing: timing?,
            minimum_images,
            limits: limits.of_lookoutvision(),
        }),
        account_id,
        s3: s3?,
        strictness,
        limits,
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
            report.warning(&Place::root().descend(&unreached.pointer), unreached.message);
        }
    }
    Ok(config)
}

/// An endpoint policy that a test gives, which is in no file
pub(super) fn endpoint_policy(document: &serde_json::Value) -> Result<PolicyDocument, Problems> {
    PolicyDocument::parse(&document.to_string(), PolicyType::VpcEndpoint).map_err(|error| {
        let problem = |finding: &iam_policy::Finding| Problem {
            path: finding.path.clone(),
            ..Problem::of_process(&*finding.message)
        };
        error.findings().iter().map(problem).collect()
    })
}

/// What lint has to say about the policy of an endpoint, where it is in no file
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

/// A setting of the process that something outside of the configuration can stand against
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
    settings: &ProcessSettings<'_>,
    source: &Source,
    report: &Report<'_>,
) {
    let said = &source.overrides;
    let (name, written, is_overridden) = match setting {
        Setting::Listen => ("listen", settings.listen, said.listen.is_some()),
        Setting::Control => ("control", settings.control, said.control.is_some()),
        Setting::Certs => ("certs", settings.certs, said.certs.is_some()),
        Setting::PublicCerts => ("public_certs", settings.public_certs, said.public_certs.is_some()),
    };
    match written {
        Some(located) if !is_overridden => report.problem(&located.place, message),
        _ => report.add(Problem::of_process(format!("{name}: {message}"))),
    };
}

fn names(written: Option<List<String>>, report: &Report<'_>) -> Result<Vec<EmulatedName>, Reported> {
    let names = elements(written)?;
    let names = names.into_iter().map(|name| {
        let text = name.value?;
        let parsed = parse_name(&text).ok_or_else(|| {
            report.problem(
                &name.place,
                format!("`{text}` is neither a DNS name nor an address"),
            )
        })?;
        // It would have a certificate, and every request to it would be refused.
        let is_not_played = matches!(&parsed, EmulatedName::Dns(dns)
            if dns.parse::<HostName>().is_ok_and(|host| host.emulated() == EmulatedHost::NotPlayed));
        if is_not_played {
            let message = format!(
                "`{text}` is a name of AWS that this emulator does not play; it answers for lookoutvision, ec2 and sts of \
                 every Region without being told"
            );
            return Err(report.problem(&name.place, message));
        }
        Ok(parsed)
    });
    let mut names = all(names)?;
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Ok(names)
}

fn parse_name(text: &str) -> Option<EmulatedName> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(EmulatedName::Address(address));
    }
    // RFC 1035, with the underscore that Compose puts into the names of containers.
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let looks_like_an_address = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && name.split('.').all(is_label) && !looks_like_an_address)
        .then_some(EmulatedName::Dns(name))
}

fn organization_of(
    written: Located<file::Organization>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Result<Organization, Reported> {
    let written = written.value?;
    let id = written.id.value.and_then(|id| {
        // Organizations API reference, `Organization`: `o-` and 10 to 32 lower-case letters or digits.
        let digits = id.strip_prefix("o-").unwrap_or_default();
        let is_id = (10..=32).contains(&digits.len())
            && digits
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let message = || format!("`{id}` is not an organization id (`o-` and 10 to 32 of [a-z0-9])");
        if is_id {
            Ok(id)
        } else {
            Err(report.problem(&written.id.place, message()))
        }
    });
    let service_control_policies =
        policies.levels(written.service_control_policies, PolicyType::ServiceControl);
    let rcp_place = written
        .resource_control_policies
        .as_ref()
        .map(|levels| levels.place.clone());
    let resource_control_policies =
        policies.levels(written.resource_control_policies, PolicyType::ResourceControl);
    if let (Some(place), Ok(levels)) = (rcp_place, &resource_control_policies)
        && levels.iter().any(|level| !level.is_empty())
    {
        // Organizations User Guide, *Resource control policies*: the list of services that support them.
        report.warning(&place, "AWS applies resource control policies to other services only, not to Lookout for Vision; here they are applied");
    }
    Ok(Organization {
        id: id?,
        service_control_policies: service_control_policies?,
        resource_control_policies: resource_control_policies?,
    })
}

fn strictness(
    written: Option<Located<file::Strictness>>,
    report: &Report<'_>,
) -> Result<(Strictness, MinimumImages), Reported> {
    let written = match written {
        Some(written) => written.value?,
        None => file::Strictness::default(),
    };
    let undeclared = written
        .undeclared_unsigned_payload
        .map(|located| located.value)
        .transpose();
    let declared = written
        .declared_unsigned_payload
        .map(|located| located.value)
        .transpose();
    let amz_headers = written
        .unsigned_amz_headers
        .map(|located| located.value)
        .transpose();
    let detail = written.mismatch_detail.map(|located| located.value).transpose();
    let minimum_images = written.minimum_images.map(|located| located.value).transpose();
    let skew = number_in(report, written.clock_skew_seconds.as_ref(), 1, 86_400, 300);
    let strictness = Strictness {
        undeclared_unsigned_payload: match undeclared? {
            None | Some(file::UndeclaredUnsignedPayload::Warn) => {
                UndeclaredUnsignedPayload::AcceptWithWarning
            }
            Some(file::UndeclaredUnsignedPayload::Refuse) => UndeclaredUnsignedPayload::Refuse,
        },
        declared_unsigned_payload: match declared? {
            None | Some(file::AcceptOrRefuse::Accept) => DeclaredUnsignedPayload::Accept,
            Some(file::AcceptOrRefuse::Refuse) => DeclaredUnsignedPayload::Refuse,
        },
        unsigned_amz_headers: match amz_headers? {
            None | Some(file::AcceptOrRefuse::Refuse) => UnsignedAmzHeaders::Refuse,
            Some(file::AcceptOrRefuse::Accept) => UnsignedAmzHeaders::Accept,
        },
        mismatch_detail: match detail? {
            None | Some(file::MismatchDetail::Include) => MismatchDetail::Include,
            Some(file::MismatchDetail::Omit) => MismatchDetail::Omit,
        },
        clock_skew: Duration::from_secs(skew?),
    };
    let minimum_images = match minimum_images? {
        None | Some(file::MinimumImages::Ignore) => MinimumImages::Ignore,
        Some(file::MinimumImages::Enforce) => MinimumImages::Enforce,
    };
    Ok((strictness, minimum_images))
}

impl From<file::PublicEndpoint> for PublicEndpoint {
    fn from(written: file::PublicEndpoint) -> Self {
        match written {
            file::PublicEndpoint::Allow => Self::Allow,
            file::PublicEndpoint::Refuse => Self::Refuse,
        }
    }
}

fn limits(written: Option<Located<LimitsFile>>, report: &Report<'_>) -> Result<Limits, Reported> {
    let Some(written) = written else {
        return Ok(Limits::default());
    };
    let limits = written.value?.validate(report)?;
    if limits.in_flight_body_bytes_max < limits.body_bytes_max {
        let message = format!(
            "`in_flight_body_bytes_max` ({}) is less than `body_bytes_max` ({}): such a body would never be read",
            limits.in_flight_body_bytes_max, limits.body_bytes_max
        );
        return Err(report.problem(&written.place, message));
    }
    Ok(limits)
}

/// The elements of a list that may be absent
fn elements<T>(list: Option<List<T>>) -> Result<Vec<Located<T>>, Reported> {
    list.map_or(Ok(Vec::new()), |list| list.value)
}

/// All of them, or that some were reported; every one is looked at either way
fn all<T>(results: impl Iterator<Item = Result<T, Reported>>) -> Result<Vec<T>, Reported> {
    let mut failed = None;
    let mut values = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(reported) => failed = Some(reported),
        }
    }
    failed.map_or(Ok(values), Err)
}

/// Finds what may be there once only
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

    /// Takes down a problem if the key was seen before
    fn check(&mut self, key: K, place: &Place, report: &Report<'_>) -> Result<(), Reported> {
        if let Some(first) = self.seen.get(&key) {
            let message = format!("duplicate {} `{key}`; {}", self.what, report.first_at(first));
            return Err(report.problem(place, message));
        }
        self.seen.insert(key, place.clone());
        Ok(())
    }
}

const DEFAULT_ACCOUNT_ID: &str = "123456789012";
