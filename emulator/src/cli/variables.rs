//! Environment variables with our prefix that no option reads: each is a mistake, because a misspelt setting that is
//! ignored may be the one that was meant to refuse something.
//!
//! ```text
//! unknown environment variable `LOOKOUTVISION_EMULATOR_ENDPOINT_POLICIES`; did you mean `LOOKOUTVISION_EMULATOR_ENDPOINT_POLICY`?
//! ```
//!
//! The command line itself is asked which variables exist, so that no list can be out of date.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
};

use clap::{Command, CommandFactory};
use client_text::spelling;

use super::{CommandLine, EXIT_USAGE};
use crate::config::Overrides;

/// Overrides without any option, and with everything that is wrong with the environment, so that it is reported
/// together with what is wrong with the configuration
pub(super) fn overrides() -> Overrides {
    Overrides {
        mistakes: mistakes(),
        ..Overrides::default()
    }
}

/// Runs a subcommand that reads no configuration, unless something is wrong with the environment
pub(super) fn checked(run: impl FnOnce() -> u8) -> u8 {
    let mistakes = mistakes();
    for mistake in &mistakes {
        report!("{mistake}");
    }
    if mistakes.is_empty() { run() } else { EXIT_USAGE }
}

/// What is wrong with the environment of this process, one sentence for each mistake
fn mistakes() -> Vec<String> {
    let ours: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| option(&name.to_string_lossy().to_ascii_uppercase()).is_some())
        .collect();
    match ours.is_empty() {
        // To put the options together takes a good part of a start.
        true => Vec::new(),
        false => mistakes_in(&CommandLine::command(), ours.into_iter()),
    }
}

/// The option that a variable of this name, in upper case, is meant for; `None`: it is not for the emulator
fn option(name: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))
}

fn mistakes_in(command: &Command, variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let known = variables_of(command);
    let mut mistakes: Vec<String> = variables
        .filter_map(|(name, value)| mistake(&name, &value, &known))
        .collect();
    mistakes.sort();
    mistakes
}

/// The variables of all options of all subcommands: a variable may be set for every subcommand that is run
fn variables_of(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| {
        let name = argument.get_env()?;
        Some(name.to_string_lossy().into_owned())
    });
    let of_subcommands = command.get_subcommands().flat_map(variables_of);
    own.chain(of_subcommands).collect()
}

fn mistake(name: &OsStr, value: &OsStr, known: &BTreeSet<String>) -> Option<String> {
    let name = name.to_string_lossy();
    if known.contains(&*name) {
        return None;
    }
    let written = name.to_ascii_uppercase();
    let option = option(&written)?;
    if is_set_by_kubernetes(option, value) {
        return None;
    }
    let options: Vec<&str> = known
        .iter()
        .filter_map(|name| name.strip_prefix(PREFIX))
        .collect();
    let name = name.escape_debug();
    Some(match spelling::meant(option, &options) {
        Some(meant) => format!("unknown environment variable `{name}`; did you mean `{PREFIX}{meant}`?"),
        None => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            format!(
                "unknown environment variable `{name}`; the variables with this prefix are {}",
                spelling::quoted(&known)
            )
        }
    })
}

/// Whether the kubelet sets the variable for a Service called `lookoutvision-emulator` or `lookoutvision-emulator-…`
/// (Kubernetes, *Service*, "Environment variables": `{SVCNAME}_SERVICE_HOST`, `{SVCNAME}_SERVICE_PORT[_NAME]` and the
/// variables of Docker links, `{SVCNAME}_PORT` and `{SVCNAME}_PORT_443_TCP[_PROTO|_PORT|_ADDR]`)
fn is_set_by_kubernetes(option: &str, value: &OsStr) -> bool {
    // The ending may follow the rest of a longer Service name.
    let ends_with = |ending: &str| {
        option
            .strip_suffix(ending)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    };
    let is_url = || {
        let value = value.to_string_lossy();
        TRANSPORTS
            .iter()
            .any(|transport| value.starts_with(&format!("{}://", transport.to_ascii_lowercase())))
    };
    let of_port = || {
        let detail = ["_PROTO", "_PORT", "_ADDR"]
            .iter()
            .find_map(|detail| option.strip_suffix(detail));
        let rest = TRANSPORTS.iter().find_map(|transport| {
            let rest = detail.unwrap_or(option).strip_suffix(transport)?;
            rest.strip_suffix('_')
        });
        rest.is_some_and(|rest| {
            let name = rest.trim_end_matches(|c: char| c.is_ascii_digit());
            name.len() < rest.len() && (name == "PORT_" || name.ends_with("_PORT_"))
        })
    };
    ends_with("SERVICE_HOST")
        || ends_with("SERVICE_PORT")
        || option.starts_with("SERVICE_PORT_")
        || option.contains("_SERVICE_PORT_")
        || (ends_with("PORT") && is_url())
        || of_port()
}

const PREFIX: &str = "LOOKOUTVISION_EMULATOR_";

/// The prefix, and two common misspellings of it; the case is disregarded as well
const PREFIXES: [&str; 3] = [PREFIX, "LOOKOUT_VISION_EMULATOR_", "LOOKOUTVISIONEMULATOR_"];

/// The protocols that a Service can have
const TRANSPORTS: [&str; 3] = ["TCP", "UDP", "SCTP"];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        mistakes_in(&CommandLine::command(), variables)
    }

    #[test]
    fn a_misspelt_variable_is_told_with_the_one_that_was_meant() {
        for (name, meant) in [
            ("LOOKOUTVISION_EMULATOR_ENDPOINT_POLICIES", "ENDPOINT_POLICY"),
            ("LOOKOUTVISION_EMULATOR_CONFIG_FILE", "CONFIG"),
            ("LOOKOUTVISION_EMULATOR_CERT", "CERTS"),
            ("LOOKOUTVISION_EMULATOR_LISTEN_ADDR", "LISTEN"),
            ("LOOKOUTVISION_EMULATOR_LOGFORMAT", "LOG_FORMAT"),
            ("lookoutvision_emulator_config", "CONFIG"),
            ("LOOKOUT_VISION_EMULATOR_ENDPOINT_POLICY", "ENDPOINT_POLICY"),
            ("LOOKOUTVISIONEMULATOR_CERTS", "CERTS"),
        ] {
            let expected = format!(
                "unknown environment variable `{name}`; did you mean `LOOKOUTVISION_EMULATOR_{meant}`?"
            );
            // An empty value is a setting too.
            assert_eq!(told(&[(name, "")]), [expected]);
        }
    }

    #[test]
    fn one_that_resembles_none_is_told_with_all_that_there_are() {
        let told = told(&[
            ("LOOKOUTVISION_EMULATOR_QUICKLY", "8443"),
            ("LOOKOUTVISION_EMULATOR_", "x"),
        ]);
        assert_eq!(told.len(), 2, "{told:?}");
        for message in told {
            assert!(message.contains("`LOOKOUTVISION_EMULATOR_CONFIG`, "), "{message}");
        }
    }

    #[test]
    fn every_option_has_its_variable_and_what_is_not_ours_is_left_alone() {
        let command = CommandLine::command();
        for name in variables_of(&command) {
            assert_eq!(told(&[(&name, "x")]), [""; 0]);
        }
        let others = [
            ("LOOKOUTVISION_ENDPOINT", "x"),
            ("AWS_ENDPOINT_URL_LOOKOUTVISION", "x"),
            ("LOOKOUTVISION_EMULATOR", "x"),
            ("MY_LOOKOUTVISION_EMULATOR_CONFIG", "x"),
            ("", "x"),
        ];
        assert_eq!(told(&others), [""; 0]);
    }

    #[test]
    fn every_option_that_takes_a_value_has_a_variable_named_after_it() {
        fn check(command: &Command) {
            for argument in command
                .get_arguments()
                .filter(|argument| !argument.is_positional())
            {
                let Some(long) = argument
                    .get_long()
                    .filter(|long| !["help", "version"].contains(long))
                else {
                    continue;
                };
                let name = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                // The control API of a running emulator is named by a URL, which is not the address to listen on.
                let expected = match argument.get_id().as_str() {
                    "control_url" => "CONTROL_URL".to_owned(),
                    _ => long.replace('-', "_").to_ascii_uppercase(),
                };
                assert_eq!(name, Some(format!("{PREFIX}{expected}")), "--{long}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&CommandLine::command());
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_of_our_name_is_no_mistake() {
        for (name, value) in [
            ("SERVICE_HOST", "10.0.0.11"),
            ("SERVICE_PORT", "443"),
            ("SERVICE_PORT_HTTPS", "443"),
            ("PORT", "tcp://10.0.0.11:443"),
            ("PORT_443_TCP", "tcp://10.0.0.11:443"),
            ("PORT_443_TCP_PROTO", "tcp"),
            ("PORT_443_TCP_PORT", "443"),
            ("PORT_443_TCP_ADDR", "10.0.0.11"),
            ("CONTROL_SERVICE_HOST", "10.0.0.12"),
            ("CONTROL_SERVICE_PORT", "8080"),
            ("CONTROL_SERVICE_PORT_HTTP", "8080"),
            ("CONTROL_PORT", "tcp://10.0.0.12:8080"),
            ("CONTROL_PORT_8080_TCP_ADDR", "10.0.0.12"),
        ] {
            assert_eq!(told(&[(&format!("{PREFIX}{name}"), value)]), [""; 0], "{name}");
        }
        for name in [
            "PORT",
            "PORT_TCP",
            "CONTROL_PORT",
            "MYSERVICE_HOST",
            "REPORT_443_TCP",
        ] {
            assert_eq!(told(&[(&format!("{PREFIX}{name}"), "443")]).len(), 1, "{name}");
        }
    }
}
