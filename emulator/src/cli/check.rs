//! `check`: every mistake of the configuration and of the policies that it names, and the warnings about them.
//!
//! ```text
//! emulator.yaml:12:5: /vpc_endpoints/0/vpc_id: no VPC `vpc-1a2b3c4d` is declared in `vpcs`
//! policies/alice.json:3:17: /Statement/0/Effect: …
//! 2 mistakes
//! ```

use std::fmt;

use super::{CheckOptions, EXIT_OK, EXIT_USAGE, output};
use crate::config::{Config, Overrides};

pub(super) fn run(options: CheckOptions) -> u8 {
    let (code, text) = check(&options.overrides());
    output::status(output::print(text.as_bytes()), code)
}

/// The status that the command ends with, and what it prints
fn check(overrides: &Overrides) -> (u8, String) {
    match Config::load(overrides) {
        Ok(config) => {
            let warnings = config.warnings.iter();
            let warnings: String = warnings.map(|warning| format!("warning: {warning}\n")).collect();
            (EXIT_OK, format!("{warnings}{}\n", Summary(&config)))
        }
        Err(problems) => {
            let mistakes = if problems.len() == 1 {
                "mistake"
            } else {
                "mistakes"
            };
            (EXIT_USAGE, format!("{problems}\n{} {mistakes}\n", problems.len()))
        }
    }
}

/// A summary of a valid configuration, from which one sees that a file was not found
struct Summary<'a>(&'a Config);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(config) = self;
        match config.files.as_slice() {
            [] => f.write_str("valid: no configuration file, the defaults")?,
            [only] => write!(f, "valid: {}", only.path().display())?,
            [_, ..] => write!(f, "valid: {} files", config.files.len())?,
        }
        let models: usize = config
            .settings
            .lookoutvision
            .projects
            .iter()
            .map(|project| project.models.len())
            .sum();
        write!(
            f,
            "; principals: {}, VPC endpoints: {}, projects: {}, models: {models}",
            config.settings.identities.principals.len(),
            config.settings.networks.vpc_endpoints.len(),
            config.settings.lookoutvision.projects.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(yaml: &str) -> (u8, String) {
        let folder = crate::config::tests::folder("check");
        let file = folder.join("emulator.yaml");
        std::fs::write(&file, yaml).expect("the folder is ours");
        let overrides = Overrides {
            config: Some(file),
            ..Overrides::default()
        };
        let (code, text) = check(&overrides);
        (code, text.replace(&format!("{}/", folder.display()), ""))
    }

    #[test]
    fn a_valid_configuration_is_summed_up_and_its_warnings_are_told() {
        let (code, text) = checked("principals: []\n");
        assert_eq!(code, 0);
        assert_eq!(
            text,
            "warning: emulator.yaml:1:1: /principals: there is no principal, so nobody can sign a request\n\
             valid: emulator.yaml; principals: 0, VPC endpoints: 1, projects: 1, models: 2\n"
        );
    }

    #[test]
    fn what_no_request_comes_to_and_what_policies_name_in_vain_is_told() {
        let (code, text) = checked(
            "\
vpcs: [{vpc_id: vpc-0000000a, region: us-west-2, cidr_block: 172.28.0.0/16}]
vpc_endpoints:
  - vpc_endpoint_id: vpce-0000000a
    vpc_id: vpc-0000000a
    policy_document:
      Version: '2012-10-17'
      Statement:
        - Effect: Allow
          Principal: '*'
          Action: lookoutvision:DetectAnomalies
          Resource:
            - arn:aws:lookoutvision:us-west-2:999999999999:model/myProject/myModel
            - arn:aws:lookoutvision:eu-west-1:123456789012:model/myProject/myModel
            - arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2
projects:
  - {name: myProject, models: [{version: myModel}]}
  - {name: line-7, region: eu-west-1}
",
        );
        assert_eq!(code, 0, "{text}");
        let resource = "/vpc_endpoints/0/policy_document/Statement/0/Resource";
        assert_eq!(
            text,
            format!(
                "warning: emulator.yaml:1:50: /vpcs/0/cidr_block: none of the addresses that are listened on (127.0.0.1) lies in \
                 `172.28.0.0/16`, so no connection arrives in this VPC; `localhost` leads to an endpoint of it only where the \
                 Region has no other\n\
                 warning: emulator.yaml:12:15: {resource}/0: \
                 `arn:aws:lookoutvision:us-west-2:999999999999:model/myProject/myModel` never matches: its account is \
                 `999999999999`, and every resource belongs to the account `123456789012`\n\
                 warning: emulator.yaml:13:15: {resource}/1: \
                 `arn:aws:lookoutvision:eu-west-1:123456789012:model/myProject/myModel` never matches: its Region is `eu-west-1`, \
                 and the policy is attached to `vpce-0000000a`, which lies in `us-west-2`\n\
                 warning: emulator.yaml:14:15: {resource}/2: \
                 `arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2` names model `2`, which project `myProject` does \
                 not declare in us-west-2\n\
                 warning: emulator.yaml:17:20: /projects/1/region: no VPC endpoint is declared in eu-west-1, so calls there are \
                 refused (`public_endpoint: refuse`)\n\
                 valid: emulator.yaml; principals: 1, VPC endpoints: 1, projects: 2, models: 1\n"
            )
        );
    }

    #[test]
    fn the_address_that_is_listened_on_may_come_from_an_option() {
        let folder = crate::config::tests::folder("check-listen");
        let yaml = "vpcs: [{vpc_id: vpc-0000000a, cidr_block: 127.0.2.0/24}]\n\
                    vpc_endpoints: [{vpc_endpoint_id: vpce-0000000a, vpc_id: vpc-0000000a}]\n";
        let file = folder.write("emulator.yaml", yaml);
        let told = |listen: Option<&str>| {
            let overrides = Overrides {
                config: Some(file.clone()),
                listen: listen.map(|listen| listen.parse().expect("an address")),
                ..Overrides::default()
            };
            check(&overrides).1
        };
        assert!(told(None).contains("/vpcs/0/cidr_block"));
        assert!(!told(Some("127.0.2.7:443")).contains("warning"));
        assert!(!told(Some("0.0.0.0:443")).contains("warning"));
    }

    #[test]
    fn a_policy_file_is_told_by_its_own_lines() {
        let folder = crate::config::tests::folder("check-names");
        let policy = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\",\n    \
                      \"Resource\": \"arn:aws:lookoutvision:*:123456789012:project/line-9\"}\n}\n";
        folder.write("policies/alice.json", policy);
        let yaml = "principals:\n  - arn: arn:aws:iam::123456789012:user/alice\n    \
                    access_keys: [{access_key_id: alice, secret_access_key: alice}]\n    \
                    identity_policies: [policies/alice.json]\n";
        let overrides = Overrides {
            config: Some(folder.write("emulator.yaml", yaml)),
            ..Overrides::default()
        };
        let (_, text) = check(&overrides);
        let expected = "policies/alice.json:4:5: /Statement/Resource: `arn:aws:lookoutvision:*:123456789012:project/line-9` names \
                        project `line-9`, which is not declared\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn mistakes_are_told_counted_and_end_with_64() {
        let (code, text) = checked("account_id: 12\nlimits: {connections_max: 0}\n");
        assert_eq!(code, 64);
        assert_eq!(
            text,
            "emulator.yaml:1:1: /account_id: `12` is not an account id (twelve digits)\n\
             emulator.yaml:2:10: /limits/connections_max: 0 is out of bounds (1 to 65536)\n\
             2 mistakes\n"
        );
    }
}
