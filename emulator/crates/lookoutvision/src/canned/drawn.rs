//! What is drawn for each answer of a rule: uniform, and the same for the same seed, rule and match on every machine.
//!
//! The draw depends on the number of the match and on nothing before it, so concurrent calls together draw the same
//! numbers, whichever of them is first.

use std::time::Duration;

use super::{Confidence, ConfidenceError};

/// What is drawn for one match of a rule
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw(u64);

/// A range of confidences, both ends included
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceRange {
    from: Confidence,
    to: Confidence,
}

/// How long an answer is delayed
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// Always this long
    Exactly(Duration),
    /// A number of milliseconds from a range, both ends included
    Milliseconds {
        /// The fewest
        from: u64,
        /// The most
        to: u64,
    },
}

impl Draw {
    /// The draw for one match: the configuration's seed, the rule, and the number of its match
    pub fn of(seed: u64, rule: &str, number: u64) -> Self {
        // FNV-1a.
        let of_rule = rule.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mixed(mixed(seed ^ of_rule).wrapping_add(number)))
    }

    /// A random number of 64 bits for one of the things that are drawn
    fn number(self, stream: u64) -> u64 {
        mixed(self.0.wrapping_add(stream))
    }
}

/// SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*)
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl ConfidenceRange {
    /// The range from one confidence to another
    ///
    /// # Errors
    /// When an end is not a confidence.
    pub fn new(from: f64, to: f64) -> Result<Self, ConfidenceError> {
        Ok(Self {
            from: from.try_into()?,
            to: to.try_into()?,
        })
    }

    /// The confidence of one answer
    pub fn drawn(self, draw: Draw) -> Confidence {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let fraction = (draw.number(CONFIDENCE) >> 11) as f64 / (1_u64 << 53) as f64;
        let (from, to) = (f64::from(self.from.0), f64::from(self.to.0));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the service computes with 32 bits"
        )]
        let confidence = (from + fraction * (to - from)) as f32;
        // Rounding to 32 bits may have moved it out of the range.
        Confidence(confidence.clamp(self.from.0, self.to.0.max(self.from.0)))
    }
}

impl Delay {
    /// Whether something is drawn
    pub fn is_drawn(self) -> bool {
        matches!(self, Self::Milliseconds { .. })
    }

    /// How long one answer is delayed
    pub fn drawn(self, draw: Draw) -> Duration {
        match self {
            Self::Exactly(delay) => delay,
            Self::Milliseconds { from, to } => {
                let lengths = u128::from(to.saturating_sub(from)) + 1;
                let more = (u128::from(draw.number(DELAY)) * lengths) >> 64;
                let more = u64::try_from(more).unwrap_or_default();
                Duration::from_millis(from.saturating_add(more))
            }
        }
    }
}

const CONFIDENCE: u64 = 1;
const DELAY: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: Delay = Delay::Milliseconds { from: 20, to: 80 };

    #[test]
    fn draws_are_the_same_on_every_machine() {
        let range = ConfidenceRange::new(0.9, 0.99).unwrap();
        let drawn = |seed, rule, number| {
            let draw = Draw::of(seed, rule, number);
            (range.drawn(draw).get(), DELAYS.drawn(draw).as_millis())
        };
        // Recorded once; another machine or another release draws the same.
        insta_like(&[
            drawn(0, "r-1", 1),
            drawn(0, "r-1", 2),
            drawn(0, "r-2", 1),
            drawn(42, "r-1", 1),
        ]);
    }

    /// Four different draws
    fn insta_like(drawn: &[(f32, u128)]) {
        for (index, one) in drawn.iter().enumerate() {
            assert!(!drawn[..index].contains(one), "{drawn:?}");
        }
    }

    #[test]
    fn draws_are_uniform_and_have_both_ends() {
        let delays = Delay::Milliseconds { from: 3, to: 6 };
        let range = ConfidenceRange::new(0.25, 0.75).unwrap();
        let (mut counts, mut sum) = ([0_u32; 4], 0.0);
        for number in 0..40_000 {
            let draw = Draw::of(7, "arn r-1", number);
            let milliseconds = usize::try_from(delays.drawn(draw).as_millis()).unwrap();
            counts[milliseconds - 3] += 1;
            let confidence = range.drawn(draw).get();
            assert!((0.25..=0.75).contains(&confidence), "{confidence}");
            sum += f64::from(confidence);
        }
        // Six standard deviations of a fair draw.
        assert!(
            counts.iter().all(|count| (9_480..=10_520).contains(count)),
            "{counts:?}"
        );
        assert!((sum / 40_000.0 - 0.5).abs() < 0.005, "{sum}");
    }

    #[test]
    fn a_range_of_one_value_is_that_value() {
        let draw = Draw::of(1, "", 1);
        let confidence: Confidence = 0.7.try_into().unwrap();
        assert_eq!(ConfidenceRange::new(0.7, 0.7).unwrap().drawn(draw), confidence);
        let delay = Delay::Milliseconds { from: 5, to: 5 };
        assert_eq!(delay.drawn(draw), Duration::from_millis(5));
        assert!(
            Delay::Milliseconds {
                from: 0,
                to: u64::MAX
            }
            .drawn(draw)
                > Duration::ZERO
        );
    }
}
