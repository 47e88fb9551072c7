//! The journal over HTTP

use http::StatusCode;
use uuid::Uuid;

use super::{Answer, ControlError, json_answer, no_content};
use crate::{
    journal::{EntryView, Filter},
    state::Shared,
};

pub(super) fn list(shared: &Shared, query: &str) -> Answer {
    let filter = Filter::parse(query)
        .map_err(|error| ControlError::bad_request("InvalidFilter", error.to_string()))?;
    let entries = shared.journal.entries(&filter);
    let views: Vec<_> = entries
        .iter()
        .map(|entry| EntryView::of(entry).to_json())
        .collect();
    let mut response = json_answer(&views)?;
    let (_, evicted) = shared.journal.counts();
    response.headers_mut().insert("x-journal-evicted", evicted.into());
    Ok(response)
}

pub(super) fn show(shared: &Shared, id: &str) -> Answer {
    let entry = id
        .parse::<Uuid>()
        .ok()
        .and_then(|id| shared.journal.entry(id))
        .ok_or_else(|| {
            ControlError::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                format!("the journal has no request `{id}`"),
            )
        })?;
    json_answer(&EntryView::of(&entry).to_json())
}

pub(super) fn clear(shared: &Shared) -> Answer {
    shared.journal.clear();
    no_content()
}
