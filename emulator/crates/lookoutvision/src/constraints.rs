//! The constraints that the API model puts on members of requests, with the messages of the framework behind it.
//!
//! A project called `my project` is answered with
//! `1 validation error detected: Value 'my project' at 'projectName' failed to satisfy constraint: Member must satisfy
//! regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*`. All members of a request are checked before it is
//! refused, so one answer names every mistake.
//!
//! The patterns of the model are used as texts for that message only. Beside each is a function that matches the same
//! values, and a test compares the two.

use std::fmt;

use client_text::Shown;

mod shapes;

pub(crate) use self::shapes::is_component_version;
pub use self::shapes::{is_reserved_tag_key, is_tag_text};

/// A kind of member: a string shape of the API model
#[derive(Debug, Clone, Copy)]
pub struct StringShape {
    /// Its name in the API model
    pub name: &'static str,
    /// The fewest characters; 0 where the model has no limit
    pub characters_min: usize,
    /// The most characters; `usize::MAX` where the model has no limit
    pub characters_max: usize,
    /// The pattern, unless the model allows every text
    pub pattern: Option<Pattern>,
}

/// A pattern of the API model
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// The text of the pattern in the API model
    pub text: &'static str,
    /// Whether the whole of a value matches
    pub matches: fn(&str) -> bool,
}

/// The constraints that the members of one request break, in the order in which they were checked
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    /// The first of them, at most [`VIOLATIONS_SHOWN_MAX`]
    shown: Vec<String>,
    count: usize,
}

/// How many broken constraints an answer describes; it always says how many there are in all
// Guess: whether AWS describes them all. A body has room for a million.
pub const VIOLATIONS_SHOWN_MAX: usize = 20;

impl Violations {
    /// Checks a required member
    pub fn check(&mut self, member: &dyn fmt::Display, value: Option<&str>, shape: &StringShape) {
        let Some(value) = value else {
            self.missing(member);
            return;
        };
        let characters = value.chars().count();
        if characters < shape.characters_min {
            let least = shape.characters_min;
            self.broken(
                member,
                value,
                format_args!("have length greater than or equal to {least}"),
            );
        }
        if characters > shape.characters_max {
            let most = shape.characters_max;
            self.broken(
                member,
                value,
                format_args!("have length less than or equal to {most}"),
            );
        }
        if let Some(pattern) = shape.pattern.filter(|pattern| !(pattern.matches)(value)) {
            let text = pattern.text;
            self.broken(
                member,
                value,
                format_args!("satisfy regular expression pattern: {text}"),
            );
        }
    }

    /// Adds a required member that is absent
    pub fn missing(&mut self, member: &dyn fmt::Display) {
        self.push(format_args!(
            "Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ));
    }

    /// Adds a member that breaks a constraint; `constraint` is the text after "Member must"
    pub fn broken(
        &mut self,
        member: &dyn fmt::Display,
        value: impl fmt::Display,
        constraint: fmt::Arguments<'_>,
    ) {
        let value = Shown(value);
        self.push(format_args!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// Whether nothing is wrong
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push(&mut self, violation: fmt::Arguments<'_>) {
        self.count += 1;
        if self.shown.len() < VIOLATIONS_SHOWN_MAX {
            self.shown.push(violation.to_string());
        }
    }
}

// Guess: the service's own text is not known. This is the text of other services of the same framework, for one error
// or several (a DynamoDB reply: "2 validation errors detected: Value '' at 'tableName' failed to satisfy constraint:
// Member must have length greater than or equal to 3; Value '' at 'tableName' failed to satisfy constraint: Member must
// satisfy regular expression pattern: [a-zA-Z0-9_.-]+"). Replies of other services have them in other orders.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} validation error{plural} detected: ", self.count)?;
        for (index, violation) in self.shown.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(violation)?;
        }
        match self.count - self.shown.len() {
            0 => Ok(()),
            others => write!(f, "; and {others} more"),
        }
    }
}

#[cfg(test)]
mod tests;
