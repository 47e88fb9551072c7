//! The operations of the control plane: one file for each kind of resource.
//!
//! An operation is a pure function. An operation that reads takes a [`View`] and its request and answers. An operation
//! that changes something takes a [`Change`](crate::store::Change), works on it and answers; the change becomes the
//! state once the shell has persisted it. Work outside the process (reading a manifest, writing an evaluation) is left
//! in [`Change::s3_task`](crate::store::Change::s3_task): the shell runs the task and reports the outcome in a second
//! change. Until then the status stays the first one of its sequence.
//!
//! AWS answers with the first check that fails. After the signature, the policies, the constraints and the client
//! token, each operation checks whether the resources exist, from the outermost inwards, then their state, then the
//! quota.
// Guess: this order; it is the usual one.

use std::sync::Arc;

use crate::{
    error::{ResourceType, ServiceError},
    store::{View, project::Project},
};

pub mod datasets;
pub mod models;
pub mod packaging;
pub mod projects;
pub mod tags;

/// Why a change was not made
#[derive(Debug)]
pub enum Refused {
    /// The service refuses it
    Service(ServiceError),
    /// The change would no longer affect what the caller was authorised on, because another call came in between
    Stale,
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

/// The project, or an error if it does not exist
fn project<'p>(found: Option<&'p Arc<Project>>, name: &str) -> Result<&'p Arc<Project>, ServiceError> {
    found.ok_or_else(|| ServiceError::project_not_found(name))
}

/// Everything that identifies a list of this operation, for its page tokens
fn scope(operation: &str, view: &View<'_>, rest: &[&str]) -> String {
    let mut scope = format!("{operation}/{}/{}", view.account_id(), view.region);
    for part in rest {
        scope.push('/');
        scope.push_str(part);
    }
    scope
}

/// The error for more of something than a named limit allows
fn over_limit(limit: &'static str, most: usize, id: &str, resource_type: ResourceType) -> ServiceError {
    ServiceError::quota(
        limit,
        format!("There are {most} already ({limit})."),
        id,
        resource_type,
    )
}

#[cfg(test)]
mod tests;
