//! `policy diff`: what two policies say differently, each difference with a request that shows it.
//!
//! ```text
//! $ lookoutvision-emulator policy diff old.json new.json --deny-new-access
//! new access: lookoutvision:DetectAnomalies on arn:…:model/myProject/2 by arn:…:user/example
//!   before: implicitDeny
//!   after:  allowed by statement 1 (`Wider`) at new.json:7:5
//! 1 new access, no lost access
//! ```

use std::path::{Path, PathBuf};

use clap::Args;
use iam_policy::{PolicyDocument, PolicyError, PolicyType};

use super::{PolicyTypeOption, policy_file::policy_file};
use crate::{
    cli::{
        ConfigOption, EXIT_FAILED, EXIT_OK, EXIT_USAGE,
        control_command::{Failure, status},
        format::{Format, FormatOption},
        output::print,
        progress::working,
    },
    config::{Config, Overrides},
    workbench::diff::{NamedPolicy, PolicyDiff},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffOptions {
    /// What the policies are attached to
    #[arg(
        long = "type",
        value_name = "TYPE",
        env = "LOOKOUTVISION_EMULATOR_TYPE",
        default_value = "endpoint"
    )]
    policy_type: PolicyTypeOption,
    /// Exit 1 when the new policy allows what the old one does not, 64 when that is not known, and 0 when it does not,
    /// whatever else is undecided
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_DENY_NEW_ACCESS")]
    deny_new_access: bool,
    #[command(flatten)]
    format: FormatOption,
    #[command(flatten)]
    config: ConfigOption,
    /// Policy as it was; `-` is standard input
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Policy as it is to be; `-` is standard input
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

pub(super) fn run(options: &DiffOptions) -> u8 {
    status(compare(options))
}

fn compare(options: &DiffOptions) -> Result<u8, Failure> {
    let policy_type = PolicyType::from(options.policy_type);
    if options.old == options.new && options.old == Path::new("-") {
        let message = "standard input can be one of the two policies, not both";
        return Err(Failure::Mistake(message.to_owned()));
    }
    // The old policy is in force, even if AWS would refuse it today; the new one is yet to be attached.
    let old = policy(&options.old, |text| {
        PolicyDocument::parse_stored(text, policy_type)
    })?;
    let new = policy(&options.new, |text| PolicyDocument::parse(text, policy_type))?;
    let classes_max = classes_max(&options.config)?;
    let diff = working("comparing the policies", || {
        PolicyDiff::of(&old, &new, classes_max)
    });
    let printed = match options.format.format {
        Format::Text => diff.text(),
        Format::Json => diff.json(),
    };
    print(printed.as_bytes())?;
    Ok(match (options.deny_new_access, diff.has_new_access()) {
        (true, Some(true)) => EXIT_FAILED,
        (true, None) => EXIT_USAGE,
        // New access is ruled out, and nothing else was asked for.
        (true, Some(false)) => EXIT_OK,
        (false, _) if diff.is_undecided() => EXIT_USAGE,
        (false, _) => EXIT_OK,
    })
}

/// A policy, and the name that messages give its file
fn policy(
    path: &Path,
    parse: impl Fn(&str) -> Result<PolicyDocument, PolicyError>,
) -> Result<NamedPolicy, Failure> {
    let file = match path {
        path if path == Path::new("-") => "<stdin>".to_owned(),
        path => path.display().to_string(),
    };
    let document = policy_file(path, &file, parse)?.document;
    Ok(NamedPolicy { file, document })
}

/// How many classes of requests are looked at: `limits.diff_classes_max` of the configuration
fn classes_max(option: &ConfigOption) -> Result<usize, Failure> {
    let overrides = Overrides {
        config: option.config.clone(),
        config_nodes_max: option.config_nodes_max,
        ..Overrides::default()
    };
    let config = Config::load(&overrides).map_err(|problems| Failure::Mistake(problems.to_string()))?;
    Ok(config.settings.limits.diff_classes_max)
}
