//! Reading the configuration again when a file of it changes.
//!
//! What is watched are directory entries, not only files: an editor writes a new file and renames it over the old one, and
//! Kubernetes swaps a symbolic link to a whole folder (`entries`). A change wakes one thread, which waits until
//! everything is quiet, looks whether any file is another one than before, and if so reads the whole configuration anew. A
//! valid one is handed on; an invalid one is reported and changes nothing. Between changes nothing runs, unless the
//! system cannot tell of changes; then the files are looked at every two seconds.
//!
//! ```text
//! INFO  the configuration was read again and is in force
//! WARN  `listen` has changed, which takes effect at the next start
//! ERROR emulator.yaml:12:5: /vpc_endpoints/0/vpc_id: no VPC `vpc-1a2b3c4d` is declared in `vpcs`
//! ERROR the configuration is not valid; the one before stays in force
//! ```

use std::{
    collections::BTreeSet,
    io,
    path::{Component, Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tracing::{error, info, warn};

use super::{Config, NamedFile, Overrides, Problems, read, source::Source};
use crate::ordered::set_of;

/// A watch over the files of a configuration; it ends when it is dropped
#[derive(Debug)]
pub struct Watch {
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// Watches the files of a configuration that is in force, and puts each valid new version in force
///
/// A configuration without files is not watched.
///
/// # Errors
/// When no thread can be started.
pub fn start(
    config: &Arc<Config>,
    overrides: &Overrides,
    reload: impl Fn(Arc<Config>) + Send + Sync + 'static,
) -> io::Result<Watch> {
    let started_with = config.clone();
    start_with(config, overrides, move |outcome| match outcome {
        Ok(new) => {
            let new = Arc::new(new);
            for warning in &new.warnings {
                warn!("{warning}");
            }
            for setting in changed_at_start_only(&started_with, &new) {
                warn!("`{setting}` has changed, which takes effect at the next start");
            }
            reload(new);
            info!("the configuration was read again and is in force");
        }
        Err(problems) => {
            for problem in &problems {
                error!("{problem}");
            }
            error!("the configuration is not valid; the one before stays in force");
        }
    })
}

pub(super) fn start_with(
    config: &Config,
    overrides: &Overrides,
    mut told: impl FnMut(Result<Config, Problems>) + Send + 'static,
) -> io::Result<Watch> {
    if config.files.is_empty() {
        return Ok(Watch {
            messages: None,
            thread: None,
        });
    }
    // The working directory may change, and which file is read is settled at the start.
    let source = Source::of_process(overrides);
    let read_again = move || {
        let reading = read(&source, |_| Vec::new());
        told(reading.outcome);
        reading.files
    };
    Watch::over(config.files.clone(), read_again)
}

/// The settings that are other than those the process was started with, and that it cannot change while it runs
fn changed_at_start_only<'a>(started_with: &Config, new: &Config) -> impl Iterator<Item = &'a str> {
    let (before, after) = (&started_with.process, &new.process);
    let (limits_before, limits_after) = (&started_with.limits, &new.limits);
    let changed = [
        ("listen", before.listen != after.listen),
        ("control", before.control != after.control),
        ("certs", before.certs != after.certs),
        ("state", before.state != after.state),
        ("log_format", before.log_format != after.log_format),
        ("http2", before.alpn != after.alpn),
        // The authority was made for the names of the start, and can vouch for no others.
        ("names", started_with.names != new.names),
        // Room that was made at the start.
        (
            "limits.connections_max",
            limits_before.connections_max != limits_after.connections_max,
        ),
        (
            "limits.in_flight_body_bytes_max",
            limits_before.in_flight_body_bytes_max != limits_after.in_flight_body_bytes_max,
        ),
        (
            "limits.tls_sessions_max",
            limits_before.tls_sessions_max != limits_after.tls_sessions_max,
        ),
        (
            "limits.counted_models_max",
            limits_before.counted_models_max != limits_after.counted_models_max,
        ),
    ];
    changed
        .into_iter()
        .filter(|(_, has_changed)| *has_changed)
        .map(|(setting, _)| setting)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Changed,
    Stop,
}

impl Watch {
    /// Calls `read_again` whenever one of the files has become another one; it answers with the files to watch from then on
    fn over(
        files: Vec<NamedFile>,
        read_again: impl FnMut() -> Vec<NamedFile> + Send + 'static,
    ) -> io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let own = messages.clone();
        let watcher = FileWatcher::new(files, messages.clone());
        // The files may have changed between their reading and now.
        let _ = messages.send(Message::Changed);
        let thread = thread::Builder::new()
            .name("config-watch".to_owned())
            .spawn(move || {
                watch(watcher, &inbox, &own, read_again);
            })?;
        Ok(Self {
            messages: Some(messages),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(messages) = self.messages.take() {
            // If nobody listens, the thread has ended already.
            let _ = messages.send(Message::Stop);
        }
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn watch(
    mut watcher: FileWatcher,
    inbox: &Receiver<Message>,
    messages: &Sender<Message>,
    mut read_again: impl FnMut() -> Vec<NamedFile>,
) {
    while wait(inbox, watcher.poll_interval()) == Message::Changed {
        // A folder on the way to a file that is not there yet has come into being, and the file will be made in it. Until
        // nothing comes in between, because nobody tells of what was not watched.
        while watcher.leads_elsewhere() {
            watcher = FileWatcher::new(watcher.files, messages.clone());
        }
        if !watcher.has_changed() {
            continue;
        }
        // Watched first, read then: what changes in between is seen.
        watcher = FileWatcher::new(watcher.files, messages.clone());
        let files = read_again();
        let is_other = !files
            .iter()
            .map(NamedFile::path)
            .eq(watcher.files.iter().map(NamedFile::path));
        if is_other {
            watcher = FileWatcher::new(files, messages.clone());
        } else {
            watcher.files = files;
        }
        // A file that was named only now may have changed before it was watched, and so may the way to it.
        if watcher.has_changed() || watcher.leads_elsewhere() {
            // We hold the other end.
            let _ = messages.send(Message::Changed);
        }
    }
}

/// Waits for a change, and then until there are no more of them
fn wait(inbox: &Receiver<Message>, poll_interval: Option<Duration>) -> Message {
    let first = match poll_interval {
        None => inbox.recv().unwrap_or(Message::Stop),
        Some(interval) => received(inbox, interval).unwrap_or(Message::Changed),
    };
    let deadline = Instant::now() + SETTLING_MAX;
    let mut last = first;
    while last == Message::Changed {
        match received(inbox, SETTLING) {
            Some(message) => last = message,
            None => break,
        }
        if Instant::now() > deadline {
            break;
        }
    }
    last
}

/// The next message, or `None` after `timeout`
fn received(inbox: &Receiver<Message>, timeout: Duration) -> Option<Message> {
    match inbox.recv_timeout(timeout) {
        Ok(message) => Some(message),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
    }
}

/// Watches one list of files, and knows what they were when they were read
struct FileWatcher {
    files: Vec<NamedFile>,
    /// What the ways to them led over when the watch began
    entries: BTreeSet<PathBuf>,
    /// `None`: the system cannot tell of changes
    watcher: Option<RecommendedWatcher>,
}

impl FileWatcher {
    fn new(files: Vec<NamedFile>, messages: Sender<Message>) -> Self {
        let entries = entries_of(&files);
        let watcher = watch_entries(&files, entries.clone(), messages)
            .inspect_err(|error| {
                warn!(%error, "changes of the configuration cannot be watched, so its files are looked at now and then");
            })
            .ok();
        Self {
            files,
            entries,
            watcher,
        }
    }

    fn leads_elsewhere(&self) -> bool {
        entries_of(&self.files) != self.entries
    }

    fn has_changed(&self) -> bool {
        self.files.iter().any(NamedFile::has_changed)
    }

    fn poll_interval(&self) -> Option<Duration> {
        self.watcher.is_none().then_some(POLL_INTERVAL)
    }
}

fn watch_entries(
    files: &[NamedFile],
    entries: BTreeSet<PathBuf>,
    messages: Sender<Message>,
) -> notify::Result<RecommendedWatcher> {
    let folders = entries.iter().filter_map(|entry| entry.parent());
    let folders = set_of(folders.map(Path::to_owned));
    let is_ours = move |event: &Event| {
        // Reading is no change, and we read ourselves. The folders hold other things too.
        let is_change = match event.kind {
            EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
            _ => true,
        };
        is_change && (event.need_rescan() || event.paths.iter().any(|path| entries.contains(path)))
    };
    let entries_of_files = set_of(files.iter().filter_map(|file| entries_end(file.path())));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error is as good as a change: the files are looked at.
        if event.as_ref().map_or(true, &is_ours) {
            // If nobody listens, the watch has ended.
            let _ = messages.send(Message::Changed);
        }
    })?;
    let mut is_any_watched = false;
    for folder in &folders {
        // A folder further up may be none of our business (no right to read it); then its replacement is not seen.
        is_any_watched |= watcher.watch(folder, RecursiveMode::NonRecursive).is_ok();
    }
    for file in &entries_of_files {
        // The file too: one that is mounted into a container on its own has another folder than it seems.
        is_any_watched |= watcher.watch(file, RecursiveMode::NonRecursive).is_ok();
    }
    if is_any_watched {
        Ok(watcher)
    } else {
        Err(notify::Error::generic("no folder can be watched"))
    }
}

fn entries_of(files: &[NamedFile]) -> BTreeSet<PathBuf> {
    set_of(files.iter().flat_map(|file| entries(file.path())))
}

/// Every directory entry whose replacement can change what the path leads to: the file, the folders on the way, and each
/// symbolic link with its target
fn entries(path: &Path) -> Vec<PathBuf> {
    resolve(path).0
}

/// Where the path leads, if there is something
fn entries_end(path: &Path) -> Option<PathBuf> {
    resolve(path).1
}

fn resolve(path: &Path) -> (Vec<PathBuf>, Option<PathBuf>) {
    let mut entries = Vec::new();
    let Ok(path) = std::path::absolute(path) else {
        return (entries, None);
    };
    let mut rest: Vec<PathBuf> = components_reversed(&path);
    let mut here = PathBuf::new();
    let mut links = 0;
    while let Some(component) = rest.pop() {
        match component.components().next() {
            Some(Component::Normal(name)) => {
                here.push(name);
                entries.push(here.clone());
                let Ok(metadata) = here.symlink_metadata() else {
                    return (entries, None);
                };
                if metadata.is_symlink() {
                    links += 1;
                    let Ok(target) = here.read_link() else {
                        return (entries, None);
                    };
                    if links > LINKS_MAX {
                        return (entries, None);
                    }
                    here.pop();
                    rest.extend(components_reversed(&target));
                }
            }
            Some(Component::ParentDir) => {
                here.pop();
            }
            Some(Component::CurDir) | None => {}
            Some(root @ (Component::RootDir | Component::Prefix(_))) => {
                here = PathBuf::from(root.as_os_str());
            }
        }
    }
    (entries, Some(here))
}

fn components_reversed(path: &Path) -> Vec<PathBuf> {
    path.components()
        .rev()
        .map(|component| PathBuf::from(component.as_os_str()))
        .collect()
}

/// An editor needs less than this from the first to the last touch of a file
const SETTLING: Duration = Duration::from_millis(100);

/// Even where something changes all the time
const SETTLING_MAX: Duration = Duration::from_secs(1);

/// Where the system cannot tell of changes
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// As many symbolic links as Linux follows
const LINKS_MAX: usize = 40;

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
                "listen: 127.0.0.1:1\ncontrol: 127.0.0.1:2\ncerts: ca\nlog_format: json\nhttp2: true\nnames: [a.test]\n\
                 limits: {connections_max: 9, tls_sessions_max: 9, counted_models_max: 9, journal_entries_max: 9}\n"
            ),
            [
                "listen",
                "control",
                "certs",
                "log_format",
                "http2",
                "names",
                "limits.connections_max",
                "limits.tls_sessions_max",
                "limits.counted_models_max",
            ]
        );
    }

    #[test]
    fn without_notifications_the_files_are_looked_at_after_an_interval() {
        let (messages, inbox) = mpsc::channel();
        assert_eq!(wait(&inbox, Some(Duration::from_millis(1))), Message::Changed);
        messages.send(Message::Stop).expect("we hold the other end");
        assert_eq!(wait(&inbox, Some(Duration::from_secs(60))), Message::Stop);
    }

    #[test]
    fn the_way_to_a_file_leads_over_every_folder_and_link() {
        let folder = crate::config::tests::folder("entries");
        folder.write("real/file", "");
        std::os::unix::fs::symlink("real", folder.join("link")).expect("the folder is ours");
        let (entries, end) = resolve(&folder.join("link/../link/file"));
        assert_eq!(end, Some(folder.join("real/file")));
        for entry in ["link", "real", "real/file"] {
            assert!(entries.contains(&folder.join(entry)), "{entry}");
        }
        // What is not there is watched for where it would come.
        assert_eq!(
            resolve(&folder.join("none/file")).0.last(),
            Some(&folder.join("none"))
        );
        std::os::unix::fs::symlink("loop", folder.join("loop")).expect("the folder is ours");
        assert_eq!(resolve(&folder.join("loop")).1, None);
    }
}
