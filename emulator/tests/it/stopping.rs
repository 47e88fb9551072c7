//! The signals of the process: which requests are waited for, which are cut off, and what the exit code says about it.

use std::{process::Command, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use crate::{
    process::Process,
    support::{Call, connect_trusting},
};

fn started(shutdown_timeout_seconds: u32) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = format!(
        "limits: {{shutdown_timeout_seconds: {shutdown_timeout_seconds}, handshake_timeout_seconds: 3600, \
         idle_timeout_seconds: 3600}}\n"
    );
    std::fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
    let process = Process::start(folder.path());
    (folder, process)
}

/// A request in flight: its head was read, and its body never comes
async fn begin(process: &Process) -> TlsStream<TcpStream> {
    let stream = connect_trusting(&process.ca_pem, process.address, "localhost", &[]).await;
    let mut stream = stream.expect("a handshake");
    let bytes = Call::detect("1").to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (head, _) = text.split_once("\r\n\r\n").expect("a head ends");
    let head = format!("{head}\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    stream.flush().await.expect("the head is sent");
    let mut answer = [0; CONTINUE.len()];
    let asked_for_the_body = timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    asked_for_the_body.expect("it is answered").expect("an answer");
    assert_eq!(answer, *CONTINUE);
    stream
}

fn send(process: &Process, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &process.child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "`kill` is everywhere");
}

/// Waits until the log has this text
async fn logged(process: &Process, text: &str) {
    let appears = async {
        while !process.log().contains(text) {
            tokio::task::yield_now().await;
        }
    };
    let appeared = timeout(PATIENCE, appears).await;
    appeared.unwrap_or_else(|_| panic!("`{text}` is not in the log: {}", process.log()));
}

/// Waits for the end; the exit code and what was logged
async fn ended(mut process: Process) -> (Option<i32>, String) {
    let waiting = tokio::task::spawn_blocking(move || (process.child.wait(), process.log()));
    let ended = timeout(PATIENCE, waiting).await.expect("the process ends");
    let (status, log) = ended.expect("nobody panicked");
    (status.expect("it is ours").code(), log)
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_tells_how_many_requests_were_cut_off() {
    for (first, second) in [("-TERM", "-TERM"), ("-INT", "-INT"), ("-TERM", "-INT")] {
        let (_folder, process) = started(3600);
        let mut waiting = [begin(&process).await, begin(&process).await];
        send(&process, first);
        logged(&process, "a second signal ends at once").await;
        send(&process, second);
        let (code, log) = ended(process).await;
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("2 requests were cut off"), "{log}");
        for stream in &mut waiting {
            // An end without a word is an error of TLS.
            let answer = stream.read(&mut [0; 1]).await;
            assert!(matches!(answer, Ok(0) | Err(_)), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_does_not_finish_in_time_makes_the_exit_code_1() {
    let (_folder, process) = started(0);
    let _waiting = begin(&process).await;
    send(&process, "-TERM");
    let (code, log) = ended(process).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("1 request was cut off"), "{log}");
}

#[tokio::test]
async fn who_has_asked_for_nothing_is_not_waited_for_and_not_counted() {
    let (_folder, process) = started(3600);
    // One that has not begun its handshake, and one that waits with its next request.
    let silent = TcpStream::connect(process.address).await;
    let answered = process.send(&Call::detect("myModel")).await;
    assert!(silent.is_ok() && answered.is_ok());
    send(&process, "-TERM");
    let (code, log) = ended(process).await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
}

const CONTINUE: &[u8; 25] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Longer than anything here takes
const PATIENCE: Duration = Duration::from_secs(60);
