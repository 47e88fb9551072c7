//! `--import` and `--export-on-exit` of `serve` and `exec`: files with the whole state, read before the first request
//! and written after the last one.

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

/// Why a file with a state was not read; the message follows the name of the file
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

/// The text of a state, from a regular file, or from standard input where the path is `-`. No more than `bytes_max`
/// bytes are read, which is `limits.state_bytes_max`.
///
/// # Errors
/// When it cannot be read, is larger than `bytes_max`, or is not UTF-8.
pub(super) fn read_state(path: &Path, bytes_max: usize) -> Result<String, StateFileError> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        // Checked before opening, because opening a pipe waits for its writer.
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
    /// File that the state is written to at the end, without secrets, however the process ends
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_EXPORT_ON_EXIT")]
    export_on_exit: Option<PathBuf>,
}

impl StateFileOptions {
    /// Reads the state to begin with, of at most `limits.state_bytes_max`, and checks that the state at the end can be
    /// written
    ///
    /// # Errors
    /// With the exit code, after reporting what is wrong.
    pub(super) fn read(&self, bytes_max: usize) -> Result<Option<ImportedState>, u8> {
        if let Some(file) = &self.export_on_exit {
            // Checked now, and not after hours of work.
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

    /// Writes the state at the end, if that is asked for, and returns whether nothing went wrong. Warns of a state that
    /// is larger than `bytes_max`, which is `limits.state_bytes_max`.
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
