//! Resources: what the action is about, and the patterns in `Resource` and `NotResource`.
//!
//! A pattern and an ARN are compared part by part, case-sensitively, so a `*` in the Region never extends
//! into the account; in the sixth part it also matches slashes and colons (IAM User Guide, *Resource*). An action
//! without a resource type is authorised on `*`, and only the pattern `*` covers that.

use std::fmt;
use std::str::FromStr;

use crate::arn::{ARN_PART_NAMES, ARN_PARTS, Arn, ArnError};
use crate::context::RequestContext;
use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

/// What a request is authorised on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `*`: the action has no resource type.
    Any,
    /// The resource with this ARN.
    Arn(Arn),
}

impl Resource {
    /// The ARN, if there is one.
    pub fn arn(&self) -> Option<&Arn> {
        match self {
            Self::Any => None,
            Self::Arn(arn) => Some(arn),
        }
    }
}

impl FromStr for Resource {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            Ok(Self::Any)
        } else {
            text.parse().map(Self::Arn)
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

/// One entry of `Resource` or `NotResource`.
#[derive(Debug, Clone)]
pub(crate) struct ResourcePattern {
    text: Box<str>,
    covers: Covers,
}

/// What an entry covers.
#[derive(Debug, Clone)]
enum Covers {
    /// `*`: every request, also one without a resource.
    Everything,
    /// The ARNs whose six parts match.
    Parts(Box<[Pattern; ARN_PARTS]>),
    /// An ARN with fewer than six parts. A `*` never matches across a colon here, so the pattern matches no ARN.
    Nothing,
}

impl ResourcePattern {
    /// Whether a part of the pattern has a variable and is thus known only for a request.
    pub(crate) fn has_variables(&self) -> bool {
        self.parts()
            .is_some_and(|parts| parts.iter().any(Pattern::has_variables))
    }

    /// The pattern `*`.
    pub(crate) fn every() -> Self {
        Self {
            text: "*".into(),
            covers: Covers::Everything,
        }
    }

    /// A pattern with fewer than six parts, as only stored documents have.
    pub(crate) fn short(text: &str) -> Self {
        Self {
            text: text.into(),
            covers: Covers::Nothing,
        }
    }

    /// Compiles an ARN pattern that the loader has split into its six parts. Only the sixth part may have
    /// variables (IAM User Guide, *Variables and tags*).
    pub(crate) fn compile(
        text: &str,
        parts: [&str; ARN_PARTS],
        variables: Variables,
    ) -> Result<Self, crate::variable::VariableError> {
        let plain = Syntax {
            wildcards: Wildcards::Glob,
            variables: Variables::Literal,
        };
        let last = Syntax {
            wildcards: Wildcards::Glob,
            variables,
        };
        let compiled = [
            Pattern::compile(parts[0], plain)?,
            Pattern::compile(parts[1], plain)?,
            Pattern::compile(parts[2], plain)?,
            Pattern::compile(parts[3], plain)?,
            Pattern::compile(parts[4], plain)?,
            Pattern::compile(parts[5], last)?,
        ];
        Ok(Self {
            text: text.into(),
            covers: Covers::Parts(Box::new(compiled)),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern is `*`.
    pub(crate) fn is_every(&self) -> bool {
        matches!(self.covers, Covers::Everything)
    }

    /// The six parts, unless the pattern is `*` or has fewer.
    pub(crate) fn parts(&self) -> Option<&[Pattern; ARN_PARTS]> {
        match &self.covers {
            Covers::Parts(parts) => Some(parts),
            Covers::Everything | Covers::Nothing => None,
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is that of a part of an ARN, of which there are six"
    )]
    pub(crate) fn matches(&self, resource: &Resource, context: &RequestContext<'_>) -> bool {
        match (&self.covers, resource) {
            (Covers::Everything, _) => true,
            (Covers::Nothing, _) | (Covers::Parts(_), Resource::Any) => false,
            // The last part first: most patterns of a policy differ in nothing else.
            (Covers::Parts(parts), Resource::Arn(arn)) => (1..ARN_PARTS)
                .rev()
                .all(|index| parts[index].matches(arn.part(index), context)),
        }
    }

    /// Whether all other parts match and the variables of the last part insert more text than is allowed.
    pub(crate) fn overflows(&self, resource: &Resource, context: &RequestContext<'_>) -> bool {
        self.parts()
            .is_some_and(|parts| parts[ARN_PARTS - 1].overflows(context))
            && self.mismatch(resource, context) == Some(ResourceMismatch::Part(ARN_PARTS - 1))
    }

    /// Where the resource first differs; `None` when it matches.
    #[expect(
        clippy::indexing_slicing,
        reason = "the index is that of a part of an ARN, of which there are six"
    )]
    pub(crate) fn mismatch(
        &self,
        resource: &Resource,
        context: &RequestContext<'_>,
    ) -> Option<ResourceMismatch> {
        let parts = match &self.covers {
            Covers::Everything => return None,
            Covers::Nothing => return Some(ResourceMismatch::Short),
            Covers::Parts(parts) => parts,
        };
        let Resource::Arn(arn) = resource else {
            return Some(ResourceMismatch::NoResource);
        };
        let differs = |&index: &usize| !parts[index].matches(arn.part(index), context);
        (1..ARN_PARTS).find(differs).map(ResourceMismatch::Part)
    }

    /// Describes in words where the resource differs.
    #[expect(
        clippy::indexing_slicing,
        reason = "the index is that of a part of an ARN, of which there are six"
    )]
    pub(crate) fn explain(
        &self,
        mismatch: ResourceMismatch,
        resource: &Resource,
        context: &RequestContext<'_>,
    ) -> String {
        let (Some(parts), Some(arn), ResourceMismatch::Part(index)) =
            (self.parts(), resource.arn(), mismatch)
        else {
            return match mismatch {
                ResourceMismatch::Short => {
                    format!("{} has fewer than six parts and matches nothing", self.text)
                }
                _ => format!(
                    "the action is authorised on `*`, which {} does not cover",
                    self.text
                ),
            };
        };
        let pattern = &parts[index];
        if let Some(missing) = pattern
            .variables()
            .find(|variable| variable.text(context).is_none())
        {
            return format!("{} has no value to put into {}", missing.key(), pattern.as_str());
        }
        let shown = pattern.expanded(context).unwrap_or_default();
        format!(
            "the {} part `{}` does not match `{shown}`",
            ARN_PART_NAMES[index],
            arn.part(index)
        )
    }
}

/// Where a resource differs from a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResourceMismatch {
    /// The pattern has fewer than six parts.
    Short,
    /// The request has no resource and the pattern is an ARN.
    NoResource,
    /// This part, counted from zero, is the first that differs.
    Part(usize),
}
