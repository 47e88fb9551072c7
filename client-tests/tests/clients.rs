//! Every client plays the corpus against an emulator of its own.
//!
//! Python and Node may be missing on somebody's machine, which is known only now; such a client is counted as ignored,
//! unless `CI` is `true`: then it fails.

use std::process::ExitCode;

use client_tests::client::Client;
use client_tests::corpus::Corpus;
use client_tests::run::play_corpus;
use client_tests::stage::{LocalEmulator, Stage, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use xtask::environments::Environments;

fn main() -> ExitCode {
    let trials = Client::ALL
        .map(|client| {
            let missing = client.missing_tool().filter(|_| !xtask::nothing_may_be_skipped());
            if let Some(tool) = missing {
                eprintln!("SKIPPED {client}: `{tool}` is not on the PATH");
            }
            Trial::test(test_name(client), move || test(client)).with_ignored_flag(missing.is_some())
        })
        .into();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn test_name(client: Client) -> &'static str {
    match client {
        Client::Http => "a_plain_http_client_sees_what_the_corpus_says",
        Client::Rust => "the_sdk_for_rust_sees_what_the_corpus_says",
        Client::Boto3 => "boto3_sees_what_the_corpus_says",
        Client::Cli => "the_aws_cli_sees_what_the_corpus_says",
        Client::Javascript => "the_sdk_for_javascript_sees_what_the_corpus_says",
    }
}

fn test(client: Client) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(play(client))
        .map_err(|error| Failed::from(error.to_string()))
}

async fn play(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let corpus = Corpus::read(&xtask::workspace_root().join("client-tests/scenarios/scenarios.yaml"))?;
    let this_program = env!("CARGO_BIN_EXE_client-tests").into();
    let ready = client.prepare(&Environments::of_this_checkout(), this_program)?;
    let emulator = LocalEmulator::start(&emulator_program()?, &corpus.path(&corpus.emulator)).await?;
    let stage = Stage::Local(Box::new(emulator));
    let report = play_corpus(&stage, &corpus, &ready, None).await;
    if report.is_success() {
        print!("{report}");
        return Ok(());
    }
    Err(format!(
        "{report}\nthe emulator printed:\n{}",
        stage.output().unwrap_or_default()
    )
    .into())
}
