//! The part of AWS Security Token Service that hands out sessions of roles, and tells callers who they are.
//!
//! Roles are those of the configuration. Who may assume one is decided by its trust policy and by the caller's own
//! side, like everything else. The session signs requests at once, and policies see the role in `aws:PrincipalArn`, the
//! session in `aws:userid`, and its tags, its name and its source identity where AWS puts them. A worked example:
//!
//! ```text
//! Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/inspector&RoleSessionName=line-7&DurationSeconds=900
//! → <AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA…</AccessKeyId>…
//! ```
//!
//! Shapes are those of the API model (botocore, `sts/2011-06-15`).

use std::sync::{Arc, LazyLock};

use aws_identifiers::Region;
use client_text::Shown;
use iam_policy::{Action, IdentityKind, Resource};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;
use uuid::Uuid;

use crate::{
    authorization::{Authorizable, AuthorizationRequest, Pair, Permit, RequestTags},
    identity::{Caller, Identities, Role},
    request::ReceivedRequest,
    runtime::{Snapshot, Space},
    services::{
        query::{parameters::Parameters, xml::Xml},
        vocabulary::WITH_EC2_AND_STS,
    },
};

pub(crate) mod error;
mod input;
pub(crate) mod refusal;

use self::{error::StsError, input::SessionInput};
use crate::identity::{
    TemporaryCredentials,
    sessions::{SessionRequest, session_arn, session_id},
};

/// Logs for the author of the test what a role that does not exist needs; the caller learns what AWS would say
fn advise_about_role(identities: &Identities, role_arn: &str) {
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let namesake = identities
        .roles
        .iter()
        .map(|role| role.identity.arn().as_str())
        .find(|declared| name(declared) == name(role_arn));
    let advice = match namesake {
        Some(declared) => format!("did the call mean `{declared}`?"),
        None => "declare it there, with the `trust_policy` that says who may assume it".to_owned(),
    };
    warn!(
        "AssumeRole: `{}` is not among `roles` of the configuration; {advice}",
        Shown(role_arn)
    );
}

/// A call of an action that is played
#[derive(Debug)]
pub(crate) enum Call {
    /// `GetCallerIdentity`, which everybody may call
    GetCallerIdentity,
    /// `AssumeRole`, not yet allowed
    AssumeRole(Box<AssumeRole>),
}

/// An `AssumeRole` call, not yet authorised
#[derive(Debug)]
pub(crate) struct AssumeRole {
    role: Arc<Role>,
    region: Region,
    input: SessionInput,
}

impl Call {
    /// Reads what is asked for; `None`: the request is not a call
    ///
    /// # Errors
    /// When it names no action that is played, when it breaks the API model, or when there is no such role.
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
        let (role_arn, input) = SessionInput::read(parameters, principal, &snapshot.settings.identities)?;
        // AWS does not distinguish a role that does not exist from one that must not be assumed
        // (Netflix/security_monkey#77).
        let role = snapshot.settings.identities.role(&role_arn).ok_or_else(|| {
            advise_about_role(&snapshot.settings.identities, &role_arn);
            StsError::AccessDenied(format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                principal.arn(),
                Shown(&role_arn)
            ))
        })?;
        input.refuse_longer_than(role, principal)?;
        Ok(Self {
            role: role.clone(),
            region,
            input,
        })
    }
}

impl Authorizable for AssumeRole {
    /// The pairs that are authorised; their keys are those of the Service Authorization Reference, *AWS Security Token
    /// Service*. Tags and a source identity, even those inherited from the caller's session, must be allowed like the
    /// call itself (IAM User Guide, *Pass session tags in AWS STS* and *Monitor and control actions taken with assumed
    /// roles*), and so must contexts.
    fn authorization_request(&self) -> AuthorizationRequest {
        let input = &self.input;
        let resource = Resource::Arn(self.role.identity.arn().clone());
        let role_tags = Arc::new(self.role.tags.clone());
        let pair = |action: &'static Action, tag_keys| {
            Pair::new(action, resource.clone()).with_resource_tags(Some(role_tags.clone()), tag_keys)
        };
        let tags = RequestTags {
            tags: input.tags.clone().into_iter().collect(),
            keys: Vec::new(),
        };
        let [assume_role, tag_session, set_source_identity, set_context] = &*ACTIONS;

        let mut assuming = pair(assume_role, &["aws:ResourceTag/", "iam:ResourceTag/"])
            .with("sts:RoleSessionName", input.session_name.clone())
            .with_list("sts:TransitiveTagKeys", input.transitive_tag_keys.clone())
            .with_request_tags(tags.clone());
        if let Some(external_id) = &input.external_id {
            assuming = assuming.with("sts:ExternalId", external_id.clone());
        }
        if let Some(source_identity) = &input.source_identity {
            assuming = assuming.with("sts:SourceIdentity", source_identity.clone());
        }
        let mut request = AuthorizationRequest::new(self.region.clone(), &WITH_EC2_AND_STS, assuming)
            .assuming(self.role.clone());
        if !input.tags.is_empty() {
            let tagging = pair(tag_session, &["aws:ResourceTag/"])
                .with_list("sts:TransitiveTagKeys", input.transitive_tag_keys.clone())
                .with_request_tags(tags);
            request = request.and(tagging);
        }
        if let Some(source_identity) = &input.source_identity {
            let setting = pair(set_source_identity, &["aws:ResourceTag/"]);
            request = request.and(setting.with("sts:SourceIdentity", source_identity.clone()));
        }
        if !input.context_providers.is_empty() {
            let setting = pair(set_context, &["aws:ResourceTag/"]);
            request = request
                .and(setting.with_list("sts:RequestContextProviders", input.context_providers.clone()));
        }
        request
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
/// When the session cannot be persisted; then there is no session.
pub(crate) fn assume_role(
    permit: Permit<AssumeRole>,
    request_id: Uuid,
    now: Timestamp,
    space: &Space,
) -> Result<String, StsError> {
    let AssumeRole { role, input, .. } = permit.redeem().request;
    if !input.context_providers.is_empty() {
        // A context assertion is a token of IAM Identity Center, which nobody here can verify. Guess: the sentence.
        return Err(StsError::Validation(
            "ProvidedContexts cannot be verified: this emulator has no identity provider for context assertions"
                .to_owned(),
        ));
    }
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
            xml.text("AssumedRoleId", &session_id(&role, &input.session_name));
            xml.text("Arn", &session_arn(&role, &input.session_name));
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
    space.add_session(session, &role)?;
    Ok(answer)
}

/// The answer: the action's element with its result and the request id
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

/// The permissions that AssumeRole needs
static ACTIONS: LazyLock<[Action; 4]> = LazyLock::new(|| {
    [
        "sts:AssumeRole",
        "sts:TagSession",
        "sts:SetSourceIdentity",
        "sts:SetContext",
    ]
    .map(|action| action.parse().expect("actions have names that actions may have"))
});

/// The actions that are played
pub(crate) const ACTION_NAMES: [&str; 2] = ["AssumeRole", "GetCallerIdentity"];

/// The API's version (API model)
const VERSION: &str = "2011-06-15";
/// The XML namespace of its answers (API model, `xmlNamespace`)
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::{config::Config, identity::Credentials, services::vocabulary::STS_ACTIONS};

    const CONFIG: &str = "
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    tags: {team: vision}
    trust_policy: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}]}
";

    #[test]
    fn the_keys_of_each_permission_are_those_of_the_reference() {
        let config = Config::embedded(Some(CONFIG), None).unwrap_or_else(|problems| panic!("{problems}"));
        let snapshot = Arc::new(Snapshot::untouched(config.settings, Timestamp::UNIX_EPOCH));
        let caller = Caller {
            principal: snapshot.settings.identities.principals[0].clone(),
            credentials: Credentials::LongTerm,
        };
        let body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/inspector&\
                    RoleSessionName=line-7&ExternalId=let-me-in&SourceIdentity=alice&\
                    Tags.member.1.Key=line&Tags.member.1.Value=7&TransitiveTagKeys.member.1=line&\
                    ProvidedContexts.member.1.ProviderArn=arn:aws:iam::aws:contextProvider/IdentityCenter";
        let parameters = Parameters::parse(&Method::POST, "/", body.as_bytes(), 100).expect("they are few");
        let region = "us-west-2".parse().expect("it is a Region");
        let call = Call::resolve(parameters, &caller, &snapshot, region);
        let Ok(Call::AssumeRole(invocation)) = call else {
            panic!("{call:?}")
        };
        let request = invocation.authorization_request();
        let found: Vec<_> = request
            .pairs()
            .map(|pair| (pair.action().name().to_owned(), pair.key_names()))
            .collect();
        let expected = STS_ACTIONS.iter().map(|(name, keys)| {
            let mut keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            keys.sort_unstable();
            ((*name).to_owned(), keys)
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
