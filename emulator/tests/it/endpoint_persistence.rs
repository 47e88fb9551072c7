//! Endpoints, attached policies and role sessions in the state file: after a restart they are as they were acknowledged.

use std::{collections::BTreeMap, path::Path, time::Duration};

use lookoutvision_emulator::{ClockSetting, Emulator};

use crate::{
    process::Process,
    sts::Session,
    support::{Answer, Call, ONE_MODEL, control, emulator_with},
};

/// Two networks of us-west-2, an endpoint in the second, and a role
const CONFIG: &str = r#"
vpcs:
  - {vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2, cidr_block: 127.0.0.0/16}
  - {vpc_id: vpc-0000000000000000b, region: us-west-2, cidr_block: 10.0.0.0/16}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000c, vpc_id: vpc-0000000000000000b}
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    trust_policy: {Statement: [{Effect: Allow, Principal: "*", Action: "sts:*"}]}
"#;
const MADE_IN: &str = "vpc-0a1b2c3d4e5f67890";
const DECLARED: &str = "vpce-0000000000000000c";
const PRIVATE_NAME: &str = "lookoutvision.us-west-2.amazonaws.com";
const FULL_ACCESS: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

const INTERFACE: [(&str, &str); 3] = [
    ("VpcEndpointType", "Interface"),
    ("ServiceName", "com.amazonaws.us-west-2.lookoutvision"),
    ("VpcId", MADE_IN),
];

fn with_state(folder: &Path) -> String {
    format!("{CONFIG}state: {}\n", folder.join("state").display())
}

fn query(action: &str, parameters: &[(&str, &str)]) -> Call {
    let service = if action == "AssumeRole" { "sts" } else { "ec2" };
    Call::query(service, action, parameters)
}

fn create(more: &[(&str, &str)]) -> Call {
    let parameters: Vec<_> = INTERFACE.iter().chain(more).copied().collect();
    query("CreateVpcEndpoint", &parameters)
}

fn assume(seconds: &str) -> Call {
    let role = ("RoleArn", "arn:aws:iam::123456789012:role/inspector");
    let named = ("RoleSessionName", "line-7");
    query("AssumeRole", &[role, named, ("DurationSeconds", seconds)])
}

async fn ec2(emulator: &Emulator, action: &str, parameters: &[(&str, &str)]) -> Answer {
    let answer = query(action, parameters).send(emulator).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// DescribeVpcEndpoints without what is of the call itself
async fn described(emulator: &Emulator) -> String {
    let answer = ec2(emulator, "DescribeVpcEndpoints", &[]).await;
    let request_id = answer.xml("requestId").expect("an answer has an id");
    answer.text().replace(&request_id, "")
}

fn at_own_name(id: &str) -> Call {
    Call::detect("1").host(&format!("{id}.lookoutvision.us-west-2.vpce.amazonaws.com"))
}

#[tokio::test]
async fn an_endpoint_is_the_same_after_a_restart_and_gone_after_a_reset() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = with_state(folder.path());
    let token = create(&[
        ("PolicyDocument", ONE_MODEL),
        ("ClientToken", "once"),
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "line"),
        ("TagSpecification.1.Tag.1.Value", "a"),
    ]);
    let (id, deleted, before);
    {
        let emulator = emulator_with(&yaml).await;
        id = token.send(&emulator).await.xml("vpcEndpointId").expect("an id");
        let subnets = ec2(&emulator, "DescribeSubnets", &[]).await.xml_all("subnetId");
        let modified = [
            ("VpcEndpointId", id.as_str()),
            ("AddSubnetId.1", &subnets[1]),
            ("AddSecurityGroupId.1", "sg-0123456789abcdef0"),
        ];
        ec2(&emulator, "ModifyVpcEndpoint", &modified).await;
        let private = create(&[("PrivateDnsEnabled", "false")]);
        deleted = private.send(&emulator).await.xml("vpcEndpointId").expect("an id");
        let last = private.send(&emulator).await.xml("vpcEndpointId").expect("an id");
        let tags = [
            ("ResourceId.1", last.as_str()),
            ("Tag.1.Key", "line"),
            ("Tag.1.Value", "b"),
        ];
        ec2(&emulator, "CreateTags", &tags).await;
        // Deleted two seconds ago, so that it is not shown any more.
        for offset in [-2, 0] {
            let set = emulator.set_clock(ClockSetting::OffsetSeconds(offset));
            set.expect("a moment of this century");
            if offset != 0 {
                ec2(&emulator, "DeleteVpcEndpoints", &[("VpcEndpointId.1", &deleted)]).await;
            }
        }
        before = described(&emulator).await;
        emulator.stop().await;
    }
    let emulator = emulator_with(&yaml).await;
    let without_start = |text: &str| -> String {
        // A declared endpoint is as old as the start; it comes first.
        let (_, rest) = text.split_once("</item>").expect("there are items");
        let from = rest.find("<vpcEndpointId>").expect("made ones follow");
        rest[from..].to_owned()
    };
    assert_eq!(without_start(&described(&emulator).await), without_start(&before));
    assert!(before.contains(&id) && before.contains("sg-0123456789abcdef0"));

    // The policy is in force, under the endpoint's own name and under the private one.
    for call in [at_own_name(&id), Call::detect("1").host(PRIVATE_NAME)] {
        let message = call.send(&emulator).await.check(403, "AccessDeniedException");
        assert!(message.contains("no VPC endpoint policy allows"), "{message}");
    }
    let allowed = Call::detect("myModel").host(PRIVATE_NAME).send(&emulator).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    at_own_name(&deleted)
        .send(&emulator)
        .await
        .check(421, "MisdirectedRequestException");
    let repeated = token.send(&emulator).await.xml("vpcEndpointId");
    assert_eq!(
        repeated.as_deref(),
        Some(id.as_str()),
        "the client token is remembered"
    );

    assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
    emulator.stop().await;
    let emulator = emulator_with(&yaml).await;
    let left = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
    assert_eq!(left.xml_all("vpcEndpointId"), [DECLARED]);
}

#[tokio::test]
async fn what_was_changed_about_a_declared_endpoint_outlives_a_restart_and_an_edit_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = with_state(folder.path());
    let policy = format!("/vpc-endpoints/{DECLARED}/policy");
    {
        let emulator = emulator_with(&yaml).await;
        assert_eq!(control(&emulator, "PUT", &policy, ONE_MODEL).await.status, 204);
        let tags = [
            ("ResourceId.1", DECLARED),
            ("Tag.1.Key", "line"),
            ("Tag.1.Value", "a"),
        ];
        ec2(&emulator, "CreateTags", &tags).await;
        emulator.stop().await;
    }
    let edited = yaml.replace(
        "vpc_id: vpc-0000000000000000b}\nroles",
        &format!("vpc_id: vpc-0000000000000000b, policy_document: {FULL_ACCESS}}}\nroles"),
    );
    assert_ne!(edited, yaml);
    for yaml in [&yaml, &edited] {
        let emulator = emulator_with(yaml).await;
        assert_eq!(control(&emulator, "GET", &policy, "").await.text(), ONE_MODEL);
        let denied = at_own_name(DECLARED).send(&emulator).await;
        denied.check(403, "AccessDeniedException");
        assert!(
            described(&emulator)
                .await
                .contains("<key>line</key><value>a</value>")
        );
        emulator.stop().await;
    }
    let emulator = emulator_with(&edited).await;
    // DELETE is a change too: full access, whatever the configuration says, and that lasts as well.
    assert_eq!(control(&emulator, "DELETE", &policy, "").await.status, 204);
    emulator.stop().await;
    let emulator = emulator_with(&yaml).await;
    assert_eq!(at_own_name(DECLARED).send(&emulator).await.status, 200);
    emulator.stop().await;

    // Without its declaration nothing of it is left; declared anew, it is as declared.
    let (head, roles) = yaml.split_once("vpc_endpoints:").expect("it is there");
    let (_, roles) = roles.split_once("roles:").expect("they are there");
    emulator_with(&format!("{head}vpc_endpoints: []\nroles:{roles}"))
        .await
        .stop()
        .await;
    let emulator = emulator_with(&edited).await;
    assert_eq!(at_own_name(DECLARED).send(&emulator).await.status, 200);
    assert!(!described(&emulator).await.contains("<key>line</key>"));
}

#[tokio::test]
async fn what_has_no_place_in_the_configuration_is_told_and_comes_back_with_its_network() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = format!("{CONFIG}state: state\n");
    let write = |yaml: &str| std::fs::write(folder.path().join("emulator.yaml"), yaml).expect("ours");
    write(&yaml);
    let process = Process::start(folder.path());
    let made = process.send(&create(&[("PolicyDocument", ONE_MODEL)])).await;
    let id = made.expect("it answers").xml("vpcEndpointId").expect("an id");
    let policy = format!("/vpc-endpoints/{DECLARED}/policy");
    assert_eq!(process.control("PUT", &policy, ONE_MODEL).await.status, 204);
    let session = Session::of(&process.send(&assume("900")).await.expect("it answers"));
    process.kill();

    write(
        &yaml
            .replace("us-west-2, cidr_block: 127", "eu-west-1, cidr_block: 127")
            .replace("vpce-0000000000000000c", "vpce-0000000000000000d")
            .replace("role/inspector", "role/auditor"),
    );
    let process = Process::start(folder.path());
    let log = process.log();
    for line in [
        format!(
            "VPC endpoint `{id}`, which was made by a call, is set aside, because its VPC `{MADE_IN}` does not lie in us-west-2 any more"
        ),
        format!("VPC endpoint `{DECLARED}` is no longer in the configuration: what was changed about it is dropped"),
        "the configuration has no role `arn:aws:iam::123456789012:role/inspector` any more: its sessions have ended (1)"
            .to_owned(),
    ] {
        assert!(log.contains(&line), "{line}\n{log}");
    }
    for secret in [&session.secret_access_key, &session.session_token] {
        assert!(!log.contains(secret));
    }
    let answer = process.send(&at_own_name(&id)).await.expect("it answers");
    answer.check(421, "MisdirectedRequestException");
    process.kill();

    write(&yaml);
    let process = Process::start(folder.path());
    let answer = process.send(&at_own_name(&id)).await.expect("it answers");
    answer.check(403, "AccessDeniedException");
    let declared = process.send(&at_own_name(DECLARED)).await.expect("it answers");
    assert_eq!(declared.status, 200, "it is as declared: {declared:?}");
    let ended = process
        .send(&session.signs(Call::detect("1")))
        .await
        .expect("it answers");
    ended.check(403, "UnrecognizedClientException");
    assert_eq!(process.control("PUT", &policy, ONE_MODEL).await.status, 204);
    process.kill();
    let process = Process::start(folder.path());
    let line = format!("VPC endpoint `{DECLARED}` differs from the configuration until POST /reset: policy");
    assert!(process.log().contains(&line), "{}", process.log());
    process.kill();
}

#[tokio::test]
async fn a_session_signs_after_a_restart_until_it_expires() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = with_state(folder.path());
    let emulator = emulator_with(&yaml).await;
    let narrow = r#"{"Statement":[{"Effect":"Allow","Action":"lookoutvision:*","Resource":"arn:aws:lookoutvision:*:*:model/myProject/1"}]}"#;
    let role = ("RoleArn", "arn:aws:iam::123456789012:role/inspector");
    let tagged = [
        role,
        ("RoleSessionName", "line-7"),
        ("Policy", narrow),
        ("Tags.member.1.Key", "line"),
        ("Tags.member.1.Value", "7"),
        ("SourceIdentity", "alice"),
    ];
    let session = Session::of(&query("AssumeRole", &tagged).send(&emulator).await);
    let mut past = Vec::new();
    for seconds_ago in [7_200_u32, 1_800] {
        // Handed out so long ago for a quarter of an hour.
        let offset = -i64::from(seconds_ago);
        emulator
            .set_clock(ClockSetting::OffsetSeconds(offset))
            .expect("a moment of this century");
        let mut call = assume("900");
        call.time = std::time::SystemTime::now() - Duration::from_secs(seconds_ago.into());
        past.push(Session::of(&call.send(&emulator).await));
    }
    emulator.stop().await;

    let emulator = emulator_with(&yaml).await;
    assert_eq!(session.signs(Call::detect("1")).send(&emulator).await.status, 200);
    let entry = crate::support::journal_of(&emulator)
        .await
        .pop()
        .expect("a request was sent");
    let context = &entry["context"];
    assert_eq!(context["aws:PrincipalTag/line"][0], "7");
    assert_eq!(context["aws:SourceIdentity"][0], "alice");
    let other = session.signs(Call::detect("myModel")).send(&emulator).await;
    let message = other.check(403, "AccessDeniedException");
    assert!(message.contains("no session policy allows"), "{message}");
    // One that expired a while ago is told so for an hour, and then nobody knows it.
    for (session, error) in past
        .iter()
        .zip(["UnrecognizedClientException", "ExpiredTokenException"])
    {
        let answer = session.signs(Call::detect("1")).send(&emulator).await;
        answer.check(403, error);
    }
    emulator.reset();
    emulator.stop().await;
    let emulator = emulator_with(&yaml).await;
    let ended = session.signs(Call::detect("1")).send(&emulator).await;
    ended.check(403, "UnrecognizedClientException");
}

/// What was acknowledged
#[derive(Default)]
struct Acknowledged {
    /// By id: the policy, and the value of the one tag
    endpoints: BTreeMap<String, (String, String)>,
    sessions: Vec<Session>,
}

impl Acknowledged {
    /// Holds it against what is there; the change that was interrupted may have been made or not
    async fn check(&mut self, process: &Process, interrupted: &str) {
        let available = [
            ("Filter.1.Name", "vpc-endpoint-state"),
            ("Filter.1.Value.1", "available"),
        ];
        let answer = process.send(&query("DescribeVpcEndpoints", &available)).await;
        let answer = answer.expect("it answers");
        // The declared endpoint is the first one, and has no tags.
        let ids = answer.xml_all("vpcEndpointId").into_iter().skip(1);
        let policies = answer.xml_all("policyDocument").into_iter().skip(1);
        let found: BTreeMap<_, _> = ids.zip(policies.zip(answer.xml_all("value"))).collect();
        for (id, expected) in &self.endpoints {
            assert!(
                id == interrupted || found.get(id) == Some(expected),
                "{id} was acknowledged as {expected:?} and is {:?}",
                found.get(id)
            );
        }
        let more = found
            .keys()
            .filter(|id| !self.endpoints.contains_key(*id))
            .count();
        assert!(more <= usize::from(interrupted == "new"), "{found:?}");
        self.endpoints = found;
        for session in &self.sessions {
            let who = session.signs(Call::query("sts", "GetCallerIdentity", &[]));
            let answer = process.send(&who).await.expect("it answers");
            assert_eq!(
                answer.status, 200,
                "a session was acknowledged and is gone: {answer:?}"
            );
        }
    }

    /// Makes changes until it is stopped or nobody answers
    async fn write(&mut self, process: &Process, interrupted: &mut String) {
        for index in 0_usize.. {
            let tag = format!("{}-{index}", self.sessions.len());
            let oldest = self.endpoints.keys().next().cloned().unwrap_or_default();
            let call = match index % 5 {
                0 | 1 => {
                    *interrupted = "new".to_owned();
                    create(&[
                        ("PrivateDnsEnabled", "false"),
                        ("PolicyDocument", ONE_MODEL),
                        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
                        ("TagSpecification.1.Tag.1.Key", "n"),
                        ("TagSpecification.1.Tag.1.Value", &tag),
                    ])
                }
                2 => {
                    interrupted.clone_from(&oldest);
                    query(
                        "CreateTags",
                        &[
                            ("ResourceId.1", &oldest),
                            ("Tag.1.Key", "n"),
                            ("Tag.1.Value", &tag),
                        ],
                    )
                }
                3 => {
                    interrupted.clone_from(&oldest);
                    query("DeleteVpcEndpoints", &[("VpcEndpointId.1", &oldest)])
                }
                _ => {
                    interrupted.clear();
                    assume("900")
                }
            };
            let Ok(answer) = process.send(&call).await else {
                return;
            };
            assert_eq!(answer.status, 200, "{}", answer.text());
            match index % 5 {
                0 | 1 => {
                    let id = answer.xml("vpcEndpointId").expect("an id");
                    self.endpoints.insert(id.clone(), (ONE_MODEL.to_owned(), tag));
                    // And another policy, over the control API.
                    if index % 5 == 1 {
                        interrupted.clone_from(&id);
                        let policy = format!("/vpc-endpoints/{id}/policy");
                        assert_eq!(process.control("PUT", &policy, FULL_ACCESS).await.status, 204);
                        self.endpoints.entry(id).or_default().0 = FULL_ACCESS.to_owned();
                    }
                }
                2 => self.endpoints.entry(oldest).or_default().1 = tag,
                3 => drop(self.endpoints.remove(&oldest)),
                _ => self.sessions.push(Session::of(&answer)),
            }
            interrupted.clear();
        }
    }
}

#[tokio::test]
async fn after_a_kill_every_acknowledged_change_and_session_is_there() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = format!("{CONFIG}state: state\n");
    std::fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
    let (mut acknowledged, mut interrupted) = (Acknowledged::default(), String::new());
    for _ in 0..4 {
        let process = Process::start(folder.path());
        acknowledged.check(&process, &interrupted).await;
        interrupted.clear();
        // At no moment in particular.
        let moment = Duration::from_millis(100 + fastrand::u64(..300));
        let writing = acknowledged.write(&process, &mut interrupted);
        let written = tokio::time::timeout(moment, writing).await;
        assert!(written.is_err(), "the writer is killed in the middle of its work");
        process.kill();
    }
    let process = Process::start(folder.path());
    acknowledged.check(&process, &interrupted).await;
    assert!(!acknowledged.endpoints.is_empty() && !acknowledged.sessions.is_empty());
    process.kill();
}

#[tokio::test]
async fn whoever_attaches_a_policy_is_told_in_the_log_what_is_odd_about_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("emulator.yaml"), CONFIG).expect("the folder is ours");
    let process = Process::start(folder.path());
    // The key is of requests that come over no endpoint.
    let odd = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#;
    let told = |id: &str| {
        let log = process.log();
        let of_endpoint = log.lines().filter(|line| line.contains(id));
        of_endpoint
            .filter(|line| line.contains("[condition-never-true]"))
            .count()
    };
    let made = process.send(&create(&[("PolicyDocument", odd)])).await;
    let id = made.expect("it answers").xml("vpcEndpointId").expect("an id");
    assert_eq!(told(&id), 1);
    let modified = [("VpcEndpointId", id.as_str()), ("PolicyDocument", odd)];
    let modified = process.send(&query("ModifyVpcEndpoint", &modified)).await;
    assert_eq!(modified.expect("it answers").status, 200);
    assert_eq!(told(&id), 2);
    let policy = format!("/vpc-endpoints/{DECLARED}/policy");
    assert_eq!(process.control("PUT", &policy, odd).await.status, 204);
    assert_eq!((told(&id), told(DECLARED)), (2, 1));
    process.kill();
}
