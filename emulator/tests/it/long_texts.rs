//! One request with a long text in it costs nobody else anything: its answer is short, and the journal keeps its
//! entries.

use serde_json::json;

use crate::support::{Call, control, emulator};

/// As long as a text gets: five megabytes
fn long() -> String {
    "a".repeat(5_000_000)
}

#[tokio::test]
async fn a_name_of_five_megabytes_leaves_the_journal_as_it_is() {
    let emulator = emulator().await;
    for _ in 0..50 {
        Call::detect("1").send(&emulator).await;
    }
    let body = json!({ "ProjectName": long() }).to_string();
    let answer = Call::post("/2020-11-20/projects", "application/json", body.as_bytes())
        .send(&emulator)
        .await;
    let message = answer.check(400, "ValidationException");
    let shown = "a".repeat(1_024);
    assert_eq!(
        message,
        format!(
            "1 validation error detected: Value '{shown}…' at 'projectName' failed to satisfy constraint: Member must \
             have length less than or equal to 255"
        )
    );
    let entries = emulator.requests().await;
    assert_eq!(entries.len(), 51);
    assert_eq!(entries[50]["operation"], "CreateProject");
    assert_eq!(entries[50]["message"], message.as_str());
    let evicted = control(&emulator, "GET", "/requests", "").await;
    assert_eq!(evicted.header("x-journal-evicted"), Some("0"));
}
