//! What is wrong with a configuration: every mistake at once, each with its file, line, column and JSON path.
//!
//! ```text
//! emulator.yaml:12:5: /vpc_endpoints/0/vpc_id: no VPC `vpc-1a2b3c4d` is declared
//! policies/alice.json:3:17: /Statement/0/Effect: …
//! ```
//!
//! Values that may be secret never enter a message: a wrong type is reported by its kind ("found a text"), and a value
//! in the place of an access key is not repeated.

use std::{cell::RefCell, collections::BTreeSet, fmt, path::PathBuf, rc::Rc};

use client_text::escape;
use serde::Serialize;

use super::yaml::{Node, Position};

/// One mistake or one warning, and where it is
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file that it is in; `None` when it is in an option or in the environment of the process
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Counted from 1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted from 1, in characters
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// JSON Pointer (RFC 6901) into the file; empty for the file as a whole
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What is wrong
    pub message: String,
}

/// Everything that is wrong; never empty when it is an error
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problem {
    /// A problem of the process: an option, a port, a file that cannot be read at all
    pub fn of_process(message: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            path: String::new(),
            message: message.into(),
        }
    }

    /// A problem with a file as a whole
    pub fn in_file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            file: Some(file.into()),
            ..Self::of_process(message)
        }
    }

    /// The same problem with its line and column
    pub(crate) fn at(self, position: Option<Position>) -> Self {
        let line = position.map(|at| at.line);
        Self {
            line,
            column: position.map(|at| at.column),
            ..self
        }
    }
}

/// On one line, whatever the file's keys and values are, because it is read in a terminal
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", escape(&file.to_string_lossy()))?;
            for number in [self.line, self.column].into_iter().flatten() {
                write!(f, "{number}:")?;
            }
            f.write_str(" ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", escape(&self.path))?;
        }
        f.write_str(&escape(&self.message))
    }
}

impl Problems {
    /// The problems, in the order of their places
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a problem that was found elsewhere
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self(problems.into_iter().collect())
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One problem a line
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A place in the configuration file, as a JSON Pointer
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(Rc<str>);

impl Place {
    pub(super) fn root() -> Self {
        Self(Rc::from(""))
    }

    pub(super) fn child(&self, token: impl fmt::Display) -> Self {
        let token = token.to_string().replace('~', "~0").replace('/', "~1");
        Self(Rc::from(format!("{}/{token}", self.0)))
    }

    /// A place further in; `pointer` is a JSON Pointer from here
    pub(super) fn descend(&self, pointer: &str) -> Self {
        Self(Rc::from(format!("{}{pointer}", self.0)))
    }

    pub(super) fn pointer(&self) -> &str {
        &self.0
    }
}

/// Collects the problems and the warnings of one configuration
pub(super) struct Report<'a> {
    file: Option<PathBuf>,
    tree: Option<&'a Node>,
    problems: RefCell<Vec<Problem>>,
    /// The places of the problems in the configuration file
    places: RefCell<BTreeSet<Place>>,
    warnings: RefCell<Vec<Problem>>,
}

impl<'a> Report<'a> {
    /// A report about `file`, whose content is `tree`
    pub(super) fn about(file: PathBuf, tree: &'a Node) -> Self {
        Self {
            file: Some(file),
            tree: Some(tree),
            ..Self::without_file()
        }
    }

    /// A report about options and environment alone
    pub(super) fn without_file() -> Self {
        Self {
            file: None,
            tree: None,
            problems: RefCell::default(),
            places: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// Records a problem at a place of the configuration file
    pub(super) fn problem(&self, place: &Place, message: impl Into<String>) {
        self.places.borrow_mut().insert(place.clone());
        self.add(self.locate(place, message.into()));
    }

    /// Records a problem that leaves nothing to be made of the value at its place
    pub(super) fn refuse<T>(&self, place: &Place, message: impl Into<String>) -> Option<T> {
        self.problem(place, message);
        None
    }

    /// Records a problem that knows its own place
    pub(super) fn add(&self, problem: Problem) {
        insert(problem, &mut self.problems.borrow_mut());
    }

    /// Whether there is no problem at a place, nor further in
    pub(super) fn is_sound(&self, place: &Place) -> bool {
        let (places, inside) = (self.places.borrow(), place.descend("/"));
        let is_inside = |next: &Place| next.0.starts_with(&*inside.0);
        !places.contains(place) && !places.range(&inside..).next().is_some_and(is_inside)
    }

    /// Records a warning at a place of the configuration file
    pub(super) fn warning(&self, place: &Place, message: impl Into<String>) {
        self.add_warning(self.locate(place, message.into()));
    }

    /// Records a warning that knows its own place
    pub(super) fn add_warning(&self, warning: Problem) {
        insert(warning, &mut self.warnings.borrow_mut());
    }

    /// `first at emulator.yaml:3:5`, for the second of two things that may not both be there
    pub(super) fn first_at(&self, place: &Place) -> String {
        match (&self.file, self.tree) {
            (Some(file), Some(tree)) => {
                let at = tree.position_at(place.pointer());
                format!("first at {}:{}:{}", file.display(), at.line, at.column)
            }
            _ => format!("first at {}", place.pointer()),
        }
    }

    /// Whether the file says something at a place, even if it is wrong
    pub(super) fn is_said(&self, place: &Place) -> bool {
        self.tree.is_some_and(|tree| tree.has(place.pointer()))
    }

    /// The value at a place, as JSON; `null`: there is none
    pub(super) fn json_at(&self, place: &Place) -> serde_json::Value {
        self.tree
            .map_or(serde_json::Value::Null, |tree| tree.json_at(place.pointer()))
    }

    /// The problems and the warnings, both in the order of their places
    pub(super) fn finish(self) -> (Problems, Vec<Problem>) {
        (Problems(self.problems.into_inner()), self.warnings.into_inner())
    }

    fn locate(&self, place: &Place, message: String) -> Problem {
        Problem {
            file: self.file.clone(),
            path: place.pointer().to_owned(),
            ..Problem::of_process(message).at(self.tree.map(|tree| tree.position_at(place.pointer())))
        }
    }
}

/// Inserts a problem at its place among the others, unless it is there: several places may name one file, and its
/// mistakes are reported once
fn insert(problem: Problem, problems: &mut Vec<Problem>) {
    if problems.contains(&problem) {
        return;
    }
    // The problems of one file stay together and in the order of its lines; options and environment come first.
    let is_before = |other: &Problem| {
        (&other.file, other.line, other.column) <= (&problem.file, problem.line, problem.column)
    };
    let index = problems.partition_point(is_before);
    problems.insert(index, problem);
}
