//! Which certificate a client gets: one of those that the authority signed when it was made.

use std::{fmt, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    time_provider::TimeProvider,
};

use super::{CertificateAuthority, names::NameRefusal};

/// Why a handshake got no certificate
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeRefusal {
    /// The server name is not ours
    #[error(transparent)]
    Name(#[from] NameRefusal),
    /// The authority expired while the emulator was running
    #[error(
        "the certificate authority expired on {not_after}; start the emulator again to have a new one made"
    )]
    AuthorityExpired {
        /// Its last second
        not_after: Timestamp,
    },
    /// The certificate was changed since it was signed
    #[error(
        "the certificate for `{name}`{} is damaged and no client would take it; restore the file, or remove it and \
         start again to have a new certificate authority made, which clients have to trust anew",
        path.as_ref().map(|path| format!(" in `{}`", path.display())).unwrap_or_default()
    )]
    Damaged {
        /// The name by which it was looked up
        name: String,
        /// The file that holds it
        path: Option<PathBuf>,
    },
}

/// Called with the reason of each refused handshake, for the log
pub(super) type RefusalObserver = Box<dyn Fn(&HandshakeRefusal) + Send + Sync>;

/// The authority's certificates as the listener uses them
pub(super) struct Leaves {
    authority: Arc<CertificateAuthority>,
    clock: Arc<dyn TimeProvider>,
    refused: RefusalObserver,
}

impl Leaves {
    pub(super) fn new(
        authority: Arc<CertificateAuthority>,
        clock: Arc<dyn TimeProvider>,
        refused: RefusalObserver,
    ) -> Self {
        Self {
            authority,
            clock,
            refused,
        }
    }

    /// The certificate for a server name
    pub(super) fn leaf(&self, server_name: Option<&str>) -> Result<Arc<CertifiedKey>, HandshakeRefusal> {
        let (name, found) = self.authority.find(server_name)?;
        if self.now() > found.validity.not_after {
            return Err(HandshakeRefusal::AuthorityExpired {
                not_after: self.authority.not_after(),
            });
        }
        if !found.is_sound(self.authority.certificate(), &name) {
            return Err(HandshakeRefusal::Damaged {
                name: name.to_string(),
                path: self.authority.paths().map(|paths| paths.key.clone()),
            });
        }
        Ok(found.certified.clone())
    }

    fn now(&self) -> Timestamp {
        let seconds = self.clock.current_time().map_or(0, |now| now.as_secs());
        Timestamp::from_second(seconds.try_into().unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
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
