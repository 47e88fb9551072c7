//! Options that have the coverage of the policies written to files, and a least percentage: those of `exec` and
//! `policy test`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;

use super::output;
use crate::workbench::coverage::{CoverageFormat, CoverageReport};

/// Where the coverage of the policies goes, and the minimum that is required
#[derive(Debug, Args)]
pub(super) struct CoverageOptions {
    /// Write the policy coverage of the calls, as json, html, lcov, cobertura, junit or sarif; `-` is standard output
    #[arg(long, value_name = "FORMAT:FILE", env = "LOOKOUTVISION_EMULATOR_COVERAGE")]
    coverage: Vec<CoverageFile>,
    /// Exit 1 when less of the policies is covered: percent of all statements, elements and conditions together
    #[arg(
        long,
        value_name = "PERCENT",
        env = "LOOKOUTVISION_EMULATOR_COVERAGE_MIN",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    coverage_min: Option<u8>,
}

/// A report and the file that it goes to
#[derive(Debug, Clone)]
struct CoverageFile {
    format: CoverageFormat,
    file: PathBuf,
}

/// Whether the required percentage is covered
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
}

impl CoverageOptions {
    /// Whether a report or a least percentage is asked for
    pub(super) fn is_asked_for(&self) -> bool {
        !self.coverage.is_empty() || self.coverage_min.is_some()
    }

    /// Whether one of the reports goes to standard output
    pub(super) fn has_standard_output(&self) -> bool {
        self.coverage.iter().any(CoverageFile::is_standard_output)
    }

    /// Checks that each report has a file of its own
    ///
    /// # Errors
    /// With a sentence, when two reports go to one file, or one goes to a file that is read.
    pub(super) fn check<'i>(&self, inputs: impl IntoIterator<Item = &'i Path>) -> Result<(), String> {
        let inputs: BTreeSet<PathBuf> = inputs.into_iter().map(output::file_identity).collect();
        let mut outputs = BTreeSet::new();
        for report in &self.coverage {
            let file = report.file.display();
            let identity = match report.is_standard_output() {
                true => report.file.clone(),
                false => output::file_identity(&report.file),
            };
            if inputs.contains(&identity) {
                return Err(format!(
                    "`--coverage {}:{file}` would overwrite a file that is read; name another file",
                    report.format
                ));
            }
            if !outputs.insert(identity) {
                return Err(format!(
                    "two reports of the coverage go to `{file}`; name a file for each"
                ));
            }
        }
        Ok(())
    }

    /// Writes the files, and prints on standard error how much is covered
    ///
    /// # Errors
    /// With a sentence, when a file cannot be written.
    pub(super) fn report(&self, report: CoverageReport) -> Result<Met, String> {
        let report = match self.coverage_min {
            Some(percent) => report.held_to(percent),
            None => report,
        };
        for coverage_file in &self.coverage {
            let CoverageFile { format, file } = coverage_file;
            let content = report.written(*format);
            let written = match coverage_file.is_standard_output() {
                true => output::print(content.as_bytes())
                    .map(drop)
                    .map_err(|lost| lost.to_string()),
                false => output::write_file(file, content.as_bytes()).map_err(|error| error.to_string()),
            };
            written.map_err(|error| {
                format!(
                    "the coverage could not be written to `{}`: {error}",
                    file.display()
                )
            })?;
            let without_file = report.without_file();
            if format.needs_files() && without_file > 0 {
                report!(
                    "left out of `{}`, because {format} speaks of lines of files: policies that have none of their own \
                     ({without_file})",
                    file.display()
                );
            }
        }
        report!("{}", report.summary());
        match self.coverage_min {
            Some(least) if !report.reaches(least) => {
                report!(
                    "{}",
                    match report.is_empty() {
                        true => format!(
                            "there is no statement that could be covered, so {least} % is not reached"
                        ),
                        false => format!("that is less than {least} %"),
                    }
                );
                Ok(Met::No)
            }
            _ => Ok(Met::Yes),
        }
    }
}

impl CoverageFile {
    fn is_standard_output(&self) -> bool {
        self.file == Path::new(STANDARD_OUTPUT)
    }
}

impl FromStr for CoverageFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((format, file)) if !file.is_empty() => Ok(Self {
                format: format.parse()?,
                file: file.into(),
            }),
            _ => Err("expected a format and a file, as in `html:coverage.html`".to_owned()),
        }
    }
}

const STANDARD_OUTPUT: &str = "-";
