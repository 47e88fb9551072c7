//! Every client uploads a body that is far too large and learns why it was refused; none of them is cut off while it is
//! still sending. (A Node.js process would die of the `write EPIPE` that follows, and some SDKs would see no answer at
//! all.)

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use client_tests::client::Client;
use client_tests::corpus::Corpus;
use client_tests::outcome::Outcome;
use client_tests::stage::{LocalEmulator, Stage, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use xtask::environments::Environments;

/// More than `body_bytes_max`, than `drain_bytes_max`, and than the sockets between the two hold
const UPLOAD_BYTES: usize = 26_000_000;

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
        Client::Http => "a_plain_http_client_reads_why_its_upload_is_refused",
        Client::Rust => "the_sdk_for_rust_reads_why_its_upload_is_refused",
        Client::Boto3 => "boto3_reads_why_its_upload_is_refused",
        Client::Cli => "the_aws_cli_reads_why_its_upload_is_refused",
        Client::Javascript => "the_sdk_for_javascript_reads_why_its_upload_is_refused",
    }
}

fn test(client: Client) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(upload(client))
        .map_err(|error| Failed::from(error.to_string()))
}

async fn upload(client: Client) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let corpus = read_corpus()?;
    let mut inputs = corpus.inputs(corpus.scenarios().first().ok_or("there are no scenarios")?)?;
    inputs.job.image = folder.path().join("large.png");
    fs::write(&inputs.job.image, vec![0; UPLOAD_BYTES])?;

    let this_program = env!("CARGO_BIN_EXE_client-tests").into();
    let environments = Environments::of_this_checkout();
    let ready = client.prepare(&environments, this_program)?;
    let emulator = LocalEmulator::start(&emulator_program()?, &corpus.path(&corpus.emulator)).await?;
    let stage = Stage::Local(Box::new(emulator));
    let route = stage.route(client, &inputs)?;
    if client == Client::Javascript {
        // The driver closes its sockets when it has the answer; other programs need not.
        let program = environments.node_driver()?.with_file_name("large-upload.mjs");
        fs::copy(
            xtask::workspace_root().join("client-tests/node/large-upload.mjs"),
            &program,
        )?;
        let arguments = [program.into(), inputs.job.image.clone().into()];
        ready
            .run_program(Path::new("node"), &arguments, &inputs, &route, &[])
            .await?;
        stage.control().reset().await?;
    }
    let outcome = ready.call(&inputs, &route).await?;
    let journal = stage.control().requests().await?;
    match &outcome {
        Outcome::Refusal(refusal)
            if refusal.exception.contains("RequestEntityTooLarge") && journal.len() == 1 =>
        {
            Ok(())
        }
        _ => Err(format!(
            "the client saw {outcome:?}\njournal: {journal:#?}\nthe emulator printed:\n{}",
            stage.output().unwrap_or_default()
        )
        .into()),
    }
}

fn read_corpus() -> Result<Corpus, Box<dyn Error>> {
    let file: &Path = &xtask::workspace_root().join("client-tests/scenarios/scenarios.yaml");
    Ok(Corpus::read(file)?)
}
