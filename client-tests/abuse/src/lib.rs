//! Attacks on a running emulator: one bad client, file or moment costs nobody else anything.
//!
//! Each [`attacks`] module starts an emulator of its own (the built binary, as a process), misuses it through real
//! sockets, TLS and files, makes good calls beside, and judges what it saw. `cargo xtask abuse` runs them one after the
//! other and prints a table: what load was held, what faults were survived, how many bad inputs were tried, and what was
//! lost, which must be nothing.
//!
//! ```text
//! signatures   40 signed calls, one thing of each changed: 40 refusals with a 4xx, and the call as it was is answered
//! kill         CreateProject answered 200, kill -9, a new start: the project is listed, or one thing was lost
//! ```
//!
//! Everything that is tried comes from a seed. A failure names attack, worker and round, and the same seed makes the
//! same input for them again; how workers interleave and when a process dies is up to the machine.

pub mod attacks;
mod call;
mod client;
mod context;
mod emulator;
mod http2;
mod mutate;
pub mod open_files;
mod report;
#[cfg(test)]
mod stub;
pub mod table;

pub use context::Context;
pub use report::Report;
