//! Signatures in the query of a URL.

use std::time::Duration;

use sigv4_verify::{SignatureForm, SignedRequest};

use crate::support::{EMPTY, Endpoint, Request, hex, sha256, sign};

const HEAD: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
                    &X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Fus-east-1%2Flookoutvision%2Faws4_request\
                    &X-Amz-Date=20261123T033454Z";

/// A URL that is valid for `expires` seconds. Its path holds an ARN, so the path is signed encoded twice.
fn presigned(expires: &str) -> Request {
    let canonical = format!(
        "GET\n/2020-11-20/tags/arn%253Aaws%253Alookoutvision\n\
         {HEAD}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host\nhost:localhost\n\nhost\n{EMPTY}"
    );
    let signature = sign(&canonical, "20261123T033454Z");
    let target = format!(
        "/2020-11-20/tags/arn%3Aaws%3Alookoutvision?{HEAD}&X-Amz-SignedHeaders=host&X-Amz-Expires={expires}\
         &X-Amz-Signature={signature}"
    );
    Request::new("GET", &target, "Host: localhost")
}

fn endpoint() -> Endpoint {
    Endpoint::at("2026-11-23T03:34:54Z")
}

#[track_caller]
fn refused(endpoint: &Endpoint, request: &Request, error_type: &str, message: &str) {
    assert_eq!(
        endpoint.refusal(request),
        (403, Some(error_type), Some(message.to_owned()))
    );
}

#[track_caller]
fn accepted(endpoint: &Endpoint, request: &Request) {
    let verified = endpoint.receive(request);
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn a_presigned_url_is_good_until_it_expires() {
    let request = presigned("3600");
    for now in [
        "2026-11-23T03:34:54Z",
        "2026-11-23T04:34:53Z",
        "2026-11-23T04:34:54Z",
        "2026-11-23T03:29:54Z",
    ] {
        accepted(&Endpoint::at(now), &request);
    }
    refused(
        &Endpoint::at("2026-11-23T04:34:55Z"),
        &request,
        "InvalidSignatureException",
        "Signature expired: 20261123T033454Z is now earlier than 20261123T033455Z (20261123T043455Z - \
         60 min.)",
    );
    refused(
        &Endpoint::at("2026-11-23T03:29:53Z"),
        &request,
        "InvalidSignatureException",
        "Signature not yet current: 20261123T033454Z is still later than 20261123T033453Z \
         (20261123T032953Z + 5 min.)",
    );
}

#[test]
fn a_short_lifetime_is_shorter_than_the_clock_skew() {
    let request = presigned("10");
    accepted(&Endpoint::at("2026-11-23T03:35:04Z"), &request);
    refused(
        &Endpoint::at("2026-11-23T03:35:05Z"),
        &request,
        "InvalidSignatureException",
        "Signature expired: 20261123T033454Z is now earlier than 20261123T033455Z (20261123T033505Z - \
         10 sec.)",
    );
}

#[test]
fn a_lifetime_is_a_number_from_one_second_to_a_week() {
    accepted(&endpoint(), &presigned("1"));
    accepted(&endpoint(), &presigned("604800"));
    for (expires, message) in [
        ("", "X-Amz-Expires should be a number"),
        ("soon", "X-Amz-Expires should be a number"),
        ("1.5", "X-Amz-Expires should be a number"),
        ("0", "X-Amz-Expires must be non-negative"),
        ("-1", "X-Amz-Expires must be non-negative"),
        (
            "604801",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must \
             be less than 604800 seconds",
        ),
    ] {
        refused(
            &endpoint(),
            &presigned(expires),
            "IncompleteSignatureException",
            message,
        );
    }
}

#[test]
fn without_a_lifetime_the_clock_skew_is_the_limit() {
    let canonical = format!("GET\n/\n{HEAD}&X-Amz-SignedHeaders=host\nhost:localhost\n\nhost\n{EMPTY}");
    let signature = sign(&canonical, "20261123T033454Z");
    let target = format!("/?{HEAD}&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}");
    let request = Request::new("GET", &target, "Host: localhost");
    accepted(&Endpoint::at("2026-11-23T03:39:54Z"), &request);
    assert!(Endpoint::at("2026-11-23T03:39:55Z").receive(&request).is_err());
}

#[test]
fn rule_7a_another_algorithm_is_no_signature() {
    let mut request = presigned("60");
    request.target = request
        .target
        .replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    refused(
        &endpoint(),
        &request,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}

#[test]
fn rule_7c_of_two_parameters_alike_the_first_counts() {
    let mut request = presigned("60");
    request.target.push_str("&X-Amz-Signature=0");
    accepted(&endpoint(), &request);
    request.target = request.target.replace('?', "?X-Amz-Signature=0&");
    assert!(endpoint().receive(&request).is_err());

    // Any other parameter is part of what is signed, so a second one does not match.
    let mut request = presigned("60");
    request.target.push_str("&X-Amz-Expires=604800");
    let mismatch = endpoint().mismatch(&request);
    assert!(
        mismatch
            .canonical_request()
            .contains("&X-Amz-Expires=60&X-Amz-Expires=604800&")
    );
}

#[test]
fn rule_7d_names_everything_that_is_missing() {
    let request = Request::new("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", "Host: localhost");
    refused(
        &endpoint(),
        &request,
        "IncompleteSignatureException",
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must \
         include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS \
         query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
    );
    let mut request = presigned("60");
    request.target = request.target.replace("X-Amz-Date", "X-Amz-Time");
    refused(
        &endpoint(),
        &request,
        "IncompleteSignatureException",
        "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
    );
}

#[test]
fn an_amz_date_header_does_not_stand_in_for_the_parameter() {
    let mut request = presigned("60");
    request.target = request.target.replace("X-Amz-Date", "X-Amz-Time");
    request.set_header("Date", Some("20261123T033454Z"));
    let (_, _, message) = endpoint().refusal(&request);
    assert!(message.unwrap().contains("must include 'X-Amz-Date'"));
}

#[test]
fn a_presigned_url_signs_the_body_that_was_there() {
    let request = presigned("60").with_body(b"surprise");
    let payload_line = hex(&sha256(b"surprise"));
    assert_eq!(
        endpoint().mismatch(&request).canonical_request().lines().last(),
        Some(&*payload_line)
    );
}

#[test]
fn the_form_and_the_lifetime_can_be_asked_for() {
    let request = presigned("60");
    let endpoint = endpoint();
    let signed = SignedRequest::parse(request.head().unwrap(), &endpoint.expected, endpoint.now).unwrap();
    let expires = Some(Duration::from_secs(60));
    assert_eq!(signed.form(), SignatureForm::PresignedUrl { expires });
    assert_eq!(
        signed.scope().to_string(),
        "20261123/us-east-1/lookoutvision/aws4_request"
    );
    assert_eq!(signed.date().to_string(), "20261123T033454Z");
}
