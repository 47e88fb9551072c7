//! The control API: plain HTTP on its own listener, JSON, for the test that drives the emulator.
//!
//! One file per resource, with its handlers and what they answer; [`routes`] puts them together. What stands over a
//! handler is both its route and its place in the OpenAPI document, so neither can be without the other.
//!
//! ```text
//! connection → screen → router → handler → answer
//!                  \       \         \
//!                   {"error":{"code":…,"message":…}}
//! ```
//!
//! It does not answer pages of other sites: what they make a visitor's browser send is refused ([`screen`]).
//! Connections are not axum's but ours, like those of the AWS API: they have the same limits, the same reserved places
//! and the same end.

use std::sync::{Arc, OnceLock};

use axum::{Router, body::Body, response::IntoResponse};
use http::{HeaderValue, Request, StatusCode, header, request::Parts};
use http_body_util::Full;
use hyper::{Response, body::Bytes};
use tower_service::Service;

use self::{error::ControlError, faults::FaultReader, upload::Upload};
use crate::{
    request::{
        HeadError,
        body::{Client, RequestBody},
    },
    runtime::Shared,
    settings::LimitsReached,
};

mod accept;
mod answer;
mod certificates;
pub(crate) mod client_environment;
mod clock;
mod coverage;
mod dashboard;
pub(crate) mod diagnosis;
mod doctor;
mod draft;
mod endpoint_policy;
mod env;
mod error;
mod events;
pub(crate) mod faults;
mod health;
mod index;
mod limits;
mod matrix;
mod metrics;
pub(crate) mod modes;
mod path;
mod policies;
mod projects;
mod query;
#[expect(
    unused_qualifications,
    reason = "utoipa names parameters by a path of its own"
)]
mod requests;
mod reset;
mod routes;
mod rules;
mod scenarios;
mod screen;
mod simulate;
mod state;
mod statistics;
mod upload;
pub(crate) mod verify;
mod what_if;

/// Answers the requests of one emulator's control listener
pub(crate) struct ControlApi {
    shared: Arc<Shared>,
    fault_reader: FaultReader,
    /// Made for the first request: its routes carry their part of the OpenAPI document, and to put that together takes
    /// as long as all the rest of a start
    router: OnceLock<Router>,
}

/// An answer, and whether the body of its request was read to the end
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    pub(crate) is_body_complete: bool,
}

impl ControlApi {
    pub(crate) fn new(shared: Arc<Shared>, fault_reader: FaultReader) -> Self {
        Self {
            shared,
            fault_reader,
            router: OnceLock::new(),
        }
    }

    fn router(&self) -> Router {
        let router = self
            .router
            .get_or_init(|| routes::router(self.shared.clone(), self.fault_reader));
        router.clone()
    }

    /// Answers one request
    pub(crate) async fn answer(&self, client: &Arc<Client>, head: Parts, body: RequestBody) -> Answered {
        let upload = Upload::new(body, client.clone());
        let snapshot = self.shared.space.snapshot();
        let checked = HeadError::check_transfer_coding(&head.headers).map_err(|error| unreadable(&error));
        let response = match checked.and_then(|()| screen::screen(&head, &snapshot.settings)) {
            Ok(()) => {
                let mut request = Request::from_parts(head, Body::empty());
                request.extensions_mut().insert(upload.clone());
                let Ok(response) = self.router().call(request).await;
                response
            }
            Err(error) => error.into_response(),
        };
        Answered {
            response: for_the_moment(response),
            is_body_complete: upload.finish(&snapshot.settings.limits).await,
        }
    }

    /// Answers one request while the control API has as many connections as it may: only `/health` and `/ready`
    pub(crate) async fn answer_health_check(
        &self,
        client: &Arc<Client>,
        head: Parts,
        body: RequestBody,
    ) -> Answered {
        if matches!(head.uri.path(), "/health" | "/ready") {
            return self.answer(client, head, body).await;
        }
        let connections_max = self.shared.space.snapshot().settings.limits.connections_max;
        let error = ControlError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "TooManyConnections",
            format!(
                "the control API has connections_max ({connections_max}) connections and answers `/health` and `/ready` only"
            ),
        );
        Answered {
            response: for_the_moment(error.into_response()),
            is_body_complete: body.is_complete(),
        }
    }

    /// Answers a request whose head could not be read
    pub(crate) fn answer_unreadable(&self, error: &HeadError) -> Response<Full<Bytes>> {
        self.limits_reached().note(error.limits().iter().copied());
        for_the_moment(unreadable(error).into_whole_response())
    }

    /// When limits were reached
    pub(crate) fn limits_reached(&self) -> &LimitsReached {
        &self.shared.limits_reached
    }
}

/// The answer with fields that keep it out of caches, and a browser from taking it for another content type
fn for_the_moment<B>(mut response: Response<B>) -> Response<B> {
    let fields = response.headers_mut();
    // Files of the dashboard have a field of their own: they may be kept if the emulator is asked each time whether
    // they are still good.
    fields
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    fields.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn unreadable(error: &HeadError) -> ControlError {
    let (status, code) = match error {
        HeadError::TooLarge { .. } => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HeadTooLarge"),
        HeadError::TargetTooLong => (StatusCode::URI_TOO_LONG, "TargetTooLong"),
        HeadError::TransferCoding(_) => (StatusCode::NOT_IMPLEMENTED, "TransferCodingNotImplemented"),
        HeadError::Malformed(_) => (StatusCode::BAD_REQUEST, "MalformedHead"),
    };
    ControlError::new(status, code, error.to_string())
}
