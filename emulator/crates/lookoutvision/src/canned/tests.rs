use super::*;
use crate::testing::{always, api_model, verdict};

const PRINCIPAL: &str = "arn:aws:iam::123456789012:user/alice";

fn endpoint() -> VpcEndpointId {
    "vpce-0a1b2c3d4e5f67890".parse().unwrap()
}

/// Whether the conditions match a PNG of 320 x 240 in ten bytes, sent by Alice over her endpoint as the third call
fn matches(when: &When) -> bool {
    let call = Call {
        image: Image {
            format: ImageFormat::Png,
            width: 320,
            height: 240,
        },
        body: b"0123456789",
        body_sha256: OnceCell::new(),
        principal: PRINCIPAL,
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        vpc_endpoint_id: Some(&endpoint()),
        number: 3,
    };
    let states = States::from([("line".into(), "warm".into())]);
    when.matches(&call, &states)
}

fn only(value: u64) -> Option<Between> {
    Some(Between {
        from: value,
        to: value,
    })
}

#[test]
fn a_rule_that_asks_nothing_matches_everything() {
    assert!(matches(&When::default()));
}

#[test]
fn each_condition_matches_what_it_asks_for_and_nothing_else() {
    type With = fn(&mut When);
    let table: [(&str, With, With); 12] = [
        (
            "image_sha256",
            // SHA-256 of `0123456789`, as `sha256sum` prints it.
            |when| {
                when.image_sha256 = Some([
                    0x84, 0xd8, 0x98, 0x77, 0xf0, 0xd4, 0x04, 0x1e, 0xfb, 0x6b, 0xf9, 0x1a, 0x16, 0xf0, 0x24,
                    0x8f, 0x2f, 0xd5, 0x73, 0xe6, 0xaf, 0x05, 0xc1, 0x9f, 0x96, 0xbe, 0xdb, 0x9f, 0x88, 0x2f,
                    0x78, 0x82,
                ]);
            },
            |when| when.image_sha256 = Some([0; 32]),
        ),
        (
            "content_type",
            |when| when.content_type = Some(ImageFormat::Png),
            |when| when.content_type = Some(ImageFormat::Jpeg),
        ),
        (
            "image_bytes",
            |when| when.image_bytes = only(10),
            |when| when.image_bytes = only(11),
        ),
        (
            "width",
            |when| when.width = only(320),
            |when| when.width = only(240),
        ),
        (
            "height",
            |when| when.height = only(240),
            |when| when.height = only(320),
        ),
        (
            "principal",
            |when| when.principal = Some(PRINCIPAL.into()),
            |when| when.principal = Some("arn:aws:iam::123456789012:user/Alice".into()),
        ),
        (
            "vpc_endpoint_id",
            |when| when.vpc_endpoint_id = Some(endpoint()),
            |when| when.vpc_endpoint_id = "vpce-00000000000000000".parse().ok(),
        ),
        (
            "call",
            |when| when.call = only(3).map(Into::into),
            |when| when.call = only(2).map(Into::into),
        ),
        (
            "principal as a pattern",
            |when| when.principal = Some("arn:aws:iam::*:user/a*".into()),
            |when| when.principal = Some("arn:aws:iam::*:user/b*".into()),
        ),
        (
            "access_key_id",
            |when| when.access_key_id = Some("AKIAIOSFODNN7EXAMPLE".into()),
            |when| when.access_key_id = Some("AKIAIOSFODNN7*".into()),
        ),
        (
            "scenario",
            |when| when.scenario = BTreeMap::from([("line".into(), "warm".into())]),
            |when| when.scenario = BTreeMap::from([("line".into(), "Started".into())]),
        ),
        (
            "a scenario that nobody has set",
            |when| when.scenario = BTreeMap::from([("other".into(), "Started".into())]),
            |when| when.scenario = BTreeMap::from([("other".into(), "warm".into())]),
        ),
    ];
    for (name, right, wrong) in table {
        let mut when = When::default();
        right(&mut when);
        assert!(matches(&when), "{name}");
        wrong(&mut when);
        assert!(!matches(&when), "{name}");
    }
}

#[test]
fn every_condition_of_a_rule_must_hold() {
    assert!(matches(&When {
        width: only(320),
        height: only(240),
        ..When::default()
    }));
    assert!(!matches(&When {
        width: only(320),
        height: only(241),
        ..When::default()
    }));
}

#[test]
fn a_range_has_both_its_ends() {
    let range = Between { from: 2, to: 4 };
    assert_eq!(
        [1, 2, 3, 4, 5].map(|value| range.contains(value)),
        [false, true, true, true, false]
    );
}

#[test]
fn a_rule_for_an_endpoint_does_not_match_the_public_endpoint() {
    let call = Call {
        image: Image {
            format: ImageFormat::Png,
            width: 64,
            height: 64,
        },
        body: b"",
        body_sha256: OnceCell::new(),
        principal: PRINCIPAL,
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        vpc_endpoint_id: None,
        number: 1,
    };
    assert!(
        !When {
            vpc_endpoint_id: Some(endpoint()),
            ..When::default()
        }
        .matches(&call, &States::new())
    );
    assert!(When::default().matches(&call, &States::new()));
}

#[test]
fn a_known_hash_is_not_computed_again() {
    let call = Call {
        image: Image {
            format: ImageFormat::Png,
            width: 64,
            height: 64,
        },
        body: b"0123456789",
        body_sha256: OnceCell::from([7; 32]),
        principal: PRINCIPAL,
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        vpc_endpoint_id: None,
        number: 1,
    };
    assert!(
        When {
            image_sha256: Some([7; 32]),
            ..When::default()
        }
        .matches(&call, &States::new())
    );
}

#[test]
fn the_model_s_rules_come_before_the_project_s_and_the_first_one_answers() {
    let call = |number| Call {
        image: Image {
            format: ImageFormat::Png,
            width: 64,
            height: 64,
        },
        body: b"",
        body_sha256: OnceCell::new(),
        principal: PRINCIPAL,
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        vpc_endpoint_id: None,
        number,
    };
    let on_call = |number| CannedRule {
        when: When {
            call: only(number).map(Into::into),
            ..When::default()
        },
        ..always(Then::Classification(verdict(true, 0.5)))
    };
    let model_rules = [on_call(1), on_call(2), on_call(1)];
    let project_rules = [on_call(3), on_call(2)];
    let rules = RuleLists {
        put: None,
        model: &model_rules,
        project: &project_rules,
    };
    let answered = |number| rules.first_match(&call(number), &States::new()).0;
    assert_eq!(answered(1), RuleRef::Model(0));
    assert_eq!(answered(2), RuleRef::Model(1));
    assert_eq!(answered(3), RuleRef::Project(0));
    assert_eq!(answered(4), RuleRef::Default);
}

#[test]
fn the_journal_names_rules_by_their_place() {
    assert_eq!(RuleRef::Model(2).to_string(), "model.detect_anomalies[2]");
    assert_eq!(RuleRef::Project(0).to_string(), "project.detect_anomalies[0]");
    assert_eq!(RuleRef::Default.to_string(), "default");
}

#[test]
fn a_confidence_is_from_0_to_1() {
    for value in [0.0, 0.3112, 1.0] {
        assert!(Confidence::try_from(value).is_ok(), "{value}");
    }
    for value in [-0.1, 1.000_000_1, f64::NAN, f64::INFINITY] {
        assert!(Confidence::try_from(value).is_err(), "{value}");
    }
    assert_eq!(
        Confidence::try_from(97.0).unwrap_err().to_string(),
        "`97` is not a confidence (a number from 0 to 1)"
    );
}

#[test]
fn the_errors_of_a_rule_are_those_that_the_api_model_lists() {
    let api = api_model();
    let mut listed: Vec<_> = api["operations"]["DetectAnomalies"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    let mut known = DetectAnomaliesError::ALL.map(DetectAnomaliesError::name);
    listed.sort_by_key(|name| name.as_str());
    known.sort_unstable();
    assert_eq!(listed, known);

    for error in DetectAnomaliesError::ALL {
        let members = &api["shapes"][error.name()]["members"];
        assert_eq!(
            error.has_retry_after(),
            members.get("RetryAfterSeconds").is_some(),
            "{}",
            error.name()
        );
        assert_eq!(
            CannedError::new(error, "", Some(1)).is_ok(),
            error.has_retry_after(),
            "{}",
            error.name()
        );
        assert!(CannedError::new(error, "", None).is_ok(), "{}", error.name());
        assert_eq!(error.name().parse(), Ok(error));
    }
    assert_eq!(
        CannedError::new(DetectAnomaliesError::ConflictException, "", Some(1))
            .unwrap_err()
            .to_string(),
        "`ConflictException` has no Retry-After; InternalServerException and ThrottlingException do"
    );
    assert_eq!(
        "Throttling"
            .parse::<DetectAnomaliesError>()
            .unwrap_err()
            .to_string(),
        "`Throttling` is not an error of DetectAnomalies (AccessDeniedException, InternalServerException, \
         ValidationException, ConflictException, ResourceNotFoundException or ThrottlingException)"
    );
}

#[test]
fn every_third_call_begins_with_the_first_that_is_meant() {
    let numbers = |from, to| {
        let calls = CallNumbers {
            between: Between { from, to },
            every: NonZeroU64::new(3).unwrap(),
        };
        (1..=12)
            .filter(|number| calls.contain(*number))
            .collect::<Vec<u64>>()
    };
    assert_eq!(numbers(3, u64::MAX), [3, 6, 9, 12]);
    assert_eq!(numbers(1, u64::MAX), [1, 4, 7, 10]);
    assert_eq!(numbers(5, 10), [5, 8]);
}
