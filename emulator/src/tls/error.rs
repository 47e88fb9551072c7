//! Why there is no certificate authority, and what can be done about it.

use std::{io, path::PathBuf, time::Duration};

use super::names::InvalidName;

/// Why the certificate authority could not be opened or made
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertsError {
    /// A configured name cannot stand in a certificate
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A certificate could not be made
    #[error("cannot make a certificate: {0}")]
    Make(#[source] rcgen::Error),
    /// The operating system gave no random numbers
    #[error("cannot make a certificate: the system gives no random numbers")]
    NoRandomNumbers,
    /// The path exists and is no directory
    #[error("`{}` is not a directory; name one with --certs", .0.display())]
    NotADirectory(PathBuf),
    /// The directory does not exist and cannot be created
    #[error("cannot make the directory `{}`: {source}", path.display())]
    CreateDirectory {
        /// The directory
        path: PathBuf,
        /// What the system says
        source: io::Error,
    },
    /// An authority has to be made, and the directory takes no files
    #[error("cannot write to `{}`, where {needed}: {source}", path.display())]
    NotWritable {
        /// The directory
        path: PathBuf,
        /// What had to be written
        needed: String,
        /// What the system says
        source: io::Error,
    },
    /// The lock file cannot be locked at all
    #[error("cannot lock `{}`: {source}; the directory has to be on a file system with locks", path.display())]
    Lock {
        /// The lock file
        path: PathBuf,
        /// What the system says
        source: io::Error,
    },
    /// Another process keeps the lock
    #[error("another process holds `{}` for more than {} s", path.display(), waited.as_secs())]
    Locked {
        /// The lock file
        path: PathBuf,
        /// How long we waited for it
        waited: Duration,
    },
    /// A file exists and cannot be read
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file
        path: PathBuf,
        /// What the system says
        source: io::Error,
    },
    /// A file cannot be written
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file
        path: PathBuf,
        /// What the system says
        source: io::Error,
    },
    /// Somebody else's file has the name of one of ours
    #[error(
        "`{}` was not made by this emulator and is left alone; move it away, or name another directory with --certs",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A key is where everyone may read it
    #[error(
        "`{}` is a key, and `public_certs` is a folder for everyone; name another folder, or move the key away, and the \
         files beside it",
        .0.display()
    )]
    KeyInPublicFolder(PathBuf),
    /// The authority's own file is not whole
    #[error("`{}` {damage}; it is left alone: restore it, or remove it to have a new authority made", path.display())]
    Damaged {
        /// The file
        path: PathBuf,
        /// What is wrong with it
        damage: Damage,
    },
}

impl CertsError {
    /// Whether the system denies this process the permission
    pub(crate) fn is_permission_denied(&self) -> bool {
        let (Self::CreateDirectory { source, .. }
        | Self::NotWritable { source, .. }
        | Self::Lock { source, .. }
        | Self::Write { source, .. }) = self
        else {
            return false;
        };
        matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
    }
}

/// What is wrong with the file that holds the authority
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    /// A PEM block begins and does not end
    #[error("is cut off")]
    CutOff,
    /// A PEM block cannot be read; its content may be a key and is not printed
    #[error("is not readable as PEM")]
    NotPem,
    /// There is no key
    #[error("holds no private key")]
    NoPrivateKey,
    /// There is no certificate
    #[error("holds no certificate")]
    NoCertificate,
    /// There is more than keys and certificates of ours
    #[error("holds more than it should: a second private key, a certificate too many, or something else")]
    TooMuch,
    /// The key cannot be read, or is of another kind than ours
    #[error("holds a private key that is damaged or not on the curve P-256")]
    PrivateKey,
    /// The key and a certificate do not belong together
    #[error("holds a private key and a certificate that do not belong together")]
    KeyMismatch,
    /// The last certificate is a server's
    #[error("does not end with the certificate of the authority")]
    NoAuthority,
    /// There is no certificate for the server itself
    #[error("holds no certificate for `localhost`")]
    NoServerCertificate,
    /// A server's certificate cannot be read
    #[error("holds a server certificate that is damaged")]
    ServerCertificate,
    /// A server's certificate was issued by another authority
    #[error("holds a server certificate and an authority that do not belong together")]
    OtherAuthority,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_this_process_may_not_write_is_told_apart() {
        let create = |kind: io::ErrorKind| CertsError::CreateDirectory {
            path: "certs".into(),
            source: kind.into(),
        };
        assert!(create(io::ErrorKind::PermissionDenied).is_permission_denied());
        assert!(create(io::ErrorKind::ReadOnlyFilesystem).is_permission_denied());
        assert!(!create(io::ErrorKind::StorageFull).is_permission_denied());
        assert!(!CertsError::NoRandomNumbers.is_permission_denied());
    }
}
