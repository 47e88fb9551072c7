//! Permit → output: the only way to run an operation.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use hyper::body::Bytes;
use lookoutvision::{
    error::ServiceError,
    operation::Operation,
    operations::Refused,
    request::{ChangeRequest, Detect, Performance},
    store::Change,
};
use uuid::Uuid;

use super::{call::Call, work::Work};
use crate::{
    authorization::{Permit, Permitted},
    runtime::Space,
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
    /// What is odd about the answer, for the journal and the log
    pub(crate) note: Option<&'static str>,
}

/// Runs the operation that a permit is for; what it makes that needs a name of its own is called after `request_id`
///
/// # Errors
/// When the service refuses the request, or the permit is for something that is not what would be done any more.
pub(crate) async fn perform(
    permit: Permit<Call>,
    request_id: Uuid,
    space: &Arc<Space>,
) -> Result<Output, Refused> {
    let permitted = permit.redeem();
    let Call { request, snapshot } = permitted.request;
    let (operation, region) = (request.operation(), request.region().clone());
    let status = StatusCode::from_u16(operation.success_status()).expect("the table has HTTP statuses only");
    let declared = &snapshot.declared;
    let now = space.clock.now();
    let answer = match request.into_performance(&declared.declarations().account_id)? {
        Performance::Detect(detect) => {
            let permitted = Permitted {
                request: detect,
                principal: permitted.principal,
                entry_point: permitted.entry_point,
            };
            return answer_by_rules(&permitted, declared, status, space).map_err(Refused::Service);
        }
        Performance::Read(read) => {
            let state = space.service.state();
            read.perform(&state.view(declared, &region, now))?.into()
        }
        Performance::Change(change) => {
            let work = Work {
                space: space.clone(),
                snapshot: snapshot.clone(),
                region: region.clone(),
                now,
                token: change.token.clone(),
            };
            // In a box, because detections would carry the room for it.
            Box::pin(change_state(change, request_id, work)).await?
        }
    };
    let note = (operation == Operation::CreateProject && space.is_first_project_elsewhere(&region))
        .then_some(SERVICE_WAS_NEVER_THERE);
    Ok(Output {
        result: Ok(answer),
        status,
        rule: None,
        delay: None,
        note,
    })
}

async fn change_state(change: ChangeRequest, request_id: Uuid, work: Work) -> Result<Bytes, Refused> {
    let fresh_name = request_id.to_string();
    let operation = move |state: &mut Change<'_>| change.perform(state, &fresh_name);
    work.run(Box::new(operation)).await
}

fn answer_by_rules(
    permitted: &Permitted<Detect>,
    declared: &lookoutvision::store::Declared,
    status: StatusCode,
    space: &Space,
) -> Result<Output, ServiceError> {
    let output = permitted.request.perform(
        declared,
        permitted.principal.arn(),
        permitted.entry_point.vpc_endpoint_id(),
        &space.calls,
    )?;
    Ok(Output {
        result: output.result,
        status,
        rule: Some(output.rule.to_string().into()),
        delay: output.delay,
        note: output.note,
    })
}

const SERVICE_WAS_NEVER_THERE: &str = "Amazon Lookout for Vision was never offered in this Region: on AWS its name did not \
                                       resolve there";
