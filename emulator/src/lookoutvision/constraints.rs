//! The constraints that the API model puts on members of requests, in the words of the framework behind it.
//!
//! A project called `my project` is answered with
//! `1 validation error detected: Value 'my project' at 'projectName' failed to satisfy constraint: Member must satisfy
//! regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*`. All members of a request are looked at before it is
//! refused, so one answer names every mistake.
//!
//! The patterns of the model are texts for that sentence only; what they mean is written out beside them, and a test
//! compares the two.

use std::fmt;

/// A kind of member: a string shape of the API model
#[derive(Debug, Clone, Copy)]
pub struct StringShape {
    /// Its name in the API model
    pub name: &'static str,
    /// Fewest characters
    pub characters_min: usize,
    /// Most characters
    pub characters_max: usize,
    /// The pattern as the model has it, and what it means, unless every text will do
    pub pattern: Option<Pattern>,
}

/// A pattern of the API model
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// As the model has it
    pub text: &'static str,
    /// Whether the whole of a value matches
    pub matches: fn(&str) -> bool,
}

/// The constraints that the members of one request break, in the order in which they were checked
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<String>);

impl StringShape {
    /// `ProjectName`
    pub const PROJECT_NAME: Self = Self {
        name: "ProjectName",
        characters_min: 1,
        characters_max: 255,
        pattern: Some(Pattern {
            text: r"[a-zA-Z0-9][a-zA-Z0-9_\-]*",
            matches: |text| {
                text.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            },
        }),
    };

    /// `ModelVersion`
    pub const MODEL_VERSION: Self = Self {
        name: "ModelVersion",
        characters_min: 1,
        characters_max: 10,
        pattern: Some(Pattern {
            text: "([1-9][0-9]*|latest)",
            matches: |text| is_version_number(text) || text == "latest",
        }),
    };

    /// `ModelVersionNoLatest`
    pub const MODEL_VERSION_NO_LATEST: Self = Self {
        name: "ModelVersionNoLatest",
        characters_min: 1,
        characters_max: 10,
        pattern: Some(Pattern {
            text: "([1-9][0-9]*)",
            matches: is_version_number,
        }),
    };

    /// `DatasetType`
    pub const DATASET_TYPE: Self = Self {
        name: "DatasetType",
        characters_min: 1,
        characters_max: 10,
        pattern: Some(Pattern {
            text: "train|test",
            matches: |text| matches!(text, "train" | "test"),
        }),
    };

    /// `ModelPackagingJobName`
    pub const MODEL_PACKAGING_JOB_NAME: Self = Self {
        name: "ModelPackagingJobName",
        characters_min: 1,
        characters_max: 64,
        pattern: Some(Pattern {
            text: "[a-zA-Z0-9-]+",
            matches: is_alphanumeric_or_hyphen,
        }),
    };

    /// `TagArn`
    pub const TAG_ARN: Self = Self {
        name: "TagArn",
        characters_min: 1,
        characters_max: 1011,
        pattern: None,
    };

    /// `ClientToken`
    pub const CLIENT_TOKEN: Self = Self {
        name: "ClientToken",
        characters_min: 1,
        characters_max: 64,
        pattern: Some(Pattern {
            text: "^[a-zA-Z0-9-]+$",
            matches: is_alphanumeric_or_hyphen,
        }),
    };

    /// `ContentType`
    pub const CONTENT_TYPE: Self = Self {
        name: "ContentType",
        characters_min: 1,
        characters_max: 255,
        pattern: Some(Pattern {
            text: ".*",
            matches: |text| !text.contains(is_line_terminator),
        }),
    };
}

impl Violations {
    /// Checks a required member
    pub fn check(&mut self, member: &str, value: Option<&str>, shape: &StringShape) {
        let Some(value) = value else {
            self.0.push(format!(
                "Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ));
            return;
        };
        let mut broken = |constraint: fmt::Arguments<'_>| {
            self.0.push(format!(
                "Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
            ));
        };
        let characters = value.chars().count();
        if characters < shape.characters_min {
            broken(format_args!(
                "have length greater than or equal to {}",
                shape.characters_min
            ));
        }
        if characters > shape.characters_max {
            broken(format_args!(
                "have length less than or equal to {}",
                shape.characters_max
            ));
        }
        if let Some(pattern) = shape.pattern.filter(|pattern| !(pattern.matches)(value)) {
            broken(format_args!(
                "satisfy regular expression pattern: {}",
                pattern.text
            ));
        }
    }

    /// Whether nothing is wrong
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// Guess: the service's own text is not known. This is how other services of the same framework put it, one error or
// several (a DynamoDB reply: "2 validation errors detected: Value '' at 'tableName' failed to satisfy constraint:
// Member must have length greater than or equal to 3; Value '' at 'tableName' failed to satisfy constraint: Member
// must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"). Replies of other services have them in other orders.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} validation error{plural} detected: ", self.0.len())?;
        for (index, violation) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(violation)?;
        }
        Ok(())
    }
}

fn is_version_number(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_alphanumeric_or_hyphen(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

// What `.` does not match in a Java pattern (java.util.regex.Pattern, *Line terminators*).
fn is_line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;
