//! Differences between documents, compared with the decisions about requests.

use iam_policy::lint::{ResourceType, Service, ServiceAction};
use iam_policy::{Change, Diff, PolicyDocument, PolicyType, diff};

const ACTIONS: [ServiceAction<'static>; 5] = [
    action("ListThings", &[], &[]),
    action("MakeThing", &["box"], &[]),
    action("ReadThing", &["thing"], &["aws:ResourceTag/"]),
    action("WriteThing", &["thing"], &["aws:ResourceTag/"]),
    action(
        "TagThing",
        &["box", "thing"],
        &["aws:ResourceTag/", "aws:RequestTag/", "aws:TagKeys"],
    ),
];

const fn action(
    name: &'static str,
    resource_types: &'static [&'static str],
    condition_keys: &'static [&'static str],
) -> ServiceAction<'static> {
    ServiceAction {
        prefix: "shop",
        name,
        resource_types,
        condition_keys,
        resource_keys: &[],
        takes_any_resource: false,
    }
}

pub(crate) const SERVICE: Service<'static> = Service {
    prefix: "shop",
    actions: &ACTIONS,
    other_actions: &[],
    resource_types: &[
        ResourceType {
            name: "box",
            arn: "arn:${Partition}:shop:${Region}:${Account}:box/${BoxName}",
        },
        ResourceType {
            name: "thing",
            arn: "arn:${Partition}:shop:${Region}:${Account}:thing/${BoxName}/${ThingName}",
        },
    ],
    condition_keys: None,
    always_set_keys: &["aws:CurrentTime", "aws:SecureTransport", "aws:userid"],
    unset_keys: &[],
};

/// Keys that follow from the caller and the resource.
const FOLLOWING_KEYS: [&str; 6] = [
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:username",
    "aws:ResourceAccount",
    "aws:RequestedRegion",
];

pub(crate) const CLASSES_MAX: usize = 100_000;

pub(crate) fn document(statements: &str, policy_type: PolicyType) -> PolicyDocument {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    PolicyDocument::parse(&text, policy_type).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn endpoint_diff(old: &str, new: &str) -> Diff {
    let document = |statements: &str| document(statements, PolicyType::VpcEndpoint);
    diff(&document(old), &document(new), &SERVICE, CLASSES_MAX)
}

/// `new access: shop:ReadThing on … by …: implicitDeny, then allowed`, followed by the context
pub(crate) fn lines(diff: &Diff) -> Vec<String> {
    let line = |difference: &iam_policy::Difference| {
        let example = &difference.example;
        let context: Vec<String> = example
            .context
            .iter()
            .filter(|(key, _)| !FOLLOWING_KEYS.contains(key))
            .map(|(key, values)| format!(" {key}={}", values.join(",")))
            .collect();
        format!(
            "{}: {} on {} by {}:{} {}, then {}",
            difference.change,
            example.action,
            example.resource,
            example.principal,
            context.concat(),
            difference.before.decision,
            difference.after.decision
        )
    };
    diff.differences.iter().map(line).collect()
}

#[track_caller]
pub(crate) fn check(old: &str, new: &str, expected: &[&str]) {
    let diff = endpoint_diff(old, new);
    assert_eq!(diff.undecided, []);
    assert_eq!(lines(&diff), expected);
    // In the reverse direction, new access becomes lost access.
    let back = endpoint_diff(new, old);
    let count = |diff: &Diff, change: Change| {
        diff.differences
            .iter()
            .filter(|difference| difference.change == change)
            .count()
    };
    assert_eq!(count(&diff, Change::NewAccess), count(&back, Change::LostAccess));
    assert_eq!(count(&diff, Change::LostAccess), count(&back, Change::NewAccess));
}

pub(crate) const ALLOW_ALL: &str = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#;

#[test]
fn documents_that_say_the_same_in_other_words_do_not_differ() {
    let read = r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:ReadThing", "Resource": "arn:aws:shop:*:*:thing/*"}"#;
    let write = r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:writething", "Resource": "arn:aws:shop:*:*:thing/*"}"#;
    let both = r#"{"Sid": "Both", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["shop:Rea*", "shop:Write?hing"], "Resource": ["arn:aws:shop:*:*:thing/*/*", "arn:aws:shop:*:123456789012:*"]}"#;
    check(&format!("{read}, {write}"), &format!("{write}, {read}"), &[]);
    check(&format!("{read}, {write}"), both, &[]);
    check(
        ALLOW_ALL,
        r#"{"Effect": "Allow", "Principal": "*", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::*"}"#,
        &[],
    );
}

#[test]
fn a_wider_pattern_and_a_narrower_denial_are_new_access() {
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:ReadThing", "Resource": "arn:aws:shop:us-east-1:123456789012:thing/a/1"}"#,
        r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:ReadThing", "Resource": "arn:aws:shop:us-east-1:123456789012:thing/a/?"}"#,
        &[
            "new access: shop:ReadThing on arn:aws:shop:us-east-1:123456789012:thing/a/x by arn:aws:iam::123456789012:user/example: implicitDeny, then allowed",
        ],
    );
    check(
        &format!(
            r#"{ALLOW_ALL}, {{"Effect": "Deny", "Principal": "*", "Action": "shop:*Thing", "Resource": "*"}}"#
        ),
        &format!(
            r#"{ALLOW_ALL}, {{"Effect": "Deny", "Principal": "*", "Action": ["shop:MakeThing", "shop:TagThing", "shop:WriteThing"], "Resource": "*"}}"#
        ),
        &[
            "new access: shop:ReadThing on arn:aws:shop:us-east-1:123456789012:thing/example/example by arn:aws:iam::123456789012:user/example: explicitDeny, then allowed",
        ],
    );
}

#[test]
fn the_negated_elements_name_what_they_leave_out() {
    check(
        r#"{"Effect": "Allow", "Principal": "*", "NotAction": ["shop:ReadThing", "shop:WriteThing"], "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Principal": "*", "NotAction": "shop:ReadThing", "Resource": "*"}"#,
        &[
            "new access: shop:WriteThing on arn:aws:shop:us-east-1:123456789012:thing/example/example by arn:aws:iam::123456789012:user/example: implicitDeny, then allowed",
        ],
    );
    check(
        &format!(
            r#"{ALLOW_ALL}, {{"Effect": "Deny", "NotPrincipal": {{"AWS": "arn:aws:iam::123456789012:user/alice"}}, "Action": "shop:ListThings", "Resource": "*"}}"#
        ),
        &format!(
            r#"{ALLOW_ALL}, {{"Effect": "Deny", "NotPrincipal": {{"AWS": ["arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:role/line"]}}, "Action": "shop:ListThings", "Resource": "*"}}"#
        ),
        &[
            "new access: shop:ListThings on * by arn:aws:sts::123456789012:assumed-role/line/session: explicitDeny, then allowed",
        ],
    );
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:MakeThing", "NotResource": "arn:aws:shop:*:*:box/secret*"}"#,
        r#"{"Effect": "Allow", "Principal": "*", "Action": "shop:MakeThing", "NotResource": "arn:aws:shop:*:*:box/secret"}"#,
        &[
            "new access: shop:MakeThing on arn:aws:shop:us-east-1:123456789012:box/secrety by arn:aws:iam::123456789012:user/example: implicitDeny, then allowed",
        ],
    );
}

#[test]
fn who_calls_is_told_by_principals_and_by_the_keys_that_follow() {
    let by = |principal: &str, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "shop:ListThings", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    // An entry and a condition can say the same, for a role and for an account.
    check(
        &by(r#"{"AWS": "arn:aws:iam::123456789012:role/line"}"#, "{}"),
        &by(
            r#""*""#,
            r#"{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/line"}}"#,
        ),
        &[],
    );
    // Not for sessions whose role path is not known: the entry covers them, but the key does not have the path.
    check(
        &by(r#"{"AWS": "arn:aws:iam::123456789012:role/factory/line"}"#, "{}"),
        &by(
            r#""*""#,
            r#"{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/factory/line"}}"#,
        ),
        &[
            "lost access: shop:ListThings on * by arn:aws:sts::123456789012:assumed-role/line/session: allowed, then implicitDeny",
        ],
    );
    check(
        &by(r#"{"AWS": "123456789012"}"#, "{}"),
        &by(
            r#""*""#,
            r#"{"StringEquals": {"aws:PrincipalAccount": "123456789012"}}"#,
        ),
        &[],
    );
    check(
        &by(
            r#"{"AWS": "arn:aws:sts::123456789012:assumed-role/line/seven"}"#,
            "{}",
        ),
        &by(r#"{"AWS": "arn:aws:iam::123456789012:role/line"}"#, "{}"),
        &[
            "new access: shop:ListThings on * by arn:aws:sts::123456789012:assumed-role/line/session: implicitDeny, then allowed",
            // A role of this name under a path is another role, but its session could have the same ARN.
            "lost access: shop:ListThings on * by arn:aws:sts::123456789012:assumed-role/line/seven: allowed, then implicitDeny",
        ],
    );
    check(
        &by(r#""*""#, r#"{"StringLike": {"aws:username": "al*"}}"#),
        &by(
            r#""*""#,
            r#"{"StringLike": {"aws:username": "a*"}, "StringEquals": {"aws:PrincipalType": "User"}}"#,
        ),
        &["new access: shop:ListThings on * by arn:aws:iam::123456789012:user/a: implicitDeny, then allowed"],
    );
}

#[test]
fn conditions_differ_where_their_values_do() {
    let with = |condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "shop:ListThings", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    let list = "shop:ListThings on * by arn:aws:iam::123456789012:user/example";
    check(
        &with(r#"{"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}"#),
        &with(r#"{"StringLike": {"aws:SourceVpce": "vpce-?"}}"#),
        &[&format!(
            "new access: {list}: aws:SourceVpce=vpce-x implicitDeny, then allowed"
        )],
    );
    check(
        &with(r#"{"NumericLessThan": {"shop:Count": "10"}}"#),
        &with(r#"{"NumericLessThanEquals": {"shop:Count": "10"}}"#),
        &[&format!(
            "new access: {list}: shop:Count=10 implicitDeny, then allowed"
        )],
    );
    check(
        &with(r#"{"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}}"#),
        &with(r#"{"DateLessThan": {"aws:CurrentTime": "2026-06-02T00:00:00Z"}}"#),
        &[&format!(
            "new access: {list}: aws:CurrentTime=2026-06-01T00:00:01Z implicitDeny, then allowed"
        )],
    );
    check(
        &with(r#"{"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/24"}}"#),
        &with(r#"{"IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/25", "10.0.0.128/25", "10.0.1.7"]}}"#),
        &[&format!(
            "new access: {list}: aws:VpcSourceIp=10.0.1.7 implicitDeny, then allowed"
        )],
    );
    check(
        &with(r#"{"StringEquals": {"aws:PrincipalTag/team": "a"}}"#),
        &with(r#"{"StringEqualsIfExists": {"aws:PrincipalTag/team": "a"}}"#),
        &[&format!("new access: {list}: implicitDeny, then allowed")],
    );
    check(
        &with(
            r#"{"Null": {"aws:PrincipalTag/team": "false"}, "StringNotEquals": {"aws:PrincipalTag/team": "a"}}"#,
        ),
        &with(r#"{"StringNotEquals": {"aws:PrincipalTag/team": "a"}}"#),
        &[&format!("new access: {list}: implicitDeny, then allowed")],
    );
    check(
        &with(r#"{"Bool": {"aws:SecureTransport": "true"}}"#),
        &with(r#"{"BoolIfExists": {"aws:SecureTransport": "TRUE"}}"#),
        &[],
    );
}

#[test]
fn keys_of_several_values_are_tried_with_several() {
    let with = |condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "shop:TagThing", "Resource": "arn:aws:shop:*:*:box/*", "Condition": {condition}}}"#
        )
    };
    check(
        &with(
            r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}"#,
        ),
        &with(r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}"#),
        &[
            "new access: shop:TagThing on arn:aws:shop:us-east-1:123456789012:box/example by arn:aws:iam::123456789012:user/example: aws:TagKeys=a,other implicitDeny, then allowed",
        ],
    );
}

#[test]
fn over_an_endpoint_a_request_has_its_keys_and_no_public_address() {
    let with = |condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    check(
        &with(r#"{"Null": {"aws:SourceVpce": "false"}}"#),
        &with(r#"{"Null": {"aws:SourceIp": "true"}}"#),
        &[],
    );
    // For an identity's policy both are possible, but not at once.
    let identity = |condition: &str| {
        let statement = format!(
            r#"{{"Effect": "Allow", "Action": "shop:ListThings", "Resource": "*", "Condition": {condition}}}"#
        );
        document(&statement, PolicyType::Identity)
    };
    let old = identity(r#"{"Null": {"aws:SourceVpce": "false"}}"#);
    let new = identity(r#"{"Null": {"aws:SourceIp": "true"}}"#);
    let diff = diff(&old, &new, &SERVICE, CLASSES_MAX);
    assert_eq!((lines(&diff), diff.undecided), (vec![], vec![]));
}

#[test]
fn tags_stand_on_the_actions_that_have_them() {
    let with = |action: &str, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    let condition = r#"{"StringEquals": {"aws:ResourceTag/team": "a"}}"#;
    // MakeThing has no tags of a resource, so the condition never holds.
    check(
        &with("shop:ReadThing", condition),
        &format!(
            "{}, {}",
            with("shop:ReadThing", condition),
            with("shop:MakeThing", condition)
        ),
        &[],
    );
}

#[test]
fn what_the_resource_says_of_account_and_region_follows_from_it() {
    let with = |resource: &str, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "shop:ReadThing", "Resource": "{resource}", "Condition": {condition}}}"#
        )
    };
    check(
        &with("arn:aws:shop:us-west-2:123456789012:thing/*", "{}"),
        &with(
            "arn:aws:shop:*:*:thing/*",
            r#"{"StringEquals": {"aws:ResourceAccount": "123456789012", "aws:RequestedRegion": "us-west-2"}}"#,
        ),
        &[],
    );
}

#[test]
fn a_document_that_stands_beside_others_opens_what_it_no_longer_denies() {
    let scp = |statements: &str| document(statements, PolicyType::ServiceControl);
    let deny = |action: &str| format!(r#"{{"Effect": "Deny", "Action": {action}, "Resource": "*"}}"#);
    let old = scp(&deny(r#"["shop:ListThings", "shop:MakeThing"]"#));
    let new = scp(&deny(r#""shop:ListThings""#));
    let diff = diff(&old, &new, &SERVICE, CLASSES_MAX);
    assert_eq!(diff.has_new_access(), Some(true));
    assert_eq!(
        lines(&diff),
        [
            "new access: shop:MakeThing on arn:aws:shop:us-east-1:123456789012:box/example by arn:aws:iam::123456789012:user/example: explicitDeny, then implicitDeny"
        ]
    );
    // An endpoint has one policy, and denied is denied.
    check(
        r#"{"Effect": "Deny", "Principal": "*", "Action": "shop:ListThings", "Resource": "*"}"#,
        r#"{"Effect": "Deny", "Principal": "*", "Action": "shop:NoThing", "Resource": "*"}"#,
        &[
            "other denial: shop:ListThings on * by arn:aws:iam::123456789012:user/example: explicitDeny, then implicitDeny",
        ],
    );
}

#[test]
fn many_conditions_that_have_nothing_to_do_with_each_other_do_not_multiply() {
    let statement = |number: usize, effect: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {{"StringEquals": {{"aws:PrincipalTag/t{number}": "a"}}}}}}"#
        )
    };
    let effects = ["Allow", "Allow", "Deny"].into_iter().cycle();
    let mut old: Vec<String> = effects
        .take(30)
        .enumerate()
        .map(|(number, effect)| statement(number, effect))
        .collect();
    check(
        &old.join(", "),
        &old.iter().rev().cloned().collect::<Vec<_>>().join(", "),
        &[],
    );
    let new = old.join(", ");
    old[17] = statement(99, "Deny");
    let diff = endpoint_diff(&old.join(", "), &new);
    assert_eq!(diff.undecided, []);
    assert_eq!(diff.has_new_access(), Some(true));
}
