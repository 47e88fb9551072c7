//! Mistakes of form: unknown, repeated and missing keys, values of the wrong kind; and that all of them are reported.

use super::*;

#[test]
fn all_mistakes_are_told_together_in_the_order_of_the_file() {
    check(
        "acount_id: 1\n\
         account_id: 12\n\
         vpcs:\n\
         \x20 - {vpcid: vpc-0a1b2c3d4e5f67890, region: 5}\n\
         \x20 - x\n\
         vpc_endpoints:\n\
         \x20 - vpc_endpoint_id: vpce-1\n\
         \x20   policy_document: policies/broken.json\n\
         projects:\n\
         limits: {idle_timeout_seconds: 0, idle_timeout: 3}\n",
        "emulator.yaml:1:1: /acount_id: unknown key; did you mean `account_id`?\n\
         emulator.yaml:2:1: /account_id: `12` is not an account id (twelve digits)\n\
         emulator.yaml:4:5: /vpcs/0: the key `vpc_id` is missing\n\
         emulator.yaml:4:6: /vpcs/0/vpcid: unknown key; did you mean `vpc_id`?\n\
         emulator.yaml:4:36: /vpcs/0/region: `5` is not a Region name (like `us-west-2`)\n\
         emulator.yaml:5:5: /vpcs/1: expected a mapping, found a text\n\
         emulator.yaml:7:5: /vpc_endpoints/0/vpc_endpoint_id: `vpce-1` is not a VPC endpoint id (`vpce-` and 8 or 17 \
         lower-case hexadecimal digits)\n\
         emulator.yaml:7:5: /vpc_endpoints/0: the key `vpc_id` is missing\n\
         emulator.yaml:9:1: /projects: expected a list, found nothing (leave the key out for its default)\n\
         emulator.yaml:10:10: /limits/idle_timeout_seconds: 0 is out of bounds (1 to 86400)\n\
         emulator.yaml:10:35: /limits/idle_timeout: unknown key; did you mean `idle_timeout_seconds`?\n\
         policies/broken.json:3:5: /Statement/0: a statement of a VPC endpoint policy needs a `Principal`\n\
         policies/broken.json:3:5: /Statement/0: policy statement must contain actions\n\
         policies/broken.json:3:5: /Statement/0: policy statement must contain resources\n\
         policies/broken.json:3:16: /Statement/0/Effect: `Permit` is not an effect; expected `Allow` or `Deny`, in this \
         case",
    );
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_or_with_all_that_there_are() {
    check(
        "strictness: {skew: 300}\norganization: {id: o-exampleorgid, scp: []}\n",
        "emulator.yaml:1:14: /strictness/skew: unknown key; the keys here are `clock_skew_seconds`, \
         `declared_unsigned_payload`, `minimum_images`, `mismatch_detail`, `undeclared_unsigned_payload`, \
         `unsigned_amz_headers`\n\
         emulator.yaml:2:36: /organization/scp: unknown key; the keys here are `id`, `resource_control_policies`, \
         `service_control_policies`",
    );
    check(
        "a/b~c: 1\n",
        "emulator.yaml:1:1: /a~1b~0c: unknown key; the keys here are `account_id`, `certs`, `control`, `coverage`, `endpoint_policy`, \
         `faults`, `http2`, `limits`, `listen`, `log_format`, `log_level`, `log_requests`, `managed_policies`, `names`, `organization`, \
         `principals`, `projects`, `public_certs`, `public_endpoint`, `roles`, `s3`, `seed`, `state`, `strictness`, `timing`, \
         `vpc_endpoints`, `vpcs`",
    );
}

#[test]
fn a_mistake_is_one_line_without_control_characters_whatever_the_file_says() {
    let text = mistakes("account_id: \"1\\e[31m\\nx\"\n\"limits\\u2028\": 1\n");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.starts_with(r"emulator.yaml:1:1: /account_id: `1\u{1b}[31m\nx` is not"),
        "{text}"
    );
    assert!(
        text.contains(r"/limits\u{2028}: unknown key; did you mean `limits`?"),
        "{text}"
    );
}

#[test]
fn sections_that_are_not_there_yet_are_unknown_keys() {
    for section in ["metrics", "spaces"] {
        let text = mistakes(&format!("{section}: {{}}\n"));
        assert!(
            text.starts_with(&format!("emulator.yaml:1:1: /{section}: unknown key")),
            "{text}"
        );
    }
}

#[test]
fn a_key_that_is_there_twice_is_told_at_its_second_place() {
    check(
        "limits: {}\nnames: []\nlimits: {}\n",
        "emulator.yaml:3:1: /limits: the key `limits` is there twice",
    );
}

#[test]
fn wrong_kinds_are_told_by_kind_and_not_by_value() {
    check(
        "account_id: [1]\n\
         listen: {}\n\
         http2: 'true'\n\
         names: x\n\
         strictness: {clock_skew_seconds: 1.5, mismatch_detail: 3}\n\
         limits: {headers_max: '100', connections_max: -1}\n",
        "emulator.yaml:1:1: /account_id: expected a text, found a list\n\
         emulator.yaml:2:1: /listen: expected a text, found a mapping\n\
         emulator.yaml:3:1: /http2: expected `true` or `false`, found a text\n\
         emulator.yaml:4:1: /names: expected a list, found a text\n\
         emulator.yaml:5:14: /strictness/clock_skew_seconds: expected a whole number from 0 on, found a number with a fraction\n\
         emulator.yaml:5:39: /strictness/mismatch_detail: expected a text, found a number\n\
         emulator.yaml:6:10: /limits/headers_max: expected a whole number from 0 on, found a text\n\
         emulator.yaml:6:30: /limits/connections_max: -1 is not a whole number from 0 on",
    );
}

#[test]
fn a_choice_that_is_not_there_is_told_with_those_that_are() {
    check(
        "log_format: xml\nstrictness: {undeclared_unsigned_payload: allow, clock_skew_seconds: 0}\n",
        "emulator.yaml:1:1: /log_format: `xml` is not one of `text`, `json`\n\
         emulator.yaml:2:14: /strictness/undeclared_unsigned_payload: `allow` is not one of `warn`, `refuse`\n\
         emulator.yaml:2:50: /strictness/clock_skew_seconds: 0 is out of bounds (1 to 86400)",
    );
}

#[test]
fn a_body_must_fit_into_the_memory_for_bodies() {
    check(
        "limits: {body_bytes_max: 2000, in_flight_body_bytes_max: 1999}\n",
        "emulator.yaml:1:1: /limits: `in_flight_body_bytes_max` (1999) is less than `body_bytes_max` (2000): such a body \
         would never be read",
    );
}

#[test]
fn names_that_are_none_are_told() {
    let message = |index: usize, column: usize, name: &str| {
        format!("emulator.yaml:1:{column}: /names/{index}: `{name}` is neither a DNS name nor an address")
    };
    check(
        "names: ['*.test', a..b, -a.test, 1.2.3, '']\n",
        &[
            message(0, 9, "*.test"),
            message(1, 19, "a..b"),
            message(2, 25, "-a.test"),
            message(3, 34, "1.2.3"),
            message(4, 41, ""),
        ]
        .join("\n"),
    );
}

#[test]
fn names_of_aws_that_are_not_played_are_refused() {
    check(
        "names: [s3.us-east-1.amazonaws.com, lookoutvision.us-east-1.amazonaws.com]\n",
        "emulator.yaml:1:9: /names/0: `s3.us-east-1.amazonaws.com` is a name of AWS that this emulator does not play; it \
         answers for lookoutvision, ec2 and sts of every Region without being told",
    );
}

#[test]
fn an_organization_has_an_id_and_its_policies_in_one_level_or_in_levels() {
    check(
        "organization:\n  id: example\n  service_control_policies: [policies/identity.json, [policies/identity.json]]\n",
        "emulator.yaml:2:3: /organization/id: `example` is not an organization id (`o-` and 10 to 32 of [a-z0-9])\n\
         emulator.yaml:3:3: /organization/service_control_policies: a list holds policies or lists of policies, not both",
    );
    let levels = |policies: &str| {
        let yaml = format!("organization: {{id: o-exampleorgid, service_control_policies: {policies}}}\n");
        let settings = valid(&yaml).settings;
        let organization = settings.identities.organization.as_ref();
        let policies = &organization.expect("there is one").service_control_policies;
        policies.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(levels("[]"), [0; 0]);
    assert_eq!(levels("[policies/identity.json, policies/identity.json]"), [2]);
    assert_eq!(levels("[[policies/identity.json], []]"), [1, 0]);
}

#[test]
fn resource_control_policies_are_taken_with_a_warning() {
    let policy = "{Version: 2012-10-17, Statement: {Effect: Deny, Principal: '*', Action: 'lookoutvision:*', Resource: '*'}}";
    let yaml = format!("organization:\n  id: o-exampleorgid\n  resource_control_policies: [{policy}]\n");
    assert_eq!(
        warnings(&yaml),
        [
            "emulator.yaml:3:3: /organization/resource_control_policies: AWS applies resource control policies to other \
          services only, not to Lookout for Vision; here they are applied"
        ]
    );
}

#[test]
fn what_a_resource_control_policy_may_not_have_is_a_mistake() {
    check(
        "organization:\n\
         \x20 id: o-exampleorgid\n\
         \x20 resource_control_policies:\n\
         \x20   - {Version: 2012-10-17, Statement: {Effect: Deny, Principal: '*', Action: '*', Resource: '*'}}\n\
         \x20   - {Version: 2012-10-17, Statement: {Effect: Allow, Principal: '*', Action: 's3:*', Resource: '*'}}\n",
        "emulator.yaml:4:71: /organization/resource_control_policies/0/Statement/Action: RCPs only support specifying \
         select service prefixes in the `Action` element; `*` names no service\n\
         emulator.yaml:5:41: /organization/resource_control_policies/1/Statement/Effect: the effect of `Allow` is only \
         supported for the `RCPFullAWSAccess` policy, one statement that allows `*`, which is always attached; write \
         `Deny`",
    );
}

#[test]
fn what_lint_says_of_a_policy_is_a_warning_at_its_place() {
    let folder = folder_with_files();
    folder.write(
        "policies/old-sessions.json",
        "{\"Version\": \"2012-10-17\", \"Statement\": {\n  \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"*\", \
         \"Resource\": \"*\",\n  \"Condition\": {\"NumericGreaterThan\": {\"aws:MultiFactorAuthAge\": \"3600\"}}}}\n",
    );
    let yaml = "vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890}]
vpc_endpoints:
  - vpc_endpoint_id: vpce-0a1b2c3d4e5f67890
    vpc_id: vpc-0a1b2c3d4e5f67890
    policy_document: policies/old-sessions.json
  - vpc_endpoint_id: vpce-1a1b2c3d4e5f67890
    vpc_id: vpc-0a1b2c3d4e5f67890
    private_dns_enabled: false
    policy_document:
      Version: 2012-10-17
      Statement:
        - {Effect: Allow, Principal: '*', Resource: '*', Action: 'lookoutvision:DetectAnomaly'}
";
    let config = Config::load(&overrides(folder.write("emulator.yaml", yaml)));
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let told: Vec<String> = config
        .warnings
        .iter()
        .map(|warning| warning.to_string().replace(&format!("{}/", folder.display()), ""))
        .collect();
    assert_eq!(
        told,
        [
            "emulator.yaml:9:5: /vpc_endpoints/1/policy_document: no `Allow` statement of the policy can apply, so every \
             request over the endpoint is refused",
            "emulator.yaml:12:58: /vpc_endpoints/1/policy_document/Statement/0/Action: `lookoutvision:DetectAnomaly` is no \
             action; did you mean `lookoutvision:DetectAnomalies`?",
            "policies/old-sessions.json:1:1: the policy has no `Allow` statement, so every request over the endpoint is \
             refused",
            "policies/old-sessions.json:3:66: /Statement/Condition/NumericGreaterThan/aws:MultiFactorAuthAge: \
             `NumericGreaterThan` on `aws:MultiFactorAuthAge` is never true here: AWS sets the key, and nothing here does",
        ]
    );
}

#[test]
fn s3_is_folders_and_a_server() {
    let folder = folder_with_files();
    let file = folder.write(
        "emulator.yaml",
        "s3: {buckets: {my-bucket: policies}, endpoint_url: 'http://s3:5000/'}\n",
    );
    let config = Config::load(&overrides(file)).expect("it is valid");
    assert_eq!(config.settings.s3.buckets["my-bucket"], folder.join("policies"));
    let server = config.settings.s3.server.as_ref().expect("there is an address");
    assert_eq!(
        (
            server.endpoint.is_tls,
            &*server.endpoint.host,
            server.endpoint.port
        ),
        (false, "s3", 5000)
    );
    assert_eq!(server.endpoint.authority, "s3:5000");
    check(
        "s3: {region: us-east-1}\n",
        "emulator.yaml:1:1: /s3: `endpoint_url` is missing: there is no server to be asked",
    );
    check(
        "s3: {endpoint_url: 'https://s3', access_key_id: a, ca: policies/alice.json}\n",
        "emulator.yaml:1:1: /s3: `access_key_id` and `secret_access_key` belong together\n\
         emulator.yaml:1:52: /s3/ca: `policies/alice.json` cannot be read: there is no such file",
    );
    check(
        "s3:\n  buckets: {My_Bucket: policies, my-bucket: nowhere}\n  endpoint_url: http://user:secret@host/\n",
        "emulator.yaml:2:13: /s3/buckets/My_Bucket: `My_Bucket` is not a bucket name (3 to 63 of [a-z0-9.-])\n\
         emulator.yaml:2:34: /s3/buckets/my-bucket: `nowhere` is not a folder\n\
         emulator.yaml:3:3: /s3/endpoint_url: not an address of a server (like `http://127.0.0.1:5000`, without path and \
         user)",
    );
}
