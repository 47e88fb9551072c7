//! Policies: from a file or from the configuration itself, parsed once, their mistakes told at their own places.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use iam_policy::{Finding, PolicyDocument, PolicyError, PolicyType};

use super::{
    super::{
        Problem,
        file::{PolicyLevels, PolicySource},
        files::Files,
        problems::{Report, Reported},
        read::{List, Located},
        yaml::Position,
    },
    all,
};
use crate::policy_service;

/// Loads policies; a file that is named in several places is read once for each type that it serves as
pub(super) struct Policies<'a> {
    files: &'a Files,
    report: &'a Report<'a>,
    loaded: RefCell<BTreeMap<(PathBuf, PolicyType), Result<PolicyDocument, Reported>>>,
}

impl<'a> Policies<'a> {
    pub(super) fn new(files: &'a Files, report: &'a Report<'a>) -> Self {
        Self {
            files,
            report,
            loaded: RefCell::default(),
        }
    }

    /// A policy of the configuration file
    pub(super) fn policy(
        &self,
        written: Located<PolicySource>,
        policy_type: PolicyType,
    ) -> Result<PolicyDocument, Reported> {
        match written.value? {
            PolicySource::File(path) => {
                let file = self.files.base().join(path);
                self.load(&file, policy_type, |message| {
                    self.report.problem(&written.place, message)
                })
            }
            PolicySource::Document(document) => {
                // Line and column are those of the text made here; the configuration file has its own.
                let place = |finding: &Finding| written.place.descend(&finding.path);
                match PolicyDocument::parse(&document.to_string(), policy_type) {
                    Ok(policy) => {
                        for warning in policy_service::lint(policy.text(), policy_type) {
                            self.report.warning(&place(&warning), &*warning.message);
                        }
                        Ok(policy)
                    }
                    Err(error) => Err(each(&error, |finding| {
                        self.report.problem(&place(finding), &*finding.message)
                    })),
                }
            }
        }
    }

    /// The policy file that an option names
    pub(super) fn of_option(&self, file: &Path, policy_type: PolicyType) -> Result<PolicyDocument, Reported> {
        self.load(file, policy_type, |message| {
            self.report
                .add(Problem::of_process(format!("endpoint-policy: {message}")))
        })
    }

    /// A list of policies
    pub(super) fn list(
        &self,
        written: List<PolicySource>,
        policy_type: PolicyType,
    ) -> Result<Vec<PolicyDocument>, Reported> {
        all(written
            .value?
            .into_iter()
            .map(|policy| self.policy(policy, policy_type)))
    }

    /// The levels of an organization's policies, root first; an empty list is no level at all
    pub(super) fn levels(
        &self,
        written: Option<Located<PolicyLevels>>,
        policy_type: PolicyType,
    ) -> Result<Vec<Vec<PolicyDocument>>, Reported> {
        let Some(written) = written else {
            return Ok(Vec::new());
        };
        match written.value? {
            PolicyLevels::OneLevel(policies) if policies.is_empty() => Ok(Vec::new()),
            PolicyLevels::OneLevel(policies) => {
                let level = Located {
                    place: written.place,
                    value: Ok(policies),
                };
                Ok(vec![self.list(level, policy_type)?])
            }
            PolicyLevels::Levels(levels) => {
                all(levels.into_iter().map(|level| self.list(level, policy_type)))
            }
        }
    }

    fn load(
        &self,
        file: &Path,
        policy_type: PolicyType,
        unreadable: impl FnOnce(String) -> Reported,
    ) -> Result<PolicyDocument, Reported> {
        // Said where the file is named, each time, because each of those places must be mended.
        let text = self.files.read_text(file).map_err(unreadable)?;
        let mut loaded = self.loaded.borrow_mut();
        let loaded = loaded
            .entry((file.to_path_buf(), policy_type))
            .or_insert_with(|| {
                let policy = PolicyDocument::parse(&text, policy_type)
                    .map_err(|error| each(&error, |finding| self.report.add(in_file(file, finding))))?;
                for warning in policy_service::lint(&text, policy_type) {
                    self.report.add_warning(in_file(file, &warning));
                }
                Ok(policy)
            });
        loaded.clone()
    }
}

/// Takes every finding down
fn each(error: &PolicyError, take_down: impl Fn(&Finding) -> Reported) -> Reported {
    let first = take_down(error.first());
    error
        .findings()
        .iter()
        .skip(1)
        .fold(first, |_, finding| take_down(finding))
}

fn in_file(file: &Path, finding: &Finding) -> Problem {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let position = Position {
        line: number(finding.line),
        column: number(finding.column),
    };
    Problem {
        path: finding.path.clone(),
        ..Problem::in_file(file, &*finding.message)
    }
    .at(Some(position))
}
