//! A policy in a file of its own, whose mistakes are reported with file, line, column and path, each on one line.

use std::path::Path;

use client_text::escape;
use iam_policy::{Finding, PolicyDocument, PolicyError};

use crate::{
    cli::control_command::{Failure, read},
    config::text_file,
};

/// A policy with its text
pub(super) struct PolicyFile {
    pub(super) document: PolicyDocument,
    pub(super) text: String,
}

/// Reads a policy; `name` is what its mistakes call the file
///
/// # Errors
/// When the file cannot be read, or `parse` refuses its content.
pub(super) fn policy_file(
    path: &Path,
    name: &str,
    parse: impl Fn(&str) -> Result<PolicyDocument, PolicyError>,
) -> Result<PolicyFile, Failure> {
    let bytes = read(path)?;
    if bytes.is_empty() && path == Path::new("-") {
        let message = "standard input is empty, and a policy was to come from there";
        return Err(Failure::Mistake(message.to_owned()));
    }
    let text = text_file::decode(bytes);
    let text = text.map_err(|error| Failure::Mistake(format!("{name}: {error}")))?;
    let document = parse(&text).map_err(|error| {
        // Each mistake takes one line, whatever keys and values the policy has, because it is read in a terminal.
        let lines = error.findings().iter().map(|finding| {
            let message = text_file::policy_message(finding, &text).into_owned();
            let finding = Finding {
                message,
                ..finding.clone()
            };
            escape(&format!("{name}:{finding}")).into_owned()
        });
        Failure::Mistake(lines.collect::<Vec<_>>().join("\n"))
    })?;
    Ok(PolicyFile { document, text })
}
