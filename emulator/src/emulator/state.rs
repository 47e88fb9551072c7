//! The whole state, for tests that start from where another one ended.

use std::path::PathBuf;

use serde_json::Value;

use super::Emulator;
use crate::runtime::state_document::{LeftOut, NotPut, Secrets, StateDocument};

/// A state to begin with
pub(crate) struct ImportedState {
    /// The file that it was read from
    pub(crate) file: PathBuf,
    pub(crate) document: StateDocument,
}

/// A state was not put in force; everything is as it was
#[derive(Debug, thiserror::Error)]
pub enum StateChangeError {
    /// It is no state, or the configuration has no room for it
    #[error("InvalidState: {}{message}", before_message(.path))]
    InvalidState {
        /// JSON Pointer of the mistake
        path: String,
        /// What is wrong
        message: String,
    },
    /// The state cannot be persisted
    #[error("the state file was not written: {0}")]
    StateNotWritten(String),
}

impl From<NotPut> for StateChangeError {
    fn from(error: NotPut) -> Self {
        match error {
            NotPut::Misfit(misfit) => Self::InvalidState {
                path: misfit.path,
                message: misfit.message,
            },
            NotPut::NotWritten(error) => Self::StateNotWritten(error.to_string()),
        }
    }
}

impl Emulator {
    /// Everything that calls have made and changed: projects, datasets, models, endpoints and their policies, role sessions,
    /// how often models were called, and the clock
    ///
    /// Role sessions are in it without their secrets. [`set_state`](Self::set_state) of the same emulator accepts them
    /// like that; that of another emulator leaves them out.
    ///
    /// ```
    /// # use lookoutvision_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().start().await?;
    /// let before = emulator.state();
    /// // … a test changes things …
    /// emulator.set_state(&before)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn state(&self) -> Value {
        self.state_value(Secrets::LeftOut)
    }

    /// As [`state`](Self::state), with the secrets of role sessions
    pub fn state_with_secrets(&self) -> Value {
        self.state_value(Secrets::Included)
    }

    /// Puts a whole state in force, from the next request on, and returns what had to be left out of it
    ///
    /// # Errors
    /// With the place of the first mistake, when a part of it is not understood or has no room in the configuration;
    /// and when the state file cannot be written. Everything is then as it was.
    pub fn set_state(&self, state: &Value) -> Result<Vec<LeftOut>, StateChangeError> {
        let document = StateDocument::parse(state.to_string().as_bytes()).map_err(NotPut::Misfit)?;
        Ok(self.shared.space.put_state(document)?)
    }

    /// A function that writes the state as a text, even when the emulator has stopped
    pub(crate) fn state_writer(&self) -> impl Fn() -> String + Send + 'static {
        let space = self.shared.space.clone();
        move || space.state_document(Secrets::LeftOut).to_text()
    }

    fn state_value(&self, secrets: Secrets) -> Value {
        let text = self.shared.space.state_document(secrets).to_text();
        serde_json::from_str(&text).expect("it is JSON")
    }
}

/// The prefix of a message about the place at this path; empty for a message about the whole
pub(super) fn before_message(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!("{path}: "),
    }
}
