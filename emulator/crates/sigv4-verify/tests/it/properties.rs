//! We accept what AWS's own signer signs, refuse whatever is changed after that, and panic on no bytes.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SessionTokenMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    sign,
};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sigv4_verify::{
    AccessKey, Expectation, RequestHead, RequestTarget, SecretAccessKey, SessionToken, SignedRequest,
    UnsignedPayloads,
};

use crate::support::{ACCESS_KEY_ID, Endpoint, Request, SECRET, hex, sha256};

/// Something to be signed.
#[derive(Clone, Debug)]
struct Draft {
    request: Request,
    form: Form,
    payload: Payload,
    token: Option<String>,
    token_is_signed: bool,
    second: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Header,
    Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    Implied,
    Declared,
    Unsigned,
}

impl Draft {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.second).unwrap()
    }

    fn endpoint(&self) -> Endpoint {
        let secret = SecretAccessKey::new(SECRET);
        let key = match &self.token {
            Some(token) => AccessKey::temporary(secret, SessionToken::new(token), None),
            None => AccessKey::long_term(secret),
        };
        Endpoint {
            now: self.now(),
            key: Some(key),
            ..Endpoint::at("2026-11-23T03:34:54Z")
        }
    }

    /// Has AWS's signer sign it.
    fn signed(&self) -> Request {
        let mut request = self.request.clone();
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        settings.payload_checksum_kind = match self.payload {
            Payload::Implied => PayloadChecksumKind::NoHeader,
            Payload::Declared | Payload::Unsigned => PayloadChecksumKind::XAmzSha256,
        };
        settings.session_token_mode = if self.token_is_signed {
            SessionTokenMode::Include
        } else {
            SessionTokenMode::Exclude
        };
        if self.form == Form::Query {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(60));
            // The signer adds no such header to a presigned request, so the client has to.
            if self.payload != Payload::Implied {
                request.set_header("x-amz-content-sha256", Some(&self.payload_line()));
            }
        }
        let identity = Credentials::new(ACCESS_KEY_ID, SECRET, self.token.clone(), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("lookoutvision")
            .time(SystemTime::try_from(self.now()).expect("a moment of this century"))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("https://{}{}", request.header("host").unwrap(), request.target);
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
            .collect();
        let body = match self.payload {
            Payload::Unsigned => SignableBody::UnsignedPayload,
            Payload::Implied | Payload::Declared => SignableBody::Bytes(&self.request.body),
        };
        let signable = SignableRequest::new(&self.request.method, uri, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();

        for (name, value) in instructions.headers() {
            request.set_header(name, Some(value));
        }
        for (name, value) in instructions.params() {
            request
                .target
                .push(if request.target.contains('?') { '&' } else { '?' });
            request
                .target
                .push_str(&format!("{name}={}", encode(value.as_bytes())));
        }
        request
    }

    fn payload_line(&self) -> String {
        match self.payload {
            Payload::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Payload::Implied | Payload::Declared => hex(&sha256(&self.request.body)),
        }
    }
}

/// Encodes bytes as a client does in a URL.
fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(*byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn draft() -> impl Strategy<Value = Draft> {
    let segment = "[ -~é漢]{1,8}".prop_filter("a dot segment is for other tests", |text| {
        text != "." && text != ".."
    });
    let path = (vec(segment, 0..5), any::<bool>()).prop_map(|(segments, slash)| {
        let segments: String = segments
            .iter()
            .map(|text| format!("/{}", encode(text.as_bytes())))
            .collect();
        if slash || segments.is_empty() {
            segments + "/"
        } else {
            segments
        }
    });
    let query = vec(("[ -~é]{1,6}", "[ -~é]{0,6}"), 0..5).prop_map(|pairs| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value.as_bytes())))
            .collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        }
    });
    let headers = vec(("x-[a-z]{1,8}", "[!-~]{1,5}( {1,3}[!-~]{1,5}){0,3}"), 0..4);
    let host = select(vec![
        "localhost:8443",
        "lookoutvision.us-east-1.amazonaws.com",
        "[::1]:8443",
    ]);
    let request = (
        select(vec!["GET", "POST", "DELETE", "PATCH"]),
        path,
        query,
        host,
        headers,
        vec(any::<u8>(), 0..64),
    )
        .prop_map(|(method, path, query, host, headers, body)| {
            let mut request = Request::new(method, &format!("{path}{query}"), &format!("host: {host}"));
            for (name, value) in headers {
                request.set_header(&name, Some(&value));
            }
            request.with_body(&body)
        });
    let form = select(vec![Form::Header, Form::Query]);
    let payload = select(vec![Payload::Implied, Payload::Declared, Payload::Unsigned]);
    let token = proptest::option::of("[A-Za-z0-9+/=]{1,40}");
    (
        request,
        form,
        payload,
        token,
        any::<bool>(),
        1_000_000_000_i64..2_000_000_000,
    )
        .prop_map(|(request, form, payload, token, token_is_signed, second)| Draft {
            request,
            form,
            payload,
            token,
            token_is_signed,
            second,
        })
}

/// A change to a request on its way, or to the key of the receiver.
#[derive(Clone, Copy, Debug)]
enum Change {
    Method,
    Path,
    AddSegment,
    AddParameter,
    QueryByte,
    HeaderValue,
    RepeatHeader,
    Host,
    Body,
    Date,
    Region,
    Signature,
    UnsignHeader,
    Secret,
}

const CHANGES: [Change; 14] = [
    Change::Method,
    Change::Path,
    Change::AddSegment,
    Change::AddParameter,
    Change::QueryByte,
    Change::HeaderValue,
    Change::RepeatHeader,
    Change::Host,
    Change::Body,
    Change::Date,
    Change::Region,
    Change::Signature,
    Change::UnsignHeader,
    Change::Secret,
];

impl Change {
    /// Makes the change; `None` if there is nothing to change.
    fn make(self, draft: &Draft, request: &mut Request, endpoint: &mut Endpoint) -> Option<()> {
        match self {
            Self::Method => request.method.push('X'),
            Self::Path => {
                let end = request.target.find('?').unwrap_or(request.target.len());
                request.target.insert(end, 'a');
            }
            Self::AddSegment => request.target.insert_str(0, "/a"),
            Self::AddParameter => {
                request.target.push_str(if request.target.contains('?') {
                    "&zz=1"
                } else {
                    "?zz=1"
                });
            }
            Self::QueryByte => {
                draft.request.target.contains('?').then_some(())?;
                request.target = request.target.replacen('?', "?a", 1);
            }
            Self::HeaderValue => {
                let (_, value) = request.headers.iter_mut().find(|(name, _)| is_custom(name))?;
                value.push(b'x');
            }
            Self::RepeatHeader => {
                let header = request.headers.iter().find(|(name, _)| is_custom(name))?.clone();
                request.headers.push(header);
            }
            Self::Host => {
                request.set_header("host", Some("elsewhere"));
            }
            Self::Body => {
                (draft.payload != Payload::Unsigned).then_some(())?;
                request.body.push(0);
            }
            Self::Date => {
                let later = (draft.now() + jiff::SignedDuration::from_secs(1))
                    .strftime("%Y%m%dT%H%M%SZ")
                    .to_string();
                let date = draft.now().strftime("%Y%m%dT%H%M%SZ").to_string();
                request.target = request.target.replace(&date, &later);
                if draft.form == Form::Header {
                    request.set_header("x-amz-date", Some(&later));
                }
            }
            Self::Region => replace_everywhere(request, "us-east-1", "us-west-1"),
            Self::Signature => {
                let flip = |text: &str| {
                    let at = text.find("Signature=").unwrap() + "Signature=".len();
                    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
                    format!("{}{digit}{}", &text[..at], &text[at + 1..])
                };
                match request.header("authorization").map(flip) {
                    Some(authorization) => {
                        request.set_header("authorization", Some(&authorization));
                    }
                    None => request.target = flip(&request.target),
                }
            }
            Self::UnsignHeader => {
                let (name, _) = request.headers.iter().find(|(name, _)| is_custom(name))?.clone();
                let before = request.clone();
                for separator in [";", "%3B"] {
                    replace_everywhere(request, &format!("{separator}{name}"), "");
                }
                (before.target != request.target || before.headers != request.headers).then_some(())?;
            }
            Self::Secret => {
                let secret = SecretAccessKey::new("another");
                endpoint.key = Some(match &draft.token {
                    Some(token) => AccessKey::temporary(secret, SessionToken::new(token), None),
                    None => AccessKey::long_term(secret),
                });
            }
        }
        Some(())
    }
}

/// Whether it is a header of the draft that no rule requires to be signed.
fn is_custom(name: &str) -> bool {
    name.starts_with("x-") && !name.starts_with("x-amz-")
}

fn replace_everywhere(request: &mut Request, from: &str, to: &str) {
    request.target = request.target.replace(from, to);
    if let Some(authorization) = request.header("authorization") {
        let authorization = authorization.replace(from, to);
        request.set_header("authorization", Some(&authorization));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_signer_of_aws_signs_is_accepted(draft in draft()) {
        let request = draft.signed();
        let verified = draft.endpoint().receive(&request);
        prop_assert!(verified.is_ok(), "{verified:?}\n{request:?}");
    }

    #[test]
    fn whatever_is_changed_after_signing_is_refused(draft in draft()) {
        for change in CHANGES {
            let mut request = draft.signed();
            let mut endpoint = draft.endpoint();
            if change.make(&draft, &mut request, &mut endpoint).is_some() {
                let verified = endpoint.receive(&request);
                prop_assert!(verified.is_err(), "{change:?} is accepted: {request:?}");
            }
        }
    }

    #[test]
    fn no_bytes_make_us_panic(
        method in ".{0,4}",
        target in vec(select(b"/?&=%.+aZ0;: \xc3\xa9\x00".to_vec()), 0..40),
        authorization in vec(any::<u8>(), 0..80),
        name in ".{0,12}",
        value in vec(any::<u8>(), 0..40),
        second in -377_705_023_201_i64..253_402_207_200,
    ) {
        let headers = [("authorization", authorization), ("x-amz-date", value.clone()), (&name, value)];
        receive(&method, &target, &headers, second);
    }

    /// As before, with bytes that pass more of the checks.
    #[test]
    fn no_pieces_of_a_signature_make_us_panic(
        pieces in vec(select(PIECES.to_vec()), 0..12),
        in_query in any::<bool>(),
        date in select(vec!["20261123T033454Z", "00000000T000000Z", "99991231T235959Z", "", "\u{e9}"]),
        payload in select(vec!["UNSIGNED-PAYLOAD", "STREAMING-X", "", "0"]),
        second in select(vec![1_795_404_894, 0, i64::from(i32::MIN), 253_402_207_200, -377_705_023_201]),
    ) {
        let text = pieces.concat();
        let parameters = text.replace(", ", "&X-Amz-");
        let query = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&{parameters}");
        let (target, authorization) = match in_query {
            true => (format!("/a/../b?{query}"), None),
            false => ("/%2e/%41//".to_owned(), Some(format!("AWS4-HMAC-SHA256 {text}").into_bytes())),
        };
        let mut headers = vec![
            ("host", b"\xff\xfe :1:".to_vec()),
            ("x-amz-date", date.as_bytes().to_vec()),
            ("x-amz-content-sha256", payload.as_bytes().to_vec()),
        ];
        headers.extend(authorization.map(|value| ("authorization", value)));
        receive("GET", target.as_bytes(), &headers, second);
    }
}

const PIECES: [&str; 14] = [
    "Credential=AKIDEXAMPLE/20261123/us-east-1/lookoutvision/aws4_request, ",
    "Credential=////, ",
    "SignedHeaders=host, ",
    "SignedHeaders=host;x-amz-content-sha256;x-amz-date, ",
    "SignedHeaders=:authority;;host;host, ",
    "SignedHeaders=, ",
    "Signature=, ",
    "Signature=0000000000000000000000000000000000000000000000000000000000000000, ",
    "Security-Token=%ff, ",
    "Expires=604800, ",
    "=, ",
    "Host",
    ",",
    "%00",
];

/// Runs all checks on any bytes; the answer does not matter.
fn receive(method: &str, target: &[u8], headers: &[(&str, Vec<u8>)], second: i64) {
    let Ok(target) = RequestTarget::parse(target) else {
        return;
    };
    let now = Timestamp::from_second(second).unwrap();
    let expected = Expectation {
        clock_skew_max: Duration::MAX,
        unsigned_amz_headers: sigv4_verify::UnsignedAmzHeaders::Accept,
        ..Expectation::for_service("lookoutvision")
    };
    let headers = headers.iter().map(|(name, value)| (*name, value.as_slice()));
    let answer = SignedRequest::parse(RequestHead::new(method, target, headers), &expected, now);
    let answer = answer.and_then(|signed| {
        let key = AccessKey::long_term(SecretAccessKey::new(SECRET));
        let key = signed.check_key(Some(&key), now)?;
        signed.verify(&key, &sha256(b""), UnsignedPayloads::default())
    });
    if let Err(error) = answer {
        // The texts must not panic either.
        let _ = (
            error.to_string(),
            error.message(sigv4_verify::MismatchDetail::Include),
        );
    }
}
