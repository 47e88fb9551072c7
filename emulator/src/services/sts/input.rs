//! The parameters of AssumeRole, read and checked against the API model.

use std::collections::BTreeMap;

use client_text::Shown;
use iam_policy::{IdentityKind, PolicyDocument, PolicyType};

use super::error::StsError;
use crate::{
    identity::{
        Identities, Principal, Role,
        sessions::{SESSION_SECONDS, SessionTagFault, check_session_tag, is_same_session_tag},
    },
    services::query::parameters::{ParameterFault, Parameters, Reader},
};

/// The session that is asked for, with what it inherits from the caller's own
#[derive(Debug)]
pub(super) struct SessionInput {
    pub(super) session_name: Box<str>,
    pub(super) duration_seconds: u32,
    pub(super) external_id: Option<Box<str>>,
    pub(super) source_identity: Option<Box<str>>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) transitive_tag_keys: Vec<String>,
    pub(super) session_policies: Vec<PolicyDocument>,
    /// The ARNs of the providers that vouch for the contexts
    pub(super) context_providers: Vec<String>,
    /// Characters of the inline policy, the ARNs and the tags
    packed: usize,
}

impl SessionInput {
    /// Reads the role's ARN and the session
    pub(super) fn read(
        parameters: &Parameters,
        principal: &Principal,
        identities: &Identities,
    ) -> Result<(String, Self), StsError> {
        let mut reader = parameters.reader();
        let role_arn = required(&mut reader, "RoleArn", "roleArn")?;
        within(role_arn, "roleArn", 20, 2_048)?;
        let session_name = required(&mut reader, "RoleSessionName", "roleSessionName")?;
        named(session_name, "roleSessionName", 2, 64, "=,.@-")?;
        let external_id = reader.text("ExternalId");
        if let Some(external_id) = external_id {
            named(external_id, "externalId", 2, 1_224, "=,.@:/-")?;
        }
        let source_identity = source_identity(reader.text("SourceIdentity"), principal)?;
        let duration_seconds = duration(&mut reader)?;
        // Guess: the sentence.
        if reader.text("SerialNumber").is_some() || reader.text("TokenCode").is_some() {
            return Err(StsError::AccessDenied(
                "MultiFactorAuthentication failed with invalid MFA one time pass code.".to_owned(),
            ));
        }
        let mut packed = 0;
        let session_policies = session_policies(&mut reader, identities, &mut packed)?;
        let (tags, transitive_tag_keys) = session_tags(&mut reader, principal, &mut packed)?;
        let contexts = reader.structures("ProvidedContexts.member").into_iter();
        // An entry without a provider asks for a context all the same.
        let context_providers = contexts
            .map(|context| {
                reader
                    .text(&format!("{context}.ProviderArn"))
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        let input = Self {
            session_name: session_name.into(),
            duration_seconds,
            external_id: external_id.map(Into::into),
            source_identity,
            tags,
            transitive_tag_keys,
            session_policies,
            context_providers,
            packed,
        };
        Ok((role_arn.to_owned(), input))
    }

    /// Refuses a session that would last longer than its role permits, or than an hour if it is assumed from another
    /// session
    pub(super) fn refuse_longer_than(&self, role: &Role, principal: &Principal) -> Result<(), StsError> {
        let seconds = u64::from(self.duration_seconds);
        // IAM User Guide, *Roles terms and concepts*, role chaining; the sentence is that of aws/aws-cli#3875 and others.
        if principal.identity.kind() == Some(IdentityKind::AssumedRole) && seconds > 3_600 {
            return Err(StsError::Validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
                    .to_owned(),
            ));
        }
        // kreuzwerker/awsu#27.
        if seconds > role.max_session_duration.as_secs() {
            return Err(StsError::Validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned(),
            ));
        }
        Ok(())
    }

    /// How much of the room for policies and tags is used, in percent; `None`: nothing of it
    // Guess: AWS compresses them first, in a way that it does not document.
    pub(super) fn packed_policy_size(&self) -> Option<usize> {
        (self.packed > 0).then(|| (self.packed * 100).div_ceil(PACKED_CHARACTERS).min(100))
    }
}

fn source_identity(asked: Option<&str>, principal: &Principal) -> Result<Option<Box<str>>, StsError> {
    if let Some(asked) = asked {
        named(asked, "sourceIdentity", 2, 64, "=,.@-")?;
    }
    match (asked, &principal.source_identity) {
        // IAM User Guide, *Monitor and control actions taken with assumed roles*: once set, it cannot be changed. Guess:
        // the sentence.
        (Some(asked), Some(own)) if *asked != **own => Err(StsError::AccessDenied(
            "The source identity of this session is already set and cannot be changed.".to_owned(),
        )),
        (Some(asked), _) => Ok(Some(asked.into())),
        (None, own) => Ok(own.clone()),
    }
}

fn duration(reader: &mut Reader<'_>) -> Result<u32, StsError> {
    let seconds = reader.number("DurationSeconds").map_err(|fault| match fault {
        // Guess: the sentence.
        ParameterFault::Invalid { value, .. } => {
            StsError::Validation(format!("{} is not a valid integer", Shown(value)))
        }
        ParameterFault::Missing(name) | ParameterFault::Unknown(name) => {
            StsError::Validation(Shown(name).to_string())
        }
    })?;
    let seconds = seconds.unwrap_or(3_600);
    let broken =
        |constraint: &str| constraint_error("durationSeconds", Some(&seconds.to_string()), constraint);
    let (least, most) = (SESSION_SECONDS.start(), SESSION_SECONDS.end());
    if seconds < *least {
        return Err(broken(&format!(
            "Member must have value greater than or equal to {least}"
        )));
    }
    if seconds > *most {
        return Err(broken(&format!(
            "Member must have value less than or equal to {most}"
        )));
    }
    Ok(seconds)
}

fn session_policies(
    reader: &mut Reader<'_>,
    identities: &Identities,
    packed: &mut usize,
) -> Result<Vec<PolicyDocument>, StsError> {
    let mut policies = Vec::new();
    if let Some(text) = reader.text("Policy") {
        // AWS STS API reference, `AssumeRole`, Policy: 2,048 characters.
        within(text, "policy", 1, 2_048)?;
        *packed += text.chars().filter(|c| !c.is_whitespace()).count();
        let document = PolicyDocument::parse(text, PolicyType::Session)
            .map_err(|error| StsError::MalformedPolicyDocument(Box::new(error)))?;
        policies.push(document);
    }
    let arns = reader.structures("PolicyArns.member");
    if arns.len() > 10 {
        return Err(constraint_error(
            "policyArns",
            None,
            "Member must have length less than or equal to 10",
        ));
    }
    for arn in arns {
        let arn = reader.text(&format!("{arn}.arn")).unwrap_or_default();
        *packed += arn.chars().count();
        let managed = identities
            .managed_policies
            .iter()
            .find(|policy| *policy.arn == *arn);
        let managed = managed.ok_or_else(|| StsError::UnknownPolicyArn(arn.to_owned()))?;
        policies.push(managed.document.clone());
    }
    Ok(policies)
}

/// The session tags together with those inherited from the caller's session, and the keys of those that will be
/// inherited
fn session_tags(
    reader: &mut Reader<'_>,
    principal: &Principal,
    packed: &mut usize,
) -> Result<(BTreeMap<String, String>, Vec<String>), StsError> {
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for tag in reader.structures("Tags.member") {
        let key = reader.text(&format!("{tag}.Key")).unwrap_or_default();
        let value = reader.text(&format!("{tag}.Value")).unwrap_or_default();
        check_session_tag(key, value).map_err(|fault| match fault {
            SessionTagFault::Key => constraint_error("tags.key", Some(key), TAG_PATTERN),
            SessionTagFault::Value => constraint_error("tags.value", Some(value), TAG_PATTERN),
            // Guess: the sentence.
            SessionTagFault::Reserved => StsError::Validation(format!(
                "Tag keys beginning with aws: are reserved for system use: {}",
                Shown(key)
            )),
        })?;
        if tags.keys().any(|other| is_same_session_tag(other, key)) {
            // Guess: the sentence.
            return Err(StsError::Validation(format!(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive: {}",
                Shown(key)
            )));
        }
        *packed += key.chars().count() + value.chars().count();
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > 50 {
        return Err(constraint_error(
            "tags",
            None,
            "Member must have length less than or equal to 50",
        ));
    }
    let mut transitive: Vec<String> = Vec::new();
    for index in reader.texts("TransitiveTagKeys.member") {
        let own = tags.keys().find(|key| is_same_session_tag(key, index));
        let Some(own) = own else {
            // Guess: the sentence.
            return Err(StsError::Validation(format!(
                "The transitive tag key {} is not among the session tags",
                Shown(index)
            )));
        };
        // Guess: a key that is named twice is inherited once.
        if !transitive.contains(own) {
            transitive.push(own.clone());
        }
    }
    for key in &principal.transitive_tag_keys {
        if tags.keys().any(|new| is_same_session_tag(new, key)) {
            // IAM User Guide, *Pass session tags in AWS STS*, role chaining: they cannot be replaced. Guess: the sentence.
            return Err(StsError::Validation(format!(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                 from the calling session: {key}"
            )));
        }
        let value = principal.tags.get(key).cloned().unwrap_or_default();
        tags.insert(key.clone(), value);
        transitive.push(key.clone());
    }
    Ok((tags, transitive))
}

fn required<'p>(reader: &mut Reader<'p>, name: &str, shown: &str) -> Result<&'p str, StsError> {
    reader
        .text(name)
        .ok_or_else(|| constraint_error(shown, None, "Member must not be null"))
}

fn within(text: &str, shown: &str, least: usize, most: usize) -> Result<(), StsError> {
    let count = text.chars().count();
    let constraint = match count {
        _ if count < least => format!("Member must have length greater than or equal to {least}"),
        _ if count > most => format!("Member must have length less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(constraint_error(shown, Some(text), &constraint))
}

/// `[\w+…]*` of the API model: word characters, plus and some signs
fn named(text: &str, shown: &str, least: usize, most: usize, signs: &str) -> Result<(), StsError> {
    within(text, shown, least, most)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '+' || signs.contains(c);
    if text.chars().all(is_allowed) {
        return Ok(());
    }
    let signs = signs.replace('/', "\\/");
    let constraint = format!("Member must satisfy regular expression pattern: [\\w+{signs}]*");
    Err(constraint_error(shown, Some(text), &constraint))
}

fn constraint_error(parameter: &str, value: Option<&str>, constraint: &str) -> StsError {
    StsError::Constraint {
        parameter: parameter.to_owned(),
        value: value.map(str::to_owned),
        constraint: constraint.to_owned(),
    }
}

/// API model, `tagKeyType`
const TAG_PATTERN: &str = "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+";
/// The number of characters that fills all of the room
const PACKED_CHARACTERS: usize = 2_048;
