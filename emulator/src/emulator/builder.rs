//! The settings of an emulator in a test.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};
use tracing::warn;

use super::{
    Emulator, StartError,
    declared::{Fault, Principal, Project},
};
use crate::config::{Config, Problem, Problems};

/// The settings of an emulator that is to be started
///
/// With no settings it serves what the binary serves by default, except that it listens on free ports of
/// loopback and keeps its certificate authority in memory. It writes no file unless the configuration asks for one
/// (`certs`, `public_certs`, `state`), and reads neither `emulator.yaml` nor any environment variable.
#[derive(Default)]
pub struct Builder {
    written: Written,
    endpoint_policy: Option<Value>,
    principals: Vec<Principal>,
    projects: Vec<Project>,
    faults: Vec<Fault>,
}

/// A configuration that is not declared in code
#[derive(Default)]
enum Written {
    #[default]
    Nowhere,
    Text(String),
    File(PathBuf),
}

impl Builder {
    /// A configuration, as it would stand in the configuration file, in YAML's block style
    ///
    /// Relative paths start from the working directory, which `cargo test` and `cargo nextest` set to the folder of the
    /// crate under test. In other programs write `concat!(env!("CARGO_MANIFEST_DIR"), "/…")`.
    #[must_use]
    pub fn config_yaml(mut self, yaml: impl Into<String>) -> Self {
        self.written = Written::Text(yaml.into());
        self
    }

    /// The configuration file of a program or a compose file, for a test that shares it; paths in it are relative to it
    ///
    /// Its process settings are ignored: where to listen, where to keep the certificate authority and the state, and
    /// what to log. A relative `path` starts from where those of [`config_yaml`](Self::config_yaml) do.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.written = Written::File(path.into());
        self
    }

    /// The policy of the first configured VPC endpoint, which is the default one unless there is a configuration
    #[must_use]
    pub fn endpoint_policy(mut self, document: Value) -> Self {
        self.endpoint_policy = Some(document);
        self
    }

    /// Somebody who can sign requests; the first one replaces the default user `test`
    ///
    /// Together with this, the text of `config_yaml` must not have `principals`.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principals.push(principal);
        self
    }

    /// A project that is there from the start; the first one replaces the default `myProject`
    ///
    /// Together with this, the text of `config_yaml` must not have `projects`.
    #[must_use]
    pub fn project(mut self, project: Project) -> Self {
        self.projects.push(project);
        self
    }

    /// Something that goes wrong on purpose from the start; a call meets the first fault that strikes
    ///
    /// Together with this, the text of `config_yaml` must not have `faults`.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Binds two free ports of loopback and serves
    ///
    /// # Errors
    /// When the configuration or the policy is not valid, or no port can be bound.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let config = self.config().map_err(StartError)?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        Emulator::start(Arc::new(config)).await
    }

    fn config(&self) -> Result<Config, Problems> {
        let policy = self.endpoint_policy.as_ref();
        let (file, declared) = match &self.written {
            Written::Nowhere => (None, self.with_declared(None)),
            Written::Text(yaml) => (None, self.with_declared(Some(yaml))),
            Written::File(path) => (Some(path), self.with_declared(None)),
        };
        match (file, declared) {
            (None, text) => Config::embedded(text.as_deref(), policy),
            (Some(path), None) => Config::embedded_file(path, policy),
            (Some(path), Some(_)) => Err(Problem::of_process(format!(
                "`{}` is the whole configuration: principals, projects and faults belong into it, or its text into `config_yaml`",
                path.display()
            ))
            .into()),
        }
    }

    /// The configuration as one text, so that what is declared in code is checked and refused in the same way
    fn with_declared(&self, yaml: Option<&String>) -> Option<String> {
        let sections = [
            section("principals", &self.principals),
            section("projects", &self.projects),
            section("faults", &self.faults),
        ];
        let sections = sections.into_iter().flatten();
        let parts: Vec<String> = yaml.cloned().into_iter().chain(sections).collect();
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
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
