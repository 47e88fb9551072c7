//! Datasets from an S3-compatible server, and evaluations to one: the requests that it gets, and what follows from its
//! refusals.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use lookoutvision_emulator::Emulator;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    recovery::{MANIFEST, PATIENCE, S3, Status, settled, status},
    support::{Call, control, emulator_with},
};

/// What a server is asked, head and body
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that answers everything with one answer, and its port
async fn server(answer: &str, tls: Option<TlsAcceptor>) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let asked = Asked::default();
    let (answer, log) = (answer.to_owned(), asked.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, log, tls) = (answer.clone(), log.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            exchange(stream, &answer, &log).await;
                        }
                    }
                    None => exchange(stream, &answer, &log).await,
                }
            });
        }
    });
    (port, asked)
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str, log: &Asked) {
    let mut bytes = Vec::new();
    let length = |text: &str| {
        let (_, rest) = text.split_once("content-length: ")?;
        rest.split("\r\n").next()?.parse::<usize>().ok()
    };
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= length(head).unwrap_or(0)
        {
            break;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let asked = String::from_utf8(bytes).expect("the test sends text");
    log.lock().expect("nobody panicked").push(asked);
    if answer.is_empty() {
        // For ever, as far as the test is concerned.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn send(emulator: &Emulator, method: &'static str, target: &str, body: &Value) -> Value {
    let mut call = Call::get(&format!("/2020-11-20{target}"));
    call.method = method;
    if !body.is_null() {
        call = call.body("application/json", body.to_string().as_bytes());
    }
    let answer = call.send(emulator).await;
    assert!(answer.status < 300, "{method} {target}: {answer:?}");
    answer.json()
}

/// Status and message of a dataset that was made of `s3://images/a b/train.manifest`
async fn dataset(emulator: &Emulator, version_id: Option<&str>) -> (String, String) {
    send(emulator, "POST", "/projects", &json!({"ProjectName": "p"})).await;
    let mut object = json!({"Bucket": "images", "Key": "a/train!.manifest"});
    if let Some(version_id) = version_id {
        object["VersionId"] = json!(version_id);
    }
    let source =
        json!({"DatasetType": "train", "DatasetSource": {"GroundTruthManifest": {"S3Object": object}}});
    send(emulator, "POST", "/projects/p/datasets", &source).await;
    settled(async || described(emulator, "p").await).await
}

async fn described(emulator: &Emulator, project_name: &str) -> Status {
    let target = format!("/projects/{project_name}/datasets/train");
    status(&send(emulator, "GET", &target, &Value::Null).await["DatasetDescription"])
}

async fn described_model(emulator: &Emulator) -> Status {
    let described = send(emulator, "GET", "/projects/p/models/1", &Value::Null).await;
    status(&described["ModelDescription"])
}

fn from_manifest() -> Value {
    let object = json!({"Bucket": "images", "Key": "train.manifest"});
    json!({"DatasetType": "train", "DatasetSource": {"GroundTruthManifest": {"S3Object": object}}})
}

async fn create_project(emulator: &Emulator, name: &str) {
    send(emulator, "POST", "/projects", &json!({"ProjectName": name})).await;
}

const REFUSED: &str = "The manifest s3://images/a/train!.manifest could not be used: ";

#[tokio::test]
async fn a_manifest_is_asked_for_with_a_signature_and_its_version() {
    let (port, asked) = server(&answer("200 OK", MANIFEST), None).await;
    let emulator = emulator_with(&format!(
        "s3: {{endpoint_url: 'http://127.0.0.1:{port}', access_key_id: AKIDEXAMPLE, secret_access_key: s3cret}}"
    ))
    .await;
    assert_eq!(dataset(&emulator, Some("v/1+")).await.0, "CREATE_COMPLETE");
    let asked = asked
        .lock()
        .expect("nobody panicked")
        .pop()
        .expect("it was asked");
    assert!(
        asked.starts_with("GET /images/a/train%21.manifest?versionId=v%2F1%2B HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
    assert!(
        asked.contains(
            "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n"
        ),
        "{asked}"
    );
    assert!(
        asked.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{asked}"
    );
    assert!(
        asked.contains(
            "/us-west-2/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
        ),
        "{asked}"
    );
    assert!(!asked.contains("s3cret"));
}

#[tokio::test]
async fn an_evaluation_is_put_there_and_a_refusal_ends_the_training() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("a")).expect("the folder is ours");
    fs::write(folder.path().join("a/train!.manifest"), MANIFEST).expect("the folder is ours");
    let error = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    for (reply, expected) in [
        (
            answer("200 OK", ""),
            ("TRAINED", "Training completed successfully."),
        ),
        (
            answer("403 Forbidden", error),
            (
                "TRAINING_FAILED",
                "The evaluation could not be written to s3://results/EvaluationManifest-p-1.json: the server refused: 403 AccessDenied",
            ),
        ),
    ] {
        let (port, asked) = server(&reply, None).await;
        let emulator = emulator_with(&format!(
            "s3: {{buckets: {{images: {}}}, endpoint_url: 'http://127.0.0.1:{port}'}}",
            folder.path().display()
        ))
        .await;
        assert_eq!(dataset(&emulator, None).await.0, "CREATE_COMPLETE");
        let output = json!({"OutputConfig": {"S3Location": {"Bucket": "results", "Prefix": ""}}});
        send(&emulator, "POST", "/projects/p/models", &output).await;
        let found = settled(async || described_model(&emulator).await).await;
        assert_eq!((&*found.0, &*found.1), expected);
        let asked = asked.lock().expect("nobody panicked").clone();
        assert!(
            asked[0].starts_with("PUT /results/EvaluationManifest-p-1.json HTTP/1.1\r\n"),
            "{asked:?}"
        );
        assert!(
            !asked[0].contains("authorization:"),
            "there is nothing to sign with: {asked:?}"
        );
        if expected.0 == "TRAINED" {
            assert!(
                asked[1].starts_with("PUT /results/EvaluationResult-p-1.json HTTP/1.1\r\n"),
                "{asked:?}"
            );
            assert!(asked[1].contains(r#""NumberOfTrainingImages":0"#), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn what_a_server_does_wrong_is_told_and_does_not_take_for_ever() {
    let no_such_key = answer("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
    let long = answer("200 OK", &"x".repeat(1025));
    for (reply, expected) in [
        (&*no_such_key, "the server refused: 404 NoSuchKey"),
        (&*long, "it has more than 1024 bytes (limits.manifest_bytes_max)"),
        ("nonsense\r\n\r\n", "the server could not be asked: "),
        ("", "it took longer than limits.s3_timeout_seconds (1 s)"),
    ] {
        let (port, _) = server(reply, None).await;
        let emulator = emulator_with(&format!(
            "s3: {{endpoint_url: 'http://127.0.0.1:{port}'}}\nlimits: {{manifest_bytes_max: 1024, s3_timeout_seconds: 1}}"
        ))
        .await;
        let (status, message) = dataset(&emulator, None).await;
        assert_eq!(status, "CREATE_FAILED");
        let reason = message
            .strip_prefix(REFUSED)
            .unwrap_or_else(|| panic!("{message}"));
        assert!(reason.starts_with(expected), "{reason}");
    }
    let (status, message) = dataset(&crate::support::emulator().await, None).await;
    assert_eq!(status, "CREATE_FAILED");
    assert_eq!(
        message,
        format!("{REFUSED}no S3 is configured (`s3` in the configuration file)")
    );
}

#[tokio::test]
async fn a_server_with_tls_is_trusted_by_its_configured_certificate_and_not_otherwise() {
    let key = rcgen::KeyPair::generate().expect("a key can be made");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("it can be signed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key"),
        )
        .expect("certificate and key belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let ca = folder.path().join("s3.pem");
    let pem = pem::encode(&pem::Pem::new("CERTIFICATE", certificate.der().to_vec()));
    fs::write(&ca, pem).expect("the folder is ours");
    let (port, _) = server(&answer("200 OK", MANIFEST), Some(acceptor)).await;
    let url = format!("endpoint_url: 'https://localhost:{port}'");
    let trusting = emulator_with(&format!("s3: {{{url}, ca: {}}}", ca.display())).await;
    assert_eq!(dataset(&trusting, None).await.0, "CREATE_COMPLETE");
    let (status, message) = dataset(&emulator_with(&format!("s3: {{{url}}}")).await, None).await;
    assert_eq!(status, "CREATE_FAILED");
    assert!(message.contains("invalid peer certificate"), "{message}");
}

#[tokio::test]
async fn calls_are_answered_before_s3_is_and_describe_shows_what_came_of_them() {
    let mut s3 = S3::of(MANIFEST).await;
    let emulator = emulator_with(&format!("{}limits: {{s3_timeout_seconds: 600}}", s3.config())).await;
    create_project(&emulator, "p").await;
    let manifest = from_manifest();
    let create = send(&emulator, "POST", "/projects/p/datasets", &manifest);
    let created = tokio::time::timeout(PATIENCE, create)
        .await
        .expect("S3 is not waited for");
    assert_eq!(created["DatasetMetadata"]["Status"], "CREATE_IN_PROGRESS");
    assert_eq!(s3.is_asked().await, "GET /images/train.manifest HTTP/1.1");
    assert_eq!(described(&emulator, "p").await.0, "CREATE_IN_PROGRESS");
    s3.answer(1);
    let found = settled(async || described(&emulator, "p").await).await;
    assert_eq!(
        (&*found.0, &*found.1),
        ("CREATE_COMPLETE", "The dataset was created successfully.")
    );
    let output = json!({"OutputConfig": {"S3Location": {"Bucket": "results", "Prefix": "out/"}}});
    let create = send(&emulator, "POST", "/projects/p/models", &output);
    let created = tokio::time::timeout(PATIENCE, create)
        .await
        .expect("S3 is not waited for");
    assert_eq!(created["ModelMetadata"]["Status"], "TRAINING");
    assert_eq!(
        s3.is_asked().await,
        "PUT /results/out/EvaluationManifest-p-1.json HTTP/1.1"
    );
    assert_eq!(described_model(&emulator).await.0, "TRAINING");
    s3.answer(2);
    let found = settled(async || described_model(&emulator).await).await;
    assert_eq!(found.0, "TRAINED");
}

#[tokio::test]
async fn so_many_ask_s3_at_one_time_and_the_others_have_their_turn() {
    let mut s3 = S3::of(MANIFEST).await;
    let limits = "limits: {s3_tasks_max: 1, s3_timeout_seconds: 600}";
    let emulator = emulator_with(&format!("{}{limits}", s3.config())).await;
    for name in ["p", "q"] {
        create_project(&emulator, name).await;
        let target = format!("/projects/{name}/datasets");
        send(&emulator, "POST", &target, &from_manifest()).await;
    }
    s3.is_asked().await;
    // Both tasks have been begun by now.
    for name in ["p", "q"] {
        assert_eq!(described(&emulator, name).await.0, "CREATE_IN_PROGRESS");
    }
    assert!(s3.asked.try_recv().is_err());
    s3.answer(1);
    s3.is_asked().await;
    s3.answer(1);
    for name in ["p", "q"] {
        let found = settled(async || described(&emulator, name).await).await;
        assert_eq!(found.0, "CREATE_COMPLETE", "{name}");
    }
}

#[tokio::test]
async fn what_waits_for_s3_is_given_up_by_a_reset() {
    let mut s3 = S3::of(MANIFEST).await;
    let limits = "limits: {s3_tasks_max: 1, s3_timeout_seconds: 600}";
    let emulator = emulator_with(&format!("{}{limits}", s3.config())).await;
    for _ in 0..3 {
        create_project(&emulator, "p").await;
        send(&emulator, "POST", "/projects/p/datasets", &from_manifest()).await;
        // Those before it would have kept it from its turn.
        s3.is_asked().await;
        assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
    }
    create_project(&emulator, "p").await;
    send(&emulator, "POST", "/projects/p/datasets", &from_manifest()).await;
    s3.is_asked().await;
    s3.answer(1);
    let found = settled(async || described(&emulator, "p").await).await;
    assert_eq!(found.0, "CREATE_COMPLETE");
}
