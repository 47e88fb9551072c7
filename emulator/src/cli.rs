//! The command line: one file per subcommand. Options override the environment, which overrides the configuration file,
//! which overrides the defaults.

#![deny(
    clippy::print_stderr,
    reason = "`eprintln!` panics where standard error is a file on a full disk"
)]

use std::{
    ffi::OsString,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::{
    config::{LogFormat, LogLevel, Overrides, listen_address},
    settings::LogRequests,
};

/// Prints a line on standard error; if it cannot be written it is lost, and only the exit status is left to tell
macro_rules! report {
    ($($text:tt)*) => {
        $crate::cli::output::report_text(&format!("{}\n", format_args!($($text)*)))
    };
}

mod certs;
mod check;
mod completions;
mod control_client;
mod control_command;
mod coverage_files;
mod doctor;
mod env;
mod exec;
mod expected_calls;
mod faults;
mod format;
mod healthcheck;
mod init;
mod limits;
mod log_writer;
mod logging;
mod output;
mod policy;
mod progress;
mod ready_block;
mod requests;
mod rules;
mod scenarios;
mod schema;
mod serve;
mod state;
mod state_files;
mod variables;

/// Finished as asked
pub(crate) const EXIT_OK: u8 = 0;
/// Failed while running
pub(crate) const EXIT_FAILED: u8 = 1;
/// Bad usage, configuration or policy; nothing was bound (`EX_USAGE` of sysexits.h)
pub(crate) const EXIT_USAGE: u8 = 64;

/// Amazon Lookout for Vision behind an interface VPC endpoint, on this machine, for testing only
#[derive(Debug, Parser)]
#[command(
    name = "lookoutvision-emulator",
    version,
    args_conflicts_with_subcommands = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeCommand,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the AWS API over TLS and the control API (what happens without a subcommand)
    Serve(serve::ServeCommand),
    /// Check the configuration and every policy it names; exit 0, or 64 with every mistake
    Check(CheckOptions),
    /// Print the JSON Schema of the configuration file, or of what `policy test` reads
    Schema(schema::SchemaOptions),
    /// Run a command with an emulator of its own, found through its environment; ends with the command's status
    Exec(exec::ExecOptions),
    /// Print the variables that make clients call a running emulator
    Env(env::EnvOptions),
    /// Explain why calls do not arrive or are refused: checks variables, certificates, proxies, profiles, clients and
    /// clocks
    Doctor(doctor::DoctorOptions),
    /// Print the journal of a running emulator, a line for each request, count them, or verify that expected calls were made
    Requests(requests::RequestsOptions),
    /// Write the state of a running emulator to a file, or replace it with one from a file
    #[command(subcommand)]
    State(state::StateCommand),
    /// Print every limit of a running emulator, how near it is, and when it was last reached
    Limits(limits::LimitsOptions),
    /// Print what a model of a running emulator answers, or change it, from the next call on
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Print the states that rules of a running emulator ask about, or change them
    #[command(subcommand)]
    Scenarios(scenarios::ScenariosCommand),
    /// List, add or remove faults of a running emulator
    Faults(faults::FaultsOptions),
    /// Write a configuration, its schema and an endpoint policy to start from; overwrites nothing
    Init(init::InitOptions),
    /// Exit 0 when an emulator is ready behind the control address
    Healthcheck(healthcheck::HealthcheckOptions),
    /// Make or renew the certificate authority and print how each SDK can trust it
    Certs(CertsOptions),
    /// Print the completions of a shell
    Completions(completions::CompletionsOptions),
    /// Print the manual page, or write one for each subcommand
    Man(completions::ManOptions),
    /// Check policies, and decide requests by them, without serving anything
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
}

/// Options of `serve` and `exec`
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) checked: CheckOptions,
    #[command(flatten)]
    pub(crate) control: ControlOption,
    #[command(flatten)]
    pub(crate) certs: CertsOption,
    /// Folder that also gets ca.pem, ca-bundle.pem and truststore.p12, for programs that must not see the server's key
    #[arg(long, value_name = "DIR", env = "LOOKOUTVISION_EMULATOR_PUBLIC_CERTS")]
    pub(crate) public_certs: Option<PathBuf>,
    /// Form of the log on standard error [default: text]
    #[arg(long, value_name = "FORMAT", env = "LOOKOUTVISION_EMULATOR_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormatOption>,
    /// Requests that the log has a line about [default: all; with exec: refused]
    #[arg(long, value_name = "REQUESTS", env = "LOOKOUTVISION_EMULATOR_LOG_REQUESTS")]
    pub(crate) log_requests: Option<LogRequests>,
    /// Lowest severity that is logged; RUST_LOG overrides it for the modules that it names [default: info]
    #[arg(long, value_name = "LEVEL", env = "LOOKOUTVISION_EMULATOR_LOG_LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
}

impl ServeOptions {
    /// The settings that options and environment variables give
    pub(crate) fn overrides(self) -> Overrides {
        Overrides {
            control: self.control.control,
            certs: self.certs.certs,
            public_certs: self.public_certs,
            log_format: self.log_format.map(Into::into),
            log_requests: self.log_requests,
            log_level: self.log_level,
            ..self.checked.overrides()
        }
    }
}

/// Options of `check`: those of `serve` that determine the configuration
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOption,
    /// Address of the AWS API over TLS [default: 127.0.0.1:8443; with exec: a free port]
    #[arg(long, value_name = "ADDR", env = "LOOKOUTVISION_EMULATOR_LISTEN", value_parser = listen_address::parse)]
    pub(crate) listen: Option<SocketAddr>,
    /// Policy to attach to the default VPC endpoint
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_ENDPOINT_POLICY")]
    pub(crate) endpoint_policy: Option<PathBuf>,
}

impl CheckOptions {
    /// The settings that options and environment variables give
    pub(crate) fn overrides(self) -> Overrides {
        Overrides {
            config: self.config.config,
            config_nodes_max: self.config.config_nodes_max,
            listen: self.listen,
            endpoint_policy: self.endpoint_policy,
            ..variables::overrides()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConfigOption {
    /// Configuration file [default: emulator.yaml or emulator.yml, if there is one]
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Keys and values that the configuration file may have, aliases expanded [default: 100000]
    #[arg(long, value_name = "N", env = "LOOKOUTVISION_EMULATOR_CONFIG_NODES_MAX")]
    pub(crate) config_nodes_max: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct ControlOption {
    /// Address of the control API, and of the dashboard for a browser at http://ADDR/dashboard [default: 127.0.0.1:8080; with
    /// exec: a free port]
    #[arg(long, value_name = "ADDR", env = "LOOKOUTVISION_EMULATOR_CONTROL", value_parser = listen_address::parse)]
    pub(crate) control: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct CertsOption {
    /// Folder of the certificate authority [default: certs; with exec: a temporary one]
    #[arg(long, value_name = "DIR", env = "LOOKOUTVISION_EMULATOR_CERTS")]
    pub(crate) certs: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CertsOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOption,
    #[command(flatten)]
    pub(crate) certs: CertsOption,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormatOption {
    Text,
    Json,
}

impl From<LogFormatOption> for LogFormat {
    fn from(option: LogFormatOption) -> Self {
        match option {
            LogFormatOption::Text => Self::Text,
            LogFormatOption::Json => Self::Json,
        }
    }
}

/// Runs the command line to its end and returns the exit code
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = CommandLine::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| {
            doctor::refuse_ignored_options(&matches)?;
            CommandLine::from_arg_matches(&matches)
        });
    let command_line = match parsed {
        Ok(command_line) => command_line,
        Err(error) => {
            let printed = error.print();
            // Standard output for --help and --version, standard error for mistakes.
            return ExitCode::from(if error.use_stderr() {
                EXIT_USAGE
            } else {
                let flushed = printed.and_then(|()| io::stdout().flush());
                output::status(output::after(flushed), EXIT_OK)
            });
        }
    };
    // Subcommands that read a configuration report mistakes in the environment together with those in the
    // configuration; `schema` and `completions` read no options.
    let code = match command_line.command {
        None => serve::run(command_line.serve),
        Some(Command::Serve(options)) => serve::run(options),
        Some(Command::Check(options)) => check::run(options),
        Some(Command::Schema(options)) => schema::run(&options),
        Some(Command::Exec(options)) => exec::run(options),
        Some(Command::Env(options)) => variables::checked(|| env::run(&options)),
        Some(Command::Doctor(options)) => variables::checked(|| doctor::run(&options)),
        Some(Command::Requests(options)) => variables::checked(|| requests::run(&options)),
        Some(Command::State(command)) => variables::checked(|| state::run(&command)),
        Some(Command::Limits(options)) => variables::checked(|| limits::run(&options)),
        Some(Command::Rules(command)) => variables::checked(|| rules::run(&command)),
        Some(Command::Scenarios(command)) => variables::checked(|| scenarios::run(&command)),
        Some(Command::Faults(options)) => variables::checked(|| faults::run(&options)),
        Some(Command::Init(options)) => variables::checked(|| init::run(&options)),
        Some(Command::Healthcheck(options)) => variables::checked(|| healthcheck::run(&options)),
        Some(Command::Completions(options)) => completions::completions(&options),
        Some(Command::Man(options)) => variables::checked(|| completions::man(&options)),
        Some(Command::Certs(options)) => certs::run(options),
        Some(Command::Policy(command)) => variables::checked(|| policy::run(&command)),
    };
    ExitCode::from(code)
}
