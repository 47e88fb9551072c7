//! The query of a URL.

use std::{borrow::Cow, collections::BTreeSet};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::ControlError;

/// The query as it was sent, with no parameter given twice: of two values nobody knows which one is meant
pub(super) struct QueryText(pub(super) Option<String>);

impl<S: Sync> FromRequestParts<S> for QueryText {
    type Rejection = ControlError;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, ControlError> {
        let query = head.uri.query();
        let mut given: BTreeSet<Cow<'_, str>> = BTreeSet::new();
        for (name, _) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let shown = client_text::Shown(&name).to_string();
            if !given.insert(name) {
                let message = format!("`{shown}` is given more than once");
                return Err(ControlError::bad_request("InvalidParameter", message));
            }
        }
        Ok(Self(query.map(str::to_owned)))
    }
}
