use proptest::prelude::*;

use lookoutvision::canned::Between;

use super::*;

fn fault(probability: f64, seed: u64, call: Option<CallNumbers>) -> Fault {
    Fault {
        name: "f".into(),
        when: When::default(),
        call,
        probability,
        draws: Draws::new(seed),
        times: None,
        ttl: None,
        stage: Stage::BeforeAnswer,
        delay: None,
        effect: Effect::Nothing,
        written: Value::Null,
    }
}

fn a_call() -> CallFacts<'static> {
    CallFacts {
        service: EmulatedService::LookoutVision,
        operation: Some("DetectAnomalies"),
        principal: Some("arn:aws:iam::123456789012:user/alice"),
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE"),
        vpc_endpoint_id: None,
        project: Some("myProject"),
        model_version: Some("1"),
        region: None,
        source_ip: [127, 0, 0, 1].into(),
    }
}

#[test]
fn each_part_of_when_must_hold() {
    let pattern = |text: &str| Some(Pattern::new(text));
    let holds = |when: When| when.holds(&a_call());
    assert!(holds(When::default()));
    assert!(holds(When {
        operation: pattern("Detect*"),
        principal: pattern("*user/alice"),
        project: "myProject".parse().ok(),
        model_version: "1".parse().ok(),
        source_ip: "127.0.0.0/8".parse().ok(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".parse().ok(),
        service: Some(EmulatedService::LookoutVision),
        ..When::default()
    }));
    for when in [
        When {
            operation: pattern("List*"),
            ..When::default()
        },
        When {
            principal: pattern("*user/bob"),
            ..When::default()
        },
        When {
            project: "other".parse().ok(),
            ..When::default()
        },
        When {
            model_version: "2".parse().ok(),
            ..When::default()
        },
        When {
            source_ip: "10.0.0.0/8".parse().ok(),
            ..When::default()
        },
        When {
            access_key_id: "AKIAI44QH8DHBEXAMPLE".parse().ok(),
            ..When::default()
        },
        When {
            service: Some(EmulatedService::Sts),
            ..When::default()
        },
        // What is not known is not what is asked for.
        When {
            vpc_endpoint_id: "vpce-0a1b2c3d4e5f67890".parse().ok(),
            ..When::default()
        },
        When {
            region: "us-west-2".parse().ok(),
            ..When::default()
        },
    ] {
        assert!(!when.holds(&a_call()), "{when:?}");
    }
}

#[test]
fn an_error_happens_to_operations_that_have_it() {
    let error = |operations: Vec<&'static str>| {
        Effect::Error(InjectedError {
            code: "ConflictException",
            message: None,
            retry_after_seconds: None,
            operations: vec![(EmulatedService::LookoutVision, operations)],
        })
    };
    assert!(error(vec!["DetectAnomalies"]).can_be_of(&a_call()));
    assert!(!error(vec!["CreateModel"]).can_be_of(&a_call()));
    let not_known_yet = CallFacts {
        operation: None,
        ..a_call()
    };
    assert!(error(vec!["CreateModel"]).can_be_of(&not_known_yet));
    let of_another_service = CallFacts {
        service: EmulatedService::Ec2,
        ..a_call()
    };
    assert!(!error(vec!["DetectAnomalies"]).can_be_of(&of_another_service));
}

proptest! {
    #[test]
    fn whether_a_number_strikes_depends_on_nothing_else(seed: u64, numbers: Vec<u64>, probability in 0.0..=1.0) {
        let (one, other) = (fault(probability, seed, None), fault(probability, seed, None));
        let forwards: Vec<_> = numbers.iter().map(|number| one.strikes(*number)).collect();
        let mut backwards: Vec<_> = numbers.iter().rev().map(|number| other.strikes(*number)).collect();
        backwards.reverse();
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn certain_faults_strike_every_call_of_their_range(seed: u64, number in 1_u64.., from in 1_u64.., to in 1_u64..) {
        let call = CallNumbers::from(Between { from, to });
        prop_assert_eq!(fault(1.0, seed, Some(call)).strikes(number), call.contain(number));
        prop_assert!(!fault(0.0, seed, None).strikes(number));
    }

    #[test]
    fn a_delay_lies_in_its_range(seed: u64, number: u64, from in 0_u64..600_000, to in 0_u64..600_000) {
        let (from, to) = (Duration::from_millis(from.min(to)), Duration::from_millis(from.max(to)));
        let fault = Fault { delay: Some(Delay { from, to }), ..fault(1.0, seed, None) };
        let delay = fault.delay_of(number).expect("it has one");
        prop_assert!(from <= delay && delay <= to, "{delay:?}");
    }
}
