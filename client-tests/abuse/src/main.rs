//! `abuse`: attacks a running emulator and prints what was held. `cargo xtask abuse` builds both and starts it.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use abuse::{Context, attacks::Attack, open_files, table::Table};
use clap::{Parser, builder::PossibleValuesParser, builder::TypedValueParser};

/// Attacks an emulator with everything that a bad client, file or moment can be, and prints what was held
#[derive(Parser)]
#[command(name = "cargo xtask abuse")]
struct Arguments {
    /// The emulator's binary
    #[arg(long, value_name = "FILE")]
    emulator: PathBuf,
    /// Minutes for all attacks together
    #[arg(long, value_name = "N", default_value = "5", value_parser = minutes)]
    minutes: f64,
    /// The seed of an earlier run, to try the same things again
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only this attack, for the whole time; may be given again
    #[arg(long, value_name = "ATTACK", value_parser = attack())]
    only: Vec<Attack>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    open_files::allow_as_many_as_possible();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("abuse: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let table = runtime.block_on(run(&arguments));
    if table.has_held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(arguments: &Arguments) -> Table {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let attacks: Vec<Attack> = match &arguments.only[..] {
        [] => Attack::ALL.to_vec(),
        only => only.to_vec(),
    };
    println!("seed {seed}, {} minutes", arguments.minutes);
    // Each emulator runs in a folder of its own.
    let program = std::path::absolute(&arguments.emulator).unwrap_or_else(|_| arguments.emulator.clone());
    let end = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let mut percent_left: u32 = attacks.iter().map(|attack| attack.percent()).sum();
    let mut table = Table::default();
    for attack in attacks {
        let began = Instant::now();
        // The time that one attack takes too much is taken from the others.
        let share = end.saturating_duration_since(began) * attack.percent() / percent_left;
        percent_left -= attack.percent();
        eprintln!("abuse: {}: {:.1} s", attack.name(), share.as_secs_f64());
        let context = Context {
            program: program.clone(),
            seed,
            attack: attack.name(),
            until: began + share,
        };
        let report = attack.run(&context).await;
        eprintln!(
            "abuse: {}: {} after {:.1} s",
            attack.name(),
            if report.has_held() { "held" } else { "FAILED" },
            began.elapsed().as_secs_f64()
        );
        for sentence in &report.told {
            eprintln!("abuse: {}: FAILED: {sentence}", attack.name());
        }
        table.add(attack.name(), began.elapsed(), report);
    }
    println!("{table}");
    table
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.0..=10_000.0).contains(&minutes) => Ok(minutes),
        _ => Err("a number of minutes, such as 5 or 0.5, is expected".to_owned()),
    }
}

fn attack() -> impl TypedValueParser<Value = Attack> {
    PossibleValuesParser::new(Attack::ALL.map(Attack::name)).map(|name| {
        let attack = Attack::ALL.into_iter().find(|attack| attack.name() == name);
        attack.expect("the possible values are the names of attacks")
    })
}
