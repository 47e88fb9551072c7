//! Files and folders that only their owner can use: modes 0600 and 0700, whatever the umask is.
//!
//! The mode is given when the file is created, so that others cannot read it even for a moment, and set again
//! afterwards, because the umask may have taken rights from the owner as well.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Opens a file with `options`; a new file has mode 0600, and an existing one gets it where that is possible
///
/// # Errors
/// As [`OpenOptions::open`].
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(FILE_MODE);
    let file = options.open(path)?;
    // A file system without permissions refuses this, and a writable file of somebody else keeps its mode. So does
    // anything that is no regular file, such as a device that a link leads to: everybody on the machine needs it.
    let _ = file
        .metadata()
        .and_then(|metadata| match restricted(&metadata, FILE_MODE) {
            Some(permissions) if metadata.is_file() => file.set_permissions(permissions),
            _ => Ok(()),
        });
    Ok(file)
}

/// Writes a file with mode 0600, whole or not at all: into a temporary file beside it, which then takes its place
///
/// A link is followed, even to a file that does not exist yet, and stays. Anything that is no regular file, such as a
/// device, is written to directly.
///
/// # Errors
/// When it cannot be written; an existing file is then still there.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = followed(path);
    if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
        return fs::write(&target, content);
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Its mode is 0600 from the beginning.
    let mut file = temporary_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

/// Checks whether [`write_whole`] can write a file, as far as that can be known in advance
///
/// # Errors
/// With the reason why not: it exists and is no file, or nothing can be created in its folder.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    let target = followed(path);
    match fs::metadata(&target) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(io::Error::other("it is there, and is no file"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    // The temporary file of `write_whole` will be created here.
    temporary_in(folder.unwrap_or(Path::new("."))).map(drop)
}

/// A file with a unique name in a folder
fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    // `NamedTempFile::new_in` names the temporary file in its errors; the caller names the file that was meant.
    tempfile::Builder::new().make_in(folder, |path| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)
    })
}

/// The path that links lead to, even if no file is there yet
fn followed(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(link) = fs::read_link(&target) else {
            break;
        };
        let folder = target.parent().unwrap_or(Path::new(""));
        target = folder.join(link);
    }
    fs::canonicalize(&target).unwrap_or(target)
}

/// Creates a folder and those of its parents that are missing, each with mode 0700
///
/// A folder that is there already keeps its mode: whoever made it decided who can look into it.
///
/// # Errors
/// When one of them cannot be created, or exists and is no folder.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    let mut builder = DirBuilder::new();
    builder.mode(FOLDER_MODE);
    match builder.create(path) {
        Ok(()) => {
            // As with files.
            let _ = fs::metadata(path).and_then(|metadata| match restricted(&metadata, FOLDER_MODE) {
                Some(permissions) => fs::set_permissions(path, permissions),
                None => Ok(()),
            });
            Ok(())
        }
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The permissions that give a file this mode; `None` when it has it
fn restricted(metadata: &fs::Metadata, mode: u32) -> Option<fs::Permissions> {
    (metadata.permissions().mode() & 0o7777 != mode).then(|| fs::Permissions::from_mode(mode))
}

/// The most links that are followed in a row, as on Linux (path_resolution(7))
const LINKS_MAX: usize = 40;
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
