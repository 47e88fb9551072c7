//! The one place of the tests that knows the API from end to end.

use jiff::Timestamp;
use ring::digest;
use sigv4_verify::{
    AccessKey, Expectation, RequestHead, RequestTarget, SecretAccessKey, SignatureError, SignedRequest,
    UnsignedPayloads, Verified,
};

pub(crate) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
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

/// Who receives a request.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) expected: Expectation<'static>,
    pub(crate) now: Timestamp,
    pub(crate) key: Option<AccessKey>,
    pub(crate) unsigned: UnsignedPayloads,
}

impl Endpoint {
    /// One that knows [`ACCESS_KEY_ID`] as a long-term key and stands at the given moment.
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
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}
