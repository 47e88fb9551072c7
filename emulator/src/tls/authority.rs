//! The authority itself: one key, one certificate, and the leaves it signs.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, date_time_ymd,
};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use rustls::pki_types::CertificateDer;

use super::{
    CertsError, CertsPaths, Validity, bundle,
    certificate::{AuthorityCertificate, common_name},
    names::{self, ServedNames, subject_alt_name},
    truststore,
};
use crate::{config::EmulatedName, host_name::HostName};

/// A certificate authority that certifies the emulator's own names and nothing else
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: AuthorityCertificate,
    certificate_pem: String,
    names: ServedNames,
    paths: Option<CertsPaths>,
}

/// The SHA-256 digest of a certificate, printed as `openssl x509 -fingerprint -sha256` does
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A certificate for one server name
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) der: CertificateDer<'static>,
    pub(super) validity: Validity,
}

impl CertificateAuthority {
    /// An authority that lives and dies with this process
    ///
    /// # Errors
    /// A name is not a DNS name, or the system has no random numbers.
    pub fn in_memory(names: &[EmulatedName]) -> Result<Self, CertsError> {
        let names = ServedNames::new(names, names::own_host())?;
        Self::make(names, Timestamp::now())
    }

    /// A new authority
    pub(super) fn make(names: ServedNames, now: Timestamp) -> Result<Self, CertsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertsError::Make)?;
        let mut params = params(&key);
        params.name_constraints = Some(names.constraints());
        params.serial_number = Some(random_serial_number()?);
        let not_before = now - BACKDATED_BY;
        let validity = Validity {
            not_before,
            not_after: not_before + AUTHORITY_LIFETIME,
        };
        set_validity(&mut params, validity);
        let certificate = params.self_signed(&key).map_err(CertsError::Make)?;
        let certificate = AuthorityCertificate::read(certificate.der().clone())
            .expect("what was made a line above can be read");
        Ok(Self::new(key, certificate, names))
    }

    /// The authority of a key and the certificate that was made for it
    pub(super) fn new(key: KeyPair, certificate: AuthorityCertificate, names: ServedNames) -> Self {
        debug_assert!(certificate.certifies(&key));
        let certificate_pem = certificate_pem(&certificate.der);
        // INVARIANT: subject and key identifier follow from the key alone, so the issuer of a stored authority is the
        // issuer that was made, and nothing has to be read back from its certificate.
        let issuer = Issuer::new(params(&key), key);
        Self {
            issuer,
            certificate,
            certificate_pem,
            names,
            paths: None,
        }
    }

    pub(super) fn with_names(self, names: ServedNames) -> Self {
        Self { names, ..self }
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
        Fingerprint::of(&self.certificate.der)
    }

    /// When the certificate, and every leaf with it, ends
    pub fn not_after(&self) -> Timestamp {
        self.certificate.validity.not_after
    }

    /// The names it certifies
    pub fn names(&self) -> &ServedNames {
        &self.names
    }

    /// Its files; `None` when it lives in memory
    pub fn paths(&self) -> Option<&CertsPaths> {
        self.paths.as_ref()
    }

    pub(super) fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    /// Key and certificate in one PEM text, the form in which the authority is kept
    pub(super) fn key_and_certificate_pem(&self) -> String {
        let key = pem::Pem::new("PRIVATE KEY", self.issuer.key().serialized_der());
        format!("{}{}", encode(&key), self.certificate_pem)
    }

    /// Certifies `names` for `key`
    pub(super) fn certify(
        &self,
        names: &[HostName],
        key: &impl PublicKeyData,
        now: Timestamp,
    ) -> Result<Leaf, CertsError> {
        let authority = self.certificate.validity;
        let not_before = (now - BACKDATED_BY).max(authority.not_before);
        let validity = Validity {
            not_before,
            not_after: (not_before + LEAF_LIFETIME).min(authority.not_after),
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names.iter().map(subject_alt_name).collect();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(random_serial_number()?);
        set_validity(&mut params, validity);
        let leaf = params.signed_by(key, &self.issuer).map_err(CertsError::Make)?;
        Ok(Leaf {
            der: leaf.der().clone(),
            validity,
        })
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
    fn of(der: &[u8]) -> Self {
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

/// What follows from the key alone, and what every authority of ours has in common
fn params(key: &KeyPair) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(
        DnType::OrganizationName,
        "lookoutvision-emulator (for testing only)",
    );
    subject.push(DnType::CommonName, common_name(key.public_key_raw()));
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    // It certifies leaves and no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Name constraints leave mail addresses and URIs alone; this keeps the authority to TLS servers.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// CA/Browser Forum Baseline Requirements, section 7.1: at least 64 bits of randomness; here 128.
fn random_serial_number() -> Result<SerialNumber, CertsError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CertsError::NoRandomNumbers)?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Dates a certificate; going through a sum spares us a dependency on the crate of rcgen's dates.
fn set_validity(params: &mut CertificateParams, validity: Validity) {
    let date = |instant: Timestamp| {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(instant.as_second().try_into().unwrap_or(0))
    };
    params.not_before = date(validity.not_before);
    params.not_after = date(validity.not_after);
}

pub(super) fn certificate_pem(der: &[u8]) -> String {
    encode(&pem::Pem::new("CERTIFICATE", der))
}

fn encode(pem: &pem::Pem) -> String {
    pem::encode_config(pem, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

/// Two years: long enough to be trusted once, short enough that a forgotten authority ends
pub(super) const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(730 * 24);
/// CA/Browser Forum ballot SC31 and the platforms' rules behind it: a server certificate lasts at most 398 days
pub(super) const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(397 * 24);
/// For clients whose clock is behind: machines that slept, containers on another host
pub(super) const BACKDATED_BY: SignedDuration = SignedDuration::from_hours(1);
