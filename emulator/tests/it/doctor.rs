//! `doctor`: each finding, provoked once.

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{Call, connect, connect_trusting, control, emulator, emulator_with};

/// The findings of one check, as status and message
fn found<'f>(findings: &'f Value, check: &str) -> Vec<(&'f str, &'f str)> {
    let findings = findings.as_array().expect("a list");
    let text = |finding: &'f Value, member: &str| finding[member].as_str().expect("a text");
    findings
        .iter()
        .filter(|finding| finding["check"] == check)
        .map(|finding| (text(finding, "status"), text(finding, "message")))
        .collect()
}

mod of_the_emulator {
    use super::*;

    #[tokio::test]
    async fn a_policy_that_names_what_is_not_declared_is_told_with_its_endpoints() {
        let emulator = emulator().await;
        let findings = control(&emulator, "GET", "/doctor", "").await.json();
        assert_eq!(
            found(&findings, "policy"),
            [(
                "ok",
                "the policy of the VPC endpoint names nothing that the configuration does not have"
            )]
        );
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/7"}]}"#;
        let answer = control(
            &emulator,
            "PUT",
            "/vpc-endpoints/vpce-00000000000000000/policy",
            policy,
        )
        .await;
        assert_eq!(answer.status, 204, "{answer:?}");
        let findings = control(&emulator, "GET", "/doctor", "").await.json();
        let policy = found(&findings, "policy");
        assert_eq!(policy.len(), 1, "{findings}");
        assert_eq!(policy[0].0, "warning");
        assert!(
            policy[0]
                .1
                .starts_with("endpoint policy of vpce-00000000000000000: /Statement/0/Resource: ")
                && policy[0]
                    .1
                    .contains("names model `7`, which project `myProject` does not declare"),
            "{findings}"
        );
    }

    /// Waits until `/doctor` says so much of connections: the emulator counts one after its client has seen the end of it
    async fn connections(emulator: &lookoutvision_emulator::Emulator, expected: &str) {
        let mut seen = Value::Null;
        let told = async {
            loop {
                seen = control(emulator, "GET", "/doctor", "").await.json();
                let told = found(&seen, "connections");
                if told.iter().any(|(_, message)| message.contains(expected)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let told = tokio::time::timeout(std::time::Duration::from_secs(30), told).await;
        assert!(told.is_ok(), "`{expected}` is not in {seen}");
    }

    #[tokio::test]
    async fn connections_that_brought_no_request_are_told_by_name_and_cause() {
        let emulator = emulator_with("limits: {unheard_kinds_max: 4}\n").await;
        Call::detect("1").send(&emulator).await;
        connections(&emulator, "every connection brought a request").await;

        // A client that trusts another CA.
        let other = self::emulator().await;
        let refused = connect_trusting(other.ca_pem(), emulator.address(), "localhost", &[]).await;
        assert!(refused.is_err());
        connections(
            &emulator,
            "1 connection to `localhost` brought no request: the client sent the TLS alert ",
        )
        .await;

        // One that connects and has nothing to ask.
        let name = "lookoutvision.us-east-1.amazonaws.com";
        for _ in 0..2 {
            let mut stream = connect(&emulator, emulator.address(), name)
                .await
                .expect("a handshake");
            stream.shutdown().await.expect("it is open");
        }
        let expected =
            format!("2 connections to `{name}` brought no request: the handshake was done and no request");
        connections(&emulator, &expected).await;

        let refused = connect_trusting(emulator.ca_pem(), emulator.address(), "elsewhere.example", &[]).await;
        assert!(refused.is_err());
        connections(&emulator, "server name `elsewhere.example` is not one").await;

        let mut plain = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
        plain
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        connections(
            &emulator,
            "1 connection brought no request: the client spoke HTTP without TLS",
        )
        .await;
        drop(plain);

        // A kind more than there may be.
        drop(tokio::net::TcpStream::connect(emulator.address()).await.unwrap());
        connections(
            &emulator,
            "1 connection brought no request, of more kinds than `limits.unheard_kinds_max`",
        )
        .await;

        let answer = control(&emulator, "POST", "/reset", "").await;
        assert_eq!(answer.status, 204, "{answer:?}");
        connections(&emulator, "every connection brought a request").await;
    }

    #[tokio::test]
    async fn a_probe_of_doctor_is_not_counted() {
        let emulator = emulator().await;
        let probe: &[&[u8]] = &[b"x-lookoutvision-emulator-doctor", b"http/1.1"];
        let stream = connect_trusting(emulator.ca_pem(), emulator.address(), "localhost", probe).await;
        stream.expect("a handshake").shutdown().await.expect("it is open");
        // Counted after it, if it is counted at all.
        let stream = connect(&emulator, emulator.address(), "localhost").await;
        stream.expect("a handshake").shutdown().await.expect("it is open");
        connections(&emulator, "1 connection to `localhost` brought no request").await;
    }
}
