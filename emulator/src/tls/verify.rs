//! Judging our own authority as a client does, with the verifier of rustls.

use std::sync::Arc;

use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{ServerName, UnixTime},
};

use super::{CertificateAuthority, CertsError};
use crate::host_name::HostName;

/// Whether a client that trusts the authority takes a certificate of its with these names
pub(super) fn is_accepted(
    authority: &CertificateAuthority,
    names: &[HostName],
    now: Timestamp,
) -> Result<bool, CertsError> {
    let server_name = names
        .first()
        .and_then(|name| ServerName::try_from(name.to_string()).ok());
    let Some(server_name) = server_name else {
        return Ok(false);
    };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertsError::Make)?;
    let leaf = authority.certify(names, &key, now)?;
    let roots = RootCertStore {
        roots: vec![authority.certificate().anchor().clone()],
    };
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
            .build()
            .expect("there is one trust anchor and no revocation list");
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        now.as_second().try_into().unwrap_or(0),
    ));
    Ok(verifier
        .verify_server_cert(&leaf.der, &[], &server_name, &[], now)
        .is_ok())
}
