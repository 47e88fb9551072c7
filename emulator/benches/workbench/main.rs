//! How long people wait for the policy workbench: `cargo bench -p lookoutvision-emulator --bench workbench`.
//!
//! Every figure is the median of several runs of the program itself, its start included, beside its maximum; if a
//! figure is above, the benchmark ends with 1. The journal is that of a running emulator, filled with signed calls over
//! TLS. For coverage, two servers take turns, one that counts and one that does not, and their processor times for each
//! answered request are compared: other work on the machine hardly changes those.
//!
//! `LOOKOUTVISION_BENCH_EMULATOR` names another binary to measure, such as a released one.

#[path = "../serving/load.rs"]
#[expect(dead_code, reason = "the benchmark `serving` uses the rest of it")]
mod load;
mod policies;
mod process;

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{ChildStdout, ExitCode, Stdio},
    time::{Duration, Instant},
};

use load::{Client, Connections, Workload, signed_detection};
use process::{Process, Server, program, run};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    if !is_bench || !cfg!(target_os = "linux") {
        // `cargo test --benches` starts every benchmark without this argument, to check that it runs at all.
        println!(
            "workbench: nothing is measured outside of `cargo bench`, and of Linux, whose `/proc` it reads"
        );
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(figures) => {
            println!("\n| what | median | at most |\n|---|---|---|");
            for figure in &figures {
                println!("{figure}");
            }
            match figures.iter().all(Figure::holds) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("workbench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The measurements of one thing
struct Figure {
    what: &'static str,
    median: f64,
    at_most: f64,
    unit: &'static str,
}

impl Figure {
    fn milliseconds(what: &'static str, mut times: Vec<Duration>, at_most: u32) -> Self {
        times.sort();
        Self {
            what,
            median: times[times.len() / 2].as_secs_f64() * 1000.0,
            at_most: at_most.into(),
            unit: "ms",
        }
    }

    fn holds(&self) -> bool {
        self.median <= self.at_most
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what,
            median,
            at_most,
            unit,
        } = self;
        let over = if self.holds() { "" } else { " (over)" };
        write!(f, "| {what} | {median:.1} {unit}{over} | {at_most} {unit} |")
    }
}

fn measure() -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    policies::write(folder.path())?;
    let mut figures = vec![
        thousand_tests(folder.path())?,
        save_to_end_of_run(folder.path())?,
        diff(folder.path())?,
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    figures.extend(runtime.block_on(journal(folder.path()))?);
    figures.push(runtime.block_on(coverage())?);
    Ok(figures)
}

/// Runs the same command several times, each time as a process of its own
fn times(folder: &Path, arguments: &[&str]) -> Result<Vec<Duration>, Failure> {
    let once = || {
        let begun = Instant::now();
        run(folder, arguments)?;
        Ok(begun.elapsed())
    };
    (0..RUNS).map(|_| once()).collect()
}

fn thousand_tests(folder: &Path) -> Result<Figure, Failure> {
    let times = times(folder, &["policy", "test", policies::TESTS])?;
    Ok(Figure::milliseconds(
        "1,000 policy tests, from the start of the process",
        times,
        100,
    ))
}

fn diff(folder: &Path) -> Result<Figure, Failure> {
    let times = times(folder, &["policy", "diff", policies::OLD, policies::NEW])?;
    Ok(Figure::milliseconds(
        "diff of two policies of 20 statements",
        times,
        1_000,
    ))
}

fn save_to_end_of_run(folder: &Path) -> Result<Figure, Failure> {
    let mut command = program(folder);
    command
        .args(["policy", "test", "--watch", policies::TESTS])
        .stdout(Stdio::piped());
    let mut watching = Process(command.spawn()?);
    let stdout = watching.0.stdout.take().ok_or("it is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    end_of_run(&mut lines)?;
    let policy = fs::read_to_string(folder.join(policies::ENDPOINT))?;
    let mut times = Vec::new();
    for run in 0..RUNS {
        let begun = Instant::now();
        fs::write(
            folder.join(policies::ENDPOINT),
            format!("{policy}{}", "\n".repeat(run + 1)),
        )?;
        end_of_run(&mut lines)?;
        times.push(begun.elapsed());
    }
    fs::write(folder.join(policies::ENDPOINT), policy)?;
    Ok(Figure::milliseconds(
        "`--watch`: from a save to the end of the run of 1,000 tests",
        times,
        300,
    ))
}

/// Reads up to the line that sums a run up
fn end_of_run(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<(), Failure> {
    for line in lines {
        if line?.ends_with(" failed") {
            return Ok(());
        }
    }
    Err("`policy test --watch` has ended".into())
}

/// The commands about a journal of 10,000 entries
async fn journal(folder: &Path) -> Result<[Figure; 2], Failure> {
    let server = Server::start("coverage: false\n")?;
    let client = Client::of(&server)?;
    for model in 0..policies::MODELS {
        let request = signed_detection(&policies::model(model), SMALL)?;
        let each = ENTRIES / policies::MODELS / CONNECTIONS;
        client.send_a_few(&request, CONNECTIONS, each).await?;
    }
    let url = server.control_url.as_str();
    let id = ["--vpc-endpoint-id", policies::ENDPOINT_ID, "--control", url];
    let what_if = [&["policy", "what-if"], &id[..], &[policies::DRAFT]].concat();
    let draft = [&["policy", "draft"], &id[..]].concat();
    // Fewer would be decided faster.
    let told = run(folder, &what_if)?;
    if !told.starts_with(&format!("{ENTRIES} calls: ")) {
        return Err(format!("not all {ENTRIES} calls were decided: {told}").into());
    }
    Ok([
        Figure::milliseconds(
            "what-if over 10,000 entries with a draft of 50 statements",
            times(folder, &what_if)?,
            100,
        ),
        Figure::milliseconds("draft from 10,000 entries", times(folder, &draft)?, 500),
    ])
}

/// The cost of counting for each request of 1 KB, in percent of the server's processor time
async fn coverage() -> Result<Figure, Failure> {
    let (off, on) = (
        Server::start("coverage: false\n")?,
        Server::start("coverage: true\n")?,
    );
    let workload = Workload::new("1 KB", SMALL, CONNECTIONS, Connections::Kept);
    let mut ratios = Vec::new();
    // The first round fills the journals.
    for round in 0..=ROUNDS {
        let mut spent = [Duration::ZERO; 2];
        let mut servers = [(0, &off), (1, &on)];
        if round % 2 == 1 {
            servers.reverse();
        }
        for (place, server) in servers {
            let client = Client::of(server)?;
            let request = signed_detection(&policies::model(0), SMALL)?;
            let connections = client.open(&workload).await?;
            let before = server.processor_time()?;
            let answered = client.run_on(connections, &request, ROUND).await?.len();
            let used = server.processor_time()?.saturating_sub(before);
            spent[place] = used / u32::try_from(answered.max(1))?;
        }
        if round > 0 {
            ratios.push(spent[1].as_secs_f64() / spent[0].as_secs_f64());
        }
    }
    ratios.sort_by(f64::total_cmp);
    Ok(Figure {
        what: "coverage on against off at 1 KB: more processor time of the server",
        median: (ratios[ratios.len() / 2] - 1.0) * 100.0,
        at_most: 15.0,
        unit: "%",
    })
}

const RUNS: usize = 21;
const SMALL: usize = 1024;
const CONNECTIONS: usize = 8;
/// The entries of the journal (`journal_entries_max`)
const ENTRIES: usize = 10_000;
// Many and short, because what else a machine does changes from one second to the next.
const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(500);
