//! What the README says, done as it says.

use std::fs;

use crate::{process::Process, support::Call};

/// The first block of this language after a heading
fn block<'r>(readme: &'r str, heading: &str, language: &str) -> &'r str {
    let (_, section) = readme
        .split_once(&format!("\n## {heading}\n"))
        .expect("the README has the section");
    let (_, block) = section
        .split_once(&format!("```{language}\n"))
        .expect("the section has a block");
    block.split_once("```").expect("the block ends").0
}

#[tokio::test]
async fn its_configuration_pasted_and_run_enforces_its_policy_on_localhost() {
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("the README");
    let folder = tempfile::tempdir().expect("a folder");
    let yaml = block(&readme, "Configuration", "yaml");
    fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
    let process = Process::start(folder.path());
    let as_alice = |model: &str| {
        Call::detect(model).credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    };

    let denied = process.send(&as_alice("1")).await.expect("an answer");
    let message = denied.check(403, "AccessDeniedException");
    assert!(
        message.ends_with("because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action"),
        "{message}"
    );
    // As its first rule says, twice; then as its last one does.
    for _ in 0..2 {
        let throttled = process.send(&as_alice("myModel")).await.expect("an answer");
        throttled.check(429, "ThrottlingException");
    }
    let answer = process.send(&as_alice("myModel")).await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["DetectAnomalyResult"]["IsAnomalous"], true);

    let journal = process.control("GET", "/requests", "").await.json();
    let entries = journal.as_array().expect("a list");
    assert_eq!(entries.len(), 4);
    for entry in entries {
        assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-0a1b2c3d4e5f67890");
    }
}
