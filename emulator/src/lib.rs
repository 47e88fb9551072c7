//! A local stand-in for Amazon Lookout for Vision behind an interface VPC endpoint, for testing only.
//!
//! Applications keep their AWS SDK and their host name. A request is authenticated (Signature Version 4), authorised
//! (the endpoint's policy, then the identity side), answered with a canned result, and written down with the reason
//! for the decision:
//!
//! ```text
//! accept → ClientHello (SNI) → leaf certificate → HTTP → ReceivedRequest
//!    → entry point     which endpoint, which VPC                      (local address, Host)
//!    → authenticate    ReceivedRequest + access keys + now → Caller    (sigv4-verify)
//!    → resolve         method and path → Invocation {action, resource, input}
//!    → authorize       Caller + Invocation + entry point → Permit      (iam-policy)
//!    → perform         Permit → output                                 (the only way to run an operation)
//!    → respond         output or refusal → bytes                       (one table of refusals)
//! ```
//!
//! A Rust test starts as many emulators as it likes, each with its own ports, certificate authority and state; dropping one
//! stops it. With the feature `aws-sdk`, `Emulator::sdk_config()` is what a client of the SDK is made of. `emulator/docs/rust.md`
//! shows how.
//!
//! ```
//! use lookoutvision_emulator::{Emulator, json};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder()
//!     .endpoint_policy(json!({"Version": "2012-10-17", "Statement": [{
//!         "Principal": "*",
//!         "Effect": "Allow",
//!         "Action": ["lookoutvision:DetectAnomalies"],
//!         "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"
//!     }]}))
//!     .start()
//!     .await?;
//! println!("call {} and trust {}", emulator.endpoint_url(), emulator.ca_pem());
//! assert!(emulator.requests().await.is_empty());
//! # Ok(())
//! # }
//! ```

mod authorization;
#[doc(hidden)]
pub mod cli;
mod clock;
mod config;
mod control;
mod emulator;
mod exchange;
mod identity;
mod journal;
mod network;
mod owner_only;
mod request;
mod runtime;
mod s3;
mod server;
mod services;
mod settings;
mod storage;
mod tls;
mod workbench;

/// What must hold for whatever comes from outside; the fuzz targets are `fuzz/fuzz_targets`
#[cfg(any(fuzzing, test))]
#[path = "../fuzz/checks.rs"]
pub mod fuzz_checks;

#[cfg(feature = "aws-sdk")]
pub use aws_types::SdkConfig;
pub use clock::{ClockError, ClockSetting, SignatureClocks};
pub use emulator::{
    Answer, Builder, Emulator, Expect, Fault, FaultError, FaultReport, FaultStage, Model, ModelRef,
    PolicyChangeError, Principal, Project, Rectangle, Requests, Rule, RuleChangeError, StartError,
    StateChangeError, TlsFault, VerifyError,
};
pub use iam_policy::{Decision, Explanation, PolicyError};
pub use jiff::Timestamp;
pub use journal::{CountBy, CountOfGroup, Counts, JournalEntry};
pub use runtime::state_document::LeftOut;
pub use serde_json::{Value, json};
pub use tls::{CertificateAuthority, Fingerprint};
pub use uuid::Uuid;
