//! The configuration: everything a user can set, valid or not there at all.
//!
//! The file is read by its JSON Schema (`form`), which finds every mistake of form, into plain structures (`file`).
//! Those are checked against each other (`validate`). A [`Config`] comes out only if every name is well-formed, every
//! named file was read, and every policy was parsed. A request keeps the `Config` it began with, so it never sees a
//! mixture of two configurations.

pub(crate) mod faults;
mod file;
mod files;
mod form;
mod limits;
pub(crate) mod listen_address;
mod listened;
mod problems;
pub(crate) mod put_rules;
mod reachability;
mod schema;
mod source;
pub(crate) mod text_file;
mod texts;
mod timing;
mod validate;
pub(crate) mod watch;
pub(crate) mod yaml;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

#[cfg(any(fuzzing, test))]
pub(crate) use self::yaml::flow_style;
use self::{
    files::Files,
    problems::{Place, Report},
    source::{ConfigFile, Defaults, Source},
};
pub(crate) use self::{
    files::{NamedFile, in_our_words},
    problems::{Problem, Problems},
    schema::SCHEMA,
    source::Overrides,
    validate::Setting,
};
use crate::{
    network::EmulatedName,
    settings::{PolicyFiles, Settings},
    tls::{Alpn, InvalidName, ServedNames},
};

/// A configuration that is valid as a whole
#[derive(Debug)]
pub(crate) struct Config {
    /// What requests are answered by
    pub(crate) settings: Arc<Settings>,
    /// Where to listen, where to keep the CA, how to log
    pub process: Process,
    /// Warnings
    pub warnings: Vec<Problem>,
    /// The configuration file; `None`: there is none, or its text came from a test
    pub file: Option<PathBuf>,
    /// The sections of the file: its top-level keys
    pub sections: BTreeSet<String>,
    /// The configuration file and every file it names, to be watched for changes
    pub files: Vec<NamedFile>,
}

/// What concerns the process and takes effect at its start only
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// Address of the TLS listener
    pub listen: SocketAddr,
    /// Address of the control API's listener
    pub control: SocketAddr,
    /// Folder of the certificate authority; `None` keeps it in memory
    pub certs: Option<PathBuf>,
    /// Whether that folder is deleted with the process, as that of `exec` is
    pub certs_are_temporary: bool,
    /// Folder that also gets the public files of the authority; `None`: they are in `certs` alone
    pub public_certs: Option<PathBuf>,
    /// File of the state; `None` keeps it in memory
    pub state: Option<PathBuf>,
    /// Form of the log on standard error
    pub log_format: LogFormat,
    /// Which requests the log has a line about
    pub log_requests: LogRequests,
    /// The lowest severity that is logged; `RUST_LOG` overrides it for the modules that it names
    pub log_level: LogLevel,
    /// The protocols offered by ALPN (`http2: true` in the file offers h2 as well)
    pub alpn: Alpn,
}

pub(crate) use crate::settings::LogRequests;

/// Form of the log lines
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LogFormat {
    /// For a person
    Text,
    /// One JSON object a line
    Json,
}

/// The lowest severity that is logged
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LogLevel {
    /// Faults of the emulator
    Error,
    /// Probable mistakes
    Warn,
    /// What happens, requests included
    #[default]
    Info,
    /// Details for finding a mistake
    Debug,
    /// Everything
    Trace,
}

impl Config {
    /// Reads the configuration of a process: options, then the file, then the defaults
    ///
    /// # Errors
    /// With everything that is wrong with it, all at once.
    pub(crate) fn load(overrides: &Overrides) -> Result<Self, Problems> {
        Self::load_and_probe(overrides, |_| Vec::new())
    }

    /// Reads the configuration of a process, and asks `probe` whether the process could work with these settings, so
    /// that a busy port is reported together with every mistake in the file
    ///
    /// # Errors
    /// With everything that is wrong with it, and everything that `probe` finds, all at once.
    pub(crate) fn load_and_probe(
        overrides: &Overrides,
        probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
    ) -> Result<Self, Problems> {
        read(&Source::of_process(overrides), probe).outcome
    }

    /// A configuration for an emulator inside a test: what `yaml` says, otherwise free ports of loopback and a
    /// certificate authority in memory, and a policy for the first endpoint. Paths are relative to the working
    /// directory, and `emulator.yaml` is not read.
    ///
    /// # Errors
    /// With everything that is wrong with it, all at once.
    pub(crate) fn embedded(yaml: Option<&str>, endpoint_policy: Option<&Value>) -> Result<Self, Problems> {
        let file = yaml.map_or(ConfigFile::None, |yaml| ConfigFile::Text(yaml.to_owned()));
        Self::embedded_of(file, endpoint_policy)
    }

    /// A configuration for an emulator inside a test, from a file; paths are relative to the file. The process settings
    /// of the file are ignored, except for `http2`: where another emulator listens and keeps its files is no concern of
    /// a test.
    ///
    /// # Errors
    /// With everything that is wrong with it, all at once.
    pub(crate) fn embedded_file(path: &Path, endpoint_policy: Option<&Value>) -> Result<Self, Problems> {
        let config = Self::embedded_of(ConfigFile::Path(path.to_owned()), endpoint_policy)?;
        let own = Self::embedded(None, None)?.process;
        Ok(Self {
            process: Process {
                alpn: config.process.alpn,
                ..own
            },
            ..config
        })
    }

    fn embedded_of(file: ConfigFile, endpoint_policy: Option<&Value>) -> Result<Self, Problems> {
        let source = Source {
            file,
            overrides: Overrides::default(),
            defaults: Defaults::Embedded,
        };
        let mut config = read(&source, |_| Vec::new()).outcome?;
        if let Some(document) = endpoint_policy {
            let document = validate::endpoint_policy(document)?;
            let settings = Arc::get_mut(&mut config.settings).expect("nobody else has it yet");
            let first = settings.networks.vpc_endpoints.first_mut();
            let first = first.ok_or_else(|| Problem::of_process("the configuration has no VPC endpoint"))?;
            first.policy_document = Arc::new(document);
            let warnings = validate::warnings_about(&settings.networks.vpc_endpoints[0], settings);
            config.warnings.extend(warnings);
        }
        Ok(config)
    }

    /// Everything that certificates are needed for
    ///
    /// # Errors
    /// When one of `names` cannot stand in a certificate.
    pub(crate) fn served_names(&self) -> Result<ServedNames, InvalidName> {
        let mut names = self.settings.names.clone();
        // An emulator that listens on one address is called by that address.
        let listen = self.process.listen.ip();
        if !listen.is_unspecified() {
            names.push(EmulatedName::Address(listen));
        }
        ServedNames::of_this_machine(&names, &self.settings.regions())
    }
}

/// The result of reading the configuration, and the files to be watched to know when to read it again
struct Reading {
    outcome: Result<Config, Problems>,
    files: Vec<NamedFile>,
}

fn read(source: &Source, probe: impl FnOnce(&Process) -> Vec<(Setting, String)>) -> Reading {
    let files = Files::beside(source.file.path());
    let outcome = match &source.file {
        ConfigFile::None => {
            let nothing = yaml::Node::empty();
            check(&nothing, Report::without_file(), source, &files, probe)
        }
        ConfigFile::TwoInOneFolder => Err(Problem::of_process(
            "both `emulator.yaml` and `emulator.yml` are here: remove one of them, or name the one that is meant with \
             `--config`",
        )
        .into()),
        ConfigFile::Path(path) => match files.read_text(path) {
            Ok(text) => read_text(path, &text, source, &files, probe),
            Err(error) => Err(Problem::of_process(error.in_a_file()).into()),
        },
        ConfigFile::Text(text) => read_text(Path::new("configuration"), text, source, &files, probe),
    };
    let files = files.into_named();
    let outcome = with_mistakes(&source.overrides.mistakes, outcome);
    let outcome = outcome.map(|mut config| {
        let settings = Arc::get_mut(&mut config.settings).expect("nobody else has it yet");
        let named = files.iter();
        settings.policy_files =
            PolicyFiles::new(named.filter_map(|file| Some((file.sha256()?, file.path().to_path_buf()))));
        Config {
            file: source.file.path().map(Path::to_path_buf),
            files: files.clone(),
            ..config
        }
    });
    Reading { outcome, files }
}

/// Adds mistakes that were found elsewhere, before those of the configuration; with any of them there is no
/// configuration
fn with_mistakes(mistakes: &[String], outcome: Result<Config, Problems>) -> Result<Config, Problems> {
    if mistakes.is_empty() {
        return outcome;
    }
    let mistakes = mistakes.iter().map(Problem::of_process);
    let further = outcome.err().into_iter().flatten();
    Err(mistakes.chain(further).collect())
}

fn read_text(
    name: &Path,
    text: &str,
    source: &Source,
    files: &Files,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Problems> {
    let nodes_max = source.overrides.config_nodes_max.unwrap_or(yaml::NODES_MAX);
    let tree = yaml::parse(text, nodes_max)
        .map_err(|error| Problem::in_file(name, error.message).at(error.position))?;
    check(
        &tree,
        Report::about(name.to_path_buf(), &tree),
        source,
        files,
        probe,
    )
}

fn check(
    tree: &yaml::Node,
    report: Report<'_>,
    source: &Source,
    files: &Files,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Problems> {
    let written = form::read(tree, &report);
    let config = written.and_then(|written| validate::validate(written, source, files, &report, probe));
    let sections = tree.keys();
    if sections.is_empty() && source.file.path().is_some() {
        report.warning(
            &Place::root(),
            "the file has no sections, so that every default is in force",
        );
    }
    let (problems, warnings) = report.finish();
    match config {
        Some(config) if problems.is_empty() => Ok(Config {
            sections,
            warnings,
            ..config
        }),
        None if problems.is_empty() => Err(Problem::of_process(
            "the configuration is refused, and nothing says why: this is a fault of the emulator",
        )
        .into()),
        _ => Err(problems),
    }
}

#[cfg(test)]
pub(crate) mod tests;
