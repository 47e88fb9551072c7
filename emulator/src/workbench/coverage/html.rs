//! One page that needs no other file: each document as it is written, with the counts of each line.

use std::{collections::BTreeMap, fmt::Write as _};

use iam_policy::{Covered, DocumentCoverage, PolicyDocument};

use super::{CoverageReport, DocumentReport, xml};

/// The counts of one line
#[derive(Debug, Default)]
struct Line {
    /// How often each was matched, or true
    hits: Vec<u64>,
    /// Never matched: a statement, a pattern or a value
    has_unmatched: bool,
    /// A condition of which one outcome only was seen
    has_one_sided: bool,
    /// What each of the counts is about
    told: Vec<String>,
}

pub(super) fn page(report: &CoverageReport) -> String {
    let totals = &report.totals;
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Policy coverage: {percent} %</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Policy coverage: {percent}&nbsp;%</h1>\n\
         <table class=\"totals\"><tr><th>statements<th>elements<th>conditions</tr>\
         <tr>{statements}{elements}{conditions}</tr></table>\n",
        percent = report.percent,
        statements = covered(totals.statements),
        elements = covered(totals.elements),
        conditions = covered(totals.conditions),
    );
    text.push_str(
        "<p class=\"legend\"><span class=\"green\">all of it came up</span> \
         <span class=\"yellow\">a condition had one outcome only</span> <span class=\"red\">never matched</span></p>\n",
    );
    if report.evicted > 0 {
        let _ = writeln!(
            text,
            "<p>{} documents more were asked than limits.coverage_documents_max has room for; their counts are gone.</p>",
            report.evicted
        );
    }
    for document in &report.documents {
        section(document, &mut text);
    }
    text.push_str("</main>\n</body>\n</html>\n");
    text
}

fn covered(Covered { covered, of }: Covered) -> String {
    format!("<td>{covered} of {of}")
}

fn section(report: &DocumentReport, text: &mut String) {
    let (document, coverage) = readable(report);
    let totals = coverage.totals;
    let attached_to = report
        .attached_to
        .as_deref()
        .map_or_else(String::new, |attached_to| {
            format!(" of <code>{}</code>", xml(attached_to))
        });
    let _ = writeln!(
        text,
        "<section>\n<h2>{}</h2>\n<p>{}{attached_to}; {} requests; {}&nbsp;% covered; SHA-256 <code>{}</code></p>\n<table class=\"document\">",
        xml(&report.name()),
        xml(report.policy_type.as_str()),
        coverage.requests,
        totals.all().percent(),
        report.sha256,
    );
    let lines = lines(&coverage);
    for (index, written) in document.text().lines().enumerate() {
        let number = index + 1;
        let line = lines.get(&number);
        let attributes = line.map_or_else(String::new, |line| {
            format!(
                " class=\"{}\" title=\"{}\"",
                line.class(),
                xml(&line.told.join("\n"))
            )
        });
        let hits = line
            .and_then(|line| line.hits.iter().min())
            .map_or_else(String::new, ToString::to_string);
        let _ = writeln!(
            text,
            "<tr{attributes}><th>{number}<td class=\"hits\">{hits}<td><code>{}</code></tr>",
            xml(written)
        );
    }
    text.push_str("</table>\n</section>\n");
}

/// The document as it is written; a document on a single line, as those of a configuration are, is laid out on several
fn readable(report: &DocumentReport) -> (PolicyDocument, DocumentCoverage) {
    let as_written = || (report.document.clone(), report.coverage.clone());
    if report.document.text().trim_end().contains('\n') {
        return as_written();
    }
    let set_out = set_out(report.document.text());
    let Ok(document) = PolicyDocument::parse_stored(&set_out, report.policy_type) else {
        return as_written();
    };
    // The places of the new layout, in the same order, for the counts of the document as it is written.
    let mut coverage = report.coverage.clone();
    let places = coverage.statements.iter_mut().zip(document.outline());
    for (statement, outline) in places {
        statement.place = outline.place;
        let entries = [outline.principal, outline.action, outline.resource];
        let values = outline
            .conditions
            .iter()
            .flat_map(|condition| condition.values.clone());
        let entries = entries.into_iter().flatten().chain(values);
        for (element, entry) in statement.elements.iter_mut().zip(entries) {
            element.place = entry.place;
        }
        for (condition, outline) in statement.conditions.iter_mut().zip(outline.conditions) {
            condition.place = outline.place;
        }
    }
    (document, coverage)
}

/// JSON laid out with a line for each member and element, in its order
fn set_out(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    for character in json.trim().chars() {
        if in_string {
            text.push(character);
            in_string = is_escaped || character != '"';
            is_escaped = character == '\\' && !is_escaped;
            continue;
        }
        match character {
            '"' => {
                in_string = true;
                text.push(character);
            }
            '{' | '[' => {
                depth += 1;
                text.push(character);
                line(&mut text, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(character);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ if character.is_ascii_whitespace() => {}
            _ => text.push(character),
        }
    }
    text
}

fn lines(coverage: &DocumentCoverage) -> BTreeMap<usize, Line> {
    let mut lines: BTreeMap<usize, Line> = BTreeMap::new();
    for statement in &coverage.statements {
        let line = lines.entry(statement.place.line).or_default();
        line.add(statement.matched);
        line.told.push(format!(
            "statement {}: matched {} of {} requests, decided {}",
            statement.statement, statement.matched, statement.evaluated, statement.decided
        ));
        for element in &statement.elements {
            let line = lines.entry(element.place.line).or_default();
            line.add(element.matched);
            line.told
                .push(format!("{}: matched {}", element.value, element.matched));
        }
        for condition in &statement.conditions {
            let line = lines.entry(condition.place.line).or_default();
            line.has_one_sided |= !condition.is_covered();
            line.told.push(format!(
                "{} on {}: true {}, false {}",
                condition.operator, condition.key, condition.was_true, condition.was_false
            ));
        }
    }
    lines
}

impl Line {
    fn add(&mut self, matched: u64) {
        self.hits.push(matched);
        self.has_unmatched |= matched == 0;
    }

    fn class(&self) -> &'static str {
        match (self.has_unmatched, self.has_one_sided) {
            (true, _) => "red",
            (false, true) => "yellow",
            (false, false) => "green",
        }
    }
}

/// Light, dark and on paper; colours are not the only difference, there is a mark, too
const STYLE: &str = "\
@media screen { :root { color-scheme: light dark; } }
:root { --text: #1b1f24; --back: #ffffff; --faint: #57606a; --line: #d0d7de;
  --green: #dafbe1; --yellow: #fff3b8; --red: #ffdcd7; }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --faint: #9198a1; --line: #3d444d;
  --green: #12391f; --yellow: #4a3a00; --red: #5d1f1a; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--text); background: var(--back); }
h1, h2, p { overflow-wrap: anywhere; } h1, h2 { line-height: 1.2; }
code { font: 13px/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; }
.totals th, .totals td { padding: .25rem 1.5rem .25rem 0; text-align: left; }
.document { width: 100%; border: 1px solid var(--line); }
.document td, .document th { padding: 0 .75rem; vertical-align: top; }
.document th, .hits { font: 13px/1.5 ui-monospace, monospace; text-align: right; width: 1%; white-space: nowrap; }
.document code { white-space: pre-wrap; overflow-wrap: anywhere; }
.green { background: var(--green); } .yellow { background: var(--yellow); } .red { background: var(--red); }
.document tr.green th::before { content: '✓ '; } .document tr.yellow th::before { content: '◐ '; }
.document tr.red th::before { content: '✗ '; }
.document tr:not([class]) :is(th, .hits) { color: var(--faint); }
.legend span { display: inline-block; padding: .1rem .6rem; margin-right: .5rem; }
@media (max-width: 600px) { .totals :is(th, td) { padding-right: .75rem; } .document :is(td, th) { padding: 0 .3rem; } }
@media print { body { margin: 0; max-width: none; font-size: 11px; } * { print-color-adjust: exact; }
  section { break-inside: auto; } h2 { break-after: avoid; } }
";
