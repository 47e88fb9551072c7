//! What test files are about: a configuration, or policies that have none.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use super::written::{TestFile, Tested};
use crate::{
    authorization::{Coverage, PolicyChanges},
    cli::policy::scenes::{Alone, Configurations},
    config::Problems,
    workbench::{EntryPointName, Scene},
};

/// What the tests of one file are about
pub(super) enum Tests {
    /// A configuration
    Configured(Arc<Scene>),
    /// Policies alone
    Policies(Box<Alone>),
}

impl Tests {
    /// What the tests of a file are about; `None`: the file does not say, and no configuration is given for it
    ///
    /// # Errors
    /// With everything that is wrong with its configuration.
    pub(super) fn of(
        file: &TestFile,
        option: Option<&Path>,
        configurations: &mut Configurations,
        now: Timestamp,
    ) -> Result<Option<Self>, Problems> {
        Ok(match (&file.tested, option) {
            (Some(Tested::Policies(policies)), _) => {
                Some(Self::Policies(Box::new(alone(policies, file, now))))
            }
            // The option overrides the file.
            (_, Some(path)) => Some(Self::Configured(configurations.read(path)?)),
            (Some(Tested::Config(path, _)), None) => Some(Self::Configured(configurations.read(path)?)),
            (None, None) => None,
        })
    }

    /// Registers every document for the report of coverage, even those that no test asks
    pub(super) fn show(&self, coverage: &Coverage) {
        match self {
            Self::Configured(scene) => scene.show_all(coverage),
            Self::Policies(alone) => {
                for document in alone.policies.documents() {
                    coverage.show(document, None);
                }
            }
        }
    }
}

/// Policies with the endpoints that the tests name
fn alone(policies: &PolicyChanges, file: &TestFile, now: Timestamp) -> Alone {
    let mut vpc_endpoint_ids: Vec<String> = Vec::new();
    for name in file.tests.iter().flat_map(|test| &test.given.entry_points.values) {
        if let EntryPointName::VpcEndpoint(id) = name
            && !vpc_endpoint_ids.iter().any(|known| known == id.as_str())
        {
            vpc_endpoint_ids.push(id.to_string());
        }
    }
    Alone::new(policies.clone(), vpc_endpoint_ids, now)
}
