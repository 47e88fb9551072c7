//! Rules and scenarios, changed while the emulator runs.

use std::collections::BTreeMap;

use aws_identifiers::IdentifierError;
use serde_json::{Value, json};

use super::{Emulator, Rule, state::before_message};
use crate::runtime::rules::{ModelName, NotChanged};

/// A model by project and version, for every Region or for one: `("myProject", "1")`, `("myProject", "1", "us-west-2")`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    project: String,
    version: String,
    region: Option<String>,
}

/// Rules, or the state of a scenario, were not changed; everything is as it was
#[derive(Debug, thiserror::Error)]
pub enum RuleChangeError {
    /// The configuration could not have such a rule
    #[error("InvalidRules: {}{message}", before_message(.path))]
    InvalidRules {
        /// JSON Pointer of the first mistake, relative to the list
        path: String,
        /// What is wrong
        message: String,
    },
    /// There is no such project, rule or scenario, and cannot be
    #[error("{0}")]
    Unknown(String),
    /// There would be more than a limit allows
    #[error("{0}")]
    TooMany(String),
    /// The change cannot be persisted
    #[error("the state file was not written: {0}")]
    StateNotWritten(String),
}

impl From<(&str, &str)> for ModelRef {
    fn from((project, version): (&str, &str)) -> Self {
        Self {
            project: project.to_owned(),
            version: version.to_owned(),
            region: None,
        }
    }
}

impl From<(&str, &str, &str)> for ModelRef {
    fn from((project, version, region): (&str, &str, &str)) -> Self {
        Self {
            region: Some(region.to_owned()),
            ..Self::from((project, version))
        }
    }
}

impl From<NotChanged> for RuleChangeError {
    fn from(error: NotChanged) -> Self {
        let message = error.to_string();
        match error {
            NotChanged::Mistakes(mistakes) => Self::InvalidRules {
                path: mistakes
                    .into_iter()
                    .next()
                    .map_or_else(String::new, |mistake| mistake.path),
                message,
            },
            NotChanged::Unknown(_) => Self::Unknown(message),
            NotChanged::TooMany(_) => Self::TooMany(message),
            NotChanged::NotWritten(error) => Self::StateNotWritten(error.to_string()),
        }
    }
}

impl ModelRef {
    fn name(&self) -> Result<ModelName, RuleChangeError> {
        let invalid = |error: IdentifierError| RuleChangeError::Unknown(error.to_string());
        Ok(ModelName {
            project: self.project.parse().map_err(invalid)?,
            version: self.version.parse().map_err(invalid)?,
            region: self
                .region
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(invalid)?,
        })
    }
}

impl Emulator {
    /// Replaces the rules of a model, from the next call on
    ///
    /// # Errors
    /// With the first mistake in them; when there is no such project or no room; and when the state file cannot be
    /// written. The previous rules then stay in force.
    pub fn set_rules<R: Into<Rule>>(
        &self,
        model: impl Into<ModelRef>,
        rules: impl IntoIterator<Item = R>,
    ) -> Result<(), RuleChangeError> {
        let rules: Vec<Rule> = rules.into_iter().map(Into::into).collect();
        self.shared
            .space
            .put_rules(&model.into().name()?, &json!(rules))?;
        Ok(())
    }

    /// Puts one rule in front of all others of a model, from the next call on, and returns the id that the journal
    /// gives it
    ///
    /// ```
    /// # use lookoutvision_emulator::{Answer, Emulator, Rule};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().start().await?;
    /// let busy = Rule::new(Answer::error("ThrottlingException", "Rate exceeded")).when_call(..=2);
    /// let id = emulator.add_rule(("myProject", "1"), busy)?;
    /// assert_eq!(id, "r-1");
    /// emulator.remove_rule(("myProject", "1"), &id)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`set_rules`](Self::set_rules).
    pub fn add_rule(
        &self,
        model: impl Into<ModelRef>,
        rule: impl Into<Rule>,
    ) -> Result<String, RuleChangeError> {
        let rule: Value = json!(rule.into());
        let added = self.shared.space.add_rule(&model.into().name()?, rule)?;
        Ok(added.id.map(|id| id.to_string()).unwrap_or_default())
    }

    /// Removes one rule that was put
    ///
    /// # Errors
    /// When there is none of this id, or the state file cannot be written.
    pub fn remove_rule(&self, model: impl Into<ModelRef>, id: &str) -> Result<(), RuleChangeError> {
        let id = id.parse().map_err(RuleChangeError::Unknown)?;
        Ok(self.shared.space.remove_rule(&model.into().name()?, id)?)
    }

    /// Goes back to the model's rules of the configuration
    ///
    /// # Errors
    /// When there is no such project, or the state file cannot be written.
    pub fn restore_rules(&self, model: impl Into<ModelRef>) -> Result<(), RuleChangeError> {
        Ok(self.shared.space.restore_rules(&model.into().name()?)?)
    }

    /// The state of each scenario that was set, or that a rule names
    pub fn scenarios(&self) -> BTreeMap<String, String> {
        self.shared.space.scenario_states()
    }

    /// Puts a scenario into a state, from the next call on
    ///
    /// # Errors
    /// When there are too many scenarios, or the state file cannot be written.
    pub fn set_scenario(&self, name: &str, state: &str) -> Result<(), RuleChangeError> {
        Ok(self.shared.space.set_scenario(name, state)?)
    }

    /// Puts a scenario back to `Started`
    ///
    /// # Errors
    /// When there is no such scenario, or the state file cannot be written.
    pub fn reset_scenario(&self, name: &str) -> Result<(), RuleChangeError> {
        Ok(self.shared.space.reset_scenario(name)?)
    }
}
