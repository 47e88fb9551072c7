//! Options that have the coverage of the policies written to files, and a least percentage: those of `exec` and
//! `policy test`.

use std::{fs, path::PathBuf, str::FromStr};

use clap::Args;

use crate::workbench::coverage::{CoverageFormat, CoverageReport};

/// Where the coverage of the policies goes, and how much there has to be
#[derive(Debug, Args)]
pub(super) struct CoverageOptions {
    /// Write which parts of the policies calls came to, as json, html, lcov, cobertura, junit or sarif
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

/// Whether as much is covered as was asked for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
}

impl CoverageOptions {
    /// Whether anything of it is asked for
    pub(super) fn is_asked_for(&self) -> bool {
        !self.coverage.is_empty() || self.coverage_min.is_some()
    }

    /// Writes the files, and tells on standard error how much is covered
    ///
    /// # Errors
    /// With a sentence, when a file cannot be written.
    pub(super) fn report(&self, report: CoverageReport) -> Result<Met, String> {
        let report = match self.coverage_min {
            Some(percent) => report.held_to(percent),
            None => report,
        };
        for CoverageFile { format, file } in &self.coverage {
            fs::write(file, report.written(*format)).map_err(|error| {
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
            Some(least) if report.percent() < u64::from(least) => {
                report!("that is less than {least} %");
                Ok(Met::No)
            }
            _ => Ok(Met::Yes),
        }
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
