//! Roles that sessions can be had of, and the managed policies that narrow those sessions.

use std::{sync::Arc, time::Duration};

use iam_policy::{Arn, Identity, IdentityKind, PolicyType};

use super::{
    super::{
        file,
        limits::number_in,
        problems::{Report, Reported},
        read::List,
    },
    Unique, all, elements,
    policies::Policies,
    principals::unique_id,
    tags::{self, KeyCase},
};
use crate::identity::ManagedPolicy;
use crate::identity::Role;

/// The declared roles
pub(super) fn validate(
    written: Option<List<file::Role>>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Result<Vec<Arc<Role>>, Reported> {
    let mut names = Unique::new("role");
    let roles = elements(written)?.into_iter().map(|written| {
        let written = written.value?;
        let identity = written.arn.value.and_then(|text| {
            let identity = text
                .parse()
                .ok()
                .filter(|identity: &Identity| identity.kind() == IdentityKind::Role);
            let identity = identity.ok_or_else(|| {
                let message = format!("`{text}` is not the ARN of a role");
                report.problem(&written.arn.place, message)
            })?;
            // IAM API reference, `CreateRole`: names are unique within the account, whatever the path and the case.
            let name = format!("{}/{}", identity.account(), identity.name().to_lowercase());
            names.check(name, &written.arn.place, report)?;
            Ok(identity)
        });
        let trust_policy = policies.policy(written.trust_policy, PolicyType::RoleTrust);
        let tags = tags::validate(written.tags, ROLE_TAGS_MAX, KeyCase::Ignored, report);
        let identity_policies = written
            .identity_policies
            .map(|list| policies.list(list, PolicyType::Identity))
            .transpose();
        let permissions_boundary = written
            .permissions_boundary
            .map(|policy| policies.policy(policy, PolicyType::PermissionsBoundary))
            .transpose();
        // IAM API reference, `CreateRole`, MaxSessionDuration: 3600 to 43200, and 3600 when nothing is said.
        let max_session_duration = number_in(
            report,
            written.max_session_duration_seconds.as_ref(),
            3_600,
            43_200,
            3_600,
        );
        let identity = identity?;
        Ok(Arc::new(Role {
            // The same as for a session that is declared beside the role: its ARN has no path.
            unique_id: unique_id("AROA", &arn_without_path(&identity)).into(),
            identity,
            trust_policy: trust_policy?,
            tags: tags?,
            identity_policies: identity_policies?,
            permissions_boundary: permissions_boundary?.into_iter().collect(),
            max_session_duration: Duration::from_secs(max_session_duration?),
        }))
    });
    all(roles)
}

/// The declared managed policies
pub(super) fn managed_policies(
    written: Option<List<file::ManagedPolicy>>,
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Result<Vec<ManagedPolicy>, Reported> {
    let mut arns = Unique::new("managed policy");
    let managed = elements(written)?.into_iter().map(|written| {
        let written = written.value?;
        let arn = written.arn.value.and_then(|text| {
            let is_policy = text
                .parse::<Arn>()
                .is_ok_and(|arn| arn.service() == "iam" && arn.resource().starts_with("policy/"));
            if !is_policy {
                let message = format!("`{text}` is not the ARN of a managed policy");
                return Err(report.problem(&written.arn.place, message));
            }
            arns.check(text.clone(), &written.arn.place, report)?;
            Ok(text)
        });
        // As it narrows a session, it is read as a session policy.
        let document = policies.policy(written.policy_document, PolicyType::Session);
        Ok(ManagedPolicy {
            arn: arn?.into(),
            document: document?,
        })
    });
    all(managed)
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
