//! Requests that are rare but that the service does decide: the search for differences covers each of them.

use iam_policy::Change;

use crate::diff::{ALLOW_ALL, check, endpoint_diff, lines};

/// A statement about everything, with this condition.
fn with_condition(effect: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect": "{effect}", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
    )
}

#[test]
fn a_tag_that_an_operator_cannot_read_is_a_request_as_well() {
    let any = r#"{"Null": {"aws:PrincipalTag/level": "false"}}"#;
    let of =
        |operator: &str, value: &str| format!(r#"{{"{operator}": {{"aws:PrincipalTag/level": {value}}}}}"#);
    let allow = |operator: &str, value: &str| with_condition("Allow", &of(operator, value));
    let deny = |operator: &str, value: &str| with_condition("Deny", &of(operator, value));
    for (old, new) in [
        (
            allow("NumericGreaterThanEquals", r#""3""#),
            [with_condition("Allow", any), deny("NumericLessThan", r#""3""#)].join(", "),
        ),
        (
            [allow("Bool", r#""true""#), allow("Bool", r#""false""#)].join(", "),
            with_condition("Allow", any),
        ),
        (
            [ALLOW_ALL.to_owned(), deny("NumericNotEquals", r#""5""#)].join(", "),
            [
                ALLOW_ALL.to_owned(),
                deny("NumericLessThan", r#""5""#),
                deny("NumericGreaterThan", r#""5""#),
                deny("Null", r#""true""#),
            ]
            .join(", "),
        ),
        (
            allow("IpAddress", r#"["0.0.0.0/0", "::/0"]"#),
            with_condition("Allow", any),
        ),
        (
            [
                allow("DateLessThan", r#""2026-06-01""#),
                allow("DateGreaterThanEquals", r#""2026-06-01""#),
            ]
            .join(", "),
            with_condition("Allow", any),
        ),
    ] {
        let found = endpoint_diff(&old, &new);
        assert_eq!(found.undecided, []);
        let is_shown = found.differences.iter().any(|difference| {
            difference.change == Change::NewAccess
                && difference.example.context.values("aws:PrincipalTag/level") == ["other"]
        });
        assert!(is_shown, "{old}\n{new}\n{:?}", lines(&found));
    }
    // The clock is always a date.
    check(
        &[
            with_condition("Allow", r#"{"DateLessThan": {"aws:CurrentTime": "2026-06-01"}}"#),
            with_condition(
                "Allow",
                r#"{"DateGreaterThanEquals": {"aws:CurrentTime": "2026-06-01"}}"#,
            ),
        ]
        .join(", "),
        ALLOW_ALL,
        &[],
    );
}

#[test]
fn sessions_of_a_role_whose_path_nothing_tells_are_callers_too() {
    let of_role = |effect: &str, path: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": {{"AWS": "arn:aws:iam::123456789012:role/{path}/line"}}, "Action": "shop:ListThings", "Resource": "*"}}"#
        )
    };
    let allow = of_role("Allow", "f");
    check(
        &format!("{allow}, {}", of_role("Deny", "g")),
        &allow,
        &[
            "new access: shop:ListThings on * by arn:aws:sts::123456789012:assumed-role/line/session: explicitDeny, then allowed",
            "other denial: shop:ListThings on * by arn:aws:sts::123456789012:assumed-role/line/session: explicitDeny, then implicitDeny",
        ],
    );
}

#[test]
fn a_path_can_have_characters_that_a_name_cannot() {
    let found = endpoint_diff(
        &with_condition("Allow", r#"{"StringNotLike": {"aws:PrincipalArn": "*!*"}}"#),
        ALLOW_ALL,
    );
    assert_eq!(found.undecided, []);
    assert_eq!(found.has_new_access(), Some(true));
    for difference in &found.differences {
        let caller = difference.example.principal.to_string();
        let arn = difference.example.context.values("aws:PrincipalArn").concat();
        assert!(arn.contains('!'), "{caller} is {arn}");
        // In the path, but not in the name.
        assert!(
            arn.rsplit_once('/').is_some_and(|(path, _)| path.contains('!')),
            "{arn}"
        );
    }
}

#[test]
fn a_key_is_known_however_it_is_folded() {
    // The lower case of the Kelvin sign is `k`.
    let with = |key: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "shop:TagThing", "Resource": "*", "Condition": {{"ForAllValues:StringEquals": {{"{key}": ["a", "b"]}}}}}}"#
        )
    };
    let narrow = r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:TagThing", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}, "ForAnyValue:StringEquals": {"aws:Tag\u212aeys": "b"}}}"#;
    check(&with("aws:TagKeys"), &with(r"aws:Tag\u212aeys"), &[]);
    check(
        &with(r"aws:Tag\u212aeys"),
        narrow,
        &[
            "lost access: shop:TagThing on arn:aws:shop:us-east-1:123456789012:box/example by arn:aws:iam::123456789012:user/example: allowed, then implicitDeny",
        ],
    );
}

#[test]
fn names_that_a_service_would_refuse_later_are_authorised_first() {
    let of = |effect: &str, resource: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": "shop:MakeThing", "Resource": "arn:aws:shop:*:*:{resource}"}}"#
        )
    };
    for refused in ["box/* *", "box/*/*", "box/a!"] {
        let allow = of("Allow", "box/*");
        let found = endpoint_diff(&format!("{allow}, {}", of("Deny", refused)), &allow);
        assert_eq!(found.undecided, []);
        assert_eq!(found.has_new_access(), Some(true), "{refused}");
    }
}
