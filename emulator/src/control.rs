//! The control API: plain HTTP on its own listener, JSON, for the test that drives the emulator.
//!
//! One file a resource, with its handlers and what they answer; [`routes`] puts them together. What stands over a handler
//! is both its route and its place in the OpenAPI document, so neither can be without the other.
//!
//! ```text
//! connection → screen → router → handler → answer
//!                  \       \         \
//!                   {"error":{"code":…,"message":…}}
//! ```
//!
//! It answers no other site's pages: what a visitor's browser was made to send is refused ([`screen`]). A connection is
//! not axum's but ours, as that of the AWS API is: its limits, its reserved places and its end are the same.

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
    /// Made when the first request asks for it: its routes carry what the OpenAPI document says of them, which takes as
    /// long to put together as all the rest of a start
    router: OnceLock<Router>,
}

/// An answer, and whether its request had come in whole when it was made
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

    /// Answers one request while the control API has as many connections as it may
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

    /// Answers what came instead of a request's head
    pub(crate) fn answer_unreadable(&self, error: &HeadError) -> Response<Full<Bytes>> {
        self.limits_reached().note(error.limits().iter().copied());
        for_the_moment(unreadable(error).into_whole_response())
    }

    /// When limits were reached
    pub(crate) fn limits_reached(&self) -> &LimitsReached {
        &self.shared.limits_reached
    }
}

/// An answer that nobody keeps for later, and that a browser takes for nothing but what it says it is
fn for_the_moment<B>(mut response: Response<B>) -> Response<B> {
    let fields = response.headers_mut();
    // Files of the dashboard may be kept where the emulator is asked each time whether they still hold.
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
