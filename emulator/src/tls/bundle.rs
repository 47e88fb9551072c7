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
        let mut roots = rustls_native_certs::load_native_certs().certs;
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
