//! A body's bytes as they come together.
//!
//! A body that comes in one piece, as small ones do, is not copied.

use std::{io, mem, sync::Arc};

use bytes::Bytes;

use super::memory::{BodyMemory, Large};

/// What has come of a body
pub(super) enum Whole {
    Nothing,
    One(Bytes),
    Small(Vec<u8>),
    Large(Large),
}

impl Whole {
    /// Takes the next piece of a body of at most `bytes_max` bytes
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub(super) fn push(&mut self, data: Bytes, bytes_max: usize, memory: &Arc<BodyMemory>) -> io::Result<()> {
        *self = match mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(data),
            Self::One(first) => {
                let bytes = first.len() + data.len();
                let capacity = if bytes_max <= SMALL_BYTES_MAX {
                    bytes_max
                } else {
                    bytes
                };
                let mut small = Vec::with_capacity(capacity.max(bytes));
                small.extend_from_slice(&first);
                small.extend_from_slice(&data);
                Self::Small(small)
            }
            Self::Small(mut small) if small.len() + data.len() <= SMALL_BYTES_MAX => {
                small.extend_from_slice(&data);
                Self::Small(small)
            }
            Self::Small(small) => {
                let mut large = memory.body(bytes_max)?;
                large.push(&small)?;
                large.push(&data)?;
                Self::Large(large)
            }
            Self::Large(mut large) => {
                large.push(&data)?;
                Self::Large(large)
            }
        };
        Ok(())
    }

    /// All of it
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(data) => data,
            Self::Small(small) => small.into(),
            Self::Large(large) => Bytes::from_owner(large),
        }
    }
}

/// Bodies of up to this many bytes come from the allocator. For larger blocks glibc itself asks the system, until the
/// first of them is freed.
const SMALL_BYTES_MAX: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pieces: &[usize], bytes_max: usize) -> Whole {
        let memory = BodyMemory::keeping(1_000_000);
        let mut whole = Whole::Nothing;
        let mut next = 0_u8;
        for bytes in pieces {
            let piece: Vec<u8> = (0..*bytes)
                .map(|_| {
                    next = next.wrapping_add(1);
                    next
                })
                .collect();
            whole.push(piece.into(), bytes_max, &memory).unwrap();
        }
        whole
    }

    #[test]
    fn pieces_come_out_as_they_went_in() {
        const LARGE: usize = 1_000_000;
        for (pieces, bytes_max) in [
            (&[][..], 0),
            (&[5], 5),
            (&[5, 6], 11),
            (&[5, 6], LARGE),
            (&[SMALL_BYTES_MAX, 1], SMALL_BYTES_MAX + 1),
            (&[1, SMALL_BYTES_MAX], SMALL_BYTES_MAX + 1),
            (&[300_000, 300_000, 400_000], LARGE),
            (&[1, 1, 200_000, 1], LARGE),
        ] {
            let bytes: usize = pieces.iter().sum();
            let expected: Vec<u8> = (1..=bytes).map(|number| (number % 256) as u8).collect();
            let found = whole(pieces, bytes_max).into_bytes();
            assert!(found == expected, "{pieces:?} of at most {bytes_max}");
        }
    }

    #[test]
    fn only_large_bodies_have_memory_of_their_own_and_only_when_they_come() {
        assert!(matches!(whole(&[300_000], 300_000), Whole::One(_)));
        assert!(matches!(whole(&[1, 1], 300_000), Whole::Small(_)));
        assert!(matches!(whole(&[1, 1, 299_998], 300_000), Whole::Large(_)));
    }
}
