//! Bodies on their way in: a client that sends little or nothing costs the others nothing, and the total is bounded.

use std::{sync::Arc, time::Duration};

use hyper_util::rt::{TokioExecutor, TokioIo};
use lookoutvision_emulator::Emulator;
use tokio::{
    io::AsyncWriteExt,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::support::{
    Answer, Call, ONE_MODEL, connect, connect_http2, control, control_stream, emulator, emulator_with,
    read_answer,
};
#[cfg(target_os = "linux")]
use crate::{process::Process, support::connect_trusting};

const POLICY: &str = "/vpc-endpoints/vpce-00000000000000000/policy";

/// Far longer than anything here takes, and shorter than `body_room_timeout`: reaching it is a hang
const HANG: Duration = Duration::from_secs(20);

/// Far longer than an answer takes, and shorter than any limit of the emulator's that these tests leave alone
const AT_ONCE: Duration = Duration::from_secs(5);

/// The head of a DetectAnomalies with a body of 16 MiB and a signature that is made up
fn head_of_the_largest() -> Vec<u8> {
    let call = Call::detect("1").credentials("test", "wrong").to_bytes();
    let head = call
        .split(|byte| *byte == 0xff)
        .next()
        .expect("a JPEG begins with 0xff");
    let head = String::from_utf8(head.to_vec()).expect("a head is text");
    let (before, length) = head.split_once("content-length: ").expect("it has a length");
    let length = length.trim_end();
    assert!(length.parse::<usize>().is_ok(), "{length}");
    format!("{before}content-length: 16777216\r\n\r\n").into_bytes()
}

/// The control API and DetectAnomalies answer as if there was nobody else
#[track_caller]
fn nobody_waits(emulator: &Emulator) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let good = async {
            assert_eq!(Call::detect("1").send(emulator).await.status, 200, "{caller}");
            let full_access =
                r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
            for policy in [ONE_MODEL, full_access] {
                assert_eq!(
                    control(emulator, "PUT", POLICY, policy).await.status,
                    204,
                    "{caller}"
                );
            }
        };
        timeout(AT_ONCE, good)
            .await
            .unwrap_or_else(|_| panic!("{caller}: somebody waits"));
    }
}

#[tokio::test]
async fn silent_uploads_delay_nobody() {
    let emulator = emulator().await;
    let head = head_of_the_largest();
    let mut silent = Vec::new();
    for number in 0..40 {
        let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
        stream.write_all(&head).await.unwrap();
        // Some say a little more than nothing.
        stream.write_all(&vec![0; number]).await.unwrap();
        stream.flush().await.unwrap();
        silent.push(stream);
        if number == 3 || number == 39 {
            nobody_waits(&emulator).await;
        }
    }
    let policy = format!("PUT {POLICY} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048576\r\n\r\n ");
    let mut silent = Vec::new();
    for _ in 0..40 {
        let mut stream = control_stream(&emulator).await;
        stream.write_all(policy.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    nobody_waits(&emulator).await;
}

#[tokio::test]
async fn uploads_that_fill_all_their_room_delay_no_control_api() {
    let emulator = emulator().await;
    let head = head_of_the_largest();
    let mut halfway = Vec::new();
    for _ in 0..6 {
        let mut stream = connect(&emulator, emulator.address(), "localhost").await.unwrap();
        stream.write_all(&head).await.unwrap();
        // As much as the emulator takes
        let _ = timeout(Duration::from_millis(500), stream.write_all(&vec![0; 15_000_000])).await;
        halfway.push(stream);
    }
    let put = control(&emulator, "PUT", POLICY, ONE_MODEL);
    assert_eq!(
        timeout(AT_ONCE, put)
            .await
            .expect("it waits for no upload")
            .status,
        204
    );
}

async fn upload(emulator: &Emulator, request: &[u8]) -> Answer {
    let stream = connect(emulator, emulator.address(), "localhost").await;
    let mut stream = stream.expect("the emulator listens");
    let sent = stream.write_all(request).await;
    sent.expect("the connection is open");
    stream.flush().await.expect("the connection is open");
    read_answer(&mut stream).await.expect("it is answered")
}

#[tokio::test]
async fn every_upload_of_a_burst_is_answered() {
    let limits = "limits: {body_bytes_max: 1048576, in_flight_body_bytes_max: 4194304}";
    let emulator = Arc::new(emulator_with(limits).await);
    let request: Arc<[u8]> = Call::detect("1")
        .body("image/jpeg", &vec![0; 1_000_000])
        .to_bytes()
        .into();
    let mut uploads = JoinSet::new();
    for _ in 0..32 {
        let (emulator, request) = (emulator.clone(), request.clone());
        uploads.spawn(async move { upload(&emulator, &request).await });
    }
    while let Some(answer) = uploads.join_next().await {
        // It is no image, which is found out when all of it is there.
        answer.unwrap().check(400, "ValidationException");
    }
}

#[tokio::test]
async fn a_body_that_finds_no_room_is_refused_in_time() {
    let emulator = emulator_with(
        "limits: {body_bytes_max: 1048576, in_flight_body_bytes_max: 1048576, body_room_timeout_seconds: 1}",
    )
    .await;
    let large = Call::detect("1").body("image/jpeg", &vec![0; 1024 * 1024]);
    let announced = large.to_bytes();
    let mut first = connect(&emulator, emulator.address(), "localhost").await.unwrap();
    first.write_all(&announced[..announced.len() / 2]).await.unwrap();
    first.flush().await.unwrap();
    // While the first one has all the room there is, another one finds none, whether it says how long it is or not.
    // Until the first one was seen the others are judged by their bytes, which are no image.
    let head = String::from_utf8_lossy(&announced[..announced.len() - large.body.len()]).into_owned();
    let head = head.replace("content-length: 1048576", "transfer-encoding: chunked");
    let chunked = [head.as_bytes(), b"100000\r\n", &large.body, b"\r\n0\r\n\r\n"].concat();
    for request in [announced, chunked] {
        let refused = async {
            loop {
                let began = Instant::now();
                let answer = upload(&emulator, &request).await;
                if answer.status != 400 {
                    return (answer, began.elapsed());
                }
            }
        };
        let (answer, after) = timeout(AT_ONCE, refused).await.expect("nobody waits for ever");
        let message = answer.check(503, "ServiceUnavailableException");
        assert!(message.contains("in_flight_body_bytes_max"), "{message}");
        assert!(after > Duration::from_millis(900), "{after:?}");
    }
    drop(first);
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn over_http2_bodies_that_wait_for_room_do_not_keep_the_one_that_has_it_from_coming_in() {
    let emulator = emulator_with(
        "{http2: true, limits: {body_bytes_max: 1048576, in_flight_body_bytes_max: 2097152, http2_buffer_bytes_max: 65536}}",
    )
    .await;
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(connect_http2(&emulator, "localhost").await))
        .await
        .expect("the preface is sent");
    let connection = tokio::spawn(connection);
    let call = Call::detect("1").body("image/jpeg", &vec![0; 1_000_000]);
    let mut uploads = JoinSet::new();
    for _ in 0..7 {
        let (mut sender, request) = (sender.clone(), call.to_http2());
        uploads.spawn(async move { sender.send_request(request).await.expect("an answer").status() });
    }
    while let Some(status) = timeout(HANG, uploads.join_next()).await.expect("no hang") {
        assert_eq!(
            status.unwrap(),
            400,
            "it is no image, which is found out when all of it is there"
        );
    }
    connection.abort();
}

/// Bytes that a process has in memory, by a name of its `/proc/PID/status`
#[cfg(target_os = "linux")]
fn memory(process: &Process, name: &str) -> usize {
    let file = format!("/proc/{}/status", process.child.id());
    let status = std::fs::read_to_string(file).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.trim_start_matches(':').trim().strip_suffix(" kB"));
    let kibibytes = kibibytes.and_then(|number| number.parse::<usize>().ok());
    kibibytes.expect("a number of kB") * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_burst_of_large_bodies_takes_little_more_than_they_may_and_gives_it_back() {
    const MEBIBYTE: usize = 1024 * 1024;
    const IN_FLIGHT: usize = 64 * MEBIBYTE;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("emulator.yaml"), "").unwrap();
    let process = Process::start(folder.path());
    process.send(&Call::detect("1")).await.unwrap();
    let before = memory(&process, "VmRSS");

    let request: Arc<[u8]> = Call::detect("1")
        .body("image/jpeg", &vec![0; 8_000_000])
        .to_bytes()
        .into();
    let mut uploads = JoinSet::new();
    for _ in 0..64 {
        let (request, ca_pem, address) = (request.clone(), process.ca_pem.clone(), process.address);
        uploads.spawn(async move {
            let mut stream = connect_trusting(&ca_pem, address, "localhost", &[])
                .await
                .unwrap();
            stream.write_all(&request).await.unwrap();
            stream.flush().await.unwrap();
            read_answer(&mut stream).await.unwrap()
        });
    }
    while let Some(answer) = uploads.join_next().await {
        answer.unwrap().check(400, "ValidationException");
    }
    let peak = memory(&process, "VmHWM") - before;
    assert!(
        peak <= IN_FLIGHT * 13 / 10,
        "{} MiB more at the peak",
        peak / MEBIBYTE
    );
    // `body_memory_kept_bytes_max`, and what the allocator keeps of 64 connections.
    let kept = memory(&process, "VmRSS").saturating_sub(before);
    assert!(kept <= 32 * MEBIBYTE, "{} MiB more after it", kept / MEBIBYTE);
}

/// What a body is read into is larger than the body by far where it has many small values
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_body_of_millions_of_values_takes_no_more_than_its_bytes() {
    const MEBIBYTE: usize = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("emulator.yaml"), "").unwrap();
    let process = Process::start(folder.path());
    process.send(&Call::detect("1")).await.unwrap();
    let before = memory(&process, "VmRSS");

    let mut ec2 = Call::query("ec2", "DescribeVpcs", &[]);
    ec2.body.extend(b"&a=b".repeat(2_000_000));
    let answer = process.send(&ec2).await.unwrap();
    let message = answer.check_xml(413, "RequestEntityTooLarge");
    assert_eq!(
        message,
        "the call has more parameters than body_values_max (10000)"
    );
    let mut sts = Call::query("sts", "GetCallerIdentity", &[]);
    sts.body.extend(b"&a".repeat(4_000_000));
    let answer = process.send(&sts).await.unwrap();
    answer.check_xml(413, "RequestEntityTooLarge");
    for value in ["0,", "{},"] {
        let body = [
            r#"{"ProjectName":"x","y":["#,
            &value.repeat(8_000_000 / value.len()),
            "0]}",
        ];
        let call = Call::post(
            "/2020-11-20/projects",
            "application/json",
            body.concat().as_bytes(),
        );
        let message = process
            .send(&call)
            .await
            .unwrap()
            .check(400, "SerializationException");
        assert_eq!(
            message,
            "the request body has more than body_values_max (10000) values"
        );
    }
    let peak = memory(&process, "VmHWM") - before;
    assert!(peak <= 32 * MEBIBYTE, "{} MiB more at the peak", peak / MEBIBYTE);

    // What a call may need, a text of ten megabytes included, is taken.
    let tags: Vec<(String, String)> = (1..=1_000)
        .map(|n| (format!("ResourceId.{n}"), format!("vpce-{n:017x}")))
        .collect();
    let tags: Vec<(&str, &str)> = tags.iter().map(|(name, value)| (&**name, &**value)).collect();
    let answer = process
        .send(&Call::query("ec2", "CreateTags", &tags))
        .await
        .unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");
    let changes = format!(r#"{{"Changes":"{}"}}"#, ",".repeat(10_000_000));
    let mut update = Call::post(
        "/2020-11-20/projects/myProject/datasets/train/entries",
        "application/json",
        changes.as_bytes(),
    );
    update.method = "PATCH";
    let message = process.send(&update).await.unwrap().message();
    assert!(!message.contains("body_values_max"), "{message}");
}
