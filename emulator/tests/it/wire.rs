//! Bytes that no client should send: an answer or a close, never a hang, never a panic, and the next client is served.

use std::time::Duration;

use lookoutvision_emulator::Emulator;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{
    ANSWERS_LATE, Answer, Call, connect, control_stream, emulator, emulator_with, read_answer,
};

/// Far longer than any limit that these tests set: reaching it is a hang
const HANG: Duration = Duration::from_secs(60);

/// Sends bytes over TLS and reads what comes back; `None` is a close without an answer
async fn exchange(emulator: &Emulator, bytes: &[u8]) -> Option<Answer> {
    let mut stream = connect(emulator, emulator.address(), "localhost")
        .await
        .expect("a handshake");
    // The emulator may close while we are still writing.
    let _ = stream.write_all(bytes).await;
    timeout(HANG, read_answer(&mut stream))
        .await
        .expect("the emulator answers or closes")
        .ok()
}

async fn assert_alive(emulator: &Emulator) {
    assert_eq!(Call::detect("1").send(emulator).await.status, 200);
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_so() {
    let emulator = emulator().await;
    let mut stream = TcpStream::connect(emulator.address()).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let answer = timeout(HANG, read_answer(&mut stream))
        .await
        .expect("no hang")
        .unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("TLS"), "{answer:?}");
    assert_alive(&emulator).await;
}

#[tokio::test]
async fn a_truncated_tls_record_costs_one_connection() {
    let emulator = emulator_with("limits: {handshake_timeout_seconds: 1}").await;
    for bytes in [
        &b"\x16"[..],
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x16\x03\x01\xff\xff",
        &[0; 64],
        &[0xff; 4096],
    ] {
        let mut stream = TcpStream::connect(emulator.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        // A reset is a close, too.
        let _ = timeout(HANG, stream.read_to_end(&mut rest))
            .await
            .expect("the emulator closes");
    }
    assert_alive(&emulator).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let emulator = emulator_with("limits: {handshake_timeout_seconds: 1, idle_timeout_seconds: 1}").await;
    let mut silent = TcpStream::connect(emulator.address()).await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(HANG, silent.read_to_end(&mut rest))
        .await
        .expect("no handshake, no connection");

    let mut idle = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    idle.write_all(b"POST /2020-11-20/projects HTTP/1.1\r\nhost: loc")
        .await
        .unwrap();
    let _ = timeout(HANG, idle.read_to_end(&mut rest))
        .await
        .expect("a head that never ends ends");
    assert_alive(&emulator).await;
}

/// Sends the same request again and again and reads no answer, until nothing more can be sent; says why
async fn flood(mut stream: impl AsyncWrite + Unpin, request: &[u8]) -> std::io::Error {
    loop {
        if let Err(error) = stream.write_all(request).await {
            return error;
        }
    }
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_let_go() {
    let emulator = emulator_with("limits: {idle_timeout_seconds: 1}").await;
    let tls = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    let error = timeout(HANG, flood(tls, &Call::detect("1").to_bytes()))
        .await
        .expect("the connection ends");
    assert!(is_end_of_connection(&error), "{error}");

    let control_url = emulator.control_url();
    let control = control_url.strip_prefix("http://").expect("an http URL");
    let control = TcpStream::connect(control).await.unwrap();
    let request = b"GET /ca-bundle.pem HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let error = timeout(HANG, flood(control, request))
        .await
        .expect("the connection ends");
    assert!(is_end_of_connection(&error), "{error}");
    assert_alive(&emulator).await;
}

fn is_end_of_connection(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
    )
}

#[tokio::test]
async fn a_name_that_is_not_ours_gets_an_alert_and_no_certificate() {
    let emulator = emulator().await;
    for name in ["example.com", "s3.us-east-1.amazonaws.com", "amazonaws.com"] {
        let error = connect(&emulator, emulator.address(), name)
            .await
            .expect_err("there is no certificate");
        assert!(error.to_string().contains("UnrecognisedName"), "{name}: {error}");
    }
    assert_alive(&emulator).await;
}

#[tokio::test]
async fn a_length_of_two_gigabytes_is_refused_before_it_is_read() {
    let emulator = emulator().await;
    let mut call = Call::detect("1").to_bytes();
    let text = String::from_utf8_lossy(&call).into_owned();
    let length = text
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next())
        .unwrap();
    let lie = text.replace(&format!("content-length: {length}"), "content-length: 2147483648");
    call = lie
        .split("\r\n\r\n")
        .next()
        .map(|head| format!("{head}\r\n\r\n").into_bytes())
        .unwrap();
    call.extend_from_slice(&[0; 1024]);
    let emulator_slow = emulator_with("limits: {body_timeout_seconds: 1}").await;
    for emulator in [&emulator_slow] {
        let answer = exchange(emulator, &call).await.expect("an answer");
        answer.check(413, "RequestEntityTooLargeException");
        assert_alive(emulator).await;
    }
    assert_alive(&emulator).await;
}

#[tokio::test]
async fn a_chunk_that_lies_is_refused() {
    let emulator = emulator_with("limits: {body_timeout_seconds: 1}").await;
    let signed = String::from_utf8_lossy(&Call::detect("1").body("image/jpeg", b"x").to_bytes()).into_owned();
    let head = signed
        .split("\r\n\r\n")
        .next()
        .unwrap()
        .replace("content-length: 1", "transfer-encoding: chunked");
    for chunks in [
        "zz\r\n",
        "ffffffffffffffffff\r\nx",
        "5\r\nabc\r\n0\r\n\r\n",
        "100\r\nonly this",
    ] {
        let answer = exchange(&emulator, format!("{head}\r\n\r\n{chunks}").as_bytes()).await;
        assert!(
            answer.is_none_or(|answer| (400..500).contains(&answer.status)),
            "{chunks}"
        );
    }
    assert_alive(&emulator).await;
}

/// RFC 9112, section 6.1. What stands before `chunked` would have to be undone, and nobody here does.
#[tokio::test]
async fn a_transfer_coding_that_nobody_undoes_is_not_implemented() {
    let emulator = emulator().await;
    let head = |call: Call, coding: &str| {
        let bytes = call.to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        let (head, _) = text.split_once("content-length: ").expect("it has a length");
        format!("{head}{coding}\r\n")
    };
    let chunked = "2\r\n{}\r\n0\r\n\r\n";
    for coding in [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ] {
        let call = Call::post("/2020-11-20/projects", "application/json", b"{}");
        let request = format!("{}{chunked}", head(call, coding));
        let answer = exchange(&emulator, request.as_bytes()).await.expect("an answer");
        let message = answer.check(501, "NotImplementedException");
        assert!(message.contains("`chunked` once"), "{message}");

        let call = Call::query("sts", "GetCallerIdentity", &[]);
        let request = format!("{}{chunked}", head(call, coding));
        let mut stream = connect(&emulator, emulator.address(), "sts.us-west-2.amazonaws.com")
            .await
            .expect("a handshake");
        stream.write_all(request.as_bytes()).await.expect("it is open");
        let answer = read_answer(&mut stream).await.expect("an answer");
        answer.check_xml(501, "NotImplemented");

        let mut stream = control_stream(&emulator).await;
        let request = format!("POST /reset HTTP/1.1\r\nhost: localhost\r\n{coding}\r\n{chunked}");
        stream.write_all(request.as_bytes()).await.expect("it is open");
        let answer = read_answer(&mut stream).await.expect("an answer");
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (501, &"TransferCodingNotImplemented".into())
        );
    }
    let entries = crate::support::journal_of(&emulator).await;
    assert_eq!(entries.len(), 10);
    assert!(entries.iter().all(|entry| entry["status"] == 501), "{entries:?}");
    // The one that there is, however it is spelled
    let call = Call::detect("1");
    let body = format!("{:x}\r\n", call.body.len());
    let body = [body.as_bytes(), &call.body, b"\r\n0\r\n\r\n"].concat();
    let head = head(call, "transfer-encoding: Chunked\r\n");
    let answer = exchange(&emulator, &[head.as_bytes(), &body].concat()).await;
    assert_eq!(answer.expect("an answer").status, 200);
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_refused() {
    let emulator = emulator().await;
    let many: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let large = format!("x-large: {}\r\n", "x".repeat(1_000_000));
    for headers in [many, large] {
        let answer = exchange(
            &emulator,
            format!("GET / HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes(),
        )
        .await;
        assert_eq!(answer.expect("an answer").status, 431);
    }
    assert_alive(&emulator).await;
}

/// A head of so many bytes, its empty line among them
fn head_of(bytes: usize) -> Vec<u8> {
    let start = "GET / HTTP/1.1\r\nhost: localhost\r\nx-large: ";
    let end = "\r\n\r\n";
    let filler = "x".repeat(bytes - start.len() - end.len());
    format!("{start}{filler}{end}").into_bytes()
}

#[tokio::test]
async fn a_head_is_as_large_as_header_bytes_max_and_not_a_byte_larger() {
    let largest = "limits: {header_bytes_max: 8192}";
    for (yaml, header_bytes_max) in [("", 65_536), (largest, 8_192)] {
        let emulator = emulator_with(yaml).await;
        // Whether it comes in at once or in pieces, and whatever comes after it: unsigned, it is refused as such.
        for (piece, after) in [(usize::MAX, 0), (usize::MAX, 50_000), (1_000, 0), (1_000, 50_000)] {
            for (bytes, status) in [
                (header_bytes_max, 403),
                (header_bytes_max + 1, 431),
                (header_bytes_max + 20_000, 431),
            ] {
                let mut request = head_of(bytes);
                request.resize(bytes + after, b'x');
                let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
                for piece in request.chunks(piece.min(request.len())) {
                    // The emulator may close while we are still writing.
                    if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                        break;
                    }
                }
                let answer = timeout(HANG, read_answer(&mut stream)).await.expect("no hang");
                let found = answer.map(|answer| answer.status).ok();
                assert_eq!(
                    found,
                    Some(status),
                    "{bytes} bytes in pieces of {piece}, {after} more"
                );
            }
        }
    }
}

#[tokio::test]
async fn odd_paths_are_answered() {
    let emulator = emulator().await;
    for (target, status) in [
        ("/2020-11-20/../../etc/passwd", 400),
        ("/%zz", 400),
        ("/%", 400),
        ("/a?x=%g1", 400),
        ("/a/../b", 403),
        ("//", 403),
        ("/%2e%2e/%2F", 403),
        ("*", 403),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = exchange(&emulator, request.as_bytes()).await;
        let found = answer.map(|answer| answer.status);
        assert!(
            found == Some(status) || (target == "*" && found == Some(400)),
            "{target}: {found:?}"
        );
    }
    assert_alive(&emulator).await;
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let emulator = emulator().await;
    for (bytes, status) in [
        (&b"\0\0\0\0\r\n\r\n"[..], Some(400)),
        (b"GET\r\n\r\n", Some(400)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(400)),
        // Empty lines before a request that does not come (RFC 9112, section 2.2)
        (b"\r\n\r\n\r\n\r\n", None),
    ] {
        let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = timeout(HANG, read_answer(&mut stream)).await.expect("no hang");
        assert_eq!(answer.ok().map(|answer| answer.status), status, "{bytes:?}");
    }
    assert_alive(&emulator).await;
}

#[tokio::test]
async fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let emulator = emulator().await;
    let body = vec![0; 3 * 1024 * 1024];
    let answer = Call::detect("1")
        .credentials("AKIDNOBODY", "x")
        .body("image/jpeg", &body)
        .send(&emulator)
        .await;
    answer.check(403, "UnrecognizedClientException");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let emulator = emulator().await;
    let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    for model in ["1", "nosuch", "myModel", "1"] {
        stream.write_all(&Call::detect(model).to_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!(answer.status, if model == "nosuch" { 400 } else { 200 });
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_is_journaled_without_a_status() {
    let emulator = emulator().await;
    let bytes = Call::detect("1").to_bytes();
    let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 100]).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    let entries = timeout(HANG, async {
        loop {
            let entries = crate::support::journal_of(&emulator).await;
            if !entries.is_empty() {
                return entries;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the entry is closed");
    let status = &entries[0]["status"];
    // Broken off: either nobody was there to be answered, or the answer said that the body broke off.
    assert!(status == &Value::Null || status == 400, "{entries:?}");
}

#[tokio::test]
async fn a_full_journal_forgets_the_oldest_and_counts_them() {
    let emulator = emulator_with("limits: {journal_entries_max: 2}").await;
    for model in ["1", "myModel", "1"] {
        Call::detect(model).send(&emulator).await;
    }
    let targets: Vec<_> = crate::support::journal_of(&emulator)
        .await
        .iter()
        .map(|entry| entry["target"].clone())
        .collect();
    assert_eq!(targets.len(), 2);
    assert!(
        targets[0]
            .as_str()
            .is_some_and(|target| target.contains("myModel"))
    );
}

#[tokio::test]
async fn stopping_lets_a_request_in_flight_finish() {
    let emulator = emulator_with(ANSWERS_LATE).await;
    let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    stream.write_all(&Call::detect("1").to_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let address = emulator.address();
    let (answer, ()) = tokio::join!(read_answer(&mut stream), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        emulator.stop().await;
    });
    assert_eq!(answer.unwrap().status, 200);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing listens any more"
    );
}
