//! Policies: from a file or from the configuration itself, parsed once, their mistakes told at their own places.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use iam_policy::PolicyDocument;

use super::{
    super::{
        Problem,
        file::{PolicyLevels, PolicySource},
        files::Files,
        pending::{PolicyError, PolicyType, parse_policy, policy_warnings},
        problems::{Report, Reported},
        read::{List, Located},
        source::told_by,
        yaml::Position,
    },
    all,
};

/// Loads policies; a file that is named in several places is read once for each type that it serves as
pub(super) struct Policies<'a> {
    files: &'a Files,
    report: &'a Report<'a>,
    loaded: RefCell<BTreeMap<(PathBuf, PolicyType), Result<PolicyDocument, Reported>>>,
}

/// A policy file that an option or the environment names
pub(super) struct OptionPolicy<'a> {
    pub(super) file: &'a Path,
    /// Who named it
    pub(super) by: String,
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
                let parsed = parse_policy(&document.to_string(), policy_type);
                // Line and column are those of the text made just above; the configuration file has its own.
                let place = |path: &str| written.place.descend(path);
                match parsed {
                    Ok(policy) => {
                        for warning in policy_warnings(&policy) {
                            self.report.warning(&place(&warning.path), warning.message);
                        }
                        Ok(policy)
                    }
                    Err(error) => Err(self.report.problem(&place(&error.path), error.message)),
                }
            }
        }
    }

    /// The policy that an option or the environment names
    pub(super) fn option_policy(
        &self,
        named: &OptionPolicy<'_>,
        policy_type: PolicyType,
    ) -> Result<PolicyDocument, Reported> {
        self.load(named.file, policy_type, |message| {
            self.report.add(told_by(&named.by, &message))
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
                let policy = parse_policy(&text, policy_type)
                    .map_err(|error| self.report.add(in_file(file, error)))?;
                for warning in policy_warnings(&policy) {
                    self.report.add_warning(in_file(file, warning));
                }
                Ok(policy)
            });
        loaded.clone()
    }
}

fn in_file(file: &Path, error: PolicyError) -> Problem {
    let position = Position {
        line: error.line,
        column: error.column,
    };
    Problem {
        path: error.path,
        ..Problem::in_file(file, error.message)
    }
    .at(Some(position))
}
