//! Faults of the connection and of the handshake, as a client's socket and its TLS see them.

use std::{io::ErrorKind, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lookoutvision_emulator::{Emulator, Fault, FaultStage, TlsFault};
use rustls::{CertificateError, pki_types::ServerName};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;

use crate::support::{
    Answer, Call, connect_http2, connect_trusting, control, emulator, emulator_with, journal_of, read_answer,
};

/// Far longer than anything here takes: reaching it is a hang
const HANG: Duration = Duration::from_secs(60);

async fn with(fault: Fault) -> Emulator {
    let emulator = emulator().await;
    emulator.add_fault(fault).expect("a fault");
    emulator
}

async fn call(emulator: &Emulator) -> std::io::Result<Answer> {
    let call = Call::detect("1");
    timeout(HANG, call.send_to(emulator.ca_pem(), emulator.address()))
        .await
        .expect("it comes to an end")
}

async fn last_entry(emulator: &Emulator) -> Value {
    journal_of(emulator).await.pop().expect("there is an entry")
}

/// A connection on which a call has been sent whose answer nobody has read
async fn asked(emulator: &Emulator) -> TlsStream<TcpStream> {
    let mut stream = connect_trusting(emulator.ca_pem(), emulator.address(), "localhost", &[])
        .await
        .expect("TLS");
    stream
        .write_all(&Call::detect("1").to_bytes())
        .await
        .expect("it is sent");
    stream
}

/// Bytes of the answer that has met no fault
async fn whole(emulator: &Emulator) -> usize {
    let listing = Call::detect("myModel").send(emulator).await;
    listing.body.len()
}

fn is_reset(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset
}

/// A TCP connection through which a handshake is made, so that what ends it can be told: TLS hides whether it was an RST
async fn raw_end(emulator: &Emulator, call: &Call) -> std::io::Result<usize> {
    let mut stream = connect_trusting(emulator.ca_pem(), emulator.address(), "localhost", &[]).await?;
    stream.write_all(&call.to_bytes()).await?;
    stream.flush().await?;
    let (tcp, _) = stream.get_mut();
    let mut bytes = Vec::new();
    timeout(HANG, tcp.read_to_end(&mut bytes)).await.expect("it ends")
}

#[tokio::test]
async fn a_reset_is_an_rst_and_no_byte_of_the_answer_comes_before_it() {
    let emulator = with(Fault::reset("cut").times(2)).await;
    let error = call(&emulator).await.expect_err("there is no answer");
    assert!(is_reset(&error), "{error:?}");
    // Beneath TLS the very same: ECONNRESET, and not the end of the stream.
    let error = raw_end(&emulator, &Call::detect("1"))
        .await
        .expect_err("no end, but a reset");
    assert!(is_reset(&error), "{error:?}");

    let entry = last_entry(&emulator).await;
    assert_eq!((&entry["status"], &entry["fault"]), (&Value::Null, &json!("cut")));
    assert_eq!(
        (&entry["operation"], &entry["decision"]),
        (&json!("DetectAnomalies"), &json!("allowed"))
    );
    assert_eq!(call(&emulator).await.expect("it is spent").status, 200);
}

#[tokio::test]
async fn a_close_ends_tls_and_tcp_in_order() {
    let emulator = with(Fault::close("closed")).await;
    let mut stream = asked(&emulator).await;
    let mut bytes = Vec::new();
    // rustls calls an end of TCP without the end of TLS an error.
    let count = timeout(HANG, stream.read_to_end(&mut bytes))
        .await
        .expect("it ends")
        .expect("in order");
    assert_eq!(count, 0);
    assert_eq!(last_entry(&emulator).await["status"], Value::Null);
}

#[tokio::test]
async fn an_answer_is_cut_after_so_many_bytes_of_its_body() {
    let emulator = emulator().await;
    let length = whole(&emulator).await;
    for (fault, expected) in [
        (Fault::truncate("half"), length / 2),
        (Fault::truncate("ten").after_bytes(10), 10),
        (Fault::truncate("head").after_bytes(0), 0),
        (Fault::truncate("beyond").after_bytes(1_000_000), length - 1),
        (Fault::close("closed").after_bytes(7), 7),
    ] {
        emulator.set_faults([fault.clone()]).expect("a fault");
        let answer = call(&emulator).await.expect("a head and a part");
        let name = emulator.faults()[0].name.clone();
        assert_eq!((answer.status, answer.body.len()), (200, expected), "{fault:?}");
        assert_eq!(
            answer.header("content-length"),
            Some(&*length.to_string()),
            "{fault:?}"
        );
        assert_eq!(answer.header("x-lookoutvision-emulator-fault"), Some(&*name));
        let entry = last_entry(&emulator).await;
        assert_eq!((&entry["status"], &entry["fault"]), (&Value::Null, &json!(name)));
    }
    emulator
        .set_faults([Fault::reset("cut").after_bytes(5)])
        .expect("a fault");
    let mut stream = asked(&emulator).await;
    let mut bytes = Vec::new();
    let error = timeout(HANG, stream.read_to_end(&mut bytes))
        .await
        .expect("it ends")
        .expect_err("by a reset");
    assert!(is_reset(&error), "{error:?}");
    let head_end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("the head is there");
    assert_eq!(bytes.len() - head_end - 4, 5);
}

/// A model whose answers have a mask, which makes them long
const LONG_ANSWERS: &str = r##"
projects:
  - name: myProject
    models:
      - version: "1"
        detect_anomalies:
          - then:
              is_anomalous: true
              confidence: 0.97
              anomalies: [{name: scratch, color: "#23A436", regions: [{x: 0.1, y: 0.2, width: 0.3, height: 0.05}]}]
"##;

#[tokio::test]
async fn a_slow_answer_comes_at_its_rate() {
    // So long that a tenth of it is more than a busy machine is late by; all at the same time.
    let rates = [3_u64, 4, 5].map(async |seconds| {
        let emulator = emulator_with(LONG_ANSWERS).await;
        let length = whole(&emulator).await;
        let bytes_per_second = length as u64 / seconds;
        emulator
            .set_faults([Fault::slow("slow", bytes_per_second)])
            .expect("a fault");
        let mut stream = asked(&emulator).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        let began = Instant::now();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("all of it comes");
        let rate = length as f64 / began.elapsed().as_secs_f64() / bytes_per_second as f64;
        assert!(
            (0.9..=1.1).contains(&rate),
            "{rate} of {bytes_per_second} bytes a second"
        );
        let entry = last_entry(&emulator).await;
        assert_eq!((&entry["status"], &entry["fault"]), (&json!(200), &json!("slow")));
    });
    futures_util::future::join_all(rates).await;
    let emulator = emulator().await;
    let length = whole(&emulator).await;
    // After so many bytes at once.
    emulator
        .set_faults([Fault::slow("slow", 1).after_bytes(length as u64 - 1)])
        .expect("a fault");
    assert_eq!(call(&emulator).await.expect("an answer").body.len(), length);
}

#[tokio::test]
async fn a_stall_ends_after_its_time_or_with_its_fault_and_holds_nothing_then() {
    let emulator = emulator_with("limits: {connections_max: 3}\n").await;
    emulator
        .add_fault(Fault::stall("a-second").seconds(1).times(1))
        .expect("a fault");
    let began = Instant::now();
    let ended = raw_end(&emulator, &Call::detect("1"))
        .await
        .expect("it is closed in order");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(
        ended < TLS_BYTES,
        "the tickets and the end of TLS, and no answer: {ended} bytes"
    );

    // As many as there may be; each holds its connection until the fault is taken away.
    emulator
        .set_faults([
            Fault::stall("for-ever"),
            Fault::stall("in-the-body").after_bytes(3),
        ])
        .expect("faults");
    let detect = Call::detect("1");
    let stalled = (0..3).map(|_| raw_end(&emulator, &detect));
    let stalled = futures_util::future::join_all(stalled);
    let release = async {
        while emulator.faults()[0].struck < 3 {
            tokio::task::yield_now().await;
        }
        assert!(call(&emulator).await.is_err(), "there is no room for another one");
        emulator.remove_fault("for-ever").expect("it is there");
    };
    let (ended, ()) = timeout(HANG, async { tokio::join!(stalled, release) })
        .await
        .expect("they end");
    for end in ended {
        assert!(end.expect("closed in order") < TLS_BYTES);
    }
    emulator.clear_faults();
    assert_eq!(until_answered(&emulator).await.status, 200);

    // A client that gives up takes its connection along.
    emulator
        .set_faults([Fault::stall("for-ever").times(3)])
        .expect("a fault");
    for _ in 0..3 {
        let stream = asked(&emulator).await;
        let struck = emulator.faults()[0].struck;
        while emulator.faults()[0].struck == struck {
            tokio::task::yield_now().await;
        }
        drop(stream);
    }
    assert_eq!(until_answered(&emulator).await.status, 200);
}

/// The first answer; connections that have ended are noticed a moment later
async fn until_answered(emulator: &Emulator) -> Answer {
    let answered = async {
        loop {
            if let Ok(answer) = call(emulator).await {
                return answer;
            }
        }
    };
    timeout(HANG, answered).await.expect("there is room again")
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_stall() {
    let emulator = with(Fault::stall("for-ever")).await;
    let (ca, address) = (emulator.ca_pem().to_owned(), emulator.address());
    let stalled = tokio::spawn(async move { Call::detect("1").send_to(&ca, address).await });
    while emulator.faults()[0].struck == 0 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    assert_eq!(timeout(HANG, emulator.stop()).await.expect("it stops"), 0);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    stalled.await.expect("no panic").expect_err("there is no answer");
}

#[tokio::test]
async fn an_upload_is_cut_in_its_middle() {
    let emulator = emulator().await;
    let cut = Fault::reset("cut")
        .after_bytes(100_000)
        .stage(FaultStage::BeforeAuthentication)
        .operation("Detect*");
    emulator.add_fault(cut.times(1)).expect("a fault");
    let upload = Call::detect("1").body("image/jpeg", &vec![0; 8 << 20]);
    let sent = upload.send_to(emulator.ca_pem(), emulator.address());
    let error = timeout(HANG, sent)
        .await
        .expect("it ends")
        .expect_err("it is cut");
    assert!(
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error:?}"
    );
    let entry = last_entry(&emulator).await;
    assert_eq!((&entry["status"], &entry["fault"]), (&Value::Null, &json!("cut")));
    assert_eq!(entry["operation"], "DetectAnomalies");
    assert_eq!(emulator.requests().await.len(), 1);
}

type Http2Answer = Result<(u16, Result<usize, hyper::Error>), hyper::Error>;

/// One call over HTTP/2: the status, and the bytes of the body or what ended it
async fn call_http2(sender: &mut http2::SendRequest<Full<Bytes>>) -> Http2Answer {
    let answer = sender.send_request(Call::detect("1").to_http2()).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await;
    Ok((status, body.map(|body| body.to_bytes().len())))
}

async fn http2_client(emulator: &Emulator) -> http2::SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(connect_http2(emulator, "localhost").await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .expect("the preface");
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn faults_of_the_connection_strike_over_http2_as_well() {
    let emulator = emulator_with("http2: true\n").await;
    let length = whole(&emulator).await;
    for fault in [Fault::reset("f"), Fault::close("f"), Fault::stall("f").seconds(1)] {
        emulator.set_faults([fault.clone()]).expect("a fault");
        let mut sender = http2_client(&emulator).await;
        let answer = timeout(HANG, call_http2(&mut sender)).await.expect("it ends");
        answer.expect_err("there is no answer");
        assert_eq!(last_entry(&emulator).await["status"], Value::Null, "{fault:?}");
    }
    for fault in [
        Fault::truncate("f"),
        Fault::reset("f").after_bytes(4),
        Fault::stall("f").after_bytes(4).seconds(1),
    ] {
        emulator.set_faults([fault.clone()]).expect("a fault");
        let mut sender = http2_client(&emulator).await;
        let answer = timeout(HANG, call_http2(&mut sender)).await.expect("it ends");
        let (status, body) = answer.expect("the head comes");
        assert_eq!(status, 200);
        body.expect_err("the body breaks off");
    }
    emulator.set_faults([Fault::slow("f", 400)]).expect("a fault");
    let mut sender = http2_client(&emulator).await;
    let (began, (_, body)) = (Instant::now(), call_http2(&mut sender).await.expect("an answer"));
    assert_eq!(body.expect("all of it"), length);
    let expected = Duration::from_secs_f64(length as f64 / 400.0);
    assert!(began.elapsed() >= expected.mul_f64(0.9), "{:?}", began.elapsed());

    // A stall that is taken away ends the connection, and the requests on it with it.
    emulator
        .set_faults([Fault::stall("f").times(1)])
        .expect("a fault");
    let mut sender = http2_client(&emulator).await;
    let release = async {
        while emulator.faults()[0].struck == 0 {
            tokio::task::yield_now().await;
        }
        emulator.clear_faults();
    };
    let (answer, ()) = timeout(HANG, async { tokio::join!(call_http2(&mut sender), release) })
        .await
        .expect("it ends");
    answer.expect_err("there is no answer");
    assert_eq!(emulator.stop().await, 0);
}

/// What a session is told beside its answers; the smallest answer has twice as many bytes
const TLS_BYTES: usize = 300;

/// How a client that trusts the CA judges the server
async fn handshake(emulator: &Emulator, name: &str) -> Result<(), std::io::Error> {
    let connected = connect_trusting(emulator.ca_pem(), emulator.address(), name, &[]);
    timeout(HANG, connected).await.expect("it ends").map(drop)
}

fn certificate_error(error: &std::io::Error) -> Option<CertificateError> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(error) => Some(error.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_the_clients_own_error() {
    let emulator = emulator().await;
    for name in ["localhost", "lookoutvision.us-west-2.amazonaws.com", "127.0.0.1"] {
        for (tls, is_expected) in [
            (
                TlsFault::ExpiredCertificate,
                (|error| {
                    matches!(
                        error,
                        CertificateError::Expired | CertificateError::ExpiredContext { .. }
                    )
                }) as fn(&_) -> bool,
            ),
            (TlsFault::NotYetValid, |error| {
                matches!(
                    error,
                    CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
                )
            }),
            (TlsFault::WrongName, |error| {
                matches!(
                    error,
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
                )
            }),
            (TlsFault::UnknownAuthority, |error| {
                matches!(error, CertificateError::UnknownIssuer)
            }),
        ] {
            emulator
                .set_faults([Fault::tls("tls", tls).times(1)])
                .expect("a fault");
            let error = handshake(&emulator, name).await.expect_err("no client takes it");
            let found = certificate_error(&error).unwrap_or_else(|| panic!("{tls:?}: {error:?}"));
            assert!(is_expected(&found), "{tls:?}: {found:?}");
            handshake(&emulator, name).await.expect("it is spent");
        }
    }
    let entries = journal_of(&emulator).await;
    let entry = &entries[0];
    assert_eq!((&entry["status"], &entry["fault"]), (&Value::Null, &json!("tls")));
    // Nobody has asked for a service yet, unless the server name is that of one.
    assert_eq!(
        (&entry["service"], &entries[4]["service"]),
        (&Value::Null, &json!("lookoutvision"))
    );
    assert_eq!(
        entry["summary"],
        "the fault `tls` met the handshake: the certificate has expired"
    );
    assert_eq!(
        (&entry["tls"]["sni"], &entry["method"], &entry["source_ip"]),
        (&json!("localhost"), &json!("-"), &json!("127.0.0.1"))
    );
    // A client that was given a bad certificate on purpose is none that does not trust the CA.
    let diagnosis = control(&emulator, "GET", "/doctor", "").await;
    assert!(!diagnosis.text().contains("UnknownCA"), "{}", diagnosis.text());
}

#[tokio::test]
async fn a_tls_fault_is_narrowed_by_server_name_and_address() {
    let emulator = emulator().await;
    let fault = Fault::tls("tls", TlsFault::WrongName)
        .server_name("lookoutvision.*")
        .source_ip("127.0.0.0/8");
    emulator.add_fault(fault).expect("a fault");
    handshake(&emulator, "localhost").await.expect("another name");
    handshake(&emulator, "lookoutvision.us-east-1.amazonaws.com")
        .await
        .expect_err("this name");
    let elsewhere = Fault::tls("tls", TlsFault::WrongName).source_ip("10.0.0.0/8");
    emulator.set_faults([elsewhere]).expect("a fault");
    handshake(&emulator, "lookoutvision.us-east-1.amazonaws.com")
        .await
        .expect("another address");
    // A client that checks no certificate goes on as always.
    emulator
        .set_faults([Fault::tls("tls", TlsFault::ExpiredCertificate)])
        .expect("a fault");
    let answer = trusting_anything(&emulator).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_handshake_is_reset_or_stands_still() {
    let emulator = emulator().await;
    emulator
        .set_faults([Fault::tls("tls", TlsFault::ResetInHandshake)])
        .expect("a fault");
    let error = handshake(&emulator, "localhost").await.expect_err("it is reset");
    assert!(is_reset(&error), "{error:?}");

    emulator
        .set_faults([Fault::tls("tls", TlsFault::StallInHandshake).seconds(1)])
        .expect("a fault");
    let began = Instant::now();
    handshake(&emulator, "localhost")
        .await
        .expect_err("nothing comes");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());

    emulator
        .set_faults([Fault::tls("tls", TlsFault::StallInHandshake)])
        .expect("a fault");
    let release = async {
        while emulator.faults()[0].struck == 0 {
            tokio::task::yield_now().await;
        }
        emulator.clear_faults();
    };
    let (ended, ()) = tokio::join!(handshake(&emulator, "localhost"), release);
    ended.expect_err("it ends with its fault");
    let entry = last_entry(&emulator).await;
    assert_eq!(
        (&entry["status"], &entry["tls"]["version"]),
        (&Value::Null, &json!("none"))
    );
}

/// One call of a client that looks at no certificate
async fn trusting_anything(emulator: &Emulator) -> Answer {
    #[derive(Debug)]
    struct Anything;
    impl rustls::client::danger::ServerCertVerifier for Anything {
        fn verify_server_cert(
            &self,
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &[rustls::pki_types::CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both versions")
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Anything))
        .with_no_client_auth();
    let tcp = TcpStream::connect(emulator.address()).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let mut stream = connector.connect(name, tcp).await.expect("it takes anything");
    stream
        .write_all(&Call::detect("1").to_bytes())
        .await
        .expect("it is sent");
    read_answer(&mut stream).await.expect("an answer")
}
