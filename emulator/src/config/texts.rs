//! Texts of the file with a meaning of their own, each with the one function that parses it.
//!
//! The schema's `format` names the function, so that [`super::form`] finds an invalid text; serde calls it again for
//! the value. The `pattern` beside it is for editors, which know no more.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use iam_policy::{Arn, Identity, IdentityKind};
use ipnet::IpNet;
use jiff::Timestamp;
use lookoutvision::{canned, scenarios};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize,
    de::{self, Deserializer},
};

use super::listen_address;
use crate::{
    network::{
        EmulatedName,
        host_name::{EmulatedHost, HostName},
    },
    s3::S3Endpoint,
};

/// Declares a text: its type here, the type that it is parsed to, the name of its format, the function, and its schema
macro_rules! texts {
    ($($name:ident($parsed:ty) = $format:literal, $parse:expr, $schema:tt;)+) => {
        $(
            pub(super) struct $name(pub(super) $parsed);

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    $parse(&text).map(Self).map_err(de::Error::custom)
                }
            }

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    let mut schema = json_schema!($schema);
                    schema.insert("format".to_owned(), $format.into());
                    schema.ensure_object().entry("type").or_insert("string".into());
                    schema
                }
            }
        )+

        /// What is wrong with a text of this format
        pub(super) fn check(format: &str, text: &str) -> Result<(), String> {
            match format {
                $($format => {
                    let parsed: Result<$parsed, String> = $parse(text);
                    parsed.map(drop)
                })+
                // A test checks that the schema names no other format.
                _ => Ok(()),
            }
        }

        #[cfg(test)]
        pub(super) const FORMATS: &[&str] = &[$($format),+];
    };
}

texts! {
    AccountId(aws_identifiers::AccountId) = "account-id", parsed, {"pattern": "^[0-9]{12}$"};
    Region(aws_identifiers::Region) = "region", parsed, {"pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$"};
    VpcId(aws_identifiers::VpcId) = "vpc-id", parsed, {"pattern": "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$"};
    VpcEndpointId(aws_identifiers::VpcEndpointId) = "vpc-endpoint-id", parsed,
        {"pattern": "^vpce-([0-9a-f]{8}|[0-9a-f]{17})$"};
    ProjectName(aws_identifiers::ProjectName) = "project-name", parsed,
        {"pattern": "^[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}$"};
    // A number is read as it is spelled.
    ModelVersion(aws_identifiers::ModelVersion) = "model-version", parsed, {
        "type": ["string", "integer"],
        "pattern": "^[A-Za-z0-9_-]{1,255}$",
        "not": {"const": "latest"},
        "minimum": 0
    };
    AccessKeyId(aws_identifiers::AccessKeyId) = "access-key-id", access_key_id,
        {"pattern": "^[A-Za-z0-9_]{1,128}$"};
    Secret(String) = "secret", secret, {"minLength": 1};
    Instant(Timestamp) = "date-time", instant, {};
    PrincipalArn(Identity) = "principal-arn", principal_arn, {};
    RoleArn(Identity) = "role-arn", role_arn, {};
    PolicyArn(Arn) = "policy-arn", policy_arn, {};
    OrganizationId(String) = "organization-id", organization_id, {"pattern": "^o-[a-z0-9]{10,32}$"};
    CidrBlock(IpNet) = "cidr-block", cidr_block, {};
    Sha256([u8; 32]) = "sha-256", sha256, {"pattern": "^[0-9A-Fa-f]{64}$"};
    AnomalyName(canned::AnomalyName) = "anomaly-name", parsed, {"pattern": "^[a-zA-Z0-9]{1,256}$"};
    Color(canned::Color) = "color", color, {"pattern": "^#[0-9A-Fa-f]{6}$"};
    ListenAddress(SocketAddr) = "listen-address", listen_address::parse, {};
    FilePath(String) = "path", file_path, {"minLength": 1};
    Name(EmulatedName) = "name", emulated_name, {};
    ScenarioText(String) = "scenario", scenario_text, {"minLength": 1};
    FaultName(String) = "fault-name", fault_name, {"pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"};
    SourceIp(IpNet) = "source-ip", source_ip, {};
    S3AccessKeyId(String) = "s3-access-key-id", s3_access_key_id, {"minLength": 1};
    S3Url(S3Endpoint) = "s3-url", s3_url, {};
}

/// The status of a model, by its name in the API model
#[derive(Deserialize)]
pub(super) struct ModelStatus(pub(super) lookoutvision::model::ModelStatus);

impl JsonSchema for ModelStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ModelStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        use lookoutvision::model::ModelStatus;
        json_schema!({"type": "string", "enum": ModelStatus::ALL.map(ModelStatus::as_str)})
    }
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn access_key_id(text: &str) -> Result<aws_identifiers::AccessKeyId, String> {
    // The message does not quote the text: it may be the secret half, pasted into the wrong line.
    text.parse()
        .map_err(|_| "not an access key id (1 to 128 of [A-Za-z0-9_])".to_owned())
}

fn secret(text: &str) -> Result<String, String> {
    not_empty(text, "an empty text is no secret")
}

fn file_path(text: &str) -> Result<String, String> {
    not_empty(text, "an empty text is no path")
}

fn scenario_text(text: &str) -> Result<String, String> {
    match scenarios::is_text(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a scenario's state has 1 to {} characters",
            scenarios::CHARACTERS_MAX
        )),
    }
}

fn s3_access_key_id(text: &str) -> Result<String, String> {
    not_empty(text, "an empty text is no access key id")
}

fn not_empty(text: &str, message: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(message.to_owned());
    }
    Ok(text.to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an instant (like `2030-01-01T00:00:00Z`)"))
}

fn principal_arn(text: &str) -> Result<Identity, String> {
    // A role cannot sign, its sessions do.
    let identity = text.parse().ok();
    let identity = identity.filter(|identity: &Identity| identity.kind() != IdentityKind::Role);
    identity.ok_or_else(|| {
        format!(
            "`{text}` is not the ARN of a user, an assumed-role session, a federated user or the account root"
        )
    })
}

fn role_arn(text: &str) -> Result<Identity, String> {
    let identity = text.parse().ok();
    let identity = identity.filter(|identity: &Identity| identity.kind() == IdentityKind::Role);
    identity.ok_or_else(|| format!("`{text}` is not the ARN of a role"))
}

fn policy_arn(text: &str) -> Result<Arn, String> {
    let arn = text.parse().ok();
    let arn = arn.filter(|arn: &Arn| arn.service() == "iam" && arn.resource().starts_with("policy/"));
    arn.ok_or_else(|| format!("`{text}` is not the ARN of a managed policy"))
}

/// Organizations API reference, `Organization`: `o-` and 10 to 32 lower-case letters or digits
fn organization_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("o-").unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if (10..=32).contains(&digits.len()) && digits.bytes().all(is_digit) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not an organization id (`o-` and 10 to 32 of [a-z0-9])"
        ))
    }
}

fn cidr_block(text: &str) -> Result<IpNet, String> {
    match text.parse::<IpNet>() {
        // EC2 API reference, `CreateVpc`: `100.68.0.18/18` is taken as `100.68.0.0/18`.
        Ok(network) => Ok(network.trunc()),
        Err(_) => Err(format!("`{text}` is not a network (like `172.28.0.0/16`)")),
    }
}

fn fault_name(text: &str) -> Result<String, String> {
    let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins_well && text.len() <= 64 && text.bytes().all(is_ordinary) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is not a fault's name (1 to 64 of [A-Za-z0-9_.-], the first a letter or a digit)"
    ))
}

fn source_ip(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()))
        .map_err(|_| {
            format!("`{text}` is neither an address nor a network (like `172.28.0.7` or `172.28.0.0/16`)")
        })
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    client_text::sha256_of_hex(text)
        .ok_or_else(|| format!("`{text}` is not a SHA-256 hash (64 hexadecimal digits)"))
}

fn color(text: &str) -> Result<canned::Color, String> {
    match parsed(text)? {
        canned::Color::BACKGROUND => Err("`#FFFFFF` is the background's colour".to_owned()),
        color => Ok(color),
    }
}

fn emulated_name(text: &str) -> Result<EmulatedName, String> {
    let name =
        dns_name_or_address(text).ok_or_else(|| format!("`{text}` is neither a DNS name nor an address"))?;
    // It would have a certificate, but every request to it would be refused.
    let is_not_played = matches!(&name, EmulatedName::Dns(dns)
        if dns.parse::<HostName>().is_ok_and(|host| host.emulated() == EmulatedHost::NotPlayed));
    if is_not_played {
        return Err(format!(
            "`{text}` is a name of AWS that this emulator does not play; it answers for lookoutvision, ec2 and sts of \
             every Region without being told"
        ));
    }
    Ok(name)
}

fn dns_name_or_address(text: &str) -> Option<EmulatedName> {
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

fn s3_url(text: &str) -> Result<S3Endpoint, String> {
    // The message does not quote the text: somebody may have put a password into it.
    s3_endpoint(text).ok_or_else(|| {
        "not an address of a server (like `http://127.0.0.1:5000`, without path and user)".to_owned()
    })
}

fn s3_endpoint(url: &str) -> Option<S3Endpoint> {
    let (is_tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    dns_name_or_address(host)?;
    let port = match port {
        Some(port) => port.parse::<u16>().ok().filter(|port| *port > 0)?,
        None if is_tls => 443,
        None => 80,
    };
    Some(S3Endpoint {
        is_tls,
        host: host.to_owned(),
        port,
        authority: authority.to_owned(),
    })
}
