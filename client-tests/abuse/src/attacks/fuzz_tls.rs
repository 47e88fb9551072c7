//! Bytes that are no TLS: damaged first flights, and noise during and after a handshake.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{against, side_by_side};
use crate::{Context, Report, client::Target, mutate::mutate};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let config = "http2: true\nlimits: {handshake_timeout_seconds: 1, idle_timeout_seconds: 1}\n";
    against(context, config, async |emulator| {
        attack(context, &emulator.target).await
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let mut report = side_by_side(context, target, WORKERS, |context, target, worker| {
        work(context, target, worker)
    })
    .await;
    report.load = format!("{WORKERS} connections; {}", report.good_calls_text());
    report
}

async fn work(context: Context, target: Target, worker: usize) -> Report {
    let mut report = Report::default();
    for round in 0.. {
        let mut choices = context.choices(worker, round);
        if round % 100 == 0 {
            report.good_call(target.good_call().await);
        }
        report.bad_inputs += 1;
        let began = Instant::now();
        match timeout(PATIENCE, misuse(&target, &mut choices)).await {
            // A reset counts as an end, too.
            Ok(Ok(()) | Err(_)) if began.elapsed() < PATIENCE => {}
            _ => report.fail(format!(
                "worker {worker}, round {round}: still open after {} s",
                PATIENCE.as_secs()
            )),
        }
        if !context.has_time() {
            break;
        }
    }
    report
}

async fn misuse(target: &Target, choices: &mut Rng) -> io::Result<()> {
    let mut stream = match choices.u8(..8) {
        0 => {
            // After a good handshake, past the TLS session.
            let (mut stream, _) = target.connect().await?.into_inner();
            stream.write_all(&noise(choices)).await?;
            stream
        }
        1 => {
            // During a handshake: the server's first flight is answered with noise.
            let mut stream = TcpStream::connect(target.address).await?;
            stream.write_all(&client_hello(&target.http1)?).await?;
            let _ = stream.read(&mut [0; 1 << 14]).await?;
            stream.write_all(&noise(choices)).await?;
            stream
        }
        2 => {
            let mut stream = TcpStream::connect(target.address).await?;
            stream.write_all(&noise(choices)).await?;
            stream
        }
        kind => {
            let config = if kind == 3 { &target.http2 } else { &target.http1 };
            let mut hello = client_hello(config)?;
            mutate(&mut hello, choices, WORDS);
            let mut stream = TcpStream::connect(target.address).await?;
            // Sometimes in pieces.
            if choices.u8(..4) == 0 {
                let (first, second) = hello.split_at(choices.usize(..=hello.len()));
                stream.write_all(first).await?;
                stream.write_all(second).await?;
            } else {
                stream.write_all(&hello).await?;
            }
            stream
        }
    };
    // Nothing more comes, whether we say so or not; a server that is not told finds out by its limits.
    if choices.u8(..16) > 0 {
        stream.shutdown().await?;
    }
    let mut received = vec![0; 1 << 14];
    while stream.read(&mut received).await? > 0 {}
    Ok(())
}

/// The first flight of a good client
fn client_hello(config: &Arc<ClientConfig>) -> io::Result<Vec<u8>> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut hello = Vec::new();
    session.write_tls(&mut hello)?;
    Ok(hello)
}

/// Records that are invalid, or that only look like records
fn noise(choices: &mut Rng) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..choices.usize(1..=600)).map(|_| choices.u8(..)).collect();
    if choices.bool() {
        let kind = *choices.choice(&[20_u8, 21, 22, 23, 24]).unwrap_or(&22);
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        let length = if choices.bool() { length } else { choices.u16(..) }.to_be_bytes();
        bytes.splice(..0, [kind, 3, choices.u8(..5), length[0], length[1]]);
    }
    bytes
}

/// Versions, lengths and extensions that are hard for a parser
const WORDS: &[&[u8]] = &[
    b"\x16\x03\x01",
    b"\x16\x03\x03",
    b"\x03\x04",
    b"\x00\x00",
    b"\xff\xff",
    b"\x00\x2b\x00\x03\x02\x03\x04",
    b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09localhost",
    b"\x00\x10\x00\x05\x00\x03\x02h2",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x14\x03\x03\x00\x01\x01",
];

const WORKERS: usize = 8;
/// Longer than the handshake may take
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    #[tokio::test]
    async fn a_server_that_answers_no_good_call_is_reported() {
        let stub = stub::has_no_room("fuzz-tls").await;
        let report = attack(&stub.context, &stub.target).await;
        assert!(report.lost > 0 && report.bad_inputs > 0, "{report:?}");
    }
}
