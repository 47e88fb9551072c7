//! The AWS CLI speaks to people: arguments in, JSON on standard output or a sentence on standard error.

use std::ffi::OsString;
use std::process::Output;

use crate::driver::http::wire::Answer;
use crate::outcome::{Job, Outcome, Refusal};

/// The arguments that make the call
pub(super) fn arguments(job: &Job) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["lookoutvision", "detect-anomalies", "--output", "json"]
        .map(Into::into)
        .into();
    arguments.extend(["--project-name".into(), job.project.clone().into()]);
    arguments.extend(["--model-version".into(), job.model_version.clone().into()]);
    arguments.extend(["--content-type".into(), job.content_type.clone().into()]);
    arguments.extend(["--body".into(), job.image.clone().into()]);
    arguments
}

/// The outcome of a run of the CLI
pub(super) fn outcome(output: &Output) -> Result<Outcome, String> {
    if output.status.success() {
        let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        return Ok(Outcome::Result(answer.into_detection(None)));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim();
    match (output.status.code(), refusal(text)) {
        // AWS CLI User Guide, "Return codes": 254, the service answered with an error; 255, something else went wrong.
        (Some(254 | 255), Some(refusal)) => Ok(Outcome::Refusal(refusal)),
        (Some(255), None) => Ok(Outcome::Unreachable {
            detail: text.to_owned(),
        }),
        (_, _) => Err(format!("{}: {text}", output.status)),
    }
}

/// Reads `An error occurred (CODE) when calling the DetectAnomalies operation[ (reached max retries: N)]: MESSAGE`
fn refusal(text: &str) -> Option<Refusal> {
    let (exception, rest) = text.strip_prefix("An error occurred (")?.split_once(')')?;
    let rest = rest.strip_prefix(" when calling the DetectAnomalies operation")?;
    // The number of retries is followed by a colon and a blank of its own.
    let message = match rest.strip_prefix(" (reached max retries: ") {
        Some(retried) => retried.split_once("): ")?.1,
        None => rest.strip_prefix(": ")?,
    };
    Some(Refusal {
        exception: exception.to_owned(),
        typed: None,
        status: None,
        message: message.to_owned(),
        retry_after_seconds: None,
        request_id: None,
    })
}
