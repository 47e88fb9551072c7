//! Plays a corpus with one client: prepare the emulator, make the call, ask the journal, judge.

use std::fmt;

use serde_json::Value;

use crate::client::{Client, ReadyClient};
use crate::control::ControlError;
use crate::corpus::{Before, Corpus, Inputs, Scenario};
use crate::journal::Entry;
use crate::judge;
use crate::outcome::Outcome;
use crate::stage::Stage;

/// The outcome of one scenario with one client
enum Verdict {
    /// All was as expected
    Passed,
    /// This client cannot play the scenario on this stage
    NotHere(&'static str),
    /// Something was not as expected, or the scenario could not be played
    Failed(Box<Failure>),
}

/// The outcome of a corpus with one client
#[derive(Default)]
pub struct Report {
    /// Scenarios in which all was as expected
    pub passed: usize,
    /// Scenarios in which something was not
    pub failed: usize,
    /// Scenarios that were not played
    pub skipped: usize,
    lines: String,
}

/// All that helps to find the cause
struct Failure {
    complaints: Vec<String>,
    outcome: Option<Outcome>,
    journal: Vec<Value>,
}

/// Plays every scenario whose name contains `only` with one client
pub async fn play_corpus(stage: &Stage, corpus: &Corpus, client: &ReadyClient, only: Option<&str>) -> Report {
    let mut report = Report::default();
    for scenario in corpus.scenarios() {
        if only.is_some_and(|only| !scenario.name.contains(only)) {
            continue;
        }
        let verdict = play(stage, corpus, scenario, client).await;
        report.record(client.client, &scenario.name, &verdict);
    }
    report
}

async fn play(stage: &Stage, corpus: &Corpus, scenario: &Scenario, client: &ReadyClient) -> Verdict {
    match try_play(stage, corpus, scenario, client).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Failed(Box::new(Failure {
            complaints: vec![error.to_string()],
            outcome: None,
            journal: Vec::new(),
        })),
    }
}

async fn try_play(
    stage: &Stage,
    corpus: &Corpus,
    scenario: &Scenario,
    client: &ReadyClient,
) -> Result<Verdict, Box<dyn std::error::Error>> {
    let inputs: Inputs = corpus.inputs(scenario)?;
    let route = match stage.route(client.client, &inputs) {
        Ok(route) => route,
        Err(reason) => return Ok(Verdict::NotHere(reason)),
    };
    prepare(stage, corpus, &scenario.before).await?;
    let called = client.call(&inputs, &route).await;
    // A reset may leave the clock alone, and the next scenario must not inherit it.
    stage.control().set_clock_offset(0).await?;
    let journal = stage.control().requests().await?;
    let outcome = called.map_err(|error| format!("{error}\njournal: {journal:#?}"))?;

    let entries: Vec<Entry> = serde_json::from_value(Value::Array(journal.clone()))?;
    let complaints = judge::complaints(scenario.expectation(client.client), &inputs, &outcome, &entries);
    Ok(if complaints.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed(Box::new(Failure {
            complaints,
            outcome: Some(outcome),
            journal,
        }))
    })
}

async fn prepare(stage: &Stage, corpus: &Corpus, before: &Before) -> Result<(), Box<dyn std::error::Error>> {
    let control = stage.control();
    control.reset().await?;
    control.set_clock_offset(before.clock_offset_seconds).await?;
    if let Some(policy) = &before.endpoint_policy {
        let text = std::fs::read_to_string(corpus.path(policy))?;
        let attached: Result<(), ControlError> = control
            .attach_policy(&corpus.vpc_endpoint_id, serde_json::from_str(&text)?)
            .await;
        attached?;
    }
    Ok(())
}

impl Report {
    /// The report of a client that is not available here
    pub fn skipped(client: Client, scenarios: usize, reason: &str) -> Self {
        let lines = format!("SKIPPED {client}: all {scenarios} scenarios, because {reason}\n");
        Self {
            skipped: scenarios,
            lines,
            ..Self::default()
        }
    }

    /// Whether something was played and all of it was as expected
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// Adds another client's counts
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn record(&mut self, client: Client, scenario: &str, verdict: &Verdict) {
        let line = match verdict {
            Verdict::Passed => {
                self.passed += 1;
                format!("passed  {client}: {scenario}\n")
            }
            Verdict::NotHere(reason) => {
                self.skipped += 1;
                format!("skipped {client}: {scenario}, because {reason}\n")
            }
            Verdict::Failed(failure) => {
                self.failed += 1;
                format!("FAILED  {client}: {scenario}\n{failure}")
            }
        };
        self.lines.push_str(&line);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            writeln!(f, "  - {complaint}")?;
        }
        if let Some(outcome) = &self.outcome {
            writeln!(f, "  the client reports {outcome:?}")?;
        }
        for entry in &self.journal {
            writeln!(f, "  journal: {entry:#}")?;
        }
        Ok(())
    }
}
