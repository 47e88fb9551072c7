//! Other people's programs as judges of our certificates, in tests.

use std::{
    env,
    io::{ErrorKind, Write},
    process::{Command, Stdio},
};

/// What a program prints, on both outputs; `None`, with a message, where it is not installed, which CI does not allow
pub(super) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error)
            if error.kind() == ErrorKind::NotFound && env::var_os("CI").is_none_or(|ci| ci != "true") =>
        {
            eprintln!("SKIPPED: `{program}` is not installed");
            return None;
        }
        Err(error) => panic!("cannot run `{program}`: {error}"),
    };
    // A program that does not read its input does not need it.
    let _ = child.stdin.take().expect("the input is piped").write_all(input);
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some(text)
}
