//! Roles and managed policies.

use super::{check, valid};

const ROLE: &str = "  - arn: arn:aws:iam::123456789012:role/factory/inspector
    trust_policy: {Statement: [{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}]}
";

#[test]
fn a_role_lasts_an_hour_unless_it_says_otherwise() {
    let config = valid(&format!("roles:\n{ROLE}"));
    let role = config
        .settings
        .identities
        .role("arn:aws:iam::123456789012:role/factory/inspector")
        .expect("it is declared");
    assert_eq!(role.max_session_duration.as_secs(), 3_600);
    assert!(role.identity_policies.is_none() && role.permissions_boundary.is_empty());
    assert!(role.unique_id.starts_with("AROA"));
}

#[test]
fn every_mistake_about_roles_is_told() {
    check(
        &format!(
            "roles:\n{ROLE}  - arn: arn:aws:iam::123456789012:role/INSPECTOR
    trust_policy: {{Statement: [{{Effect: Allow, Action: 'sts:AssumeRole'}}]}}
    max_session_duration_seconds: 60
  - arn: arn:aws:iam::123456789012:user/alice
managed_policies:
  - {{arn: one-model, policy_document: {{}}}}
"
        ),
        "emulator.yaml:4:5: /roles/1/arn: duplicate role `123456789012/inspector`; first at emulator.yaml:2:5\n\
         emulator.yaml:5:32: /roles/1/trust_policy/Statement/0: a statement of a role trust policy needs a `Principal`\n\
         emulator.yaml:6:5: /roles/1/max_session_duration_seconds: 60 is out of bounds (3600 to 43200)\n\
         emulator.yaml:7:5: /roles/2/arn: `arn:aws:iam::123456789012:user/alice` is not the ARN of a role\n\
         emulator.yaml:7:5: /roles/2: the key `trust_policy` is missing\n\
         emulator.yaml:9:6: /managed_policies/0/arn: `one-model` is not the ARN of a managed policy\n\
         emulator.yaml:9:22: /managed_policies/0/policy_document: the policy has no `Statement`",
    );
}
