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
}

impl Default for Explainer {
    /// Half of the processors are left to those who serve
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            turns: Arc::new(Semaphore::new((processors / 2).max(1))),
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
