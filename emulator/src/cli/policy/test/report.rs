//! The results of the tests, for a person and for programs.

use std::{
    io::{self, BufWriter, Write},
    path::{Component, Path, PathBuf},
};

use client_text::escape;

use super::{
    TestFormat,
    cases::{Case, Failure},
    policies::read_file,
};
use crate::settings::{PolicyFiles, sha256};

mod json;
mod junit;
mod tap;

/// The results of the tests of one run
#[derive(Debug, Default)]
pub(super) struct Report {
    files: Vec<(PathBuf, Vec<Case>)>,
}

/// Which of these files hold a policy and nothing else
pub(super) fn policy_files(files: &[PathBuf]) -> PolicyFiles {
    PolicyFiles::new(
        files
            .iter()
            .filter_map(|file| Some((sha256(&read_file(file).ok()?), plain(file)))),
    )
}

/// `tests/../policies/endpoint.json` without the detour through `..`, if that is the same file
fn plain(file: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in file.components() {
        match (part, plain.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            (Component::CurDir, _) => {}
            _ => plain.push(part),
        }
    }
    // Behind a symbolic link, `..` leads elsewhere.
    match (plain.canonicalize(), file.canonicalize()) {
        (Ok(one), Ok(other)) if one == other => plain,
        _ => file.to_path_buf(),
    }
}

impl Report {
    pub(super) fn add(&mut self, file: PathBuf, cases: Vec<Case>) {
        self.files.push((file, cases));
    }

    fn cases(&self) -> impl Iterator<Item = (&Path, &Case)> {
        let files = self.files.iter();
        files.flat_map(|(file, cases)| cases.iter().map(move |case| (file.as_path(), case)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cases().next().is_none()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed() > 0
    }

    fn failed(&self) -> usize {
        self.cases().filter(|(_, case)| case.failure.is_some()).count()
    }

    fn passed(&self) -> usize {
        self.cases().filter(|(_, case)| case.failure.is_none()).count()
    }

    pub(super) fn write(
        &self,
        format: TestFormat,
        files: &PolicyFiles,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        match format {
            TestFormat::Text => self.write_text(files, &mut out)?,
            TestFormat::Json => json::write(self, files, &mut out)?,
            TestFormat::Junit => junit::write(self, files, &mut out)?,
            TestFormat::Tap => tap::write(self, files, &mut out)?,
        }
        out.flush()
    }

    fn write_text(&self, files: &PolicyFiles, out: &mut impl Write) -> io::Result<()> {
        for (file, cases) in self.files.iter().filter(|(_, cases)| !cases.is_empty()) {
            writeln!(out, "{}", escape(&file.display().to_string()))?;
            for case in cases {
                let word = if case.failure.is_some() { "FAIL" } else { "ok  " };
                writeln!(out, "  {word}  {}", escape(&case.name))?;
                let failure = case.failure.iter();
                let lines = failure.flat_map(|failure| failure_lines(file, case, failure, files));
                for line in lines.chain(warning_lines(file, case)) {
                    writeln!(out, "        {}", escape(&line))?;
                }
            }
        }
        writeln!(out, "{} passed, {} failed", self.passed(), self.failed())
    }
}

/// What there is to say about a failure, a line each
fn failure_lines(file: &Path, case: &Case, failure: &Failure, files: &PolicyFiles) -> Vec<String> {
    let at = case.position;
    let mut lines = vec![
        format!(
            "{}:{}:{}: {}",
            file.display(),
            at.line,
            at.column,
            failure.summary
        ),
        format!("asked: {}", case.asked),
    ];
    if let Some(place) = place(failure, files) {
        lines.push(format!("at {place}"));
    }
    if let Some(message) = &case.message {
        lines.push(message.clone());
    }
    lines.extend(failure.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// What is odd about the question, a line each
fn warning_lines(file: &Path, case: &Case) -> Vec<String> {
    let at = case.position;
    let warnings = case.warnings.iter();
    warnings
        .map(|warning| format!("{}:{}:{}: warning: {warning}", file.display(), at.line, at.column))
        .collect()
}

/// `policies/endpoint.json:9:19`: where the statement stands that decided, or the pattern that did not match
fn place(failure: &Failure, files: &PolicyFiles) -> Option<String> {
    let statement = failure.statement.as_ref()?;
    let file = files.of(&statement.document)?;
    Some(format!("{file}:{}:{}", statement.line, statement.column))
}
