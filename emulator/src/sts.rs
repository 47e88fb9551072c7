//! The part of AWS Security Token Service that hands out sessions of roles, and tells callers who they are.
//!
//! Roles are those of the configuration. Who may assume one is decided by its trust policy and by the caller's own
//! side, like everything else; what comes out signs requests at once, and policies see the role in `aws:PrincipalArn`,
//! the session in `aws:userid`, and its tags, its name and its source identity where AWS puts them. A worked example:
//!
//! ```text
//! Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/inspector&RoleSessionName=line-7&DurationSeconds=900
//! → <AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA…</AccessKeyId>…
//! ```
//!
//! Shapes are those of the API model (botocore, `sts/2011-06-15`).

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use iam_policy::{Action, IdentityKind, Resource};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    authenticate::Caller,
    authorize::{Asked, Permit},
    config::Role,
    identifiers::Region,
    lookoutvision::invocation::RequestTags,
    query_protocol::Parameters,
    request::ReceivedRequest,
    state::{Shared, Snapshot},
    text::Shown,
    xml::Xml,
};

mod credentials;
pub(crate) mod error;
mod input;
pub(crate) mod sessions;

use self::{
    credentials::TemporaryCredentials,
    error::StsError,
    input::SessionInput,
    sessions::{SessionRequest, session_arn, session_id},
};

/// A call of an action that is played
#[derive(Debug)]
pub(crate) enum Call {
    /// `GetCallerIdentity`, which everybody may call
    GetCallerIdentity,
    /// `AssumeRole`, not yet allowed
    AssumeRole(Box<AssumeRole>),
}

/// Leave to be a role for a while is asked for
#[derive(Debug)]
pub(crate) struct AssumeRole {
    role: Arc<Role>,
    resource: Resource,
    region: Region,
    tags: RequestTags,
    input: SessionInput,
}

impl Call {
    /// Reads what is asked for; `None`: the request is no call
    ///
    /// # Errors
    /// When it is no action that is played, when the API model is broken, or when there is no such role.
    pub(crate) fn resolve(
        parameters: Option<Parameters>,
        caller: &Caller,
        snapshot: &Arc<Snapshot>,
        region: Region,
    ) -> Result<Self, StsError> {
        let parameters = parameters.ok_or(StsError::MissingAction)?;
        let action = parameters.get("Action").ok_or(StsError::MissingAction)?;
        let version = parameters.get("Version");
        match (action, version) {
            ("GetCallerIdentity", Some(VERSION)) => Ok(Self::GetCallerIdentity),
            ("AssumeRole", Some(VERSION)) => {
                let invocation = AssumeRole::resolve(&parameters, caller, snapshot, region)?;
                Ok(Self::AssumeRole(Box::new(invocation)))
            }
            _ => Err(StsError::InvalidAction {
                action: action.to_owned(),
                version: version.map(str::to_owned),
            }),
        }
    }
}

impl AssumeRole {
    fn resolve(
        parameters: &Parameters,
        caller: &Caller,
        snapshot: &Snapshot,
        region: Region,
    ) -> Result<Self, StsError> {
        let principal = &caller.principal;
        if principal.identity.kind() == Some(IdentityKind::Root) {
            // double-break/spapi-php#45.
            return Err(StsError::AccessDenied(
                "Roles may not be assumed by root accounts.".to_owned(),
            ));
        }
        let (role_arn, input) = SessionInput::read(parameters, principal, &snapshot.config)?;
        // AWS does not tell a role that is not there from one that must not be assumed (Netflix/security_monkey#77).
        let role = snapshot.config.role(&role_arn).ok_or_else(|| {
            StsError::AccessDenied(format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                principal.arn(),
                Shown(&role_arn)
            ))
        })?;
        input.refuse_longer_than(role, principal)?;
        Ok(Self {
            role: role.clone(),
            resource: Resource::Arn(role.identity.arn().clone()),
            region,
            tags: RequestTags {
                tags: input.tags.clone().into_iter().collect(),
                keys: Vec::new(),
            },
            input,
        })
    }
}

impl Asked for AssumeRole {
    fn action(&self) -> &'static Action {
        &ACTIONS[0]
    }

    /// IAM User Guide, *Pass session tags in AWS STS* and *Monitor and control actions taken with assumed roles*: tags
    /// and a source identity, also those that go on from the session before, must be allowed like the call itself.
    fn further_actions(&self) -> Vec<&'static Action> {
        let tags = (!self.input.tags.is_empty()).then(|| &ACTIONS[1]);
        let source_identity = self.input.source_identity.as_ref().map(|_| &ACTIONS[2]);
        tags.into_iter().chain(source_identity).collect()
    }

    fn resource(&self) -> &Resource {
        &self.resource
    }

    fn region(&self) -> &Region {
        &self.region
    }

    fn tags(&self) -> &RequestTags {
        &self.tags
    }

    /// Service Authorization Reference, AWS Security Token Service
    fn keys(&self) -> Vec<(&'static str, Box<str>)> {
        let mut keys = vec![("sts:RoleSessionName", self.input.session_name.clone())];
        if let Some(external_id) = &self.input.external_id {
            keys.push(("sts:ExternalId", external_id.clone()));
        }
        if let Some(source_identity) = &self.input.source_identity {
            keys.push(("sts:SourceIdentity", source_identity.clone()));
        }
        keys
    }

    fn lists(&self) -> Vec<(&'static str, Vec<String>)> {
        match &self.input.transitive_tag_keys {
            keys if keys.is_empty() => Vec::new(),
            keys => vec![("sts:TransitiveTagKeys", keys.clone())],
        }
    }

    fn resource_tags(&self) -> Option<Arc<BTreeMap<String, String>>> {
        Some(Arc::new(self.role.tags.clone()))
    }

    fn role(&self) -> Option<Arc<Role>> {
        Some(self.role.clone())
    }
}

/// `GetCallerIdentity`
pub(crate) fn get_caller_identity(caller: &Caller, received: &ReceivedRequest) -> String {
    let principal = &caller.principal;
    answer("GetCallerIdentity", received.request_id, |xml| {
        xml.text("Arn", principal.arn());
        xml.text("UserId", &principal.user_id);
        xml.text("Account", principal.identity.account().unwrap_or_default());
    })
}

/// `AssumeRole`: the session signs requests as soon as the caller has its keys
///
/// # Errors
/// When the session cannot be made lasting; there is none then.
pub(crate) fn assume_role(
    permit: &Permit<AssumeRole>,
    request_id: Uuid,
    now: Timestamp,
    shared: &Shared,
) -> Result<String, StsError> {
    let AssumeRole { role, input, .. } = permit.invocation();
    // Credentials have no fraction of a second.
    let issued_at =
        Timestamp::from_second(now.as_second()).expect("a moment without its fraction is a moment");
    let duration = SignedDuration::from_secs(i64::from(input.duration_seconds));
    let expires_at = issued_at.saturating_add(duration).unwrap_or(Timestamp::MAX);
    let credentials = TemporaryCredentials::fresh(expires_at);
    let answer = answer("AssumeRole", request_id, |xml| {
        if let Some(source_identity) = &input.source_identity {
            xml.text("SourceIdentity", source_identity);
        }
        xml.element("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", &session_id(role, &input.session_name));
            xml.text("Arn", &session_arn(role, &input.session_name));
        });
        xml.element("Credentials", |xml| {
            xml.text("AccessKeyId", credentials.access_key_id.as_str());
            xml.text("SecretAccessKey", credentials.secret_access_key.expose());
            xml.text("SessionToken", credentials.session_token.expose());
            xml.text("Expiration", &expires_at.to_string());
        });
        if let Some(percent) = input.packed_policy_size() {
            xml.text("PackedPolicySize", &percent.to_string());
        }
    });
    let session = SessionRequest {
        role_arn: role.identity.arn().as_str().into(),
        session_name: input.session_name.clone(),
        tags: input.tags.clone(),
        transitive_tag_keys: input.transitive_tag_keys.clone(),
        session_policies: input.session_policies.clone(),
        source_identity: input.source_identity.clone(),
        issued_at,
        credentials,
    };
    shared.add_session(session, role)?;
    Ok(answer)
}

/// The answer: the action's element with its result and the request's id
fn answer(action: &str, request_id: Uuid, content: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::bare();
    xml.root(&format!("{action}Response"), NAMESPACE, |xml| {
        xml.element(&format!("{action}Result"), content);
        xml.element("ResponseMetadata", |xml| {
            xml.text("RequestId", &request_id.to_string());
        });
    });
    xml.into_string()
}

/// What AssumeRole asks of the policies
static ACTIONS: LazyLock<[Action; 3]> = LazyLock::new(|| {
    ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        .map(|action| action.parse().expect("actions have names that actions may have"))
});

/// The API's version (API model)
const VERSION: &str = "2011-06-15";
/// What its answers are in (API model, `xmlNamespace`)
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
