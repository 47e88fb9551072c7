//! `policy matrix`: what everyone may do over every entry point, and whether that is what a committed file says.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    cli::{
        ConfigOption, EXIT_FAILED, EXIT_OK,
        control_command::{Failure, read, status},
        output::print,
        policy::scenes::configured,
        progress::working,
    },
    config::text_file,
    workbench::{
        matrix::{ChangedCell, Matrix, MatrixFormat, read_matrix},
        pretty_json,
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct MatrixOptions {
    #[command(flatten)]
    config: ConfigOption,
    /// Form of the matrix on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOOKOUTVISION_EMULATOR_FORMAT",
        default_value = "text"
    )]
    format: MatrixFormat,
    /// Compare with the matrix of a file, in any of its forms, and print the cells that changed; exit 1 when there are any
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_CHECK")]
    check: Option<PathBuf>,
}

pub(super) fn run(options: &MatrixOptions) -> u8 {
    status(matrix(options))
}

fn matrix(options: &MatrixOptions) -> Result<u8, Failure> {
    let matrix = working("deciding every call", || {
        let scene = configured(&options.config)?;
        Matrix::of(&scene, |_| true).map_err(|error| Failure::Mistake(error.to_string()))
    })?;
    let Some(file) = &options.check else {
        print(matrix.written(options.format).as_bytes())?;
        return Ok(EXIT_OK);
    };
    let changes = changes(&matrix, file)?;
    let printed = match options.format {
        MatrixFormat::Json => pretty_json(&changes),
        MatrixFormat::Text | MatrixFormat::Markdown | MatrixFormat::Csv => {
            let lines = changes
                .iter()
                .map(|change| client_text::escape(&change.to_string()).into_owned());
            let summary = match changes.as_slice() {
                [] => format!("{} cells, none changed", matrix.len()),
                [_] => format!("{} cells, 1 changed", matrix.len()),
                several => format!("{} cells, {} changed", matrix.len(), several.len()),
            };
            lines
                .chain([summary])
                .fold(String::new(), |text, line| text + &line + "\n")
        }
    };
    print(printed.as_bytes())?;
    Ok(if changes.is_empty() { EXIT_OK } else { EXIT_FAILED })
}

fn changes(matrix: &Matrix, file: &Path) -> Result<Vec<ChangedCell>, Failure> {
    let mistake = |what: String| Failure::Mistake(format!("{}: {what}", file.display()));
    let text = text_file::decode(read(file)?).map_err(|error| mistake(error.to_string()))?;
    let kept = read_matrix(&text).map_err(mistake)?;
    Ok(matrix.changes_since(&kept))
}
