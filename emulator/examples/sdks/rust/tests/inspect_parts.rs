//! The program's tests, each against an emulator of its own in this process.

use aws_sdk_lookoutvision::{Client, Error};
use inspect_parts::has_flaw;
use lookoutvision_emulator::{
    Answer, Decision, Emulator, JournalEntry, Model, Principal, Project, Rectangle, Rule, json,
};

const GOOD: &[u8] = include_bytes!("../../../../tests/fixtures/images/normal-1.jpg");
const SCRATCHED: &[u8] = include_bytes!("../../../../tests/fixtures/images/normal-2.png");

#[tokio::test]
async fn a_good_part_has_no_flaw() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = Client::new(&emulator.sdk_config());
    assert!(!has_flaw(&client, GOOD.to_vec(), "image/jpeg").await.unwrap());
}

#[tokio::test]
async fn a_scratch_is_a_flaw_and_a_throttled_call_is_tried_again() {
    let scratch = Rectangle {
        x: 0.10,
        y: 0.20,
        width: 0.30,
        height: 0.05,
    };
    let model = Model::new("1")
        .rule(Rule::new(Answer::error("ThrottlingException", "Rate exceeded")).when_call(..=1))
        .rule(
            Rule::new(Answer::anomalous(0.97).anomaly("scratch", "#23A436", [scratch])).when_image(SCRATCHED),
        );
    let emulator = Emulator::builder()
        .project(Project::new("myProject").model(model))
        .start()
        .await
        .unwrap();
    let client = Client::new(&emulator.sdk_config());
    assert!(has_flaw(&client, SCRATCHED.to_vec(), "image/png").await.unwrap());
    assert!(!has_flaw(&client, GOOD.to_vec(), "image/jpeg").await.unwrap());

    let requests = emulator.requests().await;
    let statuses: Vec<_> = requests.iter().map(JournalEntry::status).collect();
    assert_eq!(statuses, [Some(429), Some(200), Some(200)]);
}

#[tokio::test]
async fn the_line_may_ask_its_model_and_nobody_else_may() {
    const LINE: &str = "arn:aws:iam::123456789012:user/line-7";
    const VISITOR: &str = "arn:aws:iam::123456789012:user/visitor";
    let emulator = Emulator::builder()
        .principal(
            Principal::new(LINE)
                .access_key("AKIAIOSFODNN7EXAMPLE", "its-secret")
                .tag("team", "vision"),
        )
        .principal(Principal::new(VISITOR).access_key("AKIAI44QH8DHBEXAMPLE", "another-secret"))
        .endpoint_policy(json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
            "Condition": {"StringEquals": {"aws:PrincipalTag/team": "vision"}}
        }]}))
        .start()
        .await
        .unwrap();

    let line = Client::new(&emulator.sdk_config_of(LINE));
    has_flaw(&line, GOOD.to_vec(), "image/jpeg").await.unwrap();

    let visitor = Client::new(&emulator.sdk_config_of(VISITOR));
    let refused = has_flaw(&visitor, GOOD.to_vec(), "image/jpeg").await.unwrap_err();
    assert!(matches!(refused, Error::AccessDeniedException(_)), "{refused:?}");

    let denied = emulator.requests().decision(Decision::ImplicitDeny).await;
    assert_eq!(denied[0].principal(), Some(VISITOR));
    assert!(
        denied[0].summary().unwrap().contains("aws:PrincipalTag/team"),
        "{denied:#?}"
    );
}
