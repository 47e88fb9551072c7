//! Every SDK goes through the life of a project, from its creation to its deletion, against two emulators: one that
//! does everything at once, and one on which everything takes ten minutes, whose clock the program advances.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use client_tests::client::Client;
use client_tests::corpus::Corpus;
use client_tests::stage::{LocalEmulator, Stage, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use xtask::environments::Environments;

const CLIENTS: [(Client, &str); 4] = [
    (Client::Rust, "the_sdk_for_rust"),
    (Client::Boto3, "boto3"),
    (Client::Cli, "the_aws_cli"),
    (Client::Javascript, "the_sdk_for_javascript"),
];

/// How long things take
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// The next call sees the result
    AtOnce,
    /// Ten minutes of the emulator's clock
    ByTheClock,
}

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for (client, name) in CLIENTS {
        let missing = client.missing_tool().filter(|_| !xtask::nothing_may_be_skipped());
        if let Some(tool) = missing {
            eprintln!("SKIPPED {client}: `{tool}` is not on the PATH");
        }
        for (pace, how) in [
            (Pace::AtOnce, "a_project_lives_through"),
            (Pace::ByTheClock, "a_project_is_stepped_by_the_clock_through"),
        ] {
            let trial = Trial::test(format!("{how}_{name}"), move || test(client, pace));
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn test(client: Client, pace: Pace) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(live(client, pace))
        .map_err(|error| Failed::from(error.to_string()))
}

async fn live(client: Client, pace: Pace) -> Result<(), Box<dyn Error>> {
    let sources = xtask::workspace_root().join("client-tests");
    let folder = tempfile::tempdir()?;
    let config = configuration(&sources, folder.path(), pace)?;
    let environments = Environments::of_this_checkout();
    let this_program = PathBuf::from(env!("CARGO_BIN_EXE_client-tests"));
    let ready = client.prepare(&environments, this_program.clone())?;
    // The caller is the corpus's first caller, and the upload its first image.
    let corpus = Corpus::read(&sources.join("scenarios/scenarios.yaml"))?;
    let inputs = corpus.inputs(corpus.scenarios().first().ok_or("there are no scenarios")?)?;
    let image = OsString::from(&inputs.job.image);

    let emulator = LocalEmulator::start(&emulator_program()?, &config).await?;
    let stage = Stage::Local(Box::new(emulator));
    let route = stage.route(client, &inputs)?;
    let (program, arguments) = match client {
        Client::Rust => (this_program, vec!["life-cycle".into(), image]),
        Client::Boto3 => (
            environments.python()?,
            vec![sources.join("python/life_cycle.py").into(), image],
        ),
        Client::Cli => (
            sources.join("life-cycle/aws-cli.sh"),
            vec![image, environments.python()?.into(), "-m".into(), "awscli".into()],
        ),
        Client::Javascript => {
            // A module finds the SDK in its own folder.
            let home = environments.node_driver()?;
            let name = match pace {
                Pace::AtOnce => "life-cycle.mjs",
                Pace::ByTheClock => "life-cycle-by-the-clock.mjs",
            };
            let program = home.with_file_name(name);
            fs::copy(sources.join("node/life-cycle.mjs"), &program)?;
            ("node".into(), vec![program.into(), image])
        }
        Client::Http => return Err("the plain client only detects".into()),
    };
    let control_url = stage.control().url();
    let variables: &[_] = match pace {
        Pace::AtOnce => &[],
        Pace::ByTheClock => &[("LOOKOUTVISION_EMULATOR_CONTROL_URL", control_url)],
    };
    let lived = ready
        .run_program(&program, &arguments, &inputs, &route, variables)
        .await;
    lived.map_err(|error| {
        let printed = stage.output().unwrap_or_default();
        format!("{error}\nthe emulator printed:\n{printed}").into()
    })
}

/// The configuration, with folders for its buckets and manifests in one of them
fn configuration(sources: &Path, folder: &Path, pace: Pace) -> io::Result<PathBuf> {
    for bucket in ["images", "results"] {
        fs::create_dir(folder.join(bucket))?;
    }
    for dataset_type in ["train", "test"] {
        let lines = ["normal", "anomaly"].map(|class| {
            // The label's number is no guide to its class, and real manifests have it both ways.
            format!(
                r#"{{"source-ref":"s3://images/{dataset_type}-{class}.jpg","auto-label":11,"auto-label-metadata":{{"class-name":"{class}","human-annotated":"yes","type":"groundtruth/image-classification"}}}}"#
            )
        });
        fs::write(
            folder.join(format!("images/{dataset_type}.manifest")),
            lines.join("\n"),
        )?;
    }
    let mut text = fs::read_to_string(sources.join("life-cycle/emulator.yaml"))?;
    if pace == Pace::ByTheClock {
        text += &fs::read_to_string(sources.join("life-cycle/timing.yaml"))?;
    }
    let config = folder.join("emulator.yaml");
    fs::write(&config, text.replace("BUCKETS", &folder.display().to_string()))?;
    Ok(config)
}
