//! Reading back a certificate of ours: whose it is, which key it holds, what it permits and how long it lasts.
//!
//! rustls's verifier reads everything but the validity, which a trust anchor has none of to it; those two dates are
//! read here.

use jiff::Timestamp;
use rcgen::PublicKeyData;
use ring::digest::{SHA256, digest};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, TrustAnchor},
};
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader};

/// From when until when a certificate is good, both included
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second
    pub not_before: Timestamp,
    /// The last second
    pub not_after: Timestamp,
}

/// A certificate that this emulator made
#[derive(Debug)]
pub(super) struct AuthorityCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) validity: Validity,
    anchor: TrustAnchor<'static>,
}

impl AuthorityCertificate {
    /// Reads a certificate; `None` when it is not an authority that this emulator made.
    pub(super) fn read(der: CertificateDer<'static>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).ok()?;
        let anchor = roots.roots.pop()?;
        // Our common name ends in digits of the public key, so nobody else's certificate is ours by accident.
        let point = anchor.subject_public_key_info.last_chunk::<P256_POINT_BYTES>()?;
        if !contains(&anchor.subject, common_name(point).as_bytes()) {
            return None;
        }
        let validity = read_validity(&der).ok()?;
        Some(Self {
            der,
            validity,
            anchor,
        })
    }

    /// Whether this is the certificate of `key`
    pub(super) fn certifies(&self, key: &impl PublicKeyData) -> bool {
        // The anchor holds the inside of the SEQUENCE that the key prints whole.
        key.subject_public_key_info()
            .ends_with(&self.anchor.subject_public_key_info)
    }

    /// Whether the certificate limits what it may certify
    pub(super) fn is_name_constrained(&self) -> bool {
        self.anchor.name_constraints.is_some()
    }

    /// The trust anchor, as a client keeps it
    pub(super) fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }
}

/// The common name of the authority with this public key (uncompressed point)
pub(super) fn common_name(public_key: &[u8]) -> String {
    let hash = digest(&SHA256, public_key);
    let id: String = hash.as_ref()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{COMMON_NAME_START}{id}")
}

/// Whether a certificate, of any kind, comes from this program
pub(super) fn is_from_an_emulator(der: &[u8]) -> bool {
    contains(der, COMMON_NAME_START.as_bytes())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// RFC 5280, section 4.1: `Certificate` and its `TBSCertificate`
fn read_validity(der: &[u8]) -> ASN1Result<Validity> {
    yasna::parse_der(der, |certificate| {
        certificate.read_sequence(|certificate| {
            let validity = certificate.next().read_sequence(|tbs| {
                let _version = tbs.next().read_der()?;
                let _serial_number = tbs.next().read_der()?;
                let _signature = tbs.next().read_der()?;
                let _issuer = tbs.next().read_der()?;
                let validity = tbs.next().read_sequence(|validity| {
                    Ok(Validity {
                        not_before: read_time(validity.next())?,
                        not_after: read_time(validity.next())?,
                    })
                })?;
                let _subject = tbs.next().read_der()?;
                let _subject_public_key_info = tbs.next().read_der()?;
                let _extensions = tbs.next().read_der()?;
                Ok(validity)
            })?;
            let _signature_algorithm = certificate.next().read_der()?;
            let _signature_value = certificate.next().read_der()?;
            Ok(validity)
        })
    })
}

/// RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050
fn read_time(reader: BERReader<'_, '_>) -> ASN1Result<Timestamp> {
    let seconds = if reader.lookahead_tag()? == yasna::tags::TAG_UTCTIME {
        reader.read_utctime()?.datetime().unix_timestamp()
    } else {
        reader.read_generalized_time()?.datetime().unix_timestamp()
    };
    Timestamp::from_second(seconds).map_err(|_| ASN1Error::new(ASN1ErrorKind::Invalid))
}

const COMMON_NAME_START: &str = "lookoutvision-emulator testing CA ";

/// An uncompressed point on P-256: a tag and two coordinates
const P256_POINT_BYTES: usize = 65;
