//! The client: requests made once, and connections that send them as fast as they are answered.
//!
//! It only writes and reads bytes, so that it is not the client that is measured.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Failure, process::Server};

pub(crate) const HOST: &str = "lookoutvision.us-east-1.amazonaws.com";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const SERVICE: &str = "lookoutvision";
/// The emulator's well-known default key
pub(crate) const SECRET_ACCESS_KEY: &str = "test";

/// What is sent, and over how many connections
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    reuse: Connections,
}

/// Whether a connection carries more than one request
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    /// Each with a full handshake, none resumed
    OnePerRequest,
}

impl Workload {
    pub(crate) const fn new(
        name: &'static str,
        body_bytes: usize,
        connections: usize,
        reuse: Connections,
    ) -> Self {
        Self {
            name,
            body_bytes,
            connections,
            reuse,
        }
    }
}

/// A DetectAnomalies request as it goes over the wire, signed now by AWS's own signer
///
/// The image is a whole PNG. Padding up to `body_bytes` follows after its end, where image readers stop.
pub(crate) fn signed_detect_anomalies(body_bytes: usize) -> Result<Arc<[u8]>, Failure> {
    signed_detection("1", body_bytes)
}

/// Such a request for another model of the project `myProject`
pub(crate) fn signed_detection(model: &str, body_bytes: usize) -> Result<Arc<[u8]>, Failure> {
    let target = format!("/2020-11-20/projects/myProject/models/{model}/detect");
    let mut body = PNG.to_vec();
    // The bytes differ, although neither TLS nor SHA-256 would mind if they did not.
    let padding = (0_u32..).map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
    body.extend(padding.take(body_bytes.saturating_sub(PNG.len())));

    let identity = Credentials::new("test", SECRET_ACCESS_KEY, None, None, "serving").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(SERVICE)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let url = format!("https://{HOST}{target}");
    let headers = [("host", HOST), ("content-type", "image/png")];
    let signable = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(&body))?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut head = format!("POST {target} HTTP/1.1\r\n");
    for (name, value) in headers.into_iter().chain(instructions.headers()) {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    let mut request = head.into_bytes();
    request.append(&mut body);
    Ok(request.into())
}

/// Connects to one server and verifies its certificate
#[derive(Clone)]
pub(crate) struct Client {
    tls: TlsConnector,
    address: SocketAddr,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(server.ca())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            address: server.address,
        })
    }

    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(HOST).expect("a DNS name");
        Ok(Connection {
            stream: self.tls.connect(name, stream).await?,
            answer: Vec::with_capacity(ANSWER_BYTES_EXPECTED),
        })
    }

    /// The connections that a run starts with, so that the handshakes of kept connections are not counted
    pub(crate) async fn open(&self, workload: &Workload) -> io::Result<Vec<Option<Connection>>> {
        let mut connections = Vec::new();
        for _ in 0..workload.connections {
            connections.push(match workload.reuse {
                Connections::Kept => Some(self.connect().await?),
                Connections::OnePerRequest => None,
            });
        }
        Ok(connections)
    }

    /// Sends until the time is over, and returns how long each answer took
    pub(crate) async fn run(
        &self,
        workload: &Workload,
        request: &Arc<[u8]>,
        length: Duration,
    ) -> Result<Vec<Duration>, Failure> {
        self.run_on(self.open(workload).await?, request, length).await
    }

    /// [`Client::run`] on connections that are open already; `None` stands for a new one for each request
    pub(crate) async fn run_on(
        &self,
        connections: Vec<Option<Connection>>,
        request: &Arc<[u8]>,
        length: Duration,
    ) -> Result<Vec<Duration>, Failure> {
        let end = Instant::now() + length;
        let mut senders = JoinSet::new();
        for mut kept in connections {
            let (client, request) = (self.clone(), request.clone());
            senders.spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < end {
                    let begun = Instant::now();
                    match &mut kept {
                        Some(connection) => connection.exchange(&request).await?,
                        None => {
                            let mut connection = client.connect().await?;
                            connection.exchange(&request).await?;
                            connection.stream.shutdown().await?;
                        }
                    }
                    latencies.push(begun.elapsed());
                }
                io::Result::Ok(latencies)
            });
        }
        // A client that sleeps has to be woken, and the kernel charges that to the server: an interrupt on another
        // processor, which in a virtual machine costs as much as a quarter of a request. Whether a client sleeps
        // depends on which of the two is faster, so under load it stays awake. A test sends one request at a time, and
        // there the client sleeps.
        let awake = (senders.len() > 1).then(|| tokio::spawn(stay_awake()));
        let all = async {
            let mut latencies = Vec::new();
            while let Some(sender) = senders.join_next().await {
                latencies.extend(sender??);
            }
            Ok(latencies)
        };
        let latencies = timeout(length + PATIENCE, all).await;
        if let Some(awake) = awake {
            awake.abort();
        }
        latencies.map_err(|_| "the server stopped answering")?
    }

    /// Sends a number of requests on each of some connections at the same time
    pub(crate) async fn send_a_few(
        &self,
        request: &Arc<[u8]>,
        connections: usize,
        requests: usize,
    ) -> Result<(), Failure> {
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            let (mut connection, request) = (self.connect().await?, request.clone());
            senders.spawn(async move {
                for _ in 0..requests {
                    connection.exchange(&request).await?;
                }
                io::Result::Ok(connection)
            });
        }
        // All connections stay open until the last of them has its answers.
        let mut done = Vec::new();
        while let Some(sender) = senders.join_next().await {
            done.push(sender??);
        }
        Ok(())
    }
}

/// Keeps the runtime busy looking for arrived bytes
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// One TLS connection, and room for an answer
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    /// Sends the request and reads the whole answer, which must be 200
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.answer.clear();
        let end = loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = end_of_answer(&self.answer)? {
                break end;
            }
        };
        while self.answer.len() < end {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if self.answer.starts_with(b"HTTP/1.1 200 ") {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&self.answer);
        Err(io::Error::other(format!("not answered with 200 but\n{answer}")))
    }
}

/// Where the answer ends, once its head has arrived; both servers send the length of their answers
fn end_of_answer(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head_end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let length = std::str::from_utf8(&bytes[..head_end])
        .ok()
        .and_then(|head| head.split_once("content-length: "))
        .and_then(|(_, rest)| rest.split("\r\n").next())
        .and_then(|length| length.parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("an answer without its length"))?;
    Ok(Some(head_end + 4 + length))
}

const PNG: &[u8] = include_bytes!("../../tests/fixtures/images/min-64x64.png");
const ANSWER_BYTES_EXPECTED: usize = 4096;
/// How long a run may go on after its end before the server counts as dead
const PATIENCE: Duration = Duration::from_secs(10);
