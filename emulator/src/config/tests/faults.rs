//! The section `faults`, and faults that stand alone.

use std::time::Duration;

use lookoutvision::canned::Between;

use super::*;
use crate::{
    config::faults::{read_list, read_some},
    settings::faults::{ConnectionFault, ConnectionFaultKind, Delay, Effect, Fault, Stage, TlsFault},
};

#[track_caller]
fn fault(yaml: &str) -> Fault {
    let mut faults =
        read_some(yaml).unwrap_or_else(|problems| panic!("the fault should be valid:\n{problems}"));
    assert_eq!(faults.len(), 1);
    faults.swap_remove(0)
}

#[track_caller]
fn refused(yaml: &str, expected: &str) {
    let Err(problems) = read_some(yaml) else {
        panic!("the fault should not be valid")
    };
    let lines = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message));
    assert_eq!(lines.collect::<Vec<_>>().join("\n"), expected);
}

#[test]
fn every_part_of_a_fault_is_read() {
    let busy = fault(
        "{name: busy, when: {service: lookoutvision, operation: 'Detect*', principal: '*', vpc_endpoint_id: vpce-0a1b2c3d, \
         project: myProject, model_version: 1, region: us-west-2, access_key_id: test, source_ip: 127.0.0.1, call: {from: 3}}, \
         probability: 0.3, seed: 42, times: 5, ttl_seconds: 60, stage: instead_of_operation, fault: {error: \
         ThrottlingException, message: Slow down, retry_after_seconds: 1, delay_milliseconds: {from: 50, to: 5000}}}",
    );
    assert_eq!(&*busy.name, "busy");
    assert_eq!(
        (busy.probability, busy.times, busy.ttl),
        (0.3, Some(5), Some(Duration::from_secs(60)))
    );
    assert_eq!(
        busy.call,
        Some(
            Between {
                from: 3,
                to: u64::MAX
            }
            .into()
        )
    );
    assert_eq!(busy.stage, Stage::InsteadOfOperation);
    let milliseconds = Duration::from_millis;
    assert_eq!(
        busy.delay,
        Some(Delay {
            from: milliseconds(50),
            to: milliseconds(5_000)
        })
    );
    let Effect::Error(error) = &busy.effect else {
        panic!("{busy:?}")
    };
    assert_eq!(
        (error.code, error.message.as_deref(), error.retry_after_seconds),
        ("ThrottlingException", Some("Slow down"), Some(1))
    );
    assert_eq!(error.operations.len(), 1, "{error:?}");
    assert_eq!(error.operations[0].1, ["DetectAnomalies"]);
    assert_eq!(busy.written["when"]["call"], serde_json::json!({"from": 3}));
}

#[test]
fn what_is_not_said_is_every_call_and_for_ever() {
    let plain = fault("{name: a, fault: {delay_milliseconds: 5}}");
    assert_eq!(
        (plain.probability, plain.times, plain.ttl, plain.call),
        (1.0, None, None, None)
    );
    assert_eq!(plain.stage, Stage::BeforeAnswer);
    assert!(matches!(plain.effect, Effect::Nothing), "{plain:?}");
}

#[test]
fn each_kind_of_connection_fault_is_read() {
    let connection = |text: &str| match fault(&format!("{{name: a, fault: {{connection: {text}}}}}")).effect {
        Effect::Connection(fault) => fault,
        other => panic!("{other:?}"),
    };
    for (text, kind, after_bytes) in [
        ("reset", ConnectionFaultKind::Reset, None),
        ("reset, after_bytes: 100", ConnectionFaultKind::Reset, Some(100)),
        ("close", ConnectionFaultKind::Close, None),
        ("stall", ConnectionFaultKind::Stall(None), None),
        (
            "stall, seconds: 30",
            ConnectionFaultKind::Stall(Some(Duration::from_secs(30))),
            None,
        ),
        ("truncate, after_bytes: 1", ConnectionFaultKind::Truncate, Some(1)),
        (
            "slow, bytes_per_second: 512",
            ConnectionFaultKind::Slow {
                bytes_per_second: 512,
            },
            None,
        ),
    ] {
        assert_eq!(connection(text), ConnectionFault { kind, after_bytes }, "{text}");
    }
}

#[test]
fn each_kind_of_tls_fault_is_read_and_is_looked_for_in_the_handshake() {
    for (text, expected) in [
        ("expired_certificate", TlsFault::ExpiredCertificate),
        ("not_yet_valid", TlsFault::NotYetValid),
        ("wrong_name", TlsFault::WrongName),
        ("unknown_authority", TlsFault::UnknownAuthority),
        ("reset_in_handshake", TlsFault::Reset),
        ("stall_in_handshake", TlsFault::Stall(None)),
    ] {
        let read = fault(&format!(
            "{{name: a, when: {{server_name: '*.amazonaws.com', source_ip: 10.1.2.3/8}}, fault: {{tls: {text}}}}}"
        ));
        assert_eq!(read.stage, Stage::Handshake);
        assert!(
            matches!(read.effect, Effect::Tls(fault) if fault == expected),
            "{read:?}"
        );
    }
}

#[test]
fn an_error_must_be_one_of_some_operation_that_is_asked_for() {
    let listed = fault("{name: a, fault: {error: Throttling}}");
    let Effect::Error(error) = listed.effect else {
        panic!("it is one")
    };
    let services: Vec<_> = error
        .operations
        .iter()
        .map(|(service, _)| service.signing_name())
        .collect();
    assert_eq!(services, ["ec2", "sts"]);
    refused(
        "{name: a, when: {service: sts}, fault: {error: ConflictException}}",
        "/fault/error: `ConflictException` is an error of none of the operations that `when` asks for",
    );
    refused(
        "{name: a, fault: {error: ThrotlingException}}",
        "/fault/error: `ThrotlingException` is no error that can be injected; did you mean `ThrottlingException`?",
    );
    // Lookout for Vision has `ConflictException`, and EC2 would refuse it.
    let problems = read_list("[{name: a, when: {service: ec2}, fault: {error: ConflictExceptio}}]");
    let said = problems.expect_err("there is no such error").to_string();
    assert!(said.contains("is no error that can be injected; "), "{said}");
    assert!(!said.contains("`ConflictException`"), "{said}");
}

#[test]
fn json_is_read_as_yaml_is_and_mistakes_have_their_place() {
    assert_eq!(
        &*fault(r#"{"name":"a","fault":{"status":503,"body":"{}"}}"#).name,
        "a"
    );
    let problems =
        read_list("[{\"name\":\"a\",\n \"fault\":{\"stauts\":503}}]").expect_err("a key is misspelt");
    let problem = problems.iter().next().expect("there is one");
    assert_eq!(
        (problem.path.as_str(), problem.line, problem.column),
        ("/0/fault/stauts", Some(2), Some(11))
    );
    assert_eq!(problem.message, "unknown key; did you mean `status`?");
    let problems = read_list("{name: a}").expect_err("it is no list");
    assert!(
        problems.to_string().contains("expected a list, found a mapping"),
        "{problems}"
    );
    assert!(read_some("{name: ").is_err());
}

#[test]
fn there_are_as_many_as_there_may_be() {
    check(
        "limits: {faults_max: 1}\nfaults:\n- {name: a, fault: {delay_milliseconds: 1}}\n- {name: b, fault: {delay_milliseconds: 1}}\n",
        "emulator.yaml:2:1: /faults: 2 faults are more than faults_max (1)",
    );
}
