//! The journal over HTTP

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use http_body_util::{Either, Full, channel::Channel};
use hyper::{Response, body::Bytes};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Answer, ControlError, json_answer};
use crate::{
    journal::{EntryView, Order, Query},
    state::Shared,
};

/// Entries, as many as are asked for
pub(super) async fn list(shared: &Arc<Shared>, uri: &Uri, headers: &HeaderMap) -> Answer {
    let query_text = uri.query().unwrap_or("");
    let query = Query::parse(query_text)
        .map_err(|error| ControlError::bad_request("InvalidFilter", error.to_string()))?;
    let form = Form::accepted_by(headers);
    let order = query.order();
    let begin = {
        let shared = shared.clone();
        move || {
            let (_, evicted) = shared.journal.counts();
            let selection = shared.journal.select(&query);
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
    let (first, pages, next, evicted) = shared.explainer.run(begin).await;

    let body = match pages.progress {
        Progress::Done => Either::Left(Full::new(first)),
        Progress::Nothing | Progress::Some => Either::Right(pages.into_body(first)),
    };
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, form.content_type());
    fields.insert("x-journal-evicted", evicted.into());
    if let Some(last) = next {
        let link = next_link(uri.path(), query_text, order, last);
        let link = HeaderValue::from_str(&link).expect("an encoded query is plain text");
        fields.insert(header::LINK, link);
    }
    Ok(response)
}

/// The entry of one request
pub(super) async fn show(shared: &Arc<Shared>, id: &str) -> Answer {
    let entry = id.parse::<Uuid>().ok().map(|id| {
        let shared = shared.clone();
        move || {
            let entry = shared.journal.entry(id)?;
            Some(EntryView::of(&entry).to_json())
        }
    });
    let found = match entry {
        Some(entry) => shared.explainer.run(entry).await,
        None => None,
    };
    let found = found.ok_or_else(|| {
        ControlError::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("the journal has no request `{id}`"),
        )
    })?;
    json_answer(&found)
}

/// Forgets every entry; there is no way to forget some of them
pub(super) fn clear(shared: &Shared, query: &str) -> Answer {
    if !query.is_empty() {
        return Err(ControlError::bad_request(
            "InvalidParameter",
            "`DELETE /requests` removes every entry and has no parameters",
        ));
    }
    json_answer(&json!({ "removed": shared.journal.clear() }))
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
        let accepted = headers.get_all(header::ACCEPT).into_iter();
        let mut ranges = accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let wants_lines = ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            // RFC 9110, section 12.4.2: a weight of zero is "not acceptable".
            let is_refused = parts.any(|part| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0)
            });
            media_type.eq_ignore_ascii_case(NDJSON) && !is_refused
        });
        if wants_lines { Self::Lines } else { Self::List }
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
            let Some(entry) = self.shared.journal.at(place) else {
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
                // The reader is gone.
                if sender.send_data(page).await.is_err() || self.progress == Progress::Done {
                    return;
                }
                let shared = self.shared.clone();
                let rendered = shared.explainer.try_run(move || (self.render_next(), self)).await;
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
fn next_link(path: &str, query: &str, order: Order, last: Uuid) -> String {
    let cursor = match order {
        Order::Oldest => "after",
        Order::Newest => "before",
    };
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != cursor);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair(cursor, &last.to_string())
        .finish();
    format!("<{path}?{query}>; rel=\"next\"")
}

/// A page is done when it has so many bytes …
const PAGE_BYTES: usize = 64 * 1024;
/// … or has taken so long
const PAGE_TIME: Duration = Duration::from_millis(20);

const NDJSON: &str = "application/x-ndjson";
