//! One request, as it is written down, and what that costs.

use std::{
    borrow::Cow,
    ops::Deref,
    sync::{Arc, Weak},
    time::Duration,
};

use client_text::{CUT, cut_bytes};
use http::StatusCode;
use hyper::body::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use sigv4_verify::Mismatch;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{call_pattern::fits, view};
use crate::{
    authorization::Authorization,
    clock::Reading,
    identity::Principal,
    network::{addressed_host::AddressedHost, entry_point::EntryPoint, host_name::EmulatedService},
    request::{Connection, trace_parent::TraceParent},
};

/// An entry that is written down: it changes no more
///
/// Not the standard library's `Arc`: to write to that one takes atomic operations even while nobody else has it.
pub(crate) type SharedEntry = triomphe::Arc<Entry>;

/// One request
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request_id: Uuid,
    pub(crate) time: Timestamp,
    /// How often the clock had been set back by then
    pub(super) clock_lap: u32,
    pub(crate) duration: Duration,
    pub(crate) connection: Arc<Connection>,
    pub(crate) method: http::Method,
    pub(crate) target: Arc<str>,
    pub(crate) host: Arc<AddressedHost>,
    /// `None`: the request was refused before its entry point was known
    pub(crate) entry_point: Option<EntryPoint>,
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) access_key_id: Option<Arc<str>>,
    /// The service that was asked; `None`: nothing has named one
    pub(crate) service: Option<EmulatedService>,
    pub(crate) operation: Option<Cow<'static, str>>,
    /// `None`: the request was refused before it was authorised
    pub(crate) authorization: Option<Arc<Authorization>>,
    /// `None`: the client hung up before there was an answer, or a fault kept the whole of it from the client
    pub(crate) status: Option<StatusCode>,
    pub(crate) body: BodyRecord,
    pub(crate) response_bytes: usize,
    /// The canned rule that answered
    pub(crate) rule: Option<Cow<'static, str>>,
    /// See [`Entry::details`]
    pub(super) details: Option<Box<Details>>,
    /// The operations that the call may be for, where its action stands in a body that was not read
    pub(crate) unread_actions: &'static [&'static str],
    /// Whether texts of it were cut
    pub(super) is_cut: bool,
    /// What the entry costs in bytes, estimated when it is closed
    pub(super) bytes: usize,
}

/// What only some requests have
///
/// Most have none of it, and the journal keeps ten thousand of them by default. What was not touched for that long is in
/// no cache of the processor when it is evicted, so the smaller an entry is, the less a request costs.
#[derive(Debug, Default)]
pub(crate) struct Details {
    /// The trace that the client says the request belongs to
    pub(crate) traceparent: Option<TraceParent>,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) message: Option<Box<str>>,
    /// What the answer says instead of `message`; empty where there is no message in it
    pub(crate) client_message: Option<Box<str>>,
    pub(crate) signature: Option<SignatureRecord>,
    pub(crate) warnings: Vec<String>,
    /// The answer's body, where it is kept: as a whole or not at all
    pub(crate) response_body: Option<Bytes>,
    /// The answer's body with a mask, where bodies are not kept; it is there as long as it is among the newest of its
    /// kind
    pub(crate) response_mask: Weak<Bytes>,
    /// The name of the fault that the request met, shared with the fault itself
    pub(crate) fault: Option<Arc<str>>,
}

/// The details of a request that has none
static NO_DETAILS: Details = Details {
    traceparent: None,
    error_code: None,
    message: None,
    client_message: None,
    signature: None,
    warnings: Vec::new(),
    response_body: None,
    response_mask: Weak::new(),
    fault: None,
};

/// What is kept of a request's body
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct BodyRecord {
    /// `None`: the body was not read
    pub(crate) bytes: Option<usize>,
    #[serde(serialize_with = "view::hex")]
    #[schema(value_type = Option<String>)]
    pub(crate) sha256: Option<[u8; 32]>,
    /// Borrowed where it is one that many requests have
    #[schema(value_type = Option<String>)]
    pub(crate) content_type: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "view::base64")]
    #[schema(value_type = Option<String>)]
    pub(crate) kept: Option<Box<[u8]>>,
}

/// What we made of a request whose signature differs, without what is secret
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignatureRecord {
    canonical_request: Box<str>,
    string_to_sign: Box<str>,
    cause: Option<Box<str>>,
    first_difference: Option<DifferenceRecord>,
}

/// The first line that the client signed otherwise, where it can be known
#[derive(Debug, Serialize, ToSchema)]
struct DifferenceRecord {
    line: usize,
    ours: Box<str>,
    theirs: Box<str>,
}

impl BodyRecord {
    /// Of a body of which nothing is known but what its request's head says
    pub(super) fn announced(content_type: Option<&str>) -> Self {
        let shared = |text: &str| match CONTENT_TYPES.into_iter().find(|known| *known == text) {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(text.to_owned()),
        };
        Self {
            content_type: content_type.map(shared),
            ..Self::default()
        }
    }
}

impl SignatureRecord {
    /// Writes down a mismatch
    pub(crate) fn of(mismatch: &Mismatch) -> Self {
        let mismatch = mismatch.redacted();
        Self {
            canonical_request: mismatch.canonical_request().into(),
            string_to_sign: mismatch.string_to_sign().to_string().into(),
            cause: mismatch.cause().map(|cause| cause.to_string().into()),
            first_difference: mismatch.first_difference().map(|difference| DifferenceRecord {
                line: difference.line,
                ours: difference.ours.into(),
                theirs: difference.theirs.into(),
            }),
        }
    }

    /// What its texts cost in bytes
    fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let difference = self.first_difference.as_ref();
        let lines = difference.map(|difference| [&*difference.ours, &*difference.theirs]);
        [&*self.canonical_request, &*self.string_to_sign]
            .into_iter()
            .chain(self.cause.as_deref())
            .chain(lines.into_iter().flatten())
    }

    fn cut(&mut self, bytes_max: usize) {
        cut(&mut self.canonical_request, bytes_max);
        cut(&mut self.string_to_sign, bytes_max);
        self.cause.iter_mut().for_each(|cause| cut(cause, bytes_max));
        if let Some(difference) = &mut self.first_difference {
            cut(&mut difference.ours, bytes_max);
            cut(&mut difference.theirs, bytes_max);
        }
    }
}

impl Entry {
    /// What only some requests have
    pub(crate) fn details(&self) -> &Details {
        self.details.as_deref().unwrap_or(&NO_DETAILS)
    }

    /// The same, to be written to
    pub(crate) fn details_mut(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// When it was received
    pub(super) fn received(&self) -> Reading {
        Reading {
            lap: self.clock_lap,
            time: self.time,
        }
    }

    /// Whether the journal may have cut this text of the entry: the texts that it cuts end with `…`
    pub(super) fn may_have_cut(&self, text: &str) -> bool {
        self.is_cut && text.ends_with(CUT)
    }

    /// Whether an action that was not read may fit this pattern; `None` is the pattern of a call without an action
    pub(super) fn may_be(&self, pattern: Option<&str>) -> bool {
        !self.unread_actions.is_empty()
            && pattern.is_none_or(|pattern| self.unread_actions.iter().any(|action| fits(pattern, action)))
    }

    /// What the entry costs in bytes, estimated
    pub(super) fn cost(&self) -> usize {
        let answer = self.details().response_body.as_ref().map_or(0, Bytes::len);
        self.cost_of_texts() + self.body.kept.as_ref().map_or(0, |kept| kept.len()) + answer
    }

    /// What it costs in bytes without the bodies; `journal_body_bytes_max` says how much of those is kept
    fn cost_of_texts(&self) -> usize {
        size_of::<Self>()
            + self.target.len()
            + self.host.text.len()
            + self.operation.as_ref().map_or(0, |operation| operation.len())
            + self.access_key_id.as_ref().map_or(0, |id| id.len())
            + self.rule.as_ref().map_or(0, |rule| rule.len())
            + self.body.content_type.as_ref().map_or(0, |text| text.len())
            + self.details.as_ref().map_or(0, |details| details.bytes())
            + self
                .authorization
                .as_ref()
                .map_or(0, |authorization| authorization.bytes())
    }

    /// Cuts the texts of an entry that costs more than `bytes_max`, each to its share, and marks them with `…`; returns
    /// whether it had to
    ///
    /// Condition keys are cut like the rest. What the policies made of them can then no longer be worked out, so such
    /// an entry keeps its decision without an explanation, and says so.
    pub(super) fn fit(&mut self, bytes_max: usize) -> bool {
        if self.cost_of_texts() <= bytes_max {
            return false;
        }
        self.is_cut = true;
        let share = bytes_max / SHARES;
        cut(&mut self.target, share);
        // The name of a rule is shorter than any share.
        if let Some(id) = &mut self.access_key_id {
            cut(id, share);
        }
        if let Some(content_type) = &mut self.body.content_type
            && content_type.len() > share
        {
            *content_type = cut_bytes(content_type, share).into_owned().into();
        }
        if let Some(details) = &mut self.details {
            details.cut(share);
        }
        if let Some(authorization) = &self.authorization
            && authorization.bytes() > AUTHORIZATION_SHARES * share
        {
            self.authorization = Some(Arc::new(authorization.abridged(share)));
        }
        true
    }
}

impl Details {
    /// What they cost in bytes without the bodies, estimated
    fn bytes(&self) -> usize {
        let texts = [&self.message, &self.client_message].into_iter().flatten();
        size_of::<Self>()
            + self.traceparent.as_ref().map_or(0, |_| TraceParent::BYTES)
            + texts.map(|text| text.len()).sum::<usize>()
            + self.warnings.iter().map(String::len).sum::<usize>()
            + self.signature.as_ref().map_or(0, SignatureRecord::bytes)
    }

    /// Cuts each text to at most `bytes_max` bytes
    fn cut(&mut self, bytes_max: usize) {
        let texts = [&mut self.message, &mut self.client_message];
        for text in texts.into_iter().flatten() {
            cut(text, bytes_max);
        }
        for warning in &mut self.warnings {
            cut(warning, bytes_max);
        }
        if let Some(signature) = &mut self.signature {
            signature.cut(bytes_max);
        }
    }
}

/// Cuts a text to at most `bytes_max` bytes, and marks it
fn cut<T>(text: &mut T, bytes_max: usize)
where
    T: Deref<Target = str> + for<'t> From<Cow<'t, str>>,
{
    if text.len() > bytes_max {
        *text = cut_bytes(text, bytes_max).into();
    }
}

/// The content types that the clients of the services played here send
const CONTENT_TYPES: [&str; 4] = [
    "image/png",
    "image/jpeg",
    "application/json",
    "application/x-www-form-urlencoded; charset=utf-8",
];

/// Into how many shares the room of an entry is divided: more than it has texts
const SHARES: usize = 16;

/// How many shares an authorization has, because it has several texts: user agent, referer and tags
const AUTHORIZATION_SHARES: usize = 4;
