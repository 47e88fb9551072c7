//! A state file is made under a temporary name, and gets its own name when it is complete and on the disk.
//!
//! So however early a first start is killed, the next one finds either no state file or a complete one; and where a
//! file is made anew, it finds either the old one or the new one. What was left under the temporary name is
//! overwritten. Only the holder of the temporary file's lock may give it its name.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    StorageError,
    database::{Content, Database, Opener},
};
use crate::owner_only;

/// How far the making of a state file has come
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is a temporary file, with nothing in it
    Begun,
    /// Everything is in the temporary file, and on the disk
    Written,
    /// The file has its own name
    Named,
    /// The folder with the name is on the disk
    Done,
}

/// What may exist under the name already
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing; a file that another emulator has made meanwhile stays
    Nothing,
    /// A file that is ours, open and locked, and is to be replaced
    OurFile,
}

/// Makes a state file
///
/// `reached` is called after each step. `None`: another emulator has made the file meanwhile.
///
/// # Errors
/// When another emulator is about to make it, or it cannot be written.
pub(super) fn make(
    path: &Path,
    opener: &Opener,
    before: Before,
    content: &Content,
    mut reached: impl FnMut(Step),
) -> Result<Option<Database>, StorageError> {
    let failed = |error| StorageError::NotMade {
        path: path.to_path_buf(),
        error,
    };
    let temporary = temporary(path);
    let file = begin(&temporary).map_err(failed)?;
    reached(Step::Begun);
    // Nobody else gives a file this name now: that takes the lock, which is ours.
    if before == Before::Nothing && path.symlink_metadata().is_ok() {
        forget(path);
        return Ok(None);
    }
    let mut made = || {
        let database = Database::make(path, file.try_clone().map_err(failed)?, opener, content)?;
        file.sync_all().map_err(failed)?;
        reached(Step::Written);
        fs::rename(&temporary, path).map_err(failed)?;
        reached(Step::Named);
        sync_folder(path).map_err(failed)?;
        reached(Step::Done);
        Ok(Some(database))
    };
    made().inspect_err(|_| forget(path))
}

/// Removes what was left under the temporary name of a file that is ours
pub(super) fn forget(path: &Path) {
    // It is in nobody's way, and most often not there.
    let _ = fs::remove_file(temporary(path));
}

/// The path of a state file while it is being made
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".being-made");
    path.with_file_name(name)
}

/// An empty file that is locked, and still has its name
fn begin(temporary: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        if temporary.is_symlink() {
            break;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = owner_only::open(&mut options, temporary)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another emulator is making it at this moment"));
            }
            // The database asks for its lock later, and says what is wrong with it.
            Err(TryLockError::Error(_)) => {}
        }
        // Before it was locked, somebody else may have given it its name, or put something else in its place.
        let (named, opened) = (temporary.symlink_metadata(), file.metadata()?);
        let is_the_same = |named: fs::Metadata| (named.dev(), named.ino()) == (opened.dev(), opened.ino());
        if named.is_ok_and(is_the_same) {
            // Its content was left by a start that was killed before the file had its name.
            file.set_len(0)?;
            return Ok(file);
        }
    }
    Err(io::Error::other(format!(
        "`{}` is in the way, remove it",
        temporary.display()
    )))
}

/// Writes the names in a folder to the disk: until then, a crash of the machine may undo a new one
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Two emulators that start at the same moment get out of each other's way within one attempt
const ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use std::{
        env,
        os::unix::fs::PermissionsExt,
        process::{Command, abort},
    };

    use super::{
        super::{database::open_file, testing},
        *,
    };

    fn open(path: &Path) -> Result<Option<Database>, StorageError> {
        make(path, &open_file, Before::Nothing, &Content::empty(), |_| {})
    }

    /// The names in a folder
    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    const STEPS: [Step; 4] = [Step::Begun, Step::Written, Step::Named, Step::Done];
    const DIES_AT: &str = "MAKING_A_STATE_FILE_DIES_AT";

    #[test]
    fn a_first_start_that_dies_at_any_step_is_in_nobodys_way() {
        const TEST: &str =
            "storage::state_file::making::tests::a_first_start_that_dies_at_any_step_is_in_nobodys_way";
        if let Ok(death) = env::var(DIES_AT) {
            let (step, path) = death.split_once(' ').unwrap();
            let die = |reached| {
                if format!("{reached:?}") == step {
                    abort()
                }
            };
            let _ = make(
                Path::new(path),
                &open_file,
                Before::Nothing,
                &Content::empty(),
                die,
            );
            panic!("it lives on");
        }
        for step in STEPS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state");
            let mut child = Command::new(env::current_exe().unwrap());
            child
                .args(["--exact", TEST])
                .env(DIES_AT, format!("{step:?} {}", path.display()));
            let died = child.output().unwrap();
            assert_eq!(died.status.code(), None, "{died:?}");
            let is_named = matches!(step, Step::Named | Step::Done);
            assert_eq!(path.exists(), is_named, "{step:?}");
            testing::keeps_what_is_committed(&path);
            assert_eq!(names(folder.path()), ["state"], "{step:?}");
        }
    }

    #[test]
    fn whatever_a_start_has_left_under_the_temporary_name_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        drop(open(&path).unwrap());
        let whole = fs::read(&path).unwrap();
        // The header of the database is in its first 320 bytes.
        for length in [0, 1, 9, 64, 319, 320, whole.len() / 2, whole.len()] {
            fs::remove_file(&path).unwrap();
            fs::write(temporary(&path), &whole[..length]).unwrap();
            testing::keeps_what_is_committed(&path);
            assert_eq!(names(folder.path()), ["state"]);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn of_two_that_make_it_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut second = None;
        let first = make(&path, &open_file, Before::Nothing, &Content::empty(), |step| {
            if step == Step::Begun {
                second = Some(open(&path).err().unwrap().to_string());
            }
        });
        assert!(first.unwrap().is_some());
        let second = second.unwrap();
        assert!(
            second.ends_with("state` cannot be made: another emulator is making it at this moment"),
            "{second}"
        );
        // The third comes too late, and leaves what is there as it is.
        assert!(open(&path).unwrap().is_none());
        assert_eq!(names(folder.path()), ["state"]);
    }

    #[test]
    fn a_link_under_the_temporary_name_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, temporary(&path)).unwrap();
        let problem = open(&path).err().unwrap().to_string();
        assert!(
            problem.ends_with("state.being-made` is in the way, remove it"),
            "{problem}"
        );
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}
