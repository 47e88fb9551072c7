//! Rules that are put while the emulator runs, read and checked as those of the file are.
//!
//! They are read as the rules of a project's model in a configuration, so that there is one reader, one set of keys and one
//! sentence for each mistake.

use std::path::Path;

use lookoutvision::canned::CannedRule;
use serde_json::{Value, json};

use super::{
    Problem,
    files::Files,
    form,
    problems::{Place, Report},
    validate::{self, rules_of_list},
    yaml,
};
use crate::settings::Settings;

/// Rules, and what is odd about them; paths begin at the list
pub(crate) struct ReadRules {
    pub(crate) rules: Vec<CannedRule>,
    pub(crate) warnings: Vec<Problem>,
}

/// Reads a list of rules; paths in them are relative to the folder of the configuration file
///
/// # Errors
/// Everything that is wrong with it, at least one mistake; paths begin at the list.
pub(crate) fn read(
    written: &Value,
    config_file: Option<&Path>,
    settings: &Settings,
) -> Result<ReadRules, Vec<Problem>> {
    let text =
        json!({"projects": [{"name": "p", "models": [{"version": "1", "detect_anomalies": written}]}]});
    let tree = yaml::parse(&text.to_string(), yaml::NODES_MAX)
        .map_err(|error| vec![Problem::of_process(error.message)])?;
    let report = Report::about("rules".into(), &tree);
    let files = Files::beside(config_file);
    let list = Place::root().descend(LIST);
    let rules = form::read(&tree, &report).and_then(|file| rules_of_list(file, &list, &files, &report));
    if let Some(rules) = &rules {
        let identities = &settings.identities;
        validate::warn_of_list(
            rules,
            &list,
            &identities.principals,
            &settings.networks.vpc_endpoints,
            &report,
        );
    }
    let (problems, warnings) = report.finish();
    match rules {
        Some(rules) if problems.is_empty() => Ok(ReadRules {
            rules,
            warnings: warnings.into_iter().map(within_list).collect(),
        }),
        _ => Err(problems.into_iter().map(within_list).collect()),
    }
}

/// A problem whose path begins at the list; those of a recorded answer begin in its file
fn within_list(problem: Problem) -> Problem {
    match problem.path.strip_prefix(LIST) {
        Some(path) => Problem {
            path: path.to_owned(),
            ..Problem::of_process(problem.message)
        },
        None => problem,
    }
}

/// Where the list stands in the text
const LIST: &str = "/projects/0/models/0/detect_anomalies";
