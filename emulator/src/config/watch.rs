//! Reads the configuration again when one of its files changes, or when somebody asks for it.
//!
//! Every half second the named files are compared with their state when they were read: which file it is, its size and
//! its times. That notices every way of replacing a file, also through symbolic links and mounted folders (a Kubernetes
//! ConfigMap), and needs nothing of the system but `stat`. A changed file is read only after it has stayed the same for
//! a whole interval, because a file that is being written may be empty or incomplete, and half a configuration may
//! allow what the whole one denies. For the same reason a new version that has lost every section of the one in force
//! is refused.
//!
//! A valid version is put in force as a whole; an invalid one is reported and changes nothing.
//!
//! ```text
//! INFO  the configuration was read again and is in force
//! WARN  sections that the configuration no longer has, so that their defaults are in force: `vpc_endpoints`
//! WARN  `listen` has changed, which takes effect at the next start
//! ERROR emulator.yaml:12:5: /vpc_endpoints/0/vpc_id: no VPC `vpc-1a2b3c4d` is declared in `vpcs`
//! ERROR the configuration is not valid; the one before stays in force
//! ```

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use client_text::spelling::quoted;
use tracing::{error, info, warn};

use super::{
    Config, NamedFile, Overrides, Problem, Problems, Reading,
    files::{self, FileState},
    read,
    source::Source,
};

/// A watch over the files of a configuration; it ends when it is dropped
#[derive(Debug)]
pub(crate) struct Watch {
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// The result of reading the configuration again
#[derive(Debug)]
pub(super) enum Outcome {
    /// A valid version that differs from the one in force
    New(Box<Config>),
    /// A version that is the same as the one in force
    Unchanged,
    /// A version that cannot be put in force
    Refused(Problems),
}

/// What happens to the configuration in force when it is read again
#[derive(Debug)]
pub(crate) enum Reloaded {
    /// This one takes its place
    New(Arc<Config>),
    /// It is still what the files say
    Unchanged,
    /// It stays in force, because what the files say is not valid; the reasons, one per line
    Refused(String),
}

/// Watches the files of a configuration that is in force, and puts each valid new version in force
///
/// A configuration without files is not watched.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn start(
    config: &Arc<Config>,
    overrides: &Overrides,
    reloaded: impl Fn(Reloaded) + Send + Sync + 'static,
) -> io::Result<Watch> {
    let started_with = config.clone();
    let mut in_force = config.clone();
    start_with(config, overrides, move |outcome| match outcome {
        Outcome::New(new) => {
            let new: Arc<Config> = new.into();
            for warning in &new.warnings {
                warn!("{warning}");
            }
            tell_sections(&in_force, &new);
            for setting in changed_at_start_only(&started_with, &new) {
                warn!("`{setting}` has changed, which takes effect at the next start");
            }
            reloaded(Reloaded::New(new.clone()));
            in_force = new;
            info!("the configuration was read again and is in force");
        }
        Outcome::Unchanged => {
            reloaded(Reloaded::Unchanged);
            info!("the configuration was read again and says what is in force");
        }
        Outcome::Refused(problems) => {
            for problem in &problems {
                error!("{problem}");
            }
            reloaded(Reloaded::Refused(problems.to_string()));
            error!("the configuration is not valid; the one before stays in force");
        }
    })
}

pub(super) fn start_with(
    config: &Config,
    overrides: &Overrides,
    told: impl FnMut(Outcome) + Send + 'static,
) -> io::Result<Watch> {
    if config.files.is_empty() {
        return Ok(Watch {
            messages: None,
            thread: None,
        });
    }
    Watch::over(Watcher::new(config, overrides, told))
}

/// Logs which sections came and went: a section that is gone may be the one that refused something
fn tell_sections(before: &Config, after: &Config) {
    let list = |sections: &BTreeSet<String>, others: &BTreeSet<String>| {
        let only_here: Vec<&str> = sections.difference(others).map(String::as_str).collect();
        (!only_here.is_empty()).then(|| quoted(&only_here))
    };
    if let Some(gone) = list(&before.sections, &after.sections) {
        warn!("sections that the configuration no longer has, so that their defaults are in force: {gone}");
    }
    if let Some(new) = list(&after.sections, &before.sections) {
        warn!("sections that the configuration did not have before: {new}");
    }
}

/// Why a valid new version is not put in force: it looks like a file that is being written
fn lost_everything(before: &BTreeSet<String>, new: &Config) -> Option<Problem> {
    if before.is_empty() || !before.is_disjoint(&new.sections) {
        return None;
    }
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let seen = if new.sections.is_empty() {
        "the file is empty"
    } else {
        "every section is another one"
    };
    let message = format!(
        "{seen}: nothing is left of the version in force ({}), as in a file that is being written; to have it so, start \
         the emulator anew",
        quoted(&before)
    );
    let file = new.file.clone();
    Some(Problem {
        file,
        ..Problem::of_process(message)
    })
}

/// The settings that differ from those the process was started with, and that take effect at start only
fn changed_at_start_only<'a>(started_with: &Config, new: &Config) -> impl Iterator<Item = &'a str> {
    let (before, after) = (&started_with.process, &new.process);
    let (limits_before, limits_after) = (&started_with.settings.limits, &new.settings.limits);
    let changed = [
        ("listen", before.listen != after.listen),
        ("control", before.control != after.control),
        ("certs", before.certs != after.certs),
        ("public_certs", before.public_certs != after.public_certs),
        ("state", before.state != after.state),
        ("log_format", before.log_format != after.log_format),
        ("log_requests", before.log_requests != after.log_requests),
        ("log_level", before.log_level != after.log_level),
        ("http2", before.alpn != after.alpn),
        // The authority was made for the names at the start, and cannot certify others.
        ("names", started_with.settings.names != new.settings.names),
        // The room for these is allocated at the start.
        (
            "limits.log_queue_requests_max",
            limits_before.log_queue_requests_max != limits_after.log_queue_requests_max,
        ),
        (
            "limits.connections_max",
            limits_before.connections_max != limits_after.connections_max,
        ),
        (
            "limits.health_connections_max",
            limits_before.health_connections_max != limits_after.health_connections_max,
        ),
        (
            "limits.in_flight_body_bytes_max",
            limits_before.in_flight_body_bytes_max != limits_after.in_flight_body_bytes_max,
        ),
        (
            "limits.body_memory_kept_bytes_max",
            limits_before.body_memory_kept_bytes_max != limits_after.body_memory_kept_bytes_max,
        ),
        (
            "limits.in_flight_control_body_bytes_max",
            limits_before.in_flight_control_body_bytes_max != limits_after.in_flight_control_body_bytes_max,
        ),
        (
            "limits.client_body_share_percent_max",
            limits_before.client_body_share_percent_max != limits_after.client_body_share_percent_max,
        ),
        (
            "limits.tls_sessions_max",
            limits_before.tls_sessions_max != limits_after.tls_sessions_max,
        ),
        (
            "limits.unheard_kinds_max",
            limits_before.unheard_kinds_max != limits_after.unheard_kinds_max,
        ),
        (
            "limits.counted_models_max",
            limits_before.counted_models_max != limits_after.counted_models_max,
        ),
        (
            "limits.counted_groups_max",
            limits_before.counted_groups_max != limits_after.counted_groups_max,
        ),
        (
            "limits.metric_series_max",
            limits_before.metric_series_max != limits_after.metric_series_max,
        ),
        (
            "limits.statistics_seconds_max",
            limits_before.statistics_seconds_max != limits_after.statistics_seconds_max,
        ),
    ];
    changed
        .into_iter()
        .filter(|(_, has_changed)| *has_changed)
        .map(|(setting, _)| setting)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    ReadAgain,
    Stop,
}

impl Watch {
    /// Reads the configuration again now, whether a file has changed or not; the result is reported as always
    ///
    /// Returns whether there is a file to be read.
    pub(crate) fn read_again(&self) -> bool {
        let sent = self
            .messages
            .as_ref()
            .map(|messages| messages.send(Message::ReadAgain));
        sent.is_some_and(|sent| sent.is_ok())
    }

    fn over(watcher: Watcher<impl FnMut(Outcome) + Send + 'static>) -> io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("config-watch".to_owned())
            .spawn(move || watch(watcher, &inbox))?;
        Ok(Self {
            messages: Some(messages),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(messages) = self.messages.take() {
            // If nobody receives it, the thread has ended already.
            let _ = messages.send(Message::Stop);
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn watch(mut watcher: Watcher<impl FnMut(Outcome)>, inbox: &Receiver<Message>) {
    loop {
        match inbox.recv_timeout(STILL) {
            Err(RecvTimeoutError::Timeout) => watcher.look(),
            Ok(Message::ReadAgain) => watcher.read(),
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Knows the state of the files when they were read, and reads them again
pub(super) struct Watcher<T> {
    source: Source,
    /// The files of the last reading, whatever its result
    files: Vec<NamedFile>,
    /// The states that the last look saw, if they differed from those when the files were read
    seen: Option<Vec<Option<FileState>>>,
    /// How many looks in a row saw another state each
    restless_looks: u32,
    /// The files of the version in force
    in_force: Vec<NamedFile>,
    sections_in_force: BTreeSet<String>,
    told: T,
}

impl<T: FnMut(Outcome)> Watcher<T> {
    /// A watcher of the files of a configuration that is in force
    pub(super) fn new(config: &Config, overrides: &Overrides, told: T) -> Self {
        Self {
            // The working directory may change, so the file to be read is settled at the start.
            source: Source::of_process(overrides),
            files: config.files.clone(),
            seen: None,
            restless_looks: 0,
            in_force: config.files.clone(),
            sections_in_force: config.sections.clone(),
            told,
        }
    }

    /// Looks at the files, and reads them when they have changed and the previous look saw the same states
    pub(super) fn look(&mut self) {
        let now: Vec<_> = self.files.iter().map(NamedFile::state_now).collect();
        let has_changed = self
            .files
            .iter()
            .map(NamedFile::state)
            .ne(now.iter().map(Option::as_ref));
        if !has_changed {
            self.rest();
        } else if self.seen.as_ref() == Some(&now) {
            self.read();
        } else {
            self.seen = Some(now);
            self.restless_looks += 1;
            if self.restless_looks == RESTLESS_LOOKS_TOLD {
                warn!(
                    "the configuration has been changing for {} s and is read when it has been still for {} ms: {}",
                    (STILL * RESTLESS_LOOKS_TOLD).as_secs(),
                    STILL.as_millis(),
                    files::listed(self.files.iter().filter(|file| file.has_changed()))
                );
            }
        }
    }

    /// Reads the configuration and reports the result
    pub(super) fn read(&mut self) {
        self.read_meanwhile(|| {});
    }

    /// Reads as [`read`](Self::read) does, and calls `meanwhile` when the first file has been read
    pub(super) fn read_meanwhile(&mut self, meanwhile: impl FnOnce()) {
        let Reading { outcome, files } = read(&self.source, |_| {
            meanwhile();
            Vec::new()
        });
        if files.iter().any(NamedFile::has_changed) {
            // Files that changed during the reading are neither the one version nor the other.
            self.seen = None;
            return;
        }
        self.files = files;
        self.rest();
        let outcome = match outcome {
            Err(problems) => Outcome::Refused(problems),
            Ok(_) if files::say_the_same(&self.files, &self.in_force) => Outcome::Unchanged,
            Ok(config) => match lost_everything(&self.sections_in_force, &config) {
                Some(problem) => Outcome::Refused(problem.into()),
                None => {
                    self.in_force.clone_from(&self.files);
                    self.sections_in_force.clone_from(&config.sections);
                    Outcome::New(Box::new(config))
                }
            },
        };
        (self.told)(outcome);
    }

    fn rest(&mut self) {
        self.seen = None;
        self.restless_looks = 0;
    }
}

/// How often the files are looked at, and how long they must have been the same before they are read
const STILL: Duration = Duration::from_millis(500);

/// After this many looks that each saw another state, a warning says why nothing is read
const RESTLESS_LOOKS_TOLD: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_effect_at_the_start_only_is_told_by_its_key() {
        let config = |yaml: &str| Config::embedded(Some(yaml), None).expect("it is valid");
        let changed = |new: &str| changed_at_start_only(&config(""), &config(new)).collect::<Vec<_>>();
        assert_eq!(
            changed("account_id: '000000000001'\nlimits: {headers_max: 50}\n"),
            [""; 0]
        );
        assert_eq!(
            changed(
                "listen: 127.0.0.1:1\ncontrol: 127.0.0.1:2\ncerts: ca\npublic_certs: public\nlog_format: json\nlog_requests: none\nlog_level: debug\nhttp2: true\nnames: [a.test]\n\
                 limits: {log_queue_requests_max: 9, connections_max: 9, tls_sessions_max: 9, unheard_kinds_max: 9, counted_models_max: 9, counted_groups_max: 9, metric_series_max: 9, statistics_seconds_max: 90, journal_entries_max: 9}\n"
            ),
            [
                "listen",
                "control",
                "certs",
                "public_certs",
                "log_format",
                "log_requests",
                "log_level",
                "http2",
                "names",
                "limits.log_queue_requests_max",
                "limits.connections_max",
                "limits.tls_sessions_max",
                "limits.unheard_kinds_max",
                "limits.counted_models_max",
                "limits.counted_groups_max",
                "limits.metric_series_max",
                "limits.statistics_seconds_max",
            ]
        );
    }
}
