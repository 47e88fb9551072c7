//! Permit → output: the only way to run an operation.

use std::time::Duration;

use http::StatusCode;
use hyper::body::Bytes;

use crate::{
    authorize::Permit,
    body::ReceivedBody,
    lookoutvision::{
        detect_anomalies::{DetectAnomaliesInput, perform_detect_anomalies},
        error::ServiceError,
        model::ModelAddress,
        routes::Route,
    },
    refusal::Refusal,
    request::ReceivedRequest,
    state::Shared,
};

/// What an operation answers
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) result: Result<Bytes, ServiceError>,
    pub(crate) status: StatusCode,
    /// The canned rule that answered, for the journal
    pub(crate) rule: Option<Box<str>>,
    /// How long the answer is to be held back
    pub(crate) delay: Option<Duration>,
}

/// Runs the operation that a permit is for
///
/// # Errors
/// When the service refuses the request, or the emulator does not perform the operation.
pub(crate) fn perform(
    permit: &Permit,
    received: &ReceivedRequest,
    body: &ReceivedBody,
    shared: &Shared,
) -> Result<Output, Refusal> {
    let invocation = permit.invocation();
    let operation = invocation.operation();
    let status = StatusCode::from_u16(operation.success_status()).expect("the table has HTTP statuses only");
    match invocation.route() {
        Route::DetectAnomalies {
            project_name,
            model_version,
        } => {
            let config = &permit.snapshot().config;
            let model = ModelAddress::resolve(
                &config.projects,
                &config.account_id,
                invocation.region(),
                project_name,
                model_version,
            );
            let input = DetectAnomaliesInput {
                model: &model,
                content_type: received.header(&http::header::CONTENT_TYPE),
                body: &body.bytes,
                body_sha256: Some(body.sha256),
                principal: permit.principal().arn(),
                vpc_endpoint_id: permit.door().vpc_endpoint_id(),
            };
            let output = perform_detect_anomalies(&input, &config.projects, &shared.calls)
                .map_err(Refusal::Service)?;
            Ok(Output {
                result: output.result,
                status,
                rule: Some(output.rule.to_string().into()),
                delay: output.delay,
            })
        }
        _ => Err(Refusal::NotEmulated(operation)),
    }
}
