//! Which files policies were read from, for reports that name them.

use std::{collections::BTreeMap, path::PathBuf};

use iam_policy::PolicyDocument;
use ring::digest;

/// Files by the SHA-256 of their content
#[derive(Debug, Default, Clone)]
pub(crate) struct PolicyFiles(BTreeMap<[u8; 32], PathBuf>);

impl PolicyFiles {
    /// From files with the SHA-256 of their content
    pub(crate) fn new(files: impl IntoIterator<Item = ([u8; 32], PathBuf)>) -> Self {
        Self(files.into_iter().collect())
    }

    /// The file that holds a document and nothing else
    pub(crate) fn of(&self, document: &PolicyDocument) -> Option<String> {
        let file = self.0.get(&sha256(document.text()))?;
        Some(file.display().to_string())
    }
}

/// The hash that identifies a text
pub(crate) fn sha256(text: impl AsRef<[u8]>) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, text.as_ref());
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}
