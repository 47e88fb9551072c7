//! The journal over HTTP

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{RawQuery, State},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::channel::Channel;
use hyper::{Response, body::Bytes};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        RefOr, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use uuid::Uuid;

use super::{
    ControlError,
    accept::accepts,
    answer::{Answer, json_answer},
    path::PathText,
    query::QueryText,
    what_if::recorded_calls,
};
use crate::{
    journal::{EntryView, Order, PARAMETERS, Query, events::ChangeKind},
    runtime::Shared,
    services::operation_names,
    workbench::{RecordedCall, edits::Edits},
};

/// Entries of the journal, as many as are asked for: newest last, unless `order=newest`
///
/// `Accept: application/x-ndjson` streams them, one object a line. `X-Journal-Evicted` counts those that the limits of
/// the journal have pushed out.
#[utoipa::path(
    get, path = "/requests", tag = "journal", params(QueryParameters),
    responses((
        status = 200,
        headers(
            ("link" = String, description = "the entries behind the last one of this answer, `rel=\"next\"`"),
            ("x-journal-evicted" = u64, description = "entries that the limits have pushed out"),
        ),
        content((Vec<EntryView<'static>> = "application/json"), (EntryView<'static> = "application/x-ndjson"))
    ))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    // The raw query, because the filter itself refuses what is given twice; it is read elsewhere, too.
    RawQuery(query_text): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query_text = query_text.as_deref().unwrap_or("");
    let query = Query::parse(query_text, &operation_names())
        .map_err(|error| ControlError::bad_request("InvalidFilter", error.to_string()))?;
    let form = Form::accepted_by(&headers);
    let order = query.order();
    let begin = {
        let shared = shared.clone();
        move || {
            let (_, evicted) = shared.space.journal.counts();
            let selection = shared.space.journal.select(&query);
            let mut pages = Pages {
                shared,
                places: selection.places.into_iter(),
                form,
                progress: Progress::Nothing,
            };
            let first = pages.render_next();
            (first, pages, selection.next, evicted)
        }
    };
    let (first, pages, next, evicted) = shared.space.explainer.run(begin).await;

    let body = match pages.progress {
        Progress::Done => Body::from(first),
        Progress::Nothing | Progress::Some => Body::new(pages.into_body(first)),
    };
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, form.content_type());
    fields.insert("x-journal-evicted", evicted.into());
    if let Some(last) = next {
        let link = next_link(query_text, order, last);
        let link = HeaderValue::from_str(&link).expect("an encoded query is plain text");
        fields.insert(header::LINK, link);
    }
    Ok(response)
}

/// The entry of one request
#[utoipa::path(
    get, path = "/requests/{request_id}", tag = "journal",
    params(("request_id" = Uuid, Path, description = "what `x-amzn-RequestId` of the answer says")),
    responses((status = 200, body = EntryView<'static>), (status = 404, description = "no such entry, or no longer"))
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, PathText(id): PathText) -> Answer {
    let entry = id.parse::<Uuid>().ok().map(|id| {
        let shared = shared.clone();
        move || {
            let entry = shared.space.journal.entry(id)?;
            Some(EntryView::of(&entry).to_json())
        }
    });
    let found = match entry {
        Some(entry) => shared.space.explainer.run(entry).await,
        None => None,
    };
    let found = found.ok_or_else(|| not_found(&id))?;
    json_answer(&found)
}

/// What would let a denied request through: changes of one policy each; first those that break nothing and let the
/// least through, with what else they would do to the calls of the journal; nothing is attached
#[utoipa::path(
    get, path = "/requests/{request_id}/edits", tag = "journal",
    params(("request_id" = Uuid, Path, description = "what `x-amzn-RequestId` of the answer says")),
    responses(
        (status = 200, body = Edits),
        (status = 404, description = "no such entry, or no longer"),
        (status = 409, description = "`NotDecided`: the request was refused before any policy was asked"),
    )
)]
pub(super) async fn edits(State(shared): State<Arc<Shared>>, PathText(id): PathText) -> Answer {
    let work = {
        let (shared, id) = (shared.clone(), id.clone());
        move || {
            let space = &shared.space;
            let entry = space.journal.entry(id.parse().ok()?)?;
            let Some(call) = RecordedCall::of(&entry) else {
                return Some(Err(entry.details().message.clone()));
            };
            let (_, evicted) = space.journal.counts();
            let calls = recorded_calls(space, &Query::default());
            Some(Ok(Edits::of(&call, &calls, evicted, &space.snapshot())))
        }
    };
    match shared.space.explainer.run(work).await {
        None => Err(not_found(&id)),
        Some(Err(message)) => {
            let why = message.map_or_else(String::new, |message| format!(": {message}"));
            Err(ControlError::new(
                StatusCode::CONFLICT,
                "NotDecided",
                format!("the request `{id}` was refused before any policy was asked{why}"),
            ))
        }
        Some(Ok(edits)) => json_answer(&edits),
    }
}

fn not_found(id: &str) -> ControlError {
    ControlError::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        format!("the journal has no request `{}`", client_text::Shown(id)),
    )
}

/// What is left of a journal that was cleared
#[derive(Serialize, ToSchema)]
struct Cleared {
    /// How many entries there were
    removed: usize,
}

/// Forgets every entry; there is no way to forget some of them
#[utoipa::path(delete, path = "/requests", tag = "journal", responses((status = 200, body = Cleared)))]
pub(super) async fn clear(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(ControlError::bad_request(
            "InvalidParameter",
            "`DELETE /requests` removes every entry and has no parameters",
        ));
    }
    let removed = shared.space.journal.clear();
    shared.space.note_change(ChangeKind::Clear);
    json_answer(&Cleared { removed })
}

/// The parameters of `GET /requests`, as the document has them
struct QueryParameters;

impl IntoParams for QueryParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |(name, meaning)| {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(meaning))
                .schema(Some(RefOr::T(text.into())))
                .build()
        };
        PARAMETERS.map(parameter).into()
    }
}

/// What entries are written as
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One JSON list
    List,
    /// One JSON object a line
    Lines,
}

impl Form {
    fn accepted_by(headers: &HeaderMap) -> Self {
        match accepts(headers, NDJSON) {
            true => Self::Lines,
            false => Self::List,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::List => "application/json",
            Self::Lines => NDJSON,
        })
    }
}

/// A list on its way to its reader: each page is made when the one before it was taken
///
/// Only places are held, so a slow reader keeps no entry alive; one that is evicted before its page is made is left out.
struct Pages {
    shared: Arc<Shared>,
    places: std::vec::IntoIter<u64>,
    form: Form,
    progress: Progress,
}

/// How much of a list was written
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No entry yet
    Nothing,
    /// An entry at least
    Some,
    /// Everything
    Done,
}

impl Pages {
    /// The next page. It is bounded by its size and by the time it takes, so that several readers take turns.
    fn render_next(&mut self) -> Bytes {
        let begun = Instant::now();
        let mut page = String::new();
        if self.form == Form::List && self.progress == Progress::Nothing {
            page.push('[');
        }
        while page.len() < PAGE_BYTES && begun.elapsed() < PAGE_TIME {
            let Some(place) = self.places.next() else {
                self.progress = Progress::Done;
                if self.form == Form::List {
                    // So that `curl` leaves the prompt on a line of its own.
                    page.push_str("]\n");
                }
                break;
            };
            let Some(entry) = self.shared.space.journal.at(place) else {
                continue;
            };
            if self.form == Form::List && self.progress == Progress::Some {
                page.push(',');
            }
            page.push_str(&EntryView::of(&entry).to_json_text());
            if self.form == Form::Lines {
                page.push('\n');
            }
            self.progress = Progress::Some;
        }
        page.into()
    }

    /// The body that begins with a page and goes on with the others
    fn into_body(mut self, first: Bytes) -> Channel<Bytes, PagesBroken> {
        let (mut sender, body) = Channel::new(1);
        tokio::spawn(async move {
            let mut page = first;
            loop {
                // The reader is gone, or has everything.
                if sender.send_data(page).await.is_err() || self.progress == Progress::Done {
                    return;
                }
                let shared = self.shared.clone();
                let rendered = shared
                    .space
                    .explainer
                    .try_run(move || (self.render_next(), self))
                    .await;
                let Ok((next, rest)) = rendered else {
                    // The connection is closed in the middle, so that nobody takes it for the end.
                    sender.abort(PagesBroken);
                    return;
                };
                (page, self) = (next, rest);
            }
        });
        body
    }
}

/// A page could not be made, because of a defect of the emulator
#[derive(Debug)]
pub(crate) struct PagesBroken;

impl fmt::Display for PagesBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of the journal could not be made")
    }
}

impl std::error::Error for PagesBroken {}

/// `</requests?…&after=…>; rel="next"` (RFC 8288): the same query, from behind the last entry of this answer
fn next_link(query: &str, order: Order, last: Uuid) -> String {
    let cursor = match order {
        Order::Oldest => "after",
        Order::Newest => "before",
    };
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != cursor);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair(cursor, &last.to_string())
        .finish();
    format!("</requests?{query}>; rel=\"next\"")
}

/// A page is done when it has so many bytes …
const PAGE_BYTES: usize = 64 * 1024;
/// … or has taken so long
const PAGE_TIME: Duration = Duration::from_millis(20);

const NDJSON: &str = "application/x-ndjson";
