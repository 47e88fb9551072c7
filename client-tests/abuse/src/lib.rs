//! Attacks on a running emulator: one bad client, file or moment must cost nobody else anything.
//!
//! Each [`attacks`] module starts an emulator of its own (the built binary, as a process), misuses it through real
//! sockets, TLS and files, makes good calls at the same time, and judges what it saw. `cargo xtask abuse` runs them one
//! after the other and prints a table: the load that was carried, the faults that were survived, how many bad inputs
//! were tried, and what was lost, which must be nothing.
//!
//! ```text
//! signatures   40 signed calls, one thing of each changed: 40 refusals with a 4xx, and the call as it was is answered
//! kill         CreateProject answered 200, kill -9, a new start: the project is listed, or one thing was lost
//! ```
//!
//! Every choice comes from a seed. A failure names attack, worker and round, and with the same seed they make the same
//! input again. How workers interleave and when a process dies depends on the machine.

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
