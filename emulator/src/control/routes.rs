//! Every route of the control API, and the document that describes them.
//!
//! A handler's `#[utoipa::path]` is its route: [`routes!`] takes method and path from there, for the router and for the
//! OpenAPI document alike. To add a route is to write a handler and to name it here.

use std::sync::Arc;

use axum::Router;
use http::{Method, StatusCode, Uri};
use utoipa::{
    OpenApi, ToSchema,
    openapi::{ContentBuilder, Ref, ResponseBuilder, path::PathItem},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ControlError, certificates,
    client_environment::{Client, Format},
    clock, coverage,
    dashboard::{self, Dashboard},
    doctor, draft, endpoint_policy, env,
    error::ErrorAnswer,
    events,
    faults::{self, FaultReader},
    health,
    index::{self, Index},
    limits, matrix, metrics, policies, projects, requests, reset, rules, scenarios, simulate, state,
    statistics, verify, what_if,
};
use crate::runtime::Shared;

/// What the document says of the whole
#[derive(OpenApi)]
#[openapi(
    info(
        title = "lookoutvision-emulator: control API",
        description = "For the test that drives the emulator. Plain HTTP, and only where `Host` is a loopback name, an \
                       address, this machine's own host name or one of `names` in the configuration.",
    ),
    components(schemas(ErrorAnswer, Client, Format)),
    tags(
        (name = "dashboard", description = "Pages for people; everything they do is another route"),
        (name = "emulator", description = "Whether it is there, and how clients reach it"),
        (name = "trust", description = "The certificate authority, in the forms that clients trust it by"),
        (name = "journal", description = "What was asked, what was decided, and why"),
        (name = "policies", description = "VPC endpoints and their policies"),
        (name = "rules", description = "What DetectAnomalies answers, and the scenarios that rules move on"),
        (name = "faults", description = "What goes wrong on purpose"),
        (name = "state", description = "What the service remembers, and its clock"),
    )
)]
struct Document;

/// What answers requests, with `/` and `/openapi.json` about all of it
pub(super) fn router(shared: Arc<Shared>, fault_reader: FaultReader) -> Router {
    let (router, document) = routes_and_document();
    router
        .layer(axum::Extension(fault_reader))
        .layer(axum::Extension(Arc::new(Index::of(&document))))
        .layer(axum::Extension(Arc::new(Dashboard::of(&document))))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .with_state(shared)
}

fn routes_and_document() -> (Router<Arc<Shared>>, utoipa::openapi::OpenApi) {
    let (router, mut document) = documented().split_for_parts();
    document.paths.paths.values_mut().for_each(add_refusals);
    (router, document)
}

fn documented() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(index::list))
        .routes(routes!(index::document))
        .routes(routes!(dashboard::start))
        .routes(routes!(dashboard::with_slash))
        .routes(routes!(dashboard::show))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(env::show))
        .routes(routes!(doctor::show))
        .routes(routes!(limits::show))
        .routes(routes!(certificates::ca_pem))
        .routes(routes!(certificates::ca_bundle_pem))
        .routes(routes!(certificates::truststore_p12))
        .routes(routes!(requests::list, requests::clear))
        .routes(routes!(verify::verify))
        .routes(routes!(statistics::counts))
        .routes(routes!(statistics::show))
        .routes(routes!(metrics::show))
        .routes(routes!(events::stream))
        .routes(routes!(requests::show))
        .routes(routes!(requests::edits))
        .routes(routes!(endpoint_policy::list))
        .routes(routes!(
            endpoint_policy::show,
            endpoint_policy::attach,
            endpoint_policy::restore
        ))
        .routes(routes!(draft::of_endpoint))
        .routes(routes!(draft::of_principal))
        .routes(routes!(coverage::show, coverage::set, coverage::clear))
        .routes(routes!(policies::show))
        .routes(routes!(projects::list))
        .routes(routes!(simulate::simulate))
        .routes(routes!(simulate::lint))
        .routes(routes!(what_if::ask))
        .routes(routes!(matrix::show))
        .routes(routes!(faults::list, faults::replace, faults::add, faults::clear))
        .routes(routes!(faults::remove))
        .routes(routes!(clock::show, clock::set))
        .routes(routes!(clock::advance))
        .routes(routes!(rules::show, rules::put, rules::add, rules::restore))
        .routes(routes!(rules::remove))
        .routes(routes!(scenarios::list))
        .routes(routes!(scenarios::set, scenarios::reset))
        .routes(routes!(state::show, state::put))
        .routes(routes!(reset::reset))
}

/// Adds the refusals that every route can answer: a foreign `Host` or `Origin`, a mistake in what was sent, no room
fn add_refusals(item: &mut PathItem) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ErrorAnswer::name())))
        .build();
    let refusal = ResponseBuilder::new()
        .description("a refusal: `code` for programs, `message` for people, and where the mistake stands")
        .content("application/json", content)
        .build();
    let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
    for operation in operations.into_iter().flatten() {
        let responses = &mut operation.responses.responses;
        responses.insert("default".to_owned(), refusal.clone().into());
    }
}

async fn no_such_route(uri: Uri) -> ControlError {
    ControlError::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        format!(
            "there is no `{}` on the control API; `GET /` lists what there is",
            uri.path()
        ),
    )
}

/// The router says in `Allow` which methods there are
async fn no_such_method(method: Method, uri: Uri) -> ControlError {
    ControlError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        format!(
            "{method} is not a method of `{}`; `Allow` names those there are",
            uri.path()
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_router_and_the_document_have_the_same_paths() {
        let (router, document) = routes_and_document();
        // Its debug form is the only place where axum tells its paths.
        let debug_form = format!("{router:?}");
        let routed: BTreeSet<&str> = debug_form
            .split('"')
            .filter(|text| text.starts_with('/') && !text.contains("__private__axum"))
            .collect();
        let documented: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(routed, documented);
        assert!(routed.contains("/requests/{request_id}"), "{debug_form}");
    }
}
