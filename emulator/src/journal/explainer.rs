//! Where explanations are worked out: off the threads that serve, and few at a time.
//!
//! An explanation tries every pattern of every policy and takes milliseconds where the policies are large; a page of the
//! journal holds hundreds of them. Whoever reads waits for a turn, and whoever is served does not notice.

use std::{num::NonZero, panic::resume_unwind, sync::Arc, thread};

use tokio::{
    sync::Semaphore,
    task::{self, JoinError},
};

/// Works explanations out
#[derive(Debug)]
pub(crate) struct Explainer {
    /// How many are worked out at one time
    turns: Arc<Semaphore>,
    /// How many may wait that nobody waits for
    places: Arc<Semaphore>,
}

/// So much is waiting already that no more is taken
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFull;

impl Default for Explainer {
    /// Half of the processors are left to those who serve
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            turns: Arc::new(Semaphore::new((processors / 2).max(1))),
            places: Arc::new(Semaphore::new(QUEUED_MAX as usize)),
        }
    }
}

impl Explainer {
    /// Does work that explains, in its turn
    ///
    /// # Panics
    /// When the work does.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.try_run(work)
            .await
            .unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }

    /// Does work that explains, in its turn
    ///
    /// # Errors
    /// When the work panics.
    pub(crate) async fn try_run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        run_in_turn(&self.turns, work).await
    }

    /// Does work that nobody waits for, in its turn
    ///
    /// # Errors
    /// When so much waits already that it is not done.
    pub(crate) fn queue(&self, work: impl FnOnce() + Send + 'static) -> Result<(), QueueFull> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| QueueFull)?;
        let turns = self.turns.clone();
        tokio::spawn(async move {
            // A panic was printed when it happened, and nobody waits.
            let _ = run_in_turn(&turns, work).await;
            drop(place);
        });
        Ok(())
    }

    /// Waits until everything that was queued is done
    pub(crate) async fn finish(&self) {
        let places = self.places.acquire_many(QUEUED_MAX).await;
        drop(places.expect("nobody closes it"));
    }
}

async fn run_in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let turn = turns.clone().acquire_owned().await.expect("nobody closes it");
    // The turn ends with the work, also when nobody waits for it any more.
    let work = move || {
        let done = work();
        drop(turn);
        done
    };
    task::spawn_blocking(work).await
}

/// Explanations that wait for their turn and that nobody waits for: those of the log. Each is a few kilobytes.
const QUEUED_MAX: u32 = 1_024;

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use super::*;

    #[tokio::test]
    async fn what_finds_no_place_is_not_taken_and_the_rest_is_done_before_the_end() {
        let explainer = Explainer::default();
        let (release, held) = mpsc::channel::<()>();
        let done = Arc::new(AtomicU32::new(0));
        let held = Arc::new(std::sync::Mutex::new(held));
        for _ in 0..QUEUED_MAX {
            let (held, done) = (held.clone(), done.clone());
            let queued = explainer.queue(move || {
                // Released when the sender is dropped.
                let _ = held.lock().unwrap().recv();
                done.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(queued, Ok(()));
        }
        assert_eq!(explainer.queue(|| {}), Err(QueueFull));
        drop(release);
        explainer.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), QUEUED_MAX);
    }
}
