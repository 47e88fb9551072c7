//! The files that a configuration names: read under a limit, remembered so that they can be watched.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::text_file::{self, NOT_A_PATH};
use crate::settings::sha256;

/// A file that a configuration was read from, in its version just before the reading
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedFile {
    path: PathBuf,
    version: Version,
}

/// One version of a file
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    /// `None`: it was not there
    state: Option<FileState>,
    /// SHA-256 of the content; `None`: it was not read
    sha256: Option<[u8; 32]>,
}

/// What tells one version of a file from the next without reading it; a change of permissions counts too
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl NamedFile {
    /// Where the file is, or should be
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the content; `None`: it was not read
    pub(crate) fn sha256(&self) -> Option<[u8; 32]> {
        self.version.sha256
    }

    /// Its state just before it was read
    pub(super) fn state(&self) -> Option<&FileState> {
        self.version.state.as_ref()
    }

    /// Its state now
    pub(super) fn state_now(&self) -> Option<FileState> {
        FileState::of(&self.path)
    }

    /// Whether it has changed, appeared or gone since it was read
    pub(super) fn has_changed(&self) -> bool {
        self.state_now().as_ref() != self.state()
    }
}

/// Whether they are the same files with the same content
pub(super) fn say_the_same(files: &[NamedFile], others: &[NamedFile]) -> bool {
    let content = |file: &NamedFile| (file.path.clone(), file.version.sha256);
    files.iter().map(content).eq(others.iter().map(content))
}

/// The paths of these files, for a message
pub(super) fn listed<'f>(files: impl Iterator<Item = &'f NamedFile>) -> String {
    let paths: Vec<String> = files.map(|file| format!("`{}`", file.path.display())).collect();
    paths.join(", ")
}

impl FileState {
    /// `None` when it is not there
    fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Why a file was not read
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The path is a document instead
    Document,
    /// Any other reason, in a sentence that names the file
    Because(String),
}

impl Unreadable {
    /// The message where only a path is allowed
    pub(super) fn in_a_file(self) -> String {
        self.or_else("put it into a file and name that")
    }

    /// The message where the document itself is allowed, too
    pub(super) fn in_a_file_or_inline(self) -> String {
        self.or_else("write it as a mapping (no quotes, no `|`), or put it into a file and name that")
    }

    fn or_else(self, what_to_do: &str) -> String {
        match self {
            Self::Document => format!("{NOT_A_PATH}; {what_to_do}"),
            Self::Because(message) => message,
        }
    }
}

/// Reads files, relative to the configuration file's folder, and keeps their names
#[derive(Debug)]
pub(super) struct Files {
    base: PathBuf,
    named: RefCell<BTreeMap<PathBuf, Version>>,
}

impl Files {
    /// Reads files beside `config`, or in the working directory
    pub(super) fn beside(config: Option<&Path>) -> Self {
        let base = config
            .and_then(Path::parent)
            .map(Path::to_path_buf)
            .unwrap_or_default();
        Self {
            base,
            named: RefCell::default(),
        }
    }

    /// The folder that paths are relative to; empty for the working directory
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The text of a file that the configuration names
    pub(super) fn read_text(&self, file: &Path) -> Result<String, Unreadable> {
        let bytes = self.read(file, TEXT_BYTES_MAX)?;
        text_file::decode(bytes).map_err(|error| Unreadable::Because(format!("`{}` {error}", file.display())))
    }

    /// The bytes of a recorded answer
    pub(super) fn read_answer(&self, file: &Path) -> Result<Vec<u8>, Unreadable> {
        self.read(file, ANSWER_BYTES_MAX).map(text_file::without_mark)
    }

    /// Every file that was asked for, even if it could not be read: it may appear later
    pub(super) fn into_named(self) -> Vec<NamedFile> {
        let named = self.named.into_inner().into_iter();
        named.map(|(path, version)| NamedFile { path, version }).collect()
    }

    fn read(&self, file: &Path, bytes_max: u64) -> Result<Vec<u8>, Unreadable> {
        // Taken before the file is read: a change during the reading counts as one.
        let state = FileState::of(file);
        let bytes = Self::read_bytes(file, bytes_max);
        let sha256 = bytes.as_ref().ok().map(sha256);
        let version = Version { state, sha256 };
        // A file that is named twice is read twice; the first version is kept, so a change in between counts as one.
        self.named
            .borrow_mut()
            .entry(file.to_path_buf())
            .or_insert(version);
        bytes.map_err(|message| {
            let written = file.strip_prefix(&self.base).unwrap_or(file);
            match written.to_str() {
                Some(written) if !file.exists() && text_file::is_document(written) => Unreadable::Document,
                _ => Unreadable::Because(message),
            }
        })
    }

    fn read_bytes(file: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
        let complain = |why: &str| format!("`{}` cannot be read: {why}", file.display());
        let mut bytes = Vec::new();
        // A pipe could be read only once, and a reload would wait for it for ever.
        let metadata = file.metadata().map_err(|error| complain(&in_our_words(&error)))?;
        if !metadata.is_file() {
            return Err(complain(if metadata.is_dir() {
                "it is a folder"
            } else {
                "it is not a regular file"
            }));
        }
        File::open(file)
            .and_then(|opened| opened.take(bytes_max + 1).read_to_end(&mut bytes))
            .map_err(|error| complain(&in_our_words(&error)))?;
        if bytes.len() as u64 > bytes_max {
            return Err(complain(&format!("it has more than {bytes_max} bytes")));
        }
        Ok(bytes)
    }
}

/// Why a file cannot be read
pub(crate) fn in_our_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is not a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// Bytes of a configuration file or a policy; AWS's largest policy has 20,480 characters
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a recorded answer: room for the API model's largest mask (5,242,880 bytes) in base64, and for the rest of
/// the answer
const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;
