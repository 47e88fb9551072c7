//! `client-tests`: plays the scenario corpus with real clients, and plays the clients that are written in Rust.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_sdk_lookoutvision::error::DisplayErrorContext;
use clap::{Args, Parser, Subcommand};
use client_tests::client::Client;
use client_tests::control::Control;
use client_tests::corpus::Corpus;
use client_tests::driver::Driver;
use client_tests::driver::http::install_crypto_provider;
use client_tests::driver::rust_life_cycle;
use client_tests::run::{Report, play_corpus};
use client_tests::stage::{LocalEmulator, Stage, emulator_program};
use xtask::environments::{EnvironmentError, Environments};

/// Real AWS SDKs against the emulator: one scenario corpus, every client
#[derive(Parser)]
#[command(name = "client-tests")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    #[command(flatten)]
    play: Play,
}

#[derive(Subcommand)]
enum Task {
    /// Read one call from standard input, make it, write what was seen to standard output
    #[command(hide = true)]
    Drive {
        /// The client to be
        driver: Driver,
    },
    /// Live the life of a project through the AWS SDK for Rust
    #[command(hide = true)]
    LifeCycle {
        /// What DetectAnomalies is called with
        image: PathBuf,
    },
}

#[derive(Args)]
struct Play {
    /// The scenarios to play
    #[arg(long, value_name = "FILE")]
    scenarios: Option<PathBuf>,
    /// Only this client; can be repeated
    #[arg(long = "client", value_name = "NAME")]
    clients: Vec<Client>,
    /// Only scenarios whose name contains this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Use the emulator that answers under the real host names, instead of starting one; give its control API's URL
    #[arg(long, value_name = "URL", requires = "authority")]
    against: Option<String>,
    /// That emulator's certificate authority
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Where the Python and Node environments are ready made
    #[arg(long, value_name = "DIRECTORY")]
    environments: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    install_crypto_provider();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Task::Drive { driver }) => driver.run().await.map(|()| ExitCode::SUCCESS),
        Some(Task::LifeCycle { image }) => life_cycle(&image).await,
        None => run(&arguments.play).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("client-tests: {error}");
        ExitCode::FAILURE
    })
}

async fn life_cycle(image: &Path) -> Result<ExitCode, Box<dyn std::error::Error>> {
    // An error of the SDK alone would print `service error` and no more.
    let lived = rust_life_cycle::live(std::fs::read(image)?).await;
    lived.map_err(|error| DisplayErrorContext(error.as_ref()).to_string())?;
    println!("done");
    Ok(ExitCode::SUCCESS)
}

/// Plays everything that was asked for, and prints the counts on a line of their own at the end
async fn run(options: &Play) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let default_scenarios = xtask::workspace_root().join("client-tests/scenarios/scenarios.yaml");
    let corpus = Corpus::read(options.scenarios.as_deref().unwrap_or(&default_scenarios))?;
    let stage = match (&options.against, &options.authority) {
        (Some(control), Some(authority)) => {
            let control = Control::new(control);
            control.wait_until_ready().await?;
            Stage::Network {
                control,
                authority: authority.clone(),
            }
        }
        _ => {
            let program = emulator_program()?;
            Stage::Local(Box::new(
                LocalEmulator::start(&program, &corpus.path(&corpus.emulator)).await?,
            ))
        }
    };
    let environments = options
        .environments
        .as_deref()
        .map_or_else(Environments::of_this_checkout, Environments::ready_in);
    let this_program = std::env::current_exe()?;

    let clients = if options.clients.is_empty() {
        &Client::ALL[..]
    } else {
        &options.clients
    };
    let mut total = Report::default();
    for &client in clients {
        let report = match client.prepare(&environments, this_program.clone()) {
            Ok(ready) => play_corpus(&stage, &corpus, &ready, options.only.as_deref()).await,
            Err(EnvironmentError::ToolMissing(tool)) if !xtask::nothing_may_be_skipped() => Report::skipped(
                client,
                corpus.scenarios().len(),
                &format!("`{tool}` is not on the PATH"),
            ),
            Err(error) => return Err(error.into()),
        };
        print!("{report}");
        total.add(&report);
    }
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    );
    Ok(if total.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
