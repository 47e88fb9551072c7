//! State files on disks that fail.

use std::{
    io::{Error, ErrorKind},
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{
    BackendError, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use super::{database::open_backend, *};

/// A disk that can be full
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn has_room(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.has_room()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.has_room()?;
        self.file.write(offset, data)
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

/// A state file in a folder, and what makes its disk full
pub(crate) fn on_a_disk_that_fills(folder: &Path) -> (StateFile, Arc<AtomicBool>) {
    let is_full = Arc::new(AtomicBool::new(false));
    let disk = is_full.clone();
    let opener = move |file| {
        let (file, is_full) = (FileBackend::new(file)?, disk.clone());
        open_backend(Disk { file, is_full })
    };
    let file = StateFile::open_with(&folder.join("state"), Box::new(opener));
    (file.unwrap(), is_full)
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
