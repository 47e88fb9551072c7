//! The coverage of the policies, as a report in the form that its reader takes.

use std::{fmt, str::FromStr};

use client_text::hex;
use iam_policy::{DocumentCoverage, PolicyDocument, PolicyType, Totals};
use serde::Serialize;

use super::words::xml_text;
use crate::{
    authorization::Coverage,
    network::entry_point::EndpointTable,
    runtime::policy_texts::in_force,
    settings::{PolicyFiles, Settings, sha256},
};

mod cobertura;
mod html;
mod junit;
mod lcov;
mod sarif;

/// The coverage of every document
#[derive(Debug, Serialize)]
pub(crate) struct CoverageReport {
    documents: Vec<DocumentReport>,
    never_matched: Vec<NeverMatched>,
    totals: Totals,
    /// Percent of all units together, rounded down
    percent: u64,
    /// Whether that is as much as was asked for; `None`: no minimum was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<Minimum>,
    /// Documents whose counts were dropped to make room for others (`coverage_documents_max`)
    evicted: u64,
}

/// Whether as much is covered as was asked for
#[derive(Debug, Clone, Copy, Serialize)]
struct Minimum {
    percent: u8,
    is_met: bool,
}

/// The coverage of one document
#[derive(Debug, Serialize)]
struct DocumentReport {
    policy_type: PolicyType,
    attached_to: Option<Box<str>>,
    /// `null`: the document is in the configuration itself, or came over an API
    file: Option<String>,
    sha256: String,
    #[serde(flatten)]
    coverage: DocumentCoverage,
    #[serde(skip)]
    document: PolicyDocument,
}

/// A statement that no request matched
#[derive(Debug, Serialize)]
struct NeverMatched {
    policy_type: PolicyType,
    attached_to: Option<Box<str>>,
    statement: usize,
    sid: Option<String>,
    line: usize,
}

/// The forms that a report has
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoverageFormat {
    Json,
    Html,
    Lcov,
    Cobertura,
    Junit,
    Sarif,
}

impl CoverageReport {
    /// The report on what has been counted so far
    pub(crate) fn of(coverage: &Coverage, files: &PolicyFiles) -> Self {
        let (counted, evicted) = coverage.documents();
        let documents: Vec<DocumentReport> = counted
            .into_iter()
            .map(|known| {
                let document = known.counts.document().clone();
                DocumentReport {
                    policy_type: document.policy_type(),
                    attached_to: known.attached_to,
                    file: files.of(&document),
                    sha256: hex(&sha256(document.text())),
                    coverage: known.counts.coverage(),
                    document,
                }
            })
            .collect();
        let never_matched = documents.iter().flat_map(|document| {
            let statements = document.coverage.statements.iter();
            statements
                .filter(|statement| statement.matched == 0)
                .map(|statement| NeverMatched {
                    policy_type: document.policy_type,
                    attached_to: document.attached_to.clone(),
                    statement: statement.statement,
                    sid: statement.sid.as_ref().map(ToString::to_string),
                    line: statement.place.line,
                })
        });
        let totals = documents.iter().fold(Totals::default(), |totals, document| {
            totals.and(document.coverage.totals)
        });
        Self {
            never_matched: never_matched.collect(),
            percent: totals.all().percent(),
            totals,
            minimum: None,
            evicted,
            documents,
        }
    }

    /// Percent of all units together, rounded down
    pub(crate) fn percent(&self) -> u64 {
        self.percent
    }

    /// Whether at least this percentage is covered; if there is nothing to cover, only 0 is reached
    pub(crate) fn reaches(&self, percent: u8) -> bool {
        percent == 0 || (!self.is_empty() && self.percent >= u64::from(percent))
    }

    /// Whether there is nothing that could be covered
    pub(crate) fn is_empty(&self) -> bool {
        self.totals.all().of == 0
    }

    /// The report, with whether it reaches this percentage
    pub(crate) fn held_to(self, percent: u8) -> Self {
        let is_met = self.reaches(percent);
        Self {
            minimum: Some(Minimum { percent, is_met }),
            ..self
        }
    }

    /// How much is covered, in one line
    pub(crate) fn summary(&self) -> String {
        let Totals {
            statements,
            elements,
            conditions,
        } = &self.totals;
        format!(
            "{} % covered: {} of {} statements, {} of {} elements, {} of {} conditions",
            self.percent,
            statements.covered,
            statements.of,
            elements.covered,
            elements.of,
            conditions.covered,
            conditions.of
        )
    }

    /// The report in a form, whose content type is [`CoverageFormat::content_type`]
    pub(crate) fn written(&self, format: CoverageFormat) -> String {
        match format {
            CoverageFormat::Json => serde_json::to_string_pretty(self).expect("a report is JSON") + "\n",
            CoverageFormat::Html => html::page(self),
            CoverageFormat::Lcov => lcov::trace(self),
            CoverageFormat::Cobertura => cobertura::report(self),
            CoverageFormat::Junit => junit::report(self),
            CoverageFormat::Sarif => sarif::log(self),
        }
    }

    /// The number of documents that a form about files leaves out
    pub(crate) fn without_file(&self) -> usize {
        self.documents
            .iter()
            .filter(|document| document.file.is_none())
            .count()
    }
}

/// Registers every document of a configuration, so that documents that no call asks are in the report too
///
/// Trust policies are asked by AssumeRole alone, which registers them itself.
pub(crate) fn show_all(coverage: &Coverage, settings: &Settings, endpoints: &EndpointTable) {
    for (document, attached_to) in in_force(settings, endpoints) {
        coverage.show(document, Some(attached_to));
    }
}

impl DocumentReport {
    /// The name of the file, or of the document where it has none
    fn name(&self) -> String {
        match (&self.file, &self.attached_to) {
            (Some(file), _) => file.clone(),
            (None, Some(attached_to)) => format!("{} of {attached_to}", self.policy_type),
            (None, None) => self.policy_type.to_string(),
        }
    }
}

impl CoverageFormat {
    /// Each form with its name
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("html", Self::Html),
        ("lcov", Self::Lcov),
        ("cobertura", Self::Cobertura),
        ("junit", Self::Junit),
        ("sarif", Self::Sarif),
    ];

    /// The media type
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Sarif => "application/sarif+json",
            Self::Html => "text/html; charset=utf-8",
            Self::Lcov => "text/plain; charset=utf-8",
            Self::Cobertura | Self::Junit => "application/xml",
        }
    }

    /// Whether the form is about lines of files, so that documents without a file are left out
    pub(crate) fn needs_files(self) -> bool {
        matches!(self, Self::Lcov | Self::Cobertura | Self::Sarif)
    }
}

impl FromStr for CoverageFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(word, _)| *word == text);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let words = Self::ALL.map(|(word, _)| word);
            match client_text::spelling::meant(text, &words) {
                Some(meant) => format!("unknown format `{text}`; did you mean `{meant}`?"),
                None => format!(
                    "unknown format `{text}`; those that there are: {}",
                    client_text::spelling::quoted(&words)
                ),
            }
        })
    }
}

impl fmt::Display for CoverageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(_, format)| format == self);
        f.write_str(found.map_or("", |(word, _)| word))
    }
}

/// A text escaped for XML or HTML, for an element or an attribute
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in xml_text(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
