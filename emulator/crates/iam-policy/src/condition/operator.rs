//! The names of the condition operators, read once and never again compared as text.

use std::cmp::Ordering;
use std::fmt;

/// An operator as a policy names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) set: Option<SetOperator>,
    pub(crate) family: Family,
    pub(crate) polarity: Polarity,
    pub(crate) if_exists: bool,
    /// The base name as printed, for explanations.
    base: &'static str,
}

/// How a multivalued key is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperator {
    ForAllValues,
    ForAnyValue,
}

/// Whether the operator is true when the values match or when they do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polarity {
    Positive,
    Negated,
}

/// What kind of values an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

impl Family {
    /// Whether the values may contain variables. The IAM User Guide allows them under `Bool` too;
    /// Access Analyzer mentions String and Arn operators only.
    pub(crate) fn takes_variables(self) -> bool {
        matches!(
            self,
            Self::StringEquals | Self::StringEqualsIgnoreCase | Self::StringLike | Self::Arn | Self::Bool
        )
    }

    /// Whether `*` and `?` are wildcards in the values.
    pub(crate) fn takes_wildcards(self) -> bool {
        matches!(self, Self::StringLike | Self::Arn)
    }

    /// Whether the values are plain strings.
    pub(crate) fn is_string(self) -> bool {
        matches!(
            self,
            Self::StringEquals | Self::StringEqualsIgnoreCase | Self::StringLike
        )
    }
}

/// How numbers and dates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Order {
    /// Whether the request's value matches if it compares to the policy's value with this ordering.
    pub(crate) fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThan => ordering.is_gt(),
            Self::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

/// Why a text is not an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperatorError {
    /// There is no operator of this name. Names are case-sensitive.
    Unknown,
    /// `NullIfExists`: a key that exists is not null, so the two contradict each other.
    NullIfExists,
}

impl Operator {
    pub(crate) fn read(text: &str) -> Result<Self, OperatorError> {
        let (set, rest) = if let Some(rest) = text.strip_prefix("ForAllValues:") {
            (Some(SetOperator::ForAllValues), rest)
        } else if let Some(rest) = text.strip_prefix("ForAnyValue:") {
            (Some(SetOperator::ForAnyValue), rest)
        } else {
            (None, text)
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let known = BASES
            .iter()
            .find(|(base, ..)| *base == name)
            .ok_or(OperatorError::Unknown)?;
        let &(base, family, polarity) = known;
        if family == Family::Null && if_exists {
            return Err(OperatorError::NullIfExists);
        }
        Ok(Self {
            set,
            family,
            polarity,
            if_exists,
            base,
        })
    }

    /// The operator's known name that is nearest to a mistyped one.
    pub(crate) fn nearest(text: &str) -> Option<&'static str> {
        crate::nearest::nearest(text, BASES.iter().map(|(base, ..)| *base))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.set {
            Some(SetOperator::ForAllValues) => "ForAllValues:",
            Some(SetOperator::ForAnyValue) => "ForAnyValue:",
            None => "",
        })?;
        f.write_str(self.base)?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

const BASES: [(&str, Family, Polarity); 27] = [
    ("StringEquals", Family::StringEquals, Polarity::Positive),
    ("StringNotEquals", Family::StringEquals, Polarity::Negated),
    (
        "StringEqualsIgnoreCase",
        Family::StringEqualsIgnoreCase,
        Polarity::Positive,
    ),
    (
        "StringNotEqualsIgnoreCase",
        Family::StringEqualsIgnoreCase,
        Polarity::Negated,
    ),
    ("StringLike", Family::StringLike, Polarity::Positive),
    ("StringNotLike", Family::StringLike, Polarity::Negated),
    (
        "NumericEquals",
        Family::Numeric(Order::Equals),
        Polarity::Positive,
    ),
    (
        "NumericNotEquals",
        Family::Numeric(Order::Equals),
        Polarity::Negated,
    ),
    (
        "NumericLessThan",
        Family::Numeric(Order::LessThan),
        Polarity::Positive,
    ),
    (
        "NumericLessThanEquals",
        Family::Numeric(Order::LessThanEquals),
        Polarity::Positive,
    ),
    (
        "NumericGreaterThan",
        Family::Numeric(Order::GreaterThan),
        Polarity::Positive,
    ),
    (
        "NumericGreaterThanEquals",
        Family::Numeric(Order::GreaterThanEquals),
        Polarity::Positive,
    ),
    ("DateEquals", Family::Date(Order::Equals), Polarity::Positive),
    ("DateNotEquals", Family::Date(Order::Equals), Polarity::Negated),
    ("DateLessThan", Family::Date(Order::LessThan), Polarity::Positive),
    (
        "DateLessThanEquals",
        Family::Date(Order::LessThanEquals),
        Polarity::Positive,
    ),
    (
        "DateGreaterThan",
        Family::Date(Order::GreaterThan),
        Polarity::Positive,
    ),
    (
        "DateGreaterThanEquals",
        Family::Date(Order::GreaterThanEquals),
        Polarity::Positive,
    ),
    ("Bool", Family::Bool, Polarity::Positive),
    ("BinaryEquals", Family::Binary, Polarity::Positive),
    ("IpAddress", Family::IpAddress, Polarity::Positive),
    ("NotIpAddress", Family::IpAddress, Polarity::Negated),
    ("ArnEquals", Family::Arn, Polarity::Positive),
    ("ArnLike", Family::Arn, Polarity::Positive),
    ("ArnNotEquals", Family::Arn, Polarity::Negated),
    ("ArnNotLike", Family::Arn, Polarity::Negated),
    ("Null", Family::Null, Polarity::Positive),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_prints_as_it_was_read() {
        for (base, family, _) in BASES {
            for set in ["", "ForAllValues:", "ForAnyValue:"] {
                for suffix in ["", "IfExists"] {
                    let text = format!("{set}{base}{suffix}");
                    match Operator::read(&text) {
                        Ok(operator) => assert_eq!(operator.to_string(), text),
                        Err(error) => assert_eq!(
                            (family, suffix, error),
                            (Family::Null, "IfExists", OperatorError::NullIfExists)
                        ),
                    }
                }
            }
        }
    }

    #[test]
    fn names_are_compared_as_printed() {
        for text in [
            "",
            "stringequals",
            "StringMatches",
            "IfExists",
            "StringEqualsifexists",
            "forallvalues:StringEquals",
            "ForAllValues:ForAnyValue:StringEquals",
            "StringEqualsIfExistsIfExists",
            " StringEquals",
        ] {
            assert_eq!(Operator::read(text), Err(OperatorError::Unknown), "{text}");
        }
    }
}
