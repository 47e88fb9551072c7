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
    journal::verification::{NotVerified, Outlook, Report, Verification, Verifier},
    runtime::Shared,
    services::operation_names,
};

/// Whether the calls that a test expects were made, and if not, which come nearest
///
/// Texts in `match` are patterns with `*` and `?`; `null` asks that there is no such member. With `within_milliseconds` the
/// answer waits for what is missing. `satisfied` is never true of what the journal cannot know: where entries were evicted
/// that may count, the answer is 409 `JournalIncomplete`, unless every expectation is an `at_least` that is met.
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
/// When the verification makes no sense, or the journal no longer has all that it would take to know.
pub(crate) async fn run(shared: &Arc<Shared>, verification: Verification) -> Result<Report, NotVerified> {
    verification.check(&operation_names())?;
    let deadline = Instant::now() + Duration::from_millis(verification.within_milliseconds);
    let mut verifier = Verifier::new(verification, &shared.space.journal);
    loop {
        // Before the look, so that nothing comes between it and the wait.
        let mut arrival = std::pin::pin!(shared.space.journal.arrival());
        arrival.as_mut().enable();
        // A moment at a time, so that others have their turns, and that it ends with whoever waits for it.
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
        if outlook != Outlook::Waiting {
            return Ok(verifier.report()?);
        }
        tokio::select! {
            () = arrival => {}
            () = sleep_until(deadline) => return Ok(verifier.report()?),
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
