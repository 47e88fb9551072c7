//! A folder that stands for a bucket.
//!
//! The names in keys come from clients, so a key leads out of the folder neither by `..` nor by a symbolic link in it.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Component, Path, PathBuf},
};

use super::{ReadLimit, S3Error};

pub(super) fn read(folder: &Path, key: &str, limit: ReadLimit) -> Result<Vec<u8>, S3Error> {
    let path = within(folder, key)?;
    let real = path.canonicalize().map_err(S3Error::Folder)?;
    refuse_outside(folder, &real)?;
    if !real.is_file() {
        return Err(S3Error::NotAFile);
    }
    let ReadLimit { bytes_max, .. } = limit;
    let mut bytes = Vec::new();
    File::open(&real)
        .and_then(|file| file.take(bytes_max as u64 + 1).read_to_end(&mut bytes))
        .map_err(S3Error::Folder)?;
    if bytes.len() > bytes_max {
        return Err(S3Error::TooLarge(limit));
    }
    Ok(bytes)
}

/// Writes an object into the folder, whole or not at all
pub(super) fn write(folder: &Path, key: &str, content: &[u8]) -> Result<(), S3Error> {
    let path = within(folder, key)?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(S3Error::NotAFile);
    };
    // Folders are made one by one, each after the one around it was seen to lie inside.
    let mut made = folder.to_path_buf();
    for part in parent.strip_prefix(folder).map_err(|_| S3Error::NotAFile)? {
        made.push(part);
        match fs::create_dir(&made) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(S3Error::Folder(error)),
            _ => refuse_outside(folder, &made.canonicalize().map_err(S3Error::Folder)?)?,
        }
    }
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{:016x}", fastrand::u64(..)));
    let draft = parent.join(draft);
    let written = File::create_new(&draft)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&draft, &path));
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        S3Error::Folder(error)
    })
}

fn within(folder: &Path, key: &str) -> Result<PathBuf, S3Error> {
    let mut path = folder.to_path_buf();
    for part in key.split('/') {
        let mut components = Path::new(part).components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(name)), None) if name == part => path.push(name),
            _ => return Err(S3Error::NotAFile),
        }
    }
    Ok(path)
}

fn refuse_outside(folder: &Path, real: &Path) -> Result<(), S3Error> {
    let folder = folder.canonicalize().map_err(S3Error::Folder)?;
    if real.starts_with(&folder) {
        Ok(())
    } else {
        Err(S3Error::NotAFile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes_max: usize) -> ReadLimit {
        ReadLimit {
            name: "manifest_bytes_max",
            bytes_max,
        }
    }

    #[test]
    fn an_object_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a/b/c.json", b"one").unwrap();
        write(folder.path(), "a/b/c.json", b"two").unwrap();
        let read = |key: &str, bytes_max| read(folder.path(), key, of(bytes_max));
        assert_eq!(read("a/b/c.json", 3).unwrap(), b"two");
        assert_eq!(
            read("a/b/c.json", 2).unwrap_err().to_string(),
            "it has more than 2 bytes (limits.manifest_bytes_max)"
        );
        assert!(matches!(read("a/b", 9), Err(S3Error::NotAFile)));
        assert!(matches!(read("a/x", 9), Err(S3Error::Folder(_))));
        let left: Vec<_> = fs::read_dir(folder.path().join("a/b")).unwrap().collect();
        assert_eq!(left.len(), 1, "no draft is left");
    }

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("bucket");
        fs::create_dir(&folder).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.join("link")).unwrap();
        for key in [
            "../secret",
            "a/../../secret",
            "/etc/passwd",
            "a//b",
            ".",
            "..",
            "a/.",
            "link/secret",
            "",
        ] {
            assert!(
                matches!(
                    read(&folder, key, of(99)),
                    Err(S3Error::NotAFile | S3Error::Folder(_))
                ),
                "{key}"
            );
            assert!(write(&folder, key, b"x").is_err(), "{key}");
        }
        assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    }
}
