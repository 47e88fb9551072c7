//! `policy lint` and `policy simulate` as processes: exit codes, pipes, and AWS's own examples from end to end.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

/// The requests and documents that the policy crate is held to, one JSON object a line
fn fixtures(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/iam-policy/tests/fixtures");
    let text = fs::read_to_string(folder.join(file)).expect("the fixtures are in the repository");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("the fixtures are JSON")
}

fn spawn(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookoutvision-emulator"));
    command.arg("policy").args(arguments);
    for option in ["TYPE", "FORMAT", "DENY_WARNINGS", "EXPLAIN"] {
        command.env_remove(format!("LOOKOUTVISION_EMULATOR_{option}"));
    }
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program was built with these tests")
}

/// Runs to the end with this on standard input
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = spawn(arguments);
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let input = input.to_owned();
    // Beside us, because neither pipe holds everything.
    let writer = std::thread::spawn(move || {
        // A program that does not read its input is judged by what it does instead.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("writing does not panic");
    output
}

#[track_caller]
fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("answers are text")
}

fn answers(output: &Output) -> Vec<Value> {
    let lines = stdout(output).lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("answers are JSON")
}

#[test]
fn every_documented_case_is_decided_as_the_documentation_says() {
    let cases = fixtures("documented-cases.jsonl");
    assert_eq!(cases.len(), 275);
    let input: String = cases
        .iter()
        .map(|case| {
            let line = json!({"id": case["id"], "policies": case["policies"], "request": case["request"]});
            format!("{line}\n")
        })
        .collect();
    for arguments in [&["simulate"][..], &["simulate", "--explain"]] {
        let output = run(arguments, &input);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty());
        let answers = answers(&output);
        assert_eq!(answers.len(), cases.len());
        for (case, answer) in cases.iter().zip(&answers) {
            assert_eq!(
                (&answer["id"], &answer["decision"]),
                (&case["id"], &case["expect"]),
                "{answer}"
            );
            assert_eq!(
                answer["message"].is_null(),
                answer["decision"] == "allowed",
                "{answer}"
            );
            assert_eq!(
                answer.get("statements").is_some(),
                arguments.len() == 2,
                "{answer}"
            );
        }
    }
}

#[test]
fn every_graded_document_is_linted_as_graded() {
    let cases = fixtures("attach-cases.jsonl");
    assert_eq!(cases.len(), 50);
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for case in &cases {
        let text = |member: &str| case[member].as_str().expect("it is a text");
        let file = folder.path().join(format!("{}.json", text("id")));
        fs::write(&file, text("text")).expect("the folder is ours");
        let file = file.to_str().expect("the path is text");
        let lint = |more: &[&str]| {
            let output = run(&[&["lint", "--type", text("for"), file], more].concat(), "");
            assert!(output.stderr.is_empty(), "{case}");
            (
                output.status.code().expect("it was not killed"),
                stdout(&output).to_owned(),
            )
        };
        let (code, findings) = lint(&[]);
        match text("expect") {
            "reject" | "error-finding" => {
                assert_eq!(code, 64, "{case}");
                assert!(findings.contains(": error: "), "{case}: {findings}");
            }
            "lint" => {
                assert_eq!(code, 0, "{case}");
                assert!(findings.contains(": warning: "), "{case}");
                assert_eq!(lint(&["--deny-warnings"]).0, 64, "{case}");
            }
            "accept" => assert_eq!(code, 0, "{case}: {findings}"),
            other => panic!("unknown grade {other}"),
        }
        for finding in findings.lines() {
            let place = finding.strip_prefix(&format!("{file}:"));
            assert!(
                place.is_some_and(|place| place.starts_with(|c: char| c.is_ascii_digit())),
                "{finding}"
            );
        }
    }
}

#[test]
fn lint_reads_standard_input_and_names_a_missing_file() {
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*"}}"#;
    let output = run(&["lint", "-"], policy);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), ""));

    let output = run(&["lint", "nowhere.json", "-"], &policy.replace("Allow", "Permit"));
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(
        stdout(&output),
        "<stdin>:1:51: error: `Permit` is not an effect; expected `Allow` or `Deny`, in this case [invalid-effect] at \
         /Statement/Effect\n"
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "`nowhere.json` cannot be read: there is no such file\n"
    );
}

#[test]
fn bad_usage_ends_with_64() {
    for arguments in [
        &["lint"][..],
        &["lint", "--type", "bucket", "-"],
        &["lint", "--format", "xml", "-"],
        &["simulate", "file.jsonl"],
        &["evaluate"],
        &[],
    ] {
        let output = run(arguments, "");
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn an_answer_arrives_before_the_next_line_is_asked_for() {
    let mut child = spawn(&["simulate"]);
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
    for id in 0..3 {
        let line = json!({"id": id, "policies": {}, "request": {
            "principal": "anonymous", "action": "lookoutvision:ListModels", "resource": "*"}});
        writeln!(stdin, "{line}").expect("the program reads");
        let mut answer = String::new();
        stdout.read_line(&mut answer).expect("the program answers");
        let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        assert_eq!(
            (&answer["id"], &answer["decision"]),
            (&json!(id), &json!("allowed"))
        );
    }
    drop(stdin);
    assert_eq!(child.wait().expect("the program ends").code(), Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_cause_for_panic() {
    let line = json!({"id": 1, "policies": {}, "request": {
        "principal": "anonymous", "action": "lookoutvision:ListModels", "resource": "*"}});
    // The document's mistakes were told to nobody, and are there all the same.
    for (arguments, input, code) in [
        (&["simulate"][..], format!("{line}\n").repeat(1000), 0),
        (&["lint", "--format", "sarif", "-"], "{".to_owned(), 64),
    ] {
        let mut child = spawn(arguments);
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().expect("it is a pipe");
        // It may end before it has read everything.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn members_of_the_askers_own_are_let_be_and_other_unknown_ones_are_not() {
    let line = |more: &str| {
        format!(
            r#"{{"x-ticket": {{"id": [7]}}, "id": "a", "policies": {{}}, {more} "request": {{"principal": "anonymous",
                "action": "lookoutvision:ListModels", "resource": "*"}}}}"#
        )
        .replace('\n', " ")
    };
    let output = run(&["simulate"], &line(r#""x-note": null,"#));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(answers(&output)[0]["decision"], "allowed");
    for more in [r#""note": 1,"#, r#""X-note": 1,"#, r#""id": "b","#] {
        let output = run(&["simulate"], &line(more));
        // Of every line that there is, none was understood.
        assert_eq!(output.status.code(), Some(64), "{more}");
        assert_eq!(answers(&output)[0]["error"]["code"], "InvalidInput", "{more}");
    }
    let output = run(
        &["simulate"],
        &format!("{}\n{}\n", line(r#""note": 1,"#), line("")),
    );
    assert_eq!(output.status.code(), Some(0), "the others were answered");
    assert_eq!(
        run(&["simulate"], "\n\n").status.code(),
        Some(0),
        "nothing was asked"
    );
}
