//! Reading again when a file changes: every way in which programs write files, look by look, and the watch itself.

use std::{
    io::Write as _,
    os::unix::fs::symlink,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use super::*;
use crate::config::{
    NamedFile,
    watch::{Outcome, Watch, Watcher, start_with},
};

/// Looks at `emulator.yaml` in a folder, one look at a time
struct Looker {
    watcher: Watcher<Box<dyn FnMut(Outcome)>>,
    outcomes: Receiver<Outcome>,
}

impl Looker {
    fn at(folder: &Folder) -> Self {
        let overrides = overrides(folder.join("emulator.yaml"));
        let config = Config::load(&overrides).expect("the first version is valid");
        let (send, outcomes) = mpsc::channel();
        let told: Box<dyn FnMut(Outcome)> = Box::new(move |outcome| {
            let _ = send.send(outcome);
        });
        Self {
            watcher: Watcher::new(&config, &overrides, told),
            outcomes,
        }
    }

    /// The result of one look, if any
    fn look(&mut self) -> Option<Outcome> {
        self.watcher.look();
        self.outcomes.try_recv().ok()
    }

    /// The result of a change that has been made: the first look sees it, the second one sees it unchanged
    #[track_caller]
    fn settled(&mut self) -> Outcome {
        let first = self.look();
        assert!(
            first.is_none(),
            "a change is read when it has been still: {first:?}"
        );
        self.look().expect("it has been still")
    }

    #[track_caller]
    fn account(&mut self) -> String {
        match self.settled() {
            Outcome::New(config) => config.settings.account_id.to_string(),
            other => panic!("the new version is valid: {other:?}"),
        }
    }

    /// Why the change that has been made is refused
    #[track_caller]
    fn refusal(&mut self, folder: &Folder) -> String {
        match self.settled() {
            Outcome::Refused(problems) => problems
                .to_string()
                .replace(&format!("{}/", folder.display()), ""),
            other => panic!("it is not valid: {other:?}"),
        }
    }

    #[track_caller]
    fn sees_nothing(&mut self) {
        for _ in 0..3 {
            let outcome = self.look();
            assert!(outcome.is_none(), "{outcome:?}");
        }
    }
}

/// A folder with a configuration, and a looker at it
fn looker(first: &str) -> (Folder, Looker) {
    let folder = folder("reload");
    folder.write("emulator.yaml", first);
    let looker = Looker::at(&folder);
    (folder, looker)
}

const ONE: &str = "account_id: '000000000001'\n";
const TWO: &str = "account_id: '000000000002'\n";
const THREE: &str = "account_id: '000000000003'\n";

/// A configuration that denies everything
const DENY_ALL: &str = "\
account_id: '000000000001'
principals:
- arn: arn:aws:iam::000000000001:user/alice
  access_keys: [{access_key_id: alice, secret_access_key: alice}]
endpoint_policy: {Statement: {Effect: Deny, Principal: '*', Action: '*', Resource: '*'}}
";

const LOST: &str = "nothing is left of the version in force (`account_id`, `endpoint_policy`, `principals`), as in a \
                    file that is being written; to have it so, start the emulator anew";

#[test]
fn a_file_that_is_truncated_and_left_so_changes_nothing() {
    let (folder, mut looker) = looker(DENY_ALL);
    for empty in ["", " \n", "# nothing but a comment\n", "{}\n", "---\n"] {
        folder.write("emulator.yaml", empty);
        assert_eq!(
            looker.refusal(&folder),
            format!("emulator.yaml: the file is empty: {LOST}")
        );
        // Once is enough.
        looker.sees_nothing();
    }
    folder.write("emulator.yaml", DENY_ALL);
    assert!(matches!(looker.settled(), Outcome::Unchanged));
    folder.write("emulator.yaml", TWO);
    assert_eq!(looker.account(), "000000000002");
}

#[test]
fn a_writer_that_pauses_after_truncating_is_waited_for() {
    let (folder, mut looker) = looker(DENY_ALL);
    let mut file = fs::File::create(folder.join("emulator.yaml")).expect("the folder is ours");
    assert!(looker.look().is_none(), "it may be being written");
    file.write_all(DENY_ALL.replace("Deny", "Allow").as_bytes())
        .expect("the folder is ours");
    let Outcome::New(config) = looker.settled() else {
        panic!("the whole file is valid")
    };
    assert!(
        config.settings.networks.vpc_endpoints[0]
            .policy_document
            .text()
            .contains("Allow")
    );
    assert_eq!(
        config.settings.identities.principals[0].arn(),
        "arn:aws:iam::000000000001:user/alice"
    );
}

#[test]
fn a_writer_whose_first_half_is_a_configuration_is_waited_for() {
    let (folder, mut looker) = looker(DENY_ALL);
    let new = DENY_ALL.replace("alice", "bob");
    for (end, _) in new.match_indices('\n') {
        // Every line is a version of its own, and most of them are valid.
        folder.write("emulator.yaml", &new[..end]);
        let outcome = looker.look();
        assert!(outcome.is_none(), "{:?}: {outcome:?}", &new[..end]);
    }
    folder.write("emulator.yaml", &new);
    let Outcome::New(config) = looker.settled() else {
        panic!("the whole file is valid")
    };
    assert_eq!(
        config.settings.identities.principals[0].arn(),
        "arn:aws:iam::000000000001:user/bob"
    );
    assert!(
        config.settings.networks.vpc_endpoints[0]
            .policy_document
            .text()
            .contains("Deny")
    );
}

#[test]
fn a_version_that_has_lost_every_section_is_refused_and_one_that_keeps_one_is_not() {
    let (folder, mut looker) = looker(DENY_ALL);
    folder.write("emulator.yaml", "names: [a.test]\n");
    assert_eq!(
        looker.refusal(&folder),
        format!("emulator.yaml: every section is another one: {LOST}")
    );
    // The first lines of the version in force, and then nothing more: this cannot be told from an edit.
    folder.write("emulator.yaml", "account_id: '000000000001'\nnames: [a.test]\n");
    let Outcome::New(config) = looker.settled() else {
        panic!("a section that was there before is there")
    };
    let sections: Vec<_> = config.sections.iter().map(String::as_str).collect();
    assert_eq!(sections, ["account_id", "names"]);
    // The sections of the new version count now.
    folder.write("emulator.yaml", "names: [b.test]\n");
    assert!(matches!(looker.settled(), Outcome::New(_)));
}

#[test]
fn a_configuration_that_had_no_sections_has_none_to_lose() {
    let (folder, mut looker) = looker("");
    folder.write("emulator.yaml", "# still nothing\n");
    assert!(matches!(looker.settled(), Outcome::New(_)));
    folder.write("emulator.yaml", TWO);
    assert_eq!(looker.account(), "000000000002");
}

#[test]
fn a_file_that_is_replaced_is_read_whoever_replaces_it() {
    let folder = folder("reload");
    let at = |name: &str| folder.join(name);
    folder.write("emulator.yaml", ONE);
    let mut looker = Looker::at(&folder);
    folder.write("emulator.yaml", TWO);
    assert_eq!(looker.account(), "000000000002");
    // As most editors and deployment tools do.
    let new = folder.write(".emulator.yaml.swp", THREE);
    fs::rename(new, at("emulator.yaml")).expect("the folder is ours");
    assert_eq!(looker.account(), "000000000003");
    // As vim does with `backupcopy=no`: it moves the old file away and writes a new one in its place.
    fs::rename(at("emulator.yaml"), at("emulator.yaml~")).expect("the folder is ours");
    assert!(looker.look().is_none(), "it may come back");
    folder.write("emulator.yaml", ONE);
    assert_eq!(looker.account(), "000000000001");
    // With the same size and the time of the previous version, as `cp --preserve` and `rsync` leave it.
    let time = fs::metadata(at("emulator.yaml"))
        .and_then(|metadata| metadata.modified())
        .expect("it is there");
    let file = fs::File::create(at("emulator.yaml")).expect("the folder is ours");
    (&file).write_all(TWO.as_bytes()).expect("the folder is ours");
    file.set_modified(time).expect("the folder is ours");
    assert_eq!(looker.account(), "000000000002");
    fs::remove_file(at("emulator.yaml")).expect("the folder is ours");
    assert_eq!(
        looker.refusal(&folder),
        "`emulator.yaml` cannot be read: there is no such file"
    );
}

#[test]
fn a_link_that_is_swapped_and_a_folder_that_is_replaced_are_seen() {
    // As Kubernetes mounts a ConfigMap: emulator.yaml -> ..data/emulator.yaml, ..data -> ..1
    let folder = folder("reload");
    folder.write("..1/emulator.yaml", ONE);
    folder.write("..2/emulator.yaml", TWO);
    symlink("..1", folder.join("..data")).expect("the folder is ours");
    symlink("..data/emulator.yaml", folder.join("emulator.yaml")).expect("the folder is ours");
    let mut looker = Looker::at(&folder);
    symlink("..2", folder.join("..data_tmp")).expect("the folder is ours");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("the folder is ours");
    assert_eq!(looker.account(), "000000000002");

    folder.write("..3/emulator.yaml", THREE);
    fs::rename(folder.join("..2"), folder.join("..old")).expect("the folder is ours");
    assert!(looker.look().is_none());
    fs::rename(folder.join("..3"), folder.join("..2")).expect("the folder is ours");
    assert_eq!(looker.account(), "000000000003");
}

#[test]
fn a_policy_file_that_is_being_written_changes_nothing() {
    let folder = folder("reload");
    folder.write("policies/endpoint.json", ENDPOINT_POLICY);
    folder.write("emulator.yaml", "endpoint_policy: policies/endpoint.json\n");
    let mut looker = Looker::at(&folder);
    for written in ["", &ENDPOINT_POLICY[..ENDPOINT_POLICY.len() / 2], "{}"] {
        folder.write("policies/endpoint.json", written);
        let refusal = looker.refusal(&folder);
        assert!(refusal.starts_with("policies/endpoint.json:1:"), "{refusal}");
        looker.sees_nothing();
    }
    fs::remove_file(folder.join("policies/endpoint.json")).expect("the folder is ours");
    assert_eq!(
        looker.refusal(&folder),
        "emulator.yaml:1:1: /endpoint_policy: `policies/endpoint.json` cannot be read: there is no such file"
    );
    folder.write(
        "policies/endpoint.json",
        &ENDPOINT_POLICY.replace("Deny", "Allow"),
    );
    let Outcome::New(config) = looker.settled() else {
        panic!("the policy is valid")
    };
    assert!(
        config.settings.networks.vpc_endpoints[0]
            .policy_document
            .text()
            .contains("Allow")
    );
}

#[test]
fn all_named_files_must_be_still_before_any_is_read() {
    let folder = folder("reload");
    folder.write("policies/endpoint.json", ENDPOINT_POLICY);
    folder.write("emulator.yaml", "endpoint_policy: policies/endpoint.json\n");
    let mut looker = Looker::at(&folder);
    folder.write(
        "emulator.yaml",
        "endpoint_policy: policies/endpoint.json\nnames: [a.test]\n",
    );
    assert!(looker.look().is_none());
    folder.write(
        "policies/endpoint.json",
        &ENDPOINT_POLICY.replace("Deny", "Allow"),
    );
    let Outcome::New(config) = looker.settled() else {
        panic!("both are valid")
    };
    assert_eq!(config.settings.names.len(), 1);
    assert!(
        config.settings.networks.vpc_endpoints[0]
            .policy_document
            .text()
            .contains("Allow")
    );
}

#[test]
fn a_file_that_is_not_there_yet_is_looked_for() {
    let (folder, mut looker) = looker(ONE);
    let with_policy = format!("{ONE}endpoint_policy: much/later/endpoint.json\n");
    folder.write("emulator.yaml", &with_policy);
    let refusal = looker.refusal(&folder);
    assert!(refusal.ends_with("there is no such file"), "{refusal}");
    fs::create_dir_all(folder.join("much/later")).expect("the folder is ours");
    looker.sees_nothing();
    folder.write("much/later/endpoint.json", ENDPOINT_POLICY);
    let Outcome::New(config) = looker.settled() else {
        panic!("the policy is there")
    };
    assert_eq!(
        config.files.last().map(NamedFile::path),
        Some(&*folder.join("much/later/endpoint.json"))
    );
}

#[test]
fn a_version_that_is_not_valid_is_reported_once_and_the_next_valid_one_is_read() {
    let (folder, mut looker) = looker(ONE);
    folder.write("emulator.yaml", "account_id: 2\n");
    assert_eq!(
        looker.refusal(&folder),
        "emulator.yaml:1:1: /account_id: `2` is not an account id (twelve digits)"
    );
    looker.sees_nothing();
    folder.write("emulator.yaml", TWO);
    assert_eq!(looker.account(), "000000000002");
}

#[test]
fn what_is_no_change_of_a_named_file_is_none_of_its_business() {
    let (folder, mut looker) = looker(ONE);
    for number in 0..20 {
        folder.write(&format!("other-{number}"), "x");
    }
    // Reading the file is no change of it either.
    assert_eq!(
        fs::read_to_string(folder.join("emulator.yaml")).expect("it is there"),
        ONE
    );
    looker.sees_nothing();
    // A file that was written again with the same content is read, and nothing is put in force.
    folder.write("emulator.yaml", ONE);
    assert!(matches!(looker.settled(), Outcome::Unchanged));
}

#[test]
fn who_asks_for_it_has_it_read_without_waiting() {
    let (folder, mut looker) = looker(ONE);
    folder.write("emulator.yaml", TWO);
    looker.watcher.read();
    assert!(matches!(looker.outcomes.try_recv(), Ok(Outcome::New(_))));
    looker.sees_nothing();
    looker.watcher.read();
    assert!(matches!(looker.outcomes.try_recv(), Ok(Outcome::Unchanged)));
    // A refused version is refused whoever asks.
    folder.write("emulator.yaml", "");
    looker.watcher.read();
    assert!(matches!(looker.outcomes.try_recv(), Ok(Outcome::Refused(_))));
}

#[test]
fn what_changes_while_it_is_read_is_read_again() {
    let folder = folder("reload");
    folder.write("policies/endpoint.json", ENDPOINT_POLICY);
    let with_policy = |account: &str| format!("{account}endpoint_policy: policies/endpoint.json\n");
    folder.write("emulator.yaml", &with_policy(ONE));
    let mut looker = Looker::at(&folder);
    // The policy of the new version with the account of the previous one would be neither of the two.
    folder.write("emulator.yaml", &with_policy(TWO));
    looker.watcher.read_meanwhile(|| {
        folder.write("emulator.yaml", &with_policy(THREE));
        folder.write(
            "policies/endpoint.json",
            &ENDPOINT_POLICY.replace("Deny", "Allow"),
        );
    });
    let torn = looker.outcomes.try_recv();
    assert!(torn.is_err(), "{torn:?}");
    assert_eq!(looker.account(), "000000000003");
}

/// Watches `emulator.yaml` in a folder and hands over what comes of each reading
fn watched(folder: &Folder) -> (Watch, Receiver<Outcome>) {
    let overrides = overrides(folder.join("emulator.yaml"));
    let config = Config::load(&overrides).expect("the first version is valid");
    let (send, receive) = mpsc::channel();
    let watch = start_with(&config, &overrides, move |outcome| {
        let _ = send.send(outcome);
    });
    (watch.expect("a thread can be started"), receive)
}

#[test]
fn a_watch_looks_by_itself_reads_when_it_is_asked_and_ends_when_it_is_dropped() {
    let folder = folder("reload");
    folder.write("emulator.yaml", ONE);
    let (watch, outcomes) = watched(&folder);
    let patience = Duration::from_secs(60);
    folder.write("emulator.yaml", TWO);
    assert!(matches!(outcomes.recv_timeout(patience), Ok(Outcome::New(_))));
    assert!(watch.read_again());
    assert!(matches!(outcomes.recv_timeout(patience), Ok(Outcome::Unchanged)));
    drop(watch);
    folder.write("emulator.yaml", THREE);
    assert!(matches!(
        outcomes.recv_timeout(patience),
        Err(RecvTimeoutError::Disconnected)
    ));
}

#[test]
fn without_a_file_nothing_is_watched() {
    let config = Config::embedded(None, None).expect("the defaults are valid");
    let watch = start_with(&config, &Overrides::default(), |_| {
        unreachable!("there is nothing to read again")
    });
    let watch = watch.expect("nothing is started");
    assert!(format!("{watch:?}").contains("thread: None"));
    assert!(!watch.read_again());
}
