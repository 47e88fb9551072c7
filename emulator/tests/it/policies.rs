//! Endpoint policies on the way of a request, and the identity side beside them.

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Call, ONE_MODEL, control, emulator, emulator_with};

fn one_model() -> Value {
    serde_json::from_str(ONE_MODEL).expect("the policy is JSON")
}

const DENIED: &str = "User: arn:aws:iam::123456789012:user/test is not authorized to perform: \
    lookoutvision:DetectAnomalies on resource: \
    arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";

#[tokio::test]
async fn a_policy_for_one_model_allows_that_model_and_no_other() {
    let emulator = Emulator::builder()
        .endpoint_policy(one_model())
        .start()
        .await
        .unwrap();
    let allowed = Call::detect("myModel").send(&emulator).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");

    let denied = Call::detect("1").send(&emulator).await;
    let message = denied.check(403, "AccessDeniedException");
    assert_eq!(
        message,
        format!("{DENIED} because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action")
    );
    assert_eq!(denied.text(), json!({ "Message": message }).to_string());

    // The same model name in another Region is another model.
    let elsewhere = Call::detect("myModel").region("us-east-1").send(&emulator).await;
    elsewhere.check(403, "AccessDeniedException");
}

#[tokio::test]
async fn an_explicit_deny_says_so() {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
        {"Sid": "NotTheFirst", "Effect": "Deny", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
         "Resource": "arn:aws:lookoutvision:*:*:model/myProject/1"},
    ]});
    let emulator = Emulator::builder().endpoint_policy(policy).start().await.unwrap();
    let message = Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    assert_eq!(
        message,
        format!("{DENIED} with an explicit deny in a VPC endpoint policy")
    );
    let entry = &crate::support::journal_of(&emulator).await[0];
    assert_eq!(entry["decision"], "explicitDeny");
    let sha256 = entry["decided_by"]["document_sha256"].as_str().unwrap();
    assert_eq!(
        entry["decided_by"],
        json!({"policy_type": "vpc-endpoint", "policy": 0, "document_sha256": sha256, "statement": 1, "sid": "NotTheFirst"})
    );
}

#[tokio::test]
async fn a_policy_that_the_journal_names_is_had_as_it_was_written_when_another_is_in_its_place() {
    let emulator = emulator_with("limits: {policy_texts_max: 4}").await;
    let text = format!(" {ONE_MODEL}\n");
    let put = control(
        &emulator,
        "PUT",
        "/vpc-endpoints/vpce-00000000000000000/policy",
        &text,
    )
    .await;
    assert_eq!(put.status, 204);
    Call::detect("1").send(&emulator).await;
    let entry = &crate::support::journal_of(&emulator).await[0];
    let sha256 = entry["near_miss"]["document_sha256"].as_str().unwrap();
    assert_eq!(entry["statements"][0]["document_sha256"], sha256);
    let failed = &entry["statements"][0]["mismatch"]["patterns"][0];
    assert_eq!(failed["path"], "/Statement/0/Resource");
    emulator.reset();
    let policy = async |sha256: &str| control(&emulator, "GET", &format!("/policies/{sha256}"), "").await;
    let found = policy(sha256).await;
    assert_eq!((found.status, found.text()), (200, text.as_str()));
    // The place of the pattern is one in this text.
    let column = usize::try_from(failed["column"].as_u64().unwrap()).unwrap();
    assert!(
        text[column - 1..].starts_with("\"arn:aws:lookoutvision:us-west-2:"),
        "{failed}"
    );

    // Those that came first make room.
    for sid in ["a", "b", "c", "d"] {
        let mut policy = one_model();
        policy["Statement"][0]["Sid"] = json!(sid);
        emulator.set_endpoint_policy(&policy).unwrap();
    }
    for gone in [sha256, "0123", &"z".repeat(64)] {
        let refused = policy(gone).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (404, &json!("NoSuchPolicy")),
            "{gone}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_is_swapped_decides_the_next_request() {
    let emulator = emulator().await;
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    emulator.set_endpoint_policy(&one_model()).unwrap();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 403);
    emulator.reset();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_policy_that_aws_would_refuse_changes_nothing() {
    let emulator = Emulator::builder()
        .endpoint_policy(one_model())
        .start()
        .await
        .unwrap();
    let refused = emulator
        .set_endpoint_policy(&json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
    assert!(refused.is_err());
    assert_eq!(Call::detect("1").send(&emulator).await.status, 403);
    assert_eq!(Call::detect("myModel").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn the_keys_of_the_endpoint_are_set_and_the_public_one_is_absent() {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceVpce": "vpce-00000000000000000", "aws:SourceVpc": "vpc-00000000000000000"},
            "IpAddress": {"aws:VpcSourceIp": "127.0.0.0/8"},
            "Null": {"aws:SourceIp": "true"},
            "Bool": {"aws:SecureTransport": "true"},
        },
    }]});
    let emulator = Emulator::builder().endpoint_policy(policy).start().await.unwrap();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn every_layer_of_the_identity_side_can_refuse() {
    let allow =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let other =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
    let yaml = |identity: &str, boundary: &str, scp: &str| {
        format!(
            r#"
principals:
  - arn: arn:aws:iam::123456789012:user/test
    access_keys: [{{access_key_id: test, secret_access_key: test}}]
    identity_policies: [{identity}]
    permissions_boundary: {boundary}
organization: {{id: o-exampleorgid, service_control_policies: [{scp}]}}
"#
        )
    };
    for (yaml, why) in [
        (
            yaml(other, allow, allow),
            "because no identity-based policy allows the lookoutvision:DetectAnomalies action",
        ),
        (
            yaml("", allow, allow),
            "because no identity-based policy allows the lookoutvision:DetectAnomalies action",
        ),
        (
            yaml(allow, other, allow),
            "because no permissions boundary allows the lookoutvision:DetectAnomalies action",
        ),
        (
            yaml(allow, allow, other),
            "because no service control policy allows the lookoutvision:DetectAnomalies action",
        ),
    ] {
        let emulator = emulator_with(&yaml).await;
        let message = Call::detect("1")
            .send(&emulator)
            .await
            .check(403, "AccessDeniedException");
        assert_eq!(message, format!("{DENIED} {why}"));
    }
    let emulator = emulator_with(&yaml(allow, allow, allow)).await;
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_caller_of_another_account_is_refused_for_want_of_a_resource_policy() {
    let emulator = emulator_with(
        r"
principals:
  - arn: arn:aws:iam::210987654321:user/stranger
    access_keys: [{access_key_id: test, secret_access_key: test}]
",
    )
    .await;
    let message = Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    assert!(
        message.ends_with("because no resource-based policy allows the lookoutvision:DetectAnomalies action")
    );
}

#[tokio::test]
async fn the_journal_says_which_clause_did_not_match() {
    let emulator = Emulator::builder()
        .endpoint_policy(one_model())
        .start()
        .await
        .unwrap();
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let journal = control(&emulator, "GET", "/requests?decision=implicitDeny", "")
        .await
        .json();
    let entry = &journal[0];
    assert_eq!(entry["status"], 403);
    assert_eq!(entry["decided_by"], Value::Null);
    let statements = entry["statements"].to_string();
    assert!(statements.contains("model/myProject/1"), "{statements}");
    assert!(statements.contains("model/myProject/myModel"), "{statements}");
}

/// The notes of the one request that was made
async fn notes(emulator: &Emulator) -> Value {
    let requests = crate::support::journal_of(emulator).await;
    assert_eq!(requests.len(), 1);
    requests[0]["notes"].clone()
}

#[tokio::test]
async fn a_key_that_the_emulator_never_sets_is_noted_where_it_took_part_in_the_decision() {
    let statement = |effect: &str, operator: &str| {
        json!({"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*",
               "Condition": {operator: {"aws:MultiFactorAuthAge": "3600"}}})
    };
    let full_access = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    for (statements, status, expected) in [
        // The statement that came closest.
        (
            json!([statement("Allow", "NumericGreaterThan")]),
            403,
            json!([
                "the emulator never sets aws:MultiFactorAuthAge, so NumericGreaterThan on it is always false here"
            ]),
        ),
        // The statement that decided.
        (
            json!([statement("Allow", "NumericGreaterThanIfExists")]),
            200,
            json!([
                "the emulator never sets aws:MultiFactorAuthAge, so NumericGreaterThanIfExists on it is always true here"
            ]),
        ),
        // A Deny that AWS might have applied.
        (
            json!([full_access, statement("Deny", "NumericLessThan")]),
            200,
            json!([
                "the emulator never sets aws:MultiFactorAuthAge, so NumericLessThan on it is always false here; \
                    without that, statement 1 of VPC endpoint policy 0 would deny"
            ]),
        ),
        // A statement that has no part in it.
        (
            json!([statement("Allow", "NumericGreaterThan"), full_access]),
            200,
            json!([]),
        ),
    ] {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let emulator = Emulator::builder().endpoint_policy(policy).start().await.unwrap();
        assert_eq!(Call::detect("1").send(&emulator).await.status, status);
        assert_eq!(notes(&emulator).await, expected);
    }
}

/// A session of a role that lies under a path: assumed, declared beside its role, and declared without it
async fn sessions_of_a_role_with_a_path(policy: &Value) -> [(Emulator, Call); 3] {
    let key = "access_keys: [{access_key_id: ASIA1, secret_access_key: secret, session_token: token}]";
    let declared =
        format!("principals:\n  - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-7\n    {key}\n");
    let roles = "
roles:
  - arn: arn:aws:iam::123456789012:role/factory/inspector
    trust_policy: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}]}
";
    let start = async |yaml: &str| {
        let builder = Emulator::builder()
            .config_yaml(yaml)
            .endpoint_policy(policy.clone());
        builder.start().await.expect("the configuration is valid")
    };
    let assumed = start(roles).await;
    let parameters = [
        ("RoleArn", "arn:aws:iam::123456789012:role/factory/inspector"),
        ("RoleSessionName", "line-7"),
    ];
    let answer = Call::query("sts", "AssumeRole", &parameters).send(&assumed).await;
    let session = crate::sts::Session::of(&answer);
    let detect = Call::detect("1")
        .credentials("ASIA1", "secret")
        .session_token("token");
    [
        (assumed, session.signs(Call::detect("1"))),
        (start(&(declared.clone() + roles)).await, detect.clone()),
        (start(&declared).await, detect),
    ]
}

#[tokio::test]
async fn a_role_without_its_path_is_another_role_in_principal_and_in_not_principal() {
    fn entry(role: &str) -> Value {
        json!({"AWS": format!("arn:aws:iam::123456789012:role/{role}")})
    }
    let allow: fn(&str) -> Value = |role| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": entry(role), "Action": "*", "Resource": "*"},
        ]})
    };
    let deny_all_but: fn(&str) -> Value = |role| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "NotPrincipal": entry(role), "Action": "*", "Resource": "*"},
        ]})
    };
    for policy in [allow, deny_all_but] {
        for (emulator, detect) in sessions_of_a_role_with_a_path(&policy("factory/inspector")).await {
            assert_eq!(detect.send(&emulator).await.status, 200);
        }
        let [assumed, declared, unknown] = sessions_of_a_role_with_a_path(&policy("inspector")).await;
        for (emulator, detect) in [assumed, declared] {
            detect.send(&emulator).await.check(403, "AccessDeniedException");
            let entry = crate::support::journal_of(&emulator)
                .await
                .pop()
                .expect("a request was sent");
            assert_eq!(entry["notes"], json!([]));
            assert_eq!(
                entry["context"]["aws:PrincipalArn"],
                json!(["arn:aws:iam::123456789012:role/factory/inspector"])
            );
        }
        // Where nothing tells the path the name decides, and the journal says so.
        let (emulator, detect) = unknown;
        assert_eq!(detect.send(&emulator).await.status, 200);
        assert_eq!(
            notes(&emulator).await,
            json!([
                "the path of the session's role is not known, so arn:aws:iam::123456789012:role/inspector was compared by its name alone"
            ])
        );
    }
    let [(emulator, detect), ..] = sessions_of_a_role_with_a_path(&allow("inspector")).await;
    detect.send(&emulator).await.check(403, "AccessDeniedException");
    let entry = crate::support::journal_of(&emulator)
        .await
        .pop()
        .expect("a request was sent");
    assert_eq!(
        entry["near_miss"]["reason"],
        "arn:aws:sts::123456789012:assumed-role/inspector/line-7, a session of \
         arn:aws:iam::123456789012:role/factory/inspector, is not arn:aws:iam::123456789012:role/inspector"
    );
}

/// The default endpoint policy of aws-samples' data perimeter policy examples
fn perimeter() -> Value {
    let statement = |condition: Value| json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition});
    json!({"Version": "2012-10-17", "Statement": [
        statement(json!({"StringEquals": {
            "aws:PrincipalOrgID": "o-exampleorgid", "aws:ResourceOrgID": "o-exampleorgid"}})),
        statement(json!({"Bool": {"aws:PrincipalIsAWSService": "true"}})),
        statement(json!({"StringEquals": {
            "aws:PrincipalOrgID": "o-exampleorgid", "aws:PrincipalTag/dp:exclude:resource": "true"}})),
    ]})
}

#[tokio::test]
async fn a_perimeter_without_an_organization_says_which_keys_are_missing_and_why() {
    let emulator = Emulator::builder()
        .endpoint_policy(perimeter())
        .start()
        .await
        .unwrap();
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let entry = crate::support::journal_of(&emulator)
        .await
        .pop()
        .expect("a request was sent");
    assert_eq!(entry["near_miss"]["statement"], 0);
    assert_eq!(
        entry["near_miss"]["reason"],
        "aws:PrincipalOrgID and aws:ResourceOrgID are absent"
    );
    assert_eq!(
        entry["notes"],
        json!([
            "the configuration has no `organization.id`, which would set aws:PrincipalOrgID, so StringEquals on it is always false here",
            "the configuration has no `organization.id`, which would set aws:ResourceOrgID, so StringEquals on it is always false here",
        ])
    );

    let emulator = emulator_with("organization: {id: o-exampleorgid}").await;
    emulator.set_endpoint_policy(&perimeter()).unwrap();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    assert_eq!(notes(&emulator).await, json!([]));
}

#[tokio::test]
async fn a_deny_that_needs_an_organization_is_noted_where_there_is_none() {
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:ResourceOrgID": "o-exampleorgid"}}},
    ]});
    let emulator = Emulator::builder().endpoint_policy(deny).start().await.unwrap();
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    assert_eq!(
        notes(&emulator).await,
        json!([
            "the configuration has no `organization.id`, which would set aws:ResourceOrgID, so StringEquals on it is always false here; \
             without that, statement 1 of VPC endpoint policy 0 would deny"
        ])
    );
}
