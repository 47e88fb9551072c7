//! `policy test`: what the policies say about calls, held against what somebody expects of them.
//!
//! ```text
//! $ lookoutvision-emulator policy test tests/policies.yaml
//! tests/policies.yaml
//!   ok    the line may ask its own model
//!   FAIL  the line may train
//!         tests/policies.yaml:9:5: expected allowed, got implicitDeny: nearest is statement 0 (Line): …
//!         at policies/endpoint.json:9:19
//! 1 passed, 1 failed
//! ```
//!
//! The policies are asked by the same code that the server uses ([`crate::workbench`]), so a test and a request cannot
//! differ.

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use self::{
    cases::{Case, Choice},
    report::{Report, policy_files},
    tested::Tests,
    tree::{Mistakes, Spot},
    written::{TestFile, Tested},
};
use super::scenes::Configurations;
use crate::{
    authorization::Coverage,
    cli::{
        ConfigOption, EXIT_FAILED, EXIT_OK, EXIT_USAGE,
        coverage_files::{CoverageOptions, Met},
        output::{self, OutputLost, Reader},
        progress::working,
    },
    config::{Problem, yaml},
    workbench::coverage::CoverageReport,
};

mod cases;
mod combinations;
mod expectation;
mod policies;
mod report;
mod tested;
mod tree;
mod written;

/// The JSON Schema of test files
pub(in crate::cli) const SCHEMA: &str = include_str!("../../../policy-tests.schema.json");

#[derive(Debug, Args)]
pub(in crate::cli) struct TestOptions {
    #[command(flatten)]
    config: ConfigOption,
    /// Form of the report on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOOKOUTVISION_EMULATOR_FORMAT",
        default_value = "text"
    )]
    format: TestFormat,
    #[command(flatten)]
    coverage: CoverageOptions,
    /// Run only the tests whose name holds this, in any case
    #[arg(long, value_name = "TEXT", env = "LOOKOUTVISION_EMULATOR_FILTER")]
    filter: Option<String>,
    /// Run again whenever one of the files changes
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_WATCH")]
    watch: bool,
    /// Test files, or folders: of a folder every `*.yaml` and `*.yml` file in it; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// A line a test, and beneath a failure what is in the way
    Text,
    /// One object with every case
    Json,
    /// JUnit XML, as CI servers read it
    Junit,
    /// TAP 14
    Tap,
}

/// The results of one run
struct Run {
    outcome: Result<Report, Vec<Problem>>,
    /// `None`: nobody asks for it
    coverage: Option<Coverage>,
    /// Every file that was read or looked for
    files: Vec<PathBuf>,
}

pub(super) fn run(options: &TestOptions) -> u8 {
    if let Err(message) = options.check() {
        report!("{message}");
        return EXIT_USAGE;
    }
    let ended = match options.watch {
        true => watch(options),
        false => tell(&working(RUNNING, || Run::of(options)), options).map(|told| told.code),
    };
    ended.unwrap_or_else(|lost| output::status(Err(lost), EXIT_FAILED))
}

impl TestOptions {
    /// Checks that the options go together
    ///
    /// # Errors
    /// With a sentence, when they do not.
    fn check(&self) -> Result<(), String> {
        match self.files.iter().filter(|file| is_standard_input(file)).count() {
            0 => {}
            1 if self.watch => {
                return Err(
                    "standard input cannot be watched; name a file, or leave out `--watch`".to_owned(),
                );
            }
            1 => {}
            _ => return Err("standard input (`-`) is read once; name it once".to_owned()),
        }
        self.coverage.check([])
    }
}

/// Whether a path stands for standard input
fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// The outcome of reporting a run
struct Told {
    /// The status that it ends the command with
    code: u8,
    reader: Reader,
}

/// Reports the results of a run
fn tell(run: &Run, options: &TestOptions) -> Result<Told, OutputLost> {
    // Nothing is printed when no test was run.
    let not_run = Ok(Told {
        code: EXIT_USAGE,
        reader: Reader::Reads,
    });
    let report = match &run.outcome {
        Ok(report) => report,
        Err(problems) => {
            for problem in problems {
                report!("{problem}");
            }
            return not_run;
        }
    };
    if report.is_empty() {
        let filter = options.filter.as_deref().unwrap_or_default();
        report!("no test has `{}` in its name", client_text::escape(filter));
        return not_run;
    }
    let files = policy_files(&run.files);
    let reader = match options.coverage.has_standard_output() {
        // Standard output holds the coverage alone: what reads it can read nothing else beside it.
        true => {
            // There is nowhere to report that this failed.
            let _ = report.write(options.format, &files, &mut io::stderr().lock());
            Reader::Reads
        }
        false => output::print_by(|out| report.write(options.format, &files, out))?,
    };
    let met = match &run.coverage {
        Some(coverage) => options.coverage.report(CoverageReport::of(coverage, &files)),
        None => Ok(Met::Yes),
    };
    let code = match met {
        Ok(Met::Yes) if !report.has_failed() => EXIT_OK,
        Ok(Met::Yes | Met::No) => EXIT_FAILED,
        Err(message) => {
            report!("{message}");
            EXIT_FAILED
        }
    };
    Ok(Told { code, reader })
}

/// Runs again whenever one of the files changes, until the process is ended or nobody reads on
fn watch(options: &TestOptions) -> Result<u8, OutputLost> {
    loop {
        // The time is taken before the files are read: a change during the reading counts as one.
        let looked_at = SystemTime::now() - CLOCK_TICK;
        let run = working(RUNNING, || Run::of(options));
        let before: Vec<_> = run.files.iter().map(|file| state_of(file)).collect();
        if io::stdout().is_terminal() {
            // Clears the screen and the lines above it (ECMA-48, ED and CUP; `3J` is xterm's).
            output::print(b"\x1b[H\x1b[2J\x1b[3J")?;
        }
        let told = tell(&run, options)?;
        if told.reader == Reader::Gone {
            return Ok(told.code);
        }
        let files = before.len();
        report!(
            "{:.0}: watching {files} {}",
            Timestamp::now(),
            if files == 1 { "file" } else { "files" }
        );
        let now = SystemTime::now();
        let is_meanwhile = |modified: SystemTime| modified > looked_at && modified <= now;
        if before
            .iter()
            .flatten()
            .any(|(modified, _)| modified.is_some_and(is_meanwhile))
        {
            continue;
        }
        while run
            .files
            .iter()
            .map(|file| state_of(file))
            .eq(before.iter().copied())
        {
            thread::sleep(WATCH_INTERVAL);
        }
    }
}

/// What tells one version of a file from the next; `None` when it is not there
fn state_of(file: &Path) -> Option<(Option<SystemTime>, u64)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.modified().ok(), metadata.len()))
}

impl Run {
    fn of(options: &TestOptions) -> Self {
        let now = Timestamp::now();
        let mut configurations = Configurations::new(now, options.config.config_nodes_max);
        let mut problems = Vec::new();
        // Folders are watched as well: a file may be added to one.
        let mut files = options.files.clone();
        let test_files = test_files(&options.files, &mut problems);
        files.extend(test_files.iter().cloned());
        let mut report = Report::default();
        // Every document is in files that were named here, so that there is no need to bound them.
        let coverage = options
            .coverage
            .is_asked_for()
            .then(|| Coverage::new(true, usize::MAX, Arc::default()));
        for path in &test_files {
            match cases_of(
                path,
                options,
                now,
                &mut configurations,
                &mut files,
                coverage.as_ref(),
            ) {
                Ok(cases) => report.add(path.clone(), cases),
                Err(found) => problems.extend(
                    found
                        .into_iter()
                        .filter(|found| !problems.contains(found))
                        .collect::<Vec<_>>(),
                ),
            }
        }
        files.append(&mut configurations.files);
        files.retain(|file| !is_standard_input(file));
        files.sort();
        files.dedup();
        let inputs = files.iter().map(PathBuf::as_path);
        problems.extend(options.coverage.check(inputs).err().map(Problem::of_process));
        Self {
            outcome: if problems.is_empty() {
                Ok(report)
            } else {
                Err(problems)
            },
            coverage,
            files,
        }
    }
}

/// The files that are named, and of folders the `*.yaml` and `*.yml` files that lie in them, in the order of their names
fn test_files(named: &[PathBuf], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in named {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let in_it = fs::read_dir(path).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<io::Result<Vec<PathBuf>>>()
        });
        let name = path.display();
        let mut in_it = match in_it {
            Ok(in_it) => in_it,
            Err(error) => {
                problems.push(Problem::of_process(format!("`{name}` cannot be read: {error}")));
                continue;
            }
        };
        in_it.retain(|file| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("yaml" | "yml")) && file.is_file()
        });
        if in_it.is_empty() {
            let message = format!(
                "the folder `{name}` has no test file (`*.yaml`); name files, or a folder that has some"
            );
            problems.push(Problem::of_process(message));
        }
        in_it.sort();
        found.append(&mut in_it);
    }
    found
}

fn cases_of(
    path: &Path,
    options: &TestOptions,
    now: Timestamp,
    configurations: &mut Configurations,
    files: &mut Vec<PathBuf>,
    coverage: Option<&Coverage>,
) -> Result<Vec<Case>, Vec<Problem>> {
    let nodes_max = options.config.config_nodes_max.unwrap_or(yaml::NODES_MAX);
    let mut mistakes = Mistakes::in_file(path);
    let file = TestFile::read(path, nodes_max, &mut mistakes).map_err(|problem| vec![problem])?;
    let Some(file) = file else {
        return Err(mistakes.into_problems());
    };
    files.extend(file.policy_files.iter().cloned());
    let tests = match Tests::of(&file, options.config.config.as_deref(), configurations, now) {
        Ok(tests) => tests,
        Err(problems) => {
            for problem in problems {
                match (&file.tested, &problem.file) {
                    // The configuration cannot be read at all; the mistake is reported where the test file names it.
                    (Some(Tested::Config(_, spot)), None) => mistakes.at(spot, problem.message),
                    _ => mistakes.add(problem),
                }
            }
            return Err(mistakes.into_problems());
        }
    };
    let Some(mut tests) = tests else {
        if !mistakes.is_empty() {
            // What is missing may be in a part that was not understood.
            return Err(mistakes.into_problems());
        }
        let message = "nothing says whose policies are tested: name a configuration in `config` (or by `--config`), or \
                       policies in `policies`";
        mistakes.at(&Spot::START, message);
        return Err(mistakes.into_problems());
    };
    let choice = Choice {
        filter: options.filter.as_deref().map(str::to_lowercase),
        coverage,
    };
    let cases = cases::cases(&file, &mut tests, &choice, &mut mistakes);
    if mistakes.is_empty() {
        Ok(cases)
    } else {
        Err(mistakes.into_problems())
    }
}

/// What is done while a run takes its time
const RUNNING: &str = "running the tests";

/// By how much the times of files may lag behind the clock (a tick of the kernel's, 10 ms at most)
const CLOCK_TICK: Duration = Duration::from_millis(20);

/// How often the files are looked at: a save shows well within 300 ms
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
