//! A client that can send anything and accepts any answer.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::call::{Call, Signed};

/// A TLS connection
pub(crate) type Tls = TlsStream<TcpStream>;

/// Where an emulator listens, and what its clients trust
#[derive(Clone)]
pub(crate) struct Target {
    /// The AWS API
    pub(crate) address: SocketAddr,
    /// The control API
    pub(crate) control: SocketAddr,
    pub(crate) http1: Arc<ClientConfig>,
    pub(crate) http2: Arc<ClientConfig>,
}

/// An answer
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether the connection ends with it
    pub(crate) is_last: bool,
    pub(crate) body: Vec<u8>,
}

/// The outcome of sending some bytes
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// These were the statuses of the answers, and then the connection ended
    Closed(Vec<u16>),
    /// The connection was still open when the time was over; the statuses until then
    Open(Vec<u16>),
}

impl Target {
    pub(crate) fn trusting(ca: &Path, address: SocketAddr, control: SocketAddr) -> Result<Self, String> {
        let pem = std::fs::read(ca).map_err(|error| format!("{}: {error}", ca.display()))?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|error| error.to_string())?;
        Self::trusting_certificate(certificate, address, control)
    }

    pub(crate) fn trusting_certificate(
        certificate: CertificateDer<'static>,
        address: SocketAddr,
        control: SocketAddr,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(|error| error.to_string())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http1 = Arc::new(config.clone());
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            address,
            control,
            http1,
            http2: Arc::new(config),
        })
    }

    pub(crate) async fn connect(&self) -> io::Result<Tls> {
        handshake(&self.http1, TcpStream::connect(self.address).await?).await
    }

    pub(crate) async fn connect_http2(&self) -> io::Result<Tls> {
        handshake(&self.http2, TcpStream::connect(self.address).await?).await
    }

    /// Connects from an address of the loopback network, which counts as a client of its own
    pub(crate) async fn connect_from(&self, config: &Arc<ClientConfig>, client: [u8; 4]) -> io::Result<Tls> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((client, 0).into())?;
        handshake(config, socket.connect(self.address).await?).await
    }

    /// DetectAnomalies over a new connection, and the time that its answer took
    pub(crate) async fn good_call(&self) -> Result<Duration, String> {
        self.good(&Call::detect().sign()).await
    }

    /// A good call of any kind over a new connection, and the time that its answer took
    pub(crate) async fn good(&self, call: &Signed) -> Result<Duration, String> {
        let began = Instant::now();
        match self.answer_to(call).await? {
            Answer {
                status: 200..=299, ..
            } => Ok(began.elapsed()),
            answer => Err(format!(
                "{} {}: {} {}",
                call.method,
                call.target,
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )),
        }
    }

    /// The answer to a call over a new connection
    pub(crate) async fn answer_to(&self, call: &Signed) -> Result<Answer, String> {
        let exchange = async {
            let mut stream = self.connect().await?;
            exchange(&mut stream, &call.to_http1()).await
        };
        within_patience(&format!("{} {}", call.method, call.target), exchange).await
    }

    /// The answer of the control API
    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Result<Answer, String> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let exchange = async {
            let mut stream = TcpStream::connect(self.control).await?;
            exchange(&mut stream, request.as_bytes()).await
        };
        within_patience(&format!("{method} {path}"), exchange).await
    }
}

async fn within_patience<T>(what: &str, work: impl Future<Output = io::Result<T>>) -> Result<T, String> {
    match timeout(PATIENCE, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: no answer in {} s", PATIENCE.as_secs())),
    }
}

async fn handshake(config: &Arc<ClientConfig>, stream: TcpStream) -> io::Result<Tls> {
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Sends a whole request and reads its answer
pub(crate) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> io::Result<Answer> {
    stream.write_all(request).await?;
    // The TLS session may still hold the end of a large body.
    stream.flush().await?;
    read_answer(stream, &mut Vec::new()).await
}

/// Sends bytes and reads every answer until the connection ends or `patience` is over
pub(crate) async fn provoke(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    bytes: &[u8],
    patience: Duration,
) -> Outcome {
    let mut statuses = Vec::new();
    let all = async {
        // The other side may close while we are still writing; its answer can be read all the same.
        if stream.write_all(bytes).await.is_ok() {
            let _ = stream.flush().await;
        }
        let mut received = Vec::new();
        while let Ok(answer) = read_answer(stream, &mut received).await {
            statuses.push(answer.status);
        }
    };
    match timeout(patience, all).await {
        Ok(()) => Outcome::Closed(statuses),
        Err(_) => Outcome::Open(statuses),
    }
}

/// Reads one answer; what was read beyond it stays in `received`
pub(crate) async fn read_answer(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut Vec<u8>,
) -> io::Result<Answer> {
    loop {
        let head_end = find(received, b"\r\n\r\n");
        let Some(head_end) = head_end else {
            more(stream, received).await?;
            continue;
        };
        let head = String::from_utf8_lossy(&received[..head_end]).to_ascii_lowercase();
        received.drain(..head_end + 4);
        let status: u16 = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no status line: {head}")))?;
        // 100 Continue is no answer yet.
        if status < 200 {
            continue;
        }
        let field = |name: &str| {
            let line = head.split("\r\n").find_map(|line| line.strip_prefix(name));
            line.map(str::trim)
        };
        let is_last = field("connection:") == Some("close");
        let body = if let Some(length) = field("content-length:") {
            let length: usize = length.parse().map_err(io::Error::other)?;
            while received.len() < length {
                more(stream, received).await?;
            }
            received.drain(..length).collect()
        } else if field("transfer-encoding:") == Some("chunked") {
            read_chunks(stream, received).await?
        } else {
            Vec::new()
        };
        return Ok(Answer {
            status,
            is_last,
            body,
        });
    }
}

async fn read_chunks(stream: &mut (impl AsyncRead + Unpin), received: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(line_end) = find(received, b"\r\n") else {
            more(stream, received).await?;
            continue;
        };
        let size = String::from_utf8_lossy(&received[..line_end]).into_owned();
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        while received.len() < line_end + 2 + size + 2 {
            more(stream, received).await?;
        }
        body.extend_from_slice(&received[line_end + 2..line_end + 2 + size]);
        received.drain(..line_end + 2 + size + 2);
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), received: &mut Vec<u8>) -> io::Result<()> {
    if stream.read_buf(received).await? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "closed without an answer",
        ));
    }
    Ok(())
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// How long a good call may take, whatever else goes on, before it counts as unanswered
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_answer_on_a_connection_is_seen() {
        let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(wire).await.unwrap();
        drop(theirs);
        let mut received = Vec::new();
        let first = read_answer(&mut ours, &mut received).await.unwrap();
        assert_eq!((first.status, first.is_last), (400, false));
        let second = read_answer(&mut ours, &mut received).await.unwrap();
        assert_eq!(
            (second.status, second.is_last, &*second.body),
            (200, true, &b"abc"[..])
        );
        assert!(read_answer(&mut ours, &mut received).await.is_err());
    }
}
