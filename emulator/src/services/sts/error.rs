//! What STS refuses, by name. Codes and sentences are in `refusal`.

use iam_policy::PolicyError;

use crate::storage::StorageError;

/// A call that STS does not carry out
#[derive(Debug)]
pub(crate) enum StsError {
    /// No action is named
    MissingAction,
    /// An action, or a version of one, that STS does not have or that is not played here
    InvalidAction {
        /// The action
        action: String,
        /// The version it was asked for in
        version: Option<String>,
    },
    /// A parameter breaks what the API model says of it
    Constraint {
        /// The parameter, as the API names it in sentences
        parameter: String,
        /// What was found; `None`: nothing
        value: Option<String>,
        /// What it should be
        constraint: String,
    },
    /// Another mistake in what was asked for, STS's sentence
    Validation(String),
    /// A role cannot be assumed by this caller at all, or is not there, STS's sentence
    AccessDenied(String),
    /// A session policy that AWS would refuse
    MalformedPolicyDocument(Box<PolicyError>),
    /// A session policy that is not there
    UnknownPolicyArn(String),
    /// The session could not be persisted; the reason
    InternalFailure(String),
}

impl From<StorageError> for StsError {
    fn from(error: StorageError) -> Self {
        Self::InternalFailure(error.to_string())
    }
}
