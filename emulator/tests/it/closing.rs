//! Answers that end a connection: they say so, and a client that is still sending can read them.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lookoutvision_emulator::Emulator;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::support::{
    Answer, Call, connect, connect_http2, control_stream, emulator, emulator_with, read_answer,
};

/// Far longer than any limit that these tests set: reaching it is a hang
const HANG: Duration = Duration::from_secs(60);

/// Sends all of it whatever comes back, as many clients do, and reads until the other side closes
///
/// Nobody is reset: neither is writing an error nor is reading.
#[track_caller]
fn send_whole(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    bytes: Vec<u8>,
) -> impl Future<Output = Answer> {
    let caller = std::panic::Location::caller();
    async move {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let sent = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        let read = async {
            let answer = read_answer(&mut reader).await?;
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).await?;
            assert!(rest.is_empty(), "{caller}: after the answer: {rest:?}");
            Ok::<_, std::io::Error>(answer)
        };
        let both = async { tokio::join!(sent, read) };
        let (sent, answer) = timeout(HANG, both)
            .await
            .unwrap_or_else(|_| panic!("{caller}: the emulator neither reads nor closes"));
        sent.unwrap_or_else(|error| panic!("{caller}: while sending: {error}"));
        let answer = answer.unwrap_or_else(|error| panic!("{caller}: while reading: {error}"));
        assert_eq!(answer.header("connection"), Some("close"), "{caller}: {answer:?}");
        answer
    }
}

async fn over_tls(emulator: &Emulator, bytes: Vec<u8>) -> Answer {
    let stream = connect(emulator, emulator.address(), "localhost").await;
    send_whole(stream.expect("the emulator listens"), bytes).await
}

/// A signed DetectAnomalies with a body of so many bytes
fn large(bytes: usize) -> Call {
    Call::detect("1").body("image/jpeg", &vec![0; bytes])
}

/// The same whose body is not the one that was signed, which saves the time to hash it
fn too_large(bytes: usize) -> Vec<u8> {
    let signed = String::from_utf8(large(1).to_bytes()).expect("its one byte is text");
    let head = signed.trim_end_matches('\0');
    let mut request = head
        .replace("content-length: 1", &format!("content-length: {bytes}"))
        .into_bytes();
    request.resize(request.len() + bytes, 0);
    request
}

/// A request with one more line in its head
fn with_field(bytes: &[u8], field: &str) -> Vec<u8> {
    let end_of_first_line = bytes
        .windows(2)
        .position(|window| window == b"\r\n")
        .expect("a request has a first line")
        + 2;
    let (first_line, rest) = bytes.split_at(end_of_first_line);
    [first_line, field.as_bytes(), b"\r\n", rest].concat()
}

/// A request whose body of so many bytes comes as chunks of a megabyte
fn chunked(bytes: &[u8], body_bytes: usize) -> Vec<u8> {
    let (head, body) = bytes.split_at(bytes.len() - body_bytes);
    let head = String::from_utf8(head.to_vec()).expect("a head is text");
    let length = format!("content-length: {}", body.len());
    let mut request = head.replace(&length, "transfer-encoding: chunked").into_bytes();
    for chunk in body.chunks(1024 * 1024) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn a_body_too_large_is_refused_and_read_to_its_end() {
    let emulator = emulator().await;
    for bytes in [20_000_000, 60_000_000] {
        let answer = over_tls(&emulator, too_large(bytes)).await;
        answer.check(413, "RequestEntityTooLargeException");
    }
    let answer = over_tls(&emulator, chunked(&too_large(40_000_000), 40_000_000)).await;
    answer.check(413, "RequestEntityTooLargeException");
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn who_waits_for_leave_to_send_a_body_is_refused_without_it() {
    let emulator = emulator().await;
    let nobody = large(100_000).credentials("AKIDNOBODY", "x").to_bytes();
    for (request, body_bytes, status, error_type) in [
        (nobody, 100_000, 403, "UnrecognizedClientException"),
        (
            too_large(17_000_000),
            17_000_000,
            413,
            "RequestEntityTooLargeException",
        ),
    ] {
        let request = with_field(&request, "Expect: 100-continue");
        // It sends the body all the same, or does not.
        for bytes in [request.len(), request.len() - body_bytes] {
            let answer = over_tls(&emulator, request[..bytes].to_vec()).await;
            answer.check(status, error_type);
        }
    }
    // Whoever may send it is told to, and the connection goes on.
    let call = large(100_000);
    let request = with_field(&call.to_bytes(), "Expect: 100-continue");
    let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    let (head, body) = request.split_at(request.len() - call.body.len());
    stream.write_all(head).await.unwrap();
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body).await.unwrap();
    let answer = read_answer(&mut stream).await.unwrap();
    answer.check(400, "ValidationException");
    assert_eq!(answer.header("connection"), None);
}

#[tokio::test]
async fn a_body_that_is_not_a_bodys_ends_the_connection() {
    let emulator = emulator().await;
    let call = large(1).to_bytes();
    let head = with_field(&call[..call.len() - 1], "transfer-encoding: chunked");
    let broken = [head, b"not a chunk\r\n".to_vec(), vec![b'x'; 3_000_000]].concat();
    let answer = over_tls(&emulator, broken).await;
    answer.check(400, "RequestAbortedException");
}

#[tokio::test]
async fn a_body_that_stands_still_ends_the_connection() {
    let emulator = emulator_with("limits: {body_idle_timeout_seconds: 1}").await;
    let call = large(1_000_000);
    let request = call.to_bytes();
    for bytes in [request.len() - call.body.len(), request.len() - 1] {
        let began = Instant::now();
        let answer = over_tls(&emulator, request[..bytes].to_vec()).await;
        let message = answer.check(408, "RequestTimeoutException");
        assert!(message.contains("body_idle_timeout (1 s)"), "{message}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    // So does one that nobody wants.
    let nobody = large(1_000_000).credentials("AKIDNOBODY", "x").to_bytes();
    let answer = over_tls(&emulator, nobody[..nobody.len() - 1].to_vec()).await;
    answer.check(403, "UnrecognizedClientException");
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_answered_with_a_body_and_journaled() {
    let emulator = emulator().await;
    let large = format!(
        "GET /2020-11-20/projects HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "x".repeat(5_000_000)
    );
    let many: String = (0..101)
        .map(|number| format!("x-{number}: {number}\r\n"))
        .collect();
    let many = format!("GET /2020-11-20/projects HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    let cases = [
        (
            large.as_str(),
            431,
            "RequestHeaderFieldsTooLargeException",
            "GET",
            "/2020-11-20/projects",
        ),
        (
            &many,
            431,
            "RequestHeaderFieldsTooLargeException",
            "GET",
            "/2020-11-20/projects",
        ),
        (
            "GET /a b c HTTP/1.1\r\n\r\n",
            400,
            "MalformedHttpRequestException",
            "GET",
            "/a",
        ),
        (
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            400,
            "MalformedHttpRequestException",
            "GET",
            "/",
        ),
        ("\0\0\r\n\r\n", 400, "MalformedHttpRequestException", "-", "-"),
        (
            "GET / HTTP/9.9\r\n\r\n",
            400,
            "MalformedHttpRequestException",
            "GET",
            "/",
        ),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            400,
            "MalformedHttpRequestException",
            "PRI",
            "*",
        ),
        // It was taken apart before it was found wrong.
        (
            "GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            400,
            "MalformedHttpRequestException",
            "-",
            "-",
        ),
    ];
    for (request, status, error_type, _, _) in cases {
        let answer = over_tls(&emulator, request.as_bytes().to_vec()).await;
        let message = answer.check(status, error_type);
        assert!(message.contains("head"), "{message}");
        assert!(answer.header("x-amzn-requestid").is_some() && answer.header("date").is_some());
    }
    let entries = crate::support::journal_of(&emulator).await;
    assert_eq!(entries.len(), cases.len());
    for ((request, status, error_type, method, target), entry) in cases.iter().zip(&entries) {
        let request = &request[..request.len().min(60)];
        assert_eq!(entry["status"], *status, "{request}: {entry}");
        assert_eq!(entry["error_code"], *error_type, "{request}: {entry}");
        assert_eq!(
            (&entry["method"], &entry["target"]),
            (&(*method).into(), &(*target).into())
        );
        assert!(entry["message"].is_string(), "{request}: {entry}");
    }
}

#[tokio::test]
async fn an_unreadable_head_behind_an_answered_request_is_answered_after_it() {
    let emulator = emulator().await;
    let request = [&Call::detect("1").to_bytes()[..], b"GARBAGE\r\n\r\n"].concat();
    let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    stream.write_all(&request).await.unwrap();
    let mut answers = Vec::new();
    timeout(HANG, stream.read_to_end(&mut answers))
        .await
        .expect("no hang")
        .unwrap();
    let answers = String::from_utf8(answers).expect("answers are text");
    let heads: Vec<_> = answers
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answers[at..at + 12])
        .collect();
    assert_eq!(heads, ["HTTP/1.1 200", "HTTP/1.1 400"], "{answers}");
    assert_eq!(crate::support::journal_of(&emulator).await.len(), 2);
}

#[tokio::test]
async fn an_unreadable_head_behind_an_answer_in_many_pieces_is_answered_after_it() {
    let emulator = emulator().await;
    // Each entry has what an answer of the HTTP library begins with.
    for _ in 0..300 {
        let target = format!("/HTTP/1.1%20400%20Bad%20Request/{}", "x".repeat(900));
        Call::get(&target).send(&emulator).await;
    }
    let mut stream = control_stream(&emulator).await;
    let request = b"GET /requests HTTP/1.1\r\nhost: localhost\r\n\r\nGARBAGE\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answers = Vec::new();
    timeout(HANG, stream.read_to_end(&mut answers))
        .await
        .expect("no hang")
        .unwrap();
    let answers = String::from_utf8(answers).expect("answers are text");
    assert!(answers.starts_with("HTTP/1.1 200 OK\r\n"), "{answers}");
    assert!(
        answers.contains("transfer-encoding: chunked"),
        "it comes in one piece"
    );
    let (list, refused) = answers.split_once("\r\n0\r\n\r\n").expect("the list has an end");
    assert_eq!(list.matches("\"request_id\"").count(), 300);
    assert!(refused.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{refused}");
    assert!(refused.contains("MalformedHead"), "{refused}");
}

#[tokio::test]
async fn the_control_api_ends_connections_in_the_same_way() {
    let emulator = emulator_with("limits: {body_idle_timeout_seconds: 1}").await;
    let put = |length: usize, body: usize| {
        let head = format!(
            "PUT /vpc-endpoints/vpce-00000000000000000/policy HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), &vec![b' '; body]].concat()
    };
    let large_head = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'x'; 5_000_000]].concat();
    for (request, status, code) in [
        (put(26_000_000, 26_000_000), 413, "BodyTooLarge"),
        (put(1_000, 0), 408, "BodyTimeout"),
        (large_head, 431, "HeadTooLarge"),
        (
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n".to_vec(),
            400,
            "MalformedHead",
        ),
    ] {
        let answer = send_whole(control_stream(&emulator).await, request).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (status, &code.into())
        );
    }
    // A body that nobody asked for does not end the connection, unless it is too long to be read first.
    for (length, connection) in [(3_000_000, None), (26_000_000, Some("close"))] {
        let head = format!("POST /reset HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        let mut stream = control_stream(&emulator).await;
        stream
            .write_all(&[head.as_bytes(), &vec![0; length]].concat())
            .await
            .unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (204, connection));
    }
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_so_while_it_is_still_sending() {
    let emulator = emulator().await;
    let stream = TcpStream::connect(emulator.address()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000000\r\n\r\n".to_vec();
    let answer = send_whole(stream, [head, vec![0; 5_000_000]].concat()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_goes_on_for_ever_is_let_go() {
    let by_time = "linger_timeout_seconds: 1, body_idle_timeout_seconds: 60";
    let by_size = "linger_bytes_max: 1000000";
    let by_silence = "body_idle_timeout_seconds: 1";
    for (limits, keeps_sending) in [
        (by_time, true),
        (by_time, false),
        (by_size, true),
        (by_silence, false),
    ] {
        let emulator = emulator_with(&format!("limits: {{connections_max: 1, {limits}}}")).await;
        let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
        let answered = Instant::now();
        let sending = async {
            while keeps_sending && stream.write_all(&[0; 1000]).await.is_ok() {
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        };
        // There is room for one connection alone, so another one is served when this one is gone.
        let another = async {
            let call = Call::detect("1");
            while call.send_to(emulator.ca_pem(), emulator.address()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        let gone = timeout(HANG, async {
            tokio::select! {
                () = sending => unreachable!("it never ends"),
                () = another => {}
            }
        });
        gone.await
            .unwrap_or_else(|_| panic!("{limits}: it is still read"));
        if limits != by_size {
            assert!(
                answered.elapsed() > Duration::from_millis(900),
                "{limits}: {:?}",
                answered.elapsed()
            );
        }
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_client_that_goes_on_for_ever() {
    let emulator = emulator().await;
    let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 403);
    let began = Instant::now();
    emulator.stop().await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn over_http2_only_the_stream_ends() {
    let emulator = emulator_with("http2: true").await;
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(connect_http2(&emulator, "localhost").await))
        .await
        .expect("the preface is sent");
    let requests = async {
        for (bytes, status) in [(26_000_000, 413), (1_000, 400), (26_000_000, 413)] {
            sender.ready().await.expect("the connection goes on");
            // The larger ones are refused before it is known that another body was signed.
            let request = large(1_000)
                .to_http2()
                .map(|_| Full::<bytes::Bytes>::from(vec![0; bytes]));
            let answer = sender.send_request(request).await.expect("an answer");
            assert_eq!(answer.status().as_u16(), status);
            assert!(!answer.headers().contains_key("connection"));
            let body = answer
                .into_body()
                .collect()
                .await
                .expect("a whole body")
                .to_bytes();
            assert!(body.starts_with(b"{"), "{body:?}");
        }
    };
    tokio::select! {
        () = requests => {}
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}

#[tokio::test]
async fn a_head_too_large_over_http2_is_answered_with_a_body_and_journaled() {
    let emulator = emulator_with("http2: true").await;
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(connect_http2(&emulator, "localhost").await))
        .await
        .expect("the preface is sent");
    let requests = async {
        // `:method GET`, `:scheme https`, `:authority localhost`, `:path /`, and the field itself, each with 32 more.
        let others = 10 + 12 + 19 + 6 + 1 + 5 * 32;
        for (bytes, status) in [(65_536, 403), (65_537, 431), (200_000, 431)] {
            sender.ready().await.expect("the connection goes on");
            let request = http::Request::get("https://localhost/")
                .header("x", "x".repeat(bytes - others))
                .body(Full::<bytes::Bytes>::default())
                .unwrap();
            let answer = sender.send_request(request).await.expect("an answer");
            assert_eq!(answer.status().as_u16(), status, "{bytes}");
            let body = answer
                .into_body()
                .collect()
                .await
                .expect("a whole body")
                .to_bytes();
            assert!(body.starts_with(b"{\"message\":"), "{body:?}");
        }
    };
    tokio::select! {
        () = requests => {}
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
    assert_eq!(crate::support::journal_of(&emulator).await.len(), 3);
}
