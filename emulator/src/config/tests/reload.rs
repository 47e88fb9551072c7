//! Reading again when a file changes, with real files and the system's own notifications.

use std::{
    os::unix::fs::symlink,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use super::*;
use crate::config::NamedFile;
use crate::config::watch::{Watch, start_with};

/// Watches `emulator.yaml` in a folder and hands over what comes of each reading
fn watched(folder: &Folder) -> (Watch, Receiver<Result<Config, Problems>>) {
    let overrides = overrides(folder.join("emulator.yaml"));
    let config = Config::load(&overrides).expect("the first version is valid");
    let (send, receive) = mpsc::channel();
    let watch = start_with(&config, &overrides, move |outcome| {
        let _ = send.send(outcome);
    });
    (watch.expect("a thread can be started"), receive)
}

#[track_caller]
fn next(outcomes: &Receiver<Result<Config, Problems>>) -> Result<Config, Problems> {
    outcomes
        .recv_timeout(Duration::from_secs(10))
        .expect("the change is noticed")
}

#[track_caller]
fn next_account(outcomes: &Receiver<Result<Config, Problems>>) -> String {
    next(outcomes)
        .expect("the new version is valid")
        .account_id
        .to_string()
}

const ONE: &str = "account_id: '000000000001'\n";
const TWO: &str = "account_id: '000000000002'\n";
const THREE: &str = "account_id: '000000000003'\n";

#[test]
fn a_file_that_is_written_or_renamed_over_is_read_again() {
    let folder = folder("reload");
    folder.write("emulator.yaml", ONE);
    let (_watch, outcomes) = watched(&folder);
    folder.write("emulator.yaml", TWO);
    assert_eq!(next_account(&outcomes), "000000000002");
    let new = folder.write(".emulator.yaml.swp", THREE);
    fs::rename(new, folder.join("emulator.yaml")).expect("the folder is ours");
    assert_eq!(next_account(&outcomes), "000000000003");
    folder.write("emulator.yaml", ONE);
    assert_eq!(next_account(&outcomes), "000000000001");
}

#[test]
fn a_version_that_is_not_valid_is_reported_and_the_next_valid_one_is_read() {
    let folder = folder("reload");
    folder.write("emulator.yaml", ONE);
    let (_watch, outcomes) = watched(&folder);
    folder.write("emulator.yaml", "account_id: 2\n");
    let problems = next(&outcomes).expect_err("one digit is too few");
    assert_eq!(problems.len(), 1);
    folder.write("emulator.yaml", TWO);
    assert_eq!(next_account(&outcomes), "000000000002");
}

#[test]
fn a_file_that_is_named_is_watched_and_so_is_one_that_is_not_there_yet() {
    let folder = folder("reload");
    folder.write("policies/endpoint.json", ENDPOINT_POLICY);
    folder.write("emulator.yaml", "endpoint_policy: policies/endpoint.json\n");
    let (_watch, outcomes) = watched(&folder);
    folder.write(
        "policies/endpoint.json",
        &ENDPOINT_POLICY.replace("Deny", "Allow"),
    );
    let config = next(&outcomes).expect("the policy is valid");
    assert!(config.vpc_endpoints[0].policy_document.text().contains("Allow"));

    folder.write("emulator.yaml", "endpoint_policy: later/endpoint.json\n");
    assert!(next(&outcomes).is_err());
    folder.write("later/endpoint.json", ENDPOINT_POLICY);
    // Making the folder and writing the file may be seen as two changes.
    let config = std::iter::repeat_with(|| next(&outcomes))
        .find_map(Result::ok)
        .expect("the policy is there");
    assert_eq!(
        config.files.last().map(NamedFile::path),
        Some(&*folder.join("later/endpoint.json"))
    );
}

#[test]
fn a_folder_that_is_there_long_before_its_file_is_watched() {
    let folder = folder("reload");
    folder.write("emulator.yaml", ONE);
    let (_watch, outcomes) = watched(&folder);
    folder.write("emulator.yaml", "endpoint_policy: much/later/endpoint.json\n");
    assert!(next(&outcomes).is_err());
    for made in ["much", "much/later"] {
        fs::create_dir(folder.join(made)).expect("the folder is ours");
        // Nothing can be read yet, so nothing comes of it.
        let outcome = outcomes.recv_timeout(Duration::from_millis(700));
        assert_eq!(outcome.err(), Some(RecvTimeoutError::Timeout));
    }
    folder.write("much/later/endpoint.json", ENDPOINT_POLICY);
    assert!(next(&outcomes).is_ok());
}

#[test]
fn a_folder_that_is_replaced_and_a_link_that_is_swapped_are_seen() {
    // As Kubernetes mounts a ConfigMap: emulator.yaml -> ..data/emulator.yaml, ..data -> ..1
    let folder = folder("reload");
    folder.write("..1/emulator.yaml", ONE);
    folder.write("..2/emulator.yaml", TWO);
    symlink("..1", folder.join("..data")).expect("the folder is ours");
    symlink("..data/emulator.yaml", folder.join("emulator.yaml")).expect("the folder is ours");
    let (_watch, outcomes) = watched(&folder);
    symlink("..2", folder.join("..data_tmp")).expect("the folder is ours");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("the folder is ours");
    assert_eq!(next_account(&outcomes), "000000000002");

    folder.write("..3/emulator.yaml", THREE);
    fs::rename(folder.join("..2"), folder.join("..old")).expect("the folder is ours");
    fs::rename(folder.join("..3"), folder.join("..2")).expect("the folder is ours");
    let account = std::iter::repeat_with(|| next(&outcomes))
        .find_map(Result::ok)
        .expect("it is valid again");
    assert_eq!(account.account_id.as_str(), "000000000003");
}

#[test]
fn other_files_beside_it_are_none_of_its_business() {
    let folder = folder("reload");
    folder.write("emulator.yaml", ONE);
    let (_watch, outcomes) = watched(&folder);
    for number in 0..20 {
        folder.write(&format!("other-{number}"), "x");
    }
    // Reading the file is no change of it either.
    assert_eq!(
        fs::read_to_string(folder.join("emulator.yaml")).expect("it is there"),
        ONE
    );
    let nothing = outcomes.recv_timeout(Duration::from_millis(400));
    assert!(matches!(nothing, Err(RecvTimeoutError::Timeout)));
}

#[test]
fn a_watch_that_is_dropped_is_over() {
    let folder = folder("reload");
    folder.write("emulator.yaml", ONE);
    let (watch, outcomes) = watched(&folder);
    drop(watch);
    folder.write("emulator.yaml", TWO);
    let nothing = outcomes.recv_timeout(Duration::from_millis(200));
    assert!(matches!(nothing, Err(RecvTimeoutError::Disconnected)));
}

#[test]
fn without_a_file_nothing_is_watched() {
    let config = Config::embedded(None, None).expect("the defaults are valid");
    let watch = start_with(&config, &Overrides::default(), |_| {
        unreachable!("there is nothing to read again")
    });
    assert!(format!("{:?}", watch.expect("nothing is started")).contains("thread: None"));
}
