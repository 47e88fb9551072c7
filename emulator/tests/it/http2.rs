//! HTTP/2, where it is offered: the same answers, and connections that end when there are no more requests.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use lookoutvision_emulator::Emulator;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;

use crate::support::{ANSWERS_LATE, Call, connect_http2, emulator_with};

/// Far longer than any limit that these tests set: reaching it is a hang
const HANG: Duration = Duration::from_secs(60);

/// Model 1 answers after three times and a half the time that an idle connection is kept, model 2 at once
const SHORT_IDLE_TIMEOUT: &str = r#"
http2: true
limits: {idle_timeout_seconds: 1}
projects:
  - name: myProject
    models:
      - version: "1"
        status: HOSTED
        detect_anomalies: [{then: {is_anomalous: false, confidence: 0.9, delay_milliseconds: 3500}}]
      - version: "2"
        status: HOSTED
        detect_anomalies: [{then: {is_anomalous: false, confidence: 0.9}}]
"#;

type Sender = SendRequest<Full<Bytes>>;
type ClientConnection = Connection<TokioIo<TlsStream<TcpStream>>, Full<Bytes>, TokioExecutor>;

/// A client that answers pings and sends ten a second of its own
async fn client(emulator: &Emulator) -> (Sender, ClientConnection) {
    Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_millis(100)))
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(connect_http2(emulator, "localhost").await))
        .await
        .expect("the preface is sent")
}

/// Status of the answer, after its body has come to its end
async fn status(sender: &mut Sender, model: &str) -> u16 {
    sender.ready().await.expect("the connection takes requests");
    let answer = sender
        .send_request(Call::detect(model).to_http2())
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("a whole body");
    status
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_whatever_it_pings() {
    let emulator = emulator_with(SHORT_IDLE_TIMEOUT).await;
    let (_sender, connection) = client(&emulator).await;
    let began = Instant::now();
    timeout(HANG, connection)
        .await
        .expect("the emulator closes")
        .expect("it says so before");
    assert!(
        began.elapsed() > Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_request_longer_than_the_idle_timeout_is_answered_and_another_one_after_it() {
    let emulator = emulator_with(SHORT_IDLE_TIMEOUT).await;
    let (mut sender, connection) = client(&emulator).await;
    let requests = async {
        assert_eq!(status(&mut sender, "1").await, 200);
        assert_eq!(status(&mut sender, "2").await, 200);
        // The connection ends while its client still has a use for it.
        pending::<()>().await;
    };
    tokio::select! {
        () = requests => {}
        closed = timeout(HANG, connection) => closed.expect("the emulator closes").expect("it says so before"),
    }
    assert_eq!(crate::support::journal_of(&emulator).await.len(), 2);
}

#[tokio::test]
async fn a_client_that_agrees_on_http2_and_says_nothing_is_let_go() {
    let emulator = emulator_with(SHORT_IDLE_TIMEOUT).await;
    let mut silent = connect_http2(&emulator, "localhost").await;
    // A close without a word is a close, too.
    let _ = timeout(HANG, silent.read_to_end(&mut Vec::new()))
        .await
        .expect("the emulator closes");
}

#[tokio::test]
async fn stopping_lets_a_request_in_flight_finish() {
    let emulator = emulator_with(&format!("http2: true\n{ANSWERS_LATE}")).await;
    let (mut sender, connection) = client(&emulator).await;
    let (status, closed, ()) = tokio::join!(status(&mut sender, "1"), connection, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        emulator.stop().await;
    });
    assert_eq!(status, 200);
    closed.expect("it says so before");
}

#[tokio::test]
async fn requests_that_a_stop_cuts_off_are_counted_one_by_one() {
    let late = ANSWERS_LATE.replace("300", "600000");
    let emulator = emulator_with(&format!(
        "http2: true\nlimits: {{shutdown_timeout_seconds: 0}}\n{late}"
    ))
    .await;
    let (mut sender, connection) = client(&emulator).await;
    let connection = tokio::spawn(connection);
    let mut waiting = Vec::new();
    for _ in 0..2 {
        sender.ready().await.expect("the connection takes requests");
        waiting.push(tokio::spawn(sender.send_request(Call::detect("1").to_http2())));
    }
    // Heads are read in their order, so those before it were read when this one is answered.
    assert_eq!(status(&mut sender, "2").await, 404);
    assert_eq!(emulator.stop().await, 2);
    for request in waiting {
        assert!(request.await.expect("nobody panicked").is_err());
    }
    // Cut off or told so: it is over either way.
    let _ = timeout(HANG, connection).await.expect("the connection ends");
}
