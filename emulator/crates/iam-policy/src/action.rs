//! Actions: what the caller wants to do, and the patterns in `Action` and `NotAction`.
//!
//! Prefix and name compare without regard to case (IAM User Guide, *Action*). Wildcards may stand anywhere,
//! in the prefix too: IAM Access Analyzer only advises against `Code*:...`, and *Troubleshoot IAM policies*
//! shows one.

use std::fmt;
use std::str::FromStr;

use crate::context::RequestContext;
use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

/// An action of a service, for example `lookoutvision:DetectAnomalies`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Action {
    text: Box<str>,
    /// The text in lower case, computed once because every statement of every policy compares it.
    folded: Box<str>,
}

impl Action {
    /// The action as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The service's prefix.
    pub fn service(&self) -> &str {
        self.text.split_once(':').map_or("", |(service, _)| service)
    }

    /// The name after the prefix.
    pub fn name(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, name)| name)
    }
}

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ActionError { text: text.into() };
        let (service, name) = text.split_once(':').ok_or_else(refused)?;
        let plain = |part: &str| !part.is_empty() && !part.contains([':', '*', '?', ' ']);
        if !plain(service) || !plain(name) {
            return Err(refused());
        }
        Ok(Self {
            text: text.into(),
            folded: text.to_ascii_lowercase().into(),
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({})", self.text)
    }
}

/// The text is not `prefix:Name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionError {
    text: Box<str>,
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an action; expected `prefix:Name` without wildcards",
            self.text
        )
    }
}

impl std::error::Error for ActionError {}

/// One entry of `Action` or `NotAction`.
#[derive(Debug, Clone)]
pub(crate) struct ActionPattern {
    text: Box<str>,
    parts: ActionParts,
}

/// What an entry covers.
#[derive(Debug, Clone)]
enum ActionParts {
    /// `*` alone: everything.
    Every,
    /// A prefix without wildcards. An action has one colon, so the wildcards of the name cannot match across
    /// it, and prefix and name are matched together.
    Whole(Pattern),
    /// A prefix with wildcards, which must not match across the colon.
    Split { service: Pattern, name: Pattern },
}

impl ActionPattern {
    /// Compiles an entry that the loader has found to be `*` or `prefix:name`.
    pub(crate) fn compile(text: &str) -> Self {
        let syntax = Syntax {
            wildcards: Wildcards::Glob,
            variables: Variables::Literal,
        };
        let part = |part: &str| {
            let folded = part.to_ascii_lowercase();
            Pattern::compile(&folded, syntax).unwrap_or_else(|_| Pattern::literal(&folded))
        };
        let parts = match text.split_once(':') {
            None => ActionParts::Every,
            Some((service, _)) if !service.contains(['*', '?']) => ActionParts::Whole(part(text)),
            Some((service, name)) => ActionParts::Split {
                service: part(service),
                name: part(name),
            },
        };
        Self {
            text: text.into(),
            parts,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, action: &Action) -> bool {
        match &self.parts {
            ActionParts::Every => true,
            ActionParts::Whole(whole) => whole.matches(&action.folded, &RequestContext::new()),
            ActionParts::Split { service, name } => {
                let nothing = RequestContext::new();
                let (service_text, name_text) = action.folded.split_once(':').unwrap_or(("", &action.folded));
                service.matches(service_text, &nothing) && name.matches(name_text, &nothing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: bool) {
        let action = "lookoutvision:DetectAnomalies".parse().unwrap();
        assert_eq!(
            ActionPattern::compile(pattern).matches(&action),
            expected,
            "{pattern}"
        );
    }

    #[test]
    fn prefix_and_name_disregard_case_and_take_wildcards() {
        check("*", true);
        check("*:*", true);
        check("LookoutVision:DETECTANOMALIES", true);
        check("lookoutvision:Detect*", true);
        check("lookoutvision:*anomalie?", true);
        check("look*:detect*", true);
        check("lookoutvision:", false);
        check("rekognition:DetectAnomalies", false);
    }

    #[test]
    fn a_wildcard_in_the_prefix_does_not_span_the_colon() {
        check("look*anomalies:*", false);
    }

    #[test]
    fn an_action_of_a_request_has_a_prefix_and_a_name() {
        for text in [
            "",
            "*",
            "DetectAnomalies",
            "lookoutvision:",
            ":x",
            "a:b:c",
            "lookoutvision:Detect*",
        ] {
            assert!(text.parse::<Action>().is_err(), "{text}");
        }
    }
}
