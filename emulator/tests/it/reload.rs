//! The configuration of a serving process while somebody edits it, and SIGHUP.

use std::{fs, process::Command, time::Duration};

use tokio::time::timeout;

use crate::{process::Process, support::Call};

const DENY_ALL: &str = "\
endpoint_policy: {Statement: {Effect: Deny, Principal: '*', Action: '*', Resource: '*'}}
account_id: '123456789012'
";

/// A folder whose `emulator.yaml` says this, and a process that serves it
fn started(yaml: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(&folder, yaml);
    let process = Process::start(folder.path());
    (folder, process)
}

fn write(folder: &tempfile::TempDir, yaml: &str) {
    fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
}

/// Waits until the log has this text so many times
async fn logged(process: &Process, text: &str, times: usize) {
    let appears = async {
        while process.log().matches(text).count() < times {
            tokio::task::yield_now().await;
        }
    };
    let appeared = timeout(Duration::from_secs(60), appears).await;
    appeared.unwrap_or_else(|_| panic!("`{text}` is not in the log: {}", process.log()));
}

async fn status(process: &Process) -> u16 {
    process.send(&Call::detect("1")).await.expect("an answer").status
}

#[tokio::test]
async fn a_configuration_that_is_truncated_opens_nothing() {
    let (folder, process) = started(DENY_ALL);
    assert_eq!(status(&process).await, 403);
    write(&folder, "");
    logged(&process, "the one before stays in force", 1).await;
    assert_eq!(status(&process).await, 403);
    assert!(
        process
            .log()
            .contains("emulator.yaml: the file is empty: nothing is left of the version in force"),
        "{}",
        process.log()
    );
    // One that says something else takes effect, and what is gone of it is told.
    write(&folder, "account_id: '123456789012'\nnames: [a.test]\n");
    logged(&process, "was read again and is in force", 1).await;
    assert_eq!(status(&process).await, 200);
    for line in [
        "WARN sections that the configuration no longer has, so that their defaults are in force: `endpoint_policy`",
        "WARN sections that the configuration did not have before: `names`",
    ] {
        assert!(process.log().contains(line), "{line}: {}", process.log());
    }
    process.kill();
}

#[tokio::test]
async fn sighup_has_the_configuration_read_again_and_says_what_came_of_it() {
    let (folder, process) = started(DENY_ALL);
    hang_up(&process);
    logged(&process, "was read again and says what is in force", 1).await;
    write(&folder, &DENY_ALL.replace("Deny", "Allow"));
    hang_up(&process);
    logged(&process, "was read again and is in force", 1).await;
    assert_eq!(status(&process).await, 200);
    write(&folder, "account_id: 1\n");
    hang_up(&process);
    logged(&process, "the one before stays in force", 1).await;
    assert_eq!(status(&process).await, 200);
    process.kill();
}

#[tokio::test]
async fn sighup_without_a_configuration_file_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let process = Process::start(folder.path());
    hang_up(&process);
    logged(
        &process,
        "SIGHUP: the emulator was started without a configuration file",
        1,
    )
    .await;
    assert_eq!(status(&process).await, 200);
    process.kill();
}

fn hang_up(process: &Process) {
    let sent = Command::new("kill")
        .args(["-HUP", &process.child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "`kill` is everywhere");
}
