//! `cargo xtask compose-smoke`: the images and both compose files, with real clients under the real host names.
//!
//! Nothing is pulled. The emulator's image is packaged from a static binary with exactly the lines of the Dockerfile's
//! last stage; the clients' image is packaged from the environments of this checkout (see [`packaging`]).

use std::process::Command;

use crate::step::{Skipped, TaskError, output, run, skip};

pub(crate) mod packaging;

/// Runs both compose files and removes everything again
pub(crate) fn smoke_test() -> Result<Skipped, TaskError> {
    if output(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"])).is_none() {
        return skip("the compose smoke test: no Docker daemon answers".to_owned());
    }
    let Some(compose) = Compose::find() else {
        return skip(
            "the compose smoke test: neither `docker compose` nor `docker-compose` is there".to_owned(),
        );
    };

    // The process id keeps runs on one machine apart, in image tags and project names alike.
    let tag = format!("smoke-{}", std::process::id());
    let images = Images(
        [
            "lookoutvision-emulator",
            "lookoutvision-emulator-client-tests",
            "lookoutvision-emulator-app",
        ]
        .map(|name| format!("{name}:{tag}")),
    );
    packaging::emulator_image(&packaging::static_binary()?, &images.0[0])?;
    packaging::client_tests_image(&images.0[1])?;
    packaging::app_image(&images.0[2], &images.0[1])?;
    no_shell_no_root(&images.0[0])?;

    let stack = compose.up(&["docker-compose.yml", APP], &tag);
    run(
        "compose: a program of one's own, with boto3",
        stack
            .command()
            .args(["up", "--no-color", "--no-build", "--exit-code-from", "app", "app"]),
    )?;
    for (who, command) in [
        ("root calls as well", ["python3", "/app/app.py"].as_slice()),
        (
            "root finds no key among what it mounts",
            &["python3", "-c", NO_KEY_IN_CERTS],
        ),
    ] {
        run(
            &format!("compose: {who}"),
            stack
                .command()
                .args(["run", "--rm", "-T", "--user", "0:0", "app"])
                .args(command),
        )?;
    }
    drop(stack);

    let stack = compose.up(&["docker-compose.yml"], &tag);
    run(
        "compose: real clients in one VPC",
        stack.command().args([
            "--profile",
            "test",
            "up",
            "--no-color",
            "--no-build",
            "--exit-code-from",
            "client-tests",
        ]),
    )?;
    drop(stack);

    let stack = compose.up(&["client-tests/compose/two-vpcs.yml"], &tag);
    for line in ["inspection-line-a", "inspection-line-b"] {
        run(
            &format!("compose: two VPCs, {line}"),
            stack
                .command()
                .args(["up", "--no-color", "--no-build", "--exit-code-from", line, line]),
        )?;
    }
    Ok(Skipped::new())
}

/// Checks that an image has no shell and does not run as root
fn no_shell_no_root(image: &str) -> Result<(), TaskError> {
    println!("── the emulator's image has no shell and no root");
    let shell =
        output(Command::new("docker").args(["run", "--rm", "--entrypoint", "/bin/sh", image, "-c", "true"]));
    if shell.is_some() {
        return Err(TaskError(format!("`{image}` has a shell")));
    }
    let user = output(Command::new("docker").args(["inspect", "--format", "{{.Config.User}}", image]));
    match user.as_deref().map(str::trim) {
        Some("65532:65532") => Ok(()),
        user => Err(TaskError(format!("`{image}` runs as {user:?}"))),
    }
}

/// Compose, in either of its forms
struct Compose(&'static [&'static str]);

impl Compose {
    fn find() -> Option<Self> {
        let forms: [&'static [&'static str]; 2] = [&["docker", "compose"], &["docker-compose"]];
        forms
            .into_iter()
            .find(|form| output(Command::new(form[0]).args(&form[1..]).arg("version")).is_some())
            .map(Self)
    }

    fn up(&self, files: &[&'static str], tag: &str) -> Stack {
        Stack {
            compose: self.0,
            files: files.to_vec(),
            tag: tag.to_owned(),
        }
    }
}

/// What compose files have started together; dropping it takes containers, networks and volumes down
struct Stack {
    compose: &'static [&'static str],
    files: Vec<&'static str>,
    tag: String,
}

impl Stack {
    fn command(&self) -> Command {
        let mut command = Command::new(self.compose[0]);
        command
            .args(&self.compose[1..])
            .args(self.files.iter().flat_map(|file| ["--file", file]))
            .args(["--project-name", &format!("lookoutvision-emulator-{}", self.tag)])
            .current_dir(xtask::workspace_root())
            .env("LOOKOUTVISION_COMPOSE_TAG", &self.tag)
            // Any free port will do: nothing connects from outside.
            .env("LOOKOUTVISION_COMPOSE_PORT", "0")
            .env("LOOKOUTVISION_COMPOSE_CONTROL_PORT", "0");
        command
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let down = run(
            "compose: down",
            self.command().args([
                "--profile",
                "test",
                "down",
                "--volumes",
                "--remove-orphans",
                "--timeout",
                "10",
            ]),
        );
        if let Err(error) = down {
            eprintln!("{error}");
        }
    }
}

/// The sample of README.md
const APP: &str = "emulator/examples/compose/app.yml";

/// A program that checks that every file in the volume holds certificates
const NO_KEY_IN_CERTS: &str = "import os; names = sorted(os.listdir('/certs')); print(names); \
    assert names == ['.lock', 'ca-bundle.pem', 'ca.pem', 'truststore.p12']; \
    assert b'PRIVATE' not in b''.join(open(f'/certs/{n}', 'rb').read() for n in names)";

/// Image names; dropping them removes the images
struct Images([String; 3]);

impl Drop for Images {
    fn drop(&mut self) {
        // An image that was never built cannot be removed.
        output(
            Command::new("docker")
                .args(["image", "rm", "--force"])
                .args(&self.0),
        );
    }
}
