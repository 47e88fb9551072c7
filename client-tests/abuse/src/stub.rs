//! Servers that accept everything, or nothing: the attacks must report both.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{Context, client::Target};

/// A running stub, and an attack's time and choices
pub(crate) struct Stub {
    pub(crate) target: Target,
    pub(crate) context: Context,
}

/// Answers 200 to whatever comes, over TLS and without
pub(crate) async fn accepts_everything(attack: &'static str) -> Stub {
    serve(
        attack,
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
    )
    .await
}

/// Answers 503 to whatever comes, over TLS and without
pub(crate) async fn has_no_room(attack: &'static str) -> Stub {
    serve(
        attack,
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    )
    .await
}

async fn serve(attack: &'static str, answer: &'static str) -> Stub {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let aws = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::trusting_certificate(
        cert.der().clone(),
        aws.local_addr().unwrap(),
        control.local_addr().unwrap(),
    )
    .unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = aws.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    respond(stream, answer).await;
                }
            });
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = control.accept().await {
            tokio::spawn(respond(stream, answer));
        }
    });
    let context = Context {
        program: "none".into(),
        seed: 1,
        attack,
        until: Instant::now() + Duration::from_millis(300),
    };
    Stub { target, context }
}

/// Reads as much of a request as comes in one piece, answers, and reads on until the client closes
async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    let mut bytes = vec![0; 1 << 16];
    if stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
}
