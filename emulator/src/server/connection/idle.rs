//! How long nothing has been asked of a connection.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Waits for this long, and on until the connection has been idle for this long
///
/// A request costs no timer: whether there was one is looked at when the time is over.
pub(super) async fn idle_for(period: Duration, idle_since: impl Fn() -> Option<Instant>) {
    let mut end = Instant::now() + period;
    loop {
        sleep_until(end).await;
        let now = Instant::now();
        // What is being answered now ends now at the earliest.
        end = idle_since().unwrap_or(now) + period;
        if end <= now {
            return;
        }
    }
}
