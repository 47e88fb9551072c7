//! What the emulator creates on the disk and who can read it, under any umask.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::process::{PROGRAM, Process};

/// The permission bits of everything below a folder, by path
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut modes = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode() & 0o7777;
        let name = path
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            let inner = self::modes(&path);
            modes.extend(
                inner
                    .into_iter()
                    .map(|(below, mode)| (format!("{name}/{below}"), mode)),
            );
        }
        modes.push((name, mode));
    }
    modes.sort();
    modes
}

/// Starts the program under a umask and tells what it has made, but for what everybody may read
fn made_under(umask: &str) -> Vec<(String, u32)> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let inner = folder.path().join("work");
    fs::create_dir(&inner).expect("the folder is ours");
    fs::write(
        inner.join("emulator.yaml"),
        "state: emulator.state\ncerts: deep/certs\n",
    )
    .expect("the folder is ours");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\""), PROGRAM]);
    Process::start_with_certs(&inner, command, "deep/certs").kill();
    modes(&inner)
        .into_iter()
        .filter(|(name, _)| {
            let is_public = ["ca.pem", "ca-bundle.pem", "truststore.p12"]
                .iter()
                .any(|public| name.ends_with(public));
            let is_the_tests = ["emulator.yaml", "log"].contains(&&**name);
            !is_public && !is_the_tests
        })
        .collect()
}

#[test]
fn what_holds_secrets_is_its_owners_alone_whatever_the_umask() {
    for umask in ["0000", "0022", "0077", "0277"] {
        let expected = [
            ("deep", 0o700),
            ("deep/certs", 0o700),
            ("deep/certs/.lock", 0o600),
            ("deep/certs/server-key.pem", 0o600),
            ("emulator.state", 0o600),
        ];
        let expected = expected.map(|(name, mode)| (name.to_owned(), mode));
        assert_eq!(made_under(umask), expected, "umask {umask}");
    }
}

#[test]
fn a_folder_that_was_there_keeps_its_mode_and_its_lock_file_is_taken_from_others() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let certs = folder.path().join("certs");
    fs::create_dir(&certs).expect("the folder is ours");
    fs::write(certs.join(".lock"), "").expect("the folder is ours");
    fs::write(folder.path().join("emulator.yaml"), "").expect("the folder is ours");
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set_mode(&certs, 0o755);
    set_mode(&certs.join(".lock"), 0o644);
    Process::start(folder.path()).kill();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!((mode(&certs), mode(&certs.join(".lock"))), (0o755, 0o600));
}
