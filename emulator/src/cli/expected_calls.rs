//! The file of expected calls that `exec --verify` reads before it starts anything.

use std::{fs, path::Path};

use client_text::json::{Object, pointer, with_meant_member};

use crate::{journal::verification::Verification, services::operation_names};

/// Reads a file of expected calls
///
/// # Errors
/// With the file and the place of the mistake.
pub(super) fn read(path: &Path) -> Result<Verification, String> {
    let file = path.display();
    let bytes = fs::read(path).map_err(|error| format!("{file}: {error}"))?;
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let Object(expected) =
        serde_path_to_error::deserialize::<_, Object<Verification>>(&mut reader).map_err(|error| {
            format!(
                "{file}: {}: {}",
                pointer(error.path()),
                with_meant_member(error.inner().to_string())
            )
        })?;
    reader.end().map_err(|error| format!("{file}: {error}"))?;
    match expected.check(&operation_names()) {
        Ok(()) => Ok(expected),
        Err(error) => Err(format!("{file}: {}: {error}", error.path)),
    }
}
