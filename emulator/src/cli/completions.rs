//! `completions` and `man`: what a shell and a manual need to know of the command line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{CommandLine, EXIT_FAILED, EXIT_OK, output};

/// Options of `completions`
#[derive(Debug, Args)]
pub(super) struct CompletionsOptions {
    /// Shell that completes
    #[arg(value_enum)]
    shell: Shell,
}

/// Options of `man`
#[derive(Debug, Args)]
pub(super) struct ManOptions {
    /// Folder that gets a page for the program and one for each subcommand; without it the program's page is printed
    #[arg(long, value_name = "DIR", env = "LOOKOUTVISION_EMULATOR_DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(super) fn completions(options: &CompletionsOptions) -> u8 {
    let mut command = CommandLine::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match options.shell {
        Shell::Bash => with_one_name_for_each_subcommand(&script),
        _ => script.into_owned(),
    };
    output::status(output::print(script.as_bytes()), EXIT_OK)
}

/// clap_complete 4.6 writes the state of a subcommand in two ways where the program's name has a hyphen, so that the
/// completions of no subcommand are found: once with the hyphen of the name replaced, and once as if the hyphen
/// separated two subcommands.
fn with_one_name_for_each_subcommand(script: &str) -> String {
    script.replace("lookoutvision__subcmd__emulator", "lookoutvision__emulator")
}

pub(super) fn man(options: &ManOptions) -> u8 {
    let Some(directory) = &options.directory else {
        let page = Man::new(CommandLine::command());
        return output::status(output::print_by(|out| page.render(out)), EXIT_OK);
    };
    match pages(directory) {
        Ok(()) => EXIT_OK,
        Err(error) => {
            report!("{}: {error}", directory.display());
            EXIT_FAILED
        }
    }
}

fn pages(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(CommandLine::command(), directory)
}
