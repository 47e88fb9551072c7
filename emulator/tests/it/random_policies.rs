//! Random policies, configurations and calls, for tests that compare two ways of deciding.

use lookoutvision_emulator::Emulator;
use serde_json::{Map, Value, json};

use crate::support::{Call, JPEG};

/// Random numbers, from a seed that a failure names
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// One of them (SplitMix64)
    pub(crate) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let index = usize::try_from(mixed % choices.len() as u64).expect("there are not that many");
        choices[index].clone()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.of(&(0..100).collect::<Vec<usize>>()) < percent
    }

    fn some(&mut self, choices: &[&str]) -> Value {
        let first = self.of(choices);
        if self.chance(60) {
            return json!(first);
        }
        json!([first, self.of(choices)])
    }

    /// A policy; those of an endpoint say whom they are about
    pub(crate) fn policy(&mut self, has_principal: bool) -> Value {
        let mut statements: Vec<Value> = (0..self.of(&[1, 2, 2, 3, 4]))
            .map(|_| self.statement(has_principal))
            .collect();
        if self.chance(60) {
            let mut all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            if has_principal {
                all["Principal"] = json!("*");
            }
            statements.push(all);
        }
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    /// Who may assume a role
    pub(crate) fn trust(&mut self) -> Value {
        let statements = (0..self.of(&[1, 2, 3])).map(|_| {
            let mut statement = self.statement(true);
            let members = statement.as_object_mut().expect("a statement is an object");
            for member in ["NotAction", "Resource", "NotResource"] {
                members.remove(member);
            }
            statement["Action"] = self.some(&["sts:AssumeRole", "sts:TagSession", "sts:*"]);
            statement
        });
        let statements: Vec<Value> = statements.collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    /// A policy that only denies, as resource control policies do
    pub(crate) fn denials(&mut self) -> Value {
        let statements = (0..self.of(&[1, 2, 3])).map(|_| {
            let mut statement = self.statement(true);
            statement["Effect"] = json!("Deny");
            statement["Principal"] = json!("*");
            let members = statement.as_object_mut().expect("a statement is an object");
            members.remove("NotAction");
            statement["Action"] = self.some(&["lookoutvision:*", "lookoutvision:D*", "lookoutvision:List*"]);
            statement
        });
        let statements: Vec<Value> = statements.collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn statement(&mut self, has_principal: bool) -> Value {
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), json!(self.of(&["Allow", "Allow", "Deny"])));
        if self.chance(50) {
            statement.insert(
                "Sid".to_owned(),
                json!(format!("S{}", self.of(&(0..1000).collect::<Vec<_>>()))),
            );
        }
        if has_principal {
            let principal = self.of(&[
                json!("*"),
                json!({"AWS": "123456789012"}),
                json!({"AWS": ["arn:aws:iam::123456789012:user/alice"]}),
                json!({"AWS": "arn:aws:iam::123456789012:role/factory/inspector"}),
                json!({"AWS": ["arn:aws:iam::123456789012:user/bob", "arn:aws:iam::210987654321:root"]}),
            ]);
            statement.insert("Principal".to_owned(), principal);
        }
        let actions = self.some(&[
            "*",
            "lookoutvision:*",
            "lookoutvision:DetectAnomalies",
            "lookoutvision:D*",
            "lookoutvision:List*",
            "LOOKOUTVISION:describe?odel",
            "lookoutvision:*Model",
        ]);
        let action = self.of(&["Action", "Action", "Action", "NotAction"]);
        statement.insert(action.to_owned(), actions);
        let resources = self.some(&[
            "*",
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
            "arn:aws:lookoutvision:*:*:model/myProject/*",
            "arn:aws:lookoutvision:us-west-2:123456789012:project/*",
            "arn:aws:lookoutvision:us-west-2:123456789012:*/${aws:username}/*",
            "arn:aws:lookoutvision:eu-west-1:123456789012:model/*",
        ]);
        let resource = self.of(&["Resource", "Resource", "Resource", "NotResource"]);
        statement.insert(resource.to_owned(), resources);
        if self.chance(50) {
            statement.insert("Condition".to_owned(), self.condition());
        }
        Value::Object(statement)
    }

    fn condition(&mut self) -> Value {
        let conditions = [
            (
                "StringEquals",
                json!({"aws:PrincipalTag/team": ["vision", "audit"]}),
            ),
            ("StringNotEquals", json!({"aws:SourceVpce": "vpce-0000000a"})),
            (
                "StringEqualsIfExists",
                json!({"aws:ResourceTag/stage": "PRODUCTION"}),
            ),
            (
                "StringEqualsIgnoreCase",
                json!({"aws:ResourceTag/stage": "PRODUCTION"}),
            ),
            ("Null", json!({"aws:SourceIp": "true"})),
            ("Null", json!({"aws:ResourceAccount": "false"})),
            (
                "IpAddress",
                json!({"aws:VpcSourceIp": ["127.0.0.0/8", "10.0.0.0/8"]}),
            ),
            ("NotIpAddress", json!({"aws:SourceIp": "203.0.113.0/24"})),
            (
                "ArnLike",
                json!({"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}),
            ),
            ("StringLike", json!({"aws:UserAgent": "tests/*"})),
            ("StringEquals", json!({"aws:RequestedRegion": ["us-west-2"]})),
            ("Bool", json!({"aws:SecureTransport": "true"})),
            ("BoolIfExists", json!({"aws:MultiFactorAuthPresent": "true"})),
            (
                "DateGreaterThan",
                json!({"aws:CurrentTime": "2030-01-01T00:00:00Z"}),
            ),
            (
                "DateLessThan",
                json!({"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}),
            ),
            (
                "StringEquals",
                json!({"aws:username": "${aws:PrincipalTag/name}"}),
            ),
            ("StringLike", json!({"aws:userid": "AIDA*"})),
            ("ForAnyValue:StringEquals", json!({"aws:TagKeys": ["team"]})),
        ];
        let mut condition = Map::new();
        for _ in 0..self.of(&[1, 1, 2, 3]) {
            let (operator, keys) = self.of(&conditions);
            condition.insert(operator.to_owned(), keys);
        }
        Value::Object(condition)
    }

    /// A configuration with random policies in every layer
    pub(crate) fn configuration(&mut self) -> Value {
        let identity = |random: &mut Self| match random.of(&[0, 1, 2, 2]) {
            0 => Value::Null,
            1 => json!([random.policy(false)]),
            _ => json!([random.policy(false), random.policy(false)]),
        };
        let mut alice = json!({
            "arn": "arn:aws:iam::123456789012:user/alice",
            "tags": {"team": "vision", "name": "alice"},
            "access_keys": [{"access_key_id": "alice", "secret_access_key": "alice"}],
        });
        let policies = identity(self);
        if !policies.is_null() {
            alice["identity_policies"] = policies;
        }
        if self.chance(30) {
            alice["permissions_boundary"] = self.policy(false);
        }
        let session = json!({
            "arn": "arn:aws:sts::123456789012:assumed-role/auditor/nightly",
            "tags": {"team": "audit"},
            "access_keys": [{"access_key_id": "AUDITOR", "secret_access_key": "s", "session_token": "t"}],
            "session_policies": [self.policy(false)],
        });
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]});
        let mut role = json!({
            "arn": "arn:aws:iam::123456789012:role/factory/inspector",
            "tags": {"team": "vision"},
            "trust_policy": trust,
        });
        let policies = identity(self);
        if !policies.is_null() {
            role["identity_policies"] = policies;
        }
        let mut configuration = json!({
            "principals": [
                {"arn": "arn:aws:iam::123456789012:user/bob",
                 "access_keys": [{"access_key_id": "bob", "secret_access_key": "bob"}]},
                alice,
                session,
            ],
            "roles": [role],
            "vpcs": [{"vpc_id": "vpc-0000000a", "region": "us-west-2"}],
            "vpc_endpoints": [
                {"vpc_endpoint_id": "vpce-0000000a", "vpc_id": "vpc-0000000a", "policy_document": self.policy(true)},
                {"vpc_endpoint_id": "vpce-0000000b", "vpc_id": "vpc-0000000a", "policy_document": self.policy(true),
                 "private_dns_enabled": false},
            ],
            "public_endpoint": "allow",
            "projects": [
                {"name": "myProject", "models": [{"version": "1", "tags": {"stage": "production"}}, {"version": "myModel"}]},
                {"name": "alice", "models": [{"version": "2"}]},
            ],
        });
        if self.chance(50) {
            configuration["organization"] = json!({
                "id": "o-exampleorgid",
                "service_control_policies": [[self.policy(false)], [self.policy(false), self.policy(false)]],
            });
        }
        configuration
    }

    /// Some call of some operation
    pub(crate) fn call(&mut self) -> Call {
        let project = self.of(&["myProject", "alice", "other"]);
        let model = self.of(&["1", "2", "myModel", "latest"]);
        let at = format!("/2020-11-20/projects/{project}");
        let arn =
            format!("arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2F{project}%2F{model}");
        let json = |target: &str, body: &str| Call::post(target, "application/json", body.as_bytes());
        let call = match self.of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
            0 => Call::get("/2020-11-20/projects"),
            1 => Call::get(&at),
            2 => Call::get(&format!("{at}/models")),
            3 => Call::get(&format!("{at}/models/{model}")),
            4 => Call::get(&format!("/2020-11-20/tags/{}", arn.replace("latest", "1"))),
            5 => Call::get(&format!("{at}/datasets/train")),
            6 => json(
                &format!("{at}/models/{model}/start"),
                r#"{"MinInferenceUnits": 1}"#,
            ),
            7 => json(&format!("{at}/models/{model}/stop"), "{}"),
            8 => json(
                "/2020-11-20/projects",
                &json!({"ProjectName": project}).to_string(),
            ),
            _ => Call::post(&format!("{at}/models/{model}/detect"), "image/jpeg", JPEG),
        };
        let call = match self.of(&[0, 1, 2, 3]) {
            0 => call.credentials("bob", "bob"),
            1 => call.credentials("AUDITOR", "s").session_token("t"),
            _ => call.credentials("alice", "alice"),
        };
        let call = match self.of(&[0, 0, 1, 2]) {
            0 => call,
            1 => call.host("vpce-0000000b-x.lookoutvision.us-west-2.vpce.amazonaws.com"),
            // No endpoint stands there, so it is the public one.
            _ => call
                .host("lookoutvision.eu-west-1.amazonaws.com")
                .region("eu-west-1"),
        };
        let agent = self.of(&["tests/1", "curl/8"]);
        Call {
            extra_headers: vec![("user-agent".to_owned(), agent.to_owned())],
            ..call
        }
    }
}

/// A session of the role that [`Random::configuration`] declares
pub(crate) async fn assumed(emulator: &Emulator) -> (String, String, String) {
    let answer = Call::query(
        "sts",
        "AssumeRole",
        &[
            ("RoleArn", "arn:aws:iam::123456789012:role/factory/inspector"),
            ("RoleSessionName", "line-7"),
        ],
    )
    .credentials("bob", "bob")
    .send(emulator)
    .await;
    let part = |name: &str| answer.xml(name).unwrap_or_else(|| panic!("{}", answer.text()));
    (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"))
}
