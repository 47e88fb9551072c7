//! Values of ARN operators that do not have the six parts of an ARN.

use iam_policy::{
    Decision, FindingCode, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate,
};

/// Attaches an endpoint policy with this condition and decides a request with a source ARN, and one without.
#[track_caller]
fn check(condition: &str, with: bool, without: bool, codes: &[FindingCode]) {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": "*", "Condition": {condition}}}}}"#
    );
    let document = PolicyDocument::parse(&text, PolicyType::VpcEndpoint).unwrap();
    let found: Vec<FindingCode> = document.findings().iter().map(|finding| finding.code).collect();
    assert_eq!(found, codes, "{condition}");
    let decide = |context: &RequestContext<'_>| {
        let policies = Policies {
            vpc_endpoint: Some(&document),
            ..Policies::default()
        };
        let request = Request {
            principal: &"arn:aws:iam::123456789012:user/alice".parse().unwrap(),
            action: &"lookoutvision:DetectAnomalies".parse().unwrap(),
            resource: &"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"
                .parse()
                .unwrap(),
            resource_account: None,
            context,
        };
        evaluate(&policies, &request).decision == Decision::Allowed
    };
    let mut context = RequestContext::new();
    context.insert("aws:SourceArn", "arn:aws:iam::123456789012:role/x");
    assert_eq!(decide(&context), with, "{condition} with the key");
    assert_eq!(decide(&RequestContext::new()), without, "{condition} without");
}

#[test]
fn a_star_alone_matches_every_arn() {
    check(r#"{"ArnEquals": {"aws:SourceArn": "*"}}"#, true, false, &[]);
    check(r#"{"ArnLikeIfExists": {"aws:SourceArn": "*"}}"#, true, true, &[]);
    check(r#"{"ArnNotLike": {"aws:SourceArn": "*"}}"#, false, true, &[]);
}

#[test]
fn another_short_pattern_matches_no_arn_and_is_warned_about() {
    let never = FindingCode::ArnPatternNeverMatches;
    for operator in ["ArnLike", "ArnEquals"] {
        for pattern in ["arn:aws:iam:role/x", "arn:*", "role/x", "**"] {
            let condition = format!(r#"{{"{operator}": {{"aws:SourceArn": "{pattern}"}}}}"#);
            check(&condition, false, false, &[never]);
        }
    }
    check(
        r#"{"ArnNotEquals": {"aws:SourceArn": "arn:aws:iam:role/x"}}"#,
        true,
        true,
        &[never],
    );
    // Beside a pattern that matches, it changes nothing.
    check(
        r#"{"ArnLike": {"aws:SourceArn": ["role/x", "arn:aws:iam::*:role/x"]}}"#,
        true,
        false,
        &[never],
    );
}

#[test]
fn the_warning_says_what_an_arn_looks_like() {
    let document = |value: &str| {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "*",
                "Resource": "*", "Condition": {{"ArnLike": {{"aws:SourceArn": ["{value}"]}}}}}}}}"#
        );
        PolicyDocument::parse(&text, PolicyType::VpcEndpoint).unwrap()
    };
    let said = |value: &str| {
        let finding = document(value).findings()[0].clone();
        (finding.path, finding.message)
    };
    let path = "/Statement/Condition/ArnLike/aws:SourceArn/0".to_owned();
    assert_eq!(
        said("arn:aws:iam:role/x"),
        (
            path.clone(),
            "`arn:aws:iam:role/x` has 4 parts and an ARN has six, so it matches no ARN; write \
             `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, with `*` for a part that may be anything"
                .to_owned()
        )
    );
    assert_eq!(
        said("urn:aws:iam::123456789012:role/x"),
        (
            path,
            "`urn:aws:iam::123456789012:role/x` does not begin with `arn:`, so it matches no ARN; write \
             `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, with `*` for a part that may be anything"
                .to_owned()
        )
    );
}
