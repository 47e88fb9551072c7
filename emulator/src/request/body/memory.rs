//! Memory for large bodies: from the system and back to the system, past the allocator.
//!
//! glibc keeps large blocks in one arena for each thread once the first of them was freed; after a burst of 8 MB bodies the
//! process was twice as large as they were. Memory from the system takes room as it is written, so a body takes as much as
//! has arrived of it, whatever was announced.
//!
//! Every page of it costs a fault when it is first written to, a third of what it costs to receive and hash a body. So
//! some of it is kept for the next bodies, up to `body_memory_kept_bytes_max`. What was kept still counts while a body
//! has it, because such a body may hold more memory than has arrived of it.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use memmap2::{MmapMut, MmapOptions};

/// Where the memory of large bodies comes from and goes to
#[derive(Debug)]
pub(crate) struct BodyMemory {
    kept: Mutex<Kept>,
    kept_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: Vec<Block>,
    /// How many bytes were ever written to, in these blocks and in those of them that bodies have now
    bytes: usize,
}

/// Memory from the system
#[derive(Debug)]
struct Block {
    memory: MmapMut,
    /// How many bytes were ever written to, which is what the block takes
    bytes_written: usize,
}

/// A body in memory of its own
#[derive(Debug)]
pub(super) struct Large {
    /// Always there until it is dropped
    block: Option<Block>,
    bytes: usize,
    /// How many bytes the block counts for among those that are kept
    counted: usize,
    memory: Arc<BodyMemory>,
}

impl BodyMemory {
    /// Memory that keeps up to `kept_bytes_max` bytes for the next bodies
    pub(super) fn keeping(kept_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            kept_bytes_max,
        })
    }

    /// Room for a body of up to `bytes_max` bytes
    ///
    /// # Errors
    /// When the system has none.
    pub(super) fn body(self: &Arc<Self>, bytes_max: usize) -> io::Result<Large> {
        let kept = self.kept().take(bytes_max);
        let block = match kept {
            Some(block) => block,
            None => Block::new(bytes_max)?,
        };
        Ok(Large {
            counted: block.bytes_written,
            block: Some(block),
            bytes: 0,
            memory: self.clone(),
        })
    }

    fn keep(&self, block: Block, counted: usize) {
        let mut kept = self.kept();
        kept.bytes -= counted;
        if kept.bytes + block.bytes_written <= self.kept_bytes_max {
            kept.bytes += block.bytes_written;
            kept.blocks.push(block);
        } else {
            drop(kept);
            // It goes back to the system after the lock is released, so that others do not wait for that.
            drop(block);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A poisoned lock only means that somebody panicked; at worst the count is too high, and less is kept.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The smallest block that is large enough
    fn take(&mut self, bytes_max: usize) -> Option<Block> {
        let (index, _) = self
            .blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| block.memory.len() >= bytes_max)
            .min_by_key(|(_, block)| block.memory.len())?;
        Some(self.blocks.swap_remove(index))
    }
}

impl Block {
    fn new(bytes_max: usize) -> io::Result<Self> {
        // Bodies differ a little in size, and what is not written costs nothing.
        let length = bytes_max.checked_next_power_of_two().unwrap_or(bytes_max);
        let memory = MmapOptions::new().len(length).no_reserve_swap().map_anon()?;
        // A page of 2 MB would be taken whole for its first byte. Where there are none the advice is not understood.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::NoHugePage);
        Ok(Self {
            memory,
            bytes_written: 0,
        })
    }
}

impl Large {
    /// Takes the next piece
    ///
    /// # Errors
    /// When it does not fit, because the body is larger than was said.
    pub(super) fn push(&mut self, data: &[u8]) -> io::Result<()> {
        let end = self.bytes + data.len();
        let block = self.block.as_mut().expect("it is there until it is dropped");
        let room = block
            .memory
            .get_mut(self.bytes..end)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        room.copy_from_slice(data);
        block.bytes_written = block.bytes_written.max(end);
        self.bytes = end;
        Ok(())
    }
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        let block = self.block.as_ref().expect("it is there until it is dropped");
        &block.memory[..self.bytes]
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.memory.keep(block, self.counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(memory: &Arc<BodyMemory>, bytes: usize) -> Large {
        let mut body = memory.body(bytes).unwrap();
        body.push(&vec![b'x'; bytes]).unwrap();
        body
    }

    fn kept(memory: &BodyMemory) -> (usize, usize) {
        let kept = memory.kept();
        (kept.blocks.len(), kept.bytes)
    }

    #[test]
    fn so_much_is_kept_and_the_rest_goes_back() {
        let memory = BodyMemory::keeping(500_000);
        let bodies = [200_000, 200_000, 200_000].map(|bytes| body(&memory, bytes));
        assert_eq!(kept(&memory), (0, 0));
        drop(bodies);
        assert_eq!(kept(&memory), (2, 400_000));
        // A body that is larger than both does not take one.
        let large = body(&memory, 400_000);
        assert_eq!(kept(&memory), (2, 400_000));
        drop(large);
        assert_eq!(kept(&memory), (2, 400_000));
    }

    #[test]
    fn a_body_shows_nothing_of_the_one_before() {
        let memory = BodyMemory::keeping(1_000_000);
        drop(body(&memory, 300_000));
        let mut next = memory.body(250_000).unwrap();
        assert_eq!(kept(&memory), (0, 300_000));
        assert!(next.as_ref().is_empty());
        next.push(b"next").unwrap();
        assert_eq!(next.as_ref(), b"next");
        // What it takes is what was ever written to it.
        drop(next);
        assert_eq!(kept(&memory), (1, 300_000));
    }

    #[test]
    fn bodies_that_have_hardly_begun_do_not_hold_the_memory_of_those_before() {
        let memory = BodyMemory::keeping(1_000_000);
        let mut begun = Vec::new();
        for _ in 0..10 {
            let ending = body(&memory, 400_000);
            begun.push(memory.body(400_000).unwrap());
            drop(ending);
        }
        let held = |body: &Large| body.block.as_ref().map_or(0, |block| block.bytes_written);
        assert!(begun.iter().map(held).sum::<usize>() <= 1_000_000);
        drop(begun);
        assert!(kept(&memory).1 <= 1_000_000);
    }

    #[test]
    fn a_body_that_is_larger_than_was_said_is_refused() {
        let memory = BodyMemory::keeping(0);
        let mut body = memory.body(262_144).unwrap();
        body.push(&[0; 262_144]).unwrap();
        body.push(b"x").unwrap_err();
        assert_eq!(body.as_ref().len(), 262_144);
    }
}
