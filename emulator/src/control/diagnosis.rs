//! What `doctor` says: a finding is one check's answer, with what to do about it.

use client_text::escape;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a check found
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Finding {
    /// What was looked at, in one word
    #[schema(example = "connections")]
    pub(crate) check: String,
    pub(crate) status: Status,
    pub(crate) message: String,
    /// What to do about it; `null` where there is nothing to do
    pub(crate) cure: Option<String>,
}

/// How bad a finding is, from good to bad
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// As it should be
    Ok,
    /// Calls can be answered, but perhaps not as is meant
    Warning,
    /// Calls do not arrive, or are refused
    Problem,
}

impl Finding {
    pub(crate) fn ok(check: &str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, message)
    }

    pub(crate) fn warning(check: &str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Warning, message)
    }

    pub(crate) fn problem(check: &str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Problem, message)
    }

    /// A message may hold text from variables, files and requests, so it is escaped to stay on one line
    fn new(check: &str, status: Status, message: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            status,
            message: escape(&message.into()).into_owned(),
            cure: None,
        }
    }

    /// The same with what to do about it
    #[must_use]
    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(escape(&cure.into()).into_owned());
        self
    }
}
