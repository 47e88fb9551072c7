//! The Test Anything Protocol, version 14 (testanything.org/tap-version-14-specification.html).

use std::io::{self, Write};

use client_text::escape;

use super::{PolicyFiles, Report, failure_lines, warning_lines};

pub(super) fn write(report: &Report, files: &PolicyFiles, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "TAP version 14\n1..{}", report.cases().count())?;
    for (index, (file, case)) in report.cases().enumerate() {
        let number = index + 1;
        // A `#` would begin a directive; a backslash escapes it.
        let name = escape(&case.name).replace('\\', "\\\\").replace('#', "\\#");
        match &case.failure {
            None => writeln!(out, "ok {number} - {name}")?,
            Some(failure) => {
                writeln!(out, "not ok {number} - {name}\n  ---")?;
                writeln!(out, "  message: {}\n  details:", quoted(&failure.summary))?;
                for line in failure_lines(file, case, failure, files) {
                    writeln!(out, "    - {}", quoted(&line))?;
                }
                writeln!(out, "  ...")?;
            }
        }
        for warning in warning_lines(file, case) {
            writeln!(out, "# {}", escape(&warning))?;
        }
    }
    Ok(())
}

/// A YAML text: every JSON text is one
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
