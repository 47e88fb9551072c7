//! The folder of the certificate authority for other programs, which does not have the server's key.

use std::{fs, path::Path, process::Command};

use crate::process::{PROGRAM, Process};

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| {
            let name = entry.expect("the folder can be read").file_name();
            name.into_string().expect("the name is text")
        })
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn programs_that_must_not_see_the_key_get_a_folder_without_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("emulator.yaml"), "public_certs: public\n").expect("the folder is ours");
    let process = Process::start(folder.path());
    let public = folder.path().join("public");
    assert_eq!(
        names_in(&public),
        [".lock", "ca-bundle.pem", "ca.pem", "truststore.p12"]
    );
    for name in ["ca.pem", "ca-bundle.pem", "truststore.p12"] {
        let own = fs::read(folder.path().join("certs").join(name)).expect("it was made");
        assert_eq!(fs::read(public.join(name)).expect("it was made"), own, "{name}");
    }
    // Clients are told of the folder that is for them.
    let answer = process
        .control("GET", "/env?client=boto3&format=dotenv", "")
        .await;
    let line = format!("AWS_CA_BUNDLE=\"{}\"", public.join("ca-bundle.pem").display());
    assert!(answer.text().contains(&line), "{}", answer.text());
    process.kill();

    // A new authority takes the place of the old one in both folders.
    fs::remove_file(folder.path().join("certs/server-key.pem")).expect("it was made");
    let process = Process::start(folder.path());
    let published = fs::read_to_string(public.join("ca.pem")).expect("it was made");
    assert_eq!(published, process.ca_pem);
}

#[test]
fn a_folder_with_a_key_in_it_is_not_handed_to_others() {
    for key in ["server-key.pem", "ca-key.pem"] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let public = folder.path().join("public");
        fs::create_dir(&public).expect("the folder is ours");
        fs::write(public.join(key), "").expect("the folder is ours");
        let output = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .args(["--public-certs", "public"])
            .current_dir(folder.path())
            .output()
            .expect("the program was built with its tests");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{message}");
        let expected =
            format!("public_certs: `public/{key}` is a key, and `public_certs` is a folder for everyone");
        assert!(message.contains(&expected), "{message}");
        assert_eq!(names_in(&public), [key]);
    }
}
