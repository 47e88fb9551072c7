//! The parts of a path that name something.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::ControlError;

/// The part of a path that is not fixed, or a tuple of them, decoded
pub(super) struct PathText<T = String>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathText<T> {
    type Rejection = ControlError;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, ControlError> {
        let decoded = Path::<T>::from_request_parts(head, state).await;
        let Path(text) =
            decoded.map_err(|error| ControlError::bad_request("InvalidPath", error.body_text()))?;
        Ok(Self(text))
    }
}
