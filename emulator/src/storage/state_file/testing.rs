//! State files on disks that fail.

use std::{
    io::{Error, ErrorKind},
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use redb::{
    BackendError, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use super::{database::open_backend, *};

/// What a disk does wrong
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// It has no room, and reports that for every write
    pub(crate) is_full: AtomicBool,
    /// It does what it is asked to, and reports a failure of every `fsync`
    pub(super) syncs_fail: AtomicBool,
    /// The calls until one fails: `1` is the next; `0`: none does
    pub(super) fails_in: AtomicUsize,
    /// Whether the call that fails has done what it was asked to
    pub(super) fails_afterwards: AtomicBool,
    /// Calls so far
    pub(super) calls: AtomicUsize,
}

impl Faults {
    fn write(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let left = self.fails_in.load(Ordering::Relaxed);
        self.fails_in.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 1 {
            if self.fails_afterwards.load(Ordering::Relaxed) {
                write()?;
            }
            return Err(Error::other("the disk failed"));
        }
        write()
    }
}

/// A file on a disk that fails
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    faults: Arc<Faults>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.write(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.write(|| self.file.sync_data())?;
        if self.faults.syncs_fail.load(Ordering::Relaxed) {
            return Err(Error::other("the disk failed"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.write(|| self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

/// A state file in a folder, and what its disk does wrong
pub(crate) fn on_a_disk_that_fails(folder: &Path) -> (StateFile, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let disk = faults.clone();
    let opener = move |file| {
        let (file, faults) = (FileBackend::new(file)?, disk.clone());
        open_backend(Disk { file, faults })
    };
    let file = StateFile::open_with(&folder.join("state"), Box::new(opener));
    (file.unwrap(), faults)
}

/// Opens a state file and commits to it, and opens it once more to see what is in it
#[track_caller]
pub(super) fn keeps_what_is_committed(path: &Path) {
    let file = StateFile::open(path).unwrap();
    file.commit(&|| vec![RecordChange::put(Table::VpcEndpoints, "id", &1)])
        .unwrap();
    drop(file);
    let mut records = StateFile::open(path).unwrap().load().unwrap();
    let found: Vec<(String, u8)> = records.take(Table::VpcEndpoints).unwrap();
    assert_eq!(found, [("id".to_owned(), 1)]);
}

/// Opens a state file that is not on a disk, so that many can be opened
pub(super) fn in_memory(image: &[u8]) -> Box<Opener> {
    let image = image.to_vec();
    Box::new(move |_| {
        let memory = InMemoryBackend::new();
        memory.set_len(image.len() as u64)?;
        memory.write(0, &image)?;
        open_backend(memory)
    })
}
