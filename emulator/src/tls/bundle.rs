//! `ca-bundle.pem`: the system's trust anchors and our authority in one file.
//!
//! Some settings (`AWS_CA_BUNDLE`, `SSL_CERT_FILE`) replace the anchors a client trusts instead of adding to them. A
//! client that also talks to real servers needs both kinds in the file it is pointed to.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{authority::certificate_pem, certificate::is_from_an_emulator};

/// The trust anchors of this system, as PEM one after the other
#[derive(Debug)]
pub(super) struct SystemRoots(String);

impl SystemRoots {
    /// Reads them; a system without any, such as an image made `FROM scratch`, has an empty list
    pub(super) fn load() -> Self {
        let text = match openssl_probe::probe().cert_file {
            Some(file) if cfg!(target_os = "linux") => fs::read_to_string(file).unwrap_or_default(),
            _ => {
                let roots = rustls_native_certs::load_native_certs().certs;
                roots.iter().map(|root| certificate_pem(root)).collect()
            }
        };
        // `SSL_CERT_FILE` may point at the bundle that we wrote last time.
        let of_others = |root: &&str| certificate_der(root).is_some_and(|der| !is_from_an_emulator(&der));
        let mut roots = String::with_capacity(text.len());
        roots.extend(certificates_in(&text).filter(of_others));
        Self(roots)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text of the bundle
pub(super) fn text(system_roots: &SystemRoots, ca_pem: &str) -> String {
    [HEADER, "\n", ca_pem, &system_roots.0].concat()
}

/// Each certificate of a PEM file as it is written there, with the end of its last line
///
/// They are copied unchanged: to decode and encode all of a system's roots took a good part of a start.
fn certificates_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, begun) = rest.split_at_checked(rest.find(BEGIN)?)?;
        let end = begun.find(END)? + END.len();
        let line_end = begun[end..]
            .find('\n')
            .map_or(begun.len(), |length| end + length + 1);
        let (certificate, after) = begun.split_at_checked(line_end)?;
        rest = after;
        Some(certificate)
    })
}

/// What one PEM block holds
fn certificate_der(pem: &str) -> Option<Vec<u8>> {
    let (content, _) = pem.strip_prefix(BEGIN)?.split_once(END)?;
    let mut digits = String::with_capacity(content.len());
    digits.extend(content.lines().map(str::trim_ascii));
    STANDARD.decode(digits).ok()
}

/// Whether we wrote this bundle, whatever the system's anchors were then
pub(super) fn is_ours(text: &[u8]) -> bool {
    text.starts_with(HEADER.as_bytes())
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Readers of PEM skip text outside the blocks
const HEADER: &str =
    "# lookoutvision-emulator: its certificate authority, for testing only, and this system's trust anchors";

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, pem::PemObject};

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
        let text = text(&SystemRoots(certificate_pem(&other)), ours.ca_pem());
        let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            found,
            [
                CertificateDer::from_pem_slice(ours.ca_pem().as_bytes()).unwrap(),
                other.clone()
            ]
        );
        let [_, system] = certificates_in(&text).collect::<Vec<_>>()[..] else {
            panic!("two certificates are in\n{text}");
        };
        assert_eq!(certificate_der(system).unwrap(), other.to_vec());
        assert!(is_ours(text.as_bytes()));
        assert!(!is_ours(ours.ca_pem().as_bytes()));
    }

    #[test]
    fn certificates_are_found_whatever_stands_around_them_and_one_without_an_end_is_none() {
        let crlf = format!("{BEGIN}\r\nAQID\r\n{END}\r\n");
        let file = format!("# Some CA\n{crlf}\nText: {BEGIN}\nBAUG\n{END}");
        let found: Vec<_> = certificates_in(&file).collect();
        assert_eq!(found, [crlf.as_str(), &format!("{BEGIN}\nBAUG\n{END}")]);
        let ders: Vec<_> = found.into_iter().map(certificate_der).collect();
        assert_eq!(ders, [Some(vec![1, 2, 3]), Some(vec![4, 5, 6])]);
        assert_eq!(certificates_in(&format!("{BEGIN}\nAQID\n")).next(), None);
        assert_eq!(certificate_der(&format!("{BEGIN}\nA?\n{END}\n")), None);
    }
}
