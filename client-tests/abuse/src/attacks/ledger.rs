//! The state as it must be: every acknowledged change, and for the last changes, whose answers never came, either the
//! state before or the state after.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::Value;

use crate::{
    Report,
    call::{Call, Signed},
    client::Target,
};

/// A project, as far as it is checked
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Project {
    /// Never made, or deleted
    Absent,
    WithoutDataset,
    /// With a training dataset of this many entries
    WithEntries(usize),
}

/// What each project may be, by its name
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    projects: BTreeMap<String, Vec<Project>>,
    /// Changes that were answered with success
    pub(super) acknowledged: u64,
    /// Changes that were answered with a failure of the server
    pub(super) refused: u64,
}

/// A change, and what the project is after it
struct Change {
    name: String,
    call: Signed,
    before: Project,
    after: Project,
}

impl Ledger {
    /// Makes a change in a project whose name begins with `prefix`, which nobody else uses. An error means that no
    /// answer came.
    pub(super) async fn change(
        &mut self,
        target: &Target,
        choices: &mut Rng,
        prefix: &str,
        line_bytes: usize,
    ) -> Result<(), String> {
        let change = self.any_change(choices, prefix, line_bytes);
        let answer = target.answer_to(&change.call).await;
        let what_it_is = match &answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                self.acknowledged += 1;
                vec![change.after]
            }
            Ok(answer) if answer.status == 500 || answer.status == 503 => {
                self.refused += 1;
                vec![change.before]
            }
            Ok(answer) => {
                return Err(format!(
                    "{} {}: {} {}",
                    change.call.method,
                    change.call.target,
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                ));
            }
            Err(_) => vec![change.before, change.after],
        };
        self.projects.insert(change.name, what_it_is);
        answer.map(|_| ())
    }

    fn any_change(&self, choices: &mut Rng, prefix: &str, line_bytes: usize) -> Change {
        // The projects whose state is known
        let known: Vec<(&String, Project)> = self
            .projects
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .filter_map(|(name, projects)| match projects[..] {
                [project] if project != Project::Absent => Some((name, project)),
                _ => None,
            })
            .collect();
        if let Some((name, before)) = choices.choice(&known)
            && (known.len() >= PROJECTS_MAX || choices.u8(..10) < 6)
        {
            let (call, after) = match before {
                Project::WithEntries(entries) if *entries < ENTRIES_MAX => {
                    let more = choices.usize(1..=ENTRIES_MAX - entries);
                    let manifest = manifest(*entries, more, line_bytes);
                    (
                        Call::update_dataset(name, &manifest),
                        Project::WithEntries(entries + more),
                    )
                }
                Project::WithEntries(_) => (
                    Call::delete(&format!("/projects/{name}/datasets/train")),
                    Project::WithoutDataset,
                ),
                _ if choices.bool() => (Call::create_dataset(name), Project::WithEntries(0)),
                _ => (Call::delete(&format!("/projects/{name}")), Project::Absent),
            };
            return Change {
                name: (*name).clone(),
                call: call.sign(),
                before: *before,
                after,
            };
        }
        let name = format!("{prefix}{:016x}", choices.u64(..));
        Change {
            call: Call::create_project(&name).sign(),
            name,
            before: Project::Absent,
            after: Project::WithoutDataset,
        }
    }

    /// Adds what another worker knows; the two share no name
    pub(super) fn merge(&mut self, other: Self) {
        self.projects.extend(other.projects);
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
    }

    /// The projects whose names begin with `prefix`, for a worker of its own
    pub(super) fn part(&self, prefix: &str) -> Self {
        let of_prefix = self.projects.range(prefix.to_owned()..);
        let of_prefix = of_prefix.take_while(|(name, _)| name.starts_with(prefix));
        Self {
            projects: of_prefix
                .map(|(name, projects)| (name.clone(), projects.clone()))
                .collect(),
            ..Self::default()
        }
    }

    /// Checks every project; projects in doubt are known from then on
    pub(super) async fn check(&mut self, target: &Target, report: &mut Report) {
        match found(target).await {
            Ok(found) => self.compare(&found, report),
            Err(sentence) => report.lose(format!("the state cannot be listed: {sentence}")),
        }
    }

    fn compare(&mut self, found: &BTreeMap<String, Project>, report: &mut Report) {
        for (name, projects) in &mut self.projects {
            let is = found.get(name).copied().unwrap_or(Project::Absent);
            if !projects.contains(&is) {
                report.lose(format!(
                    "`{name}` is {is:?}, and was acknowledged as {projects:?}"
                ));
            }
            *projects = vec![is];
        }
        for (name, is) in found {
            if !self.projects.contains_key(name) {
                report.lose(format!("`{name}` is {is:?}, and nobody made it"));
            }
        }
        self.projects
            .retain(|_, projects| projects[..] != [Project::Absent]);
    }
}

/// Every project of the Region but the declared one
async fn found(target: &Target) -> Result<BTreeMap<String, Project>, String> {
    let mut found = BTreeMap::new();
    let mut token = None::<String>;
    loop {
        let next = token.as_deref().map_or(String::new(), |token| {
            let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
            format!("&nextToken={token}")
        });
        let page = get(target, &format!("/projects?maxResults=100{next}")).await?;
        for project in page["Projects"].as_array().into_iter().flatten() {
            let name = project["ProjectName"].as_str().unwrap_or_default();
            if name != "myProject" {
                found.insert(name.to_owned(), look_at(target, name).await?);
            }
        }
        token = page["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn look_at(target: &Target, name: &str) -> Result<Project, String> {
    let described = get(target, &format!("/projects/{name}")).await?;
    let datasets = described["ProjectDescription"]["Datasets"].as_array();
    if datasets.is_none_or(Vec::is_empty) {
        return Ok(Project::WithoutDataset);
    }
    let entries = get(
        target,
        &format!("/projects/{name}/datasets/train/entries?maxResults=100"),
    )
    .await?;
    let entries = entries["DatasetEntries"].as_array().ok_or("no list of entries")?;
    Ok(Project::WithEntries(entries.len()))
}

async fn get(target: &Target, path: &str) -> Result<Value, String> {
    let answer = target.answer_to(&Call::get(path).sign()).await?;
    if answer.status != 200 {
        return Err(format!(
            "{path}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        ));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("{path}: {error}"))
}

fn manifest(first: usize, lines: usize, line_bytes: usize) -> String {
    let padding = "x".repeat(line_bytes);
    let line = |index| format!("{{\"source-ref\":\"s3://images/{index}.jpg\",\"padding\":\"{padding}\"}}\n");
    (first..first + lines).map(line).collect()
}

/// The projects of one worker; with more, something is deleted or extended first
const PROJECTS_MAX: usize = 24;
/// The entries on one page of the list
const ENTRIES_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(known: &[(&str, &[Project])], found: &[(&str, Project)], lost: u64) {
        let mut ledger = Ledger {
            projects: known
                .iter()
                .map(|(name, projects)| ((*name).to_owned(), projects.to_vec()))
                .collect(),
            ..Ledger::default()
        };
        let found = found
            .iter()
            .map(|(name, project)| ((*name).to_owned(), *project))
            .collect();
        let mut report = Report::default();
        ledger.compare(&found, &mut report);
        assert_eq!(report.lost, lost, "{report:?}");
        assert_eq!(report.has_held(), lost == 0);
    }

    #[test]
    fn an_acknowledged_change_that_is_gone_is_a_loss() {
        use Project::{Absent, WithEntries, WithoutDataset};
        check(&[("p", &[WithoutDataset])], &[("p", WithoutDataset)], 0);
        check(&[("p", &[WithoutDataset])], &[], 1);
        check(&[("p", &[Absent])], &[("p", WithoutDataset)], 1);
        check(&[("p", &[WithEntries(3)])], &[("p", WithEntries(2))], 1);
        check(&[("p", &[WithEntries(3)])], &[("p", WithoutDataset)], 1);
    }

    #[test]
    fn a_change_without_an_answer_may_be_there_or_not_but_not_halfway() {
        use Project::{Absent, WithEntries, WithoutDataset};
        check(&[("p", &[Absent, WithoutDataset])], &[], 0);
        check(&[("p", &[Absent, WithoutDataset])], &[("p", WithoutDataset)], 0);
        check(
            &[("p", &[WithEntries(1), WithEntries(9)])],
            &[("p", WithEntries(4))],
            1,
        );
    }

    #[test]
    fn what_nobody_made_is_other_data() {
        check(&[], &[("p", Project::WithoutDataset)], 1);
    }
}
