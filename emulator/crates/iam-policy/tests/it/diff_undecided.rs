//! Differences where clauses are not solved by classes alone, and what stays undecided.

use iam_policy::{PolicyType, Side, diff};

use crate::diff::{ALLOW_ALL, CLASSES_MAX, SERVICE, check, document, endpoint_diff};

#[test]
fn clauses_with_variables_that_did_not_change_prove_nothing_and_hide_nothing() {
    let own = |action: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "arn:aws:shop:*:*:thing/${{aws:username}}/*",
                "Condition": {{"StringEquals": {{"aws:ResourceTag/team": "${{aws:PrincipalTag/team}}"}}}}}}"#
        )
    };
    check(&own("shop:ReadThing"), &own("shop:ReadThing"), &[]);
    check(
        &own("shop:ReadThing"),
        &format!("{}, {}", own("shop:ReadThing"), own("shop:WriteThing")),
        &[
            "new access: shop:WriteThing on arn:aws:shop:us-east-1:123456789012:thing/example/example by arn:aws:iam::123456789012:user/example: aws:PrincipalTag/team=other aws:ResourceTag/team=other implicitDeny, then allowed",
        ],
    );
}

#[test]
fn clauses_with_variables_of_other_actions_are_in_nobodys_way() {
    let own = r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:ReadThing", "Resource": "arn:aws:shop:*:*:thing/${aws:username}/*"}"#;
    let list = |action: &str| {
        format!(r#"{own}, {{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "*"}}"#)
    };
    check(
        &list("shop:NoThing"),
        &list("shop:ListThings"),
        &[
            "new access: shop:ListThings on * by arn:aws:iam::123456789012:user/example: implicitDeny, then allowed",
        ],
    );
}

#[test]
fn values_that_make_a_difference_in_the_middle_of_a_pattern_are_found() {
    let statement = |effect: &str, resource: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": "shop:ReadThing", "Resource": "arn:aws:shop:us-east-1:123456789012:thing/{resource}"}}"#
        )
    };
    let allow = statement("Allow", "a/*");
    // The denial takes something away only from a caller whose tag or name is `a`.
    check(
        &format!("{allow}, {}", statement("Deny", "${aws:PrincipalTag/team}/*")),
        &allow,
        &[
            "new access: shop:ReadThing on arn:aws:shop:us-east-1:123456789012:thing/a/x by arn:aws:iam::123456789012:user/example: aws:PrincipalTag/team=a explicitDeny, then allowed",
            "other denial: shop:ReadThing on arn:aws:shop:us-east-1:123456789012:thing/other/x by arn:aws:iam::123456789012:user/example: aws:PrincipalTag/team=other explicitDeny, then implicitDeny",
        ],
    );
    check(
        &format!("{allow}, {}", statement("Deny", "${aws:username}/*")),
        &allow,
        &[
            "new access: shop:ReadThing on arn:aws:shop:us-east-1:123456789012:thing/a/x by arn:aws:iam::123456789012:user/a: explicitDeny, then allowed",
            "other denial: shop:ReadThing on arn:aws:shop:us-east-1:123456789012:thing/example/example by arn:aws:iam::123456789012:user/example: explicitDeny, then implicitDeny",
        ],
    );
}

#[test]
fn callers_and_owners_that_are_compared_with_each_other_are_tried() {
    let with = |condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "shop:ReadThing", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    let foreign = [
        "new access: shop:ReadThing on arn:aws:shop:us-east-1:111122223333:thing/example/example by arn:aws:iam::123456789012:user/example: implicitDeny, then allowed",
    ];
    for condition in [
        r#"{"StringEqualsIfExists": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}"#,
        r#"{"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}"#,
        r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:ResourceAccount}:*"}}"#,
    ] {
        check(&with(condition), &with("{}"), &foreign);
    }
}

#[test]
fn a_clause_whose_key_is_never_there_is_solved() {
    let with = |action: &str, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    // ListThings is authorised on `*`, which nobody owns, and MakeThing has no tags of a resource.
    check(
        &with(
            "shop:ListThings",
            r#"{"StringEqualsIfExists": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}"#,
        ),
        &with("shop:ListThings", "{}"),
        &[],
    );
    check(
        &with(
            "shop:MakeThing",
            r#"{"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}"#,
        ),
        &with("shop:MakeThing", "{}"),
        &[],
    );
}

#[test]
fn no_bound_makes_a_difference_disappear() {
    let own = |action: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "arn:aws:shop:*:*:thing/${{aws:username}}/*",
                "Condition": {{"StringEquals": {{"aws:ResourceTag/team": "${{aws:PrincipalTag/team}}"}}}}}}"#
        )
    };
    let (old, new) = (own("shop:ReadThing"), own("shop:*Thing"));
    let [old, new] = [&old, &new].map(|statements| document(statements, PolicyType::VpcEndpoint));
    let (mut undecided, mut found) = (0, 0);
    for classes_max in (1..400).step_by(10) {
        let diff = diff(&old, &new, &SERVICE, classes_max);
        match diff.has_new_access() {
            None => undecided += 1,
            Some(true) => found += 1,
            Some(false) => panic!("no new access among {classes_max} classes"),
        }
    }
    assert!(undecided > 3 && found > 3, "{undecided} {found}");
}

#[test]
fn what_is_not_solved_is_undecided_and_says_where() {
    let with = |condition: &str| {
        format!(
            "{{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"shop:ListThings\", \"Resource\": \"*\",\n\"Condition\": {condition}}}"
        )
    };
    // The same in other words, but that takes reasoning: the tag is `a`, and so is the value it is compared with.
    let diff = endpoint_diff(
        &with(r#"{"StringEquals": {"aws:RequestedRegion": "a", "aws:PrincipalTag/b": "a"}}"#),
        &with(
            r#"{"StringEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/b}", "aws:PrincipalTag/b": "a"}}"#,
        ),
    );
    assert_eq!(diff.differences.len(), 0);
    assert_eq!(diff.has_new_access(), None);
    let [undecided] = diff.undecided.as_slice() else {
        panic!("{:?}", diff.undecided);
    };
    let (side, place) = undecided.clause.as_ref().unwrap();
    assert_eq!(
        (*side, place.path.as_str(), place.line),
        (
            Side::New,
            "/Statement/0/Condition/StringEquals/aws:RequestedRegion",
            2
        )
    );
    assert_eq!(
        undecided.reason,
        "`StringEquals` is not solved: its value has a variable"
    );
}

#[test]
fn more_classes_than_may_be_looked_at_are_undecided() {
    let old = document(ALLOW_ALL, PolicyType::VpcEndpoint);
    // The same in other words.
    let new = document(
        &ALLOW_ALL.replace(
            r#""Principal": "*""#,
            r#""Principal": {"AWS": ["*", "123456789012"]}"#,
        ),
        PolicyType::VpcEndpoint,
    );
    let found = diff(&old, &new, &SERVICE, 5);
    assert_eq!((found.has_new_access(), found.classes), (None, 5));
    assert_eq!(
        found.undecided[0].reason,
        "there are more than 5 classes of requests"
    );
    assert_eq!(
        diff(&old, &new, &SERVICE, CLASSES_MAX).has_new_access(),
        Some(false)
    );
}

#[test]
fn a_document_does_not_differ_from_itself_in_another_order_whatever_its_clauses() {
    let statement = |effect: &str, values: &str, actions: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": {actions}, "Resource": "arn:aws:shop:*:*:thing/${{aws:username}}/*",
                "Condition": {{"StringLike": {{"aws:PrincipalTag/team": {values}}}, "NumericLessThan": {{"aws:PrincipalTag/team": "3"}}}}}}"#
        )
    };
    let actions = [
        r#"["shop:ReadThing", "shop:Write*"]"#,
        r#"["shop:Write*", "shop:ReadThing"]"#,
    ];
    let values = [r#"["${aws:SourceVpc}", "a*"]"#, r#"["a*", "${aws:SourceVpc}"]"#];
    let [old, new] = [0, 1].map(|order| {
        let allow = statement("Allow", values[order], actions[order]);
        let deny = statement("Deny", values[0], actions[1 - order]);
        document(
            &match order {
                0 => format!("{allow}, {deny}"),
                _ => format!("{deny}, {allow}"),
            },
            PolicyType::VpcEndpoint,
        )
    });
    // Not a single class needs to be examined.
    let found = diff(&old, &new, &SERVICE, 0);
    assert_eq!(found.undecided, []);
    assert_eq!(found.has_new_access(), Some(false));
    assert!(found.differences.is_empty());
    // One value less is a difference.
    let narrower = document(
        &statement("Allow", r#""a*""#, actions[0]),
        PolicyType::VpcEndpoint,
    );
    assert_ne!(diff(&old, &narrower, &SERVICE, 0).undecided, []);
}
