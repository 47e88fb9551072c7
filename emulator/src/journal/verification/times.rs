//! How often a call must have been made.

use serde::Deserialize;
use utoipa::ToSchema;

/// `exactly`, or `at_least`, `at_most` or both
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Times {
    #[schema(example = 2)]
    exactly: Option<u64>,
    at_least: Option<u64>,
    at_most: Option<u64>,
}

impl Times {
    pub(crate) fn set_exactly(&mut self, count: u64) {
        *self = Self {
            exactly: Some(count),
            ..Self::default()
        };
    }

    pub(crate) fn set_at_least(&mut self, count: u64) {
        (self.exactly, self.at_least) = (None, Some(count));
    }

    pub(crate) fn set_at_most(&mut self, count: u64) {
        (self.exactly, self.at_most) = (None, Some(count));
    }

    pub(super) fn check(self) -> Result<(), &'static str> {
        match (self.exactly, self.at_least, self.at_most) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err("`exactly` stands alone"),
            (None, Some(least), Some(most)) if least > most => Err("`at_least` is more than `at_most`"),
            _ => Ok(()),
        }
    }

    pub(super) fn least(self) -> u64 {
        match self {
            Self {
                exactly: Some(count), ..
            }
            | Self {
                at_least: Some(count),
                ..
            } => count,
            Self { at_most: Some(_), .. } => 0,
            _ => 1,
        }
    }

    pub(super) fn most(self) -> u64 {
        self.exactly.or(self.at_most).unwrap_or(u64::MAX)
    }

    pub(super) fn describe(self) -> String {
        match (self.least(), self.most()) {
            (least, most) if least == most => format!("exactly {least}"),
            (least, u64::MAX) => format!("at least {least}"),
            (0, most) => format!("at most {most}"),
            (least, most) => format!("{least} to {most}"),
        }
    }
}
