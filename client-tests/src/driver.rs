//! The clients that are written in Rust. Like the others they run in a process of their own, because trust, credentials
//! and endpoint come from the environment: this program starts itself again as `client-tests drive`.

use std::io::Read;

use crate::outcome::{Job, Outcome};

pub mod http;
pub mod rust_life_cycle;
pub mod rust_sdk;

/// A client that this program itself can play.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Driver {
    /// An HTTP client with a signer of its own
    Http,
    /// The AWS SDK for Rust
    RustSdk,
}

impl Driver {
    /// Reads a job from standard input, does it and writes the outcome to standard output
    ///
    /// # Errors
    /// When standard input holds no job, or the driver cannot be set up; an error of the service is an outcome.
    pub async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        let job: Job = serde_json::from_str(&text)?;
        let outcome: Outcome = match self {
            Self::Http => http::detect(&job).await?,
            Self::RustSdk => rust_sdk::detect(&job).await?,
        };
        println!("{}", serde_json::to_string(&outcome)?);
        Ok(())
    }
}
