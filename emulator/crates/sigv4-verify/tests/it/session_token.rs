//! Temporary credentials: services differ on whether the token is signed, so both ways must be accepted.

use sigv4_verify::{AccessKey, SecretAccessKey, SessionToken};

use crate::support::{EMPTY, Endpoint, Request, SECRET, sign};

const DATE: &str = "20261123T033454Z";
const TOKEN: &str = "FwoGZXIvYXdzEBY+token/with=signs";
const TOKEN_ENCODED: &str = "FwoGZXIvYXdzEBY%2Btoken%2Fwith%3Dsigns";

fn endpoint() -> Endpoint {
    let secret = SecretAccessKey::new(SECRET);
    let key = AccessKey::temporary(secret, SessionToken::new(TOKEN), None);
    Endpoint {
        key: Some(key),
        ..Endpoint::at("2026-11-23T03:34:54Z")
    }
}

#[track_caller]
fn accepted(request: &Request) {
    let verified = endpoint().receive(request);
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn a_token_header_may_be_signed() {
    let headers = format!("host: localhost\nx-amz-date: {DATE}\nx-amz-security-token: {TOKEN}");
    let canonical = format!(
        "GET\n/\n\nhost:localhost\nx-amz-date:{DATE}\nx-amz-security-token:{TOKEN}\n\n\
         host;x-amz-date;x-amz-security-token\n{EMPTY}"
    );
    accepted(&Request::signed_as("GET", "/", &headers, &canonical));
}

#[test]
fn a_token_header_may_be_left_out_of_what_is_signed() {
    let headers = format!("host: localhost\nx-amz-date: {DATE}\nx-amz-security-token: {TOKEN}");
    let canonical = format!("GET\n/\n\nhost:localhost\nx-amz-date:{DATE}\n\nhost;x-amz-date\n{EMPTY}");
    accepted(&Request::signed_as("GET", "/", &headers, &canonical));
}

fn presigned(token_in_canonical_query: &str) -> Request {
    let credential = "AKIDEXAMPLE%2F20261123%2Fus-east-1%2Flookoutvision%2Faws4_request";
    let head = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={DATE}&X-Amz-Expires=60"
    );
    let canonical = format!(
        "GET\n/\n{head}{token_in_canonical_query}&X-Amz-SignedHeaders=host\nhost:localhost\n\nhost\n{EMPTY}"
    );
    let signature = sign(&canonical, DATE);
    let target = format!(
        "/?{head}&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}&X-Amz-Security-Token={TOKEN_ENCODED}"
    );
    Request::new("GET", &target, "host: localhost")
}

#[test]
fn a_token_parameter_may_be_signed() {
    accepted(&presigned(&format!("&X-Amz-Security-Token={TOKEN_ENCODED}")));
}

#[test]
fn a_token_parameter_may_be_added_after_signing() {
    accepted(&presigned(""));
}

#[test]
fn another_token_is_refused_whether_signed_or_not() {
    for signed in [String::new(), format!("&X-Amz-Security-Token={TOKEN_ENCODED}")] {
        let mut request = presigned(&signed);
        request.target = request.target.replace("Security-Token=Fwo", "Security-Token=Gwo");
        let (status, error_type, _) = endpoint().refusal(&request);
        assert_eq!((status, error_type), (403, Some("UnrecognizedClientException")));
    }
}

#[test]
fn a_token_header_is_no_token_of_a_presigned_url() {
    let mut request = presigned("");
    request.target = request.target.replace("&X-Amz-Security-Token=", "&Other=");
    request.set_header("X-Amz-Security-Token", Some(TOKEN));
    let (_, error_type, _) = endpoint().refusal(&request);
    assert_eq!(error_type, Some("UnrecognizedClientException"));
}
