//! Policies and requests of graded size, for the benchmarks.

use std::fmt::Write as _;

use iam_policy::{Action, PolicyDocument, PolicyType, Principal, RequestContext, Resource};

/// The example endpoint policy of the Lookout for Vision Developer Guide.
pub const ONE_STATEMENT: &str = r#"{"Statement": [{"Principal": "*", "Effect": "Allow",
    "Action": ["lookoutvision:DetectAnomalies"],
    "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}]}"#;

/// A policy of `count` statements, each with three conditions. In every statement but the last, the last condition
/// is false, so that all of them are evaluated to the end.
pub fn statements_with_conditions(count: usize) -> String {
    let mut text = String::from(r#"{"Version":"2012-10-17","Statement":["#);
    for index in 0..count {
        let last = index + 1 == count;
        let team = if last {
            "vision".to_owned()
        } else {
            format!("team{index}")
        };
        let comma = if last { "" } else { "," };
        write!(
            text,
            r#"{{"Sid":"S{index}","Effect":"Allow","Principal":{{"AWS":"123456789012"}},"Action":["lookoutvision:Detect*","lookoutvision:List*"],"Resource":"arn:aws:lookoutvision:*:123456789012:model/*","Condition":{{"StringEquals":{{"aws:SourceVpce":"vpce-0a1b2c3d4e5f67890"}},"IpAddress":{{"aws:VpcSourceIp":"10.0.0.0/8"}},"StringLike":{{"aws:PrincipalTag/team":"{team}"}}}}}}{comma}"#
        )
        .expect("writing to a string cannot fail");
    }
    text + "]}"
}

/// The largest number of such statements that an endpoint policy of 20,480 characters holds.
pub fn largest() -> String {
    (1..)
        .map(statements_with_conditions)
        .take_while(|text| text.chars().count() <= iam_policy::ENDPOINT_POLICY_CHARACTERS_MAX)
        .last()
        .expect("one statement fits")
}

/// Parses an endpoint policy.
pub fn endpoint_policy(text: &str) -> PolicyDocument {
    PolicyDocument::parse(text, PolicyType::VpcEndpoint).expect("the benchmark's policies load")
}

/// A request as a server sees one.
pub struct OwnedRequest {
    /// Who calls.
    pub principal: Principal,
    /// What the caller wants to do.
    pub action: Action,
    /// What the action is on.
    pub resource: Resource,
    /// The condition keys.
    pub context: RequestContext<'static>,
}

/// A request to detect anomalies, with every key that the emulator sets.
pub fn request() -> OwnedRequest {
    OwnedRequest {
        principal: "arn:aws:iam::123456789012:user/alice"
            .parse()
            .expect("it is an ARN"),
        action: "lookoutvision:DetectAnomalies".parse().expect("it is an action"),
        resource: "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"
            .parse()
            .expect("it is an ARN"),
        context: context(),
    }
}

/// The condition keys of a request over an endpoint.
pub fn context() -> RequestContext<'static> {
    let mut context = RequestContext::with_capacity(24);
    for (key, value) in [
        ("aws:SourceVpce", "vpce-0a1b2c3d4e5f67890"),
        ("aws:SourceVpc", "vpc-0a1b2c3d4e5f67890"),
        ("aws:VpcSourceIp", "10.1.2.3"),
        ("aws:PrincipalArn", "arn:aws:iam::123456789012:user/alice"),
        ("aws:PrincipalAccount", "123456789012"),
        ("aws:PrincipalType", "User"),
        ("aws:userid", "AIDAEXAMPLEEXAMPLE"),
        ("aws:username", "alice"),
        ("aws:PrincipalIsAWSService", "false"),
        ("aws:RequestedRegion", "us-west-2"),
        ("aws:SecureTransport", "true"),
        ("aws:CurrentTime", "2026-06-01T00:00:00Z"),
        ("aws:EpochTime", "1780272000"),
        (
            "aws:UserAgent",
            "Boto3/1.40.50 md/Botocore#1.40.50 ua/2.1 os/linux#6.8.0 lang/python#3.12.3",
        ),
        ("aws:ViaAWSService", "false"),
        ("aws:ResourceAccount", "123456789012"),
        ("aws:PrincipalOrgID", "o-exampleorgid"),
        ("aws:ResourceOrgID", "o-exampleorgid"),
        ("aws:ResourceTag/line", "a"),
        ("aws:PrincipalTag/team", "vision"),
    ] {
        context.insert(key, value);
    }
    context
}
