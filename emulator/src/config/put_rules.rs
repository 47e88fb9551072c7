//! Rules that are put while the emulator runs, read and checked as those of the file.
//!
//! They are read as the rules of a model in a configuration, so that there is one reader, one set of keys and one
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

/// Rules and the warnings about them; paths begin at the list
pub(crate) struct ReadRules {
    pub(crate) rules: Vec<CannedRule>,
    pub(crate) warnings: Vec<Problem>,
}

/// Reads a list of rules; paths in them are relative to the folder of the configuration file
///
/// # Errors
/// With everything that is wrong with it, at least one mistake; paths begin at the list.
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
        let scenarios_max = settings.limits.scenarios_max;
        validate::refuse_too_many_scenarios_of_list(rules, &list, scenarios_max, &report);
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
            warnings: within_list(warnings, written, &files),
        }),
        _ => Err(within_list(problems, written, &files)),
    }
}

/// Problems whose paths begin at the list; a problem in a recorded answer is reported where the list names its file
fn within_list(problems: impl IntoIterator<Item = Problem>, written: &Value, files: &Files) -> Vec<Problem> {
    let rules = written.as_array().into_iter().flatten().enumerate();
    let named: Vec<_> = rules
        .filter_map(|(index, rule)| {
            let file = rule.pointer(RESPONSE)?.as_str()?;
            Some((index, files.base().join(file)))
        })
        .collect();
    // If several rules name one file, its problem is reported once, at the first of them.
    let place_of = |file: &Path| {
        let (index, _) = named.iter().find(|(_, named)| named == file)?;
        Some(format!("/{index}{RESPONSE}"))
    };
    let within = problems.into_iter().map(|problem| {
        let path = match (problem.path.strip_prefix(LIST), &problem.file) {
            (Some(path), _) => path.to_owned(),
            (None, Some(file)) => {
                return Problem {
                    path: place_of(file).unwrap_or_default(),
                    ..Problem::of_process(problem.to_string())
                };
            }
            (None, None) => return problem,
        };
        Problem {
            path,
            ..Problem::of_process(problem.message)
        }
    });
    within.collect()
}

/// Where the list stands in the text
const LIST: &str = "/projects/0/models/0/detect_anomalies";
/// Where a rule names the file of its answer
const RESPONSE: &str = "/then/response";
