//! Output or refusal → bytes.
//!
//! The header fields are those of responses saved from the real service in 2021 and 2023 (notebooks in
//! youngmki/amazon-lookout-for-vision and dolfno/PQILookoutVision): no charset, no server name, a length, and a `Date`
//! from the clock that checks signatures, since the JavaScript SDK corrects its own clock by it.

use std::{
    cell::RefCell,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::{
    Response,
    body::{Body, Bytes},
};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use uuid::Uuid;

use crate::services::refusal::{BodyForm, WireRefusal, X_AMZN_ERROR_TYPE};

/// An operation's answer
pub(crate) fn success(
    status: StatusCode,
    body: Bytes,
    form: BodyForm,
    request_id: Uuid,
    now: Timestamp,
) -> Response<Full<Bytes>> {
    response(status, body, form, request_id, now)
}

/// The whole body of an answer
pub(super) fn bytes_of(response: &Response<Full<Bytes>>) -> Option<Bytes> {
    let mut body = response.body().clone();
    // It is there as a whole, so nobody has to be woken.
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        Poll::Ready(_) | Poll::Pending => None,
    }
}

/// A refusal's answer
pub(crate) fn refusal(refusal: WireRefusal, request_id: Uuid, now: Timestamp) -> Response<Full<Bytes>> {
    let mut response = response(refusal.status, refusal.body.into(), refusal.form, request_id, now);
    let headers = response.headers_mut();
    if let Some(error_type) = refusal.error_type
        && refusal.form == BodyForm::Json
    {
        headers.insert(X_AMZN_ERROR_TYPE, HeaderValue::from_static(error_type));
    }
    if let Some(retry_after) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, retry_after);
    }
    response
}

fn response(
    status: StatusCode,
    body: Bytes,
    form: BodyForm,
    request_id: Uuid,
    now: Timestamp,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    *headers = FIELDS.clone();
    let mut id = Uuid::encode_buffer();
    let id = request_id.hyphenated().encode_lower(&mut id);
    headers.insert(
        X_AMZN_REQUESTID,
        HeaderValue::from_str(id).expect("a UUID is plain text"),
    );
    headers.insert(header::DATE, http_date(now));
    headers.insert(header::CONTENT_TYPE, form.content_type());
    response
}

/// The fields of every response in their order; those whose values differ are empty here. To copy them as a whole is
/// faster than to put them together.
static FIELDS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let nothing_yet = HeaderValue::from_static("");
    let mut fields = HeaderMap::new();
    fields.insert(X_AMZN_REQUESTID, nothing_yet.clone());
    for (name, value) in FIXED_FIELDS {
        fields.insert(name, HeaderValue::from_static(value));
    }
    fields.insert(header::DATE, nothing_yet.clone());
    fields.insert(header::CONTENT_TYPE, nothing_yet);
    fields
});

/// The `Date` field, which is written anew only when the second changes
fn http_date(now: Timestamp) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<(i64, HeaderValue)> = const { RefCell::new((i64::MIN, HeaderValue::from_static(""))) };
    }
    let second = now.as_second();
    LAST.with_borrow_mut(|(written, date)| {
        if *written != second {
            (*written, *date) = (second, http_date_anew(now));
        }
        date.clone()
    })
}

fn http_date_anew(now: Timestamp) -> HeaderValue {
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok();
    // RFC 9110 has four digits for the year; a clock moved beyond them has no date to tell.
    text.and_then(|text| HeaderValue::from_str(&text).ok())
        .unwrap_or(HeaderValue::from_static(FAR_DATE))
}

const X_AMZN_REQUESTID: HeaderName = HeaderName::from_static("x-amzn-requestid");

const FIXED_FIELDS: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("x-xss-protection"), "1; mode=block"),
    (
        HeaderName::from_static("strict-transport-security"),
        "max-age=31540000; includeSubDomains",
    ),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
];

const FAR_DATE: &str = "Fri, 31 Dec 9999 23:59:59 GMT";
