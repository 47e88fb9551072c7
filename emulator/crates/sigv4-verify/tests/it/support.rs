//! The one place of the tests that knows the API from end to end.

use std::borrow::Cow;

use jiff::Timestamp;
use ring::{digest, hmac};
use sigv4_verify::{
    AccessKey, Expectation, Mismatch, MismatchDetail, RequestHead, RequestTarget, SecretAccessKey,
    SignatureError, SignedRequest, UnsignedPayloads, Verified,
};

pub(crate) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The payload line of a request without a body.
pub(crate) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A request without a body. Headers are written as on the wire, one per line.
    pub(crate) fn new(method: &str, target: &str, headers: &str) -> Self {
        let headers = headers.lines().map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.as_bytes().to_vec())
        });
        let headers = headers.collect();
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// A request whose client computed this canonical request, and signed all of it in its header.
    pub(crate) fn signed_as(method: &str, target: &str, headers: &str, canonical_request: &str) -> Self {
        let mut request = Self::new(method, target, headers);
        let date = request.header("x-amz-date").unwrap().to_owned();
        let signed_headers = canonical_request.lines().rev().nth(1).unwrap();
        let signature = sign(canonical_request, &date);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/{}/us-east-1/lookoutvision/aws4_request, \
             SignedHeaders={signed_headers}, Signature={signature}",
            &date[..8]
        );
        request.set_header("Authorization", Some(&authorization));
        request
    }

    pub(crate) fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub(crate) fn head(&self) -> Result<RequestHead<'_>, SignatureError> {
        let target = RequestTarget::parse(self.target.as_bytes())?;
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()));
        Ok(RequestHead::new(&self.method, target, headers))
    }

    /// Replaces the header, or removes it for `None`.
    pub(crate) fn set_header(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        self.headers
            .retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.headers
            .extend(value.map(|value| (name.to_owned(), value.as_bytes().to_vec())));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(std::str::from_utf8(value).unwrap())
    }
}

/// The receiver of requests.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) expected: Expectation<'static>,
    pub(crate) now: Timestamp,
    pub(crate) key: Option<AccessKey>,
    pub(crate) unsigned: UnsignedPayloads,
}

impl Endpoint {
    /// One that knows [`ACCESS_KEY_ID`] as a long-term key and whose clock shows `now`.
    pub(crate) fn at(now: &str) -> Self {
        Self {
            expected: Expectation::for_service("lookoutvision"),
            now: now.parse().unwrap(),
            key: Some(AccessKey::long_term(SecretAccessKey::new(SECRET))),
            unsigned: UnsignedPayloads::default(),
        }
    }

    /// All the checks, in the order in which a server makes them.
    pub(crate) fn receive(&self, request: &Request) -> Result<Verified, SignatureError> {
        let signed = SignedRequest::parse(request.head()?, &self.expected, self.now)?;
        let found = self
            .key
            .as_ref()
            .filter(|_| signed.access_key_id() == ACCESS_KEY_ID);
        let key = signed.check_key(found, self.now)?;
        signed.verify(&key, &sha256(&request.body), self.unsigned)
    }

    /// The mismatch this request is refused with.
    #[track_caller]
    pub(crate) fn mismatch(&self, request: &Request) -> Box<Mismatch> {
        match self.receive(request) {
            Err(SignatureError::SignatureDoesNotMatch(mismatch)) => mismatch,
            other => panic!("no mismatch: {other:?}"),
        }
    }

    /// What the client is sent: status, error type, message.
    #[track_caller]
    pub(crate) fn refusal(&self, request: &Request) -> (u16, Option<&'static str>, Option<String>) {
        let error = self.receive(request).expect_err("the request is refused");
        let message = error.message(MismatchDetail::Omit).map(Cow::into_owned);
        (error.status(), error.error_type(), message)
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}

/// The signature of a canonical request, implemented a second time and independently.
pub(crate) fn sign(canonical_request: &str, date: &str) -> String {
    let day = &date[..8];
    let scope = format!("{day}/us-east-1/lookoutvision/aws4_request");
    let hash = hex(&sha256(canonical_request.as_bytes()));
    let string_to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in [day, "us-east-1", "lookoutvision", "aws4_request", &string_to_sign] {
        let part_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        key = hmac::sign(&part_key, part.as_bytes()).as_ref().to_vec();
    }
    hex(&key)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
