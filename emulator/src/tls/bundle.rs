//! `ca-bundle.pem`: the system's trust anchors and our authority in one file.
//!
//! Some settings (`AWS_CA_BUNDLE`, `SSL_CERT_FILE`) replace the anchors a client trusts instead of adding to them. A
//! client that also talks to real servers needs both kinds in the file it is pointed to.

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;

use super::{authority::certificate_pem, certificate::is_from_an_emulator};

/// The trust anchors of this system
#[derive(Debug)]
pub(super) struct SystemRoots(Vec<CertificateDer<'static>>);

impl SystemRoots {
    /// Reads them; a system without any, such as an image made `FROM scratch`, has an empty list.
    pub(super) fn load() -> Self {
        let mut roots = match openssl_probe::probe().cert_file {
            Some(file) if cfg!(target_os = "linux") => {
                rustls_native_certs::load_certs_from_paths(Some(&file), None).certs
            }
            _ => rustls_native_certs::load_native_certs().certs,
        };
        // `SSL_CERT_FILE` may point at the bundle that we wrote the last time.
        roots.retain(|root| !is_from_an_emulator(root));
        Self(roots)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text of the bundle
pub(super) fn text(system_roots: &SystemRoots, ca_pem: &str) -> String {
    let mut text = String::with_capacity(
        ca_pem.len()
            + system_roots
                .0
                .iter()
                .map(|root| root.len() * 3 / 2)
                .sum::<usize>(),
    );
    writeln!(text, "{HEADER}").expect("writing to a String cannot fail");
    text.push_str(ca_pem);
    for root in &system_roots.0 {
        text.push_str(&certificate_pem(root));
    }
    text
}

/// Whether we wrote this bundle, whatever the system's anchors were then
pub(super) fn is_ours(text: &[u8]) -> bool {
    text.starts_with(HEADER.as_bytes())
}

/// Readers of PEM skip text outside the blocks.
const HEADER: &str =
    "# lookoutvision-emulator: its certificate authority, for testing only, and this system's trust anchors";

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::tls::{CertificateAuthority, ServedNames};

    #[test]
    fn the_bundle_holds_our_authority_and_every_anchor_of_the_system() {
        let ours = CertificateAuthority::in_memory(ServedNames::new(&[], &[], None).unwrap()).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        let other = rcgen::CertificateParams::default()
            .self_signed(&other)
            .unwrap()
            .der()
            .clone();
        let text = text(&SystemRoots(vec![other.clone()]), ours.ca_pem());
        let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            found,
            [
                CertificateDer::from_pem_slice(ours.ca_pem().as_bytes()).unwrap(),
                other
            ]
        );
        assert!(is_ours(text.as_bytes()));
        assert!(!is_ours(ours.ca_pem().as_bytes()));
    }
}
