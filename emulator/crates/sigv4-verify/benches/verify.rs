//! What a check costs: `cargo bench -p sigv4-verify`. The requests were captured from real clients.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail as loudly as a test")]

use std::hint::black_box;
use std::path::Path;
use std::{fmt, fs};

use divan::Bencher;
use jiff::Timestamp;
use ring::digest;
use serde_json::Value;
use sigv4_verify::{
    AccessKey, Expectation, RequestHead, RequestTarget, SecretAccessKey, SignatureError, SignedRequest,
    UnsignedPayloads, Verified,
};

fn main() {
    divan::main();
}

/// The smallest request, an image, an ARN in the path, and a long query.
const CASES: [&str; 5] = [
    "boto3-list-projects",
    "boto3-detect-bytes",
    "js-detect-bytes",
    "rust-tag",
    "js-entries",
];

/// Everything but the hash of the body.
#[divan::bench(args = cases())]
fn check(bencher: Bencher<'_, '_>, case: &Case) {
    bencher.bench(|| black_box(case).check(&case.key, &case.body_sha256).unwrap());
}

/// The whole check, as in a server that has the body in one piece.
#[divan::bench(args = cases())]
fn check_and_hash_body(bencher: Bencher<'_, '_>, case: &Case) {
    bencher.bench(|| {
        let case = black_box(case);
        case.check(&case.key, &sha256(&case.body)).unwrap()
    });
}

/// Rules 1 to 13 alone.
#[divan::bench(args = cases())]
fn parse(bencher: Bencher<'_, '_>, case: &Case) {
    bencher.bench(|| black_box(case).parse().unwrap().date());
}

/// A refusal, including the search for its cause and the writing of its texts.
#[divan::bench(args = cases())]
fn refuse(bencher: Bencher<'_, '_>, case: &Case) {
    let key = AccessKey::long_term(SecretAccessKey::new("another"));
    bencher.bench(|| black_box(case).check(&key, &case.body_sha256).unwrap_err());
}

struct Case {
    name: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    body_sha256: [u8; 32],
    key: AccessKey,
    now: Timestamp,
}

impl Case {
    fn parse(&self) -> Result<SignedRequest<'_>, SignatureError> {
        let target = RequestTarget::parse(self.target.as_bytes())?;
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = RequestHead::new(&self.method, target, headers);
        SignedRequest::parse(head, &Expectation::for_service("lookoutvision"), self.now)
    }

    fn check(&self, key: &AccessKey, body_sha256: &[u8; 32]) -> Result<Verified, SignatureError> {
        let signed = self.parse()?;
        let key = signed.check_key(Some(key), self.now)?;
        signed.verify(&key, body_sha256, UnsignedPayloads::default())
    }

    fn from_json(case: &Value, folder: &Path) -> Self {
        let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
        let headers = case["headers"].as_array().unwrap().iter();
        let headers = headers
            .map(|pair| {
                (
                    pair[0].as_str().unwrap().to_owned(),
                    pair[1].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>();
        let (_, date) = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("x-amz-date"))
            .unwrap();
        let now = date.parse().unwrap();
        let body = match case["body_file"].as_str() {
            Some(file) => fs::read(folder.join(file)).unwrap(),
            None => text("body").into_bytes(),
        };
        Self {
            name: text("name"),
            method: text("method"),
            target: text("target"),
            headers,
            body_sha256: sha256(&body),
            body,
            key: AccessKey::long_term(SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
            now,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captured");
    let text = fs::read_to_string(folder.join("captured.json")).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    CASES
        .iter()
        .map(|name| Case::from_json(all.iter().find(|case| case["name"] == *name).unwrap(), &folder))
        .collect()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}
