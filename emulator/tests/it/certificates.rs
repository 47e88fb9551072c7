//! The certificates that a running emulator shows, and what it keeps of them.

use std::{fs, path::Path};

use crate::{
    process::{PROGRAM, Process},
    support::connect_trusting,
};

/// A folder with a configuration
fn folder(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("emulator.yaml"), configuration).expect("the folder is ours");
    folder
}

async fn connect(process: &Process, name: &str) -> std::io::Result<()> {
    let connected = connect_trusting(&process.ca_pem, process.address, name, &[]).await;
    connected.map(|_| ())
}

fn certs(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.join("certs"))
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|name| name.into_string().expect("our names are ASCII"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_name_without_a_certificate_gets_an_alert_and_the_log_says_which_setting_adds_it() {
    let folder = folder("");
    let process = Process::start(folder.path());
    for (name, setting) in [
        ("emulator.test", "add it to `names` in the configuration"),
        ("other.localhost", "add it to `names` in the configuration"),
        (
            "lookoutvision.xx-nowhere-1.amazonaws.com",
            "name it as the `region` of one of `vpcs` or `projects` in the configuration",
        ),
        (
            "vpce-0a1b2c3d4e5f67890-abcdefgh.lookoutvision.xx-nowhere-1.vpce.amazonaws.com",
            "name it as the `region` of one of `vpcs` or `projects` in the configuration",
        ),
    ] {
        let error = connect(&process, name)
            .await
            .expect_err("there is no certificate");
        assert!(error.to_string().contains("UnrecognisedName"), "{name}: {error}");
        let log = process.log();
        let line = log
            .lines()
            .find(|line| line.contains(&format!("server name `{name}` ")));
        let line = line.unwrap_or_else(|| panic!("no line about {name} in\n{log}"));
        for expected in [
            setting,
            "which makes a new certificate authority that clients have to trust anew",
        ] {
            assert!(line.contains(expected), "no `{expected}` in {line}");
        }
    }
}

#[tokio::test]
async fn what_the_configuration_names_has_a_certificate_and_the_authority_outlives_a_kill() {
    let folder = folder(
        "names: [emulator.test]\n\
         vpcs: [{vpc_id: vpc-1a2b3c4d, region: xx-nowhere-1}]\n\
         vpc_endpoints: [{vpc_endpoint_id: vpce-1a2b3c4d, vpc_id: vpc-1a2b3c4d}]\n\
         projects: [{name: line-a, region: yy-nowhere-2}]\n",
    );
    let process = Process::start(folder.path());
    let ca_pem = process.ca_pem.clone();
    let kept = fs::read(folder.path().join("certs/server-key.pem")).expect("it is there");
    process.kill();
    let process = Process::start(folder.path());
    assert_eq!(process.ca_pem, ca_pem);
    for name in [
        "emulator.test",
        "lookoutvision.xx-nowhere-1.amazonaws.com",
        "vpce-1a2b3c4d-abcdefgh-xx-nowhere-1a.lookoutvision.xx-nowhere-1.vpce.amazonaws.com",
        "sts-fips.yy-nowhere-2.api.aws",
        "lookoutvision.af-south-1.amazonaws.com",
    ] {
        connect(&process, name)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let expected = [
        ".lock",
        "ca-bundle.pem",
        "ca.pem",
        "server-key.pem",
        "truststore.p12",
    ];
    assert_eq!(certs(folder.path()), expected);
    let now = fs::read(folder.path().join("certs/server-key.pem")).expect("it is there");
    assert_eq!(now, kept, "nothing was signed anew");
}

#[tokio::test]
async fn what_the_certs_command_made_is_what_serve_uses() {
    let folder = folder(
        "names: [emulator.test]\nlisten: 127.0.0.9:0\ncerts: certs\n\
         projects: [{name: line-a, region: xx-nowhere-1}]\n",
    );
    let made = std::process::Command::new(PROGRAM)
        .args(["certs", "--config", "emulator.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("the program was built with its tests");
    assert!(made.status.success(), "{made:?}");
    let ca_pem = fs::read_to_string(folder.path().join("certs/ca.pem")).expect("the CA was made");
    let process = Process::start(folder.path());
    assert_eq!(process.ca_pem, ca_pem, "{}", process.log());
}
