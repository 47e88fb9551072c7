//! Where a configuration comes from: options, then the environment, then the file, then the defaults.
//!
//! The command line merges options and environment into one [`Overrides`]; this is where they override the file.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use super::{
    LogFormat, LogLevel, Process, file,
    problems::{Place, Report},
    texts::{FilePath, ListenAddress},
};
use crate::{settings::LogRequests, tls::Alpn};

/// The settings that options and environment give; each overrides the configuration file
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// What is wrong with options and environment themselves, to be reported with everything that is wrong with the file
    pub mistakes: Vec<String>,
    /// `--config FILE`; `None`: `emulator.yaml` or `emulator.yml` in the working directory, if there is one
    pub config: Option<PathBuf>,
    /// `--config-nodes-max N`: keys and values that the file may have; `None`: 100,000
    pub config_nodes_max: Option<usize>,
    /// `--listen ADDR`
    pub listen: Option<SocketAddr>,
    /// `--control ADDR`
    pub control: Option<SocketAddr>,
    /// `--certs DIR`
    pub certs: Option<PathBuf>,
    /// `--public-certs DIR`
    pub public_certs: Option<PathBuf>,
    /// `--endpoint-policy FILE`: the policy of the default endpoint
    pub endpoint_policy: Option<PathBuf>,
    /// `--log-format text|json`
    pub log_format: Option<LogFormat>,
    /// `--log-requests none|refused|all`
    pub log_requests: Option<LogRequests>,
    /// The value of `log_requests` if neither option nor file gives one; `None`: refused
    pub log_requests_default: Option<LogRequests>,
    /// `--log-level error|warn|info|debug|trace`
    pub log_level: Option<LogLevel>,
}

/// Everything that a configuration is read from; reading it again gives the configuration anew
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) file: ConfigFile,
    pub(super) overrides: Overrides,
    pub(super) defaults: Defaults,
}

/// The configuration file
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConfigFile {
    /// There is none
    None,
    /// No file is named, and both file names exist
    TwoInOneFolder,
    /// A file
    Path(PathBuf),
    /// Its text, from a test
    Text(String),
}

/// The process's settings where nothing sets them
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defaults {
    /// Ports 8443 and 8080 of loopback, `certs` in the working directory
    Process,
    /// Free ports of loopback, the authority in memory
    Embedded,
}

impl Source {
    /// The source of a process in its working directory
    pub(super) fn of_process(overrides: &Overrides) -> Self {
        let file = config_file(overrides, Path::new(""));
        Self {
            file,
            overrides: overrides.clone(),
            defaults: Defaults::Process,
        }
    }

    /// The process's settings, each from the first source that has it
    pub(super) fn process(
        &self,
        written: &file::ConfigFile,
        base: &Path,
        report: &Report<'_>,
    ) -> Option<Process> {
        let said = &self.overrides;
        // The values in the file must be right even where an option overrides them.
        if !PROCESS_KEYS
            .iter()
            .all(|key| report.is_sound(&Place::root().child(key)))
        {
            return None;
        }
        let address = |written: &Option<ListenAddress>| written.as_ref().map(|written| written.0);
        let path = |written: &Option<FilePath>| written.as_ref().map(|written| base.join(&written.0));
        Some(Process {
            listen: said
                .listen
                .or(address(&written.listen))
                .unwrap_or_else(|| self.defaults.loopback(8443)),
            control: said
                .control
                .or(address(&written.control))
                .unwrap_or_else(|| self.defaults.loopback(8080)),
            certs: said
                .certs
                .clone()
                .or_else(|| path(&written.certs))
                .or_else(|| self.defaults.certs()),
            certs_are_temporary: false,
            public_certs: said.public_certs.clone().or_else(|| path(&written.public_certs)),
            log_format: said.log_format.or(written.log_format).unwrap_or(LogFormat::Text),
            log_requests: said
                .log_requests
                .or(written.log_requests)
                .or(said.log_requests_default)
                .unwrap_or(LogRequests::Refused),
            log_level: said.log_level.or(written.log_level).unwrap_or_default(),
            state: path(&written.state),
            alpn: if written.http2.unwrap_or(false) {
                Alpn::Http2
            } else {
                Alpn::Http11
            },
        })
    }
}

impl ConfigFile {
    /// The path of the file, if there is a file
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::None | Self::TwoInOneFolder | Self::Text(_) => None,
        }
    }
}

impl Defaults {
    fn loopback(self, port: u16) -> SocketAddr {
        let port = match self {
            Self::Process => port,
            Self::Embedded => 0,
        };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }

    fn certs(self) -> Option<PathBuf> {
        match self {
            Self::Process => Some(PathBuf::from("certs")),
            Self::Embedded => None,
        }
    }
}

/// The file that is named, or else the one in `directory`, if there is one
fn config_file(overrides: &Overrides, directory: &Path) -> ConfigFile {
    if let Some(file) = &overrides.config {
        return ConfigFile::Path(file.clone());
    }
    // A broken link or a folder of this name is left to the reader to report.
    let found =
        FILE_NAMES.map(|name| Some(directory.join(name)).filter(|file| file.symlink_metadata().is_ok()));
    match found {
        [None, None] => ConfigFile::None,
        [Some(file), None] | [None, Some(file)] => ConfigFile::Path(file),
        [Some(_), Some(_)] => ConfigFile::TwoInOneFolder,
    }
}

/// The keys of the file that [`Process`] is made of
const PROCESS_KEYS: [&str; 9] = [
    "listen",
    "control",
    "certs",
    "public_certs",
    "state",
    "log_format",
    "log_requests",
    "log_level",
    "http2",
];

/// The files that are looked for when none is named
const FILE_NAMES: [&str; 2] = ["emulator.yaml", "emulator.yml"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_working_directory_is_read_if_it_is_there_and_none_is_named() {
        for name in FILE_NAMES {
            let directory = crate::config::tests::folder("discovery");
            let nothing = Overrides::default();
            assert_eq!(config_file(&nothing, &directory), ConfigFile::None);
            let file = directory.write(name, "");
            assert_eq!(config_file(&nothing, &directory), ConfigFile::Path(file));
            let named = Overrides {
                config: Some("other.yaml".into()),
                ..Overrides::default()
            };
            assert_eq!(
                config_file(&named, &directory),
                ConfigFile::Path("other.yaml".into())
            );
        }
    }

    #[test]
    fn of_two_files_one_must_be_named() {
        let directory = crate::config::tests::folder("discovery");
        for name in FILE_NAMES {
            directory.write(name, "");
        }
        assert_eq!(
            config_file(&Overrides::default(), &directory),
            ConfigFile::TwoInOneFolder
        );
        let named = Overrides {
            config: Some("emulator.yml".into()),
            ..Overrides::default()
        };
        assert_eq!(
            config_file(&named, &directory),
            ConfigFile::Path("emulator.yml".into())
        );
    }
}
