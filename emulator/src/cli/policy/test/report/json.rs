//! One object with every case.

use std::io::{self, Write};

use iam_policy::{DecidedBy, NearMiss};
use serde::Serialize;

use super::{PolicyFiles, Report, place};
use crate::workbench::CallDecision;

#[derive(Serialize)]
struct JsonReport<'r> {
    passed: usize,
    failed: usize,
    cases: Vec<JsonCase<'r>>,
}

#[derive(Serialize)]
struct JsonCase<'r> {
    file: String,
    line: u32,
    column: u32,
    name: &'r str,
    passed: bool,
    operation: &'r str,
    action: &'r str,
    resource: &'r str,
    principal: &'r str,
    /// `null`: the public endpoint
    vpc_endpoint_id: Option<&'r str>,
    region: &'r str,
    source_ip: String,
    expected: &'r str,
    /// `refused`: the server answers 421 before it asks any policy
    decision: CallDecision,
    decided_by: Option<&'r DecidedBy>,
    message: Option<&'r str>,
    failure: Option<JsonFailure<'r>>,
    /// What is odd about the question, such as a resource that is not declared
    warnings: &'r [String],
}

#[derive(Serialize)]
struct JsonFailure<'r> {
    summary: &'r str,
    near_miss: Option<&'r NearMiss>,
    notes: &'r [String],
    /// File, line and column of the statement that decided, or of the pattern that did not match
    at: Option<String>,
}

pub(super) fn write(report: &Report, files: &PolicyFiles, out: &mut impl Write) -> io::Result<()> {
    let cases = report.cases().map(|(file, case)| JsonCase {
        file: file.display().to_string(),
        line: case.position.line,
        column: case.position.column,
        name: &case.name,
        passed: case.failure.is_none(),
        operation: case.asked.operation.name(),
        action: &case.asked.action,
        resource: &case.asked.resource,
        principal: &case.asked.principal,
        vpc_endpoint_id: case.asked.vpc_endpoint_id.as_deref(),
        region: case.asked.region.as_str(),
        source_ip: case.asked.source_ip.to_string(),
        expected: case.expected,
        decision: case.decision,
        decided_by: case.decided_by.as_ref(),
        message: case.message.as_deref(),
        failure: case.failure.as_ref().map(|failure| JsonFailure {
            summary: &failure.summary,
            near_miss: failure.near_miss.as_ref(),
            notes: &failure.notes,
            at: place(failure, files),
        }),
        warnings: &case.warnings,
    });
    let whole = JsonReport {
        passed: report.passed(),
        failed: report.failed(),
        cases: cases.collect(),
    };
    let json = serde_json::to_string_pretty(&whole)?;
    // Escaped line by line: the line feeds between values must stay.
    for line in json.lines() {
        writeln!(out, "{}", client_text::escape_json(line.to_owned()))?;
    }
    Ok(())
}
