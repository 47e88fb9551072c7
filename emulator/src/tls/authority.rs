//! The authority as it is stored: its certificate, and the server certificates that it signed when it was made.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aws_identifiers::Region;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;

use super::{
    CertsError, CertsPaths, bundle,
    certificate::AuthorityCertificate,
    flawed_config,
    names::{self, CertifiedName, NameRefusal, ServedNames},
    server_certificates::{CertificateFlaw, ServerCertificate, ServerCertificates},
    signing::SigningAuthority,
    truststore,
};
use crate::network::host_name::{EmulatedHost, HostName};

/// A certificate authority that has certified the emulator's own names and can certify nothing else
///
/// Its private key signed a fixed set of server certificates when it was made, and is gone.
pub struct CertificateAuthority {
    certificate: AuthorityCertificate,
    certificate_pem: String,
    server: ServerCertificates,
    pub(super) names: ServedNames,
    paths: Option<CertsPaths>,
    /// An authority that nobody trusts, for faults; made when it is first needed
    unknown: OnceLock<Option<Box<Self>>>,
}

/// The SHA-256 digest of a certificate, printed as `openssl x509 -fingerprint -sha256` does
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl CertificateAuthority {
    /// An authority in memory, which ends with this process
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn in_memory(names: ServedNames) -> Result<Self, CertsError> {
        Self::make(names, Timestamp::now())
    }

    /// A new authority
    pub(super) fn make(names: ServedNames, now: Timestamp) -> Result<Self, CertsError> {
        let (certificate, server) = SigningAuthority::make(&names, now)?.sign(&names)?;
        Ok(Self::new(certificate, server, names))
    }

    /// The authority with this certificate, and the certificates that it signed
    pub(super) fn new(
        certificate: AuthorityCertificate,
        server: ServerCertificates,
        names: ServedNames,
    ) -> Self {
        Self {
            certificate_pem: certificate_pem(&certificate.der),
            certificate,
            server,
            names,
            paths: None,
            unknown: OnceLock::new(),
        }
    }

    pub(super) fn stored_in(self, paths: CertsPaths) -> Self {
        Self {
            paths: Some(paths),
            ..self
        }
    }

    /// The certificate that clients have to trust
    pub fn ca_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The system's trust anchors and this certificate, for clients that take a bundle *instead of* their own
    ///
    /// Reads the system's store each time it is called.
    pub fn ca_bundle_pem(&self) -> String {
        bundle::text(&bundle::SystemRoots::load(), self.ca_pem())
    }

    /// A PKCS#12 truststore for Java, password `changeit`
    pub fn truststore_p12(&self) -> Vec<u8> {
        truststore::pkcs12(&self.certificate.der)
    }

    /// The certificate's fingerprint
    pub fn fingerprint_sha256(&self) -> Fingerprint {
        self.certificate.fingerprint_sha256()
    }

    /// When the certificate ends; the server certificates end a second before it
    pub(crate) fn not_after(&self) -> Timestamp {
        self.certificate.validity.not_after
    }

    /// The paths of its files; `None` when it is in memory
    pub(crate) fn paths(&self) -> Option<&CertsPaths> {
        self.paths.as_ref()
    }

    /// Whether a client that asks for this TLS server name gets a certificate; `None`: the client named no server
    ///
    /// # Errors
    /// When the name is not ours, or no certificate has it.
    pub(crate) fn screen(&self, server_name: Option<&str>) -> Result<(), NameRefusal> {
        self.find(server_name).map(|_| ())
    }

    /// The certificate for a TLS server name, and the host name that it was found by
    pub(super) fn find(
        &self,
        server_name: Option<&str>,
    ) -> Result<(HostName, &ServerCertificate), NameRefusal> {
        let host = self.names.screen(server_name)?.unwrap_or_else(names::localhost);
        if let Some(certificate) = self.server.find(&host) {
            return Ok((host, certificate));
        }
        Err(match host.emulated() {
            EmulatedHost::Regional(regional) => no_region(&host, regional.region),
            EmulatedHost::Vpce(endpoint) => no_region(&host, endpoint.region),
            EmulatedHost::NotPlayed | EmulatedHost::Other => NameRefusal::Unknown(host.to_string()),
        })
    }

    /// Whether it has expired certificates and certificates that are not valid yet; authorities of earlier versions
    /// have none
    pub(crate) fn has_flawed_certificates(&self) -> bool {
        let host = names::localhost();
        [CertificateFlaw::Expired, CertificateFlaw::NotYetValid]
            .iter()
            .all(|flaw| self.server.find_flawed(&host, *flaw).is_some())
    }

    /// The TLS configuration of a handshake in which a client that asks for this server name gets a certificate with a
    /// flaw; `None`: there is no such certificate
    pub(crate) fn flawed_config(
        &self,
        flaw: CertificateFlaw,
        server_name: Option<&str>,
        alpn_protocols: &[Vec<u8>],
    ) -> Option<Arc<ServerConfig>> {
        let host = self
            .names
            .screen(server_name)
            .ok()?
            .unwrap_or_else(names::localhost);
        let certificate = match flaw {
            CertificateFlaw::UnknownAuthority => {
                let unknown = self.unknown.get_or_init(|| {
                    let made = Self::in_memory(self.names.clone());
                    made.map(Box::new).ok()
                });
                unknown.as_ref()?.server.find(&host)?
            }
            _ => self.server.find_flawed(&host, flaw)?,
        };
        Some(flawed_config(certificate.certified.clone(), alpn_protocols))
    }

    /// Whether there are certificates for every name in a Region
    pub(crate) fn covers_region(&self, region: &Region) -> bool {
        names::names_in(region).iter().all(|name| self.server.has(name))
    }

    /// Whether there is a certificate with this name or address
    pub(super) fn covers_host(&self, host: &HostName) -> bool {
        CertifiedName::that_cover(host).any(|name| self.server.has(&name))
    }

    pub(super) fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    /// The server key, its certificates and the authority's certificate in one PEM text, the form in which it is kept
    pub(super) fn server_key_pem(&self) -> String {
        self.server.pem() + &self.certificate_pem
    }

    /// The authority without certificates for the machine's own name
    pub(super) fn without_own_host(self) -> Self {
        Self {
            names: self.names.without_own_host(),
            ..self
        }
    }
}

fn no_region(host: &HostName, region: Region) -> NameRefusal {
    NameRefusal::UnknownRegion {
        name: host.to_string(),
        region,
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("fingerprint", &self.fingerprint_sha256())
            .field("not_after", &self.not_after())
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl Fingerprint {
    pub(crate) fn of(der: &[u8]) -> Self {
        let hash = digest(&SHA256, der);
        Self(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn certificate_pem(der: &[u8]) -> String {
    encode(&pem::Pem::new("CERTIFICATE", der))
}

pub(super) fn private_key_pem(der: &[u8]) -> String {
    encode(&pem::Pem::new("PRIVATE KEY", der))
}

fn encode(pem: &pem::Pem) -> String {
    pem::encode_config(pem, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}
