//! Storage that ends with the process.

use super::{RecordChange, Records, Storage, StorageError};

/// Keeps nothing: the process itself has everything in memory, so there is never anything to load
#[derive(Debug)]
pub(crate) struct Memory;

impl Storage for Memory {
    fn load(&self) -> Result<Records, StorageError> {
        Ok(Records::default())
    }

    fn commit(&self, _: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        Ok(())
    }

    fn replace(&self, _: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        Ok(())
    }

    fn close(&self) {}

    fn waits_for_disk(&self) -> bool {
        false
    }

    fn failure(&self) -> Option<String> {
        None
    }
}
