//! The certificates that the authority signed when it was made, and the one key that they share.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use rcgen::{KeyPair, PublicKeyData};
use rustls::{
    crypto::ring::sign::any_ecdsa_type,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};

use super::{
    Damage, Validity,
    authority::{certificate_pem, private_key_pem},
    certificate::{AuthorityCertificate, CertificateFields},
    names::{CertifiedName, localhost},
    verify,
};
use crate::network::host_name::HostName;

/// The certificates, found by the names in them
pub(super) struct ServerCertificates {
    key: PrivatePkcs8KeyDer<'static>,
    certificates: Vec<ServerCertificate>,
    by_name: BTreeMap<CertifiedName, usize>,
    expired: BTreeMap<CertifiedName, usize>,
    not_yet_valid: BTreeMap<CertifiedName, usize>,
}

/// A flaw for which clients reject a certificate
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateFlaw {
    /// It has expired
    Expired,
    /// It is not valid yet
    NotYetValid,
    /// It is for another name
    WrongName,
    /// It is signed by an unknown authority
    UnknownAuthority,
}

/// One certificate with its key
pub(super) struct ServerCertificate {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) validity: Validity,
    /// Whether a client that trusts the authority accepts it; found out when it is first needed
    is_sound: OnceLock<bool>,
}

/// A certificate, and what it says
pub(super) struct SignedCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) validity: Validity,
    pub(super) names: Vec<CertifiedName>,
}

impl ServerCertificates {
    /// Reads the certificates of a key
    ///
    /// Their signatures are not checked here, which would take longer than signing them did: see
    /// [`ServerCertificate::is_sound`].
    ///
    /// # Errors
    /// When one of them cannot be read, or belongs to another key or authority.
    pub(super) fn read(
        key: &KeyPair,
        certificates: Vec<CertificateDer<'static>>,
        authority: &AuthorityCertificate,
    ) -> Result<Self, Damage> {
        let public_key = key.subject_public_key_info();
        let mut signed = Vec::new();
        for der in certificates {
            let fields = CertificateFields::read(&der).map_err(|_| Damage::ServerCertificate)?;
            if fields.public_key != public_key {
                return Err(Damage::KeyMismatch);
            }
            if !authority.is_issuer(&fields.issuer) {
                return Err(Damage::OtherAuthority);
            }
            signed.push(SignedCertificate {
                der,
                validity: fields.validity,
                names: fields.names,
            });
        }
        Self::of(key, signed, authority)
    }

    /// The certificates that an authority has signed for a key
    ///
    /// # Errors
    /// When there is none for a client that names no server, or the key is not one that rustls takes.
    pub(super) fn of(
        key: &KeyPair,
        signed: Vec<SignedCertificate>,
        authority: &AuthorityCertificate,
    ) -> Result<Self, Damage> {
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        let signing_key = any_ecdsa_type(&der.clone_key().into()).map_err(|_| Damage::PrivateKey)?;
        let (mut names, mut expired, mut not_yet_valid) = (Vec::new(), Vec::new(), Vec::new());
        let mut certificates = Vec::new();
        for (index, certificate) in signed.into_iter().enumerate() {
            let kind = if certificate.validity.not_after < authority.validity.not_before {
                &mut expired
            } else if certificate.validity.not_before >= authority.validity.not_after {
                &mut not_yet_valid
            } else {
                &mut names
            };
            kind.extend(certificate.names.into_iter().map(|name| (name, index)));
            certificates.push(ServerCertificate {
                certified: Arc::new(CertifiedKey::new(vec![certificate.der], signing_key.clone())),
                validity: certificate.validity,
                is_sound: OnceLock::new(),
            });
        }
        let certificates = Self {
            key: der,
            certificates,
            by_name: BTreeMap::from_iter(names),
            expired: BTreeMap::from_iter(expired),
            not_yet_valid: BTreeMap::from_iter(not_yet_valid),
        };
        // Clients that name no server get this one.
        match certificates.find(&localhost()) {
            Some(_) => Ok(certificates),
            None => Err(Damage::NoServerCertificate),
        }
    }

    /// The certificate that a client accepts from a server of this name
    pub(super) fn find(&self, host: &HostName) -> Option<&ServerCertificate> {
        CertifiedName::that_cover(host)
            .find_map(|name| self.by_name.get(&name))
            .map(|index| &self.certificates[*index])
    }

    /// A certificate that clients reject from a server of this name; `None`: there is none with this flaw
    pub(super) fn find_flawed(&self, host: &HostName, flaw: CertificateFlaw) -> Option<&ServerCertificate> {
        let by_name = match flaw {
            CertificateFlaw::Expired => &self.expired,
            CertificateFlaw::NotYetValid => &self.not_yet_valid,
            CertificateFlaw::WrongName => {
                let covering: Vec<_> = CertifiedName::that_cover(host).collect();
                let own = covering.iter().find_map(|name| self.by_name.get(name));
                let mut others = self.by_name.values();
                return others
                    .find(|other| Some(*other) != own)
                    .map(|index| &self.certificates[*index]);
            }
            CertificateFlaw::UnknownAuthority => return None,
        };
        CertifiedName::that_cover(host)
            .find_map(|name| by_name.get(&name))
            .map(|index| &self.certificates[*index])
    }

    /// Whether one of them has exactly this name
    pub(super) fn has(&self, name: &CertifiedName) -> bool {
        self.by_name.contains_key(name)
    }

    /// Where each name is found, and when that certificate is valid
    #[cfg(test)]
    pub(super) fn places(&self) -> Vec<(CertifiedName, usize, Validity)> {
        let kinds = [&self.by_name, &self.expired, &self.not_yet_valid];
        let places = kinds.into_iter().flatten();
        places
            .map(|(name, index)| (name.clone(), *index, self.certificates[*index].validity))
            .collect()
    }

    /// The key and the certificates as PEM, without the authority's
    pub(super) fn pem(&self) -> String {
        let mut text = private_key_pem(self.key.secret_pkcs8_der());
        for certificate in &self.certificates {
            text.push_str(&certificate_pem(&certificate.certified.cert[0]));
        }
        text
    }
}

impl ServerCertificate {
    /// Whether a client that trusts the authority and looks for `host` accepts this certificate
    pub(super) fn is_sound(&self, authority: &AuthorityCertificate, host: &HostName) -> bool {
        *self.is_sound.get_or_init(|| {
            let der = &self.certified.cert[0];
            verify::is_accepted(authority, der, host, self.validity.not_before)
        })
    }
}

impl fmt::Debug for ServerCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}
