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
        /// The version that was asked for
        version: Option<String>,
    },
    /// A parameter that breaks the API model
    Constraint {
        /// The parameter, as the API names it in sentences
        parameter: String,
        /// What was found; `None`: nothing
        value: Option<String>,
        /// What it should be
        constraint: String,
    },
    /// Another mistake in the call, with STS's sentence
    Validation(String),
    /// A role that this caller cannot assume at all, or that does not exist, with STS's sentence
    AccessDenied(String),
    /// A session policy that AWS would refuse
    MalformedPolicyDocument(Box<PolicyError>),
    /// A session policy that does not exist
    UnknownPolicyArn(String),
    /// The session could not be persisted; the reason
    InternalFailure(String),
}

impl From<StorageError> for StsError {
    fn from(error: StorageError) -> Self {
        Self::InternalFailure(error.to_string())
    }
}
