//! `POST /reset`

use std::sync::Arc;

use axum::extract::State;

use super::{
    ControlError,
    answer::{Answer, no_content},
};
use crate::runtime::Shared;

/// Puts state, journal, counters, policies and faults back to the configuration; the clock stays as it was set
#[utoipa::path(post, path = "/reset", tag = "state", responses((status = 204, description = "done")))]
pub(super) async fn reset(State(shared): State<Arc<Shared>>) -> Answer {
    let all = shared.clone();
    let reset = shared.space.run_blocking(move |_| all.reset()).await;
    reset.map_err(|error| ControlError::not_written(&error))?;
    no_content()
}
