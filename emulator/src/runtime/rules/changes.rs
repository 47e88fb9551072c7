//! Changing the rules of a model and the states of scenarios, from the next request on.

use std::{collections::BTreeMap, sync::Arc};

use client_text::spelling;
use lookoutvision::{
    canned::{CannedRule, RuleRef},
    declared::{DeclaredProject, find_model},
    scenarios::{self, TooManyScenarios},
};
use serde_json::Value;

use super::{ModelName, RuleChanges, RuleId, RuleMistake};
use crate::{
    journal::events::ChangeKind,
    runtime::{Snapshot, Space, acknowledged::record_of_scenario},
    storage::{RecordChange, StorageError, Table},
};

/// Rules, or the state of a scenario, were not changed; everything is as it was
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotChanged {
    /// The rules are not what the configuration could have; at least one mistake
    #[error("{}", first(.0).message)]
    Mistakes(Vec<RuleMistake>),
    /// There is no such project, rule or scenario
    #[error("{0}")]
    Unknown(String),
    /// There would be too many
    #[error("{0}")]
    TooMany(String),
    #[error("the state file was not written: {0}")]
    NotWritten(#[from] StorageError),
}

/// What became of rules that were put
#[derive(Debug)]
pub(crate) struct PutIn {
    /// The id of the one rule that was added; `None` where a list was put
    pub(crate) id: Option<RuleId>,
    /// Warnings about them
    pub(crate) warnings: Vec<RuleMistake>,
}

/// A rule of a model, wherever it comes from
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) rule_ref: RuleRef,
    /// As it was written
    pub(crate) written: Arc<Value>,
}

impl Space {
    /// The rules of a model in the order of evaluation, without those of its project
    ///
    /// # Errors
    /// When there is no such project.
    pub(crate) fn rules_of(&self, model: &ModelName) -> Result<Vec<Shown>, NotChanged> {
        let snapshot = self.snapshot();
        self.check_project(model, &snapshot)?;
        let put = match &model.region {
            Some(region) => {
                let (project, version) = (model.project.as_str(), model.version.as_str());
                snapshot.rules.of(region, project, version)
            }
            None => snapshot.rules.get(model),
        };
        let shown = |rule_ref, rule: &CannedRule| Shown {
            rule_ref,
            written: rule.written.clone(),
        };
        let put_rules = put.into_iter().flat_map(|put| &put.rules);
        let mut rules: Vec<_> = put_rules
            .map(|put| shown(RuleRef::Put(put.id), &put.rule))
            .collect();
        if !put.is_some_and(|put| put.replaces_declared) {
            let declared = declaration(model, &snapshot);
            let declared = declared.and_then(|project| find_model(project, model.version.as_str()));
            let declared = declared.into_iter().flat_map(|model| &model.detect_anomalies);
            let declared = declared.enumerate();
            rules.extend(declared.map(|(index, rule)| shown(RuleRef::Model(index), rule)));
        }
        Ok(rules)
    }

    /// Puts rules in the place of all others of a model
    ///
    /// # Errors
    /// With what is wrong with them, or when there is no such project, no room, or the state file cannot be written.
    pub(crate) fn put_rules(&self, model: &ModelName, written: &Value) -> Result<PutIn, NotChanged> {
        self.change_rules(model, Some(written), |changes, model, rules| {
            changes.put(model.clone(), rules);
            None
        })
    }

    /// Puts one rule in front of all others of a model
    ///
    /// # Errors
    /// Those of [`put_rules`](Self::put_rules).
    pub(crate) fn add_rule(&self, model: &ModelName, written: Value) -> Result<PutIn, NotChanged> {
        let written = Value::from(vec![written]);
        self.change_rules(model, Some(&written), |changes, model, rules| {
            let rule = rules.into_iter().next()?;
            Some(changes.put_in_front(model.clone(), rule))
        })
    }

    /// Takes away one rule that was put
    ///
    /// # Errors
    /// When there is none of this id, or the state file cannot be written.
    pub(crate) fn remove_rule(&self, model: &ModelName, id: RuleId) -> Result<(), NotChanged> {
        let unknown = || NotChanged::Unknown(format!("no rule `{id}` was put for {model}"));
        let snapshot = self.snapshot();
        let put = snapshot.rules.get(model).ok_or_else(unknown)?;
        if !put.rules.iter().any(|rule| rule.id == id.0) {
            return Err(unknown());
        }
        self.change_rules(model, None, |changes, model, _| {
            changes.remove(model, id);
            None
        })?;
        Ok(())
    }

    /// Goes back to the rules of the configuration
    ///
    /// # Errors
    /// When there is no such project, or the state file cannot be written.
    pub(crate) fn restore_rules(&self, model: &ModelName) -> Result<(), NotChanged> {
        self.change_rules(model, None, |changes, model, _| {
            changes.restore(model);
            None
        })?;
        Ok(())
    }

    fn change_rules(
        &self,
        model: &ModelName,
        written: Option<&Value>,
        change: impl FnOnce(&mut RuleChanges, &ModelName, Vec<CannedRule>) -> Option<RuleId>,
    ) -> Result<PutIn, NotChanged> {
        let mut made = self.made();
        let snapshot = self.snapshot();
        self.check_project(model, &snapshot)?;
        let settings = &snapshot.settings;
        let (rules, warnings) = match written {
            Some(written) => (self.readers.rules)(written, settings).map_err(NotChanged::Mistakes)?,
            None => (Vec::new(), Vec::new()),
        };
        let mut changes = (**made.rules()).clone();
        let id = change(&mut changes, model, rules);
        let (count, most) = (changes.count(), settings.limits.put_rules_max);
        if count > most && count > made.rules().count() {
            self.journal.limits_reached.put_rules_max.note();
            let message = format!("there would be {count} rules, more than limits.put_rules_max ({most})");
            return Err(NotChanged::TooMany(message));
        }
        made.put_rules(changes, model)?;
        self.renew_snapshot(
            settings.clone(),
            snapshot.generation.clone(),
            &made,
            &snapshot.faults,
        );
        self.note_change(ChangeKind::Rule);
        Ok(PutIn { id, warnings })
    }

    fn check_project(&self, model: &ModelName, snapshot: &Snapshot) -> Result<(), NotChanged> {
        let project = model.project.as_str();
        if declaration(model, snapshot).is_some() {
            return Ok(());
        }
        let state = snapshot.generation.state();
        let account_id = &snapshot.settings.account_id;
        let overlays = state
            .overlays()
            .filter(|(account, region, _)| {
                *account == account_id && model.region.as_ref().is_none_or(|own| own == *region)
            })
            .flat_map(|(_, _, overlay)| overlay);
        let made: Vec<Arc<str>> = overlays
            .filter(|(_, project)| project.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        if made.iter().any(|name| **name == *project) {
            return Ok(());
        }
        let declared = snapshot.settings.lookoutvision.projects.iter();
        let names: Vec<&str> = declared
            .map(|project| project.name.as_str())
            .chain(made.iter().map(|name| &**name))
            .collect();
        let place = model
            .region
            .as_ref()
            .map_or_else(String::new, |region| format!(" in {region}"));
        let message = match spelling::meant(project, &names) {
            Some(meant) if meant != project => {
                format!("there is no project `{project}`{place}; did you mean `{meant}`?")
            }
            _ => format!("there is no project `{project}`{place}"),
        };
        Err(NotChanged::Unknown(message))
    }

    /// The state of every scenario that was set, or that a rule names
    pub(crate) fn scenario_states(&self) -> BTreeMap<String, String> {
        let snapshot = self.snapshot();
        let started = |name| (name, scenarios::STARTED.to_owned());
        let mut states: BTreeMap<String, String> = scenarios_of_rules(&snapshot).map(started).collect();
        let set = snapshot.generation.scenarios.lock();
        states.extend(
            set.iter()
                .map(|(name, state)| (name.to_string(), state.to_string())),
        );
        states
    }

    /// A warning about a scenario that no rule names, so that its state has no effect; `None` if a rule names it
    pub(crate) fn unused_scenario(&self, name: &str) -> Option<String> {
        let snapshot = self.snapshot();
        let known: Vec<String> = scenarios_of_rules(&snapshot).collect();
        if known.iter().any(|known| known == name) {
            return None;
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = spelling::meant(name, &known);
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        Some(format!("no rule names the scenario `{name}`{meant}"))
    }

    /// Puts a scenario into a state
    ///
    /// # Errors
    /// When there are too many of them, or the state file cannot be written.
    pub(crate) fn set_scenario(&self, name: &str, state: &str) -> Result<(), NotChanged> {
        // Held, so that nothing takes the place of the states meanwhile.
        let _made = self.made();
        let snapshot = self.snapshot();
        let scenarios_max = snapshot.settings.limits.scenarios_max;
        let mut states = snapshot.generation.scenarios.lock();
        let (key, value) = (Box::from(name), Box::from(state));
        let next = scenarios::with(&states, [(&key, &value)], scenarios_max);
        let next = next.map_err(|error: TooManyScenarios| {
            self.journal.limits_reached.scenarios_max.note();
            NotChanged::TooMany(error.to_string())
        })?;
        self.service
            .commit_records(&|| vec![record_of_scenario(name, state)])?;
        *states = next;
        drop(states);
        self.note_scenario(name, state);
        Ok(())
    }

    /// Puts a scenario back to where it began
    ///
    /// # Errors
    /// When there is no such scenario, or the state file cannot be written.
    pub(crate) fn reset_scenario(&self, name: &str) -> Result<(), NotChanged> {
        let known = self.scenario_states();
        if !known.contains_key(name) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            let message = match spelling::meant(name, &names) {
                Some(meant) => format!("there is no scenario `{name}`; did you mean `{meant}`?"),
                None => format!("there is no scenario `{name}`"),
            };
            return Err(NotChanged::Unknown(message));
        }
        let _made = self.made();
        let generation = self.generation();
        let mut states = generation.scenarios.lock();
        self.service
            .commit_records(&|| vec![RecordChange::remove(Table::Scenarios, name)])?;
        states.remove(name);
        drop(states);
        self.note_scenario(name, scenarios::STARTED);
        Ok(())
    }
}

/// The scenarios that rules speak of; one that several rules speak of comes more than once
fn scenarios_of_rules(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let projects = snapshot.settings.lookoutvision.projects.iter();
    let declared = projects.flat_map(|project| {
        let of_models = project.models.iter().flat_map(|model| &model.detect_anomalies);
        of_models.chain(&project.detect_anomalies)
    });
    let put = snapshot.rules.iter().flat_map(|(_, put)| &put.rules);
    let rules = declared.chain(put.map(|put| &*put.rule));
    let names = rules.flat_map(|rule| rule.when.scenario.keys().chain(rule.set_scenario.keys()));
    names.map(ToString::to_string)
}

/// What the configuration says of the project of a model: for every Region, or for its own
fn declaration<'s>(model: &ModelName, snapshot: &'s Snapshot) -> Option<&'s DeclaredProject> {
    let projects = || {
        let projects = snapshot.settings.lookoutvision.projects.iter();
        projects.filter(|project| project.name == model.project)
    };
    projects()
        .find(|project| project.region == model.region)
        .or_else(|| projects().find(|project| project.region.is_none() || model.region.is_none()))
}

fn first(mistakes: &[RuleMistake]) -> &RuleMistake {
    mistakes.first().expect("who refuses says why")
}
