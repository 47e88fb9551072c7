//! The newest answers with a mask: whoever looks at a request sees what was found on its image, even where bodies are
//! not kept.
//!
//! They have room of their own, so that a journal whose calls are answered with masks forgets no call sooner.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Weak},
};

use hyper::body::Bytes;
use memchr::memmem::Finder;

/// The newest answers with a mask
#[derive(Debug, Default)]
pub(super) struct Masks {
    answers: VecDeque<Arc<Bytes>>,
    bytes: usize,
}

impl Masks {
    /// Keeps an answer in the place of the oldest ones, as long as it is among the newest `bytes_max` bytes
    pub(super) fn keep(&mut self, answer: Bytes, bytes_max: usize) -> Weak<Bytes> {
        self.bytes += answer.len();
        let answer = Arc::new(answer);
        let kept = Arc::downgrade(&answer);
        self.answers.push_back(answer);
        while self.bytes > bytes_max
            && let Some(oldest) = self.answers.pop_front()
        {
            self.bytes -= oldest.len();
        }
        kept
    }

    /// How many bytes the kept answers have together
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Whether an answer of `DetectAnomalies` has a mask
pub(crate) fn has_mask(answer: &[u8]) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MASK));
    FINDER.find(answer).is_some()
}

/// API model, `DetectAnomalyResult`: the member that only segmentation models answer
const MASK: &[u8] = b"\"AnomalyMask\":";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_answers_are_kept_as_far_as_there_is_room() {
        let mut masks = Masks::default();
        let kept: Vec<_> = (0..4)
            .map(|_| masks.keep(Bytes::from_static(b"1234"), 9))
            .collect();
        let there: Vec<bool> = kept.iter().map(|kept| kept.upgrade().is_some()).collect();
        assert_eq!(there, [false, false, true, true]);
        assert_eq!(masks.bytes(), 8);
        let large = masks.keep(Bytes::from_static(b"1234567890"), 9);
        assert!(large.upgrade().is_none() && masks.bytes() == 0);
    }

    #[test]
    fn an_answer_with_a_mask_is_told_from_one_without() {
        assert!(has_mask(
            br#"{"DetectAnomalyResult":{"Anomalies":[],"AnomalyMask":"iVBO"}}"#
        ));
        assert!(!has_mask(br#"{"DetectAnomalyResult":{"IsAnomalous":false}}"#));
        assert!(!has_mask(b""));
    }
}
