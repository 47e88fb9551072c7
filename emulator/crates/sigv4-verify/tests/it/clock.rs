//! Clocks that differ.

use std::time::Duration;

use sigv4_verify::{Expectation, MismatchDetail};

use crate::support::{EMPTY, Endpoint, Request};

/// A request signed at 2020-01-01T00:06:00Z.
fn request() -> Request {
    let headers = "host: localhost\nx-amz-date: 20200101T000600Z";
    let canonical =
        format!("GET\n/\n\nhost:localhost\nx-amz-date:20200101T000600Z\n\nhost;x-amz-date\n{EMPTY}");
    Request::signed_as("GET", "/", headers, &canonical)
}

#[track_caller]
fn check(now: &str, refusal: Option<&str>) {
    let answer = Endpoint::at(now).receive(&request());
    let message = answer.err().and_then(|error| error.message(MismatchDetail::Omit));
    assert_eq!(message.as_deref(), refusal, "at {now}");
}

#[test]
fn a_request_may_be_300_seconds_old_and_not_301() {
    check("2020-01-01T00:06:00Z", None);
    check("2020-01-01T00:10:59Z", None);
    check("2020-01-01T00:11:00Z", None);
    check("2020-01-01T00:11:00.999Z", None);
    check(
        "2020-01-01T00:11:01Z",
        Some(
            "Signature expired: 20200101T000600Z is now earlier than 20200101T000601Z (20200101T001101Z \
             - 5 min.)",
        ),
    );
}

#[test]
fn a_request_may_come_300_seconds_early_and_not_301() {
    check("2020-01-01T00:01:01Z", None);
    check("2020-01-01T00:01:00Z", None);
    check(
        "2020-01-01T00:00:59Z",
        Some(
            "Signature not yet current: 20200101T000600Z is still later than 20200101T000559Z \
             (20200101T000059Z + 5 min.)",
        ),
    );
    check(
        "2020-01-01T00:00:59.999Z",
        Some(
            "Signature not yet current: 20200101T000600Z is still later than 20200101T000559Z \
             (20200101T000059Z + 5 min.)",
        ),
    );
}

#[test]
fn the_minutes_in_the_sentence_are_those_of_the_limit() {
    for (seconds, now, message) in [
        (
            900,
            "2020-01-01T00:21:01Z",
            "Signature expired: 20200101T000600Z is now earlier than 20200101T000601Z (20200101T002101Z \
             - 15 min.)",
        ),
        (
            90,
            "2020-01-01T00:07:31Z",
            "Signature expired: 20200101T000600Z is now earlier than 20200101T000601Z (20200101T000731Z \
             - 90 sec.)",
        ),
    ] {
        let clock_skew_max = Duration::from_secs(seconds);
        let expected = Expectation {
            clock_skew_max,
            ..Expectation::for_service("lookoutvision")
        };
        let endpoint = Endpoint {
            expected,
            ..Endpoint::at(now)
        };
        let error = endpoint.receive(&request()).unwrap_err();
        assert_eq!(error.message(MismatchDetail::Omit).unwrap(), message);
    }
}

#[test]
fn the_ends_of_time_are_no_reason_to_panic() {
    let expected = Expectation {
        clock_skew_max: Duration::MAX,
        ..Expectation::for_service("lookoutvision")
    };
    for now in ["-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"] {
        let near = Endpoint::at(now);
        let error = near.receive(&request()).unwrap_err();
        assert!(
            error
                .message(MismatchDetail::Omit)
                .unwrap()
                .starts_with("Signature ")
        );
        assert!(Endpoint { expected, ..near }.receive(&request()).is_ok());
    }
}

#[test]
fn the_date_header_stands_in_for_a_missing_amz_date() {
    let canonical = format!("GET\n/\n\ndate:20200101T000600Z\nhost:localhost\n\ndate;host\n{EMPTY}");
    let headers = "Host: localhost\nX-Amz-Date: 20200101T000600Z\nDate: 20200101T000600Z";
    let mut request = Request::signed_as("GET", "/", headers, &canonical);
    request.set_header("X-Amz-Date", None);
    let verified = Endpoint::at("2020-01-01T00:06:00Z").receive(&request);
    assert!(verified.is_ok(), "{verified:?}");
}
