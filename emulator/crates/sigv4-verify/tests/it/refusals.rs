//! Each refusal, with AWS's literal text.

use jiff::Timestamp;
use sigv4_verify::{
    AccessKey, Expectation, ExpectedRegion, MismatchDetail, SecretAccessKey, SessionToken, UnsignedAmzHeaders,
};

use crate::support::{ACCESS_KEY_ID, Endpoint, Request, SECRET, hex, sha256};

const SIGNATURE: &str = "8db1e4009cf6fbca6aff86ee4fdd67727798307b21026d2dd7cd7d0edda512a5";

/// What boto3 sent to list projects.
fn request() -> Request {
    Request::new(
        "GET",
        "/2020-11-20/projects",
        &format!(
            "Host: localhost:18443\n\
             X-Amz-Date: 20261123T033454Z\n\
             Authorization: AWS4-HMAC-SHA256 \
             Credential={ACCESS_KEY_ID}/20261123/us-east-1/lookoutvision/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
        ),
    )
}

fn endpoint() -> Endpoint {
    Endpoint::at("2026-11-23T03:35:00Z")
}

#[track_caller]
fn check(request: &Request, status: u16, error_type: &str, message: &str) {
    check_at(&endpoint(), request, status, error_type, message);
}

#[track_caller]
fn check_at(endpoint: &Endpoint, request: &Request, status: u16, error_type: &str, message: &str) {
    assert_eq!(
        endpoint.refusal(request),
        (status, Some(error_type), Some(message.to_owned()))
    );
}

/// The request with this `Authorization`.
fn authorized(authorization: &str) -> Request {
    let mut request = request();
    request.set_header("Authorization", Some(authorization));
    request
}

/// The request with this credential, its signature left as it was.
fn credential(credential: &str) -> Request {
    authorized(&format!(
        "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
    ))
}

#[test]
fn the_request_as_such_is_accepted() {
    let verified = endpoint().receive(&request());
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn rule_1_a_path_with_a_broken_escape_or_above_the_root_gets_400_and_no_body() {
    for target in ["/2020-11-20/%zz", "/%", "/..", "/a/../../b", "no-slash"] {
        let mut request = request();
        target.clone_into(&mut request.target);
        assert_eq!(endpoint().refusal(&request), (400, None, None), "{target}");
    }
}

#[test]
fn rule_4_a_broken_escape_in_the_query_is_malformed() {
    for (query, message) in [
        ("a=%", "Incomplete trailing escape % sequence"),
        ("a=1&b=%4", "Incomplete trailing escape % sequence"),
        ("a=%xy1", "Illegal hex character in escape % pattern: %xy"),
    ] {
        let mut request = request();
        request.target.push_str(&format!("?{query}"));
        check(&request, 400, "MalformedQueryString", message);
    }
}

#[test]
fn rule_5_a_request_without_a_signature_is_told_so() {
    let mut request = request();
    request.set_header("Authorization", None);
    check(
        &request,
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}

#[test]
fn rule_5_a_request_with_two_signatures_is_refused() {
    let mut request = request();
    request.target.push_str("?X-Amz-Algorithm=AWS4-HMAC-SHA256");
    let (status, error_type, _) = endpoint().refusal(&request);
    assert_eq!((status, error_type), (403, Some("InvalidSignatureException")));
}

#[test]
fn rule_6a_another_algorithm_of_aws_is_unsupported() {
    for algorithm in [
        "AWS4-ECDSA-P256-SHA256",
        "AWS4-HMAC-SHA512",
        "AWS",
        "AWS3-HTTPS",
        "AWS4-HMAC-SHA256x",
    ] {
        check(
            &authorized(&format!(
                "{algorithm} Credential=a/b, SignedHeaders=host, Signature=x"
            )),
            403,
            "IncompleteSignatureException",
            &format!("Unsupported AWS 'algorithm': '{algorithm}'."),
        );
    }
    check(
        &authorized("Other Credential=a/b, SignedHeaders=host, Signature=x"),
        403,
        "IncompleteSignatureException",
        "Unsupported AWS 'algorithm': 'Other'.",
    );
}

#[test]
fn rule_6b_a_parameter_without_an_equal_sign_is_shown_with_the_whole_header() {
    check(
        &authorized("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders"),
        403,
        "IncompleteSignatureException",
        "'SignedHeaders' not a valid key=value pair (missing equal-sign) in Authorization header: \
         'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders'.",
    );
}

/// cowinapi/developer.cowin#129: what API Gateway says to a bearer token.
#[test]
fn rule_6b_is_what_a_bearer_token_breaks() {
    check(
        &authorized("Bearer token"),
        403,
        "IncompleteSignatureException",
        "'token' not a valid key=value pair (missing equal-sign) in Authorization header: 'Bearer token'.",
    );
}

/// aws/chalice#828: what API Gateway says to a token without a scheme.
#[test]
fn rule_6d_names_everything_that_is_missing() {
    let mut request = authorized("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln");
    request.set_header("X-Amz-Date", None);
    check(
        &request,
        403,
        "IncompleteSignatureException",
        "Authorization header requires 'Credential' parameter. Authorization header requires \
         'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization \
         header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    );
}

#[test]
fn rule_6d_names_nothing_that_is_there() {
    for (authorization, message) in [
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=x",
            "Authorization header requires 'Credential' parameter. ",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host",
            "Authorization header requires 'Signature' parameter. ",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a, Signature=x",
            "Authorization header requires 'SignedHeaders' parameter. ",
        ),
        (
            "AWS4-HMAC-SHA256 signature=x, Credential=a",
            "Authorization header requires 'Signature' parameter. \
             Authorization header requires 'SignedHeaders' parameter. ",
        ),
    ] {
        check(
            &authorized(authorization),
            403,
            "IncompleteSignatureException",
            &format!("{message}Authorization={authorization}"),
        );
    }
}

#[test]
fn rule_8_the_host_must_be_signed() {
    check(
        &authorized(&format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20261123/us-east-1/lookoutvision/aws4_request, \
             SignedHeaders=x-amz-date, Signature={SIGNATURE}"
        )),
        403,
        "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
}

#[test]
fn rule_8_every_amz_header_must_be_signed_unless_that_is_waived() {
    let mut request = request();
    request.set_header("X-Amz-User-Agent", Some("aws-sdk-js/3.918.0"));
    check(
        &request,
        403,
        "InvalidSignatureException",
        "'x-amz-user-agent' must be a 'SignedHeader' in the AWS Authorization.",
    );
    let mut lenient = endpoint();
    lenient.expected.unsigned_amz_headers = UnsignedAmzHeaders::Accept;
    assert!(lenient.receive(&request).is_ok());
}

#[test]
fn rule_8_the_hash_of_the_body_need_not_be_signed() {
    let mut request = request();
    request.set_header("X-Amz-Content-Sha256", Some(&hex(&sha256(b""))));
    assert!(endpoint().receive(&request).is_ok());
    // It is still read.
    request.set_header("X-Amz-Content-Sha256", Some(&"0".repeat(64)));
    assert!(endpoint().receive(&request).is_err());
}

#[test]
fn rule_9_the_date_must_be_basic_iso_8601() {
    for date in [
        "2026-11-23T03:34:54Z",
        "Mon, 23 Nov 2026 03:34:54 GMT",
        "20261123T033454",
        "20260231T033454Z",
        "x",
    ] {
        let mut request = request();
        request.set_header("X-Amz-Date", Some(date));
        check(
            &request,
            403,
            "IncompleteSignatureException",
            &format!(
                "Date must be in ISO-8601 'basic format'. Got '{date}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601"
            ),
        );
    }
}

#[test]
fn rule_12_a_credential_has_five_parts() {
    for found in [
        "AKIDEXAMPLE",
        "AKIDEXAMPLE/20261123/us-east-1/lookoutvision",
        "a/b/c/d/e/f",
    ] {
        check(
            &credential(found),
            403,
            "IncompleteSignatureException",
            &format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{found}'"
            ),
        );
    }
}

#[test]
fn rule_13_the_scope_must_be_the_endpoints_and_the_dates() {
    for (scope, message) in [
        (
            "20261123/nowhere/lookoutvision/aws4_request",
            "Credential should be scoped to a valid region, not 'nowhere'. ",
        ),
        (
            "20261123/us-east-1/s3/aws4_request",
            "Credential should be scoped to correct service: 'lookoutvision'. ",
        ),
        (
            "20261123/us-east-1/lookoutvision/aws4",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. ",
        ),
        (
            "20261122/us-east-1/lookoutvision/aws4_request",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '20261122' != '20261123', from '20261123T033454Z'.",
        ),
        (
            "1/2/3/4",
            "Credential should be scoped to a valid region, not '2'. \
             Credential should be scoped to correct service: 'lookoutvision'. \
             Credential should be scoped with a valid terminator: 'aws4_request', not '4'. \
             Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '1' != '20261123', from '20261123T033454Z'.",
        ),
    ] {
        check(
            &credential(&format!("{ACCESS_KEY_ID}/{scope}")),
            403,
            "InvalidSignatureException",
            message,
        );
    }
}

#[test]
fn rule_13_an_endpoint_of_one_region_takes_no_other() {
    let here = |region| {
        let expected = Expectation {
            region,
            ..Expectation::for_service("lookoutvision")
        };
        Endpoint {
            expected,
            ..endpoint()
        }
    };
    check_at(
        &here(ExpectedRegion::Exactly("us-west-1")),
        &request(),
        403,
        "InvalidSignatureException",
        "Credential should be scoped to a valid region, not 'us-east-1'. ",
    );
    assert!(
        here(ExpectedRegion::Exactly("us-east-1"))
            .receive(&request())
            .is_ok()
    );
}

#[test]
fn rule_14b_a_token_must_come_with_its_key_and_no_other() {
    const MESSAGE: &str = "The security token included in the request is invalid";
    let mut with_token = request();
    with_token.set_header("X-Amz-Security-Token", Some("token"));
    check(&with_token, 403, "UnrecognizedClientException", MESSAGE);

    let key =
        |token: &str| AccessKey::temporary(SecretAccessKey::new(SECRET), SessionToken::new(token), None);
    let temporary = Endpoint {
        key: Some(key("another token")),
        ..endpoint()
    };
    check_at(
        &temporary,
        &request(),
        403,
        "UnrecognizedClientException",
        MESSAGE,
    );
    check_at(
        &temporary,
        &with_token,
        403,
        "UnrecognizedClientException",
        MESSAGE,
    );
}

#[test]
fn rule_14c_an_expired_token_is_said_to_be_expired() {
    let mut with_token = request();
    with_token.set_header("X-Amz-Security-Token", Some("token"));
    let expiring = |at: &str| {
        let at: Timestamp = at.parse().unwrap();
        let key = AccessKey::temporary(SecretAccessKey::new(SECRET), SessionToken::new("token"), Some(at));
        Endpoint {
            key: Some(key),
            ..endpoint()
        }
    };
    for at in ["2026-11-23T03:34:59Z", "2026-11-23T03:35:00Z"] {
        check_at(
            &expiring(at),
            &with_token,
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        );
    }
    assert!(expiring("2026-11-23T03:35:01Z").receive(&with_token).is_ok());
}

#[test]
fn rule_15_an_unknown_key_gets_a_full_stop() {
    let nobody = Endpoint {
        key: None,
        ..endpoint()
    };
    check_at(
        &nobody,
        &request(),
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
}

#[test]
fn rule_16_the_answer_to_a_wrong_signature_shows_both_texts_unless_told_not_to() {
    let mut request = request();
    request.method = "HEAD".to_owned();
    let error = endpoint().receive(&request).unwrap_err();
    assert_eq!(
        (error.status(), error.error_type()),
        (403, Some("InvalidSignatureException"))
    );
    assert_eq!(
        error.message(MismatchDetail::Omit).unwrap(),
        "The request signature we calculated does not match the signature you provided. Check your AWS \
         Secret Access Key and signing method. Consult the service documentation for details."
    );
    assert_eq!(
        error.message(MismatchDetail::Include).unwrap(),
        "The request signature we calculated does not match the signature you provided. Check your AWS \
         Secret Access Key and signing method. Consult the service documentation for details.\n\
         \n\
         The Canonical String for this request should have been\n\
         'HEAD\n\
         /2020-11-20/projects\n\
         \n\
         host:localhost:18443\n\
         x-amz-date:20261123T033454Z\n\
         \n\
         host;x-amz-date\n\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n\
         \n\
         The String-to-Sign should have been\n\
         'AWS4-HMAC-SHA256\n\
         20261123T033454Z\n\
         20261123/us-east-1/lookoutvision/aws4_request\n\
         8b319a29f304156d96a215886ebca2166b52d01ac2af84818aca5b481f82342a'\n"
    );
}

#[test]
fn the_authorization_header_may_be_written_with_or_without_blanks() {
    let credential = format!("Credential={ACCESS_KEY_ID}/20261123/us-east-1/lookoutvision/aws4_request");
    for authorization in [
        format!("AWS4-HMAC-SHA256 {credential},SignedHeaders=host;x-amz-date,Signature={SIGNATURE}"),
        format!(
            "  AWS4-HMAC-SHA256   {credential} ,\tSignedHeaders=host;x-amz-date , Signature={SIGNATURE},  "
        ),
        format!(
            "AWS4-HMAC-SHA256 Signature={SIGNATURE}, SignedHeaders=host;x-amz-date, {credential}, Other=1"
        ),
    ] {
        let verified = endpoint().receive(&authorized(&authorization));
        assert!(verified.is_ok(), "{authorization}: {verified:?}");
    }
}

#[test]
fn rule_6c_of_two_parameters_alike_the_last_counts() {
    let valid = request();
    let valid = valid.header("Authorization").unwrap();
    assert!(
        endpoint()
            .receive(&authorized(&format!("{valid}, Signature={SIGNATURE}")))
            .is_ok()
    );
    assert!(
        endpoint()
            .receive(&authorized(&format!("{valid}, Signature=0")))
            .is_err()
    );
    let after = valid.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Signature=0, ");
    assert!(endpoint().receive(&authorized(&after)).is_ok());
}

#[test]
fn of_two_headers_alike_the_first_counts() {
    let mut request = request();
    request
        .headers
        .push(("Authorization".to_owned(), b"Bearer x".to_vec()));
    assert!(endpoint().receive(&request).is_ok());
    request.headers.rotate_right(1);
    assert!(endpoint().receive(&request).is_err());
}

#[test]
fn a_value_in_a_message_is_cut_after_1024_characters() {
    let long = "é".repeat(20_000);
    let mut late = request();
    late.set_header("X-Amz-Date", Some(&long));
    let mut unsigned = request();
    unsigned.set_header(&format!("x-amz-{}", "a".repeat(20_000)), Some("1"));
    let requests = [
        authorized(&format!("AWS{long} Credential=x")),
        authorized(&format!("Bearer {long}")),
        authorized(&format!("AWS4-HMAC-SHA256 Credential={long}")),
        credential(&long),
        credential(&format!("{ACCESS_KEY_ID}/{long}/{long}/lookoutvision/{long}")),
        credential(&format!("{long}/20261123/us-east-1/lookoutvision/aws4_request")),
        late,
        unsigned,
    ];
    for request in &requests {
        let error = endpoint().receive(request).expect_err("the request is refused");
        let message = error.message(MismatchDetail::Omit).expect("a sentence");
        for text in [message.into_owned(), error.to_string()] {
            assert!(
                text.chars().count() < 4 * 1_100,
                "{} characters: {text:.200}",
                text.len()
            );
            // A text that was cut is marked as cut.
            let run = text.matches('é').count().max(text.matches('a').count());
            assert!(run < 1_000 || text.contains('…'), "{text:.200}");
        }
    }
}
