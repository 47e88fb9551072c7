use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;

fn simulated(input: &str, explain: Explain) -> Vec<Value> {
    let mut out = Vec::new();
    simulate(input.as_bytes(), &mut out, explain).expect("memory can be read and written");
    let text = String::from_utf8(out).expect("answers are text");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("answers are JSON")
}

/// The one answer to a request of alice's to detect anomalies
fn decided(policies: &str) -> Value {
    let line = format!(
        r#"{{"id":"c1","policies":{policies},"request":{{"principal":"arn:aws:iam::123456789012:user/alice","action":"lookoutvision:DetectAnomalies","resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"}}}}"#
    );
    simulated(&line, Explain::No).remove(0)
}

/// Code, path and message of the error that answers a line
fn error(line: &str) -> (Value, String) {
    let answers = simulated(line, Explain::No);
    let [answer] = answers.as_slice() else {
        panic!("one line has one answer: {answers:?}")
    };
    let error = &answer["error"];
    let text = |member: &str| {
        error[member]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    (
        answer["id"].clone(),
        format!("{} {:?} {}", text("code"), text("path"), text("message")),
    )
}

const REQUEST: &str = r#"{"principal":"anonymous","action":"lookoutvision:ListModels","resource":"*"}"#;
const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

#[test]
fn an_answer_is_one_line_in_the_words_of_the_simulator() {
    let mut out = Vec::new();
    let line = r#"{"id":"c1","policies":{"vpcEndpoint":{"Statement":[{"Effect":"Allow","Principal":"*","Action":"lookoutvision:*","Resource":"*"}]}},
        "request":{"principal":"arn:aws:iam::123456789012:user/alice","action":"lookoutvision:DetectAnomalies","resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1","context":{"aws:SourceVpce":["vpce-1"]}}}"#
        .replace('\n', "");
    simulate(line.as_bytes(), &mut out, Explain::No).expect("memory can be read and written");
    assert_eq!(
        String::from_utf8(out).expect("answers are text"),
        "{\"id\":\"c1\",\"decision\":\"allowed\",\"decided_by\":{\"policy_type\":\"vpc-endpoint\",\"policy\":0,\
         \"statement\":0,\"sid\":null},\"message\":null}\n"
    );
}

#[test]
fn a_denial_carries_the_text_that_aws_would_send() {
    assert_eq!(
        decided(r#"{"identity":[]}"#),
        json!({
            "id": "c1",
            "decision": "implicitDeny",
            "decided_by": null,
            "message": "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: \
                        lookoutvision:DetectAnomalies on resource: \
                        arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1 \
                        because no identity-based policy allows the lookoutvision:DetectAnomalies action",
        })
    );
}

#[test]
fn absent_layers_allow_and_empty_ones_do_as_each_layer_does() {
    let decision = |policies: &str| {
        decided(policies)["decision"]
            .as_str()
            .expect("a decision")
            .to_owned()
    };
    for policies in [
        "{}".to_owned(),
        r#"{"vpcEndpoint":null,"identity":null,"boundary":null,"session":null,"scp":null,"rcp":null}"#
            .to_owned(),
        r#"{"boundary":[],"session":[],"scp":[],"rcp":[]}"#.to_owned(),
        format!(r#"{{"identity":[{ALLOW}],"boundary":[{ALLOW}],"session":[{ALLOW}],"scp":[{ALLOW}]}}"#),
        format!(r#"{{"scp":[[{ALLOW}],[{ALLOW}]]}}"#),
    ] {
        assert_eq!(decision(&policies), "allowed", "{policies}");
    }
    for policies in [
        r#"{"identity":[]}"#.to_owned(),
        // A level that has no policy allows nothing.
        format!(r#"{{"scp":[[{ALLOW}],[]]}}"#),
    ] {
        assert_eq!(decision(&policies), "implicitDeny", "{policies}");
    }
}

#[test]
fn the_owner_of_the_resource_may_be_another_account() {
    let line = |account: &str| {
        format!(
            r#"{{"id":1,"policies":{{}},"request":{{"principal":"arn:aws:iam::123456789012:user/alice","action":"lookoutvision:ListModels","resource":"*","resourceAccount":"{account}"}}}}"#
        )
    };
    assert_eq!(
        simulated(&line("123456789012"), Explain::No)[0]["decision"],
        "allowed"
    );
    assert_eq!(
        simulated(&line("210987654321"), Explain::No)[0]["decision"],
        "implicitDeny"
    );
    assert_eq!(
        error(&line("12")).1,
        "InvalidInput \"/request/resourceAccount\" `12` is not an account id (twelve digits)"
    );
}

#[test]
fn a_document_that_is_not_evaluated_is_named_and_the_mistake_is_placed_in_it() {
    let refused = |policies: &str| {
        let answer = decided(policies);
        assert_eq!(answer["id"], "c1");
        let error = &answer["error"];
        assert_eq!(error["code"], "InvalidPolicyDocument");
        let text = |member: &str| {
            error[member]
                .as_str()
                .unwrap_or_else(|| panic!("{answer}"))
                .to_owned()
        };
        format!("{} {} {}", text("policy"), text("path"), text("message"))
    };
    // A map would have kept the last of the two and allowed the request.
    assert_eq!(
        refused(
            r#"{"vpcEndpoint":{"Statement":[{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}}"#
        ),
        "/policies/vpcEndpoint /Statement/0/Effect `Effect` occurs twice"
    );
    assert_eq!(
        refused(&format!(r#"{{"identity":[{ALLOW},{NOTHING}]}}"#)),
        "/policies/identity/1 /Statement `Statement` must hold at least one statement"
    );
    assert_eq!(
        refused(&format!(
            r#"{{"boundary":[{ALLOW}],"scp":[[{ALLOW}],[{ALLOW},7]]}}"#
        )),
        "/policies/scp/1/1  expected a policy object, found a number"
    );
}

#[test]
fn documents_are_read_as_those_that_aws_already_stores() {
    // Attached today this would be refused; stored, it matches nobody.
    let policies = r#"{"vpcEndpoint":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/al*"},"Action":"*","Resource":"*"}]}}"#;
    assert_eq!(decided(policies)["decision"], "implicitDeny");
}

#[test]
fn a_line_that_is_no_question_is_answered_with_its_place() {
    let whole = |members: &str| format!(r#"{{"id":[7],{members}}}"#);
    for (line, id, expected) in [
        (
            "nonsense".to_owned(),
            json!(null),
            r#""" not JSON: expected ident"#,
        ),
        (
            r#"{"id":7"#.to_owned(),
            json!(null),
            r#""" not JSON: EOF while parsing an object; a line is one whole JSON object: `jq -c .` puts a pretty-printed one on one line"#,
        ),
        (
            "[1, {}, {}]".to_owned(),
            json!(null),
            r#""" invalid type: sequence, expected an object"#,
        ),
        (
            whole(&format!(r#""request":{REQUEST}"#)),
            json!([7]),
            r#""" missing field `policies`"#,
        ),
        (
            whole(r#""policies":{}"#),
            json!([7]),
            r#""" missing field `request`"#,
        ),
        (
            whole(&format!(r#""policies":{{}},"request":{REQUEST},"note":1"#)),
            json!([7]),
            r#""/note" unknown field `note`, expected one of `id`, `policies`, `request`"#,
        ),
        (
            whole(&format!(r#""policies":{{"endpoint":null}},"request":{REQUEST}"#)),
            json!([7]),
            r#""/policies/endpoint" unknown field `endpoint`, expected one of `vpcEndpoint`, `identity`, `boundary`, `session`, `scp`, `rcp`, `roleTrust`"#,
        ),
        (
            whole(r#""policies":{},"policies":{}"#),
            json!([7]),
            r#""" duplicate field `policies`"#,
        ),
        (
            whole(&format!(
                r#""policies":{{"identity":{ALLOW}}},"request":{REQUEST}"#
            )),
            json!([7]),
            r#""/policies/identity" invalid type: map, expected a list of policies"#,
        ),
        (
            whole(&format!(
                r#""policies":{{"scp":[[],{ALLOW}]}},"request":{REQUEST}"#
            )),
            json!([7]),
            r#""/policies/scp" expected policies or lists of policies, found both in one list"#,
        ),
        (
            whole(&format!(
                r#""policies":{{}},"request":{}"#,
                REQUEST.replace("anonymous", "alice")
            )),
            json!([7]),
            r#""/request/principal" `alice` is not the ARN of a user, a role, an assumed-role session, a federated user or a root user"#,
        ),
        (
            whole(&format!(
                r#""policies":{{}},"request":{}"#,
                REQUEST.replace('}', r#","region":"x"}"#)
            )),
            json!([7]),
            r#""/request/region" unknown field `region`, expected one of `principal`, `action`, `resource`, `resourceAccount`, `context`"#,
        ),
        (
            format!("{} 1", whole(&format!(r#""policies":{{}},"request":{REQUEST}"#))),
            json!(null),
            r#""" not JSON: trailing characters"#,
        ),
    ] {
        assert_eq!(error(&line), (id, format!("InvalidInput {expected}")), "{line}");
    }
}

#[test]
fn a_context_is_bounded_and_has_each_key_once() {
    let with = |context: &str| {
        let request = REQUEST.replace('}', &format!(r#","context":{context}}}"#));
        error(&format!(r#"{{"id":1,"policies":{{}},"request":{request}}}"#)).1
    };
    assert_eq!(
        with(r#"{"aws:PrincipalTag/Team":["a"],"AWS:principaltag/team":["b"]}"#),
        "InvalidInput \"/request/context\" `AWS:principaltag/team` is there twice"
    );
    assert_eq!(
        with(r#"{"aws:PrincipalTag/team":["a",1]}"#),
        "InvalidInput \"/request/context/aws:PrincipalTag~1team/1\" invalid type: integer `1`, expected a string"
    );
    assert_eq!(
        with(r#"{"aws:MultiFactorAuthPresent":true}"#),
        "InvalidInput \"/request/context/aws:MultiFactorAuthPresent\" invalid type: boolean `true`, expected a string or a \
         list of strings"
    );
    let value = "x".repeat(8193);
    assert_eq!(
        with(&format!(r#"{{"aws:UserAgent":"{value}"}}"#)),
        "InvalidInput \"/request/context/aws:UserAgent\" a value of 8193 bytes; at most 8192 are read"
    );
    let keys: Vec<String> = (0..600).map(|number| format!(r#""a:{number}":"x""#)).collect();
    assert_eq!(
        with(&format!("{{{}}}", keys.join(","))),
        "InvalidInput \"/request/context\" more than 1024 keys and values"
    );
    let keys: Vec<String> = (0..9)
        .map(|number| format!(r#""a:{number}":"{}""#, &value[..8000]))
        .collect();
    assert_eq!(
        with(&format!("{{{}}}", keys.join(","))),
        "InvalidInput \"/request/context\" more than 65536 bytes of keys and values"
    );
}

#[test]
fn blank_lines_are_passed_over_and_the_number_of_a_mistaken_one_counts_them() {
    let line = format!(r#"{{"id":1,"policies":{{}},"request":{REQUEST}}}"#);
    let answers = simulated(&format!("\n{line}\r\n \t\nnonsense\n{line}"), Explain::No);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["decision"], "allowed");
    assert_eq!(
        (&answers[1]["error"]["line"], &answers[1]["error"]["column"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(answers[2]["id"], 1);
}

#[test]
fn a_line_that_is_too_long_or_no_text_is_answered_like_any_other_mistake() {
    let mut input = vec![b' '; lines::LINE_BYTES_MAX + 1];
    input.extend_from_slice(b"\n\"\xff\"\n");
    let mut out = Vec::new();
    simulate(input.as_slice(), &mut out, Explain::No).expect("memory can be read and written");
    assert_eq!(
        String::from_utf8(out).expect("answers are text"),
        "{\"id\":null,\"error\":{\"code\":\"InvalidInput\",\"message\":\"the line is longer than 1048576 bytes\",\
         \"path\":\"\",\"line\":1}}\n\
         {\"id\":null,\"error\":{\"code\":\"InvalidInput\",\"message\":\"not UTF-8: invalid utf-8 sequence of 1 bytes \
         from index 1\",\"path\":\"\",\"line\":2}}\n"
    );
}

#[test]
fn depth_is_no_danger_wherever_it_is() {
    let deep = "[".repeat(300_000);
    let line = |id: &str, document: &str| {
        format!(r#"{{"id":{id},"policies":{{"identity":[{document}]}},"request":{REQUEST}}}"#)
    };
    let closed = format!("{deep}{}", "]".repeat(300_000));
    // An id is only repeated.
    let input = format!("{}\n", line(&closed, ALLOW));
    let mut out = Vec::new();
    simulate(input.as_bytes(), &mut out, Explain::No).expect("memory can be read and written");
    assert!(out.starts_with(format!("{{\"id\":{closed},\"decision\":").as_bytes()));
    let document = format!(r#"{{"Statement":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let (_, told) = error(&line("1", &document));
    assert!(told.starts_with("InvalidPolicyDocument "), "{told}");
    assert!(error(&deep).1.starts_with("InvalidInput \"\" "));
    let request = format!(r#"{{"id":1,"policies":{{}},"request":{closed}}}"#);
    assert!(error(&request).1.starts_with("InvalidInput \"/request\" "));
}

#[test]
fn with_explain_a_line_tells_what_every_statement_made_of_the_request() {
    let line = r#"{"id":"c1","policies":{"vpcEndpoint":{"Version":"2012-10-17","Statement":[{"Sid":"MyModel","Effect":"Allow","Principal":"*","Action":"lookoutvision:DetectAnomalies","Resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}]}},"request":{"principal":"arn:aws:iam::123456789012:user/alice","action":"lookoutvision:DetectAnomalies","resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1","context":{}}}"#;
    let answer = simulated(line, Explain::Yes).remove(0);
    assert_eq!(
        answer,
        json!({
            "id": "c1",
            "decision": "implicitDeny",
            "decided_by": null,
            "message": "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: \
                        lookoutvision:DetectAnomalies on resource: \
                        arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1 \
                        because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action",
            "statements": [{
                "policy_type": "vpc-endpoint",
                "policy": 0,
                "statement": 0,
                "sid": "MyModel",
                "effect": "Allow",
                "matched": false,
                "principal": true,
                "action": true,
                "resource": false,
                "conditions": [],
                "mismatch": {
                    "clause": "resource",
                    "reason": "the resource part `model/myProject/1` does not match `model/myProject/myModel`",
                    "value": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
                    "pattern": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel",
                    "patterns": [{
                        "path": "/Statement/0/Resource", "line": 1, "column": 140,
                        "pattern": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel",
                    }],
                },
            }],
            "near_miss": {
                "policy_type": "vpc-endpoint",
                "policy": 0,
                "statement": 0,
                "sid": "MyModel",
                "reason": "the resource part `model/myProject/1` does not match `model/myProject/myModel`",
            },
            "notes": [],
        })
    );
}

/// Lines that are made while they are read, so that none of them is kept here
struct Generated {
    next: u32,
    count: u32,
    line: Vec<u8>,
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.is_empty() && self.next < self.count {
            let mut line = String::new();
            let _ = writeln!(
                line,
                r#"{{"id":{},"policies":{{}},"request":{REQUEST}}}"#,
                self.next
            );
            self.line = line.into_bytes();
            self.next += 1;
        }
        let read = self.line.as_slice().read(buffer)?;
        self.line.drain(..read);
        Ok(read)
    }
}

/// Looks at answers as they come, and keeps none
struct Counted {
    next: u32,
    begun: Vec<u8>,
    most: usize,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        self.most = self.most.max(self.begun.len());
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let answer = format!(
                r#"{{"id":{},"decision":"allowed","decided_by":null,"message":null}}"#,
                self.next
            );
            assert_eq!(self.begun[..end], *answer.as_bytes());
            self.begun.drain(..=end);
            self.next += 1;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        assert!(self.begun.is_empty(), "an answer leaves whole");
        Ok(())
    }
}

#[test]
fn a_hundred_thousand_lines_are_answered_in_order_and_none_is_kept() {
    let input = Generated {
        next: 0,
        count: 100_000,
        line: Vec::new(),
    };
    let mut output = Counted {
        next: 0,
        begun: Vec::new(),
        most: 0,
    };
    simulate(input, &mut output, Explain::No).expect("the input and the output are ours");
    assert_eq!(output.next, 100_000);
    assert!(output.most <= OUTPUT_BYTES, "{}", output.most);
}

#[test]
fn an_input_and_an_output_that_break_end_the_simulation() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let input = simulate(Broken, io::sink(), Explain::No);
    assert!(matches!(input, Err(super::Broken::Input(_))));
    let line = format!(r#"{{"id":1,"policies":{{}},"request":{REQUEST}}}"#);
    let output = simulate(line.as_bytes(), Broken, Explain::No);
    assert!(matches!(output, Err(super::Broken::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe));
}

#[test]
fn the_context_tells_the_path_of_a_sessions_role() {
    let decision = |context: &str| {
        let line = format!(
            r#"{{"policies":{{"vpcEndpoint":{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::123456789012:role/inspector"}},"Action":"*","Resource":"*"}}]}}}},"request":{{"principal":"arn:aws:sts::123456789012:assumed-role/inspector/line-7","action":"lookoutvision:ListModels","resource":"*","context":{context}}}}}"#
        );
        simulated(&line, Explain::No)[0]["decision"].clone()
    };
    let role = |role: &str| format!(r#"{{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/{role}"}}"#);
    assert_eq!(decision("{}"), "allowed");
    assert_eq!(decision(&role("inspector")), "allowed");
    assert_eq!(decision(&role("factory/inspector")), "implicitDeny");
    // The ARN of another role tells nothing about this session.
    assert_eq!(decision(&role("auditor")), "allowed");
}

#[test]
fn the_byte_order_mark_of_a_file_is_no_part_of_its_first_line() {
    let line = r#"{"id":"c1","policies":{},"request":{"principal":"arn:aws:iam::123456789012:user/alice","action":"lookoutvision:ListProjects","resource":"*"}}"#;
    let answers = simulated(&format!("\u{feff}{line}\n\u{feff}{line}\n"), Explain::No);
    assert_eq!(answers[0]["decision"], "allowed");
    assert_eq!(
        answers[1]["error"]["code"], "InvalidInput",
        "only at the beginning of the file"
    );
}

#[test]
fn an_action_that_is_misspelt_is_a_mistake_and_says_which_was_meant() {
    let line = |action: &str| {
        format!(
            r#"{{"id":1,"policies":{{}},"request":{{"principal":"anonymous","action":"{action}","resource":"*"}}}}"#
        )
    };
    for (action, message) in [
        (
            "lookoutvision:DetectAnomaly",
            "`lookoutvision:DetectAnomaly` is no action; did you mean `lookoutvision:DetectAnomalies`?",
        ),
        (
            "lookoutvison:ListModels",
            "`lookoutvison:ListModels` is no action; did you mean `lookoutvision:ListModels`?",
        ),
        (
            "ec2:CreateVpcEndpont",
            "`ec2:CreateVpcEndpont` is no action; did you mean `ec2:CreateVpcEndpoint`?",
        ),
        (
            "lookoutvision:Frobnicate",
            "`lookoutvision:Frobnicate` is no action",
        ),
    ] {
        let (_, told) = error(&line(action));
        assert_eq!(told, format!("InvalidInput \"/request/action\" {message}"));
    }
    for action in [
        "LookoutVision:detectanomalies",
        "s3:Whatever",
        "sts:GetCallerIdentity",
        "ecs:RunTask",
    ] {
        assert_eq!(
            simulated(&line(action), Explain::No)[0]["decision"],
            "allowed",
            "{action}"
        );
    }
}
