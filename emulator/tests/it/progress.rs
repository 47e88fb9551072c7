//! What a command prints while it works for longer than a second: on a terminal, and nowhere else.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::process::PROGRAM;

/// `policy lint` of a document that does not come before it is written
fn waiting_lint(stderr: impl Into<Stdio>) -> Child {
    Command::new(PROGRAM)
        .args(["policy", "lint", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("the program was built with its tests")
}

#[test]
fn a_command_that_takes_its_time_says_what_it_does_on_a_terminal_only() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    // The first to start, so that it has had a second as well when the other says something.
    let mut elsewhere = waiting_lint(Stdio::piped());
    let mut on_terminal = waiting_lint(other_end);
    let mut terminal = File::from(terminal);
    let mut seen = String::new();
    // Without a line this waits until the test is ended for it.
    while !seen.contains("reading the policies (1s)") {
        let mut bytes = [0; 1024];
        let length = terminal.read(&mut bytes).unwrap();
        seen += &String::from_utf8_lossy(&bytes[..length]);
    }
    for child in [&mut elsewhere, &mut on_terminal] {
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin.write_all(b"{}").unwrap();
    }
    let output = elsewhere.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let shown = on_terminal.wait_with_output().unwrap();
    // What is printed is the same.
    assert_eq!((shown.status, &shown.stdout), (output.status, &output.stdout));
    assert!(!output.stdout.is_empty());
}
