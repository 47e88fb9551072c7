//! How long a connection has been idle.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Waits until the connection has been idle for this long, counted from now at the earliest
///
/// A request costs no timer: only when the time is over is it checked whether there was one.
pub(super) async fn idle_for(period: Duration, idle_since: impl Fn() -> Option<Instant>) {
    let mut end = Instant::now() + period;
    loop {
        sleep_until(end).await;
        let now = Instant::now();
        // A request that is being answered ends now at the earliest.
        end = idle_since().unwrap_or(now) + period;
        if end <= now {
            return;
        }
    }
}
