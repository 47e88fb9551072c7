//! Roles that callers can assume, and the managed policies that narrow those sessions.

use std::{sync::Arc, time::Duration};

use iam_policy::{Identity, PolicyType};

use super::{
    super::{
        file::{self, List},
        problems::{Place, Report},
    },
    Unique, each,
    policies::Policies,
    tags::{self, KeyCase},
};
use crate::identity::{ManagedPolicy, Role, key_values::unique_id};

/// The declared roles
pub(super) fn validate(
    written: Option<List<file::Role>>,
    place: &Place,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Option<Vec<Arc<Role>>> {
    let mut names = Unique::new("role");
    each(written.unwrap_or_default(), place, report, |place, written| {
        let identity = written.arn.map(|arn| arn.0);
        if let Some(identity) = &identity {
            // IAM API reference, `CreateRole`: names are unique within the account, whatever the path and the case.
            let name = format!("{}/{}", identity.account(), identity.name().to_lowercase());
            names.check(name, place.child("arn"), report);
        }
        let trust_policy = policies.policy(
            written.trust_policy,
            &place.child("trust_policy"),
            PolicyType::RoleTrust,
        );
        let tags = tags::validate(
            written.tags,
            &place.child("tags"),
            ROLE_TAGS_MAX,
            KeyCase::Ignored,
            report,
        );
        let attached = policies.of_identity(written.identity_policies, written.permissions_boundary, place);
        let identity = identity?;
        let (identity_policies, permissions_boundary) = attached?;
        Some(Arc::new(Role {
            // Made of the ARN without a path, as for a session that is declared beside the role.
            unique_id: unique_id("AROA", &arn_without_path(&identity)).into(),
            identity,
            trust_policy: trust_policy?,
            tags: tags?,
            identity_policies,
            permissions_boundary,
            // IAM API reference, `CreateRole`, MaxSessionDuration: the default is 3600.
            max_session_duration: Duration::from_secs(written.max_session_duration_seconds.unwrap_or(3_600)),
        }))
    })
}

/// The declared managed policies
pub(super) fn managed_policies(
    written: Option<List<file::ManagedPolicy>>,
    place: &Place,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Option<Vec<ManagedPolicy>> {
    let mut arns = Unique::new("managed policy");
    each(written.unwrap_or_default(), place, report, |place, written| {
        let arn = written.arn.map(|arn| arn.0);
        if let Some(arn) = &arn {
            arns.check(arn.as_str().to_owned(), place.child("arn"), report);
        }
        // It narrows a session, so it is read as a session policy.
        let place = place.child("policy_document");
        let document = policies.policy(written.policy_document, &place, PolicyType::Session);
        Some(ManagedPolicy {
            arn: arn?.as_str().into(),
            document: document?,
        })
    })
}

fn arn_without_path(role: &Identity) -> String {
    format!(
        "arn:{}:iam::{}:role/{}",
        role.arn().partition(),
        role.account(),
        role.name()
    )
}

/// IAM and STS quotas: tags of a role
const ROLE_TAGS_MAX: usize = 50;
