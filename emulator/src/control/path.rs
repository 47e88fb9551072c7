//! The part of a path that names something.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::ControlError;

/// The only part of a path that is not fixed, decoded
pub(super) struct PathText(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ControlError;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, ControlError> {
        let decoded = Path::<String>::from_request_parts(head, state).await;
        let Path(text) =
            decoded.map_err(|error| ControlError::bad_request("InvalidPath", error.body_text()))?;
        Ok(Self(text))
    }
}
