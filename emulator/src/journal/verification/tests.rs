use std::sync::Arc;

use http::StatusCode;

use super::*;
use crate::{
    request::{Connection, ReceivedRequest, TlsSession, body::BodyBudget},
    settings::{Limits, LogRequests},
};

/// A journal of so many requests, none of which is known to be a call
fn journal(requests: usize) -> Journal {
    let limits = Limits::default();
    let clock = Clock::default();
    let journal = Journal::new(&limits, LogRequests::None, &[]);
    let address = "127.0.0.1:1".parse().expect("an address");
    let tls = TlsSession {
        version: "TLSv1.3",
        sni: None,
        alpn: None,
    };
    let client = BodyBudget::of_aws_api(&limits).client([127, 0, 0, 1].into());
    let connection = Arc::new(Connection::new(address, address, tls, client));
    for _ in 0..requests {
        let received = ReceivedRequest::unreadable(b"GET / HTTP/1.1", connection.clone(), clock.reading());
        let mut entry = journal.open(&received);
        entry.status = Some(StatusCode::BAD_REQUEST);
    }
    journal
}

#[test]
fn what_takes_long_is_counted_a_moment_at_a_time_and_as_a_whole() {
    let journal = journal(4_000);
    let expectation: Expectation =
        serde_json::from_str(r#"{"match": {"operation": "Detect*", "status": 400}}"#).expect("it is one");
    let verification = Verification {
        expect: vec![expectation; EXPECTATIONS_MAX],
        ..Verification::default()
    };
    let mut verifier = Verifier::new(verification, &journal, &Clock::default()).unwrap();
    let mut looks = 1;
    let outlook = loop {
        match verifier.look(&journal) {
            Some(outlook) => break outlook,
            None => looks += 1,
        }
    };
    assert!(looks > 1, "a million comparisons take longer than a moment");
    assert_eq!(outlook, Outlook::Waiting);
    assert_eq!(verifier.requests, 4_000);
    assert_eq!(verifier.incomplete, None);
}
