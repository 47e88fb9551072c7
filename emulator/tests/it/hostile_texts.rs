//! Texts that a client chooses: what of them may be in the journal and in the log, and in which form.

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::{
    process::Process,
    support::{Answer, Call, connect, control, emulator, emulator_with, read_answer},
};

/// What must be nowhere
const SECRET: &str = "hush";

/// Sends bytes over TLS and reads the answer
async fn exchange(emulator: &lookoutvision_emulator::Emulator, bytes: &str) -> Answer {
    let stream = connect(emulator, emulator.address(), "localhost").await;
    let mut stream = stream.expect("the emulator listens");
    let sent = stream.write_all(bytes.as_bytes()).await;
    sent.expect("the connection is open");
    read_answer(&mut stream).await.expect("it is answered")
}

#[tokio::test]
async fn no_spelling_of_a_secret_parameter_stays_in_the_journal() {
    let emulator = emulator().await;
    for query in [
        "X-Amz-Security-Token=hush&X-Amz-Signature=hush",
        "X-Amz-Security-Token=hush&X-Amz-Security-Token=hush",
        "X-Amz-Security%2DToken=hush&a=1&X%2dAmz%2DSignature=hush",
        "x-amz-security-token=hush&X-AMZ-SIGNATURE=hush",
        "%58-%41mz-Security-Token=hush%26hush",
        "X-Amz-Security%252DToken=hush",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=hush",
        // Refused for its broken escape before anything is read.
        "X-Amz-Security-Token=hush%zz&a=%",
        "next=https%3A%2F%2Fa%2F%3FX-Amz-Signature%3Dhush",
    ] {
        // Refused: nothing is signed; and refused: two signatures.
        for head in ["", "authorization: AWS4-HMAC-SHA256 Credential=hush\r\n"] {
            let request = format!(
                "GET /2020-11-20/projects?{query} HTTP/1.1\r\nhost: localhost\r\n\
                 content-type: a/b?x-amz-signature=hush\r\n{head}connection: close\r\n\r\n"
            );
            assert!(exchange(&emulator, &request).await.status >= 400, "{query}");
        }
    }
    let listed = control(&emulator, "GET", "/requests", "").await;
    let entries = listed.json();
    assert_eq!(entries.as_array().map(Vec::len), Some(18));
    for entry in entries.as_array().unwrap() {
        assert!(!entry.to_string().contains(SECRET), "{entry}");
        let target = entry["target"].as_str().unwrap();
        assert!(
            target.contains("=[redacted]") || target.contains("%3D[redacted]"),
            "{target}"
        );
        let id = entry["request_id"].as_str().unwrap();
        let shown = control(&emulator, "GET", &format!("/requests/{id}"), "").await;
        assert_eq!(&shown.json(), entry);
    }
    assert_eq!(Value::from(crate::support::journal_of(&emulator).await), entries);
}

#[tokio::test]
async fn a_presigned_url_in_a_header_that_policies_read_does_not_stay_in_the_journal() {
    let emulator = emulator_with(
        r#"
vpcs: [{vpc_id: vpc-00000000000000000, region: us-west-2}]
vpc_endpoints:
  - vpc_endpoint_id: vpce-00000000000000000
    vpc_id: vpc-00000000000000000
    policy_document:
      Version: "2012-10-17"
      Statement:
        - {Effect: Allow, Principal: "*", Action: "*", Resource: "*", Condition: {StringEquals: {"aws:referer": "no", "aws:UserAgent": "no"}}}
"#,
    )
    .await;
    let mut call = Call::detect("1");
    for (name, value) in [
        ("referer", "https://a/?X-Amz-Security%2DToken=hush&X-Amz-Date=1"),
        ("user-agent", "agent/1 (https://a/?x-amz-signature=hush) more/2"),
    ] {
        call.extra_headers.push((name.to_owned(), value.to_owned()));
    }
    call.send(&emulator).await.check(403, "AccessDeniedException");
    // The canonical request, which holds both headers, is in the second entry.
    let answer = call.credentials("test", "wrong").send(&emulator).await;
    answer.check(403, "InvalidSignatureException");

    let entries = crate::support::journal_of(&emulator).await;
    for entry in &entries {
        assert!(!entry.to_string().contains(SECRET), "{entry}");
    }
    assert_eq!(
        entries[0]["context"]["aws:referer"][0],
        "https://a/?X-Amz-Security%2DToken=[redacted]&X-Amz-Date=1"
    );
    let reasons = entries[0]["statements"].to_string();
    assert!(reasons.contains("[redacted]"), "{reasons}");
    let canonical_request = entries[1]["signature"]["canonical_request"].as_str().unwrap();
    assert!(
        canonical_request.contains("\nreferer:https://a/?X-Amz-Security%2DToken=[redacted]&X-Amz-Date=1\n"),
        "{canonical_request}"
    );
}

#[tokio::test]
async fn the_journal_shows_controls_and_separators_written_out() {
    let emulator = emulator().await;
    Call::get("/2020-11-20/projects/a%7F%C2%85%E2%80%A8%E2%80%AEb")
        .send(&emulator)
        .await;
    let listed = control(&emulator, "GET", "/requests", "").await;
    let message = listed.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("'a\u{7f}\u{85}\u{2028}\u{202e}b'"),
        "{message:?}"
    );
    let text = listed.text();
    assert!(text.contains(r"'a\u007f\u0085\u2028\u202eb'"), "{text}");
    assert_eq!(
        text.find(|c: char| c.is_control()),
        Some(text.len() - 1),
        "{text}"
    );
}

#[tokio::test]
async fn no_client_writes_a_line_of_its_own_into_the_log() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "log_format: {format}\ncerts: certs\nvpcs: [{{vpc_id: vpc-00000000000000000, region: us-west-2}}]\n\
             vpc_endpoints:\n  - vpc_endpoint_id: vpce-00000000000000000\n    vpc_id: vpc-00000000000000000\n    \
             policy_document: {{Statement: [{{Effect: Allow, Principal: \"*\", Action: \"*\", Resource: \
             \"arn:aws:lookoutvision:us-west-2:123456789012:model/none/1\"}}]}}\n"
        );
        std::fs::write(folder.path().join("emulator.yaml"), config).unwrap();
        let process = Process::start(folder.path());

        let forged = "A%0A2026-01-01T00:00:00.000000Z%20ERROR%20fake%0D%1B%5B2J%C2%85%E2%80%A8%E2%80%AEB";
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &now[..8];
        for credential in [
            // Not five parts, a Region, a terminator, a key.
            forged.to_owned(),
            format!("test%2F{day}%2F{forged}%2Flookoutvision%2Faws4_request"),
            format!("test%2F{day}%2Fus-west-2%2Flookoutvision%2F{forged}"),
            format!("{forged}%2F{day}%2Fus-west-2%2Flookoutvision%2Faws4_request"),
        ] {
            let target = format!(
                "/2020-11-20/projects?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={now}\
                 &X-Amz-SignedHeaders=host&X-Amz-Signature=hush&X-Amz-Expires=300"
            );
            let mut stream = process.connect().await.unwrap();
            let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(
                read_answer(&mut stream).await.unwrap().status,
                403,
                "{credential}"
            );
        }
        // A model's name, in the sentence about the policy that denies it.
        let call = Call::detect("1%0A2026-01-01T00:00:00.000000Z%20ERROR%20fake%E2%80%AE");
        let denied = process.send(&call).await.unwrap();
        assert_eq!(denied.status, 403);

        // Explanations are written when there is time, and all of them before the end.
        let log = process.stop();
        let lines = log.lines().filter(|line| line.contains("ERROR fake")).count();
        assert_eq!(lines, 5, "{log}");
        for line in log.split('\n') {
            assert!(!line.starts_with("2026-01-01"), "{log}");
            assert!(
                !line.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)),
                "{line:?}"
            );
            if format == "json" && !line.is_empty() {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
            }
        }
        assert!(!log.contains(SECRET), "{log}");
    }
}
