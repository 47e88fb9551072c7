//! `completions` and `man`: what a shell and a manual need to know of the command line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{CommandLine, EXIT_FAILED, EXIT_OK};

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
    clap_complete::generate(options.shell, &mut command, name, &mut io::stdout());
    EXIT_OK
}

pub(super) fn man(options: &ManOptions) -> u8 {
    let written = match &options.directory {
        None => Man::new(CommandLine::command()).render(&mut io::stdout()),
        Some(directory) => pages(directory),
    };
    match written {
        Ok(()) => EXIT_OK,
        Err(error) => {
            let place = options
                .directory
                .as_deref()
                .unwrap_or(Path::new("standard output"));
            eprintln!("{}: {error}", place.display());
            EXIT_FAILED
        }
    }
}

fn pages(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(CommandLine::command(), directory)
}
