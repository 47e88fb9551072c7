//! `POST /requests/verify`

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::{
    ControlError,
    answer::{Answer, json_answer},
    upload::Upload,
};
use crate::{
    journal::verification::{
        IN_FLIGHT_MILLISECONDS_MAX, Incomplete, NotVerified, Outlook, Report, Verification, Verifier,
    },
    runtime::Shared,
    services::operation_names,
};

/// Whether the calls that a test expects were made, and if not, which come nearest
///
/// Texts in `match` are patterns with `*` and `?`; `null` asks that there is no such member. With `within_milliseconds` the
/// answer waits for what is missing; calls that are in flight when it begins are waited for in any case: for up to two
/// seconds, or for `within_milliseconds` if that is longer. `satisfied` is true only if the journal can know it. If entries
/// that may count were evicted, or calls are still in flight after the wait, the answer is 409 `JournalIncomplete`, unless
/// every expectation is an `at_least` that is met.
#[utoipa::path(
    post, path = "/requests/verify", tag = "journal", request_body = Verification,
    responses(
        (status = 200, body = Report),
        (status = 400, description = "`InvalidVerification`"),
        (status = 409, description = "`JournalIncomplete`")
    )
)]
pub(super) async fn verify(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let verification: Verification = upload.json(&shared, INVALID_VERIFICATION, EXPECTED).await?;
    json_answer(&run(&shared, verification).await?)
}

/// Counts, and waits for what is missing
///
/// # Errors
/// When the verification makes no sense, the journal no longer has all that it would take to know, or the emulator
/// stops.
pub(crate) async fn run(shared: &Arc<Shared>, verification: Verification) -> Result<Report, NotVerified> {
    verification.check(&operation_names())?;
    let began = Instant::now();
    let within = verification.within_milliseconds;
    let deadline = began + Duration::from_millis(within);
    let deadline_in_flight = began + Duration::from_millis(within.max(IN_FLIGHT_MILLISECONDS_MAX));
    let in_flight = shared.space.journal.in_flight();
    let mut verifier = Verifier::new(verification, &shared.space.journal, &shared.space.clock())?;
    loop {
        // Enabled before the look, so that nothing is missed between the look and the wait.
        let mut arrival = std::pin::pin!(shared.space.journal.arrival());
        arrival.as_mut().enable();
        // Counted before the look too, which then sees every call that is no longer in flight.
        let unfinished = in_flight.count();
        // A moment at a time, so that others have their turns, and so that it ends when nobody waits for it any more.
        let outlook = loop {
            let looking = shared.clone();
            let looked;
            (verifier, looked) = shared
                .space
                .explainer
                .run(move || {
                    let looked = verifier.look(&looking.space.journal);
                    (verifier, looked)
                })
                .await;
            if let Some(outlook) = looked {
                break outlook;
            }
        };
        let is_settled = verifier.is_settled();
        if is_settled || (unfinished == 0 && outlook != Outlook::Waiting) {
            return Ok(verifier.report()?);
        }
        let deadline = match unfinished {
            0 => deadline,
            _ => deadline_in_flight,
        };
        tokio::select! {
            () = arrival => {}
            () = sleep_until(deadline) => {
                return match unfinished {
                    0 => Ok(verifier.report()?),
                    _ => Err(Incomplete::InFlight(unfinished).into()),
                };
            }
            () = shared.stopping.cancelled() => return Err(NotVerified::Stopped),
        }
    }
}

impl From<NotVerified> for ControlError {
    fn from(error: NotVerified) -> Self {
        match error {
            NotVerified::Mistake(error) => {
                Self::bad_request(INVALID_VERIFICATION, error.to_string()).with("path", error.path)
            }
            NotVerified::Stopped => Self::new(StatusCode::SERVICE_UNAVAILABLE, "Stopped", error.to_string()),
            NotVerified::Incomplete(error) => {
                Self::new(StatusCode::CONFLICT, "JournalIncomplete", error.to_string())
            }
        }
    }
}

const INVALID_VERIFICATION: &str = "InvalidVerification";
const EXPECTED: &str = r#"{"expect":[{"match":{"operation":"DetectAnomalies"},"times":{"exactly":2}}]}"#;
