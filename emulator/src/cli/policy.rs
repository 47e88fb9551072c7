//! `policy`: what the emulator knows of policies, without serving anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use iam_policy::PolicyType;

mod coverage;
mod diff;
mod draft;
mod lint;
mod matrix;
mod policy_file;
mod saved_journal;
mod scenes;
mod simulate;
pub(super) mod test;
mod what_if;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Say what is wrong or unwise about policy documents; exit 64 when AWS would refuse one
    Lint(LintOptions),
    /// Decide the requests on standard input, one JSON object a line, by the policies beside them
    Simulate(SimulateOptions),
    /// Compare policy decisions with the expectations of test files; exit 1 when a test fails
    Test(test::TestOptions),
    /// Print which parts of the policies the requests to a running emulator have reached; exit 1 when the coverage is
    /// too low
    Coverage(coverage::CoverageOptions),
    /// Print a policy that allows the calls that were allowed, and as little else as the options permit
    Draft(draft::PolicyDraftOptions),
    /// Print what everyone may do over every entry point, or the cells that differ from a file; exit 1 when there are
    /// any
    Matrix(matrix::MatrixOptions),
    /// Print what two policies say differently, each difference with a request that shows it
    Diff(diff::DiffOptions),
    /// Print which calls of the journal would be decided differently under a policy that is not attached
    WhatIf(what_if::WhatIfOptions),
}

#[derive(Debug, Args)]
pub(super) struct LintOptions {
    /// What the documents are attached to
    #[arg(
        long = "type",
        value_name = "TYPE",
        env = "LOOKOUTVISION_EMULATOR_TYPE",
        default_value = "endpoint"
    )]
    policy_type: PolicyTypeOption,
    /// Form of the findings on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOOKOUTVISION_EMULATOR_FORMAT",
        default_value = "text"
    )]
    format: LintFormat,
    /// Exit 64 for a warning, too
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_DENY_WARNINGS")]
    deny_warnings: bool,
    /// Policy documents; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SimulateOptions {
    /// Say for each statement what matched, and the first clause that did not
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_EXPLAIN")]
    explain: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PolicyTypeOption {
    /// A VPC endpoint
    Endpoint,
    /// A user, group or role
    Identity,
    /// A user or role, as its permissions boundary
    Boundary,
    /// A session, given when it was made
    Session,
    /// An organization, bounding its principals
    Scp,
    /// An organization, bounding its resources
    Rcp,
    /// A role, saying who may assume it
    Trust,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LintFormat {
    /// One finding a line: file:line:column: severity: message [code] at path
    Text,
    /// An array of findings
    Json,
    /// SARIF 2.1.0
    Sarif,
}

impl From<PolicyTypeOption> for PolicyType {
    fn from(option: PolicyTypeOption) -> Self {
        match option {
            PolicyTypeOption::Endpoint => Self::VpcEndpoint,
            PolicyTypeOption::Identity => Self::Identity,
            PolicyTypeOption::Boundary => Self::PermissionsBoundary,
            PolicyTypeOption::Session => Self::Session,
            PolicyTypeOption::Scp => Self::ServiceControl,
            PolicyTypeOption::Rcp => Self::ResourceControl,
            PolicyTypeOption::Trust => Self::RoleTrust,
        }
    }
}

pub(super) fn run(command: &PolicyCommand) -> u8 {
    match command {
        PolicyCommand::Lint(options) => lint::run(options),
        PolicyCommand::Simulate(options) => simulate::run(options),
        PolicyCommand::Test(options) => test::run(options),
        PolicyCommand::Coverage(options) => coverage::run(options),
        PolicyCommand::Draft(options) => draft::run(options),
        PolicyCommand::Matrix(options) => matrix::run(options),
        PolicyCommand::Diff(options) => diff::run(options),
        PolicyCommand::WhatIf(options) => what_if::run(options),
    }
}
