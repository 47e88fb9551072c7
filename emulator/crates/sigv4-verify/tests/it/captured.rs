//! Forty requests of boto3, the AWS CLI, the JavaScript SDK and the Rust SDK, as they came over the wire.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, Unit};
use serde_json::Value;
use sigv4_verify::{
    AccessKey, MismatchCause, PayloadBinding, SecretAccessKey, SessionToken, SignatureError,
    UndeclaredUnsignedPayload, UnsignedPayloads, Warning,
};

use crate::support::{Endpoint, Request, SECRET};

/// They sign `UNSIGNED-PAYLOAD` without declaring it.
const UNDECLARED: [&str; 2] = ["rust-detect-file", "rust-detect-stream"];

struct Captured {
    name: String,
    request: Request,
    canonical_request: String,
}

impl Captured {
    fn all() -> Vec<Self> {
        let text = fs::read_to_string(fixture("captured.json")).unwrap();
        let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
        let cases: Vec<_> = cases.iter().map(Self::from_json).collect();
        assert_eq!(cases.len(), 40);
        cases
    }

    fn from_json(case: &Value) -> Self {
        let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
        let header = |pair: &Value| {
            let value = pair[1].as_str().unwrap();
            (pair[0].as_str().unwrap().to_owned(), value.as_bytes().to_vec())
        };
        let body = match case["body_file"].as_str() {
            Some(file) => fs::read(fixture(file)).unwrap(),
            None => text("body").into_bytes(),
        };
        Self {
            name: text("name"),
            request: Request {
                method: text("method"),
                target: text("target"),
                headers: case["headers"].as_array().unwrap().iter().map(header).collect(),
                body,
            },
            canonical_request: text("canonical_request"),
        }
    }

    /// An endpoint whose clock shows the request's date and that has issued the request's session token.
    fn endpoint(&self) -> Endpoint {
        let date = self.request.header("x-amz-date").unwrap();
        let now: Timestamp = date.parse().unwrap();
        let secret = SecretAccessKey::new(SECRET);
        let key = match self.request.header("x-amz-security-token") {
            Some(token) => AccessKey::temporary(secret, SessionToken::new(token), None),
            None => AccessKey::long_term(secret),
        };
        Endpoint {
            key: Some(key),
            now,
            ..Endpoint::at("2026-11-23T00:00:00Z")
        }
    }
}

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/captured")
        .join(file)
}

#[test]
fn what_real_clients_send_is_accepted_under_the_strict_rules() {
    let mut accepted = 0;
    for case in Captured::all() {
        let verified = case.endpoint().receive(&case.request);
        if UNDECLARED.contains(&case.name.as_str()) {
            continue;
        }
        let verified = verified.unwrap_or_else(|error| panic!("{}: {error}\n{error:?}", case.name));
        let expected = match case.request.header("x-amz-content-sha256") {
            Some("UNSIGNED-PAYLOAD") => PayloadBinding::DeclaredUnsigned,
            _ => PayloadBinding::Signed,
        };
        assert_eq!(verified.payload(), expected, "{}", case.name);
        assert_eq!(verified.warning(), None, "{}", case.name);
        accepted += 1;
    }
    assert_eq!(accepted, 38);
}

#[test]
fn a_file_of_the_rust_sdk_is_refused_with_the_cause_unless_undeclared_unsigned_payloads_are_accepted() {
    let cases = Captured::all();
    let cases: Vec<_> = cases
        .iter()
        .filter(|case| UNDECLARED.contains(&case.name.as_str()))
        .collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let strict = case.endpoint();
        let Err(SignatureError::SignatureDoesNotMatch(mismatch)) = strict.receive(&case.request) else {
            panic!("{} is accepted", case.name);
        };
        assert_eq!(mismatch.cause(), Some(&MismatchCause::UndeclaredUnsignedPayload));
        let difference = mismatch.first_difference().unwrap();
        assert_eq!(difference.theirs, "UNSIGNED-PAYLOAD");
        assert_eq!(difference.line, case.canonical_request.lines().count());

        let undeclared = UndeclaredUnsignedPayload::AcceptWithWarning;
        let lenient = Endpoint {
            unsigned: UnsignedPayloads {
                undeclared,
                ..UnsignedPayloads::default()
            },
            ..strict
        };
        let verified = lenient.receive(&case.request).unwrap();
        assert_eq!(verified.payload(), PayloadBinding::UndeclaredUnsigned);
        assert_eq!(verified.warning(), Some(Warning::UndeclaredUnsignedPayload));
    }
}

/// With another secret every request is refused, and the refusal shows the text the client computed.
#[test]
fn our_canonical_requests_are_those_of_the_clients() {
    for case in Captured::all() {
        let mut endpoint = case.endpoint();
        let wrong = SecretAccessKey::new("another secret");
        endpoint.key = Some(match case.request.header("x-amz-security-token") {
            Some(token) => AccessKey::temporary(wrong, SessionToken::new(token), None),
            None => AccessKey::long_term(wrong),
        });
        let Err(SignatureError::SignatureDoesNotMatch(mismatch)) = endpoint.receive(&case.request) else {
            panic!("{} is accepted with another secret", case.name);
        };
        let cause = mismatch.cause().map(ToString::to_string);
        assert!(
            cause.is_some_and(|cause| cause.starts_with("probably the secret of key `")),
            "{}",
            case.name
        );
        // The two undeclared ones sign a different last line than we expect.
        let expected = match UNDECLARED.contains(&case.name.as_str()) {
            true => case.canonical_request.rsplit_once('\n').unwrap().0,
            false => &case.canonical_request,
        };
        let ours = mismatch.canonical_request();
        let ours = if expected.len() < ours.len() {
            ours.rsplit_once('\n').unwrap().0
        } else {
            ours
        };
        assert_eq!(ours, expected, "{}", case.name);
    }
}

#[test]
fn a_captured_request_is_refused_a_day_later() {
    for case in Captured::all() {
        let mut endpoint = case.endpoint();
        endpoint.now = (endpoint.now + jiff::SignedDuration::from_hours(24))
            .round(Unit::Second)
            .unwrap();
        let error = endpoint.receive(&case.request).unwrap_err();
        assert!(
            matches!(error, SignatureError::Expired { .. }),
            "{}: {error}",
            case.name
        );
    }
}
