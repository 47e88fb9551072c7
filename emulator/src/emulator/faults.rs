//! Faults of a running emulator: `/faults` in code.

use std::fmt;

use serde_json::{Value, json};

use super::{Emulator, declared::Fault};
use crate::{
    config::{self, Problems},
    control::faults::{FaultReader, Mistake},
    runtime::faults::{FaultView, FaultsUnchanged},
};

/// How the control API reads faults
pub(super) const READER: FaultReader = FaultReader {
    some: |text| config::faults::read_some(text).map_err(mistakes),
    list: |text| config::faults::read_list(text).map_err(mistakes),
};

fn mistakes(problems: Problems) -> Vec<Mistake> {
    let problems = problems.into_iter();
    problems
        .map(|problem| Mistake {
            message: problem.message,
            path: problem.path,
            line: problem.line,
            column: problem.column,
        })
        .collect()
}

/// A fault in force, and what it has done
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FaultReport {
    /// Its name
    pub name: String,
    /// Whether it still does something: it is neither spent nor expired
    pub is_active: bool,
    /// Calls that matched
    pub matched: u64,
    /// Calls that met it
    pub struck: u64,
    /// The fault as `faults:` of the configuration would have it
    pub definition: Value,
}

/// A fault was not put in force, or not removed; says why
#[derive(Clone, PartialEq, Eq)]
pub struct FaultError {
    text: String,
}

impl Emulator {
    /// Puts a fault in force, before all others, from the next request on
    ///
    /// ```
    /// # use lookoutvision_emulator::{Emulator, Fault};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// emulator.add_fault(Fault::error("busy", "ThrottlingException").operation("Detect*").times(2))?;
    /// // … calls …
    /// emulator.remove_fault("busy")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// With everything that is wrong with it; when there is already a fault of its name; and when there are as many
    /// faults as there may be.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `Builder::fault` takes it, and as faults are written"
    )]
    pub fn add_fault(&self, fault: Fault) -> Result<(), FaultError> {
        let faults = config::faults::read_some(&json!(fault).to_string())?;
        let added = self
            .shared
            .change_faults(|now, limits| now.with(faults, limits.faults_max));
        Ok(added?)
    }

    /// Replaces all faults with these, from the next request on
    ///
    /// Those of the configuration come back with [`reset`](Self::reset).
    ///
    /// # Errors
    /// With everything that is wrong with them; and when there are more than there may be.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) -> Result<(), FaultError> {
        let faults: Vec<Fault> = faults.into_iter().collect();
        let faults = config::faults::read_list(&json!(faults).to_string())?;
        Ok(self
            .shared
            .change_faults(|now, limits| now.replaced(faults, limits.faults_max))?)
    }

    /// Removes a fault, from the next request on; calls that it holds up go on at once
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn remove_fault(&self, name: &str) -> Result<(), FaultError> {
        Ok(self.shared.change_faults(|now, _| now.without(name))?)
    }

    /// Removes all faults; those of the configuration come back with [`reset`](Self::reset)
    pub fn clear_faults(&self) {
        let changed = self.shared.change_faults(|now, _| Ok(now.without_any()));
        changed.expect("to take all faults away is never refused");
    }

    /// The faults in force, in the order in which calls are looked up in them, and what each has done
    pub fn faults(&self) -> Vec<FaultReport> {
        let views = self.snapshot().faults.views();
        views.into_iter().map(FaultReport::of).collect()
    }
}

impl FaultReport {
    fn of(view: FaultView) -> Self {
        Self {
            is_active: view.is_active(),
            name: view.name.to_string(),
            matched: view.matched,
            struck: view.struck,
            definition: view.definition,
        }
    }
}

impl From<Problems> for FaultError {
    fn from(problems: Problems) -> Self {
        let lines = problems.iter().map(|problem| match problem.path.as_str() {
            "" => problem.message.clone(),
            path => format!("{path}: {}", problem.message),
        });
        Self {
            text: lines.collect::<Vec<_>>().join("\n"),
        }
    }
}

impl From<FaultsUnchanged> for FaultError {
    fn from(error: FaultsUnchanged) -> Self {
        Self {
            text: error.to_string(),
        }
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Prints the same as `Display`, because `unwrap` and a test's `?` show this form
impl fmt::Debug for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for FaultError {}
