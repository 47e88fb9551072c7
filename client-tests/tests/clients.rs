//! Every client plays the corpus against an emulator of its own.
//!
//! Python and Node may be missing on somebody's machine, which is only known at run time. Such a client is reported as
//! ignored, unless `CI` is `true`: then it fails.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use client_tests::client::Client;
use client_tests::corpus::Corpus;
use client_tests::run::play_corpus;
use client_tests::stage::{LocalEmulator, Stage, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use xtask::environments::Environments;

fn main() -> ExitCode {
    let mut trials: Vec<Trial> = Client::ALL
        .map(|client| {
            let missing = client.missing_tool().filter(|_| !xtask::nothing_may_be_skipped());
            if let Some(tool) = missing {
                eprintln!("SKIPPED {client}: `{tool}` is not on the PATH");
            }
            Trial::test(test_name(client), move || test(client)).with_ignored_flag(missing.is_some())
        })
        .into();
    trials.push(Trial::test(
        "the_sdk_for_rust_sees_what_the_corpus_says_over_http2",
        || block_on(play_over_http2(Client::Rust)),
    ));
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
    block_on(play(client))
}

fn block_on(test: impl Future<Output = Result<(), Box<dyn Error>>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(test)
        .map_err(|error| Failed::from(error.to_string()))
}

/// The same corpus against an emulator that offers HTTP/2, with the one client that uses it
async fn play_over_http2(client: Client) -> Result<(), Box<dyn Error>> {
    let corpus = read_corpus("scenarios")?;
    let config = corpus.path(&corpus.emulator);
    let folder = config.parent().ok_or("a file is in a folder")?;
    let text =
        std::fs::read_to_string(&config)?.replace("policies/", &format!("{}/policies/", folder.display()));
    let directory = tempfile::tempdir()?;
    let with_http2 = directory.path().join("emulator.yaml");
    std::fs::write(&with_http2, format!("http2: true\n{text}"))?;

    let stage = play_against(client, &corpus, &with_http2, None).await?;
    drop(stage);
    let stage = play_against(
        client,
        &corpus,
        &with_http2,
        Some("the model that the endpoint policy names answers"),
    )
    .await?;
    let protocol = stage
        .control()
        .requests()
        .await?
        .pop()
        .map(|entry| entry["tls"]["alpn"].clone());
    if protocol.as_ref().and_then(|protocol| protocol.as_str()) == Some("h2") {
        return Ok(());
    }
    Err(format!("the client spoke {protocol:?} and not HTTP/2").into())
}

async fn play(client: Client) -> Result<(), Box<dyn Error>> {
    for name in ["scenarios", "public-endpoint"] {
        let corpus = read_corpus(name)?;
        let config = corpus.path(&corpus.emulator);
        drop(play_against(client, &corpus, &config, None).await?);
    }
    Ok(())
}

fn read_corpus(name: &str) -> Result<Corpus, Box<dyn Error>> {
    let folder = xtask::workspace_root().join("client-tests/scenarios");
    Ok(Corpus::read(&folder.join(name).with_extension("yaml"))?)
}

async fn play_against(
    client: Client,
    corpus: &Corpus,
    config: &Path,
    only: Option<&str>,
) -> Result<Stage, Box<dyn Error>> {
    let this_program = env!("CARGO_BIN_EXE_client-tests").into();
    let ready = client.prepare(&Environments::of_this_checkout(), this_program)?;
    let emulator = LocalEmulator::start(&emulator_program()?, config).await?;
    let stage = Stage::Local(Box::new(emulator));
    let report = play_corpus(&stage, corpus, &ready, only).await;
    if report.is_success() {
        print!("{report}");
        return Ok(stage);
    }
    Err(format!(
        "{report}\nthe emulator printed:\n{}",
        stage.output().unwrap_or_default()
    )
    .into())
}
