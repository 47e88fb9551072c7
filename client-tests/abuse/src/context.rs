//! What an attack is given: the program, the seed, and its time.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    time::{Duration, Instant},
};

/// What an attack is given
#[derive(Debug, Clone)]
pub struct Context {
    /// The emulator's binary
    pub program: PathBuf,
    /// The seed of every choice
    pub seed: u64,
    /// The attack's name, on which its choices depend, too
    pub attack: &'static str,
    /// After this no further round begins
    pub until: Instant,
}

impl Context {
    /// Whether another round may begin
    pub(crate) fn has_time(&self) -> bool {
        Instant::now() < self.until
    }

    /// The time that is left
    pub(crate) fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// The choices of one round of one worker
    pub(crate) fn choices(&self, worker: usize, round: u64) -> fastrand::Rng {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.attack, worker, round).hash(&mut hasher);
        fastrand::Rng::with_seed(hasher.finish())
    }

    /// Prints a line on standard error during the attack
    pub(crate) fn tell(&self, sentence: &str) {
        eprintln!("abuse: {}: {sentence}", self.attack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_another_one_others() {
        let of = |seed, attack, worker, round| {
            let context = Context {
                program: PathBuf::new(),
                seed,
                attack,
                until: Instant::now(),
            };
            context.choices(worker, round).u64(..)
        };
        assert_eq!(of(1, "kill", 0, 7), of(1, "kill", 0, 7));
        for other in [
            of(2, "kill", 0, 7),
            of(1, "slow", 0, 7),
            of(1, "kill", 1, 7),
            of(1, "kill", 0, 8),
        ] {
            assert_ne!(of(1, "kill", 0, 7), other);
        }
    }
}
