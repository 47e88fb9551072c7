//! What the program logs about requests and about clients that get no answer.

use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    process::{PROGRAM, Process, read_ready_block},
    support::{Call, ONE_MODEL, connect_trusting},
};

/// A program with these settings in its configuration, whose endpoint lets nobody but one model be asked
fn start(settings: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let config = format!("certs: certs\nendpoint_policy: {ONE_MODEL}\n{settings}");
    std::fs::write(folder.path().join("emulator.yaml"), config).expect("the folder is ours");
    let process = Process::start(folder.path());
    (folder, process)
}

/// One call that is allowed, one that is denied, one that is not signed by the key that it names
async fn three_calls(process: &Process) {
    for (call, status) in [
        (Call::detect("myModel"), 200),
        (Call::detect("1"), 403),
        (Call::detect("1").credentials("test", "wrong"), 403),
    ] {
        assert_eq!(process.send(&call).await.expect("an answer").status, status);
    }
}

fn lines_about_requests(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("request_id")).collect()
}

#[tokio::test]
async fn a_request_is_one_line_with_who_asked_for_what_and_why_it_was_refused() {
    let (_folder, process) = start("log_format: json\n");
    three_calls(&process).await;
    let log = process.stop();
    let lines: Vec<Value> = lines_about_requests(&log)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(lines.len(), 3, "{log}");
    let [answered, denied, forged] = &lines[..] else {
        unreachable!("there are three");
    };
    for line in &lines {
        assert_eq!(line["level"], "INFO", "{line}");
        assert_eq!(line["operation"], "DetectAnomalies", "{line}");
        assert_eq!(line["service"], "lookoutvision", "{line}");
        assert_eq!(line["entry_point"], "vpce-00000000000000000", "{line}");
        assert!(line["duration_micros"].is_u64(), "{line}");
    }
    assert_eq!(
        (&answered["message"], &answered["status"]),
        (&"answered".into(), &200.into())
    );
    assert_eq!(answered["principal"], "arn:aws:iam::123456789012:user/test");
    assert_eq!(
        answered["resource"],
        "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"
    );
    assert_eq!(answered["decision"], "allowed");
    assert_eq!(answered.get("summary"), None);

    assert_eq!(
        (&denied["message"], &denied["status"]),
        (&"refused".into(), &403.into())
    );
    assert_eq!(denied["decision"], "implicitDeny");
    assert_eq!(denied["error_code"], "AccessDeniedException");
    let summary = denied["summary"].as_str().unwrap();
    assert!(
        summary.starts_with(
            "implicit deny: no VPC endpoint policy allows lookoutvision:DetectAnomalies; nearest is"
        ),
        "{summary}"
    );
    assert_eq!(forged["error_code"], "InvalidSignatureException");
    assert_eq!(forged.get("decision"), None);
    assert!(
        forged["summary"].as_str().unwrap().contains("signature"),
        "{forged}"
    );
}

#[tokio::test]
async fn the_same_line_reads_as_text() {
    let (_folder, process) = start("");
    three_calls(&process).await;
    let log = process.stop();
    let lines = lines_about_requests(&log);
    assert_eq!(lines.len(), 3, "{log}");
    let denied = lines[1];
    assert!(denied.contains(" INFO refused request_id="), "{denied}");
    for part in [
        " status=403 ",
        " operation=\"DetectAnomalies\" ",
        " principal=\"arn:aws:iam::123456789012:user/test\" ",
        " decision=\"implicitDeny\" ",
        " summary=\"implicit deny: ",
        " duration_micros=",
    ] {
        assert!(denied.contains(part), "{part}: {denied}");
    }
}

#[tokio::test]
async fn lines_are_written_about_those_requests_that_are_asked_for() {
    for (settings, expected) in [
        ("log_requests: none\n", 0),
        ("log_requests: refused\n", 2),
        ("log_requests: all\n", 3),
        ("", 3),
        ("log_level: warn\n", 0),
        ("log_level: debug\nlog_requests: refused\n", 2),
    ] {
        let (_folder, process) = start(settings);
        three_calls(&process).await;
        let log = process.stop();
        let count = lines_about_requests(&log)
            .iter()
            .filter(|line| line.contains(" INFO "))
            .count();
        assert_eq!(count, expected, "{settings}: {log}");
    }
}

#[test]
fn exec_writes_lines_about_refused_requests_unless_it_is_told_otherwise() {
    for (option, expected) in [(None, 1), (Some("none"), 0), (Some("all"), 1)] {
        let folder = tempfile::tempdir().unwrap();
        let script =
            r#"curl -s --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL_LOOKOUTVISION/2020-11-20/projects""#;
        let mut command = Command::new(PROGRAM);
        command.arg("exec");
        if let Some(requests) = option {
            command.args(["--log-requests", requests]);
        }
        let output = command
            .args(["--", "sh", "-c", script])
            .current_dir(&folder)
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(lines_about_requests(&log).len(), expected, "{option:?}: {log}");
    }
}

#[tokio::test]
async fn lines_that_find_no_place_are_counted_and_told() {
    let (_folder, process) = start("limits: {log_queue_requests_max: 1}\n");
    let mut stream = process.connect().await.unwrap();
    // Many at once, on one connection: faster than lines are gathered.
    let one = Call::detect("1").to_bytes();
    let count = 64;
    for _ in 0..count {
        stream.write_all(&one).await.unwrap();
        let answer = crate::support::read_answer(&mut stream).await.unwrap();
        assert_eq!(answer.status, 403);
    }
    drop(stream);
    let health = process.control("GET", "/health", "").await.json();
    let lost = health["log"]["requests_lost"].as_u64().unwrap();
    assert!(lost > 0, "{health}");
    let log = process.stop();
    let written = lines_about_requests(&log).len() as u64;
    assert_eq!(written + lost, count, "{log}");
    let told: u64 = log
        .lines()
        .filter(|line| line.contains("lines about requests are missing here: log_queue_requests_max"))
        .filter_map(|line| line.split("WARN ").nth(1)?.split(' ').next()?.parse::<u64>().ok())
        .sum();
    assert_eq!(told, lost, "{log}");
}

#[tokio::test]
async fn a_log_that_nobody_reads_keeps_nobody_from_being_served_and_ends_with_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (address, _) = read_ready_block(child.stdout.take().unwrap());
    let ca = std::fs::read_to_string(folder.path().join("certs/ca.pem")).unwrap();
    let mut stream = connect_trusting(&ca, address, "localhost", &[]).await.unwrap();
    // More lines than a pipe holds (64 KiB).
    let call = Call::detect("1").to_bytes();
    for _ in 0..400 {
        stream.write_all(&call).await.unwrap();
        assert_eq!(
            crate::support::read_answer(&mut stream).await.unwrap().status,
            200
        );
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    drop(stream);
    assert!(child.wait().unwrap().success());
}

/// What the log of a program says once a client has done something
async fn log_after(settings: &str, act: impl AsyncFnOnce(&Process)) -> String {
    let (_folder, process) = start(settings);
    act(&process).await;
    process.stop()
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_ca_is_one_line_that_says_what_to_trust() {
    let log = log_after("", async |process: &Process| {
        let stranger = crate::support::emulator().await;
        let refused = connect_trusting(stranger.ca_pem(), process.address, "localhost", &[]).await;
        assert!(refused.is_err());
    })
    .await;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("trust")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(" INFO a client does not trust the certificate authority (alert UnknownCA)"),
        "{log}"
    );
    assert!(
        lines[0].contains("/ca.pem") && lines[0].contains("AWS_CA_BUNDLE"),
        "{log}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_without_a_request_is_told_as_one_that_may_not_trust_the_ca() {
    let log = log_after("", async |process: &Process| {
        // As Node.js does: the handshake is finished, and the certificate is judged after it.
        let mut stream = process.connect().await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let is_told = async {
            while !process.log().contains("without a request") {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(60);
        tokio::time::timeout(patience, is_told).await.expect("it is told");
    })
    .await;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("without a request"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(" INFO ") && lines[0].contains("NODE_EXTRA_CA_CERTS"),
        "{log}"
    );
}

#[tokio::test]
async fn a_client_that_asks_and_closes_is_not_told() {
    let log = log_after("", async |process: &Process| {
        three_calls(process).await;
    })
    .await;
    assert!(!log.contains("without a request"), "{log}");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_one_line_with_both_urls() {
    let log = log_after("", async |process: &Process| {
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    })
    .await;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("plain HTTP")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(" INFO plain HTTP on the TLS port: call https://localhost:"),
        "{log}"
    );
    assert!(lines[0].contains("the control API is http://127.0.0.1:"), "{log}");
}

#[tokio::test]
async fn an_unknown_server_name_is_one_line_with_the_key_to_set() {
    let log = log_after("", async |process: &Process| {
        let refused = connect_trusting(&process.ca_pem, process.address, "emulator.test", &[]).await;
        assert!(refused.is_err());
    })
    .await;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("emulator.test"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(" INFO ") && lines[0].contains("`names`"),
        "{log}"
    );
}

#[tokio::test]
async fn a_policy_that_ec2_refuses_is_told_with_its_place_and_what_is_wrong() {
    let log = log_after("", async |process: &Process| {
        let parameters = [
            ("VpcEndpointId", "vpce-00000000000000000"),
            (
                "PolicyDocument",
                r#"{"Statement":[{"Effect":"allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
            ),
        ];
        let call = Call::query("ec2", "ModifyVpcEndpoint", &parameters);
        assert_eq!(process.send(&call).await.expect("an answer").status, 400);
    })
    .await;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("the policy was refused"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(" WARN ") && lines[0].contains("/Statement/0/Effect"),
        "{log}"
    );
}

#[tokio::test]
async fn a_role_that_is_not_there_is_told_with_the_key_to_set_or_the_one_that_was_meant() {
    let roles = "roles:\n  - arn: arn:aws:iam::123456789012:role/factory/inspector\n    trust_policy: \
                 {Version: \"2012-10-17\", Statement: [{Effect: Allow, Principal: {AWS: \"*\"}, Action: \"sts:AssumeRole\"}]}\n";
    let assume = async |process: &Process, role: &str| {
        let parameters = [("RoleArn", role), ("RoleSessionName", "line-7")];
        let call = Call::query("sts", "AssumeRole", &parameters);
        assert_eq!(process.send(&call).await.expect("an answer").status, 403);
    };
    let log = log_after(roles, async |process: &Process| {
        assume(process, "arn:aws:iam::123456789012:role/nobody").await;
        assume(process, "arn:aws:iam::123456789012:role/inspector").await;
    })
    .await;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("is not among `roles`"))
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(
        lines[0].contains(" WARN ")
            && lines[0].contains("role/nobody")
            && lines[0].contains("`trust_policy`"),
        "{log}"
    );
    assert!(
        lines[1].contains("did the call mean `arn:aws:iam::123456789012:role/factory/inspector`?"),
        "{log}"
    );
}
