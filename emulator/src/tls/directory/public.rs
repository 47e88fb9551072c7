//! A second folder with the authority's public files and nothing else, so that it can be given to any program.

use std::{fs, path::Path};

use super::{
    CertificateAuthority, CertsError, CertsPaths, bundle,
    files::{self, Access, Kind},
    former_key, stale_files,
};

impl CertificateAuthority {
    /// Writes `ca.pem`, `ca-bundle.pem` and `truststore.p12` to a folder, unless they are there already
    ///
    /// # Errors
    /// When the folder cannot be created or written, holds a key, or has somebody else's file with the name of one of
    /// ours.
    pub(crate) fn publish(&self, folder: &Path) -> Result<(), CertsError> {
        let access = enter(folder)?;
        let stale = stale_files(
            &CertsPaths::in_directory(folder),
            self,
            &bundle::SystemRoots::load(),
        )?;
        for (path, content) in stale {
            match &access {
                Access::Locked(_lock) => files::write(&path, &content, Kind::Derived)?,
                Access::ReadOnly(source) => {
                    let source = source.kind().into();
                    return Err(CertsError::Write { path, source });
                }
            }
        }
        Ok(())
    }
}

/// Checks whether a folder could take the public files
///
/// # Errors
/// When it cannot be created or written, or holds a key.
pub(crate) fn probe_public(folder: &Path) -> Result<(), CertsError> {
    enter(folder).map(drop)
}

fn enter(folder: &Path) -> Result<Access, CertsError> {
    for key in [CertsPaths::in_directory(folder).key, former_key(folder)] {
        if key.symlink_metadata().is_ok() {
            return Err(CertsError::KeyInPublicFolder(key));
        }
    }
    super::enter(folder, |folder| fs::create_dir_all(folder))
}
