//! Role sessions: who gets one, what it may do, and when it ends.

use std::time::{Duration, SystemTime};

use lookoutvision_emulator::{ClockSetting, Emulator};
use serde_json::Value;

use crate::support::{Answer, Call, emulator, emulator_with};

const ROLE: &str = "arn:aws:iam::123456789012:role/factory/inspector";

/// A role that alice may assume with the right external id and bob may not, and one that sessions of the first may assume
const ROLES: &str = r#"
principals:
  - arn: arn:aws:iam::123456789012:user/alice
    access_keys: [{access_key_id: test, secret_access_key: test}]
  - arn: arn:aws:iam::123456789012:user/bob
    access_keys: [{access_key_id: bob, secret_access_key: bob}]
  - arn: arn:aws:iam::123456789012:root
    access_keys: [{access_key_id: root, secret_access_key: root}]
  - arn: arn:aws:iam::123456789012:user/carol
    access_keys: [{access_key_id: carol, secret_access_key: carol}]
    identity_policies: []
roles:
  - arn: arn:aws:iam::123456789012:role/factory/inspector
    tags: {team: vision, line: none}
    max_session_duration_seconds: 7200
    trust_policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: {AWS: ["arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/carol"]}
          Action: "sts:AssumeRole"
          Condition: {StringEquals: {"sts:ExternalId": "let-me-in"}}
        - Effect: Allow
          Principal: {AWS: ["arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/carol"]}
          Action: ["sts:TagSession"]
    identity_policies:
      - Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: "lookoutvision:*", Resource: "*"}
          - {Effect: Allow, Action: "sts:*", Resource: "*"}
  - arn: arn:aws:iam::123456789012:role/auditor
    trust_policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: {AWS: "arn:aws:iam::123456789012:role/factory/inspector"}
          Action: "sts:*"
  - arn: arn:aws:iam::123456789012:role/guest
    trust_policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: "sts:AssumeRole"}]
managed_policies:
  - arn: arn:aws:iam::123456789012:policy/one-model
    policy_document:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Action: "lookoutvision:DetectAnomalies", Resource: "*:model/myProject/1"}]
"#;

/// What the fixture must say in its own words: a resource is an ARN
fn roles() -> String {
    ROLES.replace(
        "\"*:model/myProject/1\"",
        "\"arn:aws:lookoutvision:*:*:model/myProject/1\"",
    )
}

const PLAIN: [(&str, &str); 3] = [
    ("RoleArn", ROLE),
    ("RoleSessionName", "line-7"),
    ("ExternalId", "let-me-in"),
];

/// The keys of a session
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
}

impl Session {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let part = |name: &str| {
            answer
                .xml(name)
                .unwrap_or_else(|| panic!("{name}: {}", answer.text()))
        };
        Self {
            access_key_id: part("AccessKeyId"),
            secret_access_key: part("SecretAccessKey"),
            session_token: part("SessionToken"),
        }
    }

    pub(crate) fn signs(&self, call: Call) -> Call {
        call.credentials(&self.access_key_id, &self.secret_access_key)
            .session_token(&self.session_token)
    }
}

fn assume(more: &[(&str, &str)]) -> Call {
    let parameters: Vec<_> = PLAIN.iter().chain(more).copied().collect();
    Call::query("sts", "AssumeRole", &parameters)
}

async fn last_entry(emulator: &Emulator) -> Value {
    crate::support::journal_of(emulator)
        .await
        .pop()
        .expect("a request was sent")
}

#[tokio::test]
async fn everybody_may_ask_who_they_are() {
    let emulator = emulator_with(&roles()).await;
    for host in ["sts.us-west-2.amazonaws.com", "localhost"] {
        let answer = Call::query("sts", "GetCallerIdentity", &[])
            .host(host)
            .send(&emulator)
            .await;
        assert_eq!(
            answer.xml("Arn").as_deref(),
            Some("arn:aws:iam::123456789012:user/alice"),
            "{}",
            answer.text()
        );
        assert_eq!(answer.xml("Account").as_deref(), Some("123456789012"));
        assert!(answer.xml("UserId").is_some_and(|id| id.starts_with("AIDA")));
    }
    // The global endpoint is signed for us-east-1.
    let global = Call::query("sts", "GetCallerIdentity", &[]).host("sts.amazonaws.com");
    global
        .clone()
        .send(&emulator)
        .await
        .check_xml(403, "SignatureDoesNotMatch");
    assert_eq!(global.region("us-east-1").send(&emulator).await.status, 200);
    // No permissions are needed for it.
    let answer = Call::query("sts", "GetCallerIdentity", &[])
        .credentials("carol", "carol")
        .send(&emulator)
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_session_signs_at_once_and_policies_see_role_and_session() {
    let emulator = emulator_with(&roles()).await;
    let answer = assume(&[("Tags.member.1.Key", "Line"), ("Tags.member.1.Value", "7")])
        .send(&emulator)
        .await;
    let session = Session::of(&answer);
    let arn = "arn:aws:sts::123456789012:assumed-role/inspector/line-7";
    assert_eq!(answer.xml("Arn").as_deref(), Some(arn));
    let user_id = answer.xml("AssumedRoleId").expect("an id");
    assert!(
        user_id.starts_with("AROA") && user_id.ends_with(":line-7"),
        "{user_id}"
    );
    assert!(session.access_key_id.starts_with("ASIA"));

    let detected = session.signs(Call::detect("1")).send(&emulator).await;
    assert_eq!(detected.status, 200, "{detected:?}");
    let entry = last_entry(&emulator).await;
    assert_eq!(entry["principal"], arn);
    let context = &entry["context"];
    assert_eq!(context["aws:PrincipalArn"][0], ROLE);
    assert_eq!(context["aws:userid"][0], user_id.as_str());
    assert_eq!(context["aws:PrincipalType"][0], "AssumedRole");
    assert_eq!(context["aws:MultiFactorAuthPresent"][0], "false");
    assert!(context["aws:TokenIssueTime"][0].is_string());
    // The session's tag takes the place of the role's, whatever the case of its key.
    assert_eq!(context["aws:PrincipalTag/team"][0], "vision");
    assert_eq!(context["aws:PrincipalTag/Line"][0], "7");
    assert_eq!(context["aws:PrincipalTag/line"], Value::Null);

    let who = session
        .signs(Call::query("sts", "GetCallerIdentity", &[]))
        .send(&emulator)
        .await;
    assert_eq!(who.xml("Arn").as_deref(), Some(arn));
    assert_eq!(who.xml("UserId").as_deref(), Some(user_id.as_str()));
    // The token belongs to the key.
    Call::detect("1")
        .credentials(&session.access_key_id, &session.secret_access_key)
        .send(&emulator)
        .await
        .check(403, "UnrecognizedClientException");
}

#[tokio::test]
async fn the_trust_policy_decides_who_gets_a_session() {
    let emulator = emulator_with(&roles()).await;
    let denied = "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: sts:AssumeRole on resource: \
                  arn:aws:iam::123456789012:role/factory/inspector";
    let bob = assume(&[]).credentials("bob", "bob").send(&emulator).await;
    assert_eq!(bob.check_xml(403, "AccessDenied"), denied);
    let entry = last_entry(&emulator).await;
    assert_eq!(entry["action"], "sts:AssumeRole");
    assert_eq!(entry["resource"], ROLE);
    // The caller is not told why, whoever reads the journal is.
    let summary = entry["summary"].as_str().expect("a decision has a summary");
    assert!(
        summary.starts_with("implicit deny: no role trust policy allows sts:AssumeRole"),
        "{summary}"
    );

    let stranger = Call::query(
        "sts",
        "AssumeRole",
        &[
            ("RoleArn", ROLE),
            ("RoleSessionName", "line-7"),
            ("ExternalId", "wrong"),
        ],
    );
    stranger.send(&emulator).await.check_xml(403, "AccessDenied");
    // Nothing of carol's own side allows anything: a role that trusts her needs nothing of it, one that trusts her
    // account leaves it to that.
    let carol = assume(&[]).credentials("carol", "carol").send(&emulator).await;
    Session::of(&carol);
    let guest = [
        ("RoleArn", "arn:aws:iam::123456789012:role/guest"),
        ("RoleSessionName", "line-7"),
    ];
    let guest = Call::query("sts", "AssumeRole", &guest);
    Session::of(&guest.send(&emulator).await);
    let carol = guest.credentials("carol", "carol").send(&emulator).await;
    assert_eq!(
        carol.check_xml(403, "AccessDenied"),
        "User: arn:aws:iam::123456789012:user/carol is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::123456789012:role/guest"
    );
    let summary = last_entry(&emulator).await["summary"].clone();
    assert!(
        summary
            .to_string()
            .contains("no identity-based policy allows sts:AssumeRole"),
        "{summary}"
    );
    let root = assume(&[]).credentials("root", "root").send(&emulator).await;
    assert_eq!(
        root.check_xml(403, "AccessDenied"),
        "Roles may not be assumed by root accounts."
    );
    let nobody = Call::query(
        "sts",
        "AssumeRole",
        &[
            ("RoleArn", "arn:aws:iam::123456789012:role/inspector"),
            ("RoleSessionName", "line-7"),
        ],
    );
    // The path is a part of the ARN.
    nobody.send(&emulator).await.check_xml(403, "AccessDenied");
    // The trust policy says nothing of a source identity.
    let message = assume(&[("SourceIdentity", "alice")])
        .send(&emulator)
        .await
        .check_xml(403, "AccessDenied");
    assert_eq!(
        message,
        "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:SetSourceIdentity on resource: \
         arn:aws:iam::123456789012:role/factory/inspector"
    );
}

#[tokio::test]
async fn a_session_policy_narrows_to_one_model() {
    let emulator = emulator_with(&roles()).await;
    let inline = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lookoutvision:DetectAnomalies","Resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"}]}"#;
    for narrowing in [
        ("Policy", inline),
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::123456789012:policy/one-model",
        ),
    ] {
        let answer = assume(&[narrowing]).send(&emulator).await;
        let session = Session::of(&answer);
        assert!(answer.xml("PackedPolicySize").is_some());
        assert_eq!(session.signs(Call::detect("1")).send(&emulator).await.status, 200);
        let message = session
            .signs(Call::detect("myModel"))
            .send(&emulator)
            .await
            .check(403, "AccessDeniedException");
        assert_eq!(
            message,
            "User: arn:aws:sts::123456789012:assumed-role/inspector/line-7 is not authorized to perform: \
             lookoutvision:DetectAnomalies on resource: \
             arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel because no session policy allows the \
             lookoutvision:DetectAnomalies action"
        );
    }
    assume(&[("Policy", "{}")])
        .send(&emulator)
        .await
        .check_xml(400, "MalformedPolicyDocument");
    assume(&[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/Unknown")])
        .send(&emulator)
        .await
        .check_xml(400, "MalformedPolicyDocument");
}

#[tokio::test]
async fn a_session_ends_on_the_emulators_clock() {
    let emulator = emulator_with(&roles()).await;
    let answer = assume(&[("DurationSeconds", "900")]).send(&emulator).await;
    let session = Session::of(&answer);
    emulator
        .set_clock(ClockSetting::OffsetSeconds(901))
        .expect("a quarter of an hour");
    let later = Call {
        time: SystemTime::now() + Duration::from_secs(901),
        ..session.signs(Call::detect("1"))
    };
    later.send(&emulator).await.check(403, "ExpiredTokenException");
    let who = Call {
        time: SystemTime::now() + Duration::from_secs(901),
        ..session.signs(Call::query("sts", "GetCallerIdentity", &[]))
    };
    assert_eq!(
        who.send(&emulator).await.check_xml(403, "ExpiredToken"),
        "The security token included in the request is expired"
    );
}

#[tokio::test]
async fn tags_and_source_identity_go_on_to_the_next_session() {
    let yaml = roles().replace(
        "[\"sts:TagSession\"]",
        "[\"sts:TagSession\", \"sts:SetSourceIdentity\"]",
    );
    let emulator = emulator_with(&yaml).await;
    let first = assume(&[
        ("Tags.member.1.Key", "line"),
        ("Tags.member.1.Value", "7"),
        ("TransitiveTagKeys.member.1", "line"),
        ("SourceIdentity", "alice"),
    ])
    .send(&emulator)
    .await;
    assert_eq!(first.xml("SourceIdentity").as_deref(), Some("alice"));
    let first = Session::of(&first);
    let next = |more: &[(&str, &str)]| {
        let parameters: Vec<_> = [
            ("RoleArn", "arn:aws:iam::123456789012:role/auditor"),
            ("RoleSessionName", "audit"),
        ]
        .iter()
        .chain(more)
        .copied()
        .collect();
        first.signs(Call::query("sts", "AssumeRole", &parameters))
    };
    let second = Session::of(&next(&[]).send(&emulator).await);
    second.signs(Call::detect("1")).send(&emulator).await;
    let context = last_entry(&emulator).await["context"].clone();
    assert_eq!(context["aws:PrincipalTag/line"][0], "7");
    assert_eq!(context["aws:PrincipalTag/team"], Value::Null);
    assert_eq!(context["aws:SourceIdentity"][0], "alice");
    assert_eq!(
        context["aws:PrincipalArn"][0],
        "arn:aws:iam::123456789012:role/auditor"
    );

    next(&[("SourceIdentity", "mallory")])
        .send(&emulator)
        .await
        .check_xml(403, "AccessDenied");
    next(&[("Tags.member.1.Key", "Line"), ("Tags.member.1.Value", "8")])
        .send(&emulator)
        .await
        .check_xml(400, "ValidationError");
    let message = next(&[("DurationSeconds", "3601")])
        .send(&emulator)
        .await
        .check_xml(400, "ValidationError");
    assert!(message.contains("role chaining"), "{message}");
}

#[tokio::test]
async fn what_breaks_the_api_model_is_told_in_stss_words() {
    let emulator = emulator_with(&roles()).await;
    let call = |name: &'static str, value: &'static str| {
        let parameters: Vec<_> = PLAIN
            .iter()
            .filter(|(other, _)| *other != name)
            .copied()
            .chain((!value.is_empty()).then_some((name, value)))
            .collect();
        Call::query("sts", "AssumeRole", &parameters)
    };
    for (name, value, sentence) in [
        (
            "RoleSessionName",
            "a b",
            "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\w+=,.@-]*",
        ),
        (
            "RoleSessionName",
            "a",
            "1 validation error detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have \
             length greater than or equal to 2",
        ),
        (
            "RoleSessionName",
            "",
            "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be \
             null",
        ),
        (
            "DurationSeconds",
            "899",
            "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have \
             value greater than or equal to 900",
        ),
        (
            "DurationSeconds",
            "7201",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
    ] {
        let answer = call(name, value).send(&emulator).await;
        assert_eq!(answer.check_xml(400, "ValidationError"), sentence);
    }
    for action in ["AssumeRoleWithWebIdentity", "GetSessionToken"] {
        let answer = Call::query("sts", action, &[]).send(&emulator).await;
        assert_eq!(
            answer.check_xml(400, "InvalidAction"),
            format!("Could not find operation {action} for version 2011-06-15")
        );
    }
}

#[tokio::test]
async fn a_bad_signature_is_told_in_stss_words() {
    let emulator = emulator().await;
    let who = Call::query("sts", "GetCallerIdentity", &[]);
    let wrong = who.clone().credentials("test", "wrong").send(&emulator).await;
    assert!(
        wrong
            .check_xml(403, "SignatureDoesNotMatch")
            .starts_with("The request signature we calculated does not match")
    );
    assert!(
        wrong
            .text()
            .starts_with("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">")
    );
    let unknown = who.credentials("nobody", "test").send(&emulator).await;
    assert_eq!(
        unknown.check_xml(403, "InvalidClientTokenId"),
        "The security token included in the request is invalid."
    );
}

#[tokio::test]
async fn reset_ends_every_session_and_the_limit_ends_the_one_that_ends_first() {
    let emulator = emulator_with(&format!("{}limits: {{role_sessions_max: 2}}\n", roles())).await;
    let mut sessions = Vec::new();
    for seconds in ["3600", "900", "1800"] {
        let answer = assume(&[("DurationSeconds", seconds)]).send(&emulator).await;
        sessions.push(Session::of(&answer));
    }
    let mut statuses = Vec::new();
    for session in &sessions {
        statuses.push(session.signs(Call::detect("1")).send(&emulator).await.status);
    }
    assert_eq!(statuses, [200, 403, 200]);
    emulator.reset();
    sessions[0]
        .signs(Call::detect("1"))
        .send(&emulator)
        .await
        .check(403, "UnrecognizedClientException");
}

/// A trust policy of one role that trusts alice, statement by statement, without a Principal
fn trusting(statements: &str) -> String {
    format!(
        r#"
principals:
  - arn: arn:aws:iam::123456789012:user/alice
    access_keys: [{{access_key_id: test, secret_access_key: test}}]
roles:
  - arn: arn:aws:iam::123456789012:role/factory/inspector
    tags: {{team: vision}}
    trust_policy:
      Version: "2012-10-17"
      Statement:
{statements}
"#
    )
}

fn statement(action: &str, condition: &str) -> String {
    format!(
        "        - {{Effect: Allow, Principal: {{AWS: \"arn:aws:iam::123456789012:user/alice\"}}, Action: \"{action}\", \
         Condition: {condition}}}\n"
    )
}

#[tokio::test]
async fn each_permission_of_a_call_has_the_keys_that_belong_to_it() {
    let with_tag = [("Tags.member.1.Key", "line"), ("Tags.member.1.Value", "7")];
    let external_id = r#"{StringEquals: {"sts:ExternalId": "let-me-in"}}"#;
    let tag = r#"{StringEquals: {"aws:RequestTag/line": "7"}, "Null": {"sts:ExternalId": "true"}}"#;
    for (statements, refused) in [
        // Service Authorization Reference: TagSession has no sts:ExternalId, and SetSourceIdentity no tags.
        (statement("sts:*", external_id), Some("sts:TagSession")),
        (
            statement("sts:AssumeRole", external_id) + &statement("sts:TagSession", tag),
            None,
        ),
        (
            statement("sts:*", r#"{StringEquals: {"iam:ResourceTag/team": "vision"}}"#),
            Some("sts:TagSession"),
        ),
        (
            statement("sts:*", r#"{StringEquals: {"aws:ResourceTag/team": "vision"}}"#),
            None,
        ),
    ] {
        let emulator = emulator_with(&trusting(&statements)).await;
        let answer = assume(&with_tag).send(&emulator).await;
        match refused {
            None => assert_eq!(answer.status, 200, "{statements}: {}", answer.text()),
            Some(action) => {
                let message = answer.check_xml(403, "AccessDenied");
                let expected = format!("perform: {action} on resource: {ROLE}");
                assert!(message.ends_with(&expected), "{message}");
                let entry = last_entry(&emulator).await;
                assert_eq!(
                    entry["pairs"],
                    serde_json::json!([
                        {"action": "sts:AssumeRole", "resource": ROLE, "decision": "allowed"},
                        {"action": action, "resource": ROLE, "decision": "implicitDeny"},
                    ])
                );
            }
        }
    }
}

#[tokio::test]
async fn a_context_needs_its_permission_and_is_not_taken_unseen() {
    let provider = "arn:aws:iam::aws:contextProvider/IdentityCenter";
    let context = [
        ("ProvidedContexts.member.1.ProviderArn", provider),
        ("ProvidedContexts.member.1.ContextAssertion", "a-token"),
    ];
    let emulator = emulator_with(&trusting(&statement("sts:AssumeRole", "{}"))).await;
    let message = assume(&context)
        .send(&emulator)
        .await
        .check_xml(403, "AccessDenied");
    assert!(message.contains("perform: sts:SetContext on"), "{message}");
    let provided =
        format!(r#"{{"ForAllValues:StringEquals": {{"sts:RequestContextProviders": "{provider}"}}}}"#);
    let both = statement("sts:AssumeRole", "{}") + &statement("sts:SetContext", &provided);
    let emulator = emulator_with(&trusting(&both)).await;
    // Nobody here can say what the assertion says, so there is no session that goes without it.
    let message = assume(&context)
        .send(&emulator)
        .await
        .check_xml(400, "ValidationError");
    assert!(message.contains("ProvidedContexts"), "{message}");
    assert_eq!(assume(&[]).send(&emulator).await.status, 200);
}
