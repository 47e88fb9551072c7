//! Checks our own certificates as a client does, with the verifier of rustls.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::certificate::AuthorityCertificate;
use crate::network::host_name::HostName;

/// Whether a client that trusts the authority and looks for `host` accepts a certificate at this time
pub(super) fn is_accepted(
    authority: &AuthorityCertificate,
    certificate: &CertificateDer<'_>,
    host: &HostName,
    now: Timestamp,
) -> bool {
    let Ok(server_name) = ServerName::try_from(host.to_string()) else {
        return false;
    };
    let roots = RootCertStore {
        roots: vec![authority.anchor().clone()],
    };
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
            .build()
            .expect("there is one trust anchor and no revocation list");
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        now.as_second().try_into().unwrap_or(0),
    ));
    verifier
        .verify_server_cert(certificate, &[], &server_name, &[], now)
        .is_ok()
}
