//! `policy lint`: what AWS's checks and a careful reader would say about policy documents.
//!
//! ```text
//! endpoint.json:4:17: error: `allow` is not an effect; expected `Allow` or `Deny`, in this case [invalid-effect] at /Statement/0/Effect
//! ```

use std::{
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
};

use client_text::escape;
use iam_policy::{Finding, PolicyType, Severity};
use serde::Serialize;

use super::{LintFormat, LintOptions};
use crate::{
    cli::{EXIT_OK, EXIT_USAGE, output, progress::working},
    config::{
        in_our_words,
        text_file::{self, NOT_A_PATH},
    },
    services::vocabulary::{self, Surroundings},
};

mod sarif;

/// What was found in the files of one call
#[derive(Default)]
struct Report {
    linted: Vec<Linted>,
    /// Why the other files were not linted
    unreadable: Vec<String>,
}

/// One document
struct Linted {
    /// The file as it was named, or `<stdin>`
    file: String,
    findings: Vec<Finding>,
}

pub(super) fn run(options: &LintOptions) -> u8 {
    let report = working("reading the policies", || {
        let policy_type = options.policy_type.into();
        Report::of(&options.files, policy_type, &mut io::stdin().lock())
    });
    for message in &report.unreadable {
        report!("{message}");
    }
    let printed = output::print_by(|out| report.write(options.format, out));
    output::status(printed, report.exit_code(options.deny_warnings))
}

impl Report {
    fn of(files: &[PathBuf], policy_type: PolicyType, input: &mut impl Read) -> Self {
        let mut report = Self::default();
        for file in files {
            let (name, text) = if file.as_os_str() == STANDARD_INPUT {
                ("<stdin>".to_owned(), read("<stdin>", Ok(&mut *input)))
            } else {
                let name = file.display().to_string();
                let text = read(&name, File::open(file));
                (name, text)
            };
            match text {
                Ok(text) => {
                    let mut findings = vocabulary::lint(&text, policy_type, Surroundings::Unknown);
                    for finding in &mut findings {
                        finding.message = text_file::policy_message(finding, &text).into_owned();
                    }
                    report.linted.push(Linted { file: name, findings });
                }
                Err(message) => report.unreadable.push(message),
            }
        }
        report
    }

    fn findings(&self) -> impl Iterator<Item = (&str, &Finding)> {
        self.linted.iter().flat_map(|linted| {
            let of_file = linted.findings.iter();
            of_file.map(|finding| (linted.file.as_str(), finding))
        })
    }

    fn exit_code(&self, deny_warnings: bool) -> u8 {
        let is_denied = |(_, finding): (&str, &Finding)| deny_warnings || finding.severity == Severity::Error;
        if self.unreadable.is_empty() && !self.findings().any(is_denied) {
            EXIT_OK
        } else {
            EXIT_USAGE
        }
    }

    fn write(&self, format: LintFormat, out: &mut impl Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        match format {
            LintFormat::Text => {
                for (file, finding) in self.findings() {
                    // Each finding takes one line, whatever keys and values the document has, because it is read in a
                    // terminal.
                    writeln!(out, "{}", escape(&format!("{file}:{finding}")))?;
                }
            }
            LintFormat::Json => {
                let findings: Vec<_> = self
                    .findings()
                    .map(|(file, finding)| FileFinding { file, finding })
                    .collect();
                serde_json::to_writer_pretty(&mut out, &findings)?;
                writeln!(out)?;
            }
            LintFormat::Sarif => {
                serde_json::to_writer_pretty(&mut out, &sarif::log(self))?;
                writeln!(out)?;
            }
        }
        out.flush()
    }
}

/// A finding in `--format json`
#[derive(Serialize)]
struct FileFinding<'a> {
    file: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

/// The text of a document, or a sentence that says why there is none
fn read(name: &str, input: io::Result<impl Read>) -> Result<String, String> {
    let mut bytes = Vec::new();
    let length = input.and_then(|input| input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match length {
        Err(_) if text_file::is_document(name) => Err(format!(
            "{NOT_A_PATH}; put it into a file and name that, or pipe it to `policy lint -`"
        )),
        Err(error) => Err(format!("`{name}` cannot be read: {}", in_our_words(&error))),
        Ok(length) if length as u64 > FILE_BYTES_MAX => Err(format!(
            "`{name}` cannot be read: it has more than {FILE_BYTES_MAX} bytes, which no policy has"
        )),
        Ok(_) => text_file::decode(bytes).map_err(|error| format!("`{name}` {error}")),
    }
}

const STANDARD_INPUT: &str = "-";

/// Files beyond this are not read: the largest policy of any kind is a fraction of it
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
