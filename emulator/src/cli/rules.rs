//! `rules`: what a model of a running emulator answers, from the next call on.
//!
//! ```text
//! $ lookoutvision-emulator rules add myProject 1 busy.yaml
//! r-1
//! $ lookoutvision-emulator rules list myProject 1
//! r-1 (control): {"when":{"call":{"to":1}},"then":{"error":"ThrottlingException"}}
//! ```

use std::path::{Path, PathBuf};

use aws_identifiers::{ModelVersion, ProjectName, Region};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::{
    EXIT_OK,
    control_client::Answer,
    control_command::{CommonOptions, Failure, percent_encoded, read, send, status},
    format::Format,
    output::print,
};
use crate::config::yaml::{self, Node, Position};

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Print the rules of a model in the order of evaluation, without those of its project
    List(ListOptions),
    /// Replace all rules of a model, including those of the configuration
    Put(FileOptions),
    /// Put one rule in front of all others of a model
    Add(FileOptions),
    /// Take away rules that were put
    Remove(RemoveOptions),
    /// Go back to the rules of the configuration
    Reset(ResetOptions),
}

/// The model that the rules are of
#[derive(Debug, Args)]
struct ModelOptions {
    /// The one Region that they are for [default: every Region]
    #[arg(long, value_name = "REGION", env = "LOOKOUTVISION_EMULATOR_REGION")]
    region: Option<Region>,
    /// Name of the project
    #[arg(value_name = "PROJECT")]
    project: ProjectName,
    /// Version of the model
    #[arg(value_name = "MODEL")]
    version: ModelVersion,
}

/// Options of `rules list`
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    model: ModelOptions,
}

/// Options of `rules put` and `rules add`
#[derive(Debug, Args)]
pub(super) struct FileOptions {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    model: ModelOptions,
    /// Rules in YAML or JSON, as `detect_anomalies:` of the configuration has them; a list to put, one to add; `-` for
    /// standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Options of `rules remove`
#[derive(Debug, Args)]
pub(super) struct RemoveOptions {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    model: ModelOptions,
    /// Ids of the rules, such as r-1
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

/// Options of `rules reset`
#[derive(Debug, Args)]
pub(super) struct ResetOptions {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    model: ModelOptions,
}

pub(super) fn run(command: &RulesCommand) -> u8 {
    status(match command {
        RulesCommand::List(options) => list(options),
        RulesCommand::Put(options) => change(options, Method::PUT),
        RulesCommand::Add(options) => change(options, Method::POST),
        RulesCommand::Remove(options) => remove(options),
        RulesCommand::Reset(ResetOptions { common, model }) => {
            send(common, Method::DELETE, &model.target(""), Bytes::new()).map(|_| EXIT_OK)
        }
    })
}

impl ModelOptions {
    /// The route of the rules, or of one of them
    fn target(&self, id: &str) -> String {
        let (project, version) = (self.project.as_str(), self.version.as_str());
        let region = self.region.as_ref().map(|region| format!("?region={region}"));
        format!(
            "/projects/{project}/models/{version}/detect-anomalies{id}{}",
            region.unwrap_or_default()
        )
    }
}

fn list(ListOptions { common, model }: &ListOptions) -> Result<u8, Failure> {
    let answer = send(common, Method::GET, &model.target(""), Bytes::new())?;
    let rules: Vec<Value> = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("the emulator answered no list of rules: {error}")))?;
    let printed = match common.format.format {
        Format::Json => print(&answer.body),
        Format::Text if rules.is_empty() => {
            print(b"no rules of its own: those of the project answer, or a normal result\n")
        }
        Format::Text => print(rules.into_iter().map(line).collect::<String>().as_bytes()),
    };
    printed?;
    Ok(EXIT_OK)
}

/// One rule in one line
fn line(mut rule: Value) -> String {
    let mut taken = |member: &str| {
        let value = rule.as_object_mut().and_then(|members| members.remove(member));
        let text = value.as_ref().and_then(Value::as_str);
        text.unwrap_or("-").to_owned()
    };
    let (id, source) = (taken("id"), taken("source"));
    let written = client_text::escape_json(rule.to_string());
    format!("{} ({source}): {written}\n", client_text::escape(&id))
}

/// Puts the rules of a file, and prints their ids
fn change(options: &FileOptions, method: Method) -> Result<u8, Failure> {
    let FileOptions { common, model, file } = options;
    let tree = tree(file)?;
    let body = Bytes::from(tree.json_at("").to_string());
    let answer = common.control.client()?.send(method, &model.target(""), body)?;
    if !answer.status.is_success() {
        return Err(mistakes_in(file, &tree, &answer).unwrap_or_else(|| Failure::of(&answer)));
    }
    let put: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    for warning in put["warnings"].as_array().into_iter().flatten() {
        report!("{}", told(file, &tree, "warning: ", warning));
    }
    let ids = match &put["ids"] {
        Value::Array(ids) => ids.clone(),
        _ => vec![put["id"].clone()],
    };
    let printed = match common.format.format {
        Format::Json => print(&answer.body),
        Format::Text => {
            let ids = ids.iter().filter_map(Value::as_str);
            print(ids.map(|id| format!("{id}\n")).collect::<String>().as_bytes())
        }
    };
    printed?;
    Ok(EXIT_OK)
}

fn tree(file: &Path) -> Result<Node, Failure> {
    let bytes = read(file)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Failure::Mistake(format!("{}: not UTF-8: {error}", file.display())))?;
    yaml::parse(&text, yaml::NODES_MAX).map_err(|error| {
        let place = error
            .position
            .map(|position| format!("{}:{}:", position.line, position.column));
        let (file, place) = (file.display(), place.unwrap_or_default());
        Failure::Mistake(format!("{file}:{place} {}", client_text::escape(&error.message)))
    })
}

/// Everything that is wrong with a file, in the form in which `check` tells it
fn mistakes_in(file: &Path, tree: &Node, answer: &Answer) -> Option<Failure> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let mut mistakes = body["error"]["mistakes"].as_array()?.clone();
    mistakes.sort_by_key(|mistake| {
        let Position { line, column } = tree.position_at(path_of(mistake));
        (line, column)
    });
    let lines = mistakes.iter().map(|mistake| told(file, tree, "", mistake));
    Some(Failure::Mistake(lines.collect::<Vec<_>>().join("\n")))
}

fn path_of(mistake: &Value) -> &str {
    mistake["path"].as_str().unwrap_or_default()
}

fn told(file: &Path, tree: &Node, what: &str, mistake: &Value) -> String {
    let path = path_of(mistake);
    let message = mistake["message"].as_str().unwrap_or_default();
    let Position { line, column } = tree.position_at(path);
    let path = match path {
        "" => String::new(),
        path => format!("{path}: "),
    };
    let said = format!("{what}{path}{message}");
    format!(
        "{}:{line}:{column}: {}",
        file.display(),
        client_text::escape(&said)
    )
}

fn remove(options: &RemoveOptions) -> Result<u8, Failure> {
    for id in &options.ids {
        let target = options.model.target(&format!("/{}", percent_encoded(id)));
        send(&options.common, Method::DELETE, &target, Bytes::new())?;
    }
    Ok(EXIT_OK)
}
