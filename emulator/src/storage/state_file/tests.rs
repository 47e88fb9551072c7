use std::{fmt::Debug, sync::atomic::Ordering};

use redb::{Database, ReadableDatabase, TableDefinition, TableHandle};

use super::{database::ABOUT, *};

/// A state file with nothing in it but its format
fn of_format<V: redb::Value + 'static>(
    path: &Path,
    about: TableDefinition<'_, &'static str, V>,
    format: V::SelfType<'_>,
) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(about)
        .unwrap()
        .insert("format", format)
        .unwrap();
    transaction.commit().unwrap();
}

#[track_caller]
fn is_refused_and_left_alone(path: &Path, expected: &str) {
    let problem = StateFile::open(path).err().unwrap().to_string();
    assert!(
        problem.contains(&format!(
            "is a state file of another version {expected}: start the emulator that wrote it, or "
        )),
        "{problem}"
    );
    let database = Database::create(path).unwrap();
    let transaction = database.begin_read().unwrap();
    assert_eq!(transaction.list_tables().unwrap().count(), 1);
}

#[test]
fn the_present_format_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    testing::keeps_what_is_committed(&folder.path().join("state"));
}

#[test]
fn an_empty_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    fs::write(&path, "").unwrap();
    let problem = StateFile::open(&path).err().unwrap().to_string();
    assert!(
        problem.ends_with("state` is empty, which a state file never is: remove it, or name another file"),
        "{problem}"
    );
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_link_leads_to_the_state_file_also_before_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("state");
    fs::create_dir(folder.path().join("volume")).unwrap();
    std::os::unix::fs::symlink("volume/state", &link).unwrap();
    testing::keeps_what_is_committed(&link);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(folder.path().join("volume/state").is_file());
}

#[test]
fn a_database_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let about: TableDefinition<'_, &str, u64> = TableDefinition::new("theirs");
    of_format(&path, about, 2);
    is_refused_and_left_alone(&path, "(none; this is version 4)");
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    of_format(&path, ABOUT, b"9");
    is_refused_and_left_alone(&path, "(9; this is version 4)");
}

#[test]
fn the_format_before_checksums_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    of_format(&path, ABOUT, b"3");
    is_refused_and_left_alone(&path, "(3; this is version 4)");
}

#[test]
fn a_format_that_was_a_number_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let about: TableDefinition<'_, &str, u64> = TableDefinition::new(ABOUT.name());
    of_format(&path, about, 2);
    is_refused_and_left_alone(&path, "(1 or 2; this is version 4)");
}

#[test]
fn the_file_is_its_owners_only_also_if_it_was_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(StateFile::open(&path).unwrap());
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    drop(StateFile::open(&path).unwrap());
    assert_eq!(mode(), 0o600);
}

#[test]
fn what_is_no_state_file_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (empty, foreign) = (folder.path().join("empty"), folder.path().join("foreign"));
    fs::write(&empty, "").unwrap();
    fs::write(&foreign, "somebody else's notes\n".repeat(1_000)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    for (path, mode, problem) in [
        (
            &inner,
            0o755,
            "inner` is a folder, a device or a pipe, and the state is kept in a file: name another one",
        ),
        (
            &socket,
            0o666,
            "socket` is a folder, a device or a pipe, and the state is kept in a file: name another one",
        ),
        (
            &link,
            0o666,
            "socket` is a folder, a device or a pipe, and the state is kept in a file: name another one",
        ),
        (&empty, 0o644, "name another file"),
        (&foreign, 0o644, "foreign` is no state file"),
    ] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let error = StateFile::open(path).err().unwrap().to_string();
        assert!(error.contains(problem), "{error}");
        let found = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
}

/// Some records in every table, and one that is longer than the database's pages are
fn some_changes() -> Vec<RecordChange> {
    let lines = "line of a manifest\n".repeat(1_000);
    let records =
        |table| (0..6).map(move |number| RecordChange::put(table, format!("key-{number}"), &number));
    let mut changes: Vec<_> = Table::ALL.into_iter().flat_map(records).collect();
    changes.push(RecordChange::put(Table::Datasets, "long", &lines));
    changes
}

/// State files that were left by an emulator that was killed, by one that was stopped, and by one that was killed right
/// after its start; and the records in them
fn images(folder: &Path) -> (Vec<Vec<u8>>, Records) {
    let path = folder.join("state");
    let file = StateFile::open(&path).unwrap();
    file.commit(&some_changes).unwrap();
    // The state before this one must not come back.
    file.commit(&|| {
        let mut changes = vec![RecordChange::remove(Table::Projects, "key-0")];
        changes.extend(Table::ALL.map(|table| RecordChange::put(table, "key-1", &"acknowledged last")));
        changes
    })
    .unwrap();
    let records = file.load().unwrap();
    let killed = fs::read(&path).unwrap();
    drop(file);
    let stopped = fs::read(&path).unwrap();
    let _started = StateFile::open(&path).unwrap();
    (vec![killed, stopped, fs::read(&path).unwrap()], records)
}

/// Opens damaged state files; each is refused by name, or has what was in it
struct Damage {
    path: PathBuf,
    expected: Records,
    refused: usize,
    unchanged: usize,
}

impl Damage {
    fn of(folder: &Path, expected: Records) -> Self {
        Self {
            path: folder.join("state"),
            expected,
            refused: 0,
            unchanged: 0,
        }
    }

    #[track_caller]
    fn check(&mut self, image: &[u8], damage: &dyn Debug) {
        let opened = StateFile::open_with(&self.path, testing::in_memory(image));
        let found = opened.and_then(|file| {
            let found = file.load()?;
            // It also accepts another change, which is there afterwards, or refuses it.
            file.commit(&|| vec![RecordChange::put(Table::Projects, "key-9", &9)])?;
            let mut after = file.load()?;
            let (_, last) = after.tables.get_mut(&Table::Projects).unwrap().pop().unwrap();
            assert_eq!(last, b"9", "{damage:?}");
            assert!(after.tables == found.tables, "{damage:?} is not all of it");
            Ok(found)
        });
        match found {
            Ok(found) => {
                assert!(
                    found.tables == self.expected.tables,
                    "{damage:?} led to other records"
                );
                self.unchanged += 1;
            }
            Err(error) => {
                let error = error.to_string();
                let begin = format!("`{}` is", self.path.display());
                assert!(error.starts_with(&begin), "{damage:?}: {error}");
                assert!(error.contains("move it away"), "{damage:?}: {error}");
                self.refused += 1;
            }
        }
    }

    /// Both outcomes must be frequent, or the test would show nothing
    #[track_caller]
    fn came_to_both(&self) {
        let Self {
            refused, unchanged, ..
        } = self;
        assert!(
            *refused > 50 && *unchanged > 50,
            "{refused} refused, {unchanged} unchanged"
        );
    }
}

#[test]
fn a_damaged_file_is_refused_by_name_or_has_what_was_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (images, expected) = images(folder.path());
    let mut damage = Damage::of(folder.path(), expected);
    for image in images {
        let written: Vec<_> = (0..image.len()).filter(|index| image[*index] != 0).collect();
        for _ in 0..1_000 {
            let mut damaged = image.clone();
            let bytes: Vec<(usize, u8)> = (0..fastrand::usize(1..=4))
                .map(|_| {
                    let anywhere = fastrand::usize(..image.len());
                    let of_those_written = fastrand::choice(&written).copied().unwrap();
                    let index = if fastrand::bool() {
                        anywhere
                    } else {
                        of_those_written
                    };
                    (index, fastrand::u8(..))
                })
                .collect();
            for (index, byte) in &bytes {
                damaged[*index] = *byte;
            }
            damage.check(&damaged, &bytes);
        }
        for _ in 0..20 {
            let length = fastrand::usize(1..image.len());
            damage.check(&image[..length], &length);
        }
    }
    damage.came_to_both();
}

/// Everything that says which of the database's two commits counts is in its header
#[test]
fn a_file_with_a_damaged_header_is_refused_by_name_or_has_what_was_in_it() {
    /// Numbers that are not covered by a checksum of the database, and what says which commit counts
    const BARE: usize = 64;
    const HEADER: usize = 320;
    let folder = tempfile::tempdir().unwrap();
    let (images, expected) = images(folder.path());
    let mut damage = Damage::of(folder.path(), expected);
    for image in images {
        let bare = (0..BARE).flat_map(|index| (0..8).map(move |bit| (index, 1 << bit)));
        let rest = (BARE..HEADER).map(|index| (index, 1 << fastrand::u8(..8)));
        for (index, bits) in bare.chain(rest) {
            let mut damaged = image.clone();
            damaged[index] ^= bits;
            damage.check(&damaged, &(index, bits));
        }
    }
    damage.came_to_both();
}

#[test]
fn a_record_that_is_not_what_was_put_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    testing::keeps_what_is_committed(&path);
    // By a program that knows the database, but not its content.
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let table: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("vpc_endpoints");
    let mut table = transaction.open_table(table).unwrap();
    let bytes = table.remove("id").unwrap().unwrap().value().to_vec();
    table.insert("other", &*bytes).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let problem = StateFile::open(&path).unwrap().load().err().unwrap().to_string();
    assert_eq!(
        problem,
        format!(
            "`{}` is damaged, the record `other` of `vpc_endpoints` does not have the checksum that it was written with: \
             put a copy from before in its place, or move it away to begin with what the configuration declares",
            path.display()
        )
    );
}

#[test]
fn a_panic_of_the_database_is_an_error_that_names_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    fs::write(&path, "x").unwrap();
    let problem = StateFile::open_with(&path, Box::new(|_| panic!("an assertion")))
        .err()
        .unwrap();
    let problem = problem.to_string();
    let begin = format!(
        "`{}` is damaged, the database gave up: an assertion (",
        path.display()
    );
    assert!(problem.starts_with(&begin), "{problem}");
    assert!(
        problem.contains("put a copy from before in its place"),
        "{problem}"
    );
}

#[test]
fn one_that_is_open_elsewhere_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let first = StateFile::open(&path).unwrap();
    let problem = StateFile::open(&path).err().unwrap().to_string();
    assert!(
        problem.contains("state` is in use: stop the other emulator"),
        "{problem}"
    );
    first.close();
    testing::keeps_what_is_committed(&path);
}

/// Opens a state file as the next start does, and says what is in it
fn restarted(path: &Path) -> BTreeMap<Table, Vec<(String, Vec<u8>)>> {
    StateFile::open(path).unwrap().load().unwrap().tables
}

fn put(key: &str) -> impl Fn() -> Vec<RecordChange> {
    move || vec![RecordChange::put(Table::Projects, key, &key)]
}

#[test]
fn a_change_that_was_refused_is_not_there_although_it_has_reached_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (file, faults) = testing::on_a_disk_that_fails(folder.path());
    file.commit(&some_changes).unwrap();
    let before = file.load().unwrap().tables;
    for change in [0, 1] {
        // The first call that fails is an `fsync`, and what it was to bring to the disk is there.
        faults.syncs_fail.store(true, Ordering::Relaxed);
        let refused = match change {
            0 => file.commit(&|| {
                vec![
                    RecordChange::put(Table::Projects, "refused", &1),
                    RecordChange::put(Table::Projects, "key-0", &"overwritten"),
                    RecordChange::put(Table::Projects, "key-0", &"once more"),
                    RecordChange::remove(Table::Datasets, "long"),
                ]
            }),
            _ => file.replace(&|| {
                vec![
                    RecordChange::put(Table::Projects, "refused", &1),
                    RecordChange::put(Table::Projects, "key-0", &"overwritten"),
                ]
            }),
        };
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("state` could not be made anew without that change"),
            "{refused}"
        );
        // Nothing else is changed until it is clear what is in the file.
        assert_eq!(file.commit(&put("too")).unwrap_err().to_string(), refused);
        assert_eq!(file.failure(), Some(refused));
        faults.syncs_fail.store(false, Ordering::Relaxed);
        file.commit(&Vec::new).unwrap();
        assert_eq!(file.failure(), None);
        assert!(file.load().unwrap().tables == before, "{change}");
    }
    file.commit(&put("afterwards")).unwrap();
    file.close();
    let mut after = restarted(&path);
    let projects = after.get_mut(&Table::Projects).unwrap();
    assert_eq!(projects.remove(0).0, "afterwards");
    assert!(after == before);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

/// Whichever call to the disk fails, before or after it has done its work
#[test]
fn a_change_is_there_as_it_was_answered_whatever_call_to_the_disk_fails() {
    let (mut refused, mut made) = (0, 0);
    for fails_afterwards in [false, true] {
        for replace in [false, true] {
            let mut fails_in = 1;
            loop {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("state");
                let (file, faults) = testing::on_a_disk_that_fails(folder.path());
                file.commit(&some_changes).unwrap();
                let before = file.load().unwrap().tables;
                faults.calls.store(0, Ordering::Relaxed);
                faults.fails_afterwards.store(fails_afterwards, Ordering::Relaxed);
                faults.fails_in.store(fails_in, Ordering::Relaxed);
                let change = || {
                    vec![
                        RecordChange::put(Table::Projects, "new", &1),
                        RecordChange::remove(Table::Datasets, "long"),
                    ]
                };
                let answer = if replace {
                    file.replace(&change)
                } else {
                    file.commit(&change)
                };
                let has_failed = faults.fails_in.load(Ordering::Relaxed) == 0;
                faults.fails_in.store(0, Ordering::Relaxed);
                assert_eq!(file.failure(), None, "one failure is put right at once");
                let found = file.load().unwrap().tables;
                let what = format!("call {fails_in}, replace: {replace}, afterwards: {fails_afterwards}");
                match answer {
                    Ok(()) => {
                        assert!(found != before, "{what}");
                        let projects = found[&Table::Projects].len();
                        assert_eq!(projects == 1, replace, "{what}");
                        made += 1;
                    }
                    Err(_) => {
                        assert!(found == before, "{what}");
                        refused += 1;
                    }
                }
                // A kill and a stop leave the same.
                let killed = folder.path().join("killed");
                fs::copy(&path, &killed).unwrap();
                assert!(restarted(&killed) == found, "{what}");
                drop(file);
                assert!(restarted(&path) == found, "{what}");
                if !has_failed {
                    break;
                }
                fails_in += 1;
            }
        }
    }
    assert!(refused > 20 && made >= 4, "{refused} refused, {made} made");
}

#[test]
fn what_another_emulator_has_changed_meanwhile_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (file, faults) = testing::on_a_disk_that_fails(folder.path());
    faults.is_full.store(true, Ordering::Relaxed);
    file.commit(&put("refused")).unwrap_err();
    let other = StateFile::open(&path).unwrap();
    let in_use = file.commit(&put("refused")).unwrap_err().to_string();
    assert!(
        in_use.contains("state` is in use: stop the other emulator"),
        "{in_use}"
    );
    other.commit(&put("other")).unwrap();
    drop(other);
    faults.is_full.store(false, Ordering::Relaxed);
    let overtaken = file.commit(&put("refused")).unwrap_err().to_string();
    assert!(
        overtaken.contains("was changed by another emulator meanwhile: restart this one"),
        "{overtaken}"
    );
    drop(file);
    let found = restarted(&path);
    assert_eq!(found[&Table::Projects].len(), 1);
    assert_eq!(found[&Table::Projects][0].0, "other");
}
