//! Counts that many threads add to without waiting for each other.
//!
//! [`Groups`] counts things by key, for a bounded number of keys; [`Histogram`] counts durations; [`Seconds`] counts
//! what happened in each of the last seconds. Adding to a count takes no lock and allocates nothing once its key or its
//! second exists.
//!
//! ```
//! use std::time::Duration;
//!
//! use counters::{Groups, Histogram};
//!
//! let answered = Groups::new(100);
//! answered.count(&200_u16);
//! answered.count(&403);
//! answered.count(&200);
//! let mut counts: Vec<(u16, u64)> = answered.iter().map(|(status, count)| (*status, count)).collect();
//! counts.sort_unstable();
//! assert_eq!(counts, [(200, 2), (403, 1)]);
//!
//! let durations = Histogram::default();
//! durations.record(Duration::from_micros(800));
//! assert_eq!(durations.snapshot().count(), 1);
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

mod groups;
mod histogram;
mod seconds;

pub use self::{
    groups::{Groups, Key},
    histogram::{Distribution, Histogram, UPPER_BOUNDS},
    seconds::{Kind, Period, Seconds},
};
