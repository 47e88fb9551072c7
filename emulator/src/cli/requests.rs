//! `requests`: the journal of a running emulator, a line for each request; `requests verify`: whether the calls that a test
//! expects were made; `requests counts`: how many there were.
//!
//! ```text
//! $ lookoutvision-emulator requests status=403 limit=1 | cat
//! 2026-01-02T03:04:05.678Z 403 DetectAnomalies implicitDeny arn:aws:iam::123456789012:user/test arn:…:model/myProject/2 655d…: implicit deny: …
//! $ lookoutvision-emulator requests verify expected.json
//! two detections: expected exactly 2, found 1
//!   nearest: 655d…: resource is …model/myProject/2, expected *model/myProject/1
//! $ lookoutvision-emulator requests explain
//! implicit deny: no VPC endpoint policy allows lookoutvision:DetectAnomalies; nearest is statement 0 of …
//! ```

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;
use uuid::Uuid;

mod counts;
mod follow;
pub(super) mod line;

use self::counts::CountsOptions;
use super::{
    EXIT_FAILED, EXIT_OK,
    control_client::ControlClient,
    control_command::{CommonOptions, Failure, read, status},
    format::Format,
    output::print,
};
use crate::{journal::verification::WITHIN_MILLISECONDS_MAX, workbench::edits::edit_lines};

/// Options of `requests`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RequestsOptions {
    #[command(subcommand)]
    command: Option<RequestsCommand>,
    #[command(flatten)]
    common: CommonOptions,
    /// Keep printing requests as they arrive, until interrupted
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_FOLLOW")]
    follow: bool,
    /// Filters and pages as `GET /requests` takes them, such as operation=DetectAnomalies or order=newest
    #[arg(value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum RequestsCommand {
    /// Tell whether the calls that a test expects were made; exit 0, or 1 with what comes nearest
    Verify(VerifyOptions),
    /// Tell how many requests there were of each operation, principal, status, rule or fault, whatever the journal still has
    Counts(CountsOptions),
    /// Tell why a request was denied, and which changes of the policies would let it through
    Explain(ExplainOptions),
}

/// Options of `requests explain`
#[derive(Debug, Args)]
struct ExplainOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// What `x-amzn-RequestId` of the answer says [default: the request that policies denied last]
    #[arg(value_name = "ID")]
    request_id: Option<Uuid>,
}

/// Options of `requests verify`
#[derive(Debug, Args)]
struct VerifyOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// The expected calls in JSON, as `POST /requests/verify` takes them; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A filter or a page, as `GET /requests` takes them
pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("a filter has the form NAME=VALUE, such as operation=DetectAnomalies".to_owned()),
    }
}

pub(super) fn run(options: &RequestsOptions) -> u8 {
    let done = match &options.command {
        None => list(options),
        Some(RequestsCommand::Verify(options)) => verify(options),
        Some(RequestsCommand::Counts(options)) => counts::run(options),
        Some(RequestsCommand::Explain(options)) => explain(options),
    };
    status(done)
}

fn list(options: &RequestsOptions) -> Result<u8, Failure> {
    let control = options.common.control.client()?;
    if !options.follow {
        let (printed, last) = entries(&control, &options.parameters, options.common.format.format)?;
        print(&printed)?;
        if last.is_none() {
            warn_of_fault(&control, &options.parameters)?;
        }
        return Ok(EXIT_OK);
    }
    if let Some((name, _)) = options
        .parameters
        .iter()
        .find(|(name, _)| PAGE_PARAMETERS.contains(&&**name))
    {
        let text = format!("`{name}` cannot be followed: entries are printed as they come, oldest first");
        return Err(Failure::Mistake(text));
    }
    follow::follow(&control, &options.parameters, options.common.format.format)
}

/// Warns of a filter that names a fault that does not exist and that no request has met
fn warn_of_fault(control: &ControlClient, parameters: &[(String, String)]) -> Result<(), Failure> {
    let Some((_, asked)) = parameters.iter().find(|(name, _)| name == "fault") else {
        return Ok(());
    };
    let read = |target: &str| -> Result<Value, Failure> {
        serde_json::from_slice(&control.get(target)?)
            .map_err(|error| Failure::Unknown(format!("`{target}` answered something else: {error}")))
    };
    let (present, counts) = (read("/faults")?, read("/requests/counts?by=fault")?);
    let of = |list: &Value, member: &str| -> Vec<String> {
        let elements = list.as_array().into_iter().flatten();
        let names = elements.filter_map(|element| element[member].as_str());
        names.map(str::to_owned).collect()
    };
    let known = [of(&present, "name"), of(&counts["counts"], "fault")].concat();
    if known.contains(asked) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = client_text::spelling::meant(asked, &known);
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    let warning = format!("there is no fault `{asked}`, and no request has met one of this name{meant}");
    report!("{}", client_text::escape(&warning));
    Ok(())
}

/// The text of the entries that are asked for, and the request id of the last of them
fn entries(
    control: &ControlClient,
    parameters: &[(String, String)],
    format: Format,
) -> Result<(Vec<u8>, Option<String>), Failure> {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let answer = control.send(Method::GET, &format!("/requests?{query}"), Bytes::new())?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer));
    }
    let entries: Vec<Value> = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("{} answered no list: {error}", control.url())))?;
    let printed: String = match format {
        Format::Text => {
            let columns = line::columns_of_terminal();
            entries.iter().map(|entry| line::line(entry, columns)).collect()
        }
        Format::Json => entries
            .iter()
            .map(|entry| client_text::escape_json(entry.to_string()) + "\n")
            .collect(),
    };
    let last = entries.last().and_then(|entry| entry["request_id"].as_str());
    Ok((printed.into_bytes(), last.map(str::to_owned)))
}

fn verify(options: &VerifyOptions) -> Result<u8, Failure> {
    let expected = read(&options.file)?;
    let control = options.common.control.client()?;
    let longest = Duration::from_millis(WITHIN_MILLISECONDS_MAX);
    let answer = control.send_within(longest, Method::POST, "/requests/verify", expected.into())?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer).in_file(&options.file));
    }
    let report: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("{} answered no report: {error}", control.url())))?;
    match options.common.format.format {
        Format::Json => print(&answer.body)?,
        Format::Text => print(report["text"].as_str().unwrap_or_default().as_bytes())?,
    };
    match report["satisfied"].as_bool() {
        Some(true) => Ok(EXIT_OK),
        _ => Ok(EXIT_FAILED),
    }
}

fn explain(options: &ExplainOptions) -> Result<u8, Failure> {
    let control = options.common.control.client()?;
    let request_id = match options.request_id {
        Some(request_id) => request_id,
        None => denied_last(&control)?,
    };
    let target = format!("/requests/{request_id}/edits");
    let answer = control.send(Method::GET, &target, Bytes::new())?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer));
    }
    let edits: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("{} answered no edits: {error}", control.url())))?;
    match options.common.format.format {
        Format::Json => print(&answer.body)?,
        Format::Text => print(edit_lines(&edits).as_bytes())?,
    };
    Ok(EXIT_OK)
}

/// The request that policies denied most recently
///
/// # Errors
/// When the emulator does not answer, or its journal has none.
fn denied_last(control: &ControlClient) -> Result<Uuid, Failure> {
    let implicit = newest(control, "decision=implicitDeny")?;
    // Compared by their places in the journal: the emulator's clock can be put back.
    let after = implicit.map_or(String::new(), |request_id| format!("&after={request_id}"));
    let explicit = newest(control, &format!("decision=explicitDeny{after}"))?;
    explicit
        .or(implicit)
        .ok_or_else(|| Failure::Unknown("the journal has no request that policies denied".to_owned()))
}

/// The newest request that a filter lets through
fn newest(control: &ControlClient, filter: &str) -> Result<Option<Uuid>, Failure> {
    let list = control.get(&format!("/requests?order=newest&limit=1&{filter}"))?;
    let entries: Vec<Value> = serde_json::from_slice(&list)
        .map_err(|error| Failure::Unknown(format!("{} answered no list: {error}", control.url())))?;
    let request_id = entries.first().and_then(|entry| entry["request_id"].as_str());
    Ok(request_id.and_then(|text| text.parse().ok()))
}

/// The parameters that page a list; a list that is followed has no end
const PAGE_PARAMETERS: [&str; 4] = ["after", "before", "limit", "order"];
