//! `policy coverage`: which parts of the policies the requests to a running emulator have reached.
//!
//! ```text
//! $ lookoutvision-emulator policy coverage
//! endpoint.json
//!   requests  statement
//!          4  0 (Line)
//!          0  1, at line 12
//! 50 % covered: 1 of 2 statements, 4 of 8 elements, 0 of 0 conditions
//! ```

use std::{fmt, path::PathBuf, str::FromStr};

use clap::Args;
use client_text::escape;
use serde::Deserialize;

use crate::{
    cli::{
        EXIT_FAILED, EXIT_OK,
        control_client::{ControlClient, ControlError, ControlUrlOption},
        output,
        progress::working,
    },
    workbench::coverage::CoverageFormat,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct CoverageOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Form of the report: text, json, html, lcov, cobertura, junit or sarif
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOOKOUTVISION_EMULATOR_FORMAT",
        default_value = "text"
    )]
    format: ReportFormat,
    /// File that the report goes to, in place of standard output
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_OUTPUT")]
    output: Option<PathBuf>,
    /// Exit 1 when less is covered: percent of all statements, elements and conditions together
    #[arg(
        long,
        value_name = "PERCENT",
        env = "LOOKOUTVISION_EMULATOR_MINIMUM",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    minimum: Option<u8>,
    /// Exit 1 when less of one kind is covered: `statement=100,condition=80`
    #[arg(
        long,
        value_name = "KIND=PERCENT",
        env = "LOOKOUTVISION_EMULATOR_FAIL_UNDER",
        value_delimiter = ','
    )]
    fail_under: Vec<FailUnder>,
}

/// The form of the report that is printed
#[derive(Debug, Clone, Copy)]
enum ReportFormat {
    /// For a person
    Text,
    /// As `GET /coverage` has it
    Of(CoverageFormat),
}

/// The least percentage for one kind of units
#[derive(Debug, Clone, Copy)]
struct FailUnder {
    kind: Kind,
    percent: u64,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Statement,
    Element,
    Condition,
}

/// The parts of the JSON report that are read
#[derive(Deserialize)]
struct Report {
    documents: Vec<Document>,
    totals: ByKind,
    percent: u64,
}

#[derive(Deserialize)]
struct Document {
    policy_type: String,
    attached_to: Option<String>,
    file: Option<String>,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    statement: usize,
    sid: Option<String>,
    line: usize,
    matched: u64,
}

#[derive(Deserialize)]
struct ByKind {
    statements: Covered,
    elements: Covered,
    conditions: Covered,
}

#[derive(Deserialize)]
struct Covered {
    covered: u64,
    of: u64,
}

pub(super) fn run(options: &CoverageOptions) -> u8 {
    match options
        .control
        .client()
        .and_then(|control| ask(options, &control))
    {
        Ok(code) => code,
        Err(error) => {
            report!("{error}");
            error.exit_code()
        }
    }
}

fn ask(options: &CoverageOptions, control: &ControlClient) -> Result<u8, ControlError> {
    let answer = control.get_answer("/coverage")?;
    if answer
        .headers
        .get("x-coverage-enabled")
        .is_some_and(|enabled| enabled == "false")
    {
        report!(
            "requests are not counted, so this is what was counted before, if anything: set `coverage: true` in the \
             configuration, or `curl -X PUT {}/coverage -d '{{\"enabled\": true}}'`",
            control.url()
        );
    }
    let json = answer.body;
    let covered: Report = serde_json::from_slice(&json)
        .map_err(|error| ControlError::Refused(format!("`/coverage` answered something else: {error}")))?;
    let report = match options.format {
        ReportFormat::Text => covered.to_string().into(),
        ReportFormat::Of(CoverageFormat::Json) => json,
        ReportFormat::Of(format) => working("waiting for the report", || {
            control.get(&format!("/coverage?format={format}"))
        })?,
    };
    let written = match &options.output {
        Some(file) => output::write_file(file, &report).map_err(|error| {
            report!(
                "the coverage could not be written to `{}`: {error}",
                file.display()
            );
            EXIT_FAILED
        }),
        None => output::print(&report)
            .map(|_| ())
            .map_err(|lost| output::status(Err(lost), EXIT_FAILED)),
    };
    if let Err(code) = written {
        return Ok(code);
    }
    let misses = misses(options, &covered);
    for miss in &misses {
        report!("{miss}");
    }
    Ok(if misses.is_empty() { EXIT_OK } else { EXIT_FAILED })
}

/// The percentages that were asked for and not reached, one sentence each
fn misses(options: &CoverageOptions, report: &Report) -> Vec<String> {
    let minimum = options.minimum.map(u64::from);
    let is_empty = report.totals.statements.of == 0;
    let overall = minimum.and_then(|least| match is_empty {
        true if least > 0 => Some(format!(
            "there is no statement that could be covered, so {least} % is not reached"
        )),
        _ => (report.percent < least).then(|| format!("{} % covered, less than {least} %", report.percent)),
    });
    let of_kinds = options
        .fail_under
        .iter()
        .filter_map(|FailUnder { kind, percent }| {
            let (name, Covered { covered, of }) = match kind {
                Kind::Statement => ("statements", &report.totals.statements),
                Kind::Element => ("elements", &report.totals.elements),
                Kind::Condition => ("conditions", &report.totals.conditions),
            };
            let found = (covered * 100).checked_div(*of).unwrap_or(100);
            (found < *percent)
                .then(|| format!("{covered} of {of} {name} covered ({found} %), less than {percent} %"))
        });
    overall.into_iter().chain(of_kinds).collect()
}

/// A table of statements for each document, and how much is covered
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for document in &self.documents {
            let name = match (&document.file, &document.attached_to) {
                (Some(file), _) => file.clone(),
                (None, Some(attached_to)) => format!("{} of {attached_to}", document.policy_type),
                (None, None) => document.policy_type.clone(),
            };
            writeln!(f, "{}\n  requests  statement", escape(&name))?;
            for statement in &document.statements {
                write!(f, "  {:>8}  {}", statement.matched, statement.statement)?;
                if let Some(sid) = &statement.sid {
                    write!(f, " ({})", escape(sid))?;
                }
                if statement.matched == 0 {
                    write!(f, ", at line {}", statement.line)?;
                }
                writeln!(f)?;
            }
        }
        let ByKind {
            statements,
            elements,
            conditions,
        } = &self.totals;
        writeln!(
            f,
            "{} % covered: {} of {} statements, {} of {} elements, {} of {} conditions",
            self.percent,
            statements.covered,
            statements.of,
            elements.covered,
            elements.of,
            conditions.covered,
            conditions.of
        )
    }
}

impl FromStr for ReportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            other => other.parse().map(Self::Of),
        }
    }
}

impl FromStr for FailUnder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, percent) = text
            .split_once('=')
            .ok_or("expected a kind and percent, as in `statement=100`")?;
        Ok(Self {
            kind: match kind {
                "statement" => Kind::Statement,
                "element" => Kind::Element,
                "condition" => Kind::Condition,
                _ => {
                    return Err(format!(
                        "`{kind}` is not one of `statement`, `element`, `condition`"
                    ));
                }
            },
            percent: percent
                .parse()
                .ok()
                .filter(|percent| *percent <= 100)
                .ok_or_else(|| format!("`{percent}` is not a number from 0 to 100"))?,
        })
    }
}
