//! The authority while it can sign: once, when it is made.
//!
//! No key that signs is ever written. What a copied key could do depends on how clients treat name constraints, and
//! many ignore them: Java does not apply those of a trust anchor, and for a certificate without alternative names curl,
//! OpenSSL, Python, Node.js and others fall back to its common name, which constraints do not cover. So the authority
//! signs every certificate that its emulator will need and forgets the key.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, date_time_ymd,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::CertificateDer;

use super::{
    CertsError, Validity,
    certificate::{AuthorityCertificate, common_name},
    names::{CertifiedName, ServedNames},
    server_certificates::{ServerCertificates, SignedCertificate},
    verify,
};
use crate::network::host_name::HostName;

/// An authority that still has its key; signing the certificates takes the key away
pub(super) struct SigningAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: AuthorityCertificate,
}

impl SigningAuthority {
    /// A new authority that may certify what these names need
    pub(super) fn make(names: &ServedNames, now: Timestamp) -> Result<Self, CertsError> {
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
        Ok(Self::of(key, certificate))
    }

    /// The authority of a key and the certificate that was made for it
    pub(super) fn of(key: KeyPair, certificate: AuthorityCertificate) -> Self {
        debug_assert!(certificate.certifies(&key));
        // INVARIANT: subject and key identifier follow from the key alone, so this issuer is that of the stored
        // certificate, and nothing has to be read back from it.
        let issuer = Issuer::new(params(&key), key);
        Self { issuer, certificate }
    }

    /// The names that a client would not accept from this authority, according to its own verifier
    pub(super) fn not_certifiable(&self, hosts: &[HostName]) -> Result<Vec<HostName>, CertsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertsError::Make)?;
        let mut refused = Vec::new();
        for host in hosts {
            let der = self.certify(&[CertifiedName::Host(host.clone())], &key)?;
            if !verify::is_accepted(
                &self.certificate,
                &der,
                host,
                self.certificate.validity.not_before,
            ) {
                refused.push(host.clone());
            }
        }
        Ok(refused)
    }

    /// Signs the certificates that the names need, with one key for all of them, and forgets the key that signed
    ///
    /// Two further certificates, for faults, have all the names: one has expired and one is not valid yet. A later start
    /// reads them and signs nothing.
    pub(super) fn sign(
        self,
        names: &ServedNames,
    ) -> Result<(AuthorityCertificate, ServerCertificates), CertsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertsError::Make)?;
        let sets = names.certificates();
        let authority = self.certificate.validity;
        let all_names = sets.concat();
        let sound = sets.into_iter().map(|names| (names, Validity::within(authority)));
        let flawed = [
            (all_names.clone(), Validity::over_before(authority)),
            (all_names, Validity::beginning_after(authority)),
        ];
        let mut certificates = Vec::new();
        for (names, validity) in sound.chain(flawed) {
            certificates.push(SignedCertificate {
                der: self.certify_for(&names, &key, validity)?,
                validity,
                names,
            });
        }
        let server = ServerCertificates::of(&key, certificates, &self.certificate)
            .expect("there is a certificate for `localhost`, and the key is of a kind that rustls takes");
        Ok((self.certificate, server))
    }

    pub(super) fn certify(
        &self,
        names: &[CertifiedName],
        key: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, CertsError> {
        self.certify_for(names, key, Validity::within(self.certificate.validity))
    }

    fn certify_for(
        &self,
        names: &[CertifiedName],
        key: &impl PublicKeyData,
        validity: Validity,
    ) -> Result<CertificateDer<'static>, CertsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names.iter().map(CertifiedName::subject_alt_name).collect();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(random_serial_number()?);
        set_validity(&mut params, validity);
        let certificate = params.signed_by(key, &self.issuer).map_err(CertsError::Make)?;
        Ok(certificate.der().clone())
    }

    #[cfg(test)]
    pub(super) fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    /// Key and certificate as versions before this one kept them
    #[cfg(test)]
    pub(super) fn former_pem(&self) -> String {
        let key = super::authority::private_key_pem(self.issuer.key().serialized_der());
        key + &super::authority::certificate_pem(&self.certificate.der)
    }
}

impl Validity {
    /// The validity of a server certificate
    fn within(authority: Self) -> Self {
        Self {
            not_before: authority.not_before,
            not_after: authority.not_after - ENDS_BEFORE_THE_AUTHORITY,
        }
    }

    /// The validity of a certificate that has expired whenever the authority is used
    fn over_before(authority: Self) -> Self {
        Self {
            not_before: authority.not_before - FLAWED_LIFETIME * 2,
            not_after: authority.not_before - FLAWED_LIFETIME,
        }
    }

    /// The validity of a certificate that is not valid yet whenever the authority is used
    fn beginning_after(authority: Self) -> Self {
        Self {
            not_before: authority.not_after,
            not_after: authority.not_after + FLAWED_LIFETIME,
        }
    }
}

/// The parameters that follow from the key alone, and those that every authority of ours shares
fn params(key: &KeyPair) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(
        DnType::OrganizationName,
        "lookoutvision-emulator (for testing only)",
    );
    subject.push(DnType::CommonName, common_name(key.public_key_raw()));
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    // It certifies server certificates, and no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Name constraints do not restrict mail addresses and URIs; this restricts the authority to TLS servers.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// CA/Browser Forum Baseline Requirements, section 7.1: at least 64 bits of randomness; here 128
fn random_serial_number() -> Result<SerialNumber, CertsError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CertsError::NoRandomNumbers)?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Dates a certificate; adding a duration avoids a dependency on the crate of rcgen's dates
fn set_validity(params: &mut CertificateParams, validity: Validity) {
    let date = |instant: Timestamp| {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(instant.as_second().try_into().unwrap_or(0))
    };
    params.not_before = date(validity.not_before);
    params.not_after = date(validity.not_after);
}

/// Two years: long enough to be trusted once, short enough that a forgotten authority ends. Apple's platforms accept
/// server certificates of at most 825 days (*Requirements for trusted certificates in iOS 13 and macOS 10.15*); the
/// later limit of 398 days does not apply to authorities that a user added.
const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(730 * 24);
/// Server certificates end before their authority, as they are worth nothing without it
const ENDS_BEFORE_THE_AUTHORITY: SignedDuration = SignedDuration::from_secs(1);
/// For how long the certificates of faults would be valid, if they were valid now
const FLAWED_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// For clients whose clock is behind: machines that slept, containers on another host
const BACKDATED_BY: SignedDuration = SignedDuration::from_hours(1);
