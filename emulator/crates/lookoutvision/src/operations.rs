//! The operations of the control plane: one file for each kind of resource.
//!
//! An operation is a pure function. One that reads takes a [`View`] and its request and answers; one that changes
//! something takes a [`Change`](crate::store::Change), works on it, and answers, and what it changed becomes the state once the shell has made
//! it lasting. What needs the outside world (a manifest to be read, an evaluation to be written) is left in
//! [`Change::s3_task`](crate::store::Change::s3_task): the shell runs the task and brings the outcome back in a second change, and until then the
//! status is the first one of its machine.
//!
//! AWS answers with the first check that fails. After the signature, the policies, the constraints and the client
//! token, each operation checks what exists, from the outside in, then the state it is in, then the quota.
// Guess: that order; it is the usual one.

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
    /// What the caller was authorised on is not what would be changed any more: another call came in between
    Stale,
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

/// A project that has to be there
fn project<'p>(found: Option<&'p Arc<Project>>, name: &str) -> Result<&'p Arc<Project>, ServiceError> {
    found.ok_or_else(|| ServiceError::project_not_found(name))
}

/// What makes a list of this operation what it is, for its tokens
fn scope(operation: &str, view: &View<'_>, rest: &[&str]) -> String {
    let mut scope = format!("{operation}/{}/{}", view.account_id(), view.region);
    for part in rest {
        scope.push('/');
        scope.push_str(part);
    }
    scope
}

/// More of something than a named limit allows
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
