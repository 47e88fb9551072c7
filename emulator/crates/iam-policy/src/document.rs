//! Policy documents: parsed once, checked as a whole, shared without copying.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::finding::{Finding, PolicyError};
use crate::loader::{self, Reading};
use crate::principal::{Identity, IdentityKind, PrincipalPattern};
use crate::statement::{Effect, PrincipalClause, Statement};

/// What a document is attached to. It decides which elements the document may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyType {
    /// A VPC endpoint
    VpcEndpoint,
    /// A user, group or role
    Identity,
    /// A user or role, as its permissions boundary
    PermissionsBoundary,
    /// A session, passed when it was created
    Session,
    /// An organization's root, unit or account, limiting its principals
    ServiceControl,
    /// An organization's root, unit or account, limiting its resources
    ResourceControl,
    /// A role, saying who may assume it
    RoleTrust,
}

impl PolicyType {
    /// Whether the statements of documents of this type have a `Principal` or `NotPrincipal`.
    pub fn has_principal(self) -> bool {
        matches!(self, Self::VpcEndpoint | Self::ResourceControl | Self::RoleTrust)
    }

    /// The name in AWS's access-denied messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VpcEndpoint => "VPC endpoint policy",
            Self::Identity => "identity-based policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::Session => "session policy",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::RoleTrust => "role trust policy",
        }
    }

    /// The name with its indefinite article.
    pub fn with_article(self) -> String {
        let article = match self {
            Self::Identity => "an",
            Self::VpcEndpoint
            | Self::PermissionsBoundary
            | Self::Session
            | Self::ServiceControl
            | Self::ResourceControl
            | Self::RoleTrust => "a",
        };
        format!("{article} {self}")
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The two versions of the policy language. Only the newer one has policy variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `2008-10-17`, also when the element is absent
    V2008,
    /// `2012-10-17`
    V2012,
}

/// A checked policy document. Cloning it only increments a reference count.
#[derive(Clone)]
pub struct PolicyDocument(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) text: Box<str>,
    pub(crate) policy_type: PolicyType,
    pub(crate) version: Version,
    pub(crate) id: Option<Box<str>>,
    pub(crate) statements: Vec<Statement>,
    pub(crate) reads_context: bool,
    pub(crate) findings: Vec<Finding>,
}

impl PolicyDocument {
    /// Reads a document as AWS reads one that is attached now: what AWS's checks refuse is refused.
    ///
    /// The endpoint rules of 2024 are an exception: documents attached before them still work, so a document that
    /// breaks one loads, with a finding of severity error among its [`findings`](Self::findings).
    ///
    /// # Errors
    ///
    /// If AWS would refuse the document; the error holds every reason, in the order of the text.
    ///
    /// ```
    /// use iam_policy::{PolicyDocument, PolicyType};
    ///
    /// let error = PolicyDocument::parse(
    ///     r#"{"Statement": {"Effect": "allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#,
    ///     PolicyType::VpcEndpoint,
    /// )
    /// .unwrap_err();
    /// assert_eq!(error.path(), "/Statement/Effect");
    /// assert_eq!((error.line(), error.column()), (1, 26));
    /// ```
    pub fn parse(text: &str, policy_type: PolicyType) -> Result<Self, PolicyError> {
        loader::load(text, policy_type, Reading::Attach).map(|inner| Self(Arc::new(inner)))
    }

    /// Reads a document as AWS evaluates one that it already stores. What today's checks would refuse still loads
    /// if its evaluation is documented, for example a wildcard in a principal, which matches nobody. A document
    /// that is only partly understood does not load.
    ///
    /// # Errors
    ///
    /// If anything in the document is not understood; the error holds every reason, in the order of the text.
    pub fn parse_stored(text: &str, policy_type: PolicyType) -> Result<Self, PolicyError> {
        loader::load(text, policy_type, Reading::Stored).map(|inner| Self(Arc::new(inner)))
    }

    /// The policy that AWS attaches to an endpoint when none is given (AWS PrivateLink Guide, *Endpoint
    /// policies*).
    #[expect(
        clippy::expect_used,
        reason = "the default policy is one of AWS's own, and a test loads it"
    )]
    pub fn full_access() -> Self {
        Self::parse(FULL_ACCESS, PolicyType::VpcEndpoint).expect("the default policy is one of AWS's own")
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What the document is attached to.
    pub fn policy_type(&self) -> PolicyType {
        self.0.policy_type
    }

    /// The version of the policy language.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// Whether a decision by this document can depend on a condition key: through a condition, or through a
    /// variable in a resource. If not, a caller need not build contexts for it.
    pub fn reads_context(&self) -> bool {
        self.0.reads_context
    }

    /// The `Id` element.
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.0.statements
    }

    /// The roles that `Principal` and `NotPrincipal` name, in order.
    pub fn named_roles(&self) -> impl Iterator<Item = &Identity> {
        let clauses = self
            .statements()
            .iter()
            .filter_map(|statement| statement.principal.as_ref());
        clauses
            .flat_map(PrincipalClause::entries)
            .filter_map(PrincipalPattern::identity)
            .filter(|identity| identity.kind() == IdentityKind::Role)
    }

    /// Whether the document has an `Allow` statement; without one it can only deny.
    pub fn has_allow(&self) -> bool {
        self.0
            .statements
            .iter()
            .any(|statement| statement.effect == Effect::Allow)
    }

    /// Whether both are clones of one document; two documents that were read separately are not, even if their texts
    /// are equal.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What the checks found although the document loads.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// The same as [`findings`](Self::findings), for callers that print them beside a document in use.
    pub fn warnings(&self) -> &[Finding] {
        self.findings()
    }
}

impl fmt::Debug for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyDocument({:?}, {})", self.0.policy_type, self.0.text)
    }
}

impl PartialEq for PolicyDocument {
    /// Documents are equal when their types and texts are.
    fn eq(&self, other: &Self) -> bool {
        self.0.policy_type == other.0.policy_type && self.0.text == other.0.text
    }
}

impl Eq for PolicyDocument {}

/// How a document is stored: its type, and its text as it was given.
#[derive(Serialize, Deserialize)]
struct Kept<'t> {
    policy_type: PolicyType,
    text: Cow<'t, str>,
}

impl Serialize for PolicyDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = Kept {
            policy_type: self.policy_type(),
            text: self.text().into(),
        };
        kept.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PolicyDocument {
    /// A stored document is read again by [`parse_stored`](PolicyDocument::parse_stored).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Kept { policy_type, text } = Kept::deserialize(deserializer)?;
        Self::parse_stored(&text, policy_type)
            .map_err(|error| de::Error::custom(format_args!("{policy_type} {}: {error}", error.path())))
    }
}

/// AWS PrivateLink Guide, *Default endpoint policy*. It has no `Version`, so its version is `2008-10-17`.
const FULL_ACCESS: &str = r#"{
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*"
        }
    ]
}"#;
