//! Real clients as judges of the emulator: one corpus of scenarios for every client.
//!
//! A scenario says what a program is given (access key, Region, project, model version, image), what the emulator is
//! told beforehand (an endpoint policy, a clock that is off) and what the program must then see: the result, or the
//! exception, its status and its text, and the number of attempts. Each client runs it through its own SDK, in a
//! process of its own that finds credentials, endpoint and trust in the environment alone, as applications do. The same
//! judge then looks at what every client reports and at the emulator's journal.
//!
//! ```text
//! scenarios/*.yaml ─ corpus ─▶ run ─ job on stdin ─▶ a client's process ─ TLS ─▶ the emulator
//!                               │ ◀─ outcome on stdout ──┘                         │
//!                             judge ◀──────────────── journal, over the control API┘
//! ```
//!
//! The scenario "the model that the policy names answers" shows all of it. `PUT /vpc-endpoints/ID/policy` is not
//! needed, because the emulator was started with the policy. boto3's process calls `detect_anomalies` for `myModel`,
//! the only statement matches, a canned result comes back, and the judge finds `IsAnomalous` false, one journal entry,
//! status 200, decision `allowed`, and the request id that boto3 saw.
//!
//! Locally, [`stage::LocalEmulator`] starts the emulator's binary on free ports, and [`tunnel`] lets clients use the
//! real host names. In a compose network the emulator runs already, under the real host names.

pub mod client;
pub mod control;
pub mod corpus;
pub mod driver;
pub mod journal;
pub mod judge;
pub mod outcome;
pub mod pattern;
pub mod run;
pub mod stage;
pub mod trial;
pub mod tunnel;
