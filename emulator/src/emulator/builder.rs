//! What an emulator in a test is to be like.

use std::sync::Arc;

use serde_json::Value;
use tracing::warn;

use super::{Emulator, StartError};
use crate::config::Config;

/// What an emulator is to be like
///
/// With no settings it serves what the binary serves by default, except that it listens on free ports of
/// loopback and keeps its certificate authority in memory.
#[derive(Debug, Default)]
pub struct Builder {
    yaml: Option<String>,
    endpoint_policy: Option<Value>,
}

impl Builder {
    /// A configuration, as it would stand in the configuration file
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

    /// Binds two free ports of loopback and serves
    ///
    /// # Errors
    /// When the configuration or the policy is not valid, or no port can be bound.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let config = Config::embedded(self.yaml.as_deref(), self.endpoint_policy.as_ref());
        let config = config.map_err(StartError)?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        Emulator::start(Arc::new(config)).await
    }
}
