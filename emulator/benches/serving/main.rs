//! The cost of serving, compared with the least that a TLS server of this kind can do: `cargo bench -p
//! lookoutvision-emulator --bench serving`, or with `-- --quick` at its end.
//!
//! Requests per second say more about a machine than about a server. So every figure here has a counterpart: a bare
//! server on the same libraries ("the limit", see [`limit`]) that reads the body and does the hashing of Signature
//! Version 4, but decides nothing and remembers nothing. Both get the same signed requests over real TLS, taking turns.
//! The server's processor time for each answered request is compared, which other work on the machine hardly changes:
//!
//! ```text
//! ratio = limit's processor time per request / emulator's      1.00: checks, decisions and journal cost nothing
//! ```
//!
//! The ratio is taken in each round; the figure is the median of the rounds. The emulator is the program itself with
//! its default configuration: every signature is verified, every policy evaluated, every request written to the
//! journal, and a line about it to the log. A second emulator logs only refused requests, of which there are none.
//!
//! `LOOKOUTVISION_BENCH_EMULATOR` names another binary to measure, such as a released one. With `-- --load-only` the
//! emulator gets the load and nothing is measured; `cargo xtask release` makes its profile that way.
//!
//! Nothing is asserted: the figures are for people. Only an answer other than 200 ends the benchmark, because its time
//! would mean nothing.

mod limit;
mod load;
mod process;
mod report;

use std::{error::Error, process::ExitCode, sync::Arc, time::Duration};

use load::{Client, Connections, Workload, signed_detect_anomalies};
use process::{Kind, Processors, Server, Usage};
use report::{Footing, Row, median};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let result = match arguments.as_slice() {
        [first, folder] if first == limit::ARGUMENT => limit::run(folder.as_ref()),
        // `cargo test --benches` starts every benchmark without this argument, to check that it runs at all.
        _ if !has("--bench") => {
            println!("serving: nothing is measured outside of `cargo bench`");
            Ok(())
        }
        _ if !cfg!(target_os = "linux") => {
            println!(
                "serving: needs Linux, where `/proc` tells the processor time and memory of another process"
            );
            Ok(())
        }
        _ if has("--load-only") => load_only(),
        _ => measure(if has("--quick") { &QUICK } else { &FULL }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serving: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How much to measure
struct Effort {
    name: &'static str,
    rounds: usize,
    starts: usize,
    /// How long a run with many connections takes
    run: Duration,
    /// How long a run with one request at a time takes
    lone_run: Duration,
}

const FULL: Effort = Effort {
    name: "full",
    rounds: 7,
    starts: 7,
    run: Duration::from_secs(2),
    lone_run: Duration::from_secs(1),
};

const QUICK: Effort = Effort {
    name: "quick",
    rounds: 3,
    starts: 3,
    run: Duration::from_secs(1),
    lone_run: Duration::from_millis(500),
};

const SMALL: usize = 1024;
const LARGE: usize = 100 * 1024;
const CONNECTIONS: usize = 8;
/// How long [`load_only`] takes in all
const LOAD_ONLY: Duration = Duration::from_secs(5);
/// Requests on each connection before the peak of memory is read
const REQUESTS_BEFORE_PEAK: usize = 10;

const WORKLOADS: [Workload; 5] = [
    Workload::new("1 KB, 8 connections", SMALL, CONNECTIONS, Connections::Kept),
    Workload::new("100 KB, 8 connections", LARGE, CONNECTIONS, Connections::Kept),
    Workload::new(
        "1 KB, a new connection each",
        SMALL,
        CONNECTIONS,
        Connections::OnePerRequest,
    ),
    Workload::new("1 KB, one at a time", SMALL, 1, Connections::Kept),
    Workload::new("100 KB, one at a time", LARGE, 1, Connections::Kept),
];

/// A measurement of both servers
#[derive(Debug, Clone, Default)]
struct Pair<T> {
    limit: T,
    emulator: T,
}

impl<T> Pair<T> {
    fn of_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Limit => &mut self.limit,
            Kind::Emulator => &mut self.emulator,
        }
    }
}

fn measure(effort: &Effort) -> Result<(), Failure> {
    // Built before this thread is pinned to one processor.
    limit::program()?;
    let processors = Processors::choose_and_pin();
    println!(
        "serving, {}: {} rounds, {}",
        effort.name, effort.rounds, processors
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut footing = measure_footing(effort, &processors).await?;
        let rows = measure_load(effort, &processors, &mut footing).await?;
        println!("\n{}", report::load_table(&rows));
        println!("{}", report::footing_table(&footing));
        let faults = measure_faults(effort, &processors).await?;
        println!("{}", report::faults_line(&faults));
        println!("{}", report::noise(&rows));
        Ok(())
    })
}

/// Five seconds of every kind of load on the emulator alone, from which the profile for its compiler is made
fn load_only() -> Result<(), Failure> {
    let processors = Processors::choose_and_pin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::start(Kind::Emulator, &processors)?;
        let client = Client::of(&server)?;
        for workload in &WORKLOADS {
            let request = signed_detect_anomalies(workload.body_bytes)?;
            client.run(workload, &request, LOAD_ONLY / 5).await?;
        }
        server.stop()
    })
}

/// Start and memory, each time of a new process with a new certificate authority
async fn measure_footing(effort: &Effort, processors: &Processors) -> Result<Pair<Footing>, Failure> {
    let mut footing = Pair::<Footing>::default();
    for _ in 0..effort.starts {
        for kind in [Kind::Limit, Kind::Emulator] {
            let request = signed_detect_anomalies(SMALL)?;
            let large_request = signed_detect_anomalies(LARGE)?;
            let server = Server::start(kind, processors)?;
            let client = Client::of(&server)?;
            client.connect().await?.exchange(&request).await?;
            let footing = footing.of_mut(kind);
            footing.start.push(server.started.elapsed());
            footing.at_rest.push(server.memory("VmRSS")?);
            client
                .send_a_few(&large_request, CONNECTIONS, REQUESTS_BEFORE_PEAK)
                .await?;
            footing.peak.push(server.memory("VmHWM")?);
        }
    }
    Ok(footing)
}

/// The rounds: every workload on one server after the other; the order changes from round to round
async fn measure_load(
    effort: &Effort,
    processors: &Processors,
    footing: &mut Pair<Footing>,
) -> Result<Vec<Row>, Failure> {
    let limit = Server::start(Kind::Limit, processors)?;
    let emulator = Server::start(Kind::Emulator, processors)?;
    let quiet = Server::start_with(LOGS_REFUSALS_ONLY, processors)?;
    let servers = [
        (&limit, Client::of(&limit)?),
        (&emulator, Client::of(&emulator)?),
        (&quiet, Client::of(&quiet)?),
    ];
    // Fills the journal, so that every round is measured with a journal that has to evict entries.
    for (_, client) in &servers {
        client
            .run(&WORKLOADS[0], &signed_detect_anomalies(SMALL)?, effort.run)
            .await?;
    }
    let mut rows = WORKLOADS.map(|workload| Row::new(workload.name)).to_vec();
    for round in 0..effort.rounds {
        for (workload, row) in WORKLOADS.iter().zip(&mut rows) {
            let length = match workload.connections {
                1 => effort.lone_run,
                _ => effort.run,
            };
            let request = signed_detect_anomalies(workload.body_bytes)?;
            for place in 0..servers.len() {
                let index = (place + round) % servers.len();
                let (server, client) = &servers[index];
                let sample = sample(server, client, workload, &request, length).await?;
                match index {
                    0 => row.samples.limit.push(sample),
                    1 => row.samples.emulator.push(sample),
                    _ => row.quiet.push(sample),
                }
            }
        }
    }
    for server in [&limit, &emulator] {
        footing
            .of_mut(server.kind)
            .peak_of_all
            .push(server.memory("VmHWM")?);
    }
    Ok(rows)
}

/// The configuration of an emulator that writes no line about a request that is answered
const LOGS_REFUSALS_ONLY: &str = "log_requests: refused\n";

/// An emulator without faults, in the place of the limit, and one with a fault that no call matches
///
/// Counting every request for the metrics cannot be switched off; `cargo bench -p counters` tells what it costs.
async fn measure_faults(effort: &Effort, processors: &Processors) -> Result<Row, Failure> {
    let servers = [
        Server::start(Kind::Emulator, processors)?,
        Server::start_with(NEVER_MET, processors)?,
    ];
    let clients = [Client::of(&servers[0])?, Client::of(&servers[1])?];
    let workload = &WORKLOADS[0];
    let mut row = Row::new(workload.name);
    for round in 0..effort.rounds {
        let request = signed_detect_anomalies(workload.body_bytes)?;
        let order = match round % 2 {
            0 => [0, 1],
            _ => [1, 0],
        };
        for index in order {
            let sample = sample(&servers[index], &clients[index], workload, &request, effort.run).await?;
            match index {
                0 => row.samples.limit.push(sample),
                _ => row.samples.emulator.push(sample),
            }
        }
    }
    Ok(row)
}

/// A fault that is checked for each call and strikes none
const NEVER_MET: &str = "
faults:
  - {name: never, when: {operation: DeleteProject}, fault: {error: ThrottlingException}}
";

/// One run, and what was used during it
#[derive(Debug, Clone, Copy)]
struct Sample {
    server_time_per_request: Duration,
    latency: Duration,
    /// The share of the machine that neither server nor client used, from 0 to 1
    used_by_others: f64,
}

async fn sample(
    server: &Server,
    client: &Client,
    workload: &Workload,
    request: &Arc<[u8]>,
    length: Duration,
) -> Result<Sample, Failure> {
    let connections = client.open(workload).await?;
    let before = Usage::now(server)?;
    let mut latencies = client.run_on(connections, request, length).await?;
    let used = Usage::now(server)?.since(&before);
    let answered = u32::try_from(latencies.len())?;
    Ok(Sample {
        server_time_per_request: used.server / answered.max(1),
        latency: median(&mut latencies),
        used_by_others: used.others_share(),
    })
}
