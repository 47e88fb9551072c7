//! Reading a test file without stopping at its first mistake: each one has its line, column and JSON path.
//!
//! A file that a person writes by hand often has more than one mistake, so what cannot be read becomes `None`, the
//! mistake is recorded, and the rest is read on.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use client_text::spelling;
use serde_json::{Map, Value};

use crate::config::{
    Problem,
    yaml::{Content, Node, NumberValue, Position},
};

/// Collects the mistakes of one file
#[derive(Debug)]
pub(super) struct Mistakes {
    file: PathBuf,
    problems: Vec<Problem>,
}

/// A node, and where it stands
#[derive(Clone)]
pub(super) struct Place<'t> {
    node: &'t Node,
    spot: Spot,
}

/// A place that outlives the tree
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// JSON Pointer (RFC 6901)
    pub(super) pointer: String,
    /// For a member of a mapping, the position of its key
    pub(super) position: Position,
}

/// The members of a mapping whose keys are known
pub(super) struct Members<'t>(Vec<(&'t str, Place<'t>)>);

impl Mistakes {
    pub(super) fn in_file(file: &Path) -> Self {
        Self {
            file: file.to_path_buf(),
            problems: Vec::new(),
        }
    }

    /// Records a mistake, unless it is there already: many cases may look at one place
    pub(super) fn at(&mut self, spot: &Spot, message: impl Into<String>) {
        let problem = Problem {
            path: spot.pointer.clone(),
            ..Problem::in_file(&self.file, message)
        };
        self.add(problem.at(Some(spot.position)));
    }

    /// Records a mistake that knows its own file
    pub(super) fn add(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.problems.len()
    }

    /// The mistakes in the order of their places, those of the file itself first
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        let file = self.file;
        self.problems.sort_by_cached_key(|problem| {
            let other = problem.file.clone().filter(|other| *other != file);
            (other, problem.line, problem.column)
        });
        self.problems
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

impl Spot {
    /// The file as a whole
    pub(super) const START: Self = Self {
        pointer: String::new(),
        position: Position { line: 1, column: 1 },
    };

    fn child(&self, token: &str, position: Position) -> Self {
        let token = token.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{token}", self.pointer),
            position,
        }
    }
}

impl<'t> Place<'t> {
    pub(super) fn root(node: &'t Node) -> Self {
        Self {
            node,
            spot: Spot {
                pointer: String::new(),
                position: node.position,
            },
        }
    }

    pub(super) fn spot(&self) -> &Spot {
        &self.spot
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.content, Content::Null)
    }

    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.node.content, Content::Mapping(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    /// The members of a mapping, of which these keys are known
    pub(super) fn members(&self, keys: &[&str], mistakes: &mut Mistakes) -> Option<Members<'t>> {
        let mut members = self.entries(mistakes)?;
        members.retain(|(key, value)| {
            let is_known = keys.contains(key);
            if !is_known {
                let message = match spelling::meant(key, keys) {
                    Some(meant) => format!("unknown key; did you mean `{meant}`?"),
                    None => format!("unknown key; the keys here are {}", spelling::quoted(keys)),
                };
                mistakes.at(&value.spot, message);
            }
            is_known
        });
        Some(Members(members))
    }

    /// The members of a mapping, whatever their keys; one that is there twice is a mistake
    pub(super) fn entries(&self, mistakes: &mut Mistakes) -> Option<Vec<(&'t str, Self)>> {
        let Content::Mapping(members) = &self.node.content else {
            self.expected("a mapping", mistakes);
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut entries = Vec::with_capacity(members.len());
        for (key, node) in members {
            let spot = self.spot.child(&key.text, key.position);
            if seen.insert(&key.text) {
                entries.push((key.text.as_str(), Place { node, spot }));
            } else {
                mistakes.at(&spot, format!("the key `{}` is there twice", key.text));
            }
        }
        Some(entries)
    }

    /// The elements of a list
    pub(super) fn list(&self, mistakes: &mut Mistakes) -> Option<Vec<Self>> {
        match &self.node.content {
            Content::List(_) => Some(self.one_or_more()),
            _ => {
                self.expected("a list", mistakes);
                None
            }
        }
    }

    /// The elements of a list, or this alone
    pub(super) fn one_or_more(&self) -> Vec<Self> {
        let Content::List(nodes) = &self.node.content else {
            return vec![self.clone()];
        };
        let elements = nodes.iter().enumerate();
        elements
            .map(|(index, node)| Place {
                node,
                spot: self.spot.child(&index.to_string(), node.position),
            })
            .collect()
    }

    /// A text; numbers and booleans are texts as they are spelled
    pub(super) fn text(&self, mistakes: &mut Mistakes) -> Option<&'t str> {
        match &self.node.content {
            Content::Text(text) => Some(text),
            Content::Number(number) => Some(&number.spelling),
            Content::Bool(true) => Some("true"),
            Content::Bool(false) => Some("false"),
            Content::Null | Content::List(_) | Content::Mapping(_) => {
                self.expected("a text", mistakes);
                None
            }
        }
    }

    /// The value that a text is parsed to
    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&self, mistakes: &mut Mistakes) -> Option<T> {
        let text = self.text(mistakes)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                mistakes.at(&self.spot, error.to_string());
                None
            }
        }
    }

    /// One of a few words
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], mistakes: &mut Mistakes) -> Option<T> {
        let text = self.text(mistakes)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = match spelling::meant(text, &words) {
                Some(meant) => format!("unknown word `{text}`; did you mean `{meant}`?"),
                None => format!("`{text}` is not one of {}", spelling::quoted(&words)),
            };
            mistakes.at(&self.spot, message);
        }
        found.map(|(_, value)| *value)
    }

    /// A whole number from 0 on
    pub(super) fn number(&self, mistakes: &mut Mistakes) -> Option<usize> {
        let number = match &self.node.content {
            Content::Number(number) => match number.value {
                NumberValue::Unsigned(value) => usize::try_from(value).ok(),
                NumberValue::Signed(_) | NumberValue::Float(_) => None,
            },
            _ => None,
        };
        if number.is_none() {
            self.expected("a whole number from 0 on", mistakes);
        }
        number
    }

    /// All of it as JSON
    pub(super) fn json(&self, mistakes: &mut Mistakes) -> Value {
        match &self.node.content {
            Content::Null => Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Number(number) => number.value.into(),
            Content::Text(text) => text.as_str().into(),
            Content::List(_) => self
                .one_or_more()
                .iter()
                .map(|place| place.json(mistakes))
                .collect(),
            Content::Mapping(_) => {
                let entries = self.entries(mistakes).unwrap_or_default().into_iter();
                Value::Object(Map::from_iter(
                    entries.map(|(key, value)| (key.to_owned(), value.json(mistakes))),
                ))
            }
        }
    }

    pub(super) fn expected(&self, what: &str, mistakes: &mut Mistakes) {
        let found = self.node.kind();
        mistakes.at(&self.spot, format!("expected {what}, found {found}"));
    }
}

impl<'t> Members<'t> {
    /// What stands under a key
    pub(super) fn get(&self, key: &str) -> Option<&Place<'t>> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == key)?;
        Some(value)
    }
}
