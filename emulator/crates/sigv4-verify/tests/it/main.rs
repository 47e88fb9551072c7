//! Tests of the whole crate through its public API.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as loudly as tests")]

mod captured;
mod clock;
mod mismatch;
mod order;
mod presigned;
mod properties;
mod refusals;
mod secrets;
mod session_token;
mod support;
