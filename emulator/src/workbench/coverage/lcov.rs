//! LCOV's trace format (`geninfo(1)`): `DA` is how often requests reached a line, `BRDA` each outcome of a condition.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{CoverageReport, DocumentReport};

/// What is counted in one line of a document
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    /// The least count of everything on the line
    pub(super) hits: Option<u64>,
    /// For each condition whose key is on the line, how often it was true and false
    pub(super) branches: Vec<[u64; 2]>,
}

/// The counts of each line that has any
pub(super) fn lines(document: &DocumentReport) -> BTreeMap<usize, Line> {
    let mut lines: BTreeMap<usize, Line> = BTreeMap::new();
    let mut hit = |line: usize, matched: u64| {
        let hits = &mut lines.entry(line).or_default().hits;
        *hits = Some(hits.map_or(matched, |hits| hits.min(matched)));
    };
    for statement in &document.coverage.statements {
        hit(statement.place.line, statement.matched);
        for element in &statement.elements {
            hit(element.place.line, element.matched);
        }
        for condition in &statement.conditions {
            hit(condition.place.line, condition.was_true);
        }
    }
    for statement in &document.coverage.statements {
        for condition in &statement.conditions {
            let line = lines.entry(condition.place.line).or_default();
            line.branches.push([condition.was_true, condition.was_false]);
        }
    }
    lines
}

pub(super) fn trace(report: &CoverageReport) -> String {
    let mut text = String::new();
    for document in &report.documents {
        let Some(file) = &document.file else { continue };
        // A record ends with its line, so a line feed in a name is written out.
        let _ = writeln!(text, "TN:\nSF:{}", client_text::escape(file));
        let lines = lines(document);
        let (mut branches, mut branches_hit) = (0, 0);
        for (number, line) in &lines {
            for (index, outcomes) in line.branches.iter().enumerate() {
                let was_asked = outcomes.iter().any(|count| *count > 0);
                for (branch, count) in outcomes.iter().enumerate() {
                    branches += 1;
                    branches_hit += u64::from(*count > 0);
                    // `-` says that the condition was never asked.
                    let taken = if was_asked {
                        count.to_string()
                    } else {
                        "-".to_owned()
                    };
                    let _ = writeln!(text, "BRDA:{number},{index},{branch},{taken}");
                }
            }
        }
        let _ = writeln!(text, "BRF:{branches}\nBRH:{branches_hit}");
        let hits = || {
            lines
                .iter()
                .filter_map(|(number, line)| Some((number, line.hits?)))
        };
        for (number, hits) in hits() {
            let _ = writeln!(text, "DA:{number},{hits}");
        }
        let covered = hits().filter(|(_, hits)| *hits > 0).count();
        let _ = writeln!(text, "LF:{}\nLH:{covered}\nend_of_record", hits().count());
    }
    text
}
