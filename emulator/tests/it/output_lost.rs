//! Output that nobody gets: on a full disk the command fails; with a pipe whose reader is gone it does not.

use std::{
    fs::{self, File},
    io::{Write as _, pipe},
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::{
    process::PROGRAM,
    support::{Call, control_accepting, emulator_with, journal_of},
};

const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";

/// Every command that prints, with its input and the status that it ends with when everything was printed
fn commands(url: &str, request_id: &str) -> Vec<(Vec<String>, &'static str, i32)> {
    let offline = [
        ("--help", "", 0),
        ("policy --help", "", 0),
        ("--version", "", 0),
        ("check", "", 0),
        ("check --config mistaken.yaml", "", 64),
        ("schema", "", 0),
        ("schema --of policy-tests", "", 0),
        ("completions bash", "", 0),
        ("man", "", 0),
        ("certs --certs certs", "", 0),
        ("policy lint --type identity endpoint.json", "", 64),
        ("policy lint --format json endpoint.json", "", 0),
        ("policy lint --format sarif endpoint.json", "", 0),
        ("policy simulate", "not a question\n", 64),
        ("policy test tests.yaml", "", 0),
        ("policy test --format json tests.yaml", "", 0),
        ("policy test --format junit tests.yaml", "", 0),
        ("policy test --format tap tests.yaml", "", 0),
        ("policy matrix", "", 0),
        ("policy matrix --format csv", "", 0),
        ("policy matrix --check other.csv", "", 1),
        ("policy diff endpoint.json wider.json", "", 0),
        (
            "policy diff --format json --deny-new-access endpoint.json wider.json",
            "",
            1,
        ),
        ("policy draft --requests requests.ndjson", "", 0),
        ("policy draft --format json --requests requests.ndjson", "", 0),
        (
            "policy what-if --requests requests.ndjson --vpc-endpoint-id vpce-0a1b2c3d4e5f67890 --default-policy",
            "",
            0,
        ),
    ];
    let online = [
        ("env --certs-directory certs".to_owned(), 0),
        ("limits".to_owned(), 0),
        ("limits --format json".to_owned(), 0),
        ("faults".to_owned(), 0),
        ("rules list myProject myModel".to_owned(), 0),
        ("scenarios list".to_owned(), 0),
        ("requests".to_owned(), 0),
        ("requests counts".to_owned(), 0),
        ("requests verify expected.json".to_owned(), 1),
        (format!("requests explain {request_id}"), 0),
        ("state export -".to_owned(), 0),
        ("doctor --format json".to_owned(), 1),
        ("policy coverage".to_owned(), 0),
        (format!("policy draft --vpc-endpoint-id {ENDPOINT}"), 0),
        (
            format!("policy what-if --vpc-endpoint-id {ENDPOINT} endpoint.json"),
            0,
        ),
    ];
    let words = |command: &str| command.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let online = online.into_iter().map(|(command, code)| {
        let mut words = words(&command);
        words.extend(["--control".to_owned(), url.to_owned()]);
        (words, "", code)
    });
    let offline = offline.map(|(command, input, code)| (words(command), input, code));
    offline.into_iter().chain(online).collect()
}

fn run(folder: &Path, arguments: &[String], input: &str, stdout: Stdio) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with its tests");
    if let Some(mut stdin) = child.stdin.take() {
        // Most commands read nothing.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().expect("the program ends")
}

#[tokio::test]
async fn a_full_disk_behind_standard_output_fails_every_command_and_a_closed_pipe_fails_none() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seed");
    for file in fs::read_dir(fixtures).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), at.join(file.file_name())).unwrap();
    }
    let endpoint = at.join("endpoint.json");
    let configuration = fs::read_to_string(at.join("emulator.yaml"))
        .unwrap()
        .replace("endpoint.json", endpoint.to_str().unwrap());
    let emulator = emulator_with(&configuration).await;
    Call::detect("myModel").send(&emulator).await.check_ok();
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let saved = control_accepting(&emulator, "/requests", "application/x-ndjson").await;
    for (file, text) in [
        ("requests.ndjson", saved.text()),
        ("mistaken.yaml", "account_id: 12\n"),
        (
            "other.csv",
            "principal,entry point,region,operation,resource,decision\n",
        ),
        (
            "expected.json",
            r#"{"expect":[{"match":{"operation":"CreateProject"},"times":{"exactly":1}}]}"#,
        ),
    ] {
        fs::write(at.join(file), text).unwrap();
    }
    let wider = fs::read_to_string(&endpoint).unwrap();
    fs::write(at.join("wider.json"), wider.replace("myProject/myModel", "*")).unwrap();
    let entries = journal_of(&emulator).await;
    let refused = entries
        .iter()
        .find(|entry| entry["decision"] == "implicitDeny")
        .unwrap();
    let commands = commands(&emulator.control_url(), refused["request_id"].as_str().unwrap());
    let at = at.to_owned();
    let judged = tokio::task::spawn_blocking(move || {
        for (arguments, input, code) in commands {
            // It ends in this way when everything arrives …
            let whole = run(&at, &arguments, input, Stdio::piped());
            assert_eq!(whole.status.code(), Some(code), "{arguments:?} {whole:?}");
            assert!(!whole.stdout.is_empty(), "{arguments:?}");
            // … and in no other way when nobody reads: which lines of standard error are there is another matter.
            let (reader, writer) = pipe().unwrap();
            drop(reader);
            let unread = run(&at, &arguments, input, writer.into());
            let code = match arguments.join(" ").as_str() {
                // It stops at the first answer that nobody reads.
                "policy simulate" => 0,
                _ => code,
            };
            assert_eq!(unread.status.code(), Some(code), "{arguments:?} {unread:?}");
            assert_eq!(unread.stderr, whole.stderr, "{arguments:?}");
            let full = File::options().write(true).open("/dev/full").unwrap();
            let lost = run(&at, &arguments, input, full.into());
            let told = String::from_utf8_lossy(&lost.stderr);
            assert_eq!(lost.status.code(), Some(1), "{arguments:?} {lost:?}");
            assert!(
                told.contains("standard output cannot be written: No space left on device"),
                "{arguments:?} {told}"
            );
        }
    });
    judged.await.unwrap();
}

/// What a command has to say on standard error is lost there, and no reason to say it in a trace.
#[test]
fn a_full_disk_behind_standard_error_changes_no_status() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        ("requests --control http://127.0.0.1:1", 1),
        ("policy lint nowhere.json", 64),
        ("policy test nowhere.yaml", 64),
        ("policy diff nowhere.json nowhere.json", 64),
        ("check --config nowhere.yaml", 64),
        ("state export --control http://127.0.0.1:1 state.json", 1),
        ("exec -- ./nowhere", 127),
        ("healthcheck --control http://127.0.0.1:1", 1),
        ("requests --nowhere", 64),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .stderr(full);
        let status = command.status().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments}");
    }
}
