//! Faults without a configuration file: in a request to the control API, or in the code of a test.
//!
//! They are read as the section `faults` of the file is, by the same schema and with the same messages. JSON is YAML,
//! so both are accepted.

use std::path::PathBuf;

use super::{
    Problem, Problems,
    file::{
        List,
        faults::{Fault as FaultFile, Written},
    },
    form,
    problems::{Place, Report},
    validate::faults,
    yaml::{self, Content, Node},
};
use crate::settings::faults::Fault;

/// Reads one fault, or a list of them
///
/// # Errors
/// With everything that is wrong with them, each with its place.
pub(crate) fn read_some(text: &str) -> Result<Vec<Fault>, Problems> {
    read(text, |tree, report| match tree.content {
        Content::List(_) => list(tree, report),
        _ => {
            let written: Written<FaultFile> = form::read_element(tree, SECTION, report)?;
            faults::fault(written, &Place::root(), report).map(|fault| vec![fault])
        }
    })
}

/// Reads a list of faults
///
/// # Errors
/// With everything that is wrong with them, each with its place.
pub(crate) fn read_list(text: &str) -> Result<Vec<Fault>, Problems> {
    read(text, list)
}

fn list(tree: &Node, report: &Report<'_>) -> Option<Vec<Fault>> {
    let written: List<Written<FaultFile>> = form::read_section(tree, SECTION, report)?;
    faults::validate(written, &Place::root(), report)
}

const SECTION: &str = "faults";

fn read<T>(text: &str, make: impl FnOnce(&Node, &Report<'_>) -> Option<T>) -> Result<T, Problems> {
    let name = || PathBuf::from("faults");
    let tree = yaml::parse(text, yaml::NODES_MAX)
        .map_err(|error| Problem::in_file(name(), error.message).at(error.position))?;
    let report = Report::about(name(), &tree);
    let made = make(&tree, &report);
    let (problems, _) = report.finish();
    match made {
        Some(made) if problems.is_empty() => Ok(made),
        None if problems.is_empty() => Err(Problem::of_process(
            "the faults are refused, and nothing says why: this is a fault of the emulator",
        )
        .into()),
        _ => Err(problems),
    }
}
