//! `policy what-if`: which calls of the journal would be decided differently under a policy that is not attached.
//!
//! ```text
//! $ lookoutvision-emulator policy what-if --vpc-endpoint-id vpce-0a1b2c3d4e5f67890 draft.json
//! 412 calls: 3 would be denied, 0 would be allowed, 409 unchanged
//! now denied,  3 calls: lookoutvision:DetectAnomalies on arn:…:model/myProject/1 by arn:…:user/alice
//!   before: allowed by statement 0 of VPC endpoint policy 0 (`Line`)
//!   after:  implicitDeny; nearest is statement 0 of VPC endpoint policy 0 (`Line`): the resource part …
//! ```

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use aws_identifiers::VpcEndpointId;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::Method;
use iam_policy::{PolicyDocument, PolicyType};
use serde_json::{Map, Value};

use super::{
    policy_file::{PolicyFile, policy_file},
    saved_journal::SavedJournal,
};
use crate::{
    cli::{
        EXIT_FAILED, EXIT_OK,
        control_client::ControlUrlOption,
        control_command::{Failure, status},
        format::{Format, FormatOption},
        output::print,
        progress::working,
        requests::parameter,
    },
    services::vocabulary::{self, Surroundings},
    workbench::what_if::{Draft, DraftFinding, WhatIfReport, lines},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct WhatIfOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Saved journal (JSON lines or a JSON array) to read instead of a running emulator's; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        env = "LOOKOUTVISION_EMULATOR_REQUESTS",
        conflicts_with_all = ["identity_policy", "filter"]
    )]
    requests: Option<PathBuf>,
    /// VPC endpoint that the policy would be attached to
    #[arg(long, value_name = "ID", env = "LOOKOUTVISION_EMULATOR_VPC_ENDPOINT_ID")]
    vpc_endpoint_id: Option<VpcEndpointId>,
    /// Ask about the default policy, which allows everything, instead of a file
    #[arg(
        long,
        env = "LOOKOUTVISION_EMULATOR_DEFAULT_POLICY",
        conflicts_with = "draft",
        requires = "vpc_endpoint_id"
    )]
    default_policy: bool,
    /// Identity policy that a principal or role would have; repeat it for all policies of one ARN
    #[arg(long, value_name = "ARN=FILE", env = "LOOKOUTVISION_EMULATOR_IDENTITY_POLICY")]
    identity_policy: Vec<IdentityPolicy>,
    /// Ask about these calls only: filters and pages as `GET /requests` takes them
    #[arg(
        long,
        value_name = "NAME=VALUE",
        env = "LOOKOUTVISION_EMULATOR_FILTER",
        value_parser = parameter
    )]
    filter: Vec<(String, String)>,
    /// Exit 1 when a call that was allowed would be denied, one that was denied would be allowed, or either
    #[arg(long, value_name = "FLIPS", env = "LOOKOUTVISION_EMULATOR_FAIL_ON")]
    fail_on: Option<FailOn>,
    #[command(flatten)]
    format: FormatOption,
    /// Policy that the endpoint would have; `-` is standard input
    #[arg(value_name = "DRAFT", requires = "vpc_endpoint_id")]
    draft: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A call would be denied
    Denied,
    /// A call would be allowed
    Allowed,
    /// Either
    Any,
}

/// The ARN of a principal or role, and the file of a policy
#[derive(Debug, Clone)]
struct IdentityPolicy {
    arn: String,
    file: PathBuf,
}

pub(super) fn run(options: &WhatIfOptions) -> u8 {
    status(report(options))
}

fn report(options: &WhatIfOptions) -> Result<u8, Failure> {
    let report = working("deciding the calls of the journal again", || {
        match &options.requests {
            Some(file) => saved(options, file),
            None => asked(options),
        }
    })?;
    let printed = match options.format.format {
        Format::Json => client_text::escape_json(report.to_string()) + "\n",
        Format::Text => lines(&report),
    };
    print(printed.as_bytes())?;
    if options.format.format == Format::Text {
        for finding in report["findings"].as_array().into_iter().flatten() {
            report!("{}", client_text::escape(&finding_line(options, finding)));
        }
    }
    let has = |name: &str| report[name].as_u64().is_some_and(|number| number > 0);
    let fails = match options.fail_on {
        None => return Ok(EXIT_OK),
        Some(FailOn::Denied) => has("now_denied"),
        Some(FailOn::Allowed) => has("now_allowed"),
        Some(FailOn::Any) => has("now_denied") || has("now_allowed"),
    };
    // Whoever asks for a verdict must not be told yes when nothing is known.
    let unknown = match () {
        () if fails => return Ok(EXIT_FAILED),
        () if has("undecidable") => {
            "some calls were not kept whole, so nothing can be said of them: raise `limits.journal_entry_bytes_max`"
        }
        () if !has("requests") => {
            "there is no call that the draft has a say in: is it the right endpoint, and were the calls made?"
        }
        () => return Ok(EXIT_OK),
    };
    Err(Failure::Unknown(format!("--fail-on: {unknown}")))
}

/// The answer of a running emulator
fn asked(options: &WhatIfOptions) -> Result<Value, Failure> {
    let mut question = Map::new();
    if let Some(id) = &options.vpc_endpoint_id {
        question.insert("vpc_endpoint_id".to_owned(), id.as_str().into());
    }
    // Documents are sent as they are written, so that places in them are those of the files.
    let mut documents: Vec<(String, String)> = Vec::new();
    if options.default_policy {
        documents.push(("policy_document".to_owned(), "null".to_owned()));
    } else if let Some(file) = &options.draft {
        let text = draft_file(file, PolicyType::VpcEndpoint)?.text;
        documents.push(("policy_document".to_owned(), text));
    }
    let mut identity: Vec<(&str, Vec<String>)> = Vec::new();
    for IdentityPolicy { arn, file } in &options.identity_policy {
        let text = draft_file(file, PolicyType::Identity)?.text;
        match identity.iter_mut().find(|(known, _)| known == arn) {
            Some((_, texts)) => texts.push(text),
            None => identity.push((arn, vec![text])),
        }
    }
    if !identity.is_empty() {
        let members = identity
            .iter()
            .map(|(arn, texts)| format!("{}:[{}]", Value::from(*arn), texts.join(",")));
        let members: Vec<String> = members.collect();
        documents.push((
            "identity_policies".to_owned(),
            format!("{{{}}}", members.join(",")),
        ));
    }
    let filter = options.filter.iter();
    let filter: Map<String, Value> = filter
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    question.insert("filter".to_owned(), filter.into());
    let members = question
        .iter()
        .map(|(name, value)| (name.clone(), value.to_string()));
    let members = members.chain(documents);
    let members: Vec<String> = members
        .map(|(name, text)| format!("{}:{text}", Value::from(name)))
        .collect();
    let body = Bytes::from(format!("{{{}}}", members.join(",")));
    let control = options.control.client()?;
    let answer = control.send(Method::POST, "/what-if", body)?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("{} answered no report: {error}", control.url())))
}

/// The answer from a saved journal
fn saved(options: &WhatIfOptions, file: &Path) -> Result<Value, Failure> {
    let Some(id) = &options.vpc_endpoint_id else {
        return Err(Failure::Mistake(
            "a saved journal can be asked about the policy of an endpoint: give `--vpc-endpoint-id`"
                .to_owned(),
        ));
    };
    let (document, findings) = match &options.draft {
        None if options.default_policy => (PolicyDocument::full_access(), Vec::new()),
        None => {
            let message = "which policy would the endpoint have? Name its file, or give `--default-policy`";
            return Err(Failure::Mistake(message.to_owned()));
        }
        Some(draft) => {
            let PolicyFile { document, text } = draft_file(draft, PolicyType::VpcEndpoint)?;
            let findings =
                vocabulary::lint(&text, PolicyType::VpcEndpoint, Surroundings::Unknown).into_iter();
            let findings = findings.map(|finding| DraftFinding {
                policy: "/policy_document".to_owned(),
                finding,
            });
            (document, findings.collect())
        }
    };
    let journal = SavedJournal::read(file)?;
    let draft = Draft {
        vpc_endpoint: Some((id.clone(), document)),
        ..Draft::default()
    };
    let report = draft.try_on(
        &journal.calls,
        WhatIfReport::of_nothing(0, journal.undecidable, findings),
    );
    Ok(serde_json::to_value(report).expect("a report has string keys"))
}

/// Reads a policy that is not attached yet. It is parsed here as well as by the emulator, because only here its file
/// has a name.
fn draft_file(file: &Path, policy_type: PolicyType) -> Result<PolicyFile, Failure> {
    let name = file.display().to_string();
    policy_file(file, &name, |text| PolicyDocument::parse(text, policy_type))
}

/// `draft.json:4:17: warning: …`
fn finding_line(options: &WhatIfOptions, finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    let file = match (text("policy"), &options.draft) {
        ("/policy_document", Some(file)) => file.display().to_string(),
        (pointer, _) => pointer.to_owned(),
    };
    format!(
        "{file}:{}:{}: {}: {} [{}]",
        finding["line"],
        finding["column"],
        text("severity"),
        text("message"),
        text("code")
    )
}

impl FromStr for IdentityPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A role's or a user's path may have an `=` in it; a file's seldom has.
        match text.rsplit_once('=') {
            Some((arn, file)) if !arn.is_empty() && !file.is_empty() => Ok(Self {
                arn: arn.to_owned(),
                file: file.into(),
            }),
            _ => Err(
                "expected an ARN and a file, as in `arn:aws:iam::123456789012:user/alice=alice.json`"
                    .to_owned(),
            ),
        }
    }
}
