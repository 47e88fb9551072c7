//! One request, as it is written down, and what that costs.

use std::{borrow::Cow, sync::Arc, time::Duration};

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use sigv4_verify::Mismatch;
use uuid::Uuid;

use super::view;
use crate::{
    authorize::Authorization,
    config::Principal,
    entry_point::EntryPoint,
    host_name::EmulatedService,
    request::{AddressedHost, Connection},
};

/// One request
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request_id: Uuid,
    pub(crate) time: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) connection: Arc<Connection>,
    pub(crate) method: http::Method,
    pub(crate) target: Arc<str>,
    pub(crate) host: Arc<AddressedHost>,
    /// `None`: the request was refused before its entry point was known
    pub(crate) entry_point: Option<EntryPoint>,
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) access_key_id: Option<Box<str>>,
    /// The service that was asked
    pub(crate) service: EmulatedService,
    pub(crate) operation: Option<Cow<'static, str>>,
    /// `None`: the request was refused before it was authorised
    pub(crate) authorization: Option<Arc<Authorization>>,
    /// `None`: the client hung up before there was an answer
    pub(crate) status: Option<StatusCode>,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) message: Option<Box<str>>,
    pub(crate) mismatch: Option<Box<Mismatch>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) body: BodyRecord,
    pub(crate) response_bytes: usize,
    pub(crate) rule: Option<Box<str>>,
    /// What the entry costs, estimated when it is closed
    pub(super) bytes: usize,
}

/// What is kept of a request's body
#[derive(Debug, Default, Serialize)]
pub(crate) struct BodyRecord {
    /// `None`: the body was not read
    pub(crate) bytes: Option<usize>,
    #[serde(serialize_with = "view::hex")]
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) content_type: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "view::base64")]
    pub(crate) kept: Option<Box<[u8]>>,
}

impl Entry {
    /// What the entry costs in bytes, estimated
    pub(super) fn cost(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<Self>()
            + self.target.len()
            + self.host.text.len()
            + self.operation.as_ref().map_or(0, |operation| operation.len())
            + text(&self.access_key_id)
            + text(&self.message)
            + text(&self.rule)
            + text(&self.body.content_type)
            + self.body.kept.as_ref().map_or(0, |kept| kept.len())
            + self.warnings.iter().map(String::len).sum::<usize>()
            + self
                .mismatch
                .as_ref()
                .map_or(0, |mismatch| mismatch.canonical_request().len() + MISMATCH_BYTES)
            + self
                .authorization
                .as_ref()
                .map_or(0, |authorization| authorization.bytes())
    }
}

/// What a mismatch costs beyond its canonical request: string to sign, signature, cause
const MISMATCH_BYTES: usize = 1024;
