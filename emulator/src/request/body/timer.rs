//! The time limit of bodies that do not arrive at once.
//!
//! A body of a hundred kilobytes is waited for once or twice. A new timer is entered into the runtime's list under a lock,
//! and if it is the next to go off, the thread that waits for the list is woken by a system call. To put off a timer that
//! is in the list already costs neither, so a connection keeps its timer for its next body.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection's bodies
#[derive(Debug, Default)]
pub(crate) struct BodyTimer {
    /// The timer of a body that needs it no more
    spare: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl BodyTimer {
    /// Waits for something until a moment; `None`: it did not come
    pub(super) async fn wait_until<T>(&self, end: Instant, something: impl Future<Output = T>) -> Option<T> {
        let spare = self.spare().take();
        let mut timer = spare.unwrap_or_else(|| Box::pin(sleep_until(end)));
        timer.as_mut().reset(end);
        let came = tokio::select! {
            biased;
            came = something => Some(came),
            () = timer.as_mut() => None,
        };
        *self.spare() = Some(timer);
        came
    }

    fn spare(&self) -> MutexGuard<'_, Option<Pin<Box<Sleep>>>> {
        // A poisoned lock only means that somebody panicked; any timer can be put off.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_timer_serves_one_wait_after_the_other_whether_it_went_off_or_not() {
        let timer = BodyTimer::default();
        let second = Duration::from_secs(1);
        let begun = Instant::now();
        let arrives = |after| timer.wait_until(Instant::now() + 3 * second, sleep(after));
        assert_eq!(arrives(second).await, Some(()));
        assert_eq!(arrives(5 * second).await, None);
        assert_eq!(arrives(2 * second).await, Some(()));
        assert_eq!(begun.elapsed(), 6 * second);
        // Earlier than the moment for which it is set.
        let end = Instant::now() + second / 2;
        assert_eq!(timer.wait_until(end, pending::<()>()).await, None);
        assert_eq!(Instant::now(), end);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_are_waited_for_at_once_do_not_share_a_timer() {
        let timer = BodyTimer::default();
        let wait = |seconds| timer.wait_until(Instant::now() + Duration::from_secs(seconds), pending::<()>());
        let begun = Instant::now();
        let both = tokio::join!(wait(1), async {
            assert_eq!(wait(2).await, None);
            begun.elapsed()
        });
        assert_eq!(both, (None, Duration::from_secs(2)));
    }
}
