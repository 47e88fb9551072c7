//! From text to a checked document.
//!
//! The loader collects every finding instead of stopping at the first, and returns a document only when none
//! of them forbids it. It refuses what it does not know: a document is either fully understood or not evaluated.

mod condition;
mod endpoint_rules;
mod global_keys;
mod principal;
mod resource_control;
mod statement;

use std::fmt;

use crate::document::{Inner, PolicyType, Version};
use crate::finding::{Finding, FindingCode, Grade, PolicyError, place};
use crate::json::{self, Member, Node, Value, line_and_column};
use crate::statement::Statement;
pub(crate) use condition::is_usual_id;
pub(crate) use statement::PARTITIONS;

/// How strictly a document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As a document that is attached now.
    Attach,
    /// As a document that AWS already stores.
    Stored,
}

/// Reads a document.
pub(crate) fn load(text: &str, policy_type: PolicyType, reading: Reading) -> Result<Inner, PolicyError> {
    let forbids = |finding: &Finding| match finding.code.grade() {
        Grade::Malformed => true,
        Grade::Refused => reading == Reading::Attach,
        Grade::Tolerated | Grade::Warning => false,
    };
    let (outcome, findings) = examine(text, policy_type);
    let findings = place(text, findings);
    let (forbidding, remarks): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(forbids);
    match (PolicyError::from_findings(forbidding), outcome) {
        (None, Some(document)) => Ok(Inner {
            findings: remarks,
            ..document
        }),
        (Some(error), _) => Err(error),
        // INVARIANT: `examine` returns no document only after it has found something malformed.
        (None, None) => Err(PolicyError::unexplained()),
    }
}

/// Reads a document and returns every finding about it, with its offset. The document is `Some` if it can be
/// evaluated, whether or not AWS would accept it.
pub(crate) fn examine(text: &str, policy_type: PolicyType) -> (Option<Inner>, Vec<(usize, Finding)>) {
    let mut report = Report::default();
    let outcome = read_document(text, policy_type, &mut report);
    let malformed = report
        .findings
        .iter()
        .any(|(_, finding)| finding.code.grade() == Grade::Malformed);
    (outcome.filter(|_| !malformed), report.findings)
}

/// Collects findings with their offsets, which become lines and columns at the end.
#[derive(Default)]
struct Report {
    findings: Vec<(usize, Finding)>,
    /// How many there are of each grade.
    counts: [usize; 4],
}

impl Report {
    #[expect(clippy::indexing_slicing, reason = "there is a count for each grade")]
    fn add(&mut self, code: FindingCode, path: &Path<'_>, offset: usize, message: impl Into<String>) {
        // The limit holds for each grade on its own, so that many warnings never hide a refusal.
        let count = &mut self.counts[code.grade() as usize];
        if *count < FINDINGS_MAX {
            *count += 1;
            self.findings
                .push((offset, Finding::new(code, message.into(), path.to_string())));
        }
    }

    fn wrong_type(&mut self, path: &Path<'_>, node: &Node<'_>, expected: &str) {
        let message = format!("expected {expected}, found {}", node.value.kind());
        self.add(FindingCode::WrongType, path, node.offset, message);
    }
}

/// Where in the document the loader is; prints as a JSON pointer (RFC 6901).
#[derive(Debug, Clone, Copy)]
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    fn key(&'p self, key: &'p str) -> Self {
        Self::Key(self, key)
    }

    fn index(&'p self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, key) => write!(f, "{parent}/{}", key.replace('~', "~0").replace('/', "~1")),
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

fn read_document(text: &str, policy_type: PolicyType, report: &mut Report) -> Option<Inner> {
    check_size(text, policy_type, report)?;
    let root = match json::read(text) {
        Ok(root) => root,
        Err(error) => {
            let (row, column) = line_and_column(text, error.offset);
            let message = format!("syntax error at position ({row},{column}): {}", error.problem);
            report.add(FindingCode::SyntaxError, &Path::Root, error.offset, message);
            return None;
        }
    };
    let Value::Object(members) = &root.value else {
        report.wrong_type(&Path::Root, &root, "a policy object");
        return None;
    };
    check_duplicates(members, &Path::Root, report);
    check_names(members, &["Version", "Id", "Statement"], &Path::Root, report);

    let version = read_version(&root, members, report)?;
    let id = read_id(members, policy_type, report);
    let Some(statement) = member(members, "Statement") else {
        report.add(
            FindingCode::MissingStatement,
            &Path::Root,
            root.offset,
            "the policy has no `Statement`",
        );
        return None;
    };
    let root_path = Path::Root;
    let path = root_path.key("Statement");
    let place = statement::Place { policy_type, version };
    let statements = match &statement.value {
        Value::Object(_) => vec![statement::read(statement, &path, place, report)],
        Value::Array(items) => {
            if items.is_empty() {
                let message = "`Statement` must hold at least one statement";
                report.add(FindingCode::MissingStatement, &path, statement.offset, message);
            }
            let read = |(index, item)| statement::read(item, &path.index(index), place, report);
            items.iter().enumerate().map(read).collect()
        }
        _ => {
            report.wrong_type(&path, statement, "a statement or a list of statements");
            return None;
        }
    };
    check_sids(statement, &path, policy_type, report);
    if policy_type == PolicyType::ResourceControl {
        resource_control::check(statement, &path, &statements, report);
    }

    // For a statement that could not be read the reason is reported, and the document is refused.
    let statements = statements.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Inner {
        text: text.into(),
        policy_type,
        version,
        id,
        reads_context: statements.iter().any(Statement::reads_context),
        statements,
        findings: Vec::new(),
    })
}

fn check_size(text: &str, policy_type: PolicyType, report: &mut Report) -> Option<()> {
    // AWS PrivateLink Guide, Endpoint policies: at most 20,480 characters, white space included. The
    // quotas of the other types do not count white space and differ by what the document is attached to;
    // here they only have a limit that bounds their cost.
    let (limit, size) = match policy_type {
        PolicyType::VpcEndpoint => (ENDPOINT_POLICY_CHARACTERS_MAX, text.chars().count()),
        _ => (DOCUMENT_BYTES_MAX, text.len()),
    };
    if size <= limit {
        return Some(());
    }
    let message = format!("the document has {size} characters; at most {limit} are allowed");
    report.add(FindingCode::DocumentTooLarge, &Path::Root, 0, message);
    None
}

fn read_version(root: &Node<'_>, members: &[Member<'_>], report: &mut Report) -> Option<Version> {
    let path = Path::Root;
    let path = path.key("Version");
    let Some(node) = member(members, "Version") else {
        // IAM User Guide, Version: without the element the document is one of 2008-10-17.
        let message =
            "the policy has no `Version` and is read as `2008-10-17`, which has no policy variables";
        report.add(FindingCode::MissingVersion, &Path::Root, root.offset, message);
        return Some(Version::V2008);
    };
    let Value::String(text) = &node.value else {
        report.wrong_type(&path, node, "a string");
        return None;
    };
    match text.as_str() {
        "2008-10-17" => Some(Version::V2008),
        "2012-10-17" => Some(Version::V2012),
        _ => {
            let message = format!("`{text}` is not a version; expected `2012-10-17` or `2008-10-17`");
            report.add(FindingCode::InvalidVersion, &path, node.offset, message);
            None
        }
    }
}

fn read_id(members: &[Member<'_>], policy_type: PolicyType, report: &mut Report) -> Option<Box<str>> {
    let node = member(members, "Id")?;
    let path = Path::Root;
    let path = path.key("Id");
    let Value::String(text) = &node.value else {
        report.wrong_type(&path, node, "a string");
        return None;
    };
    if !policy_type.has_principal() {
        let message = format!("`Id` is not supported in {}", policy_type.with_article());
        report.add(FindingCode::UnsupportedElement, &path, node.offset, message);
    }
    Some(text.as_str().into())
}

fn check_sids(statement: &Node<'_>, path: &Path<'_>, policy_type: PolicyType, report: &mut Report) {
    let Value::Array(items) = &statement.value else {
        return;
    };
    let mut seen = std::collections::HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let Value::Object(members) = &item.value else {
            continue;
        };
        let Some(node) = member(members, "Sid") else {
            continue;
        };
        let Value::String(sid) = &node.value else { continue };
        if seen.insert(sid.as_str()) || sid.is_empty() {
            continue;
        }
        // IAM User Guide, Sid, and IAM Access Analyzer policy checks: unique in IAM's own documents,
        // recommended in resource policies.
        let code = if policy_type == PolicyType::VpcEndpoint {
            FindingCode::RepeatedSid
        } else {
            FindingCode::DuplicateSid
        };
        let message = format!("statement IDs (SID) in a single policy must be unique; `{sid}` occurs twice");
        report.add(code, &path.index(index).key("Sid"), node.offset, message);
    }
}

/// The value of a key. Its first occurrence is enough, because a document with duplicates is refused anyway.
fn member<'n, 't>(members: &'n [Member<'t>], key: &str) -> Option<&'n Node<'t>> {
    members
        .iter()
        .find(|member| member.key == key)
        .map(|member| &member.value)
}

fn check_duplicates(members: &[Member<'_>], path: &Path<'_>, report: &mut Report) {
    let mut seen = std::collections::HashSet::new();
    for member in members {
        if !seen.insert(member.key.as_str()) {
            // IAM User Guide, Troubleshoot IAM policies: duplicate keys are not accepted in new documents.
            let message = format!("`{}` occurs twice", member.key);
            report.add(
                FindingCode::DuplicateKey,
                &path.key(&member.key),
                member.key_offset,
                message,
            );
        }
    }
}

fn check_names(members: &[Member<'_>], known: &[&'static str], path: &Path<'_>, report: &mut Report) {
    for member in members
        .iter()
        .filter(|member| !known.contains(&member.key.as_str()))
    {
        let meant = match crate::nearest::nearest(&member.key, known.iter().copied()) {
            Some(name) => format!("; did you mean `{name}`?"),
            None => String::new(),
        };
        let message = format!("there is no element `{}` here{meant}", member.key);
        report.add(
            FindingCode::UnknownElement,
            &path.key(&member.key),
            member.key_offset,
            message,
        );
    }
}

/// AWS PrivateLink Guide, *Endpoint policies*: at most 20,480 characters, white space included.
pub const ENDPOINT_POLICY_CHARACTERS_MAX: usize = 20_480;

/// How many findings of each grade are kept. Without a limit, the findings of a document full of mistakes could
/// be many times its own size.
pub const FINDINGS_MAX: usize = 256;

/// The size limit of all other documents, in bytes. No AWS quota is larger than this.
pub const DOCUMENT_BYTES_MAX: usize = 65_536;
