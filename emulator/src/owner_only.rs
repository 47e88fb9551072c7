//! Files and folders that are their owner's alone: modes 0600 and 0700, whatever the umask takes away or leaves.
//!
//! The mode is asked for when the file is made, so that there is no moment in which others can read it, and set again
//! afterwards, because the umask may have taken rights from the owner as well.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Opens a file by `options`; one that is made by this has mode 0600, and one that is there gets it where that can be
///
/// # Errors
/// As [`OpenOptions::open`].
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(FILE_MODE);
    let file = options.open(path)?;
    // A file system without permissions refuses this, and a file of somebody else who lets us write keeps its mode. So
    // does what is no file, such as a device that a link leads to: everybody on the machine needs it.
    let _ = file
        .metadata()
        .and_then(|metadata| match restricted(&metadata, FILE_MODE) {
            Some(permissions) if metadata.is_file() => file.set_permissions(permissions),
            _ => Ok(()),
        });
    Ok(file)
}

/// Writes a file with mode 0600, whole or not at all: beside its place, and then there
///
/// Where a link leads to a file, or to none yet, that file is written, and the link stays. What is no file, such as a device, is written to.
///
/// # Errors
/// When it cannot be written; a file that was there before still is then.
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

/// Whether [`write_whole`] can write a file, as far as that can be known before
///
/// # Errors
/// With the reason why not: it is there and no file, or nothing can be made in its folder.
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
    // As it will be written: beside its place.
    temporary_in(folder.unwrap_or(Path::new("."))).map(drop)
}

/// A file of a name of its own in a folder
fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    // `NamedTempFile::new_in` names the temporary file in its errors; whoever asked names the file that was meant.
    tempfile::Builder::new().make_in(folder, |path| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)
    })
}

/// Where links lead, also to a file that is not there yet
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

/// Makes a folder and those that it lies in, as far as they are missing, each with mode 0700
///
/// A folder that is there already keeps its mode: whoever made it decided who can look into it.
///
/// # Errors
/// When one of them cannot be made, or is there and no folder.
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

/// Links that are followed one after the other, as Linux does (path_resolution(7))
const LINKS_MAX: usize = 40;
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
