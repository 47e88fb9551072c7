//! `policy draft`: a policy that allows the calls that were allowed, and as little else as the options permit.
//!
//! ```text
//! $ lookoutvision-emulator policy draft > policies/endpoint.json
//! allows all 412 recorded calls that were allowed, denies all 7 that were denied; also allows 0 calls outside of them …
//! ```

use std::path::PathBuf;

use aws_identifiers::VpcEndpointId;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{saved_journal::SavedJournal, scenes::configured};
use crate::{
    cli::{
        ConfigOption, EXIT_OK,
        control_client::{ControlClient, ControlUrlOption},
        control_command::{Failure, status},
        format::{Format, FormatOption},
        output::print,
        progress::working,
    },
    workbench::draft::{
        AttachedTo, DraftCondition, DraftOptions, DraftPrincipals, DraftResources, NoDraft, draft,
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyDraftOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Saved journal (JSON lines or a JSON array) to read instead of a running emulator's; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        env = "LOOKOUTVISION_EMULATOR_REQUESTS",
        conflicts_with = "since"
    )]
    requests: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
    /// What the policy is for
    #[arg(
        long = "type",
        value_name = "TYPE",
        env = "LOOKOUTVISION_EMULATOR_TYPE",
        default_value = "endpoint"
    )]
    draft_type: DraftType,
    /// VPC endpoint that the policy is for [default: the only one that calls came over]
    #[arg(long, value_name = "ID", env = "LOOKOUTVISION_EMULATOR_VPC_ENDPOINT_ID")]
    vpc_endpoint_id: Option<VpcEndpointId>,
    /// Only calls by this principal, or by sessions of this role; an identity policy is for it
    #[arg(long, value_name = "ARN", env = "LOOKOUTVISION_EMULATOR_PRINCIPAL")]
    principal: Option<String>,
    /// How exactly resources are named
    #[arg(
        long,
        value_name = "HOW",
        env = "LOOKOUTVISION_EMULATOR_RESOURCES",
        default_value = "exact"
    )]
    resources: DraftResources,
    /// How exactly principals are named
    #[arg(
        long,
        value_name = "HOW",
        env = "LOOKOUTVISION_EMULATOR_PRINCIPALS",
        default_value = "exact"
    )]
    principals: DraftPrincipals,
    /// Keep an identity policy to where the calls came from
    #[arg(
        long,
        value_name = "KEY",
        env = "LOOKOUTVISION_EMULATOR_CONDITION",
        default_value = "none"
    )]
    condition: DraftCondition,
    /// Only calls since this instant, or after this request id
    #[arg(long, value_name = "WHEN", env = "LOOKOUTVISION_EMULATOR_SINCE")]
    since: Option<String>,
    #[command(flatten)]
    format: FormatOption,
}

/// What a policy is for
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DraftType {
    /// A VPC endpoint
    Endpoint,
    /// A user or role
    Identity,
}

/// The parts of an answer that are read
#[derive(Deserialize)]
struct Answered {
    policy_text: String,
    summary: String,
    generalisations: Vec<String>,
    opens: Vec<Value>,
    left_out: Vec<Value>,
    evicted: u64,
    findings: Vec<Value>,
}

pub(super) fn run(options: &PolicyDraftOptions) -> u8 {
    status(report(options))
}

fn report(options: &PolicyDraftOptions) -> Result<u8, Failure> {
    if options.draft_type == DraftType::Identity && options.principal.is_none() {
        let message = "whose policy? Give the ARN of a principal or a role in `--principal`";
        return Err(Failure::Mistake(message.to_owned()));
    }
    let answer = working("drafting from the calls of the journal", || {
        match &options.requests {
            Some(file) => saved(options, file),
            None => asked(options),
        }
    })?;
    if options.format.format == Format::Json {
        print((answer + "\n").as_bytes())?;
        return Ok(EXIT_OK);
    }
    let answered: Answered = serde_json::from_str(&answer)
        .map_err(|error| Failure::Unknown(format!("the answer is no draft: {error}")))?;
    print(format!("{}\n", answered.policy_text.trim_end()).as_bytes())?;
    report!("{}", answered.summary);
    for opened in &answered.opens {
        report!("was denied and would be allowed: {}", call_line(opened));
    }
    for left_out in &answered.left_out {
        let reason = left_out["reason"].as_str().unwrap_or("-");
        report!(
            "left out: {}: {}",
            call_line(left_out),
            client_text::escape(reason)
        );
    }
    for generalisation in &answered.generalisations {
        report!("so that AWS takes a document of its length: {generalisation}");
    }
    if answered.evicted > 0 {
        report!(
            "note: calls that were evicted from the journal and are not considered: {}",
            answered.evicted
        );
    }
    for finding in &answered.findings {
        let message = finding["message"].as_str().unwrap_or_default();
        report!("policy lint: {}", client_text::escape(message));
    }
    Ok(EXIT_OK)
}

/// `lookoutvision:DetectAnomalies on arn:… by arn:…`
fn call_line(call: &Value) -> String {
    let text = |name: &str| call[name].as_str().unwrap_or("-");
    let line = format!(
        "{} on {} by {}",
        text("action"),
        text("resource"),
        text("principal")
    );
    client_text::escape(&line).into_owned()
}

/// The answer of a running emulator
fn asked(options: &PolicyDraftOptions) -> Result<String, Failure> {
    let control = options.control.client()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("resources", &word(&options.resources));
    query.append_pair("principals", &word(&options.principals));
    query.append_pair("condition", &word(&options.condition));
    for (name, value) in [("principal", &options.principal), ("since", &options.since)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let path = match options.draft_type {
        DraftType::Identity => "/identity-policy/draft".to_owned(),
        DraftType::Endpoint => {
            let id = match &options.vpc_endpoint_id {
                Some(id) => id.to_string(),
                None => only_endpoint(&control)?,
            };
            format!("/vpc-endpoints/{id}/policy/draft")
        }
    };
    let answer = control.send(Method::GET, &format!("{path}?{}", query.finish()), Bytes::new())?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer));
    }
    let text = String::from_utf8_lossy(&answer.body);
    Ok(text.trim_end().to_owned())
}

/// The one endpoint that there is
fn only_endpoint(control: &ControlClient) -> Result<String, Failure> {
    let endpoints: Vec<Value> = serde_json::from_slice(&control.get("/vpc-endpoints")?)
        .map_err(|error| Failure::Unknown(format!("{} answered no list: {error}", control.url())))?;
    let ids = endpoints
        .iter()
        .filter_map(|endpoint| endpoint["vpc_endpoint_id"].as_str());
    let ids: Vec<&str> = ids.collect();
    only(&ids)
}

fn only(ids: &[&str]) -> Result<String, Failure> {
    match ids {
        [only] => Ok((*only).to_owned()),
        [] => Err(Failure::Mistake(
            "there is no VPC endpoint to draft a policy for".to_owned(),
        )),
        several => Err(Failure::Mistake(format!(
            "for which endpoint? Give `--vpc-endpoint-id`: {}",
            client_text::spelling::quoted(several)
        ))),
    }
}

/// The answer from a saved journal, and from a configuration for what is around it
fn saved(options: &PolicyDraftOptions, file: &std::path::Path) -> Result<String, Failure> {
    let journal = SavedJournal::read(file)?;
    let attached_to = match (options.draft_type, &options.vpc_endpoint_id) {
        (DraftType::Identity, _) => AttachedTo::Principal,
        (DraftType::Endpoint, Some(id)) => AttachedTo::VpcEndpoint(id.clone()),
        (DraftType::Endpoint, None) => {
            let calls = journal.calls.iter();
            let mut ids: Vec<&str> = calls
                .filter_map(|call| Some(call.vpc_endpoint_id()?.as_str()))
                .collect();
            ids.sort_unstable();
            ids.dedup();
            let only = only(&ids)?;
            AttachedTo::VpcEndpoint(
                only.parse()
                    .map_err(|error| Failure::Mistake(format!("{error}")))?,
            )
        }
    };
    let draft_options = DraftOptions {
        attached_to,
        principal: options.principal.clone(),
        resources: options.resources,
        principals: options.principals,
        condition: options.condition,
    };
    let scene = configured(&options.config)?;
    let drafted = draft(&draft_options, &journal.calls, &scene, 0, journal.undecidable);
    let report = drafted.map_err(|error| match error {
        NoDraft::ConditionWithoutEffect => Failure::Mistake(error.to_string()),
        NoDraft::NothingAllowed { .. }
        | NoDraft::NothingLeft { .. }
        | NoDraft::NothingNameable { .. }
        | NoDraft::TooLong(_) => Failure::Unknown(error.to_string()),
    })?;
    Ok(serde_json::to_string(&report).expect("a report has string keys"))
}

/// The word of an option, as it is written
fn word(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
