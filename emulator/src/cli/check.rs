//! `check`: every mistake of the configuration and of the policies it names, and whatever is odd about them.
//!
//! ```text
//! emulator.yaml:12:5: /vpc_endpoints/0/vpc_id: no VPC `vpc-1a2b3c4d` is declared in `vpcs`
//! policies/alice.json:3:17: /Statement/0/Effect: …
//! 2 mistakes
//! ```

use std::{
    fmt,
    io::{self, Write},
};

use super::{ConfigOption, EXIT_FAILED, EXIT_OK, EXIT_USAGE, environment};
use crate::config::{Config, Overrides};

pub(super) fn run(options: ConfigOption) -> u8 {
    let overrides = Overrides {
        config: options.config,
        ..environment::overrides()
    };
    check(&overrides, &mut io::stdout().lock()).unwrap_or(EXIT_FAILED)
}

fn check(overrides: &Overrides, out: &mut impl Write) -> io::Result<u8> {
    match Config::load(overrides) {
        Ok(config) => {
            for warning in &config.warnings {
                writeln!(out, "warning: {warning}")?;
            }
            writeln!(out, "{}", Summary(&config))?;
            Ok(EXIT_OK)
        }
        Err(problems) => {
            let mistakes = if problems.len() == 1 {
                "mistake"
            } else {
                "mistakes"
            };
            writeln!(out, "{problems}\n{} {mistakes}", problems.len())?;
            Ok(EXIT_USAGE)
        }
    }
}

/// What a valid configuration amounts to, so that a file that was not found is noticed
struct Summary<'a>(&'a Config);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(config) = self;
        match config.files.as_slice() {
            [] => f.write_str("valid: no configuration file, the defaults")?,
            [only] => write!(f, "valid: {}", only.path().display())?,
            [_, ..] => write!(f, "valid: {} files", config.files.len())?,
        }
        let models: usize = config.projects.iter().map(|project| project.models.len()).sum();
        write!(
            f,
            "; principals: {}, VPC endpoints: {}, projects: {}, models: {models}",
            config.principals.len(),
            config.vpc_endpoints.len(),
            config.projects.len(),
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
        let mut out = Vec::new();
        let overrides = Overrides {
            config: Some(file),
            ..Overrides::default()
        };
        let code = check(&overrides, &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("messages are text");
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
