//! Images that need no pulling: from a binary that Cargo built here, and from the Python and Node of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::environments::Environments;

use crate::step::{TaskError, cargo, output, run, run_with_input, rustc_says};

/// A static binary, from the same command as in the Dockerfile's build stage and in emulator/docs/speed.md, but without the
/// optimisation of the program as a whole, which takes five minutes and is not what an image is tested for
pub(super) fn static_binary() -> Result<PathBuf, TaskError> {
    let host = rustc_says("host: ")?;
    run(
        "a static binary",
        cargo()
            .args([
                "build",
                "--locked",
                "--release",
                "--target",
                &host,
                "--package",
                "lookoutvision-emulator",
            ])
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    )?;
    Ok(xtask::target_directory()
        .join(&host)
        .join("release/lookoutvision-emulator"))
}

/// The emulator's image: a static binary, and the last stage of the Dockerfile
pub(crate) fn emulator_image(binary: &Path, name: &str) -> Result<(), TaskError> {
    let context = Context::new("emulator")?;
    for directory in ["authority", "certs"] {
        fs::create_dir(context.root().join(directory))?;
    }
    fs::copy(binary, context.root().join("lookoutvision-emulator"))?;
    let dockerfile = fs::read_to_string(xtask::workspace_root().join("Dockerfile"))?;
    let last_stage = dockerfile
        .rfind("\nFROM scratch AS emulator\n")
        .map(|at| &dockerfile[at..])
        .ok_or_else(|| {
            TaskError("the Dockerfile's last stage is not `FROM scratch AS emulator`".to_owned())
        })?;
    // The result of its `build` stage is in the context.
    context.build(
        name,
        &last_stage
            .replace("--from=build ", "")
            .replace(" /rootfs/", " rootfs/"),
    )
}

/// The clients' image: the programs of this machine with every library that they load, at the paths they have here
pub(super) fn client_tests_image(name: &str) -> Result<(), TaskError> {
    run(
        "client-tests",
        cargo().args(["build", "--locked", "--workspace", "--bins"]),
    )?;
    let environments = Environments::of_this_checkout();
    let interpreter = environments
        .python()
        .map_err(|error| TaskError(error.to_string()))?;
    let node_driver = environments
        .node_driver()
        .map_err(|error| TaskError(error.to_string()))?;
    let node = output(Command::new("node").args(["--print", "process.execPath"]))
        .map(|path| PathBuf::from(path.trim()))
        .ok_or_else(|| TaskError("`node` does not tell where it is".to_owned()))?;
    let client_tests = xtask::target_directory().join("debug/client-tests");
    let sources = xtask::workspace_root().join("client-tests");

    let context = Context::new("client-tests")?;
    let packaged = context.copy(&client_tests, "usr/local/bin/client-tests")?;
    // Debug information is three quarters of the binary, and every byte of the image is copied three times.
    run(
        "client-tests without debug information",
        Command::new("strip").arg(packaged),
    )?;
    context.copy(&node, "usr/local/bin/node")?;
    context.copy(parent(parent(&interpreter)?)?, "environments/python")?;
    context.copy(&environments.python_driver(), "environments/python/driver.py")?;
    context.copy(parent(&node_driver)?, "environments/node")?;
    context.copy(&sources.join("scenarios"), "client-tests/scenarios")?;
    // A client without settings trusts what its system trusts, so the system must trust something.
    context.copy_in_place(Path::new("/etc/ssl/certs/ca-certificates.crt"))?;
    let python = python_installation(&interpreter)?;
    for path in &python {
        context.copy_in_place(path)?;
    }

    let mut programs = vec![client_tests, node];
    for path in python
        .iter()
        .map(PathBuf::as_path)
        .chain([parent(parent(&interpreter)?)?])
    {
        find_binaries(path, &mut programs)?;
    }
    for library in libraries(&programs)? {
        context.copy_in_place(&library)?;
    }
    context.import(
        name,
        &[
            "ENV PATH=/usr/local/bin",
            "USER 65533:65533",
            r#"ENTRYPOINT ["/usr/local/bin/client-tests", "--environments", "/environments"]"#,
        ],
    )
}

/// The image of the program in `emulator/examples/compose/app`: the clients' image, whose Python has boto3 already
pub(super) fn app_image(name: &str, client_tests: &str) -> Result<(), TaskError> {
    Context::new("app")?.build(
        name,
        &format!(
            "FROM {client_tests}\nENV PATH=/environments/python/bin:/usr/local/bin\nUSER 1000:1000\nENTRYPOINT []\n"
        ),
    )
}

/// What a virtual environment uses from its installation: the interpreter under its names, and the standard library
fn python_installation(interpreter: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let script = "import os, sys, sysconfig\n\
                  print(os.path.realpath(sys._base_executable))\n\
                  print(os.path.dirname(sys._base_executable))\n\
                  print(sysconfig.get_path('stdlib'))";
    let text = output(Command::new(interpreter).args(["-c", script]))
        .ok_or_else(|| TaskError("the interpreter does not tell where it is".to_owned()))?;
    let [executable, directory, standard_library] = text.lines().collect::<Vec<_>>()[..] else {
        return Err(TaskError(format!("the interpreter tells `{text}`")));
    };
    // The environment's `bin/python` is a link to one of these names, and they are links to the executable.
    let names = ["python", "python3"].map(|name| Path::new(directory).join(name));
    let mut paths = vec![PathBuf::from(executable)];
    paths.extend(names.into_iter().filter(|path| path.exists()));
    for entry in fs::read_dir(standard_library)? {
        let entry = entry?;
        let name = entry.file_name();
        // The machine's own packages, and what only its developers need, would be most of the image.
        let is_needed = !["site-packages", "dist-packages", "test", "idlelib", "ensurepip"]
            .iter()
            .any(|unneeded| name == *unneeded);
        if is_needed && !name.to_string_lossy().starts_with("config-") {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// Adds every file below `path` that can need libraries
fn find_binaries(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), TaskError> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() || is_shared_object(&entry.path()) {
                find_binaries(&entry.path(), found)?;
            }
        }
    } else {
        found.push(path.to_owned());
    }
    Ok(())
}

fn is_shared_object(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// Every library that the dynamic linker would load for `programs`, and the linker itself
fn libraries(programs: &[PathBuf]) -> Result<BTreeSet<PathBuf>, TaskError> {
    // It fails when one of the files is static, but reports about all others nevertheless.
    let answer = Command::new("ldd").args(programs).output()?;
    Ok(String::from_utf8_lossy(&answer.stdout)
        .split_ascii_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'))
        .map(PathBuf::from)
        .collect())
}

fn parent(path: &Path) -> Result<&Path, TaskError> {
    path.parent()
        .ok_or_else(|| TaskError(format!("`{}` lies nowhere", path.display())))
}

/// A build context with a root file system in it
struct Context(PathBuf);

impl Context {
    fn new(name: &str) -> Result<Self, TaskError> {
        let directory = xtask::target_directory().join("compose").join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("rootfs"))?;
        Ok(Self(directory))
    }

    fn root(&self) -> PathBuf {
        self.0.join("rootfs")
    }

    /// Copies a file or a directory to a path of the image and returns where it is now; links below it stay links
    fn copy(&self, from: &Path, to: &str) -> Result<PathBuf, TaskError> {
        let to = self.root().join(to);
        fs::create_dir_all(parent(&to)?)?;
        let copied = Command::new("cp")
            .args(["--archive", "--no-target-directory"])
            .arg(from)
            .arg(&to)
            .output()?;
        if copied.status.success() {
            return Ok(to);
        }
        Err(TaskError(format!(
            "`{}`: {}",
            from.display(),
            String::from_utf8_lossy(&copied.stderr)
        )))
    }

    /// Copies to the same path; if that is a link, the image has its target under the link's name
    fn copy_in_place(&self, path: &Path) -> Result<PathBuf, TaskError> {
        let to = path.strip_prefix("/").unwrap_or(path);
        self.copy(&path.canonicalize()?, &to.to_string_lossy())
    }

    /// Builds with the engine's own builder, which needs no image of its own
    fn build(&self, name: &str, dockerfile: &str) -> Result<(), TaskError> {
        fs::write(self.0.join("Dockerfile"), dockerfile)?;
        let mut command = Command::new("docker");
        command
            .args(["build", "--quiet", "--tag", name])
            .arg(&self.0)
            .env("DOCKER_BUILDKIT", "0");
        run(&format!("image {name}"), &mut command)
    }

    /// Makes an image of the root file system alone, which saves a second and third copy of a large one
    fn import(&self, name: &str, changes: &[&str]) -> Result<(), TaskError> {
        let mut tar = Command::new("tar")
            .args(["--create", "--owner=0", "--group=0", "--directory"])
            .arg(self.root())
            .arg(".")
            .stdout(Stdio::piped())
            .spawn()?;
        let archive = tar
            .stdout
            .take()
            .ok_or_else(|| TaskError("`tar` has no output".to_owned()))?;
        let mut command = Command::new("docker");
        command
            .arg("import")
            .args(changes.iter().flat_map(|change| ["--change", change]))
            .args(["-", name]);
        let imported = run_with_input(&format!("image {name}"), &mut command, archive.into());
        if !tar.wait()?.success() {
            return Err(TaskError(format!(
                "`{}` could not be packed",
                self.root().display()
            )));
        }
        imported
    }
}
