//! What an emulator in a test is to be like.

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};
use tracing::warn;

use super::{
    Emulator, StartError,
    declared::{Principal, Project},
};
use crate::config::Config;

/// What an emulator is to be like
///
/// With no settings it serves what the binary serves by default, except that it listens on free ports of
/// loopback and keeps its certificate authority in memory. It writes no file unless the configuration asks for one
/// (`certs`, `public_certs`, `state`), and reads neither `emulator.yaml` nor any environment variable.
#[derive(Default)]
pub struct Builder {
    yaml: Option<String>,
    endpoint_policy: Option<Value>,
    principals: Vec<Principal>,
    projects: Vec<Project>,
}

impl Builder {
    /// A configuration, as it would stand in the configuration file, in YAML's block style
    ///
    /// Relative paths begin at the working directory, which `cargo test` and `cargo nextest` set to the folder of the crate
    /// under test. In other programs write `concat!(env!("CARGO_MANIFEST_DIR"), "/…")`.
    #[must_use]
    pub fn config_yaml(mut self, yaml: impl Into<String>) -> Self {
        self.yaml = Some(yaml.into());
        self
    }

    /// The policy of the first configured VPC endpoint, which is the default one unless there is a configuration
    #[must_use]
    pub fn endpoint_policy(mut self, document: Value) -> Self {
        self.endpoint_policy = Some(document);
        self
    }

    /// Somebody who can sign requests; the first one takes the place of the default user `test`
    ///
    /// With `config_yaml`, that has no `principals` then.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principals.push(principal);
        self
    }

    /// A project that is there from the start; the first one takes the place of the default `myProject`
    ///
    /// With `config_yaml`, that has no `projects` then.
    #[must_use]
    pub fn project(mut self, project: Project) -> Self {
        self.projects.push(project);
        self
    }

    /// Binds two free ports of loopback and serves
    ///
    /// # Errors
    /// When the configuration or the policy is not valid, or no port can be bound.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let config = Config::embedded(self.written().as_deref(), self.endpoint_policy.as_ref());
        let config = config.map_err(StartError)?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        Emulator::start(Arc::new(config)).await
    }

    /// The configuration as one text, so that what is declared in code is checked and refused as everything else is
    fn written(&self) -> Option<String> {
        let sections = [
            section("principals", &self.principals),
            section("projects", &self.projects),
        ];
        let parts: Vec<String> = self
            .yaml
            .iter()
            .cloned()
            .chain(sections.into_iter().flatten())
            .collect();
        (!parts.is_empty()).then(|| parts.join("\n"))
    }
}

/// A section of the configuration file on one line: JSON is YAML
fn section(key: &str, declared: &[impl Serialize]) -> Option<String> {
    (!declared.is_empty()).then(|| format!("{key}: {}\n", json!(declared)))
}

impl fmt::Debug for Builder {
    // The configuration may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("endpoint_policy", &self.endpoint_policy)
            .field("principals", &self.principals)
            .field("projects", &self.projects)
            .finish_non_exhaustive()
    }
}
