//! Finds the place in the text for a part of a checked document.
//!
//! Checked statements do not carry their offsets, because evaluation does not need them. Lint reads the
//! text a second time and walks both in step.

use crate::finding::{Finding, FindingCode};
use crate::json::{self, Node, Value};
use crate::loader::FINDINGS_MAX;

/// The document's JSON, and the statement that is being linted.
pub(super) struct Locator<'t> {
    root: Node<'t>,
    /// Keys and indices from the root to the statement.
    statement: Vec<String>,
    pub(super) findings: Vec<(usize, Finding)>,
}

impl<'t> Locator<'t> {
    /// `None` when the text is not JSON.
    pub(super) fn new(text: &'t str) -> Option<Self> {
        let root = json::read(text).ok()?;
        Some(Self {
            root,
            statement: Vec::new(),
            findings: Vec::new(),
        })
    }

    /// Goes to a statement. A statement that is not in a list is the first.
    pub(super) fn enter(&mut self, index: usize) {
        self.statement = vec!["Statement".to_owned()];
        let list = matches!(
            child(&self.root, "Statement"),
            Some(Node {
                value: Value::Array(_),
                ..
            })
        );
        if list {
            self.statement.push(index.to_string());
        }
    }

    /// Adds the finding about the document as a whole, which the limit on findings does not apply to.
    pub(super) fn report_document(&mut self, code: FindingCode, message: String) {
        self.findings
            .push((self.root.offset, Finding::new(code, message, String::new())));
    }

    /// Adds a finding about a part of the statement; `steps` leads there from the statement. A step into a list that
    /// the document does not have is skipped: a single value may be written without a list.
    pub(super) fn report(&mut self, code: FindingCode, steps: &[&str], message: String) {
        if self.findings.len() >= FINDINGS_MAX {
            return;
        }
        let mut path = String::new();
        let mut node = &self.root;
        for step in self
            .statement
            .iter()
            .map(String::as_str)
            .chain(steps.iter().copied())
        {
            let Some(next) = child(node, step) else { continue };
            path.push('/');
            path.push_str(&step.replace('~', "~0").replace('/', "~1"));
            node = next;
        }
        self.findings
            .push((node.offset, Finding::new(code, message, path)));
    }
}

fn child<'n, 't>(node: &'n Node<'t>, step: &str) -> Option<&'n Node<'t>> {
    match &node.value {
        Value::Object(members) => members
            .iter()
            .find(|member| member.key == step)
            .map(|member| &member.value),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}
