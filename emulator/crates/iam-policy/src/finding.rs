//! Findings: what is wrong with a document, or only inadvisable, and where.
//!
//! The loader and the lint report in the same form: a stable code, a message, a JSON path, line and column.
//! One table says how serious each code is: [`FindingCode::grade`].

use std::fmt;

use serde::{Serialize, Serializer};

use crate::json::LineCounter;

/// One remark about a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of finding this is; stable.
    pub code: FindingCode,
    /// Whether AWS's checks call it an error.
    pub severity: Severity,
    /// The finding in words: lower case, no full stop.
    pub message: String,
    /// The JSON pointer of the value, for example `/Statement/0/Effect`; empty for the whole document.
    pub path: String,
    /// The line of that value, from one.
    pub line: usize,
    /// The column, in characters from one.
    pub column: usize,
}

impl Finding {
    /// A finding without its line and column, which [`place`] fills in.
    pub(crate) fn new(code: FindingCode, message: String, path: String) -> Self {
        Self {
            code,
            severity: code.severity(),
            message,
            path,
            line: 0,
            column: 0,
        }
    }
}

/// Sorts findings by their offset and fills in line and column.
pub(crate) fn place(text: &str, findings: Vec<(usize, Finding)>) -> Vec<Finding> {
    let mut sorted: Vec<(usize, Finding)> = Vec::with_capacity(findings.len());
    for (offset, finding) in findings {
        // Most findings are reported in the order of the text, so their place is the end.
        let index = sorted.partition_point(|(other, _)| *other <= offset);
        sorted.insert(index, (offset, finding));
    }
    let mut lines = LineCounter::new(text);
    sorted
        .into_iter()
        .map(|(offset, finding)| {
            let (line, column) = lines.advance(offset);
            Finding {
                line,
                column,
                ..finding
            }
        })
        .collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {} [{}]",
            self.line, self.column, self.severity, self.message, self.code
        )?;
        if self.path.is_empty() {
            Ok(())
        } else {
            write!(f, " at {}", self.path)
        }
    }
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// AWS refuses the document, or its checks call the finding an error.
    Error,
    /// AWS accepts it; it is probably not what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What a finding means for its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grade {
    /// The document is not understood. It is never evaluated.
    Malformed,
    /// Its evaluation is defined, but AWS's checks refuse it today. Only a document that AWS already
    /// stores may have it.
    Refused,
    /// AWS's checks call it an error, but documents with it are known to be attached and to work.
    Tolerated,
    /// Advice.
    Warning,
}

macro_rules! finding_codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal, $grade:ident; )+) => {
        /// The kinds of findings. The names printed never change; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingCode {
            $( $(#[doc = $doc])+ $name, )+
        }

        impl FindingCode {
            /// Every code, in the order of this table.
            pub const ALL: &[Self] = &[$( Self::$name, )+];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$name => $text, )+
                }
            }

            /// The code in one sentence.
            pub fn description(self) -> &'static str {
                match self {
                    $( Self::$name => concat!($($doc),+).trim_ascii(), )+
                }
            }

            pub(crate) fn grade(self) -> Grade {
                match self {
                    $( Self::$name => Grade::$grade, )+
                }
            }
        }
    };
}

finding_codes! {
    // The document as JSON.
    /// The text is not JSON
    SyntaxError = "syntax-error", Malformed;
    /// The document is larger than its type may be
    DocumentTooLarge = "document-too-large", Malformed;
    /// A key occurs twice in one object
    DuplicateKey = "duplicate-key", Malformed;
    /// A value has the wrong JSON type
    WrongType = "wrong-type", Malformed;

    // Elements.
    /// The policy language has no element of this name
    UnknownElement = "unknown-element", Malformed;
    /// The element is not supported in this type of policy
    UnsupportedElement = "unsupported-element", Malformed;
    /// A statement has both an element and its negation
    UnsupportedElementCombination = "unsupported-element-combination", Malformed;
    /// The document has no statement
    MissingStatement = "missing-statement", Malformed;
    /// The version is neither `2008-10-17` nor `2012-10-17`
    InvalidVersion = "invalid-version", Malformed;
    /// The document has no version and is read as `2008-10-17`
    MissingVersion = "missing-version", Warning;
    /// The Sid has characters other than letters and digits
    InvalidSid = "invalid-sid", Malformed;
    /// Two statements have the same Sid
    DuplicateSid = "duplicate-sid", Malformed;
    /// Two statements have the same Sid, which AWS advises against
    RepeatedSid = "repeated-sid", Warning;
    /// The statement has no Effect
    MissingEffect = "missing-effect", Malformed;
    /// The Effect is neither `Allow` nor `Deny`
    InvalidEffect = "invalid-effect", Malformed;
    /// A list or an object is empty, so the statement has no effect
    EmptyElement = "empty-element", Warning;

    // Principal.
    /// The statement has neither Principal nor NotPrincipal
    MissingPrincipal = "missing-principal", Malformed;
    /// A principal is not written as AWS reads principals
    InvalidPrincipal = "invalid-principal", Malformed;
    /// A wildcard in part of a principal matches nobody
    PrincipalWildcard = "principal-wildcard", Refused;
    /// The ARN of a role lacks the path under which AWS creates it, so it names another role
    RolePathMissing = "role-path-missing", Warning;
    /// An Allow with NotPrincipal permits everybody else, anonymous callers too
    AllowWithNotPrincipal = "allow-with-not-principal", Warning;

    // Action.
    /// The statement has neither Action nor NotAction
    MissingAction = "missing-action", Malformed;
    /// An action is not written `prefix:Name`
    InvalidAction = "invalid-action", Malformed;
    /// A wildcard in the prefix reaches services with similar names
    WildcardInServiceName = "wildcard-in-service-name", Warning;

    // Resource.
    /// The statement has neither Resource nor NotResource
    MissingResource = "missing-resource", Malformed;
    /// A resource is neither `*` nor an ARN of six parts
    InvalidResource = "invalid-resource", Malformed;
    /// A resource ARN has fewer than six parts; it matches nothing
    ShortArn = "short-arn", Refused;
    /// The ARN names a partition that does not exist
    InvalidPartition = "invalid-partition", Refused;
    /// The service part of an ARN has a wildcard
    WildcardInResourceService = "wildcard-in-resource-service", Refused;
    /// The service part of an ARN has capital letters
    ServiceCase = "service-case", Refused;

    // Condition.
    /// There is no condition operator of this name
    UnknownOperator = "unknown-operator", Malformed;
    /// `Null` with `IfExists`
    NullWithIfExists = "null-with-if-exists", Malformed;
    /// Two keys of one operator differ only in case
    DuplicateConditionKey = "duplicate-condition-key", Malformed;
    /// A condition key has no prefix
    InvalidConditionKey = "invalid-condition-key", Malformed;
    /// There is no global condition key of this name
    UnknownGlobalKey = "unknown-global-key", Refused;
    /// A tag condition key names no tag
    MissingTagKey = "missing-tag-key", Refused;
    /// A multivalued key is used without a set operator; the condition matches nothing
    MissingQualifier = "missing-qualifier", Refused;
    /// A Boolean is compared with several values
    MultipleBooleans = "multiple-booleans", Refused;
    /// A value that its operator cannot read; it matches nothing
    UnreadableValue = "unreadable-value", Warning;
    /// A date that does not exist; it matches nothing
    DateOutOfRange = "date-out-of-range", Refused;
    /// A date of four digits can be read as a year or as seconds
    AmbiguousDate = "ambiguous-date", Malformed;
    /// A value of an ARN operator does not have the six parts of an ARN; it matches none
    ArnPatternNeverMatches = "arn-pattern-never-matches", Warning;
    /// The value of aws:SourceVpc is not a VPC's id
    InvalidVpcId = "invalid-vpc-id", Refused;
    /// The value of aws:SourceVpce is not a VPC endpoint's id
    InvalidVpcEndpointId = "invalid-vpc-endpoint-id", Refused;
    /// The value has the prefix of a VPC's or VPC endpoint's id, but AWS makes no such ids
    UnusualVpcId = "unusual-vpc-id", Warning;
    /// aws:SourceIp is a public address; a private range never matches it
    PrivateSourceIp = "private-source-ip", Tolerated;
    /// `ForAllValues` with a key that has one value: an absent key satisfies it
    ForAllValuesSingleValued = "for-all-values-single-valued", Warning;
    /// `Null` with a set operator does not look at the key
    NullWithQualifier = "null-with-qualifier", Warning;
    /// `IfExists` with `ForAnyValue`: an absent key still makes the condition false
    IfExistsIgnored = "if-exists-ignored", Warning;
    /// A wildcard under an operator that compares it as text
    WildcardWithoutLike = "wildcard-without-like", Warning;

    // Variables.
    /// A policy variable is not well formed
    InvalidVariable = "invalid-variable", Malformed;
    /// A variable under an operator that takes none; it is not replaced
    VariableUnsupportedOperator = "variable-unsupported-operator", Refused;
    /// A variable in a place that takes none
    VariableUnsupportedPlace = "variable-unsupported-place", Malformed;
    /// A variable in a document whose version has none; it is ordinary text
    VariableUnsupportedVersion = "variable-unsupported-version", Tolerated;

    // Endpoint policies, since 2024 (AWS PrivateLink Guide, *Endpoint policies*).
    /// A wildcard or numeric operator with a key that holds an id made by AWS
    EndpointSystemIdWildcard = "endpoint-system-id-wildcard", Tolerated;
    /// A wildcard has fewer than six consecutive characters before it and after it
    EndpointWildcardRun = "endpoint-wildcard-run", Tolerated;
    /// The account part of an ARN mixes an account id with a wildcard
    EndpointAccountWildcard = "endpoint-account-wildcard", Tolerated;

    // Resource control policies (IAM Access Analyzer policy checks, `RCP syntax error …`).
    /// A resource control policy has another principal than `*`
    RcpSyntaxErrorPrincipal = "rcp-syntax-error-principal", Refused;
    /// A resource control policy allows, and is not `RCPFullAWSAccess`
    RcpSyntaxErrorAllow = "rcp-syntax-error-allow", Refused;
    /// A resource control policy has a `NotAction`
    RcpSyntaxErrorNotAction = "rcp-syntax-error-notaction", Refused;
    /// An action of a resource control policy names no service
    RcpSyntaxErrorAction = "rcp-syntax-error-action", Refused;

    // Lint: what the document will do, given the service that it is about.
    /// The service has no action of this name
    UnknownAction = "unknown-action", Warning;
    /// The action belongs to a service that this endpoint does not reach
    OtherService = "other-service", Warning;
    /// No resource of the statement covers the action
    ActionNotCovered = "action-not-covered", Warning;
    /// No action of the statement is authorised on the resource
    ResourceNeverMatches = "resource-never-matches", Warning;
    /// A Deny that covers the statement makes it pointless
    SwallowedByDeny = "swallowed-by-deny", Warning;
    /// The condition is true for every request
    ConditionAlwaysTrue = "condition-always-true", Warning;
    /// The condition is false for every request
    ConditionNeverTrue = "condition-never-true", Warning;
    /// The condition key never has a value that this one matches
    ValueNeverMatches = "value-never-matches", Warning;
    /// The policy allows nothing
    NothingAllowed = "nothing-allowed", Warning;
    /// The condition has the same outcome for every request that it is evaluated for
    ConditionConstant = "condition-constant", Warning;
    /// AWS sets the condition key, or sets it to other values; where this policy is evaluated instead, nothing does
    KeyNotSimulated = "key-not-simulated", Warning;
    /// A policy variable names a key that no request has, so that its pattern matches nothing
    VariableNeverSet = "variable-never-set", Warning;
}

impl FindingCode {
    /// How serious findings of this kind are.
    pub fn severity(self) -> Severity {
        match self.grade() {
            Grade::Malformed | Grade::Refused | Grade::Tolerated => Severity::Error,
            Grade::Warning => Severity::Warning,
        }
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FindingCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a document was not loaded: one or more findings, in the order of the text.
///
/// Prints as the message of the first finding; [`PolicyError::findings`] returns all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// INVARIANT: not empty.
    findings: Box<[Finding]>,
}

impl PolicyError {
    /// An error with these findings; `None` when there are none.
    pub(crate) fn from_findings(findings: Vec<Finding>) -> Option<Self> {
        if findings.is_empty() {
            None
        } else {
            Some(Self {
                findings: findings.into(),
            })
        }
    }

    /// For a document that does not load although nothing was found in it, which is a bug in the loader.
    pub(crate) fn unexplained() -> Self {
        let message = "the document cannot be read".to_owned();
        let finding = Finding::new(FindingCode::SyntaxError, message, String::new());
        Self {
            findings: [finding].into(),
        }
    }

    /// Everything that AWS would refuse, in the order of the text.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The first finding.
    #[expect(clippy::indexing_slicing, reason = "an error is made of one finding at least")]
    pub fn first(&self) -> &Finding {
        &self.findings[0]
    }

    /// The first finding's code.
    pub fn code(&self) -> FindingCode {
        self.first().code
    }

    /// The first finding's message.
    pub fn message(&self) -> &str {
        &self.first().message
    }

    /// The first finding's JSON pointer.
    pub fn path(&self) -> &str {
        &self.first().path
    }

    /// The first finding's line, from one.
    pub fn line(&self) -> usize {
        self.first().line
    }

    /// The first finding's column, in characters from one.
    pub fn column(&self) -> usize {
        self.first().column
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_described() {
        let mut names: Vec<&str> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FindingCode::ALL.len());
        assert_eq!(FindingCode::SyntaxError.description(), "The text is not JSON");
    }
}
