//! The Python and Node environments for the SDKs under test, for moto, which plays S3, and for the tools that read
//! reports.
//!
//! They are made under the target directory from lock files that have a hash for every package, and are made again only
//! when a lock file changed. The test command and the client tests both ask for them, sometimes at the same time, so a
//! lock on a file beside them lets one process build while the others wait.
//!
//! A person without Python or Node can still work on the emulator: [`EnvironmentError::ToolMissing`] is an error of its
//! own, so that callers can skip those clients, with a message, and refuse to skip them where `CI` is `true`.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes the environments and knows where they are
pub struct Environments {
    sources: PathBuf,
    directory: PathBuf,
}

/// Why an environment cannot be used
#[derive(Debug)]
pub enum EnvironmentError {
    /// A program that is needed to make the environment is not on the `PATH`
    ToolMissing(&'static str),
    /// A program was there and failed
    ToolFailed {
        /// What was run
        command: String,
        /// What it wrote, or why it could not be started
        output: String,
    },
    /// The directory could not be read or written
    Files {
        /// The path at fault
        path: PathBuf,
        /// What the operating system said
        error: io::Error,
    },
}

impl Environments {
    /// The environments of this checkout: made from the lock files in `client-tests`, and kept in the target directory
    pub fn of_this_checkout() -> Self {
        let sources = crate::workspace_root().join("client-tests");
        Self {
            sources,
            directory: crate::target_directory().join("client-tests"),
        }
    }

    /// Environments that were made before and are in `directory`, as in a container image; nothing is installed
    pub fn ready_in(directory: &Path) -> Self {
        Self {
            sources: PathBuf::new(),
            directory: directory.to_owned(),
        }
    }

    /// The interpreter that has boto3 and the AWS CLI, installed if need be
    ///
    /// # Errors
    /// When Python is missing, or a package could not be installed.
    pub fn python(&self) -> Result<PathBuf, EnvironmentError> {
        self.python_program("python", "requirements.lock", "python")
    }

    /// moto's server, which plays S3, installed if need be: apart from boto3, so that it need not use boto3's last
    /// version with the service.
    ///
    /// # Errors
    /// When Python is missing, or a package could not be installed.
    pub fn moto_server(&self) -> Result<PathBuf, EnvironmentError> {
        self.python_program("moto", "moto.lock", "moto_server")
    }

    /// The interpreter that has the readers of the workbench's reports, installed if need be
    ///
    /// # Errors
    /// When Python is missing, or a package could not be installed.
    pub fn report_readers(&self) -> Result<PathBuf, EnvironmentError> {
        self.python_program("readers", "readers.lock", "python")
    }

    /// A program of the virtual environment `name`
    fn python_program(&self, name: &str, lock: &str, program: &str) -> Result<PathBuf, EnvironmentError> {
        let home = self.directory.join(name);
        let interpreter = home.join("bin/python");
        let program = home.join("bin").join(program);
        if self.is_ready_made() {
            return present(program, "python3");
        }
        let lock = self.sources.join("python").join(lock);
        self.refresh(&home, &lock, || {
            must_exist("python3")?;
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
            // Wheels only: a source package would run code of its own during the installation.
            run(Command::new(&interpreter)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-input",
                    "--disable-pip-version-check",
                ])
                .args([
                    "--require-hashes",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                    "--requirement",
                ])
                .arg(&lock))
        })?;
        Ok(program)
    }

    /// The script that calls boto3
    pub fn python_driver(&self) -> PathBuf {
        if self.is_ready_made() {
            self.directory.join("python/driver.py")
        } else {
            self.sources.join("python/driver.py")
        }
    }

    /// The script that calls the AWS SDK for JavaScript, in a directory with the SDK, installed if need be
    ///
    /// # Errors
    /// When Node or npm is missing, or a package could not be installed.
    pub fn node_driver(&self) -> Result<PathBuf, EnvironmentError> {
        let home = self.directory.join("node");
        let driver = home.join("driver.mjs");
        if self.is_ready_made() {
            return present(driver, "node");
        }
        must_exist("node")?;
        let lock = self.sources.join("node/package-lock.json");
        self.refresh(&home, &lock, || {
            must_exist("npm")?;
            files(&home, fs::create_dir_all(&home))?;
            for name in ["package.json", "package-lock.json"] {
                copy(&self.sources.join("node").join(name), &home.join(name))?;
            }
            run(Command::new("npm")
                .args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel",
                    "error",
                ])
                .current_dir(&home))
        })?;
        // Node looks for packages beside the script, so the script is put beside them. It is written under another name
        // and renamed, because another process may be starting it right now.
        let fresh = home.join(format!("driver.mjs.{}", std::process::id()));
        copy(&self.sources.join("node/driver.mjs"), &fresh)?;
        files(&driver, fs::rename(&fresh, &driver))?;
        Ok(driver)
    }

    /// The browser for the tests of the dashboard: one on the `PATH`, or Debian's, installed if need be and if possible
    /// (by root, with `apt-get`).
    ///
    /// # Errors
    /// When there is none and none can be installed, or the installation failed.
    pub fn chromium(&self) -> Result<PathBuf, EnvironmentError> {
        self.debian_program(&BROWSERS, "chromium")
    }

    /// `genhtml`, which reads LCOV: one on the `PATH`, or that of Debian's `lcov`, installed likewise
    ///
    /// # Errors
    /// When there is none and none can be installed, or the installation failed.
    pub fn genhtml(&self) -> Result<PathBuf, EnvironmentError> {
        self.debian_program(&["genhtml"], "lcov")
    }

    /// The first of these programs on the `PATH`, installed from Debian's `package` if need be
    fn debian_program(
        &self,
        names: &[&'static str],
        package: &'static str,
    ) -> Result<PathBuf, EnvironmentError> {
        let find = || names.iter().find_map(|name| on_path(name));
        if let Some(program) = find() {
            return Ok(program);
        }
        let user = Command::new("id").arg("-u").output();
        let is_root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
        if self.is_ready_made() || !is_root || !is_on_path("apt-get") {
            return Err(EnvironmentError::ToolMissing(package));
        }
        files(&self.directory, fs::create_dir_all(&self.directory))?;
        // One lock for all packages, because apt-get can only run once at a time.
        let guard_path = self.directory.join("apt-get.lock");
        let guard = files(&guard_path, File::create(&guard_path))?;
        files(&guard_path, guard.lock())?;
        if find().is_none() {
            run(Command::new("apt-get").args(["update", "-qq"]))?;
            run(Command::new("apt-get")
                .args(["install", "-y", "-qq", "--no-install-recommends", package])
                .env("DEBIAN_FRONTEND", "noninteractive"))?;
        }
        find().ok_or(EnvironmentError::ToolMissing(package))
    }

    fn is_ready_made(&self) -> bool {
        self.sources.as_os_str().is_empty()
    }

    /// Runs `make` unless `home` was made from exactly this lock file
    fn refresh(
        &self,
        home: &Path,
        lock: &Path,
        make: impl FnOnce() -> Result<(), EnvironmentError>,
    ) -> Result<(), EnvironmentError> {
        files(&self.directory, fs::create_dir_all(&self.directory))?;
        let guard_path = home.with_extension("lock");
        let guard = files(&guard_path, File::create(&guard_path))?;
        files(&guard_path, guard.lock())?;

        let stamp = home.join("made-from.lock");
        let wanted = files(lock, fs::read(lock))?;
        if fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) {
            return Ok(());
        }
        if home.exists() {
            files(home, fs::remove_dir_all(home))?;
        }
        make()?;
        files(&stamp, fs::write(&stamp, wanted))
    }
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToolMissing(tool) => write!(f, "`{tool}` is not on the PATH"),
            Self::ToolFailed { command, output } => write!(f, "`{command}` failed: {output}"),
            Self::Files { path, error } => write!(f, "`{}`: {error}", path.display()),
        }
    }
}

impl std::error::Error for EnvironmentError {}

/// Whether `tool` is a program on the `PATH`
pub fn is_on_path(tool: &str) -> bool {
    on_path(tool).is_some()
}

/// Where `tool` is on the `PATH`
fn on_path(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(tool));
    candidates.find(|candidate| candidate.is_file())
}

fn must_exist(tool: &'static str) -> Result<(), EnvironmentError> {
    if is_on_path(tool) {
        Ok(())
    } else {
        Err(EnvironmentError::ToolMissing(tool))
    }
}

fn present(path: PathBuf, tool: &'static str) -> Result<PathBuf, EnvironmentError> {
    if path.exists() && is_on_path_or_beside(tool, &path) {
        Ok(path)
    } else {
        Err(EnvironmentError::ToolMissing(tool))
    }
}

/// Whether `tool` is there: a virtual environment has its own interpreter, Node comes from the `PATH`
fn is_on_path_or_beside(tool: &str, path: &Path) -> bool {
    path.with_file_name(tool).exists() || is_on_path(tool)
}

fn run(command: &mut Command) -> Result<(), EnvironmentError> {
    let failed = |command: &Command, output: String| {
        let words: Vec<OsString> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(Into::into)
            .collect();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        EnvironmentError::ToolFailed {
            command: words.join(" "),
            output,
        }
    };
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Err(failed(
                command,
                format!("{}\n{}", output.status, String::from_utf8_lossy(&text)),
            ))
        }
        Err(error) => Err(failed(command, error.to_string())),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), EnvironmentError> {
    files(from, fs::copy(from, to)).map(|_| ())
}

fn files<T>(path: &Path, result: io::Result<T>) -> Result<T, EnvironmentError> {
    result.map_err(|error| EnvironmentError::Files {
        path: path.to_owned(),
        error,
    })
}

/// The names of Chromium, which depend on who packages it
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
