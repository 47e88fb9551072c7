//! The whole state as one document: what `GET /state` answers, what `PUT /state` takes, what a test keeps in a file.
//!
//! ```json
//! {"format": 1, "projects": […], "datasets": […], "models": […], "vpc_endpoints": […], "role_sessions": […], "clock": {…}}
//! ```
//!
//! It holds what calls have made and changed, and nothing of the configuration. A document is put in force as a whole, or
//! not at all when anything of it is not understood or has no place in the configuration. Secrets are in it only where
//! somebody asks for them: a session without them is good again in the emulator that still knows them, and is left out
//! everywhere else.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{AccountId, ModelVersion, ProjectName, Region};
use client_text::{
    escape_indented_json,
    json::{Object, escape_pointer, pointer, with_meant_member},
};
use jiff::Timestamp;
use lookoutvision::{
    canned::RuleRef,
    model::model_arn,
    scenarios::{CHARACTERS_MAX, Scenarios, States, is_text},
    store::{
        Declared, State,
        document::{DatasetDocument, Documents, Misfit, ModelDocument, ProjectDocument},
        idempotency::Tokens,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::{
    client_tokens::ClientTokenDocument, clock::ClockDocument, endpoints::EndpointDocument,
    policy_text::PolicyText, role_sessions::SessionDocument, rules::RulesDocument,
};
use crate::{
    clock::{Clock, ClockState},
    identity::sessions::Sessions,
    journal::events::ChangeKind,
    network::changes::EndpointChanges,
    runtime::{
        Readers, Snapshot, Space,
        acknowledged::{record_of_rules, record_of_scenario, record_of_session, records_of_endpoints},
        faults::{FaultSet, KeptFault},
        generation::Generation,
        records::ServiceChange,
        rules::RuleChanges,
    },
    storage::{RecordChange, StorageError},
};

mod client_tokens;
mod clock;
mod endpoints;
mod policy_text;
mod role_sessions;
mod rules;

/// The whole state; not `Debug`, because there may be secrets in it
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateDocument {
    format: u64,
    /// The account that owns everything; absent: the configuration's
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
    /// When what the configuration declares came to be; absent: when the process was started
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(default)]
    projects: Vec<ProjectDocument>,
    #[serde(default)]
    datasets: Vec<DatasetDocument>,
    #[serde(default)]
    models: Vec<ModelDocument>,
    #[serde(default)]
    client_tokens: Vec<ClientTokenDocument>,
    #[serde(default)]
    vpc_endpoints: Vec<EndpointDocument>,
    #[serde(default)]
    role_sessions: Vec<SessionDocument>,
    #[serde(default)]
    rules: Vec<RulesDocument>,
    /// The states of scenarios, by name
    #[serde(default)]
    scenarios: BTreeMap<Arc<str>, Arc<str>>,
    /// How often each model was called, by ARN
    #[serde(default)]
    counters: BTreeMap<String, u64>,
    /// How often each rule that draws something answered, by ARN and rule
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    draws: BTreeMap<String, u64>,
    /// The faults of the control API; absent: they stay as they are
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<Vec<KeptFault>>,
    /// The names of the configuration's faults that the control API has taken away; absent: they stay as they are
    #[serde(skip_serializing_if = "Option::is_none")]
    faults_away: Option<Vec<Arc<str>>>,
    /// Absent: the clock stays as it is
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<ClockDocument>,
}

/// A part of a state that was left out; everything else is in force
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeftOut {
    /// JSON Pointer of it
    #[schema(example = "/role_sessions/0")]
    pub path: String,
    /// Why
    pub reason: String,
}

/// A state was not put in force; everything is as it was
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPut {
    #[error("{}", told(.0))]
    Misfit(#[from] Misfit),
    #[error("the state file was not written: {0}")]
    NotWritten(#[from] StorageError),
}

/// Whether a document has the secrets of role sessions in it
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Included,
    LeftOut,
}

/// What is said of a state that is too large to be put back where it comes from
pub(crate) fn not_importable(bytes: usize, bytes_max: usize) -> String {
    format!(
        "the state has {bytes} bytes, and with limits.state_bytes_max at {bytes_max} it cannot be put again; raise the limit"
    )
}

/// The version of the document
const FORMAT: u64 = 1;

/// The members that hold secrets
const SECRETS: [&str; 2] = ["/secret_access_key", "/session_token"];

/// What is read of a document before anything else
#[derive(Deserialize)]
struct Head {
    format: Option<u64>,
}

/// A state that is ready to be put in force
struct Ready {
    state: State,
    tokens: Tokens,
    endpoints: EndpointChanges,
    sessions: Sessions,
    rules: RuleChanges,
    scenarios: States,
    started_at: Option<Timestamp>,
    counters: BTreeMap<String, u64>,
    draws: BTreeMap<String, u64>,
    /// `None`: they stay as they are
    faults: Option<FaultSet>,
    clock: Option<ClockState>,
    left_out: Vec<LeftOut>,
}

impl StateDocument {
    /// Reads a document
    ///
    /// # Errors
    /// With the first mistake.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Misfit> {
        // A document of another version has other members, and the error would only name the first unknown one.
        if let Ok(Head { format: Some(format) }) = serde_json::from_slice(json)
            && format != FORMAT
        {
            let message =
                format!("this is a state of format {format}, and this emulator reads format {FORMAT}");
            return Err(Misfit::at("/format", message));
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let read = serde_path_to_error::deserialize::<_, Object<Self>>(&mut reader);
        let Object(document) = read.map_err(|error| {
            let path = pointer(error.path());
            // What serde says of a wrong value repeats the value, and this one is a secret.
            let message = match SECRETS.iter().any(|name| path.ends_with(name)) {
                true => "expected a text".to_owned(),
                false => with_meant_member(error.inner().to_string()),
            };
            Misfit::at(path, message)
        })?;
        reader.end().map_err(|error| Misfit::at("", error.to_string()))?;
        Ok(document)
    }

    /// The document as text, with line breaks, so that versions of it can be compared
    pub(crate) fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        let text = text.expect("structs of texts, numbers and checked JSON are JSON");
        escape_indented_json(text) + "\n"
    }

    /// Checks all of it against a configuration
    fn ready(self, snapshot: &Snapshot, readers: &Readers) -> Result<Ready, Misfit> {
        let settings = &snapshot.settings;
        if let Some(account_id) = &self.account_id
            && *account_id != settings.account_id
        {
            let own = &settings.account_id;
            let message =
                format!("this is a state of account {account_id}, and the configuration's account is {own}");
            return Err(Misfit::at("/account_id", message));
        }
        let documents = Documents {
            projects: self.projects,
            datasets: self.datasets,
            models: self.models,
        };
        let state = documents.into_state(&snapshot.declared)?;
        let (sessions, left_out) = role_sessions::read(self.role_sessions, snapshot)?;
        let counted_max = settings.limits.counted_models_max;
        check_counts("/counters", &self.counters, counted_max, |arn| {
            own_model(arn, &settings.account_id)
        })?;
        check_counts("/draws", &self.draws, counted_max, |key| {
            rule_of_own_model(key, &settings.account_id)
        })?;
        if let Some(started_at) = self.started_at {
            Misfit::check_date("/started_at", started_at)?;
        }
        check_scenarios(&self.scenarios, settings.limits.scenarios_max)?;
        Ok(Ready {
            state,
            tokens: client_tokens::read(self.client_tokens, settings)?,
            endpoints: endpoints::read(self.vpc_endpoints, settings)?,
            sessions,
            rules: rules::read(self.rules, settings, &readers.rules, &snapshot.rules)?,
            scenarios: self.scenarios,
            started_at: self.started_at,
            counters: self.counters,
            draws: self.draws,
            faults: faults(self.faults, self.faults_away.as_deref(), snapshot, readers)?,
            clock: self.clock.map(ClockDocument::read).transpose()?,
            left_out,
        })
    }
}

/// The faults of a state; `None`: it has none, and they stay as they are
fn faults(
    kept: Option<Vec<KeptFault>>,
    away: Option<&[Arc<str>]>,
    snapshot: &Snapshot,
    readers: &Readers,
) -> Result<Option<FaultSet>, Misfit> {
    if kept.is_none() && away.is_none() {
        return Ok(None);
    }
    let faults_max = snapshot.settings.limits.faults_max;
    let faults = match away {
        Some(away) => snapshot.faults.with_away(away),
        None => (*snapshot.faults).clone(),
    };
    let kept = kept.unwrap_or_else(|| faults.kept());
    let faults = faults.with_kept(kept, faults_max, &readers.faults).map(Some);
    faults.map_err(|mistake| Misfit::at(format!("/faults{}", mistake.path), mistake.message))
}

fn told(misfit: &Misfit) -> String {
    match &*misfit.path {
        "" => misfit.message.clone(),
        path => format!("{path}: {}", misfit.message),
    }
}

fn check_counts(
    path: &str,
    counts: &BTreeMap<String, u64>,
    counted_max: usize,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), Misfit> {
    if counts.len() > counted_max {
        let message = format!(
            "{} are more than limits.counted_models_max ({counted_max})",
            counts.len()
        );
        return Err(Misfit::at(path, message));
    }
    counts.keys().try_for_each(|key| {
        check(key).map_err(|message| Misfit::at(format!("{path}/{}", escape_pointer(key)), message))
    })
}

/// Refuses what is not the ARN of a model of this account
fn own_model(arn: &str, account_id: &AccountId) -> Result<(), String> {
    let model = || {
        let mut parts = arn.splitn(6, ':').skip(3);
        let region: Region = parts.next()?.parse().ok()?;
        let account_id: AccountId = parts.next()?.parse().ok()?;
        let (project, version) = parts.next()?.strip_prefix("model/")?.split_once('/')?;
        let (project, version) = (project.parse().ok()?, version.parse().ok()?);
        Some((region, account_id, project, version))
    };
    let found: Option<(Region, AccountId, ProjectName, ModelVersion)> = model();
    let found = found.filter(|(region, account_id, project, version)| {
        model_arn(account_id, region, project.as_str(), version.as_str()) == arn
    });
    match found {
        None => Err(format!("`{arn}` is not the ARN of a model")),
        Some((_, found, ..)) if found != *account_id => Err(format!(
            "this is a model of account {found}, and the configuration's account is {account_id}"
        )),
        Some(_) => Ok(()),
    }
}

/// Refuses what is not the ARN of a model of this account and a rule of it
fn rule_of_own_model(key: &str, account_id: &AccountId) -> Result<(), String> {
    let (arn, rule) = key
        .split_once(' ')
        .ok_or_else(|| format!("`{key}` is not the ARN of a model and a rule"))?;
    own_model(arn, account_id)?;
    rule.parse::<RuleRef>()
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn check_scenarios(scenarios: &States, scenarios_max: usize) -> Result<(), Misfit> {
    if scenarios.len() > scenarios_max {
        let message = format!(
            "{} are more than limits.scenarios_max ({scenarios_max})",
            scenarios.len()
        );
        return Err(Misfit::at("/scenarios", message));
    }
    let texts = scenarios
        .iter()
        .find(|(name, state)| !is_text(name) || !is_text(state));
    match texts {
        None => Ok(()),
        Some((name, _)) => Err(Misfit::at(
            format!("/scenarios/{}", escape_pointer(name)),
            format!("a scenario's name and its state have 1 to {CHARACTERS_MAX} characters"),
        )),
    }
}

impl Space {
    /// The whole state
    pub(crate) fn state_document(&self, secrets: Secrets) -> StateDocument {
        // Held, so that nothing is made between what is read here and there.
        let made = self.made();
        let snapshot = self.snapshot();
        let account_id = &snapshot.settings.account_id;
        let generation = &snapshot.generation;
        let (documents, client_tokens) = self.service.state_and_tokens(generation, |state, tokens| {
            (
                Documents::of(state, account_id),
                client_tokens::documents(tokens, account_id),
            )
        });
        StateDocument {
            format: FORMAT,
            account_id: Some(account_id.clone()),
            started_at: Some(self.started_at(&made)),
            projects: documents.projects,
            datasets: documents.datasets,
            models: documents.models,
            client_tokens,
            vpc_endpoints: endpoints::documents(made.endpoints(), &snapshot.settings.networks),
            role_sessions: role_sessions::documents(made.sessions(), secrets),
            rules: rules::documents(made.rules()),
            scenarios: generation.scenarios.lock().clone(),
            counters: generation.calls.all(),
            draws: generation.draws.all(),
            faults: Some(snapshot.faults.kept()),
            faults_away: Some(snapshot.faults.names_away()),
            clock: Some(generation.clock.state().into()),
        }
    }

    /// Puts a whole state in the place of the present one, from the next request on; says what had to be left out of it
    ///
    /// # Errors
    /// When any part of it has no place in the configuration, or the state file cannot be written; nothing is changed
    /// then.
    pub(crate) fn put_state(&self, document: StateDocument) -> Result<Vec<LeftOut>, NotPut> {
        let mut made = self.made();
        let snapshot = self.snapshot();
        let Ready {
            state,
            tokens,
            mut endpoints,
            sessions,
            rules,
            scenarios,
            started_at,
            counters,
            draws,
            faults,
            clock,
            left_out,
        } = document.ready(&snapshot, &self.readers)?;
        let mut records = records_of_endpoints(&endpoints.take_touched());
        records.extend(sessions.requests().map(|request| record_of_session(&request)));
        records.extend(tokens.iter().map(|(key, call)| client_tokens::record(key, call)));
        records.extend(rules.iter().map(|(model, put)| record_of_rules(model, put)));
        records.extend(
            scenarios
                .iter()
                .map(|(name, state)| record_of_scenario(name, state)),
        );
        records.extend(records_of(&state, &snapshot.declared));
        let before = &snapshot.generation;
        let clock = match clock {
            None => before.clock.clone(),
            Some(state) => {
                let next = Clock::clone(&before.clock);
                next.set(state).expect("it was checked");
                Arc::new(next)
            }
        };
        let scenarios = Scenarios::of(scenarios);
        let next = Generation::new(state, scenarios, clock, &snapshot.settings.limits);
        next.calls.replace(&counters);
        next.draws.replace(&draws);
        let faults = faults.map_or_else(|| snapshot.faults.clone(), Arc::new);
        // Held, so that no call moves a scenario on between the clearing of the file and what takes its place.
        let _scenarios = before.scenarios.lock();
        self.service.replace(before, tokens, &|| records.clone(), || {
            // What these tasks were begun for is gone; those that begin from here on are for what takes its place.
            self.s3_tasks.give_up();
            made.replace(endpoints, sessions, rules, started_at);
            self.renew_snapshot(snapshot.settings.clone(), Arc::new(next), &made, &faults);
        })?;
        self.note_change(ChangeKind::State);
        Ok(left_out)
    }
}

/// The records of a service's state
fn records_of(state: &State, declared: &Declared) -> Vec<RecordChange> {
    let overlays = state.overlays();
    overlays
        .flat_map(|(account_id, region, projects)| {
            let change = ServiceChange {
                account_id,
                region,
                before: &BTreeMap::new(),
                projects,
                declared,
                token: None,
                forgotten: &[],
            };
            change.records()
        })
        .collect()
}
