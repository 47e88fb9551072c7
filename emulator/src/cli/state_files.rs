//! `--import` and `--export-on-exit` of `serve` and `exec`: files with the whole state, read before the first request and
//! written after the last.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;

use super::EXIT_USAGE;
use crate::{
    config::{
        in_our_words,
        text_file::{self, EncodingError},
    },
    emulator::ImportedState,
    owner_only,
    runtime::state_document::{NotPut, StateDocument, not_importable},
};

/// A file with a state is not read; the sentence goes on after the file's name
#[derive(Debug, thiserror::Error)]
pub(super) enum StateFileError {
    #[error("{}", in_our_words(.0))]
    Unreadable(#[from] io::Error),
    /// A pipe or a device, which may have no end
    #[error("it is not a regular file; `-` is standard input")]
    NotRegular,
    #[error("it has more than {bytes_max} bytes (limits.state_bytes_max)")]
    TooLarge { bytes_max: usize },
    #[error("it {0}")]
    Encoding(#[from] EncodingError),
}

/// The text of a state in a regular file, or of standard input where the path is `-`; no more is read than `bytes_max`,
/// which is `limits.state_bytes_max`
///
/// # Errors
/// When it cannot be read, is larger, or is no text in UTF-8.
pub(super) fn read_state(path: &Path, bytes_max: usize) -> Result<String, StateFileError> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        // Before it is opened: that waits for whoever writes to a pipe.
        if !path.metadata()?.is_file() {
            return Err(StateFileError::NotRegular);
        }
        Box::new(File::open(path)?)
    };
    let mut bytes = Vec::new();
    input.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(StateFileError::TooLarge { bytes_max });
    }
    Ok(text_file::decode(bytes)?)
}

/// The options for both files
#[derive(Debug, Args)]
pub(super) struct StateFileOptions {
    /// State to begin with, as `state export` writes it; it takes the place of what a state file holds; `-` for standard
    /// input
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_IMPORT")]
    import: Option<PathBuf>,
    /// File that the state is written to at the end, without secrets, however the end comes about
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_EXPORT_ON_EXIT")]
    export_on_exit: Option<PathBuf>,
}

impl StateFileOptions {
    /// Reads the state to begin with, of `limits.state_bytes_max` at most, and looks whether that at the end can be written
    ///
    /// # Errors
    /// With the exit code, after it has told what is wrong.
    pub(super) fn read(&self, bytes_max: usize) -> Result<Option<ImportedState>, u8> {
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
        let document = read_state(file, bytes_max)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                StateDocument::parse(text.as_bytes()).map_err(|misfit| NotPut::from(misfit).to_string())
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

    /// Writes the state at the end, where that is asked for, and says when it is larger than `bytes_max`, which is
    /// `limits.state_bytes_max`; whether nothing went wrong
    pub(super) fn write(&self, bytes_max: usize, state: impl FnOnce() -> String) -> bool {
        let Some(file) = &self.export_on_exit else {
            return true;
        };
        let state = state();
        if state.len() > bytes_max {
            report!("{}: {}", file.display(), not_importable(state.len(), bytes_max));
        }
        match owner_only::write_whole(file, state.as_bytes()) {
            Ok(()) => true,
            Err(error) => {
                report!("the state could not be written to `{}`: {error}", file.display());
                false
            }
        }
    }
}
