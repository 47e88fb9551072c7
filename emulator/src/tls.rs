//! The emulator's side of TLS: a certificate authority of its own and certificates for every name it plays.
//!
//! A client that uses the service's real host name expects a certificate for it, so the emulator makes an authority on
//! its first start, and the client is told to trust it. Three things keep that harmless: the authority is never
//! shipped, only made where it is used; it may certify AWS's domains, this machine and the configured names, and
//! nothing else (critical name constraints, which most clients enforce); and its key signs a fixed set of certificates
//! when it is made and is then forgotten. So nobody can make it certify anything else, even where a client ignores the
//! constraints: whoever copies the server's key can pose as the names in its certificates and as no others.
//!
//! The clock of certificates is the machine's, not the emulated one that `PUT /clock` sets: clients judge certificates
//! by their own clock, and an emulator that plays next year's requests must still be reachable.

mod authority;
mod bundle;
mod certificate;
mod directory;
mod error;
#[cfg(test)]
mod foreign;
mod leaves;
mod names;
mod notice;
mod server_certificates;
mod signing;
#[cfg(test)]
mod tests;
mod truststore;
mod verify;

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::ring,
    server::{NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache},
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::{DefaultTimeProvider, TimeProvider},
    version::{TLS12, TLS13},
};

pub use self::authority::{CertificateAuthority, Fingerprint};
use self::leaves::Leaves;
pub(crate) use self::{
    certificate::Validity,
    directory::{CertsPaths, make_or_renew, probe, probe_public},
    error::{CertsError, Damage},
    leaves::HandshakeRefusal,
    names::{InvalidName, ServedNames},
    notice::{CaNotice, Origin, RemakeReason, Remark},
    server_certificates::CertificateFlaw,
};
pub(crate) use self::{
    certificate::is_from_an_emulator,
    truststore::{TrustStoreError, read_truststore},
};

/// What TLS may keep in memory
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TlsLimits {
    /// Sessions that clients can resume, a few hundred bytes each
    pub sessions_max: usize,
}

impl Default for TlsLimits {
    fn default() -> Self {
        Self { sessions_max: 256 }
    }
}

/// The protocols offered to a client
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Alpn {
    /// `http/1.1`, which is what boto3, the AWS CLI and the JavaScript SDK speak
    #[default]
    Http11,
    /// `h2` first, then `http/1.1`
    Http2,
}

/// The TLS alert record of a server that does not know the client's server name (RFC 6066, section 3:
/// `unrecognized_name(112)`, fatal), to be written before anything else
///
/// rustls answers `access_denied` when there is no certificate. A server that reads the `ClientHello` first
/// (`rustls::server::Acceptor`), asks [`CertificateAuthority::screen`] and answers with this tells the client what is wrong.
pub(crate) const UNRECOGNIZED_NAME_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The TLS configuration of the listener
///
/// `refused` is called with the reason whenever a client gets no certificate.
pub(crate) fn server_config(
    authority: Arc<CertificateAuthority>,
    limits: TlsLimits,
    alpn: Alpn,
    refused: impl Fn(&HandshakeRefusal) + Send + Sync + 'static,
) -> Arc<ServerConfig> {
    let clock = Arc::new(DefaultTimeProvider);
    let leaves = Leaves::new(authority, clock.clone(), Box::new(refused));
    let mut config = config_of(Arc::new(leaves), clock);
    config.session_storage = ServerSessionMemoryCache::new(limits.sessions_max);
    config.alpn_protocols = match alpn {
        Alpn::Http11 => vec![b"http/1.1".to_vec()],
        Alpn::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Arc::new(config)
}

/// The TLS configuration of a handshake in which the client gets this certificate, whatever it asks for
fn flawed_config(certificate: Arc<CertifiedKey>, alpn_protocols: &[Vec<u8>]) -> Arc<ServerConfig> {
    let resolver = Arc::new(SingleCertAndKey::from(certificate));
    let mut config = config_of(resolver, Arc::new(DefaultTimeProvider));
    // A client that resumed a session would not look at the certificate.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = alpn_protocols.to_vec();
    Arc::new(config)
}

fn config_of(resolver: Arc<dyn ResolvesServerCert>, clock: Arc<dyn TimeProvider>) -> ServerConfig {
    // The provider is named here, so that a process-wide default of the program we are linked into changes nothing.
    ServerConfig::builder_with_details(Arc::new(ring::default_provider()), clock)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("ring has cipher suites for both versions")
        .with_no_client_auth()
        .with_cert_resolver(resolver)
}
