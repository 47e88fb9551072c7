//! What a newcomer meets first: a command run with an emulator of its own, the variables for clients, completions, the
//! manual.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::process::{PROGRAM, Process};

/// `exec` in an empty folder
fn exec(folder: &tempfile::TempDir, options: &[&str], command: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("exec")
        .args(options)
        .arg("--")
        .args(command)
        .current_dir(folder)
        .env("AWS_PROFILE", "production")
        .env("AWS_ENDPOINT_URL", "https://elsewhere.example")
        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
        .env("NO_PROXY", "intranet.example")
        .output()
        .expect("the program was built with its tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what it prints is text")
}

#[test]
fn a_command_finds_its_emulator_through_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        test -f "$AWS_CA_BUNDLE" && test -f "$SSL_CERT_FILE" && test -f "$NODE_EXTRA_CA_CERTS" || exit 3
        test -z "${AWS_PROFILE+set}${AWS_ENDPOINT_URL+set}${AWS_SESSION_TOKEN+set}" || exit 4
        echo "$AWS_ENDPOINT_URL_LOOKOUTVISION $AWS_ENDPOINT_URL_EC2 $AWS_ENDPOINT_URL_STS"
        echo "$AWS_REGION $AWS_DEFAULT_REGION $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY"
        echo "$JAVA_TOOL_OPTIONS"
        echo "$NO_PROXY"
        echo "$LOOKOUTVISION_EMULATOR_CONTROL_URL"
    "#;
    let output = exec(&folder, &[], &["sh", "-c", script]);
    assert!(output.status.success(), "{output:?}");
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    let urls: Vec<&str> = lines[0].split(' ').collect();
    assert!(urls[0].starts_with("https://localhost:"), "{stdout}");
    assert_eq!((urls[0], urls[0]), (urls[1], urls[2]));
    assert_eq!(lines[1], "us-east-1 us-east-1 test test");
    assert!(
        lines[2].starts_with("-Xmx1g -Djavax.net.ssl.trustStore=/"),
        "{stdout}"
    );
    assert_eq!(lines[3], "intranet.example,localhost,127.0.0.1,::1");
    assert!(lines[4].starts_with("http://127.0.0.1:"), "{stdout}");
    assert_eq!(lines.len(), 5, "standard output is the command's alone");
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(
        left.is_empty(),
        "nothing is left in the working directory: {left:?}"
    );
}

#[test]
fn a_command_needs_no_hyphens_before_it_and_hears_nothing_of_a_certificate_authority() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["exec", "--log-requests", "none", "sh", "-c", "echo $NO_PROXY"])
        .current_dir(&folder)
        // What was pasted into the shell before does not stand there twice.
        .env("NO_PROXY", "localhost,127.0.0.1,::1,intranet.example")
        .output()
        .expect("the program was built with its tests");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "localhost,127.0.0.1,::1,intranet.example\n");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_list_of_exceptions_from_the_proxy_in_lower_case_gains_the_emulator_too() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"echo "$NO_PROXY $no_proxy"; curl -s "$AWS_ENDPOINT_URL_LOOKOUTVISION/""#;
    let output = Command::new(PROGRAM)
        .args(["exec", "--", "sh", "-c", script])
        .current_dir(&folder)
        .env_remove("NO_PROXY")
        .env("no_proxy", "intranet.example")
        .env("https_proxy", "http://127.0.0.1:1")
        .output()
        .expect("the program was built with its tests");
    assert!(output.status.success(), "{output:?}");
    let stdout = text(&output.stdout);
    let expected = "localhost,127.0.0.1,::1 intranet.example,localhost,127.0.0.1,::1\n";
    assert!(stdout.starts_with(expected), "{stdout}");
    assert!(stdout.contains("Missing Authentication Token"), "{stdout}");
}

#[test]
fn the_region_is_the_one_that_the_policy_names() {
    let folder = tempfile::tempdir().unwrap();
    let policy = r#"{"Statement": [{"Principal": "*", "Effect": "Allow", "Action": ["lookoutvision:DetectAnomalies"],
        "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}]}"#;
    std::fs::write(folder.path().join("seed.json"), policy).unwrap();
    let options = ["--endpoint-policy", "seed.json"];
    let output = exec(&folder, &options, &["sh", "-c", "echo $AWS_REGION"]);
    assert_eq!(text(&output.stdout), "us-west-2\n", "{output:?}");
}

#[test]
fn exec_ends_with_the_status_of_its_command() {
    let folder = tempfile::tempdir().unwrap();
    let code = |command: &[&str]| exec(&folder, &[], command).status.code();
    assert_eq!(code(&["true"]), Some(0));
    assert_eq!(code(&["sh", "-c", "exit 17"]), Some(17));
    assert_eq!(code(&["sh", "-c", "kill -9 $$"]), Some(128 + 9));
    assert_eq!(code(&["no-such-command"]), Some(127));
    let output = exec(&folder, &["--endpoint-policy", "missing.json"], &["true"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(text(&output.stderr).contains("missing.json"), "{output:?}");
}

#[test]
fn exec_leaves_the_files_of_serve_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = "state: state.redb\npublic_certs: shared\ncerts: certs\n";
    std::fs::write(folder.path().join("emulator.yaml"), config).unwrap();
    let call = r#"curl -s "$AWS_ENDPOINT_URL_LOOKOUTVISION/""#;
    let output = exec(&folder, &[], &["sh", "-c", call]);
    assert!(output.status.success(), "{output:?}");
    let left = std::fs::read_dir(&folder).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["emulator.yaml"]);
}

#[test]
fn signals_reach_the_command() {
    for (name, expected) in [("TERM", "terminated"), ("HUP", "hung up"), ("INT", "interrupted")] {
        let folder = tempfile::tempdir().unwrap();
        let script =
            format!("trap 'echo {expected}; exit 9' {name}; echo ready; while :; do sleep 0.01; done");
        let mut child = Command::new(PROGRAM)
            .args(["exec", "--", "sh", "-c", &script])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let sent = Command::new("kill")
            .args(["-s", name, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, format!("{expected}\n"));
        assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
    }
}

#[test]
fn the_journal_is_written_when_the_command_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    // A request without a signature is one, too.
    let script = r#"curl -s --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL_LOOKOUTVISION/2020-11-20/projects" > /dev/null"#;
    let output = exec(&folder, &["--journal", "journal.ndjson"], &["sh", "-c", script]);
    assert!(output.status.success(), "{output:?}");
    let journal = std::fs::read_to_string(folder.path().join("journal.ndjson")).unwrap();
    let entries: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 1, "{journal}");
    assert_eq!(entries[0]["error_code"], "MissingAuthenticationTokenException");

    let output = exec(&folder, &["--journal", "no/such/folder"], &["true"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_command_that_did_not_make_the_expected_calls_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let expect = |operation: &str, times: u64| {
        let expected = format!(
            r#"{{"expect": [{{"match": {{"operation": "{operation}"}}, "times": {{"exactly": {times}}}}}]}}"#
        );
        std::fs::write(folder.path().join("expected.json"), expected).unwrap();
    };
    let call = r#"curl -s --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL_LOOKOUTVISION/2020-11-20/projects" > /dev/null; touch ran"#;
    let verified = |end: &str| {
        exec(
            &folder,
            &["--verify", "expected.json"],
            &["sh", "-c", &format!("{call}; {end}")],
        )
    };
    expect("ListProjects", 1);
    let output = verified("true");
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("satisfied: 1 of 1, 1 request looked at\n"));

    expect("ListProjects", 2);
    let output = verified("true");
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(1), "")
    );
    assert!(
        text(&output.stderr).contains("operation ListProjects: expected exactly 2, found 1\n"),
        "{output:?}"
    );
    assert_eq!(verified("exit 3").status.code(), Some(3));

    std::fs::remove_file(folder.path().join("ran")).unwrap();
    expect("ListProject", 1);
    let output = verified("true");
    assert_eq!(output.status.code(), Some(64));
    let mistake = "expected.json: /expect/0/match/operation: `ListProject` fits no operation; did you mean `ListProjects`?\n";
    assert_eq!(text(&output.stderr), mistake);
    assert!(!folder.path().join("ran").exists(), "the command must not run");
}

fn env(control_url: &str, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(["env", "--control", control_url])
        .args(arguments)
        .output()
        .expect("the program was built with its tests")
}

#[test]
fn the_variables_of_a_running_emulator_are_printed_for_each_client_and_shell() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("emulator.yaml"), "names: []\n").unwrap();
    let emulator = Process::start(folder.path());
    let url = emulator.control_url();

    let output = env(url, &[]);
    assert!(output.status.success(), "{output:?}");
    let script = format!(
        "{}echo \"$AWS_REGION $AWS_SECRET_ACCESS_KEY $AWS_CA_BUNDLE\"",
        text(&output.stdout)
    );
    let read = Command::new("sh").args(["-euc", &script]).output().unwrap();
    let bundle = folder.path().canonicalize().unwrap().join("certs/ca-bundle.pem");
    assert_eq!(
        text(&read.stdout),
        format!("us-east-1 test {}\n", bundle.display())
    );
    assert!(!text(&output.stdout).contains('#'), "zsh reads comments as words");

    let output = env(url, &["--format", "json", "--client", "node"]);
    let variables: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        variables["NODE_EXTRA_CA_CERTS"]
            .as_str()
            .unwrap()
            .ends_with("certs/ca.pem")
    );
    assert_eq!(variables.get("AWS_CA_BUNDLE"), None);
    assert_eq!(variables["AWS_PROFILE"], Value::Null);

    // Pasted twice, nothing stands there twice.
    let pasted = text(&env(url, &[]).stdout);
    let script = format!("{pasted}{pasted}echo \"$NO_PROXY|$JAVA_TOOL_OPTIONS\"");
    let read = Command::new("sh")
        .args(["-euc", &script])
        .env("NO_PROXY", "intranet.example")
        .env_remove("JAVA_TOOL_OPTIONS")
        .output()
        .unwrap();
    let read = text(&read.stdout);
    let (exceptions, options) = read.trim_end().split_once('|').unwrap();
    assert_eq!(exceptions, "intranet.example,localhost,127.0.0.1,::1");
    assert_eq!(
        options.matches("-Djavax.net.ssl.trustStore=").count(),
        1,
        "{options}"
    );

    // Where a file cannot unset a variable, it says so, or `env` does beside it.
    let output = env(url, &["--format", "dotenv"]);
    assert!(
        text(&output.stdout).contains("\n# AWS_PROFILE must not be set\n"),
        "{output:?}"
    );
    let output = Command::new(PROGRAM)
        .args(["env", "--control", url, "--format", "github"])
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_PROFILE", "production")
        .output()
        .unwrap();
    assert!(!text(&output.stdout).contains("AWS_PROFILE"), "{output:?}");
    assert_eq!(
        text(&output.stderr),
        "the file of GITHUB_ENV cannot unset variables; unset in each step, because they would lead clients elsewhere: AWS_PROFILE\n"
    );

    for (format, expected) in [
        ("fish", "set -gx AWS_REGION 'us-east-1'\n"),
        ("powershell", "$env:AWS_REGION = 'us-east-1'\n"),
        ("dotenv", "AWS_REGION=\"us-east-1\"\n"),
        ("github", "AWS_REGION=us-east-1\n"),
    ] {
        let output = env(url, &["--format", format]);
        assert!(text(&output.stdout).contains(expected), "{format}: {output:?}");
    }
}

#[tokio::test]
async fn the_variables_are_a_route_too_and_name_a_folder_that_the_clients_see() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("emulator.yaml"), "names: []\n").unwrap();
    let emulator = Process::start(folder.path());
    let answer = emulator
        .control(
            "GET",
            "/env?client=boto3&format=dotenv&certs_directory=/certs",
            "",
        )
        .await;
    assert!(
        answer.text().contains("AWS_CA_BUNDLE=\"/certs/ca-bundle.pem\"\n"),
        "{answer:?}"
    );
    let answer = emulator.control("GET", "/env?client=cobol", "").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(
        answer.text().contains("`cobol` is not one of `all`, `boto3`"),
        "{answer:?}"
    );

    let answer = emulator.control("GET", "/vpc-endpoints", "").await;
    let endpoints: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(endpoints[0]["vpc_endpoint_id"], "vpce-00000000000000000");
    assert_eq!(endpoints[0]["private_dns_enabled"], true);
}

#[test]
fn an_emulator_that_does_not_answer_is_named() {
    let output = env("http://127.0.0.1:1", &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("no emulator answers at http://127.0.0.1:1"),
        "{stderr}"
    );
    let output = env("nonsense", &[]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}

#[test]
fn a_healthcheck_waits_for_an_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap();
    let address = port.to_string();
    let waiting = Command::new(PROGRAM)
        .args(["healthcheck", "--wait", "30", "--control", &address])
        .spawn()
        .unwrap();
    let mut emulator = Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0", "--control", &address])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let outcome = waiting.wait_with_output().unwrap();
    emulator.kill().unwrap();
    emulator.wait().unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
}

#[test]
fn a_healthcheck_under_exec_asks_the_emulator_of_exec() {
    let output = Command::new(PROGRAM)
        .args(["exec", "--", PROGRAM, "healthcheck"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn bash_completes_the_options_of_subcommands() {
    let script = Command::new(PROGRAM)
        .args(["completions", "bash"])
        .output()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("completions"), script.stdout).unwrap();
    for (words, expected) in [
        ("policy t", "test"),
        ("requests ver", "verify"),
        ("env --form", "--format"),
    ] {
        let last = words.split(' ').count();
        let complete = format!(
            "source completions; COMP_WORDS=(lookoutvision-emulator {words}); COMP_CWORD={last}; \
             _lookoutvision__emulator lookoutvision-emulator \"${{COMP_WORDS[$COMP_CWORD]}}\" x; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["-c", &complete])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(text(&output.stdout).trim(), expected, "{words}: {output:?}");
    }
}

#[test]
fn shells_complete_and_the_manual_has_a_page_for_each_subcommand() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Command::new(PROGRAM)
            .args(["completions", shell])
            .output()
            .unwrap();
        assert!(text(&output.stdout).contains("endpoint-policy"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["man", "--directory"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    for page in [
        "lookoutvision-emulator.1",
        "lookoutvision-emulator-exec.1",
        "lookoutvision-emulator-policy-lint.1",
    ] {
        let page = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(page.contains(".TH"), "{page}");
    }
    let output = Command::new(PROGRAM).arg("man").output().unwrap();
    assert!(text(&output.stdout).contains(".SH SYNOPSIS"), "{output:?}");
}
