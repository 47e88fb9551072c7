//! A refusal names its cause if the cause is a known mistake of clients.

use sigv4_verify::{
    DeclaredUnsignedPayload, MismatchCause, PayloadBinding, UndeclaredUnsignedPayload, UnsignedPayloads,
};

use crate::support::{ACCESS_KEY_ID, EMPTY, Endpoint, Request, hex, sha256};

const DATE: &str = "20261123T033454Z";

fn endpoint() -> Endpoint {
    Endpoint::at("2026-11-23T03:34:54Z")
}

/// A request with these additional headers, whose client computed these first three lines and this payload
/// line.
fn request(target: &str, amz_headers: &str, lines: &str, payload_line: &str) -> Request {
    let headers = format!("host: localhost:8443\n{amz_headers}x-amz-date: {DATE}");
    let canonical_headers = headers.replace(": ", ":");
    let names: Vec<_> = headers
        .lines()
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    let canonical = format!(
        "{lines}\n{canonical_headers}\n\n{}\n{payload_line}",
        names.join(";")
    );
    Request::signed_as("POST", target, &headers, &canonical)
}

#[track_caller]
fn check(request: &Request, cause: &MismatchCause, ours: &str, theirs: &str) {
    let mismatch = endpoint().mismatch(request);
    assert_eq!(mismatch.cause(), Some(cause));
    let difference = mismatch.first_difference().unwrap();
    assert_eq!((difference.ours, difference.theirs), (ours, theirs));
    assert_eq!(
        mismatch.canonical_request().lines().nth(difference.line - 1),
        Some(ours)
    );
}

#[test]
fn a_path_encoded_once() {
    let request = request("/tags/arn%3Aaws", "", "POST\n/tags/arn%3Aaws\n", EMPTY);
    check(
        &request,
        &MismatchCause::PathNotEncodedTwice,
        "/tags/arn%253Aaws",
        "/tags/arn%3Aaws",
    );
}

#[test]
fn a_query_that_is_not_sorted() {
    let request = request("/?b=1&a=2", "", "POST\n/\nb=1&a=2", EMPTY);
    check(&request, &MismatchCause::QueryNotCanonical, "a=2&b=1", "b=1&a=2");
}

/// What curl's `--aws-sigv4` does.
#[test]
fn path_and_query_as_sent() {
    let request = request("/a%20b?b=1&a=2", "", "POST\n/a%20b\nb=1&a=2", EMPTY);
    check(&request, &MismatchCause::PathAndQueryAsSent, "/a%2520b", "/a%20b");
}

#[test]
fn a_host_without_its_port() {
    let mut request = request("/", "", "POST\n/\n", EMPTY);
    request.set_header("host", Some("localhost:8443:8443"));
    check(
        &request,
        &MismatchCause::HostWithoutPort,
        "host:localhost:8443:8443",
        "host:localhost:8443",
    );
}

#[test]
fn a_body_that_was_not_signed() {
    let request = request("/", "", "POST\n/\n", EMPTY).with_body(b"body");
    check(
        &request,
        &MismatchCause::SignedAsEmptyBody,
        &hex(&sha256(b"body")),
        EMPTY,
    );
}

#[test]
fn a_payload_that_is_unsigned_in_secret() {
    let request = request("/", "", "POST\n/\n", "UNSIGNED-PAYLOAD").with_body(b"body");
    check(
        &request,
        &MismatchCause::UndeclaredUnsignedPayload,
        &hex(&sha256(b"body")),
        "UNSIGNED-PAYLOAD",
    );

    let undeclared = UndeclaredUnsignedPayload::AcceptWithWarning;
    let unsigned = UnsignedPayloads {
        undeclared,
        ..UnsignedPayloads::default()
    };
    let verified = Endpoint {
        unsigned,
        ..endpoint()
    }
    .receive(&request)
    .unwrap();
    assert_eq!(verified.payload(), PayloadBinding::UndeclaredUnsigned);
    assert!(
        verified
            .warning()
            .unwrap()
            .to_string()
            .contains("AWS SDK for Rust")
    );
}

#[test]
fn a_payload_that_is_unsigned_openly_is_accepted_unless_refused() {
    let header = "x-amz-content-sha256: UNSIGNED-PAYLOAD\n";
    let request = request("/", header, "POST\n/\n", "UNSIGNED-PAYLOAD").with_body(b"body");
    let verified = endpoint().receive(&request).unwrap();
    assert_eq!(
        (verified.payload(), verified.warning()),
        (PayloadBinding::DeclaredUnsigned, None)
    );

    let declared = DeclaredUnsignedPayload::Refuse;
    let undeclared = UndeclaredUnsignedPayload::AcceptWithWarning;
    let strict = Endpoint {
        unsigned: UnsignedPayloads { declared, undeclared },
        ..endpoint()
    };
    for payload_line in ["UNSIGNED-PAYLOAD", &hex(&sha256(b"body"))] {
        let request = self::request("/", header, "POST\n/\n", payload_line).with_body(b"body");
        let mismatch = strict.mismatch(&request);
        assert_eq!(
            mismatch.cause(),
            Some(&MismatchCause::UnsignedPayloadRefused),
            "{payload_line}"
        );
    }
}

#[test]
fn a_declared_hash_must_be_that_of_the_body() {
    let hash = hex(&sha256(b"body"));
    let declared = |hash: &str| {
        request("/", &format!("x-amz-content-sha256: {hash}\n"), "POST\n/\n", hash).with_body(b"body")
    };
    assert_eq!(
        endpoint().receive(&declared(&hash)).unwrap().payload(),
        PayloadBinding::Signed
    );
    assert!(endpoint().receive(&declared(&hash.to_uppercase())).is_ok());
    let mut changed = declared(&hash);
    changed.body = b"another body".to_vec();
    check(
        &changed,
        &MismatchCause::BodyDiffersFromDeclaredHash,
        &hex(&sha256(b"another body")),
        &hash,
    );
}

/// A client that signs the hash of the body but declares another one is refused although its signature is
/// right.
#[test]
fn a_wrong_declared_hash_is_refused_even_when_the_right_one_was_signed() {
    let hash = hex(&sha256(b"body"));
    let header = format!("x-amz-content-sha256: {EMPTY}\n");
    let request = request("/", &header, "POST\n/\n", &hash).with_body(b"body");
    let mismatch = endpoint().mismatch(&request);
    assert_eq!(
        mismatch.cause(),
        Some(&MismatchCause::BodyDiffersFromDeclaredHash)
    );
    assert_eq!(mismatch.first_difference(), None);
}

#[test]
fn chunk_signatures_and_unknown_words_do_not_match() {
    for (word, cause) in [
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            MismatchCause::StreamingPayload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned()),
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            MismatchCause::StreamingPayload("STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned()),
        ),
        (
            "required",
            MismatchCause::UnrecognisedPayloadHash("required".to_owned()),
        ),
    ] {
        let header = format!("x-amz-content-sha256: {word}\n");
        for payload_line in [word, EMPTY, "something else"] {
            let mismatch = endpoint().mismatch(&request("/", &header, "POST\n/\n", payload_line));
            assert_eq!(mismatch.cause(), Some(&cause), "{word}, {payload_line}");
        }
    }
}

#[test]
fn a_signed_header_that_did_not_arrive() {
    let mut request = request("/", "x-amz-client: 1\n", "POST\n/\n", EMPTY);
    request.set_header("x-amz-client", None);
    let mismatch = endpoint().mismatch(&request);
    assert_eq!(
        mismatch.cause(),
        Some(&MismatchCause::SignedHeaderAbsent("x-amz-client".to_owned()))
    );
    assert_eq!(mismatch.first_difference(), None);
}

#[test]
fn something_that_is_no_signature() {
    let request = request("/", "", "POST\n/\n", EMPTY);
    let authorization = request.header("authorization").unwrap().to_owned();
    let (start, signature) = authorization.rsplit_once('=').unwrap();
    let upper_case = signature.to_uppercase();
    for other in [
        "",
        "0",
        &signature[1..],
        &format!("{signature}0"),
        &format!("g{}", &signature[1..]),
        &upper_case,
    ] {
        let mut request = request.clone();
        request.set_header("authorization", Some(&format!("{start}={other}")));
        let mismatch = endpoint().mismatch(&request);
        assert_eq!(mismatch.cause(), Some(&MismatchCause::NotASignature));
        assert_eq!(mismatch.provided_signature(), other);
    }
}

#[test]
fn what_nothing_else_explains_is_most_likely_another_secret() {
    let request = request("/", "", "POST\n/elsewhere\n", EMPTY);
    let mismatch = endpoint().mismatch(&request);
    let cause = MismatchCause::AnotherSecret(ACCESS_KEY_ID.to_owned());
    assert_eq!(
        (mismatch.cause(), mismatch.first_difference()),
        (Some(&cause), None)
    );
}

#[test]
fn header_values_are_trimmed_and_joined() {
    let canonical = format!(
        "GET\n/\n\nhost:localhost\nmy-header:a b,\"c \
         d\",,e\nx-amz-date:{DATE}\n\nhost;my-header;x-amz-date\n{EMPTY}"
    );
    let headers = format!(
        "HOST: localhost\nMy-Header:   a   b  \nmy-header: \"c \t d\"\nX-Amz-Date: {DATE}\nMY-HEADER: \t\n\
         my-header: e"
    );
    let verified = endpoint().receive(&Request::signed_as("GET", "/", &headers, &canonical));
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn http_2_signers_may_call_the_host_authority() {
    let canonical =
        format!("GET\n/\n\n:authority:localhost\nx-amz-date:{DATE}\n\n:authority;x-amz-date\n{EMPTY}");
    let headers = format!("host: localhost\nx-amz-date: {DATE}");
    let verified = endpoint().receive(&Request::signed_as("GET", "/", &headers, &canonical));
    assert!(verified.is_ok(), "{verified:?}");
}

/// The value of a header must be written once, however often the list repeats its name.
#[test]
fn a_header_listed_many_times_is_written_once() {
    let mut request = request("/", "", "POST\n/\n", EMPTY);
    let list = "host;".repeat(10_000);
    let authorization = request.header("authorization").unwrap().replace("host;", &list);
    request.set_header("authorization", Some(&authorization));
    let mismatch = endpoint().mismatch(&request);
    assert_eq!(mismatch.canonical_request().matches("host:localhost").count(), 1);
}
