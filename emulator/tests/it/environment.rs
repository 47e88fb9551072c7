//! Settings that would be ignored: variables that no option reads, and a configuration file under another name.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use crate::process::PROGRAM;

/// Runs the program to its end in a folder
fn run(folder: &tempfile::TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("the program was built with its tests");
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).expect("it prints text"))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("the folder is ours");
    }
    folder
}

const MISSPELT: (&str, &str) = ("LOOKOUTVISION_EMULATOR_ENDPOINT_POLICIES", "seed.json");
const SAID: &str = "unknown environment variable `LOOKOUTVISION_EMULATOR_ENDPOINT_POLICIES`; did you mean \
                    `LOOKOUTVISION_EMULATOR_ENDPOINT_POLICY`?\n";

#[test]
fn a_misspelt_variable_is_an_error_of_every_subcommand_that_reads_options() {
    for arguments in [
        &[][..],
        &["serve"],
        &["exec", "--", "true"],
        &["certs"],
        &["env"],
        &["healthcheck"],
        &["man"],
        &["policy", "lint", "-"],
        &["policy", "simulate"],
    ] {
        let folder = folder(&[]);
        let (code, text) = run(&folder, arguments, &[MISSPELT]);
        assert_eq!((code, text.as_str()), (Some(64), SAID), "{arguments:?}");
    }
    let (code, text) = run(&folder(&[]), &["check"], &[MISSPELT]);
    assert_eq!((code, text), (Some(64), format!("{SAID}1 mistake\n")));
    // It reads no options, and somebody may want the schema to find out what is wrong.
    assert_eq!(run(&folder(&[]), &["schema"], &[MISSPELT]).0, Some(0));
}

#[test]
fn check_tells_unknown_variables_together_with_the_mistakes_of_the_file() {
    let folder = folder(&[("emulator.yaml", "account_id: 1\n")]);
    let (code, text) = run(
        &folder,
        &["check"],
        &[MISSPELT, ("LOOKOUTVISION_EMULATOR_CERT", "x")],
    );
    assert_eq!(code, Some(64));
    assert_eq!(
        text,
        format!(
            "unknown environment variable `LOOKOUTVISION_EMULATOR_CERT`; did you mean `LOOKOUTVISION_EMULATOR_CERTS`?\n\
             {SAID}\
             emulator.yaml:1:1: /account_id: `1` is not an account id (twelve digits)\n\
             3 mistakes\n"
        )
    );
    // A file that is no YAML at all hides none of them.
    fs::write(folder.path().join("emulator.yaml"), "[").expect("the folder is ours");
    let (_, text) = run(&folder, &["check"], &[MISSPELT]);
    assert!(text.starts_with(SAID) && text.ends_with("2 mistakes\n"), "{text}");
}

#[test]
fn emulator_yml_is_read_and_both_files_together_are_an_error() {
    let folder = folder(&[("emulator.yml", "account_id: 1\n")]);
    let (code, text) = run(&folder, &["check"], &[]);
    assert_eq!(code, Some(64));
    assert!(text.starts_with("emulator.yml:1:1: /account_id: "), "{text}");

    fs::write(folder.path().join("emulator.yaml"), "").expect("the folder is ours");
    for arguments in [&["check"][..], &["serve"], &["certs"]] {
        let (code, text) = run(&folder, arguments, &[]);
        assert_eq!(code, Some(64), "{arguments:?}");
        assert!(
            text.starts_with(
                "both `emulator.yaml` and `emulator.yml` are here: remove one of them, or name the one that is meant \
                 with `--config`\n"
            ),
            "{text}"
        );
    }
    let (code, text) = run(&folder, &["check", "--config", "emulator.yaml"], &[]);
    assert_eq!(code, Some(0), "{text}");
}
