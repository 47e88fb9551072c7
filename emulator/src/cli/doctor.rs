//! `doctor`: why calls do not arrive, or are refused: everything that stands between a client and the emulator, looked at
//! from where the client stands.
//!
//! ```text
//! $ lookoutvision-emulator doctor
//! problem  trust  AWS_CA_BUNDLE names /certs/ca.pem, which holds the CA of another emulator (8A:…), not of this one (3F:…)
//!                 → the usual cause is a volume of an earlier start: …
//! ok: control, variables, credentials, … (`--all` shows them)
//! 1 problem, no warning
//! ```
//!
//! All surroundings are gathered first ([`Surroundings`]); each check is a function of them and of nothing else.
//! `doctor -- CMD` looks at the surroundings of a command that runs with an emulator of its own, and at the calls that
//! the command tried ([`command`]).

use std::{ffi::OsString, fmt};

use clap::{ArgMatches, Args, CommandFactory, ValueEnum, error::ErrorKind, parser::ValueSource};

use self::surroundings::Surroundings;
use super::{CommandLine, EXIT_FAILED, EXIT_OK, control_client::ControlUrlOption, output};
use crate::control::diagnosis::{Finding, Status};

mod clients;
mod clock;
mod command;
mod control;
mod endpoint;
mod java;
mod policy;
mod profile;
mod proxy;
mod proxy_server;
mod surroundings;
mod trust;
mod variables;

/// Options of `doctor`
#[derive(Debug, Args)]
pub(super) struct DoctorOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Form of the report
    #[arg(
        long,
        value_name = "FORMAT",
        default_value_t = ReportFormat::Text,
        value_enum,
        env = "LOOKOUTVISION_EMULATOR_FORMAT"
    )]
    format: ReportFormat,
    /// Print good findings as well, a line for each; JSON always has them
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_ALL")]
    all: bool,
    /// Command to run with an emulator of its own, whose calls are looked at; not together with `--control`
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// A line for each finding, and what to do about it on the next
    Text,
    /// A list of objects with `check`, `status`, `message` and `cure`
    Json,
}

/// How findings are reported
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportForm {
    /// Problems and warnings, and one line that names the checks that found nothing
    Brief,
    /// Every finding
    Whole,
    /// Every finding, for programs
    Json,
}

impl DoctorOptions {
    fn report_form(&self) -> ReportForm {
        match (self.format, self.all) {
            (ReportFormat::Json, _) => ReportForm::Json,
            (ReportFormat::Text, true) => ReportForm::Whole,
            (ReportFormat::Text, false) => ReportForm::Brief,
        }
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Every check, in the order in which a call meets what the check looks at
const CHECKS: &[fn(&Surroundings) -> Vec<Finding>] = &[
    control::control,
    variables::misspelt,
    variables::endpoint_variables,
    variables::credentials,
    profile::profile,
    proxy::proxy,
    endpoint::endpoint,
    trust::trust,
    java::java,
    clients::clients,
    clock::clock,
    policy::region,
    control::server_side,
    control::refusals,
];

/// An emulator that is named on the command line must not be ignored in favour of another one. One that the environment
/// names is ignored: whoever has pasted the variables has it there.
pub(super) fn refuse_ignored_options(matches: &ArgMatches) -> Result<(), clap::Error> {
    match matches.subcommand() {
        Some(("doctor", doctor))
            if doctor.contains_id("command")
                && doctor.value_source("control_url") == Some(ValueSource::CommandLine) =>
        {
            Err(CommandLine::command().error(
                ErrorKind::ArgumentConflict,
                "`--control` names a running emulator, and a command runs with an emulator of its own: leave one of them out",
            ))
        }
        _ => Ok(()),
    }
}

pub(super) fn run(options: &DoctorOptions) -> u8 {
    if !options.command.is_empty() {
        return command::run(&options.command, options.report_form());
    }
    let control = match options.control.client() {
        Ok(control) => control,
        Err(error) => {
            report!("{error}");
            return error.exit_code();
        }
    };
    let findings = examine(&Surroundings::of_this_process(&control));
    let code = if has_problem(&findings) {
        EXIT_FAILED
    } else {
        EXIT_OK
    };
    let printed = output::print(report(&findings, options.report_form()).as_bytes());
    output::status(printed, code)
}

/// What every check finds
fn examine(surroundings: &Surroundings) -> Vec<Finding> {
    CHECKS.iter().flat_map(|check| check(surroundings)).collect()
}

fn has_problem(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.status == Status::Problem)
}

fn report(findings: &[Finding], form: ReportForm) -> String {
    let text = |is_brief| Text { findings, is_brief }.to_string();
    match form {
        ReportForm::Brief => text(true),
        ReportForm::Whole => text(false),
        ReportForm::Json => {
            let text = serde_json::to_string_pretty(findings);
            text.expect("findings have string keys and no numbers") + "\n"
        }
    }
}

/// Findings as a person reads them
struct Text<'f> {
    findings: &'f [Finding],
    /// Whether one line names the checks that found nothing
    is_brief: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The findings about the command's calls are always shown, because they were asked for.
        let is_shown = |finding: &&Finding| {
            !self.is_brief || finding.status != Status::Ok || finding.check == command::CALLS
        };
        let shown: Vec<&Finding> = self.findings.iter().filter(is_shown).collect();
        let width = shown.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
        for (index, finding) in shown.iter().enumerate() {
            let status = word(finding.status);
            writeln!(
                f,
                "{status:STATUS_WIDTH$}  {:width$}  {}",
                finding.check, finding.message
            )?;
            // A cure that several findings share is printed once, after the last of them.
            let next = shown.get(index + 1);
            let is_shared = next.is_some_and(|next| next.check == finding.check && next.cure == finding.cure);
            if let (Some(cure), false) = (&finding.cure, is_shared) {
                writeln!(f, "{:STATUS_WIDTH$}  {:width$}  → {cure}", "", "")?;
            }
        }
        let mut good: Vec<&str> = Vec::new();
        for finding in self.findings {
            let is_bad = shown.iter().any(|shown| shown.check == finding.check);
            if !is_bad && !good.contains(&&*finding.check) {
                good.push(&finding.check);
            }
        }
        if !good.is_empty() {
            writeln!(f, "ok: {} (`--all` shows them)", good.join(", "))?;
        }
        let count = |status| {
            let found = self.findings.iter().filter(|finding| finding.status == status);
            found.count()
        };
        let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
        writeln!(
            f,
            "{}, {}",
            counted(problems, "problem"),
            counted(warnings, "warning")
        )
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Problem => "problem",
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

const STATUS_WIDTH: usize = "problem".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_aligned_and_a_cure_that_is_shared_stands_once() {
        let findings = [
            Finding::ok("control", "answers"),
            Finding::warning("refusals", "the first").cure("look at it"),
            Finding::warning("refusals", "the second").cure("look at it"),
            Finding::problem("trust", "stale").cure("renew it"),
        ];
        assert_eq!(
            report(&findings, ReportForm::Brief),
            "warning  refusals  the first\n\
             warning  refusals  the second\n                   \
             → look at it\n\
             problem  trust     stale\n                   \
             → renew it\n\
             ok: control (`--all` shows them)\n\
             1 problem, 2 warnings\n"
        );
        assert_eq!(
            report(&findings, ReportForm::Whole),
            "ok       control   answers\n\
             warning  refusals  the first\n\
             warning  refusals  the second\n                   \
             → look at it\n\
             problem  trust     stale\n                   \
             → renew it\n\
             1 problem, 2 warnings\n"
        );
    }

    #[test]
    fn the_json_is_a_list_with_a_null_where_nothing_is_to_be_done() {
        let text = report(&[Finding::ok("control", "answers")], ReportForm::Json);
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            list,
            serde_json::json!([{"check": "control", "status": "ok", "message": "answers", "cure": null}])
        );
    }
}
