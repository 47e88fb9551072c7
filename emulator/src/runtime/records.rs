//! What the service remembers, as records: projects, their datasets, what models have learned, and client tokens.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{AccountId, Region};
use lookoutvision::{
    dataset_images::LabeledImages,
    manifest::Entries,
    store::{
        Declared, Overlay, State,
        dataset::{Creation, Dataset, Phase as DatasetPhase},
        idempotency::{FirstCall, TokenKey, Tokens},
        model::{Phase as ModelPhase, Training},
        project::{DatasetType, Project},
    },
};

use crate::storage::{RecordChange, Records, StorageError, Table};

/// One change of the service's state
#[derive(Debug)]
pub(crate) struct ServiceChange<'c> {
    pub(crate) account_id: &'c AccountId,
    pub(crate) region: &'c Region,
    /// What becomes of projects
    pub(crate) projects: &'c Overlay,
    /// What the configuration declares: a deleted project of it has to be remembered
    pub(crate) declared: &'c Declared,
    /// The projects as they were, to tell which datasets have changed
    pub(crate) before: &'c BTreeMap<Arc<str>, Arc<Project>>,
    pub(crate) token: Option<&'c (TokenKey, FirstCall)>,
    /// Tokens that are not remembered any more
    pub(crate) forgotten: &'c [TokenKey],
}

impl ServiceChange<'_> {
    /// The changes of records that persist it
    pub(crate) fn records(&self) -> Vec<RecordChange> {
        let mut changes = Vec::new();
        for (name, project) in self.projects {
            let key = format!("{}/{}/{name}", self.account_id, self.region);
            let before = self.before.get(name);
            for dataset_type in DatasetType::ALL {
                let of = |project: &Project| match dataset_type {
                    DatasetType::Train => project.train.clone(),
                    DatasetType::Test => project.test.clone(),
                };
                let was = before.and_then(|project| of(project));
                let is = project.as_ref().and_then(|project| of(project));
                let key = format!("{key}/{}", dataset_type.as_str());
                match (was, is) {
                    // A dataset has many lines; one that is as it was is not written again.
                    (Some(was), Some(is)) if Arc::ptr_eq(&was, &is) => {}
                    (_, Some(is)) => {
                        let lines = (&*is, is.entries.to_lines(), is.entries_before.to_lines());
                        changes.push(RecordChange::put(Table::Datasets, key, &lines));
                    }
                    (_, None) => changes.push(RecordChange::remove(Table::Datasets, key)),
                }
            }
            changes.extend(learned_records(&key, before, project.as_deref()));
            changes.push(if project.is_none() && !self.declared.has(self.region, name) {
                RecordChange::remove(Table::Projects, key)
            } else {
                RecordChange::put(Table::Projects, key, project)
            });
        }
        if let Some((key, call)) = self.token {
            changes.push(RecordChange::put(Table::ClientTokens, &*key.0, call));
        }
        let forgotten = self.forgotten.iter();
        changes.extend(forgotten.map(|key| RecordChange::remove(Table::ClientTokens, &*key.0)));
        changes
    }
}

/// The changes of the records of what a project's models have learned; such a record is large, and written only where
/// it is new
fn learned_records(key: &str, before: Option<&Arc<Project>>, project: Option<&Project>) -> Vec<RecordChange> {
    let learned = |project: Option<&Project>| -> BTreeMap<Arc<str>, Arc<LabeledImages>> {
        let models = project.into_iter().flat_map(|project| project.models.values());
        let learned = models.filter(|model| !model.learned.is_empty());
        learned
            .map(|model| (model.version.clone(), model.learned.clone()))
            .collect()
    };
    let (was, is) = (learned(before.map(|before| &**before)), learned(project));
    let gone = was.keys().filter(|version| !is.contains_key(*version));
    let gone = gone.map(|version| RecordChange::remove(Table::LearnedImages, format!("{key}/{version}")));
    let new = is.iter().filter(|(version, images)| {
        let before = was.get(*version);
        !before.is_some_and(|before| Arc::ptr_eq(before, images))
    });
    let new = new.map(|(version, images)| {
        RecordChange::put(Table::LearnedImages, format!("{key}/{version}"), &**images)
    });
    gone.chain(new).collect()
}

impl Records {
    /// What the service remembers
    ///
    /// The keys are those of tokens that are still in the storage but not remembered any more.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(crate) fn take_service(
        &mut self,
        tokens_max: usize,
    ) -> Result<(State, Tokens, Vec<TokenKey>), StorageError> {
        let mut datasets = BTreeMap::new();
        for (key, (dataset, lines, lines_before)) in
            self.take::<(Dataset, String, String)>(Table::Datasets)?
        {
            let dataset = Dataset {
                entries: Arc::new(Entries::stored(&lines)),
                entries_before: Arc::new(Entries::stored(&lines_before)),
                ..dataset
            };
            datasets.insert(key, finished_dataset(dataset));
        }
        let learned = self.take::<LabeledImages>(Table::LearnedImages)?;
        let mut learned: BTreeMap<String, LabeledImages> = learned.into_iter().collect();
        let mut state = State::default();
        for (key, project) in self.take::<Option<Project>>(Table::Projects)? {
            let (account_id, region, name) = self.parse_key(&key)?;
            let project = project.map(|mut project| {
                for dataset_type in DatasetType::ALL {
                    let dataset = datasets.remove(&format!("{key}/{}", dataset_type.as_str()));
                    project.set_dataset(dataset_type, dataset);
                }
                for (version, model) in &mut project.models {
                    if let Some(learned) = learned.remove(&format!("{key}/{version}")) {
                        Arc::make_mut(model).learned = Arc::new(learned);
                    }
                }
                Arc::new(finished_trainings(project))
            });
            state.insert(&account_id, &region, name.into(), project);
        }
        let mut calls: Vec<(String, FirstCall)> = self.take(Table::ClientTokens)?;
        calls.sort_by_key(|(_, call)| call.at);
        let (mut tokens, mut forgotten) = (Tokens::default(), Vec::new());
        for (key, call) in calls {
            forgotten.extend(tokens.remember(TokenKey(key.into()), call, tokens_max));
        }
        Ok((state, tokens, forgotten))
    }

    fn parse_key<'k>(&self, key: &'k str) -> Result<(AccountId, Region, &'k str), StorageError> {
        let mut parts = key.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        let (account_id, region, name) = (part(), part(), part());
        match (account_id.parse(), region.parse()) {
            (Ok(account_id), Ok(region)) => Ok((account_id, region, name)),
            _ => Err(self.unreadable(Table::Projects, key, "its key names no account and Region")),
        }
    }
}

/// What nobody is at work on any more has failed.
fn finished_dataset(mut dataset: Dataset) -> Dataset {
    if let DatasetPhase::Creating(_, creation) = &mut dataset.phase
        && matches!(creation, Creation::Unfinished(_))
    {
        *creation = Creation::Fails(STOPPED.to_owned());
    }
    dataset
}

fn finished_trainings(mut project: Project) -> Project {
    for model in project.models.values_mut() {
        if matches!(model.phase, ModelPhase::Training(_, Training::Unfinished(_))) {
            let model = Arc::make_mut(model);
            if let ModelPhase::Training(_, outcome) = &mut model.phase {
                *outcome = Training::Fails(STOPPED.to_owned());
            }
        }
    }
    project
}

const STOPPED: &str = "The emulator was stopped while it was at work on this.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        storage::{StateFile, Storage},
    };

    #[test]
    fn tokens_that_a_start_does_not_remember_go_with_the_next_change() {
        let folder = tempfile::tempdir().unwrap();
        let storage = StateFile::open(&folder.path().join("state")).unwrap();
        let config = Config::embedded(None, None).unwrap();
        let declared = Declared::new(
            config.settings.lookoutvision.clone(),
            "2026-01-01T00:00:00Z".parse().unwrap(),
        );
        let (projects, region) = (Overlay::new(), "us-west-2".parse().unwrap());
        let keep = |token: &str, at: &str, forgotten: &[TokenKey]| {
            let call = FirstCall {
                fingerprint: [0; 32],
                answer: "{}".to_owned(),
                at: at.parse().unwrap(),
            };
            let change = ServiceChange {
                account_id: &config.settings.account_id,
                region: &region,
                projects: &projects,
                declared: &declared,
                before: &BTreeMap::new(),
                token: Some(&(TokenKey(token.into()), call)),
                forgotten,
            };
            storage.commit(&|| change.records()).unwrap();
        };
        let forgotten = || storage.load().unwrap().take_service(2).unwrap().2;
        keep("a", "2026-01-01T00:00:00Z", &[]);
        keep("b", "2026-01-01T07:00:00Z", &[]);
        assert_eq!(forgotten(), []);
        // Eight hours after the first, which a process that died had yet to take out.
        keep("c", "2026-01-01T08:00:00Z", &[]);
        assert_eq!(forgotten(), [TokenKey("a".into())]);
        keep("d", "2026-01-01T08:00:01Z", &forgotten());
        assert_eq!(forgotten(), [TokenKey("b".into())]);
    }
}
