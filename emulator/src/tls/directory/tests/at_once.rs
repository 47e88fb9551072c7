//! Processes that open one directory at the same time.

use std::{
    env,
    process::{Command, Stdio},
    thread,
};

use super::*;

#[test]
fn threads_that_open_at_once_get_one_authority() {
    let certs = Certs::empty();
    let opened: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| certs.open().unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(
        opened
            .iter()
            .all(|(authority, _)| authority.ca_pem() == opened[0].0.ca_pem())
    );
    assert_eq!(
        opened
            .iter()
            .filter(|(_, notice)| notice.origin == Origin::Made)
            .count(),
        1
    );
}

/// The other end of the test below: not a test of its own, it opens the directory that its parent names
#[test]
fn a_process_that_opens_the_directory_its_parent_names() {
    if let Some(directory) = env::var_os(CHILDS_DIRECTORY) {
        let (authority, _) =
            CertificateAuthority::open_or_create(Path::new(&directory), no_names(), now()).unwrap();
        println!("\nopened {}", authority.fingerprint_sha256());
    }
}

#[test]
fn processes_that_open_at_once_get_one_authority() {
    let certs = Certs::empty();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(env::current_exe().unwrap())
                .args([
                    "--exact",
                    "tls::directory::tests::at_once::a_process_that_opens_the_directory_its_parent_names",
                ])
                .args(["--nocapture", "--test-threads=1"])
                .env(CHILDS_DIRECTORY, certs.0.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let expected_end = |output: &str| {
        output
            .lines()
            .find(|line| line.starts_with("opened "))
            .map(str::to_owned)
    };
    let opened: Vec<_> = children
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .map(|output| expected_end(&output).unwrap_or_else(|| panic!("no authority in {output}")))
        .collect();
    let (authority, notice) = certs.open().unwrap();
    assert_eq!(notice.origin, Origin::Opened);
    assert_eq!(
        opened,
        vec![format!("opened {}", authority.fingerprint_sha256()); 4]
    );
}

const CHILDS_DIRECTORY: &str = "LOOKOUTVISION_TESTS_CERTS";
