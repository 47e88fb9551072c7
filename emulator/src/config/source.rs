//! Where a configuration comes from: options, then the environment, then the file, then the defaults.
//!
//! The command line fills one [`Overrides`], the environment another; which of the two said something is thereby known
//! when a message must name it. Nothing else in the program reads the environment.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    LogFormat, Process, file,
    problems::{Problem, Report, Reported},
    read::Located,
};

/// What the command line, or the environment, says about the configuration; texts are as they were given
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--listen ADDR`
    pub listen: Option<String>,
    /// `--control ADDR`
    pub control: Option<String>,
    /// `--certs DIR`
    pub certs: Option<PathBuf>,
    /// `--endpoint-policy FILE`
    pub endpoint_policy: Option<PathBuf>,
    /// `--log-format text|json`
    pub log_format: Option<String>,
}

/// Everything that a configuration is read from; reading it again gives the configuration anew
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSource {
    options: Overrides,
    environment: Overrides,
    /// Where `emulator.yaml` is looked for when no file is named; `None`: nowhere
    directory: Option<PathBuf>,
}

impl Overrides {
    /// What the environment says: `LOOKOUTVISION_EMULATOR_<OPTION>` for each option
    ///
    /// An empty variable counts as absent, because compose files pass on unset variables as empty ones.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |option: &str| variable(&environment_name(option)).filter(|value| !value.is_empty());
        let text = |option| value(option).map(|value| value.to_string_lossy().into_owned());
        Self {
            config: value("config").map(PathBuf::from),
            listen: text("listen"),
            control: text("control"),
            certs: value("certs").map(PathBuf::from),
            endpoint_policy: value("endpoint-policy").map(PathBuf::from),
            log_format: text("log-format"),
        }
    }
}

impl ConfigSource {
    /// The process's own: the options, its environment, and `emulator.yaml` in the working directory if there is one
    pub fn of_process(options: Overrides) -> Self {
        let environment = Overrides::from_environment(|name| std::env::var_os(name));
        Self {
            options,
            environment,
            directory: Some(PathBuf::new()),
        }
    }

    /// Nothing but the defaults
    pub fn defaults() -> Self {
        Self::default()
    }

    /// One file, and nothing but the defaults besides
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self::new(
            Overrides {
                config: Some(file.into()),
                ..Overrides::default()
            },
            Overrides::default(),
        )
    }

    /// Options and an environment, without looking for `emulator.yaml`
    pub fn new(options: Overrides, environment: Overrides) -> Self {
        Self {
            options,
            environment,
            directory: None,
        }
    }

    /// Looks for `emulator.yaml` in `directory` when no file is named
    #[must_use]
    pub fn or_file_in(self, directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: Some(directory.into()),
            ..self
        }
    }

    /// The configuration file, if there is one
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        let named = self.options.config.as_ref().or(self.environment.config.as_ref());
        named.cloned().or_else(|| {
            let file = self.directory.as_ref()?.join(FILE_NAME);
            // A broken link or a folder of this name is for the reader to complain about.
            file.symlink_metadata().is_ok().then_some(file)
        })
    }

    /// The policy file for the default endpoint, and who named it
    pub(super) fn endpoint_policy(&self) -> Option<(&Path, String)> {
        match (&self.options.endpoint_policy, &self.environment.endpoint_policy) {
            (Some(path), _) => Some((path, option("endpoint-policy"))),
            (None, Some(path)) => Some((path, variable("endpoint-policy"))),
            (None, None) => None,
        }
    }

    /// The process's settings, each from the first that says something
    pub(super) fn process(
        &self,
        written: ProcessSettings<'_>,
        base: &Path,
        report: &Report<'_>,
    ) -> Result<Process, Reported> {
        let listen = self.setting(
            "listen",
            |said| said.listen.as_deref(),
            written.listen,
            parse_address,
            report,
        );
        let control = self.setting(
            "control",
            |said| said.control.as_deref(),
            written.control,
            parse_address,
            report,
        );
        let given = |said: &Overrides| said.certs.clone();
        let certs = match (
            given(&self.options).or_else(|| given(&self.environment)),
            written.certs,
        ) {
            (Some(folder), _) => Ok(folder),
            (
                None,
                Some(Located {
                    value: Ok(folder), ..
                }),
            ) => Ok(base.join(folder)),
            (
                None,
                Some(Located {
                    value: Err(reported), ..
                }),
            ) => Err(*reported),
            (None, None) => Ok(PathBuf::from(CERTS)),
        };
        let in_file = written
            .log_format
            .map(|located| located.value.map(LogFormat::from));
        let log_format = match self.said("log-format", |said| said.log_format.as_deref()) {
            Some((text, by)) => parse_log_format(text).map_err(|message| report.add(told_by(&by, &message))),
            None => in_file.unwrap_or(Ok(LogFormat::Text)),
        };
        Ok(Process {
            listen: listen?.unwrap_or(LISTEN),
            control: control?.unwrap_or(CONTROL),
            certs: Some(certs?),
            log_format: log_format?,
        })
    }

    /// Which option or environment variable set something, if one did
    pub(super) fn who_set(&self, name: &str) -> Option<String> {
        let is_set = |said: &Overrides| match name {
            "listen" => said.listen.is_some(),
            "control" => said.control.is_some(),
            "certs" => said.certs.is_some(),
            _ => false,
        };
        if is_set(&self.options) {
            Some(option(name))
        } else {
            is_set(&self.environment).then(|| variable(name))
        }
    }

    fn setting<T>(
        &self,
        name: &str,
        of: impl Fn(&Overrides) -> Option<&str>,
        written: Option<&Located<String>>,
        parse: fn(&str) -> Result<T, String>,
        report: &Report<'_>,
    ) -> Result<Option<T>, Reported> {
        // The file must be right even where an option goes before it.
        let in_file = match written {
            Some(located) => {
                let text = located.value.as_ref().map_err(|reported| *reported);
                let parse =
                    |text: &String| parse(text).map_err(|message| report.problem(&located.place, message));
                text.and_then(parse).map(Some)
            }
            None => Ok(None),
        };
        match self.said(name, of) {
            Some((text, by)) => parse(text)
                .map(Some)
                .map_err(|message| report.add(told_by(&by, &message))),
            None => in_file,
        }
    }

    /// What the options, or else the environment, say, and who it was
    fn said(&self, name: &str, of: impl Fn(&Overrides) -> Option<&str>) -> Option<(&str, String)> {
        of(&self.options)
            .map(|text| (text, option(name)))
            .or_else(|| of(&self.environment).map(|text| (text, variable(name))))
    }
}

/// What the file says about the process
#[derive(Clone, Copy)]
pub(super) struct ProcessSettings<'a> {
    pub(super) listen: Option<&'a Located<String>>,
    pub(super) control: Option<&'a Located<String>>,
    pub(super) certs: Option<&'a Located<String>>,
    pub(super) log_format: Option<&'a Located<file::LogFormat>>,
}

impl From<file::LogFormat> for LogFormat {
    fn from(format: file::LogFormat) -> Self {
        match format {
            file::LogFormat::Text => Self::Text,
            file::LogFormat::Json => Self::Json,
        }
    }
}

/// A problem with an option or an environment variable
pub(super) fn told_by(by: &str, message: &str) -> Problem {
    Problem::new(format!("{by}: {message}"))
}

fn option(name: &str) -> String {
    format!("option `--{name}`")
}

fn variable(name: &str) -> String {
    format!("environment variable `{}`", environment_name(name))
}

fn environment_name(option: &str) -> String {
    format!(
        "LOOKOUTVISION_EMULATOR_{}",
        option.to_ascii_uppercase().replace('-', "_")
    )
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address and a port (like `127.0.0.1:8443`)"))
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not one of `text`, `json`")),
    }
}

/// The file that is read when none is named
const FILE_NAME: &str = "emulator.yaml";
const CERTS: &str = "certs";
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);
const CONTROL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
