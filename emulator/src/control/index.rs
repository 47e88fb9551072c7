//! What there is: the routes as a list, and as an OpenAPI document.

use std::sync::Arc;

use axum::{
    Extension,
    response::{IntoResponse, Redirect},
};
use http::HeaderMap;
use hyper::body::Bytes;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{OpenApi, path::Operation},
};

use super::{
    accept::accepts,
    answer::{Answer, bytes_answer, json_answer},
};

/// The OpenAPI document and the list that is made from it, both made once
pub(super) struct Index {
    document: Bytes,
    list: RouteList,
}

/// What the control API answers
#[derive(Serialize, ToSchema)]
struct RouteList {
    /// The emulator's version
    version: &'static str,
    /// Where the OpenAPI document is
    #[schema(example = "/openapi.json")]
    openapi: &'static str,
    routes: Vec<Route>,
}

/// One method of one path
#[derive(Serialize, ToSchema)]
struct Route {
    #[schema(example = "GET")]
    method: &'static str,
    #[schema(example = "/requests/{request_id}")]
    path: String,
    /// What it does
    summary: String,
}

/// Every route, as JSON; a browser is led to the dashboard
#[utoipa::path(
    get, path = "/", tag = "emulator",
    responses(
        (status = 200, body = RouteList, content_type = "application/json"),
        (status = 303, description = "to `/dashboard`, where `Accept` has `text/html`"),
    )
)]
pub(super) async fn list(Extension(index): Extension<Arc<Index>>, headers: HeaderMap) -> Answer {
    if accepts(&headers, "text/html") {
        return Ok(Redirect::to("/dashboard").into_response());
    }
    json_answer(&index.list)
}

/// This document: OpenAPI 3.1
#[utoipa::path(
    get, path = "/openapi.json", tag = "emulator",
    responses((status = 200, body = Object, content_type = "application/json"))
)]
pub(super) async fn document(Extension(index): Extension<Arc<Index>>) -> Answer {
    bytes_answer("application/json", index.document.clone())
}

impl Index {
    pub(super) fn of(document: &OpenApi) -> Self {
        let list = RouteList {
            version: env!("CARGO_PKG_VERSION"),
            openapi: "/openapi.json",
            routes: routes_of(document),
        };
        let text = document.to_pretty_json();
        let mut text = text.expect("a document has string keys and finite numbers");
        text.push('\n');
        Self {
            document: text.into(),
            list,
        }
    }
}

fn routes_of(document: &OpenApi) -> Vec<Route> {
    let paths = document.paths.paths.iter();
    paths
        .flat_map(|(path, item)| {
            let operations = [
                ("GET", &item.get),
                ("PUT", &item.put),
                ("POST", &item.post),
                ("DELETE", &item.delete),
            ];
            operations
                .into_iter()
                .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
                .map(|(method, operation)| Route::new(method, path, operation))
        })
        .collect()
}

impl Route {
    fn new(method: &'static str, path: &str, operation: &Operation) -> Self {
        Self {
            method,
            path: path.to_owned(),
            summary: operation.summary.clone().unwrap_or_default(),
        }
    }
}
