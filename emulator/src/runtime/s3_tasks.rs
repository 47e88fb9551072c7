//! The tasks for S3 that are under way, and how many of them ask S3 at one time.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Semaphore, SemaphorePermit, oneshot},
    task::JoinSet,
};

use crate::settings::LimitsReached;

/// The tasks for S3 that are not done yet
pub(crate) struct S3Tasks {
    running: Mutex<JoinSet<()>>,
    /// One for each task that may ask S3 at one time
    turns: Semaphore,
    at_one_time_max: usize,
    limits_reached: Arc<LimitsReached>,
}

impl S3Tasks {
    /// Tasks of which `at_one_time_max` ask S3 at one time, while the others wait for their turn
    pub(crate) fn new(at_one_time_max: usize, limits_reached: Arc<LimitsReached>) -> Self {
        Self {
            running: Mutex::default(),
            turns: Semaphore::new(at_one_time_max),
            at_one_time_max,
            limits_reached,
        }
    }

    /// Begins a task; the receiver is ready when the task has ended or was given up
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> oneshot::Receiver<()> {
        let (done, settled) = oneshot::channel();
        let mut running = self.running();
        while running.try_join_next().is_some() {}
        running.spawn(async move {
            task.await;
            // Most are not waited for.
            let _ = done.send(());
        });
        settled
    }

    /// How many ask S3 now
    pub(crate) fn asking(&self) -> usize {
        self.at_one_time_max
            .saturating_sub(self.turns.available_permits())
    }

    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        if let Ok(turn) = self.turns.try_acquire() {
            return turn;
        }
        self.limits_reached.s3_tasks_max.note();
        self.turns.acquire().await.expect("the semaphore is never closed")
    }

    /// Waits until all tasks that were begun have ended; those that have not when this future is dropped are given up
    pub(crate) async fn finish(&self) {
        let mut running = mem::take(&mut *self.running());
        while running.join_next().await.is_some() {}
    }

    /// Gives up all tasks that are not done
    pub(crate) fn give_up(&self) {
        self.running().abort_all();
    }

    // A poisoned lock only means that somebody panicked; the set is whole whatever happens.
    fn running(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
