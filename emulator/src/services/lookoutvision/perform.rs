//! Permit → output: the only way to run an operation.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use http::StatusCode;
use hyper::body::Bytes;
use lookoutvision::{
    detect_anomalies::{Caller, Memory},
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
    runtime::{Snapshot, Space, acknowledged::record_of_scenario},
};

/// What an operation answers
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) result: Result<Bytes, ServiceError>,
    pub(crate) status: StatusCode,
    /// The canned rule that answered, for the journal
    pub(crate) rule: Option<Cow<'static, str>>,
    /// How long the answer is to be held back
    pub(crate) delay: Option<Duration>,
    /// What is odd about the answer, for the journal and the log
    pub(crate) note: Option<&'static str>,
}

/// Runs the operation that a permit is for; whatever it creates that needs a name of its own is named after
/// `request_id`
///
/// # Errors
/// When the service refuses the request, or the permit is for something that no longer exists as it was authorised.
pub(crate) async fn perform(
    permit: Permit<Call>,
    request_id: Uuid,
    access_key_id: &str,
    space: &Arc<Space>,
) -> Result<Output, Refused> {
    let permitted = permit.redeem();
    let Call { request, snapshot } = permitted.request;
    let (operation, region) = (request.operation(), request.region().clone());
    let status = StatusCode::from_u16(operation.success_status()).expect("the table has HTTP statuses only");
    let declared = &snapshot.declared;
    let now = || snapshot.generation.clock.now();
    let answer = match request.into_performance(&declared.declarations().account_id)? {
        Performance::Detect(detect) => {
            let permitted = Permitted {
                request: detect,
                principal: permitted.principal,
                entry_point: permitted.entry_point,
            };
            let rules = snapshot.put_rules(permitted.request.model());
            // A call that changes a scenario waits for the disk, because the change is persisted before anybody sees
            // it.
            if space.service.waits_for_disk() && permitted.request.may_set_scenarios(declared, rules) {
                let (snapshot, access_key_id) = (snapshot.clone(), Box::<str>::from(access_key_id));
                let answered = space.run_blocking(move |space| {
                    answer_by_rules(&permitted, &access_key_id, &snapshot, status, space)
                });
                // Boxed, because other detections would carry the room for it.
                return Box::pin(answered).await.map_err(Refused::Service);
            }
            return answer_by_rules(&permitted, access_key_id, &snapshot, status, space)
                .map_err(Refused::Service);
        }
        Performance::Read(read) => {
            let state = snapshot.generation.state();
            read.perform(&state.view(declared, &region, now()))?.into()
        }
        Performance::Change(change) => {
            let work = Work {
                space: space.clone(),
                snapshot: snapshot.clone(),
                region: region.clone(),
                now: now(),
                token: change.token.clone(),
            };
            // Boxed, because detections would carry the room for it.
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
    access_key_id: &str,
    snapshot: &Snapshot,
    status: StatusCode,
    space: &Space,
) -> Result<Output, ServiceError> {
    let caller = Caller {
        principal: permitted.principal.arn(),
        access_key_id,
        vpc_endpoint_id: permitted.entry_point.vpc_endpoint_id(),
    };
    let generation = &snapshot.generation;
    let persist = |states: &BTreeMap<Box<str>, Box<str>>| {
        // The state that replaced this one has replaced its records, too.
        if generation.is_replaced() {
            return Ok(());
        }
        space.service.persist_records(&|| {
            let states = states.iter();
            states
                .map(|(name, state)| record_of_scenario(name, state))
                .collect()
        })
    };
    let memory = Memory {
        calls: &generation.calls,
        draws: &generation.draws,
        scenarios: &generation.scenarios,
        persist: &persist,
    };
    let rules = snapshot.put_rules(permitted.request.model());
    let output = permitted
        .request
        .perform(&snapshot.declared, rules, caller, memory)?;
    Ok(Output {
        result: output.result,
        status,
        rule: Some(output.rule.into()),
        delay: output.delay,
        note: output.note,
    })
}

const SERVICE_WAS_NEVER_THERE: &str = "Amazon Lookout for Vision was never offered in this Region: on AWS its name did not \
                                       resolve there";
