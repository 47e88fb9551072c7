//! A certificate per server name, made when a client first asks for the name and kept while there is room.
//!
//! All leaves share one key that never leaves the process, so a leaf costs one signature (some 50 us, measured) and its memory is
//! its own certificate. A client that asks for ever new names therefore costs the server a little CPU per handshake and
//! at most `leaf_certificates_max` certificates of memory; the names in use come back when they are asked for again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    crypto::ring::sign::any_ecdsa_type,
    pki_types::PrivatePkcs8KeyDer,
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
    time_provider::TimeProvider,
};

use super::{
    CertificateAuthority, CertsError, Validity,
    names::{LeafName, NameRefusal},
};

/// Why a handshake got no certificate
#[derive(Debug, thiserror::Error)]
pub enum HandshakeRefusal {
    /// The server name is not ours
    #[error(transparent)]
    Name(#[from] NameRefusal),
    /// The authority ended while the emulator was running
    #[error(
        "the certificate authority expired on {not_after}; start the emulator again to have a new one made"
    )]
    AuthorityExpired {
        /// Its last second
        not_after: Timestamp,
    },
    /// The certificate could not be made
    #[error(transparent)]
    Certify(CertsError),
}

/// Called with every refused handshake's reason, for the log
pub(super) type RefusalObserver = Box<dyn Fn(&HandshakeRefusal) + Send + Sync>;

/// The certificates in use
pub(super) struct Leaves {
    authority: Arc<CertificateAuthority>,
    key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    clock: Arc<dyn TimeProvider>,
    refused: RefusalObserver,
    entries_max: usize,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    entries: HashMap<LeafName, Entry>,
    /// Counts uses, and so orders them
    uses: u64,
}

struct Entry {
    key: Arc<CertifiedKey>,
    validity: Validity,
    last_use: u64,
}

impl Leaves {
    pub(super) fn new(
        authority: Arc<CertificateAuthority>,
        entries_max: usize,
        clock: Arc<dyn TimeProvider>,
        refused: RefusalObserver,
    ) -> Result<Self, CertsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertsError::Make)?;
        let der = PrivatePkcs8KeyDer::from(key.serialized_der());
        let signing_key = any_ecdsa_type(&der.into()).map_err(CertsError::Key)?;
        Ok(Self {
            authority,
            key,
            signing_key,
            clock,
            refused,
            entries_max,
            cache: Mutex::default(),
        })
    }

    /// The certificate for a server name
    pub(super) fn leaf(&self, server_name: Option<&str>) -> Result<Arc<CertifiedKey>, HandshakeRefusal> {
        let name = self.authority.names().screen(server_name)?;
        let now = self.now();
        if now > self.authority.not_after() {
            return Err(HandshakeRefusal::AuthorityExpired {
                not_after: self.authority.not_after(),
            });
        }
        if let Some(key) = self.cached(&name, now) {
            return Ok(key);
        }
        let names = match &name {
            LeafName::Unnamed => self.authority.names().unnamed(),
            LeafName::Named(host) => vec![host.clone()],
        };
        // Two handshakes may make the same leaf at once; either will do, and neither waits for the other.
        let leaf = self
            .authority
            .certify(&names, &self.key, now)
            .map_err(HandshakeRefusal::Certify)?;
        let key = Arc::new(CertifiedKey::new(vec![leaf.der], self.signing_key.clone()));
        self.keep(name, key.clone(), leaf.validity);
        Ok(key)
    }

    fn cached(&self, name: &LeafName, now: Timestamp) -> Option<Arc<CertifiedKey>> {
        let mut cache = self.lock();
        cache.uses += 1;
        let last_use = cache.uses;
        let entry = cache.entries.get_mut(name)?;
        if !self.is_fresh(entry.validity, now) {
            return None;
        }
        entry.last_use = last_use;
        Some(entry.key.clone())
    }

    fn keep(&self, name: LeafName, key: Arc<CertifiedKey>, validity: Validity) {
        let mut cache = self.lock();
        let last_use = cache.uses;
        cache.entries.remove(&name);
        while cache.entries.len() >= self.entries_max.max(1) {
            // A walk over a few hundred entries costs less than the signature that brought us here.
            let oldest = cache.entries.iter().min_by_key(|(_, entry)| entry.last_use);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                break;
            };
            cache.entries.remove(&oldest);
        }
        cache.entries.insert(
            name,
            Entry {
                key,
                validity,
                last_use,
            },
        );
    }

    /// A leaf is made again some time before its end, unless it ends with the authority and could not end later.
    fn is_fresh(&self, validity: Validity, now: Timestamp) -> bool {
        let renew_at = if validity.not_after < self.authority.not_after() {
            validity.not_after - RENEWED_BEFORE_END
        } else {
            validity.not_after
        };
        (validity.not_before..=renew_at).contains(&now)
    }

    fn now(&self) -> Timestamp {
        let seconds = self.clock.current_time().map_or(0, |now| now.as_secs());
        Timestamp::from_second(seconds.try_into().unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        // A panic elsewhere cannot leave the map half-changed.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Leaves {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.leaf(client_hello.server_name())
            .inspect_err(|refusal| (self.refused)(refusal))
            .ok()
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

const RENEWED_BEFORE_END: SignedDuration = SignedDuration::from_hours(30 * 24);
