//! Cobertura's XML (cobertura.sourceforge.net, `coverage-04.dtd`): one class for each document, one line for each line.

use std::fmt::Write as _;

use super::{CoverageReport, DocumentReport, lcov, xml};

pub(super) fn report(report: &CoverageReport) -> String {
    let mut classes = String::new();
    let mut sum = Rates::default();
    for document in &report.documents {
        let Some(file) = &document.file else { continue };
        sum = sum.and(class(document, file, &mut classes));
    }
    let Rates {
        lines,
        lines_covered,
        branches,
        branches_covered,
    } = sum;
    let (line_rate, branch_rate) = (sum.line_rate(), sum.branch_rate());
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="{line_rate}" branch-rate="{branch_rate}" lines-covered="{lines_covered}" lines-valid="{lines}" branches-covered="{branches_covered}" branches-valid="{branches}" complexity="0" version="{version}" timestamp="0">
  <sources>
    <source>.</source>
  </sources>
  <packages>
    <package name="policies" line-rate="{line_rate}" branch-rate="{branch_rate}" complexity="0">
      <classes>
{classes}      </classes>
    </package>
  </packages>
</coverage>
"#,
        version = env!("CARGO_PKG_VERSION"),
    )
}

#[derive(Debug, Default, Clone, Copy)]
struct Rates {
    lines: u64,
    lines_covered: u64,
    branches: u64,
    branches_covered: u64,
}

impl Rates {
    fn and(self, other: Self) -> Self {
        Self {
            lines: self.lines + other.lines,
            lines_covered: self.lines_covered + other.lines_covered,
            branches: self.branches + other.branches,
            branches_covered: self.branches_covered + other.branches_covered,
        }
    }

    fn line_rate(self) -> String {
        rate(self.lines_covered, self.lines)
    }

    fn branch_rate(self) -> String {
        rate(self.branches_covered, self.branches)
    }
}

/// The rate with four digits; 1 where there is nothing to cover
fn rate(covered: u64, of: u64) -> String {
    let ten_thousandths = (covered * 10_000).checked_div(of).unwrap_or(10_000);
    format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

fn class(document: &DocumentReport, file: &str, classes: &mut String) -> Rates {
    let mut rates = Rates::default();
    let mut lines = String::new();
    for (number, line) in lcov::lines(document) {
        let hits = line.hits.unwrap_or_default();
        rates.lines += 1;
        rates.lines_covered += u64::from(hits > 0);
        let outcomes = line.branches.as_flattened();
        if outcomes.is_empty() {
            let _ = writeln!(
                lines,
                r#"            <line number="{number}" hits="{hits}" branch="false"/>"#
            );
            continue;
        }
        let (of, covered) = (
            outcomes.len(),
            outcomes.iter().filter(|count| **count > 0).count(),
        );
        rates.branches += of as u64;
        rates.branches_covered += covered as u64;
        let percent = covered * 100 / of;
        let _ = writeln!(
            lines,
            r#"            <line number="{number}" hits="{hits}" branch="true" condition-coverage="{percent}% ({covered}/{of})"/>"#
        );
    }
    let _ = write!(
        classes,
        r#"        <class name="{name}" filename="{file}" line-rate="{line_rate}" branch-rate="{branch_rate}" complexity="0">
          <methods/>
          <lines>
{lines}          </lines>
        </class>
"#,
        name = xml(&format!(
            "{} {}",
            document.policy_type,
            document.attached_to.as_deref().unwrap_or_default()
        )),
        file = xml(file),
        line_rate = rates.line_rate(),
        branch_rate = rates.branch_rate(),
    );
    rates
}
