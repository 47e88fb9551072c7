//! Reads a certificate of ours: who issued it, which key it holds, what it permits or certifies, and how long it is
//! valid.
//!
//! rustls's verifier reads an authority's key and constraints but does not expose the rest, so validity, issuer and
//! names are read here.

use std::{net::IpAddr, sync::LazyLock};

use jiff::Timestamp;
use memchr::memmem::{self, Finder};
use rcgen::PublicKeyData;
use ring::digest::{SHA256, digest};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, TrustAnchor},
};
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, Tag};

use super::{Fingerprint, names::CertifiedName};

/// The time in which a certificate is valid, both ends included
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// The first second
    pub not_before: Timestamp,
    /// The last second
    pub not_after: Timestamp,
}

/// What is read from a certificate of ours: an authority's or a server's
#[derive(Debug)]
pub(super) struct CertificateFields {
    pub(super) validity: Validity,
    /// A `Name`, in DER
    pub(super) issuer: Vec<u8>,
    /// A `SubjectPublicKeyInfo`, in DER
    pub(super) public_key: Vec<u8>,
    /// The subject's alternative names; an authority has none
    pub(super) names: Vec<CertifiedName>,
}

/// The certificate of an authority that this emulator made
#[derive(Debug)]
pub(super) struct AuthorityCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) validity: Validity,
    anchor: TrustAnchor<'static>,
}

impl AuthorityCertificate {
    /// Reads a certificate; `None` when it is not that of an authority that this emulator made
    pub(super) fn read(der: CertificateDer<'static>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).ok()?;
        let anchor = roots.roots.pop()?;
        // Our common name ends in digits of the public key, so no other certificate looks like ours by accident.
        let point = anchor.subject_public_key_info.last_chunk::<P256_POINT_BYTES>()?;
        if !contains(&anchor.subject, common_name(point).as_bytes()) {
            return None;
        }
        let validity = CertificateFields::read(&der).ok()?.validity;
        Some(Self {
            der,
            validity,
            anchor,
        })
    }

    /// Whether this is the certificate of `key`
    pub(super) fn certifies(&self, key: &impl PublicKeyData) -> bool {
        // The anchor holds the content of the SEQUENCE that the key prints as a whole.
        key.subject_public_key_info()
            .ends_with(&self.anchor.subject_public_key_info)
    }

    /// Whether a certificate with this issuer (DER) may come from this authority: only its signature would tell two
    /// authorities of one name apart
    pub(super) fn is_issuer(&self, issuer: &[u8]) -> bool {
        // The anchor holds the content of the SEQUENCE.
        issuer.ends_with(&self.anchor.subject)
    }

    /// The certificate's fingerprint
    pub(super) fn fingerprint_sha256(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
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
pub(crate) fn is_from_an_emulator(der: &[u8]) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(COMMON_NAME_START));
    FINDER.find(der).is_some()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memmem::find(haystack, needle).is_some()
}

impl CertificateFields {
    /// RFC 5280, section 4.1: `Certificate` and its `TBSCertificate`
    pub(super) fn read(der: &[u8]) -> ASN1Result<Self> {
        yasna::parse_der(der, |certificate| {
            certificate.read_sequence(|certificate| {
                let fields = certificate.next().read_sequence(|tbs| {
                    let _version = tbs.next().read_der()?;
                    let _serial_number = tbs.next().read_der()?;
                    let _signature = tbs.next().read_der()?;
                    let issuer = tbs.next().read_der()?;
                    let validity = tbs.next().read_sequence(|validity| {
                        Ok(Validity {
                            not_before: read_time(validity.next())?,
                            not_after: read_time(validity.next())?,
                        })
                    })?;
                    let _subject = tbs.next().read_der()?;
                    let public_key = tbs.next().read_der()?;
                    let names = tbs.next().read_tagged(Tag::context(3), read_alternative_names)?;
                    Ok(Self {
                        validity,
                        issuer,
                        public_key,
                        names,
                    })
                })?;
                let _signature_algorithm = certificate.next().read_der()?;
                let _signature_value = certificate.next().read_der()?;
                Ok(fields)
            })
        })
    }
}

/// RFC 5280, section 4.1.2.9: `Extensions`, and of them section 4.2.1.6: `SubjectAltName`
fn read_alternative_names(extensions: BERReader<'_, '_>) -> ASN1Result<Vec<CertifiedName>> {
    let mut names = Vec::new();
    extensions.read_sequence_of(|extension| {
        extension.read_sequence(|extension| {
            let id = extension.next().read_oid()?;
            extension.read_optional(|critical| critical.read_bool().map(drop))?;
            let value = extension.next().read_bytes()?;
            if **id.components() == SUBJECT_ALT_NAME {
                yasna::parse_der(&value, |value| {
                    value.read_sequence_of(|name| {
                        names.push(read_name(name)?);
                        Ok(())
                    })
                })?;
            }
            Ok(())
        })
    })?;
    Ok(names)
}

/// A `GeneralName` of the two kinds that our certificates have: `dNSName` and `iPAddress`
fn read_name(name: BERReader<'_, '_>) -> ASN1Result<CertifiedName> {
    let invalid = || ASN1Error::new(ASN1ErrorKind::Invalid);
    let tag = name.lookahead_tag()?;
    if tag == Tag::context(2) {
        return name.read_tagged_implicit(tag, |name| {
            CertifiedName::from_dns(&name.read_ia5_string()?).ok_or_else(invalid)
        });
    }
    name.read_tagged_implicit(Tag::context(7), |name| {
        let bytes = name.read_bytes()?;
        let v4 = <[u8; 4]>::try_from(&*bytes).map(IpAddr::from);
        let address = v4.or_else(|_| <[u8; 16]>::try_from(&*bytes).map(IpAddr::from));
        let address = address.map_err(|_| invalid())?;
        Ok(CertifiedName::Host(address.into()))
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

/// `id-ce-subjectAltName`, as numbers for the BER reader
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];

/// An uncompressed point on P-256: a tag and two coordinates
const P256_POINT_BYTES: usize = 65;
