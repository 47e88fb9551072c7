//! The limit: the least that a server must do for a request whose signature could be checked.
//!
//! It accepts the connection, does the handshake, reads the body, hashes it, derives a signing key, makes one signature
//! and answers. It compares nothing, knows no policy and keeps no record, so no honest emulator can be cheaper with
//! these libraries. The benchmark tells how close one comes.
//!
//! The emulator is measured as it is released. The limit is made for speed alone: it is this very program, built once
//! more in the profile `limit`.

use std::{
    env,
    net::Ipv4Addr,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use pem::Pem;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use ring::{digest, hmac};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{net::TcpListener, runtime};
use tokio_rustls::TlsAcceptor;

use crate::{
    Failure,
    load::{HOST, REGION, SECRET_ACCESS_KEY, SERVICE},
    process::{CA_FILE, LISTENING_ON},
};

/// The argument that makes this program the limit; the folder for its CA follows
pub(crate) const ARGUMENT: &str = "--limit";

/// The program that is the limit, built when it is first needed
pub(crate) fn program() -> Result<&'static Path, Failure> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Ok(match PROGRAM.get() {
        Some(program) => program,
        None => {
            let program = build()?;
            PROGRAM.get_or_init(|| program)
        }
    })
}

fn build() -> Result<PathBuf, Failure> {
    let cargo = env::var_os("CARGO").ok_or("only `cargo bench` can start this")?;
    let built = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "bench",
            "--locked",
            "--profile",
            "limit",
            "--bench",
            "serving",
            "--no-run",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()?;
    // Cargo prints a line of JSON about every artifact; this program is the one of the bench target.
    String::from_utf8(built.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "serving")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "the limit cannot be built".into())
}

/// Serves until it is killed
pub(crate) fn run(folder: &Path) -> Result<(), Failure> {
    let tls = Arc::new(tls(folder)?);
    // As many threads as the emulator would use.
    let mut builder = match std::thread::available_parallelism().map_or(1, NonZero::get) {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()?.block_on(serve(tls))
}

async fn serve(tls: Arc<ServerConfig>) -> Result<(), Failure> {
    let acceptor = TlsAcceptor::from(tls);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{LISTENING_ON}{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that hangs up does not matter here; the benchmark counts answers.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let mut body = request.into_body();
    let mut hash = digest::Context::new(&digest::SHA256);
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            hash.update(data);
        }
    }
    std::hint::black_box(signature(hash.finish().as_ref()));
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Computes a signature: four HMACs for the key, one for the signature (Signature Version 4, *Calculate signature*)
fn signature(string_to_sign: &[u8]) -> hmac::Tag {
    let secret = format!("AWS4{SECRET_ACCESS_KEY}");
    let key = ["20260102", REGION, SERVICE, "aws4_request"].iter().fold(
        hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()),
    );
    hmac::sign(&key, string_to_sign)
}

/// A new CA and a server certificate, held in memory; the CA's certificate is written for the client
fn tls(folder: &Path) -> Result<ServerConfig, Failure> {
    let mut ca_params = CertificateParams::default();
    ca_params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca_params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    ca_params
        .distinguished_name
        .push(DnType::CommonName, "serving benchmark, for testing only");
    let ca_key = KeyPair::generate()?;
    let ca = ca_params.self_signed(&ca_key)?;
    let mut leaf_params = CertificateParams::new([HOST.to_owned()])?;
    leaf_params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf_key = KeyPair::generate()?;
    let leaf = leaf_params.signed_by(&leaf_key, &Issuer::from_params(&ca_params, &ca_key))?;
    let ca = pem::encode(&Pem::new("CERTIFICATE", ca.der().as_ref()));
    std::fs::write(folder.join(CA_FILE), ca)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

const ANSWER: &[u8] = br#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":0.9999964237213135}}"#;
