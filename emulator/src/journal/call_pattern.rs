//! What a recorded call must have, member by member, for verification.
//!
//! ```json
//! {"operation": "Delete*", "principal": "*user/alice", "vpc_endpoint_id": null, "status": 403}
//! ```
//!
//! Where [`Filter`](super::filter) takes one exact value, a text here is a pattern (`*` and `?`, `\` before a literal one),
//! and `null` asks that the call has no such member.

use std::net::IpAddr;

use aws_identifiers::VpcEndpointId;
use client_text::{escape, json::Object, spelling::suggestion};
use iam_policy::matches_glob;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use sigv4_verify::redact_secrets;
use utoipa::ToSchema;

use super::{Entry, filter::DECISIONS};
use crate::{
    authorization::Authorization,
    identity::Principal,
    network::{entry_point::EntryPoint, host_name::EmulatedService},
};

/// What a call must have; a member that is left out may be anything, and one that is `null` must be absent
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallPattern {
    /// An operation of Lookout for Vision, or an action of EC2 or STS
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Detect*")]
    pub(crate) operation: Member<String>,
    /// lookoutvision, ec2 or sts
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    service: Member<String>,
    /// What the call was authorised on: an ARN, or `*` for an operation without a resource (which as a pattern is anything;
    /// `\*` is that one)
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "*model/myProject/1")]
    pub(crate) resource: Member<String>,
    /// The ARN of the principal that signed; `null`: the signature was not verified
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "*user/alice")]
    pub(crate) principal: Member<String>,
    /// The access key id that the request names
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    access_key_id: Member<String>,
    /// The VPC endpoint that the call came through; `null`: none
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) vpc_endpoint_id: Member<String>,
    /// The address of the client
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    source_ip: Member<String>,
    /// Path and query of the request
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    target: Member<String>,
    /// The HTTP status; `null`: the client hung up before there was an answer, or a fault kept it from the client
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u16>)]
    pub(crate) status: Member<u16>,
    /// allowed, implicitDeny or explicitDeny; `null`: the call was refused before a policy was asked
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "*Deny")]
    pub(crate) decision: Member<String>,
    /// The code of a refusal
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) error_code: Member<String>,
    /// The rule that answered
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) rule: Member<String>,
    /// The fault that the call met
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "busy")]
    pub(crate) fault: Member<String>,
    #[serde(default, deserialize_with = "object")]
    body: BodyPattern,
}

/// What a call's body must have
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyPattern {
    /// Its SHA-256, in hexadecimal; `null`: the body was not read
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    sha256: Member<String>,
    /// The Content-Type of the request
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "image/*")]
    content_type: Member<String>,
    /// Its length; `null`: the body was not read
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    bytes: Member<u64>,
}

/// `None`: may be anything; `Some(None)`: must be absent
pub(crate) type Member<T> = Option<Option<T>>;

/// A member that is there, `null` or not
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Member<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A structure that is written as an object and not as a list of its members, which serde would take as well
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// Whether a call fits a pattern
#[derive(Debug, PartialEq)]
pub(crate) enum Comparison {
    Fits,
    /// The call differs in these members
    Differs(Vec<Difference>),
    /// The journal does not know enough of this member
    Unknown(&'static str),
}

/// A member in which a call differs from a pattern
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Difference {
    pub(crate) member: &'static str,
    #[schema(value_type = Object)]
    pub(crate) expected: Value,
    #[schema(value_type = Object)]
    pub(crate) found: Value,
}

impl Difference {
    /// `resource is …model/myProject/2, expected *model/myProject/1`
    pub(crate) fn describe(&self) -> String {
        let plain = |value: &Value| match value.as_str() {
            Some(text) => escape(text).into_owned(),
            None => value.to_string(),
        };
        format!(
            "{} is {}, expected {}",
            self.member,
            plain(&self.found),
            plain(&self.expected)
        )
    }
}

/// A member that no call can ever have
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ImpossibleMember {
    /// Where it stands in the pattern, as a JSON Pointer
    pub(crate) path: &'static str,
    reason: String,
}

impl CallPattern {
    /// Finds members that no call can ever have, which would make "exactly 0" true whatever happens
    ///
    /// # Errors
    /// With the first such member.
    pub(crate) fn check(&self, operations: &[&str]) -> Result<(), ImpossibleMember> {
        one_of("/operation", "operation", &self.operation, operations)?;
        one_of(
            "/service",
            "service",
            &self.service,
            &EmulatedService::signing_names(),
        )?;
        one_of("/decision", "decision", &self.decision, &DECISIONS)?;
        let impossible = |path, reason: String| Err(ImpossibleMember { path, reason });
        if let Some(text) = without_wildcards(&self.vpc_endpoint_id)
            && text.parse::<VpcEndpointId>().is_err()
        {
            let reason = format!("`{text}` is not the ID of a VPC endpoint, or a pattern of one");
            return impossible("/vpc_endpoint_id", reason);
        }
        if let Some(text) = without_wildcards(&self.source_ip) {
            let address: IpAddr = match text.parse() {
                Ok(address) => address,
                Err(_) => {
                    let reason = format!("`{text}` is not an IP address, or a pattern of one");
                    return impossible("/source_ip", reason);
                }
            };
            let recorded = address.to_canonical().to_string();
            if recorded != text {
                let reason =
                    format!("the journal never has `{text}`; it writes this address as `{recorded}`");
                return impossible("/source_ip", reason);
            }
        }
        match &self.status {
            Some(Some(status)) if !(100..1_000).contains(status) => {
                return impossible("/status", format!("`{status}` is not an HTTP status"));
            }
            _ => {}
        }
        match &self.body.sha256 {
            Some(Some(sha256))
                if sha256.len() != 64 || !sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                impossible(
                    "/body/sha256",
                    format!("`{sha256}` is not a SHA-256: 64 hexadecimal digits"),
                )
            }
            _ => Ok(()),
        }
    }

    /// Whether a call fits this pattern, as far as the journal knows the call
    pub(crate) fn compare(&self, entry: &Entry) -> Comparison {
        let authorization = entry.authorization.as_deref();
        let endpoint = entry.entry_point.as_ref().and_then(EntryPoint::vpc_endpoint_id);
        // Written out only where a pattern asks for them: there may be hundreds of patterns and thousands of calls.
        let source_ip = self
            .source_ip
            .is_some()
            .then(|| entry.connection.peer.ip().to_canonical().to_string());
        let sha256 = self.body.sha256.is_some().then_some(entry.body.sha256).flatten();
        let sha256 = sha256.map(|sha256| client_text::hex(&sha256));
        let decision = authorization.map(|authorization| authorization.decision().as_str());
        let mut differences = Differences::default();
        match &self.operation {
            Some(pattern) if entry.operation.is_none() && entry.may_be(pattern.as_deref()) => {
                differences.unknown = Some("operation");
            }
            pattern => differences.text("operation", pattern, entry.operation.as_deref()),
        }
        let service = entry.service.map(EmulatedService::signing_name);
        differences.text("service", &self.service, service);
        differences.resource(&self.resource, authorization);
        differences.text(
            "principal",
            &self.principal,
            entry.principal.as_deref().map(Principal::arn),
        );
        differences.cuttable(
            entry,
            "access_key_id",
            &self.access_key_id,
            entry.access_key_id.as_deref(),
        );
        differences.text(
            "vpc_endpoint_id",
            &self.vpc_endpoint_id,
            endpoint.map(VpcEndpointId::as_str),
        );
        differences.text("source_ip", &self.source_ip, source_ip.as_deref());
        differences.cuttable(entry, "target", &self.target, Some(&entry.target));
        differences.number("status", &self.status, entry.status.map(|status| status.as_u16()));
        differences.text("decision", &self.decision, decision);
        differences.text("error_code", &self.error_code, entry.details().error_code);
        differences.cuttable(entry, "rule", &self.rule, entry.rule.as_deref());
        differences.text("fault", &self.fault, entry.details().fault.as_deref());
        let in_lower_case = self
            .body
            .sha256
            .as_ref()
            .map(|sha256| sha256.as_ref().map(|sha256| sha256.to_ascii_lowercase()));
        differences.text("body.sha256", &in_lower_case, sha256.as_deref());
        differences.cuttable(
            entry,
            "body.content_type",
            &self.body.content_type,
            entry.body.content_type.as_deref(),
        );
        differences.number(
            "body.bytes",
            &self.body.bytes,
            entry.body.bytes.map(|bytes| bytes as u64),
        );
        match differences {
            Differences { differs, .. } if !differs.is_empty() => Comparison::Differs(differs),
            Differences {
                unknown: Some(member),
                ..
            } => Comparison::Unknown(member),
            _ => Comparison::Fits,
        }
    }

    /// The pattern in a few words: the name of an expectation that was given none
    pub(crate) fn describe(&self) -> String {
        fn text(value: &Option<String>) -> String {
            value.clone().unwrap_or_else(|| "null".to_owned())
        }
        fn number<T: ToString>(value: &Option<T>) -> String {
            value
                .as_ref()
                .map_or_else(|| "null".to_owned(), ToString::to_string)
        }
        let members = [
            ("operation", self.operation.as_ref().map(text)),
            ("service", self.service.as_ref().map(text)),
            ("resource", self.resource.as_ref().map(text)),
            ("principal", self.principal.as_ref().map(text)),
            ("access_key_id", self.access_key_id.as_ref().map(text)),
            ("vpc_endpoint_id", self.vpc_endpoint_id.as_ref().map(text)),
            ("source_ip", self.source_ip.as_ref().map(text)),
            ("target", self.target.as_ref().map(text)),
            ("status", self.status.as_ref().map(number)),
            ("decision", self.decision.as_ref().map(text)),
            ("error_code", self.error_code.as_ref().map(text)),
            ("rule", self.rule.as_ref().map(text)),
            ("fault", self.fault.as_ref().map(text)),
            ("body.sha256", self.body.sha256.as_ref().map(text)),
            ("body.content_type", self.body.content_type.as_ref().map(text)),
            ("body.bytes", self.body.bytes.as_ref().map(number)),
        ];
        let given = members
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        match given.collect::<Vec<_>>() {
            given if given.is_empty() => "any call".to_owned(),
            given => given.join(", "),
        }
    }
}

/// Checks that a pattern fits one of these names; the error suggests the name that was meant
fn one_of(
    path: &'static str,
    member: &str,
    pattern: &Member<String>,
    names: &[&str],
) -> Result<(), ImpossibleMember> {
    let Some(Some(pattern)) = pattern else {
        return Ok(());
    };
    if names.iter().any(|name| fits(pattern, name)) {
        return Ok(());
    }
    Err(ImpossibleMember {
        path,
        reason: format!("`{pattern}` fits no {member}; {}", suggestion(pattern, names)),
    })
}

/// A pattern that only one text fits
fn without_wildcards(pattern: &Member<String>) -> Option<&str> {
    let pattern = pattern.as_ref()?.as_deref()?;
    (!pattern.contains(['*', '?', '\\'])).then_some(pattern)
}

pub(super) fn fits(pattern: &str, text: &str) -> bool {
    matches_glob(pattern, '\\', text)
}

#[derive(Default)]
struct Differences {
    differs: Vec<Difference>,
    /// A member of which the journal does not know enough
    unknown: Option<&'static str>,
}

impl Differences {
    /// Compares a text that the journal may have cut, so that it may not be known
    fn cuttable(
        &mut self,
        entry: &Entry,
        member: &'static str,
        expected: &Member<String>,
        found: Option<&str>,
    ) {
        match expected {
            Some(Some(_)) if found.is_some_and(|found| entry.may_have_cut(found)) => {
                self.unknown = Some(member);
            }
            _ => self.text(member, expected, found),
        }
    }

    fn text(&mut self, member: &'static str, expected: &Member<String>, found: Option<&str>) {
        let is_met = match (expected, found) {
            (None, _) | (Some(None), None) => true,
            (Some(Some(pattern)), Some(found)) => fits(pattern, found),
            (Some(None), Some(_)) | (Some(Some(_)), None) => false,
        };
        if !is_met {
            let found = found.map(|found| redact_secrets(found));
            self.add(member, json!(expected), json!(found));
        }
    }

    fn number<T: PartialEq + Serialize>(
        &mut self,
        member: &'static str,
        expected: &Member<T>,
        found: Option<T>,
    ) {
        if expected.as_ref().is_some_and(|expected| *expected != found) {
            self.add(
                member,
                json!(expected),
                found.map_or(Value::Null, |found| json!(found)),
            );
        }
    }

    /// Compares the resources of a call, which can have several: it fits if any of them does
    fn resource(&mut self, expected: &Member<String>, found: Option<&Authorization>) {
        let Some(expected) = expected else {
            return;
        };
        let is_whole = found.is_none_or(Authorization::is_whole);
        let found = found.map(|authorization| authorization.resources().collect::<Vec<_>>());
        let is_met = match (expected, &found) {
            (None, None) => true,
            (Some(pattern), Some(found)) => found.iter().any(|resource| fits(pattern, resource)),
            _ => false,
        };
        if !is_met && !is_whole && expected.is_some() {
            self.unknown = Some("resource");
        } else if !is_met {
            let found = found.map(|found| found.join(", "));
            self.add("resource", json!(expected), json!(found));
        }
    }

    fn add(&mut self, member: &'static str, expected: Value, found: Value) {
        self.differs.push(Difference {
            member,
            expected,
            found,
        });
    }
}
