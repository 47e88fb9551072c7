//! The table at the end.

use std::{fmt, time::Duration};

use crate::Report;

/// One row for each attack, then everything that was not as it must be
#[derive(Default)]
pub struct Table {
    rows: Vec<(&'static str, Duration, Report)>,
}

impl Table {
    /// The report of one attack and the time that it took
    pub fn add(&mut self, attack: &'static str, took: Duration, report: Report) {
        self.rows.push((attack, took, report));
    }

    /// Whether every attack was held
    pub fn has_held(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|(_, _, report)| report.has_held())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load_width = self
            .rows
            .iter()
            .map(|(_, _, report)| report.load.chars().count())
            .max()
            .unwrap_or_default()
            .max("load held".len());
        writeln!(
            f,
            "| {:<12} | {:>7} | {:<load_width$} | {:>15} | {:>16} | {:>4} | verdict |",
            "attack", "seconds", "load held", "faults survived", "bad inputs tried", "lost"
        )?;
        writeln!(
            f,
            "|{}|{}:|{}|{}:|{}:|{}:|{}|",
            "-".repeat(14),
            "-".repeat(8),
            "-".repeat(load_width + 2),
            "-".repeat(16),
            "-".repeat(17),
            "-".repeat(5),
            "-".repeat(9)
        )?;
        for (attack, took, report) in &self.rows {
            writeln!(
                f,
                "| {attack:<12} | {:>7.1} | {:<load_width$} | {:>15} | {:>16} | {:>4} | {:<7} |",
                took.as_secs_f64(),
                report.load,
                grouped(report.faults),
                grouped(report.bad_inputs),
                grouped(report.lost),
                if report.has_held() { "held" } else { "FAILED" },
            )?;
        }
        for (attack, _, report) in &self.rows {
            for sentence in &report.told {
                writeln!(f, "{attack}: {sentence}")?;
            }
            let more = report.failures - report.told.len() as u64;
            if more > 0 {
                writeln!(f, "{attack}: and {more} more")?;
            }
        }
        Ok(())
    }
}

/// A number with a comma between thousands
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_one_failure_has_not_held_and_tells_it() {
        let mut table = Table::default();
        assert!(!table.has_held(), "nothing was attacked");
        table.add("signatures", Duration::from_secs(1), Report::default());
        assert!(table.has_held());
        let mut report = Report::default();
        report.lose("`p-1` was acknowledged and is gone");
        table.add("kill", Duration::from_secs(2), report);
        assert!(!table.has_held());
        let text = table.to_string();
        assert!(
            text.contains("kill: `p-1` was acknowledged and is gone"),
            "{text}"
        );
        assert!(text.contains("| FAILED  |"), "{text}");
    }

    #[test]
    fn failures_beyond_those_that_are_told_are_counted() {
        let mut report = Report::default();
        for _ in 0..25 {
            report.fail("accepted");
        }
        let mut table = Table::default();
        table.add("signatures", Duration::ZERO, report);
        assert!(table.to_string().contains("signatures: and 5 more"), "{table}");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
