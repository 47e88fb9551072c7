//! Authentication failures as clients see them. The rules themselves are tested where they are, in `sigv4-verify`.

use std::time::{Duration, SystemTime};

use lookoutvision_emulator::{ClockSetting, SignatureClocks};

use crate::support::{Call, emulator, emulator_with};

#[tokio::test]
async fn a_wrong_secret_is_answered_with_both_texts_to_compare_and_journaled() {
    let emulator = emulator().await;
    let answer = Call::detect("1")
        .credentials("test", "wrong")
        .send(&emulator)
        .await;
    let message = answer.check(403, "InvalidSignatureException");
    assert!(
        message.starts_with("The request signature we calculated does not match the signature you provided.")
    );
    assert!(message.contains("The Canonical String for this request should have been\n'POST\n/2020-11-20/"));
    let entry = &crate::support::journal_of(&emulator).await[0];
    assert_eq!(entry["access_key_id"], "test");
    assert_eq!(entry["principal"], serde_json::Value::Null);
    assert_eq!(entry["client_message"], message, "what the client was told");
    assert_eq!(
        entry["message"], "the signature does not match: probably the secret of key `test` is another one",
        "and what the journal makes of it"
    );
    assert_eq!(entry["decision"], serde_json::Value::Null);
    assert!(
        entry["signature"]["canonical_request"]
            .as_str()
            .is_some_and(|text| text.starts_with("POST\n"))
    );
}

#[tokio::test]
async fn an_unknown_key_and_a_missing_signature_are_told_apart() {
    let emulator = emulator().await;
    let unknown = Call::detect("1")
        .credentials("AKIDNOBODY", "test")
        .send(&emulator)
        .await;
    assert_eq!(
        unknown.check(403, "UnrecognizedClientException"),
        "The security token included in the request is invalid."
    );
    // What was refused by its head alone is found in the journal by what the head says.
    let entry = &crate::support::journal_of(&emulator).await[0];
    assert_eq!(entry["operation"], "DetectAnomalies");
    assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-00000000000000000");
    assert_eq!(entry["body"]["bytes"], crate::support::JPEG.len());
}

#[tokio::test]
async fn the_scope_must_name_the_region_of_the_host() {
    let emulator = emulator().await;
    let host = "lookoutvision.us-east-1.amazonaws.com";
    let answer = Call::detect("1")
        .host(host)
        .region("us-west-2")
        .send(&emulator)
        .await;
    assert_eq!(
        answer.check(403, "InvalidSignatureException"),
        "Credential should be scoped to a valid region, not 'us-west-2'. "
    );
    assert_eq!(
        Call::detect("1")
            .host(host)
            .region("us-east-1")
            .send(&emulator)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_window_is_five_minutes_of_the_emulators_own_clock_and_date_follows_it() {
    let emulator = emulator().await;
    let mut late = Call::detect("1");
    late.time = SystemTime::now() - Duration::from_secs(310);
    let message = late.send(&emulator).await.check(403, "InvalidSignatureException");
    assert!(message.starts_with("Signature expired: "), "{message}");
    assert!(message.ends_with(" - 5 min.)"), "{message}");

    emulator.set_clock(ClockSetting::OffsetSeconds(-310)).unwrap();
    assert_eq!(late.send(&emulator).await.status, 200);

    emulator.set_signature_clocks(SignatureClocks::EmulatedOnly);
    let instant = "2026-01-02T03:04:05Z".parse().unwrap();
    emulator.set_clock(ClockSetting::FrozenAt(instant)).unwrap();
    let early = Call::detect("1").send(&emulator).await;
    let message = early.check(403, "InvalidSignatureException");
    assert!(message.starts_with("Signature not yet current: "), "{message}");
    assert_eq!(early.header("date"), Some("Fri, 02 Jan 2026 03:04:05 GMT"));
}

/// A call that is signed so many seconds from the machine's present
fn signed_at(seconds_from_now: i64) -> Call {
    let apart = Duration::from_secs(seconds_from_now.unsigned_abs());
    let mut call = Call::detect("1");
    call.time = match seconds_from_now {
        0.. => SystemTime::now() + apart,
        _ => SystemTime::now() - apart,
    };
    call
}

#[tokio::test]
async fn a_date_is_good_by_the_emulators_clock_or_by_the_machines_unless_the_test_says_otherwise() {
    let emulator = emulator().await;
    for offset in [3_600, -3_600] {
        emulator.set_clock(ClockSetting::OffsetSeconds(offset)).unwrap();
        emulator.set_signature_clocks(SignatureClocks::Either);
        for good in [0, 200, -200, offset, offset + 200, offset - 200] {
            let answer = signed_at(good).send(&emulator).await;
            assert_eq!(answer.status, 200, "{good} at {offset}: {answer:?}");
        }
        // Between the two and beyond them is neither; the sentence is that of the emulator's clock.
        let between = signed_at(offset / 2).send(&emulator).await;
        let beyond = signed_at(offset * 2).send(&emulator).await;
        let is_ahead = offset > 0;
        for (answer, is_late) in [(between, is_ahead), (beyond, !is_ahead)] {
            let message = answer.check(403, "InvalidSignatureException");
            let expected = if is_late {
                "Signature expired: "
            } else {
                "Signature not yet current: "
            };
            assert!(message.starts_with(expected), "{message}");
        }

        emulator.set_signature_clocks(SignatureClocks::EmulatedOnly);
        assert_eq!(signed_at(offset).send(&emulator).await.status, 200);
        let refused = signed_at(0).send(&emulator).await;
        refused.check(403, "InvalidSignatureException");
    }
}

#[tokio::test]
async fn a_client_that_keeps_to_an_earlier_date_of_ours_is_not_locked_out_by_the_next_step() {
    let emulator = emulator().await;
    // The SDKs for Rust and JavaScript take over the `Date` of an answer and sign by it.
    for step in 1..=3 {
        assert_eq!(
            signed_at(3_600 * (step - 1)).send(&emulator).await.status,
            200,
            "{step}"
        );
        emulator.advance_clock(3_600).unwrap();
        assert_eq!(
            signed_at(3_600 * (step - 1)).send(&emulator).await.status,
            200,
            "{step}"
        );
    }
    emulator.set_clock(ClockSetting::OffsetSeconds(0)).unwrap();
    let refused = signed_at(3_600).send(&emulator).await;
    refused.check(403, "InvalidSignatureException");
}

#[tokio::test]
async fn what_else_is_wrong_with_a_request_that_the_machines_clock_lets_pass_is_told() {
    let emulator = emulator().await;
    emulator.advance_clock(3_600).unwrap();
    let unknown = Call::detect("1").credentials("AKIDNOBODY", "test");
    unknown
        .send(&emulator)
        .await
        .check(403, "UnrecognizedClientException");
    let elsewhere = Call::detect("1")
        .host("lookoutvision.us-east-1.amazonaws.com")
        .region("us-west-2");
    let message = elsewhere
        .send(&emulator)
        .await
        .check(403, "InvalidSignatureException");
    assert!(
        message.starts_with("Credential should be scoped to a valid region"),
        "{message}"
    );
    let forged = Call::detect("1").credentials("test", "wrong");
    let message = forged
        .send(&emulator)
        .await
        .check(403, "InvalidSignatureException");
    assert!(
        message.starts_with("The request signature we calculated"),
        "{message}"
    );
}

#[tokio::test]
async fn temporary_credentials_need_their_token_and_end() {
    let emulator = emulator_with(
        r#"
principals:
  - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-a
    access_keys:
      - access_key_id: ASIATEMPORARY
        secret_access_key: secret
        session_token: "token+/="
        expires_at: 2030-01-01T00:00:00Z
"#,
    )
    .await;
    let with_token = |token: Option<&str>| {
        let mut call = Call::detect("1").credentials("ASIATEMPORARY", "secret");
        call.session_token = token.map(str::to_owned);
        call
    };
    assert_eq!(with_token(Some("token+/=")).send(&emulator).await.status, 200);
    let entry = &crate::support::journal_of(&emulator).await[0];
    assert_eq!(
        entry["principal"],
        "arn:aws:sts::123456789012:assumed-role/inspector/line-a"
    );
    assert_eq!(
        entry["context"]["aws:PrincipalArn"][0],
        "arn:aws:iam::123456789012:role/inspector"
    );
    with_token(Some("another"))
        .send(&emulator)
        .await
        .check(403, "UnrecognizedClientException");
    with_token(None)
        .send(&emulator)
        .await
        .check(403, "UnrecognizedClientException");

    let end = "2030-01-01T00:00:01Z".parse::<jiff::Timestamp>().unwrap();
    emulator.set_clock(ClockSetting::FrozenAt(end)).unwrap();
    let mut after = with_token(Some("token+/="));
    after.time = end.try_into().unwrap();
    let message = after.send(&emulator).await.check(403, "ExpiredTokenException");
    assert_eq!(message, "The security token included in the request is expired");
}

#[tokio::test]
async fn no_secret_is_in_the_journal() {
    let emulator = emulator_with(
        r#"
principals:
  - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-a
    access_keys:
      - {access_key_id: ASIATEMPORARY, secret_access_key: sup3rs3cret, session_token: "t0ps3cret"}
"#,
    )
    .await;
    for secret in ["sup3rs3cret", "wrong"] {
        let mut call = Call::detect("1").credentials("ASIATEMPORARY", secret);
        call.session_token = Some("t0ps3cret".to_owned());
        call.send(&emulator).await;
    }
    let journal = serde_json::to_string(&crate::support::journal_of(&emulator).await).unwrap();
    for secret in ["sup3rs3cret", "t0ps3cret"] {
        assert!(!journal.contains(secret), "{journal}");
    }
}
