//! The texts of policies that the journal names

use std::sync::Arc;

use axum::extract::State;
use client_text::sha256_of_hex;
use http::StatusCode;

use super::{
    ControlError,
    answer::{Answer, bytes_answer},
    path::PathText,
};
use crate::runtime::Shared;

/// A policy as it was written, by the `document_sha256` of a journal's entry; also one that is no longer in force
#[utoipa::path(
    get, path = "/policies/{sha256}", tag = "policies",
    params(("sha256" = String, Path, description = "64 hexadecimal digits")),
    responses(
        (status = 200, body = Object, content_type = "application/json"),
        (status = 404, description = "`NoSuchPolicy`: none of this SHA-256 is kept (`limits.policy_texts_max`)"),
    )
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, PathText(sha256): PathText) -> Answer {
    let document = sha256_of_hex(&sha256).and_then(|sha256| shared.space.policy_texts.get(&sha256));
    let document = document.ok_or_else(|| {
        ControlError::new(
            StatusCode::NOT_FOUND,
            "NoSuchPolicy",
            format!(
                "no policy with the SHA-256 `{}` is kept; the {} that were in force last are",
                client_text::Shown(&sha256),
                shared.space.snapshot().settings.limits.policy_texts_max
            ),
        )
    })?;
    bytes_answer("application/json", document.text().to_owned())
}
