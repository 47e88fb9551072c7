//! More connections than there is room for: they are refused at once, and health checks are still answered.

use std::time::Duration;

use lookoutvision_emulator::Emulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Answer, Call, connect, control, control_stream, emulator_with, read_answer};

/// Far longer than an answer takes, and shorter than any limit that would let a connection go
const AT_ONCE: Duration = Duration::from_secs(5);

/// Connections of the AWS API that are left alone after the handshake
async fn idle(emulator: &Emulator, connections: usize) -> Vec<impl Sized + use<>> {
    let mut idle = Vec::new();
    for _ in 0..connections {
        idle.push(
            connect(emulator, emulator.address(), "localhost")
                .await
                .expect("there is room"),
        );
    }
    idle
}

/// Asks again and again until there is room, which is when the emulator has seen that a connection is closed
async fn is_served_in_the_end(emulator: &Emulator) -> bool {
    let call = Call::detect("1");
    let served = async {
        loop {
            if let Ok(answer) = call.send_to(emulator.ca_pem(), emulator.address()).await {
                return answer.status == 200;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(AT_ONCE, served).await.unwrap_or(false)
}

#[tokio::test]
async fn a_connection_that_finds_no_room_is_closed_at_once() {
    let emulator = emulator_with("limits: {connections_max: 4}").await;
    let mut held = idle(&emulator, 4).await;
    for _ in 0..3 {
        let refused = timeout(AT_ONCE, connect(&emulator, emulator.address(), "localhost"));
        assert!(refused.await.expect("it need not wait").is_err());
    }
    // The other listener has room of its own.
    assert_eq!(control(&emulator, "GET", "/clock", "").await.status, 200);
    held.pop();
    assert!(is_served_in_the_end(&emulator).await);
}

#[tokio::test]
async fn silent_handshakes_make_nobody_wait() {
    let emulator = emulator_with("limits: {connections_max: 2}").await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(emulator.address()).await.unwrap());
    }
    // Until both have been accepted another one may be.
    let refused = async {
        while connect(&emulator, emulator.address(), "localhost").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(AT_ONCE, refused).await.expect("it need not wait");
    drop(silent);
    assert!(is_served_in_the_end(&emulator).await);
}

/// One exchange of the control API, whose answer comes at once
async fn ask(emulator: &Emulator, request: &str) -> Answer {
    let mut stream = control_stream(emulator).await;
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("the connection is open");
    timeout(AT_ONCE, read_answer(&mut stream))
        .await
        .expect("the answer does not wait for others")
        .expect("an answer")
}

#[tokio::test]
async fn health_checks_are_answered_however_many_slow_connections_there_are() {
    let emulator = emulator_with("limits: {connections_max: 8, health_connections_max: 4}").await;
    let mut slow = Vec::new();
    for number in 0..60 {
        let mut stream = control_stream(&emulator).await;
        // Some say nothing, some begin to.
        if number % 2 == 0 {
            stream.write_all(b"GET /ready HTTP/1.1\r\nhost: ").await.unwrap();
        }
        slow.push(stream);
        if number % 10 == 9 {
            for path in ["/health", "/ready"] {
                let answer = ask(
                    &emulator,
                    &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
                )
                .await;
                assert_eq!((answer.status, &answer.json()["status"]), (200, &"ok".into()));
            }
        }
    }
    let refused = ask(
        &emulator,
        "PUT /clock HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20\r\n\r\n",
    )
    .await;
    assert_eq!(
        (
            refused.status,
            refused.header("connection"),
            &refused.json()["error"]["code"]
        ),
        (503, Some("close"), &"TooManyConnections".into())
    );
    // The first eight have room for good; of those that came later the oldest ones had to go.
    let mut gone = slow.remove(8);
    let mut rest = Vec::new();
    let _ = timeout(AT_ONCE, gone.read_to_end(&mut rest))
        .await
        .expect("it was closed");
    assert!(rest.is_empty());
    let first = &mut slow[0];
    first.write_all(b"localhost\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(first).await.unwrap().status, 200);

    drop(slow);
    let served = async {
        while ask(&emulator, "GET /clock HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .status
            != 200
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(AT_ONCE, served).await.expect("there is room again");
}
