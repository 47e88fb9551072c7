//! What lint finds in policies when it knows the configuration around them.

use super::*;

/// One endpoint in a VPC of us-west-2, with a policy of these statements
fn with_policy(statements: &str, rest: &str) -> String {
    format!(
        "vpcs: [{{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2}}]\n\
         vpc_endpoints:\n\
         \x20 - vpc_endpoint_id: vpce-0a1b2c3d4e5f67890\n\
         \x20   vpc_id: vpc-0a1b2c3d4e5f67890\n\
         \x20   policy_document: {{Version: '2012-10-17', Statement: [{statements}]}}\n\
         {rest}"
    )
}

fn allow(condition: &str) -> String {
    format!("{{Effect: Allow, Principal: '*', Action: '*', Resource: '*', Condition: {condition}}}")
}

/// The warnings about the policy, without their places
#[track_caller]
fn told(statements: &str, rest: &str) -> Vec<String> {
    let warnings = warnings(&with_policy(statements, rest));
    let of_policy = warnings.iter().filter_map(|warning| {
        let (_, about) = warning.split_once("/vpc_endpoints/0/policy_document")?;
        about.split_once(": ").map(|(_, message)| message.to_owned())
    });
    of_policy.collect()
}

const NOTHING: &str =
    "no `Allow` statement of the policy can apply, so every request over the endpoint is refused";
const NOTHING_HERE: &str =
    "no `Allow` statement of the policy can apply here, so every request over the endpoint is refused";
const ORGANIZATION: &str = "organization: {id: o-exampleorgid}\n";

#[test]
fn a_perimeter_needs_an_organization() {
    let perimeter = [
        allow("{StringEquals: {'aws:PrincipalOrgID': o-exampleorgid, 'aws:ResourceOrgID': o-exampleorgid}}"),
        allow("{Bool: {'aws:PrincipalIsAWSService': 'true'}}"),
    ]
    .join(", ");
    let service = "`Bool` on `aws:PrincipalIsAWSService` is never true here: the key is not `true`, because no AWS service \
                   calls the emulator";
    let missing = |key: &str| {
        format!(
            "`StringEquals` on `{key}` is never true here: the configuration has no `organization.id`, which would set the \
             key"
        )
    };
    assert_eq!(
        told(&perimeter, ""),
        [
            NOTHING_HERE,
            &missing("aws:PrincipalOrgID"),
            &missing("aws:ResourceOrgID"),
            service
        ]
    );
    assert_eq!(told(&perimeter, ORGANIZATION), [service]);
    let other = allow("{StringEquals: {'aws:PrincipalOrgID': o-a1b2c3d4e5}}");
    assert_eq!(
        told(&other, ORGANIZATION),
        [
            NOTHING,
            "`StringEquals` on `aws:PrincipalOrgID` is never true: the key is not `o-a1b2c3d4e5`, because \
             `organization.id` is `o-exampleorgid`"
        ]
    );
}

#[test]
fn an_endpoint_knows_its_id_its_vpc_and_its_region() {
    let endpoint = |operator: &str, key: &str, value: &str| {
        told(&allow(&format!("{{{operator}: {{'{key}': {value}}}}}")), "")
    };
    let attached = "the policy is attached to `vpce-0a1b2c3d4e5f67890`";
    assert_eq!(
        endpoint("StringEquals", "aws:SourceVpce", "vpce-99999999999999999"),
        [
            NOTHING.to_owned(),
            format!(
                "`StringEquals` on `aws:SourceVpce` is never true: the key is not `vpce-99999999999999999`, because {attached}"
            )
        ]
    );
    assert_eq!(
        endpoint("StringEquals", "aws:SourceVpce", "vpce-0a1b2c3d4e5f67890"),
        [format!(
            "{attached}, so `StringEquals` on `aws:SourceVpce` filters nothing"
        )]
    );
    assert_eq!(
        endpoint("StringEquals", "aws:SourceVpc", "vpc-99999999999999999"),
        [
            NOTHING.to_owned(),
            format!(
                "`StringEquals` on `aws:SourceVpc` is never true: the key is not `vpc-99999999999999999`, because {attached}, \
                 which lies in `vpc-0a1b2c3d4e5f67890`"
            )
        ]
    );
    assert_eq!(
        endpoint("StringEquals", "aws:RequestedRegion", "[us-west-2, eu-west-1]"),
        [format!(
            "`aws:RequestedRegion` never has such a value: the key is not `eu-west-1`, because {attached}, which lies in \
             `us-west-2`"
        )]
    );
    assert_eq!(
        endpoint("StringNotEquals", "aws:ResourceAccount", "'999999999999'"),
        [
            "`StringNotEquals` on `aws:ResourceAccount` is always true: the key is not `999999999999`, because every \
             resource belongs to the account `123456789012`"
        ]
    );
}

#[test]
fn a_resource_of_another_region_or_account_never_matches() {
    let resource = |arn: &str| {
        let statements = format!(
            "{{Effect: Allow, Principal: '*', Action: 'lookoutvision:DetectAnomalies', Resource: ['{arn}', \
             'arn:aws:lookoutvision:us-west-2:123456789012:model/*']}}"
        );
        told(&statements, "")
    };
    assert_eq!(
        resource("arn:aws:lookoutvision:eu-west-1:123456789012:model/a/1"),
        [
            "`arn:aws:lookoutvision:eu-west-1:123456789012:model/a/1` never matches: its Region is `eu-west-1`, and the \
          policy is attached to `vpce-0a1b2c3d4e5f67890`, which lies in `us-west-2`"
        ]
    );
    assert_eq!(
        resource("arn:aws:lookoutvision:us-west-2:999999999999:model/a/1"),
        [
            "`arn:aws:lookoutvision:us-west-2:999999999999:model/a/1` never matches: its account is `999999999999`, and \
          every resource belongs to the account `123456789012`"
        ]
    );
}

#[test]
fn a_policy_of_no_endpoint_knows_the_regions_that_requests_can_come_through() {
    let yaml = |regions: [&str; 2], public_endpoint: &str| {
        format!(
            "vpcs: [{{vpc_id: vpc-0a1b2c3d4e5f67890, region: {}}}, {{vpc_id: vpc-1a1b2c3d4e5f67890, region: {}}}]\n\
             vpc_endpoints: []\n\
             public_endpoint: {public_endpoint}\n\
             principals:\n\
             \x20 - arn: arn:aws:iam::123456789012:user/alice\n\
             \x20   access_keys: [{{access_key_id: test, secret_access_key: test}}]\n\
             \x20   identity_policies:\n\
             \x20     - {{Version: '2012-10-17', Statement: {{Effect: Allow, Action: 'lookoutvision:*',\n\
             \x20        Resource: 'arn:aws:lookoutvision:eu-west-1:123456789012:model/a/1'}}}}\n\
             projects: [{{name: a, exists: false}}]\n",
            regions[0], regions[1]
        )
    };
    let warnings = |yaml: &str| {
        let mut warnings = warnings(yaml);
        warnings.retain(|warning| warning.contains("/principals/0"));
        warnings
    };
    assert_eq!(
        warnings(&yaml(["us-west-2", "us-east-1"], "refuse")),
        [
            "emulator.yaml:9:10: /principals/0/identity_policies/0/Statement/Resource: \
          `arn:aws:lookoutvision:eu-west-1:123456789012:model/a/1` never matches: its Region is `eu-west-1`, and the VPCs \
          lie in `us-west-2`, `us-east-1`, and `public_endpoint` is `refuse`"
        ]
    );
    for (regions, public_endpoint) in [
        (["us-west-2", "us-east-1"], "allow"),
        (["us-west-2", "eu-west-1"], "refuse"),
    ] {
        assert_eq!(warnings(&yaml(regions, public_endpoint)), Vec::<String>::new());
    }
}

#[test]
fn a_policy_for_the_endpoints_of_two_regions_may_name_both() {
    let folder = folder_with_files();
    folder.write(
        "policies/both.json",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "lookoutvision:DetectAnomalies",
            "Resource": ["arn:aws:lookoutvision:us-west-2:123456789012:model/*",
                         "arn:aws:lookoutvision:eu-west-1:123456789012:model/*"],
            "Condition": {"StringEquals": {"aws:SourceVpce": ["vpce-0a1b2c3d4e5f67890", "vpce-1a1b2c3d4e5f67890"],
                                           "aws:RequestedRegion": ["us-west-2", "eu-west-1"]}}}]}"#,
    );
    let yaml = "vpcs:
  - {vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2}
  - {vpc_id: vpc-1a1b2c3d4e5f67890, region: eu-west-1}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0a1b2c3d4e5f67890, vpc_id: vpc-0a1b2c3d4e5f67890, policy_document: policies/both.json}
  - {vpc_endpoint_id: vpce-1a1b2c3d4e5f67890, vpc_id: vpc-1a1b2c3d4e5f67890, policy_document: policies/both.json}
";
    let config = Config::load(&overrides(folder.write("emulator.yaml", yaml)));
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let messages: Vec<&str> = config.warnings.iter().map(|warning| &*warning.message).collect();
    assert_eq!(
        messages,
        [
            "the policy is attached to `vpce-0a1b2c3d4e5f67890`, so `StringEquals` on `aws:SourceVpce` filters nothing",
            "the policy is attached to `vpce-1a1b2c3d4e5f67890`, so `StringEquals` on `aws:SourceVpce` filters nothing",
        ]
    );
}

#[test]
fn a_policy_of_two_endpoints_is_measured_against_both() {
    let folder = folder_with_files();
    folder.write(
        "policies/one.json",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f67890"}}}]}"#,
    );
    let yaml = "vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890}]
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0a1b2c3d4e5f67890, vpc_id: vpc-0a1b2c3d4e5f67890, policy_document: policies/one.json}
  - {vpc_endpoint_id: vpce-1a1b2c3d4e5f67890, vpc_id: vpc-0a1b2c3d4e5f67890, private_dns_enabled: false,
     policy_document: policies/one.json}
";
    let config = Config::load(&overrides(folder.write("emulator.yaml", yaml)));
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let messages: Vec<&str> = config.warnings.iter().map(|warning| &*warning.message).collect();
    assert_eq!(
        messages,
        [
            NOTHING,
            "the policy is attached to `vpce-0a1b2c3d4e5f67890`, so `StringEquals` on `aws:SourceVpce` filters nothing",
            "`StringEquals` on `aws:SourceVpce` is never true: the key is not `vpce-0a1b2c3d4e5f67890`, because the policy is \
             attached to `vpce-1a1b2c3d4e5f67890`",
        ]
    );
}

#[test]
fn a_policy_that_a_test_hands_over_is_linted_too() {
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]});
    let config = Config::embedded(None, Some(&policy)).unwrap_or_else(|problems| panic!("{problems}"));
    let messages: Vec<&str> = config.warnings.iter().map(|warning| &*warning.message).collect();
    assert_eq!(
        messages,
        [
            "endpoint policy: the policy has no `Allow` statement, so every request over the endpoint is refused"
        ]
    );
}

#[test]
fn a_list_of_policies_that_only_deny_refuses_everything() {
    const DENY: &str = "{Version: '2012-10-17', Statement: {Effect: Deny, Action: 's3:*', Resource: '*'}}";
    const ALLOW: &str = "{Version: '2012-10-17', Statement: {Effect: Allow, Action: '*', Resource: '*'}}";
    let yaml = |identity: &str, session: &str, levels: &str| {
        format!(
            "principals:\n\
             \x20 - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-7\n\
             \x20   access_keys: [{{access_key_id: test, secret_access_key: test, session_token: test}}]\n\
             \x20   identity_policies: [{identity}]\n\
             \x20   session_policies: [{session}]\n\
             organization: {{id: o-exampleorgid, service_control_policies: [{levels}]}}\n"
        )
    };
    let none = "none of these policies has an `Allow` statement, so";
    assert_eq!(
        warnings(&yaml(DENY, DENY, &format!("[{ALLOW}], [{DENY}]"))),
        [
            format!(
                "emulator.yaml:4:5: /principals/0/identity_policies: {none} every request of the principal is refused"
            ),
            format!(
                "emulator.yaml:5:5: /principals/0/session_policies: {none} every request of the session is refused"
            ),
            format!(
                "emulator.yaml:6:146: /organization/service_control_policies/1: {none} every request is refused; AWS attaches \
                 `FullAWSAccess` to every level unless it is taken away, so put one that allows `*` beside them"
            ),
        ]
    );
    let both = format!("{DENY}, {ALLOW}");
    assert_eq!(warnings(&yaml(&both, &both, &both)), Vec::<String>::new());
    assert_eq!(warnings(&yaml("", "", "")), Vec::<String>::new());
}
