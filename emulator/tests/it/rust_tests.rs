//! What a Rust test does with an emulator in its own process: declare principals and projects in code, filter the
//! requests, clear them.

use std::time::Duration;

use lookoutvision_emulator::{
    Answer, Decision, Emulator, Expect, Fault, Model, PolicyChangeError, Principal, Project, Rectangle,
    Requests, Rule, Timestamp, Uuid, Value, json,
};

use crate::support::{Call, JPEG, PNG, emulator, emulator_with};

const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
const BOB: &str = "arn:aws:iam::123456789012:user/bob";

/// Model 1 of `line` with these rules
async fn emulator_answering(rules: impl IntoIterator<Item = Rule>) -> Emulator {
    let model = rules.into_iter().fold(Model::new("1"), Model::rule);
    let project = Project::new("myProject").model(model);
    let started = Emulator::builder().project(project).start().await;
    started.expect("the test's rules are valid")
}

fn is_anomalous(answer: &crate::support::Answer) -> Option<bool> {
    answer.json()["DetectAnomalyResult"]["IsAnomalous"].as_bool()
}

#[tokio::test]
async fn requests_are_asked_for_by_what_they_must_have() {
    let emulator = Emulator::builder()
        .endpoint_policy(serde_json::from_str(crate::support::ONE_MODEL).unwrap())
        .start()
        .await
        .unwrap();
    let before = Timestamp::now();
    Call::detect("myModel").send(&emulator).await;
    Call::detect("1").send(&emulator).await;
    Call::query("sts", "GetCallerIdentity", &[]).send(&emulator).await;
    Call::detect("1").credentials("nobody", "x").send(&emulator).await;

    let all = emulator.requests().await;
    let found = async |requests: Requests<'_>| -> Vec<usize> {
        let place = |id| all.iter().position(|entry| entry.request_id() == id).unwrap();
        requests
            .await
            .iter()
            .map(|entry| place(entry.request_id()))
            .collect()
    };
    assert_eq!(found(emulator.requests()).await, [0, 1, 2, 3]);
    assert_eq!(
        found(emulator.requests().operation("DetectAnomalies").status(403)).await,
        [1, 3]
    );
    assert_eq!(found(emulator.requests().decision(Decision::Allowed)).await, [0]);
    assert_eq!(
        found(emulator.requests().decision(Decision::ImplicitDeny)).await,
        [1]
    );
    let test = "arn:aws:iam::123456789012:user/test";
    assert_eq!(found(emulator.requests().principal(test)).await, [0, 1, 2]);
    assert_eq!(found(emulator.requests().access_key_id("nobody")).await, [3]);
    let resource = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";
    assert_eq!(found(emulator.requests().resource(resource)).await, [1]);
    let endpoint = "vpce-00000000000000000";
    assert_eq!(
        found(emulator.requests().vpc_endpoint_id(endpoint).status(200)).await,
        [0]
    );
    assert_eq!(
        found(emulator.requests().error_code("AccessDeniedException")).await,
        [1]
    );
    assert_eq!(found(emulator.requests().rule("default")).await, [0]);
    assert_eq!(found(emulator.requests().service("sts")).await, [2]);
    assert_eq!(
        found(emulator.requests().source_ip([127, 0, 0, 1].into())).await,
        [0, 1, 2, 3]
    );
    assert_eq!(found(emulator.requests().target("/")).await, [2]);
    assert_eq!(found(emulator.requests().since(before)).await, [0, 1, 2, 3]);
    assert_eq!(
        found(emulator.requests().since(Timestamp::MAX)).await,
        Vec::<usize>::new()
    );
    assert_eq!(
        found(emulator.requests().after(all[1].request_id())).await,
        [2, 3]
    );
}

#[tokio::test]
#[should_panic(expected = "there is no operation `DetectAnomaly`; did you mean `DetectAnomalies`?")]
async fn a_filter_that_nothing_can_pass_is_a_mistake_of_the_test() {
    let emulator = emulator().await;
    let _ = emulator.requests().operation("DetectAnomaly").await;
}

#[tokio::test]
async fn requests_can_be_forgotten() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    Call::detect("1").send(&emulator).await;
    assert_eq!(emulator.clear_requests(), 2);
    assert!(emulator.requests().await.is_empty());
    Call::detect("1").send(&emulator).await;
    assert_eq!(emulator.requests().await.len(), 1);
    // What is gone was before everything that is there.
    assert_eq!(emulator.requests().after(Uuid::nil()).await.len(), 1);
}

#[tokio::test]
async fn principals_are_declared_in_code() {
    let detect = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lookoutvision:DetectAnomalies", "Resource": "*"}]});
    let in_2100: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let session = "arn:aws:sts::123456789012:assumed-role/inspector/line-7";
    let emulator = Emulator::builder()
        .principal(
            Principal::new(ALICE)
                .access_key("AKIAIOSFODNN7EXAMPLE", "alice's secret")
                .tag("team", "vision")
                .identity_policies([detect.clone()]),
        )
        .principal(
            Principal::new(BOB)
                .access_key("AKIAI44QH8DHBEXAMPLE", "bob's secret")
                .identity_policies([]),
        )
        .principal(
            Principal::new(session)
                .temporary_access_key(
                    "ASIAIOSFODNN7EXAMPLE",
                    "the session's secret",
                    "the token",
                    in_2100,
                )
                .permissions_boundary(detect.clone())
                .session_policies([detect]),
        )
        .endpoint_policy(json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:ListProjects", "Resource": "*",
             "Condition": {"StringEquals": {"aws:PrincipalTag/team": "vision"}}},
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}))
        .start()
        .await
        .unwrap();
    let alice = Call::detect("1").credentials("AKIAIOSFODNN7EXAMPLE", "alice's secret");
    assert_eq!(alice.send(&emulator).await.status, 200);
    let list = Call::get("/2020-11-20/projects").credentials("AKIAIOSFODNN7EXAMPLE", "alice's secret");
    let message = list.send(&emulator).await.check(403, "AccessDeniedException");
    assert!(
        message.contains("explicit deny in a VPC endpoint policy"),
        "{message}"
    );
    let bob = Call::detect("1").credentials("AKIAI44QH8DHBEXAMPLE", "bob's secret");
    let message = bob.send(&emulator).await.check(403, "AccessDeniedException");
    assert!(message.contains("no identity-based policy allows"), "{message}");
    let of_session = Call::detect("1")
        .credentials("ASIAIOSFODNN7EXAMPLE", "the session's secret")
        .session_token("the token");
    assert_eq!(of_session.send(&emulator).await.status, 200);
    // The default user has made room.
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "UnrecognizedClientException");
}

#[tokio::test]
async fn rules_are_declared_in_code_and_the_first_that_matches_answers() {
    let scratch = Rectangle {
        x: 0.5,
        y: 0.0,
        width: 0.5,
        height: 1.0,
    };
    let emulator = emulator_answering([
        Rule::new(Answer::error("ThrottlingException", "Rate exceeded").retry_after_seconds(7))
            .when_call(1..2),
        Rule::new(Answer::recorded("examples/responses/scratch.json")).when_call(2..=2),
        Rule::new(Answer::anomalous(0.97).anomaly("scratch", "#23A436", [scratch])).when_image(PNG),
        Rule::new(Answer::normal(0.25)).when_content_type("image/jpeg"),
    ])
    .await;
    let throttled = Call::detect("1").send(&emulator).await;
    assert_eq!(throttled.check(429, "ThrottlingException"), "Rate exceeded");
    assert_eq!(throttled.header("retry-after"), Some("7"));
    let recorded = Call::detect("1").send(&emulator).await;
    assert_eq!(
        recorded.text(),
        include_str!("../../examples/responses/scratch.json")
    );
    let found = Call::detect("1").body("image/png", PNG).send(&emulator).await;
    assert_eq!(is_anomalous(&found), Some(true));
    let anomaly = &found.json()["DetectAnomalyResult"]["Anomalies"][1];
    assert_eq!(anomaly["Name"], "scratch");
    assert_eq!(anomaly["PixelAnomaly"]["TotalPercentageArea"], 0.5);
    let normal = Call::detect("1").body("image/jpeg", JPEG).send(&emulator).await;
    assert_eq!(is_anomalous(&normal), Some(false));
    assert_eq!(normal.json()["DetectAnomalyResult"]["Confidence"], 0.25);
}

#[tokio::test]
async fn each_condition_of_a_rule_narrows_it() {
    let bytes = JPEG.len() as u64;
    for (rule, matches) in [
        (Rule::from(Answer::anomalous(0.9)), true),
        (Rule::new(Answer::anomalous(0.9)).when_image_bytes(bytes..), true),
        (Rule::new(Answer::anomalous(0.9)).when_image_bytes(..bytes), false),
        (
            Rule::new(Answer::anomalous(0.9)).when_dimensions(..=4096, 1..),
            true,
        ),
        (
            Rule::new(Answer::anomalous(0.9)).when_dimensions(4096.., ..),
            false,
        ),
        (
            Rule::new(Answer::anomalous(0.9)).when_principal("arn:aws:iam::123456789012:user/test"),
            true,
        ),
        (Rule::new(Answer::anomalous(0.9)).when_principal(ALICE), false),
        (
            Rule::new(Answer::anomalous(0.9)).when_vpc_endpoint_id("vpce-00000000000000000"),
            true,
        ),
        (Rule::new(Answer::anomalous(0.9)).when_call(2..), false),
    ] {
        let told = format!("{rule:?}");
        let emulator = emulator_answering([rule]).await;
        let answer = Call::detect("1").body("image/jpeg", JPEG).send(&emulator).await;
        assert_eq!(is_anomalous(&answer), Some(matches), "{told}");
    }
}

#[tokio::test]
async fn projects_lie_in_their_region_and_models_have_their_status_and_tags() {
    let project = Project::new("line-7")
        .region("eu-west-1")
        .model(Model::new("1").tag("line", "7").rule(Answer::anomalous(0.9)))
        .model(Model::new("2").status("TRAINED"))
        .model(Model::new("3"))
        .rule(Answer::anomalous(0.5));
    let emulator = Emulator::builder()
        .config_yaml("account_id: \"111122223333\"")
        .principal(Principal::new("arn:aws:iam::111122223333:user/alice").access_key("test", "test"))
        .project(project)
        .start()
        .await
        .unwrap();
    let detect = |version: &str, region: &str| {
        let target = format!("/2020-11-20/projects/line-7/models/{version}/detect");
        Call::post(&target, "image/jpeg", JPEG).region(region)
    };
    assert_eq!(
        is_anomalous(&detect("1", "eu-west-1").send(&emulator).await),
        Some(true)
    );
    let of_project = detect("3", "eu-west-1").send(&emulator).await;
    assert_eq!(of_project.json()["DetectAnomalyResult"]["Confidence"], 0.5);
    detect("2", "eu-west-1")
        .send(&emulator)
        .await
        .check(409, "ConflictException");
    detect("1", "us-west-2")
        .send(&emulator)
        .await
        .check(404, "ResourceNotFoundException");
    let arn = "arn%3Aaws%3Alookoutvision%3Aeu-west-1%3A111122223333%3Amodel%2Fline-7%2F1";
    let tags = Call::get(&format!("/2020-11-20/tags/{arn}"))
        .region("eu-west-1")
        .send(&emulator)
        .await;
    assert_eq!(tags.json()["Tags"], json!([{"Key": "line", "Value": "7"}]));
}

#[tokio::test]
async fn what_is_declared_in_code_is_checked_as_the_file_is() {
    let refused = |builder: lookoutvision_emulator::Builder| async move {
        builder.start().await.unwrap_err().to_string()
    };
    let answer = Answer::error("ThrottledException", "");
    let builder = Emulator::builder()
        .principal(Principal::new("alice").access_key("test", "s3cret!"))
        .project(Project::new("myProject").model(Model::new("1").rule(answer)));
    let told = refused(builder).await;
    assert!(told.contains("/principals/0/arn: `alice` is not"), "{told}");
    assert!(
        told.contains("/projects/0/models/0/detect_anomalies/0/then/error: "),
        "{told}"
    );
    assert!(!told.contains("s3cret!"), "{told}");

    let normal = Answer::normal(0.5).retry_after_seconds(1);
    let told =
        refused(Emulator::builder().project(Project::new("p").model(Model::new("1").rule(normal)))).await;
    assert!(
        told.contains("/projects/0/models/0/detect_anomalies/0/then"),
        "{told}"
    );

    let builder = Emulator::builder()
        .config_yaml("projects: []")
        .project(Project::new("myProject"));
    let told = refused(builder).await;
    assert!(
        told.contains("projects") && told.contains("configuration:2:1"),
        "{told}"
    );
}

#[tokio::test]
async fn a_builder_that_is_printed_keeps_its_secrets() {
    let builder = Emulator::builder()
        .config_yaml("principals: [{access_keys: [{secret_access_key: in-the-text}]}]")
        .principal(Principal::new(ALICE).access_key("AKIAIOSFODNN7EXAMPLE", "in-code"));
    let printed = format!("{builder:?}");
    assert!(printed.contains("AKIAIOSFODNN7EXAMPLE"), "{printed}");
    assert!(
        !printed.contains("in-code") && !printed.contains("in-the-text"),
        "{printed}"
    );
}

#[tokio::test]
async fn each_endpoint_has_a_policy_of_its_own() {
    let emulator = emulator_with(
        "vpcs:
  - {vpc_id: vpc-00000000000000001, region: us-west-2}
  - {vpc_id: vpc-00000000000000002, region: eu-west-1}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-00000000000000001, vpc_id: vpc-00000000000000001, private_dns_enabled: true}
  - {vpc_endpoint_id: vpce-00000000000000002, vpc_id: vpc-00000000000000002, private_dns_enabled: true}
",
    )
    .await;
    let nothing: Value = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]});
    emulator
        .set_policy_of_endpoint("vpce-00000000000000002", &nothing)
        .unwrap();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    assert_eq!(
        Call::detect("1").region("eu-west-1").send(&emulator).await.status,
        403
    );
    for unknown in ["vpce-00000000000000003", "vpce"] {
        let error = emulator.set_policy_of_endpoint(unknown, &nothing).unwrap_err();
        assert!(
            matches!(error, PolicyChangeError::UnknownVpcEndpoint(_)),
            "{error}"
        );
        assert_eq!(
            error.to_string(),
            format!("the VPC endpoint ID '{unknown}' does not exist")
        );
    }
}

#[tokio::test]
async fn the_file_of_a_program_is_shared_but_for_its_ports_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("policy.json", crate::support::ONE_MODEL);
    write(
        "emulator.yaml",
        "listen: 192.0.2.1:443
control: 192.0.2.1:8080
certs: certs
public_certs: shared
state: state.redb
vpcs: [{vpc_id: vpc-00000000000000001, region: us-west-2}]
vpc_endpoints:
  - {vpc_endpoint_id: vpce-00000000000000001, vpc_id: vpc-00000000000000001, policy_document: policy.json}
",
    );
    let file = folder.path().join("emulator.yaml");
    let emulator = Emulator::builder().config_file(&file).start().await.unwrap();
    assert_eq!(Call::detect("myModel").send(&emulator).await.status, 200);
    assert_eq!(Call::detect("1").send(&emulator).await.status, 403);
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]});
    let emulator = Emulator::builder()
        .config_file(&file)
        .endpoint_policy(policy)
        .start()
        .await
        .unwrap();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    emulator.stop().await;
    let mut left: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["emulator.yaml", "policy.json"]);

    let both = Emulator::builder()
        .config_file(&file)
        .project(Project::new("line-7"));
    let told = both.start().await.unwrap_err().to_string();
    assert!(told.contains("is the whole configuration"), "{told}");
    let missing = Emulator::builder().config_file(folder.path().join("emulator.yml"));
    assert!(
        missing
            .start()
            .await
            .unwrap_err()
            .to_string()
            .contains("emulator.yml")
    );
}

#[tokio::test]
async fn nothing_is_written_unless_it_is_asked_for() {
    let before: Vec<_> = std::fs::read_dir(".")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    emulator.stop().await;
    let after: Vec<_> = std::fs::read_dir(".")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_test_says_in_one_sentence_which_calls_it_expects() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = emulator().await;
    let detection = Call::detect("1").send(&emulator).await;
    let detections = Expect::operation("DetectAnomalies")
        .resource("*model/myProject/1")
        .times(1);
    let nothing_deleted = Expect::operation("Delete*").never();
    emulator.verify(detections.and(nothing_deleted)).await?;

    let in_order = || Expect::operation("DetectAnomalies").and(Expect::operation("ListProjects"));
    let error = emulator.verify(in_order().in_order()).await.unwrap_err();
    let id = detection.header("x-amzn-requestid").unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "operation ListProjects: expected at least 1, found 0\n  nearest: {id}: operation is DetectAnomalies, expected \
             ListProjects\n1 of 2 expectations satisfied"
        )
    );
    assert_eq!(format!("{error:?}"), error.to_string());
    let waiting = in_order().in_order().no_others().within(Duration::from_secs(60));
    let list = Call::get("/2020-11-20/projects");
    let (verified, _) = tokio::join!(emulator.verify(waiting), list.send(&emulator));
    verified?;
    emulator
        .verify(Expect::call().after(id.parse()?).status(200).at_most(1))
        .await?;
    let error = emulator
        .verify(Expect::operation("DetectAnomaly").never())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("did you mean `DetectAnomalies`?"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_rule_a_fault_and_a_verification_are_said_in_a_line_each() -> Result<(), Box<dyn std::error::Error>>
{
    let emulator = emulator().await;
    emulator.add_rule(
        ("myProject", "1"),
        Rule::new(Answer::anomalous(0.97)).when_every_call(3),
    )?;
    emulator.add_fault(
        Fault::error("busy", "ThrottlingException")
            .operation("Detect*")
            .times(1),
    )?;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let answer = Call::detect("1").send(&emulator).await;
        let result = &answer.json()["DetectAnomalyResult"];
        seen.push((answer.status, result["IsAnomalous"].as_bool()));
    }
    emulator.verify(Expect::operation("Delete*").never()).await?;
    // A call that was performed before it met the fault has been counted.
    let (good, bad) = ((200, Some(false)), (200, Some(true)));
    assert_eq!(seen, [(429, None), good, bad, good, good, bad]);
    Ok(())
}
