//! `POST /simulate` and `POST /lint`: the commands of these names, over HTTP.

use serde_json::{Value, json};

use crate::support::{ONE_MODEL, control, emulator};

fn question(resource: &str) -> Value {
    json!({
        "id": "c1",
        "x-note": "the asker's own",
        "policies": {"vpcEndpoint": serde_json::from_str::<Value>(ONE_MODEL).expect("it is JSON")},
        "request": {
            "principal": "arn:aws:iam::123456789012:user/alice",
            "action": "lookoutvision:DetectAnomalies",
            "resource": format!("arn:aws:lookoutvision:us-west-2:123456789012:model/{resource}"),
        },
    })
}

#[tokio::test]
async fn a_question_is_answered_as_a_line_of_policy_simulate_is() {
    let emulator = emulator().await;
    let ask =
        async |query: &str, body: &str| control(&emulator, "POST", &format!("/simulate{query}"), body).await;
    let allowed = ask("", &question("myProject/myModel").to_string()).await;
    assert_eq!(
        (allowed.status, allowed.json()),
        (
            200,
            json!({
                "id": "c1",
                "decision": "allowed",
                "decided_by": {"policy_type": "vpc-endpoint", "policy": 0, "statement": 0, "sid": null},
                "message": null,
            })
        )
    );
    let denied = ask("?explain=true", &question("myProject/1").to_string())
        .await
        .json();
    assert_eq!(denied["decision"], "implicitDeny");
    assert!(
        denied["message"]
            .as_str()
            .unwrap()
            .ends_with("because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action")
    );
    // The text is written as `to_string` writes it, on one line.
    let failed = &denied["statements"][0]["mismatch"]["patterns"][0];
    assert_eq!(failed["path"], "/Statement/0/Resource");
    assert_eq!(
        failed["pattern"],
        "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"
    );
    assert!(
        failed["line"] == 1 && failed["column"].as_u64().unwrap() > 1,
        "{failed}"
    );
    // A role's trust policy has its say, too.
    let trust = |effect: &str| {
        json!({
            "policies": {"roleTrust": {"Version": "2012-10-17", "Statement": [
                {"Effect": effect, "Principal": {"AWS": "arn:aws:iam::123456789012:user/alice"}, "Action": "sts:AssumeRole"},
            ]}},
            "request": {
                "principal": "arn:aws:iam::123456789012:user/alice",
                "action": "sts:AssumeRole",
                "resource": "arn:aws:iam::123456789012:role/line",
            },
        })
    };
    let trusted = ask("", &trust("Allow").to_string()).await.json();
    assert_eq!(
        (&trusted["decision"], &trusted["decided_by"]["policy_type"]),
        (&json!("allowed"), &json!("role-trust")),
        "{trusted}"
    );
    let refused = ask("", &trust("Deny").to_string()).await.json();
    assert_eq!(refused["decision"], "explicitDeny", "{refused}");
    // Nothing of it is in force, and nothing was a request.
    assert!(emulator.requests().await.is_empty());

    for (query, body, code, path) in [
        ("", "{", "InvalidInput", json!("")),
        (
            "",
            "{\"policies\": {},\n \"request\": {\"principal\": \"nobody\"}}",
            "InvalidInput",
            json!("/request/principal"),
        ),
        (
            "",
            r#"{"policies": {"identity": [{"Statement": [{"Effect": "allow", "Action": "*", "Resource": "*"}]}]}, "request": {"principal": "anonymous", "action": "s3:GetObject", "resource": "*"}}"#,
            "InvalidPolicyDocument",
            json!("/Statement/0/Effect"),
        ),
        ("?explain=yes", "{}", "InvalidParameter", Value::Null),
        ("?explian=true", "{}", "InvalidParameter", Value::Null),
    ] {
        let refused = ask(query, body).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status, &error["code"], &error["path"]),
            (400, &json!(code), &path),
            "{error}"
        );
    }
    let refused = ask(
        "",
        "{\"policies\": {},\n \"request\": {\"principal\": \"nobody\"}}",
    )
    .await
    .json();
    assert_eq!(refused["error"]["line"], 2);
}

#[tokio::test]
async fn a_policy_is_linted_as_the_command_does_or_for_its_endpoint() {
    let emulator = emulator().await;
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*",
 "Resource": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}}}"#;
    let lint =
        async |query: &str, body: &str| control(&emulator, "POST", &format!("/lint{query}"), body).await;
    let findings = lint("", policy).await;
    // Of no endpoint it is known which id it has.
    assert_eq!(
        (findings.status, &findings.json()[0]["code"]),
        (200, &json!("condition-constant"))
    );
    // Of the endpoint it is known that its id is another.
    let findings = lint("?vpc_endpoint_id=vpce-00000000000000000", policy)
        .await
        .json();
    assert_eq!(
        (&findings[1]["code"], &findings[1]["line"]),
        (&json!("condition-never-true"), &json!(2)),
        "{findings}"
    );
    let findings = lint("?type=identity", policy).await.json();
    assert_eq!(
        findings[0]["severity"], "error",
        "an identity policy has no principal: {findings}"
    );
    let findings = lint("", "{").await.json();
    assert_eq!(findings[0]["code"], "syntax-error");
    assert_eq!(lint("?vpc_endpoint_id=vpce-1", policy).await.status, 404);
    assert_eq!(
        lint("?type=bucket", policy).await.json()["error"]["code"],
        "InvalidParameter"
    );
    assert_eq!(
        lint("?kind=identity", policy).await.json()["error"]["code"],
        "InvalidParameter"
    );
}
