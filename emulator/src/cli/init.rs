//! `init`: a folder to start from, with a configuration, an endpoint policy, tests of it, and the schemas of both files.
//!
//! ```text
//! $ lookoutvision-emulator init vision
//! vision/emulator.yaml          what the emulator plays
//! …
//! ```
//!
//! Nothing is overwritten: with one of the files there, none is written.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, output, policy};
use crate::{config::SCHEMA, control::client_environment::quoted};

/// Options of `init`
#[derive(Debug, Args)]
pub(super) struct InitOptions {
    /// Folder to write to, made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

/// A file that a folder begins with
struct Template {
    /// Relative to the folder
    path: &'static str,
    /// In a few words, for the printed list of files
    purpose: &'static str,
    text: &'static str,
}

/// Every file that is written, in the order in which a newcomer reads them; another one is added here
const TEMPLATES: &[Template] = &[
    Template {
        path: "emulator.yaml",
        purpose: "what the emulator plays; begin here",
        text: include_str!("init/emulator.yaml"),
    },
    Template {
        path: "emulator.schema.json",
        purpose: "what an editor knows about emulator.yaml",
        text: SCHEMA,
    },
    Template {
        path: "policies/endpoint.json",
        purpose: "the policy attached to the VPC endpoint",
        text: include_str!("init/endpoint.json"),
    },
    Template {
        path: "tests/policies.yaml",
        purpose: "what the policies are expected to say; `policy test` holds them to it",
        text: include_str!("init/policies.yaml"),
    },
    Template {
        path: "tests/policy-tests.schema.json",
        purpose: "what an editor knows about tests/policies.yaml",
        text: policy::test::SCHEMA,
    },
];

/// Keeps what the emulator makes in the folder out of a repository. A project may well have such a file of its own,
/// which stays as it is.
static GITIGNORE: Template = Template {
    path: ".gitignore",
    purpose: "keeps the certificate authority and the state out of a repository",
    text: "/certs/\n/emulator.state*\n",
};

/// Names that must not exist in the folder either: the configuration would be found twice
const OTHER_NAMES: &[&str] = &["emulator.yml"];

/// Nothing was written
#[derive(Debug, thiserror::Error)]
enum InitError {
    /// There are files already
    #[error(
        "nothing was written: {} there already; name another folder (`lookoutvision-emulator init DIR`), or move {} away",
        are(.0), if .0.len() == 1 { "it" } else { "them" }
    )]
    Exist(Vec<PathBuf>),
    /// A file stands where a folder is needed
    #[error("nothing was written: `{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// The system refused
    #[error("nothing was written: `{}`: {error}", path.display())]
    Io {
        /// What could not be read or written
        path: PathBuf,
        error: io::Error,
    },
}

fn are(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    format!(
        "{} {}",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    )
}

pub(super) fn run(options: &InitOptions) -> u8 {
    let directory = &options.directory;
    match write_templates(directory) {
        Ok(templates) => {
            let text = what_was_written(directory, &templates).to_string();
            output::status(output::print(text.as_bytes()), EXIT_OK)
        }
        Err(error) => {
            report!("{error}");
            match error {
                InitError::Exist(_) | InitError::NotAFolder(_) => EXIT_USAGE,
                InitError::Io { .. } => EXIT_FAILED,
            }
        }
    }
}

/// Writes the files, and returns which were written
fn write_templates(directory: &Path) -> Result<Vec<&'static Template>, InitError> {
    let mut found = Vec::new();
    for name in TEMPLATES.iter().map(|template| &template.path).chain(OTHER_NAMES) {
        let path = directory.join(name);
        if is_there(&path)? {
            found.push(path);
        }
    }
    if !found.is_empty() {
        return Err(InitError::Exist(found));
    }
    let mut templates: Vec<&Template> = TEMPLATES.iter().collect();
    if !is_there(&directory.join(GITIGNORE.path))? {
        templates.push(&GITIGNORE);
    }
    let mut written = Vec::new();
    let outcome = templates
        .iter()
        .try_for_each(|template| write_new(directory, template, &mut written));
    if outcome.is_err() {
        // Files only: a folder that we made may hold somebody else's files by now.
        for path in &written {
            let _ = fs::remove_file(path);
        }
    }
    outcome.map(|()| templates)
}

/// Whether something has this name, even a link to nothing
fn is_there(path: &Path) -> Result<bool, InitError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let folder = path.ancestors().skip(1).find(|folder| folder.is_file());
            Err(InitError::NotAFolder(folder.unwrap_or(path).to_owned()))
        }
        Err(error) => Err(InitError::Io {
            path: path.to_owned(),
            error,
        }),
    }
}

fn write_new(directory: &Path, template: &Template, written: &mut Vec<PathBuf>) -> Result<(), InitError> {
    let path = directory.join(template.path);
    let failed = |error| match error {
        // Somebody else created it first.
        error if io::Error::kind(&error) == io::ErrorKind::AlreadyExists => {
            InitError::Exist(vec![path.clone()])
        }
        error => InitError::Io {
            path: path.clone(),
            error,
        },
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| InitError::Io {
            path: folder.to_owned(),
            error,
        })?;
    }
    // Only ever creates a new file, whatever happened since the check.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(failed)?;
    written.push(path.clone());
    file.write_all(template.text.as_bytes()).map_err(failed)
}

fn what_was_written(directory: &Path, templates: &[&Template]) -> String {
    let paths: Vec<String> = templates
        .iter()
        .map(|template| directory.join(template.path).display().to_string())
        .collect();
    let width = paths.iter().map(|path| path.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (path, template) in paths.iter().zip(templates) {
        text += &format!("{path:width$}  {}\n", template.purpose);
    }
    if !templates.iter().any(|template| template.path == GITIGNORE.path) {
        let lines: Vec<&str> = GITIGNORE.text.lines().collect();
        text += &format!(
            "\n{} is yours and stays as it is; what the emulator makes here are {}\n",
            directory.join(GITIGNORE.path).display(),
            lines.join(" and ")
        );
    }
    text += "\nNext:\n\n";
    if directory != Path::new(".") {
        text += &format!("cd {}\n", quoted(&directory.display().to_string()));
    }
    text + "lookoutvision-emulator check\nlookoutvision-emulator policy test tests/policies.yaml\nlookoutvision-emulator serve\n"
}
