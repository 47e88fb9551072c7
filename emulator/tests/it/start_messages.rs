//! The messages about what prevents a start; each says what would be right.

use std::{
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::process::PROGRAM;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program was built with its tests")
}

/// What it says, and that it ends as it does for a mistake of its user
#[track_caller]
fn refused(output: &Output) -> String {
    // `check` reports on standard output, a start on standard error.
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(64), "{said}");
    said
}

#[test]
fn an_address_may_be_localhost_or_a_port_alone() {
    let folder = tempfile::tempdir().unwrap();
    for listen in ["8443", ":8443", "localhost:8443", "127.0.0.1:8443"] {
        let output = run(folder.path(), &["check", "--listen", listen]);
        assert!(output.status.success(), "{listen}: {output:?}");
    }
    let said = refused(&run(folder.path(), &["check", "--listen", "emulator.test:8443"]));
    assert!(
        said.contains("`emulator.test:8443` is not an address and a port (like `127.0.0.1:8443`)"),
        "{said}"
    );
    // The file is read like the option.
    std::fs::write(
        folder.path().join("emulator.yaml"),
        "listen: \"8443\"\ncontrol: localhost:0\n",
    )
    .unwrap();
    assert!(run(folder.path(), &["check"]).status.success());
    std::fs::write(folder.path().join("emulator.yaml"), "listen: somewhere\n").unwrap();
    let said = refused(&run(folder.path(), &["check"]));
    assert!(
        said.contains("/listen: `somewhere` is not an address and a port (like `127.0.0.1:8443`)"),
        "{said}"
    );
}

#[test]
fn a_busy_port_says_how_to_get_a_free_one() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(&run(
        folder.path(),
        &["--listen", &address, "--control", "127.0.0.1:0"],
    ));
    assert!(
        said.contains(&format!("listen: cannot listen on {address}: ")),
        "{said}"
    );
    assert!(
        said.contains("another program has it") && said.contains("port 0 picks a free one"),
        "{said}"
    );
}

#[test]
fn one_port_for_both_listeners_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let said = refused(&run(folder.path(), &["--listen", &free, "--control", &free]));
    assert!(
        said.contains(&format!("control: {free} is where the AWS API listens ({free})")),
        "{said}"
    );
    assert!(said.contains("port 0 picks a free one"), "{said}");
}

#[test]
fn a_configuration_that_is_too_large_names_the_limit_and_how_to_raise_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = "principals:\n".to_owned();
    for number in 0..10_000 {
        config.push_str(&format!(
            "- arn: arn:aws:iam::123456789012:user/u{number}\n  access_keys: [{{access_key_id: AKIA{number:012}, \
             secret_access_key: s{number}}}]\n"
        ));
    }
    std::fs::write(folder.path().join("emulator.yaml"), config).unwrap();
    let said = refused(&run(folder.path(), &["check"]));
    assert!(
        said.contains("config_nodes_max (100000)") && said.contains("`--config-nodes-max`"),
        "{said}"
    );
    let output = run(folder.path(), &["check", "--config-nodes-max", "1000000"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_number_where_a_range_is_says_how_the_range_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let config = "projects:\n- name: myProject\n  models:\n  - version: 1\n    detect_anomalies:\n    \
                  - {when: {call: 1}, then: {is_anomalous: true, confidence: 0.9}}\n";
    std::fs::write(folder.path().join("emulator.yaml"), config).unwrap();
    let said = refused(&run(folder.path(), &["check"]));
    let expected = "/projects/0/models/0/detect_anomalies/0/when/call: expected a mapping, found a number: a range has its ends, as \
                    in `{from: 1, to: 1}` for 1 alone";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn pretty_printed_json_for_simulate_is_told_how_to_become_lines() {
    let mut child = Command::new(PROGRAM)
        .args(["policy", "simulate"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"{\n  \"id\": \"c1\"\n}\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let first = said.lines().next().unwrap();
    assert!(
        first.contains("a line is one whole JSON object: `jq -c .` puts a pretty-printed one on one line"),
        "{said}"
    );
}

#[test]
fn a_model_that_is_not_declared_is_told_where_a_policy_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lookoutvision:DetectAnomalies",
        "Resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myMdel"}]}"#;
    std::fs::write(folder.path().join("policy.json"), policy).unwrap();
    let output = run(folder.path(), &["check", "--endpoint-policy", "policy.json"]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains("model `myMdel`, which project `myProject` does not declare"),
        "{said}"
    );
}

#[test]
fn a_policy_without_a_version_is_taken_without_a_warning_unless_it_has_variables() {
    let folder = tempfile::tempdir().unwrap();
    let check = |resource: &str| {
        let policy = format!(
            r#"{{"Statement":[{{"Principal":"*","Effect":"Allow","Action":["lookoutvision:DetectAnomalies"],"Resource":"{resource}"}}]}}"#
        );
        std::fs::write(folder.path().join("seed.json"), policy).unwrap();
        let output = run(folder.path(), &["check", "--endpoint-policy", "seed.json"]);
        assert!(output.status.success(), "{output:?}");
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    let said = check("arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel");
    assert!(!said.contains("Version"), "{said}");
    let said = check("arn:aws:lookoutvision:us-west-2:123456789012:model/${aws:username}/1");
    assert!(said.contains("the policy has no `Version`"), "{said}");
}
