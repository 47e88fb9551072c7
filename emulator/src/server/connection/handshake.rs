//! The handshake: from an accepted connection to a TLS session, or to the answer that the client gets instead.

use std::{net::SocketAddr, sync::Arc};

use rustls::{ProtocolVersion, ServerConfig, server::Acceptor};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tracing::{debug, info, warn};

use super::{
    faults::{end_handshake, flaw_of},
    linger::linger,
};
use crate::{
    exchange,
    request::{Connection, TlsSession, body::Client},
    runtime::{
        Shared,
        faults::MetFault,
        unheard::{Ending, is_probe},
    },
    settings::{
        Limits,
        faults::{Effect, TlsFault},
    },
    tls::{CertsPaths, UNRECOGNIZED_NAME_ALERT},
};

/// The session, its connection, and whether it is normal that no request follows: `doctor` only tests the handshake, or
/// a fault met it
pub(super) async fn handshake(
    shared: &Shared,
    tls: Arc<ServerConfig>,
    mut stream: TcpStream,
    peer: SocketAddr,
    limits: &Limits,
) -> Option<(TlsStream<TcpStream>, Connection, bool)> {
    let local = stream.local_addr().ok()?;
    // A full answer goes out in one write; without this its last segment can wait 40 ms for an acknowledgement.
    stream.set_nodelay(true).ok()?;
    let (mut server_name, mut is_for_doctor, mut is_faulty) = (None, false, false);
    let client = || shared.bodies.client(peer.ip());
    let handshake = async {
        if speaks_plain_http(&stream).await {
            info!(
                %peer,
                "plain HTTP on the TLS port: call {}; the control API is {}",
                shared.addresses.endpoint_url(),
                shared.addresses.control_url()
            );
            // The client may be gone; there is nobody else to tell.
            let _ = stream.write_all(plain_http_answer().as_bytes()).await;
            return Err(NoSession::Ended(Ending::PlainHttp, Some(stream)));
        }
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let (error, stream) = match (&mut acceptor).await {
            Ok(mut begun) => {
                let hello = begun.client_hello();
                server_name = hello.server_name().map(str::to_owned);
                is_for_doctor = is_probe(&hello);
                match shared.authority.screen(server_name.as_deref()) {
                    Ok(()) => {
                        let met = match is_for_doctor {
                            true => None,
                            false => meet_fault(shared, local, peer, server_name.as_deref(), client()),
                        };
                        is_faulty = met.is_some();
                        let tls = match met {
                            None => tls,
                            Some(met) => match befall(shared, peer, &met, server_name.as_deref(), tls) {
                                Ok(tls) => tls,
                                Err(fault) => return Err(NoSession::Fault(met, fault, begun.io)),
                            },
                        };
                        match begun.into_stream(tls).into_fallible().await {
                            Ok(session) => return Ok(session),
                            Err((error, stream)) => (error, Some(stream)),
                        }
                    }
                    Err(refusal) => {
                        // Logged first, so that a client that has the alert finds the reason in the log.
                        info!(%peer, "no TLS session: {refusal}");
                        // rustls would say `access_denied`; this alert tells the client what is wrong.
                        let _ = begun.io.write_all(&UNRECOGNIZED_NAME_ALERT).await;
                        let ending = Ending::NoCertificate(refusal.to_string());
                        return Err(NoSession::Ended(ending, Some(begun.io)));
                    }
                }
            }
            Err(error) => (error, acceptor.take_io()),
        };
        debug!(%peer, %error, "no TLS session");
        Err(NoSession::Ended(Ending::of_handshake(&error), stream))
    };
    let shaken = timeout(limits.handshake_timeout, handshake).await;
    let unheard = |ending: Ending| {
        shared.handshakes.count_ended(&ending);
        // The journal has an entry about what a fault did.
        if !is_for_doctor && !is_faulty {
            remark(shared, peer, &ending);
            shared.unheard.count(server_name.clone(), ending, peer.ip());
        }
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(NoSession::Fault(met, fault, stream))) => {
            end_handshake(met, fault, stream, shared.stopping.clone()).await;
            return None;
        }
        Ok(Err(NoSession::Ended(ending, stream))) => {
            unheard(ending);
            if let Some(mut stream) = stream {
                // A client that is still sending must be able to read the alert or the answer.
                let _ = stream.shutdown().await;
                linger(&mut stream, limits).await;
            }
            return None;
        }
        Err(_) => {
            shared.limits_reached.handshake_timeout.note();
            unheard(Ending::HandshakeTimeout);
            return None;
        }
    };
    shared.handshakes.count_done();
    let session = stream.get_ref().1;
    let tls = TlsSession {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        sni: session.server_name().map(Into::into),
        alpn: session
            .alpn_protocol()
            .map(|protocol| String::from_utf8_lossy(protocol).into()),
    };
    let connection = Connection::new(local, peer, tls, client());
    Some((stream, connection, is_for_doctor || is_faulty))
}

/// Why there is no session
enum NoSession {
    /// The handshake ended; with the stream where the client may still be reading
    Ended(Ending, Option<TcpStream>),
    /// A fault ends it
    Fault(MetFault, TlsFault, TcpStream),
}

/// The TLS configuration of a handshake that a fault meets
///
/// # Errors
/// With the fault, when it ends the handshake instead.
fn befall(
    shared: &Shared,
    peer: SocketAddr,
    met: &MetFault,
    server_name: Option<&str>,
    tls: Arc<ServerConfig>,
) -> Result<Arc<ServerConfig>, TlsFault> {
    info!(%peer, "the fault `{}` befalls the handshake", met.name());
    let Effect::Tls(fault) = *met.effect() else {
        return Ok(tls);
    };
    let flaw = flaw_of(fault).ok_or(fault)?;
    let flawed = shared
        .authority
        .flawed_config(flaw, server_name, &tls.alpn_protocols);
    Ok(flawed.unwrap_or_else(|| {
        warn!(%peer, "the certificate authority has no such certificate: the handshake goes on as always");
        tls
    }))
}

/// Looks for a fault after the first message of a handshake has arrived
fn meet_fault(
    shared: &Shared,
    local: SocketAddr,
    peer: SocketAddr,
    server_name: Option<&str>,
    client: Client,
) -> Option<MetFault> {
    let tls = TlsSession {
        version: "none",
        sni: server_name.map(Into::into),
        alpn: None,
    };
    exchange::meet_in_handshake(shared, || Connection::new(local, peer, tls, client))
}

/// Logs what a client that got no answer most likely needs
pub(super) fn remark(shared: &Shared, peer: SocketAddr, ending: &Ending) {
    match ending {
        Ending::Alert(alert) if ALERTS_ABOUT_TRUST.contains(&alert.as_str()) => {
            let advice = trust_advice(shared);
            info!(%peer, "a client does not trust the certificate authority (alert {alert}): {advice}");
        }
        Ending::NoRequest => {
            let advice = trust_advice(shared);
            info!(
                %peer,
                "a client has closed its connection without a request, as Node.js does when it does not trust the certificate \
                 authority: {advice}"
            );
        }
        // These were logged before they were answered.
        Ending::PlainHttp | Ending::NoCertificate(_) => {}
        _ => debug!(%peer, "no TLS session: {ending}"),
    }
}

/// The alerts by which a client says that it does not take our certificate (RFC 8446, section 6.2)
///
/// `unknown_ca` comes of OpenSSL (Python, curl) and rustls, `bad_certificate` of Go, `certificate_unknown` of Java. Node.js
/// sends none and closes.
const ALERTS_ABOUT_TRUST: [&str; 3] = ["UnknownCA", "BadCertificate", "CertificateUnknown"];

/// What lets a client trust the CA
fn trust_advice(shared: &Shared) -> String {
    let ca = match (&shared.public_certs, shared.authority.paths()) {
        (Some(folder), _) => CertsPaths::in_directory(folder).ca.display().to_string(),
        (None, Some(paths)) => paths.ca.display().to_string(),
        (None, None) => format!("{}/ca.pem", shared.addresses.control_url()),
    };
    format!(
        "let it trust {ca}; `lookoutvision-emulator env` prints the variable that each client reads (AWS_CA_BUNDLE, \
         SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, JAVA_TOOL_OPTIONS)"
    )
}

/// Whether the first bytes are a plain HTTP request's: a TLS client begins with a handshake record, and its first
/// byte 0x16 begins no method (RFC 8446, section 5.1).
async fn speaks_plain_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

fn plain_http_answer() -> String {
    let text = "This port speaks TLS: use https:// and trust the CA that the emulator names at its start.\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
}
