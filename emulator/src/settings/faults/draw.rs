//! Numbers that are drawn from a seed and the number of a call, and from nothing else.
//!
//! SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014): the state is a counter,
//! so the number for any call can be computed without those before it. Calls that come at the same time need no order,
//! and every machine draws the same.

/// What is drawn for the calls of one fault
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draws {
    seed: u64,
}

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// From 0 up to but not including 1: compared with the fault's probability
    pub(crate) fn of_probability(self, number: u64) -> f64 {
        self.draw(number.wrapping_mul(2))
    }

    /// From 0 up to but not including 1: how far a delay is into its range
    pub(crate) fn of_delay(self, number: u64) -> f64 {
        self.draw(number.wrapping_mul(2).wrapping_add(1))
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
    fn draw(self, index: u64) -> f64 {
        let state = self.seed.wrapping_add(index.wrapping_mul(GOLDEN_GAMMA));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = mixed ^ (mixed >> 31);
        (bits >> 11) as f64 / TWO_TO_53
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Kept for ever: a seed in somebody's test draws the same in every version
    #[test]
    fn a_seed_draws_what_it_has_always_drawn() {
        // The generator's own numbers for the seed 1234567 are public (Rosetta Code, *Pseudo-random numbers/Splitmix64*).
        let first = [
            6_457_827_717_110_365_317_u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        let draws = Draws::new(1_234_567);
        let expected = first.map(|bits| (bits >> 11) as f64 / TWO_TO_53);
        let drawn = [
            draws.draw(1),
            draws.of_probability(1),
            draws.of_delay(1),
            draws.of_probability(2),
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn draws_are_spread_evenly_and_seeds_differ() {
        for seed in [0, 1, 42, u64::MAX] {
            let draws = Draws::new(seed);
            let below = (1..=10_000)
                .filter(|number| draws.of_probability(*number) < 0.3)
                .count();
            assert!((2_850..=3_150).contains(&below), "seed {seed}: {below}");
        }
        let of = |seed| {
            (1..=64)
                .map(|number| Draws::new(seed).of_probability(number))
                .collect::<Vec<_>>()
        };
        assert_ne!(of(1), of(2));
    }
}
