//! `--import` and `--export-on-exit` of `serve` and `exec`: files with the whole state, read before the first request and
//! written after the last.

use std::{fs, path::PathBuf};

use clap::Args;

use super::EXIT_USAGE;
use crate::{
    config::in_our_words,
    emulator::ImportedState,
    owner_only,
    runtime::state_document::{NotPut, StateDocument},
};

/// The options for both files
#[derive(Debug, Args)]
pub(super) struct StateFileOptions {
    /// State to begin with, as `state export` writes it; it takes the place of what a state file holds
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_IMPORT")]
    import: Option<PathBuf>,
    /// File that the state is written to at the end, without secrets, however the end comes about
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_EXPORT_ON_EXIT")]
    export_on_exit: Option<PathBuf>,
}

impl StateFileOptions {
    /// Reads the state to begin with, and looks whether that at the end can be written
    ///
    /// # Errors
    /// With the exit code, after it has told what is wrong.
    pub(super) fn read(&self) -> Result<Option<ImportedState>, u8> {
        if let Some(file) = &self.export_on_exit {
            // Not after hours of work.
            owner_only::check_writable(file).map_err(|error| {
                report!(
                    "--export-on-exit: `{}` cannot be written: {error}",
                    file.display()
                );
                EXIT_USAGE
            })?;
        }
        let Some(file) = &self.import else {
            return Ok(None);
        };
        let document = fs::read(file)
            .map_err(|error| in_our_words(&error))
            .and_then(|bytes| {
                StateDocument::parse(&bytes).map_err(|misfit| NotPut::from(misfit).to_string())
            });
        match document {
            Ok(document) => Ok(Some(ImportedState {
                file: file.clone(),
                document,
            })),
            Err(message) => {
                report!("{}: {message}", file.display());
                Err(EXIT_USAGE)
            }
        }
    }

    /// Writes the state at the end, where that is asked for; whether nothing went wrong
    pub(super) fn write(&self, state: impl FnOnce() -> String) -> bool {
        let Some(file) = &self.export_on_exit else {
            return true;
        };
        match owner_only::write_whole(file, state().as_bytes()) {
            Ok(()) => true,
            Err(error) => {
                report!("the state could not be written to `{}`: {error}", file.display());
                false
            }
        }
    }
}
