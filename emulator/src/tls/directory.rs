//! The directory that keeps the certificate authority from one start to the next.
//!
//! `server-key.pem` is all that an emulator needs: the private key of the server, the certificates that the authority
//! signed for it, and last the authority's own certificate, in one file, mode 0600, put there by one rename. So there
//! is no moment, and no crash, with a key and no certificate. **The authority's own key is not there:** it has signed
//! what there was to sign and is gone (`signing`). The other files are derived from it and are written again whenever
//! they do not match: `ca.pem`, `ca-bundle.pem` and `truststore.p12`. `.lock` keeps two processes that start at once
//! from making two authorities: the second one waits, and opens what the first one made.
//!
//! Versions before this one kept the authority's key, with its certificate, as `ca-key.pem`. Such a directory is migrated
//! without new trust: that key signs the server certificates, `server-key.pem` is written under a temporary name and renamed,
//! it and the directory are synced, and only then `ca-key.pem` is removed. An authority that was made anew is trusted by
//! nobody yet, so nobody waits for the disk to have it.
//!
//! What is found, and what is done about it:
//!
//! | found | done |
//! |---|---|
//! | no directory, or an empty one | a new authority |
//! | the path is not a directory; it takes no files and there is no authority in it | error |
//! | the authority expired, ends within 30 days, or is not valid yet | a new authority, with the reason |
//! | it may certify anything | a new authority, with the reason |
//! | there is no certificate for a configured name, address or Region | a new authority, with the reason |
//! | there is none for this machine's own name, which nobody configured | used, with a remark: containers get a new name at every start, and trust must outlive that |
//! | there is none for a Region of AWS, which nobody configured | used, with a remark: the list of Regions has grown |
//! | `ca.pem` of ours without `server-key.pem` | a new authority, with the reason |
//! | `server-key.pem` cannot be read, is cut off, lacks its key or a certificate, or they do not belong together | error: whatever that file is, it may be the only copy of a key |
//! | `server-key.pem` can be read by others | made its owner's, with a remark |
//! | a certificate in it is not what the authority signed | no client gets it; the refused handshake is logged |
//! | `ca-key.pem` and no `server-key.pem` | migrated, with a remark; errors and reasons for a new authority as above |
//! | `ca-key.pem` beside `server-key.pem`: a migration that died before its end, or an older version was here since | `ca-key.pem` is removed, with a remark |
//! | `ca-key.pem` beside `server-key.pem`, and it is not ours, or cannot be read | left alone, with a remark |
//! | `ca-key.pem` in a read-only directory | used to sign in memory, and left there, with a remark |
//! | a temporary file that a dead process left | overwritten or left; it is never read |
//! | `ca.pem`, the bundle or the truststore missing, cut off, or of an earlier authority of ours | written again, with a remark |
//! | a file of somebody else with the name of one of ours | error, before anything is written |
//! | a whole authority in a read-only directory | used; what does not match is a remark |
//!
//! An error says which file, leaves everything as it is, and says what to do.

mod files;
mod public;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer,
    pem::{self, PemObject, SectionKind},
};

use self::files::{Access, Kind};
pub(crate) use self::public::probe_public;
use super::{
    CaNotice, CertificateAuthority, CertsError, Damage, Fingerprint, Origin, RemakeReason, Remark, Validity,
    bundle,
    certificate::{AuthorityCertificate, is_from_an_emulator},
    names::ServedNames,
    server_certificates::ServerCertificates,
    signing::SigningAuthority,
    truststore,
};
use crate::owner_only;

/// Where the files of an authority are
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertsPaths {
    /// The server's private key and certificates, and the authority's certificate; for the emulator alone
    pub key: PathBuf,
    /// The certificate
    pub ca: PathBuf,
    /// The system's trust anchors and the certificate
    pub ca_bundle: PathBuf,
    /// The certificate as a PKCS#12 truststore
    pub truststore: PathBuf,
}

/// The report of the `certs` subcommand
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertsReport {
    /// What was done
    pub notice: CaNotice,
    /// Where the files are
    pub paths: CertsPaths,
    /// The certificate's fingerprint
    pub fingerprint_sha256: Fingerprint,
    /// When the certificate ends
    pub not_after: Timestamp,
}

/// Opens the authority of a directory, or makes a new one when there is none or it is time: the `certs` subcommand
///
/// # Errors
/// As [`CertificateAuthority::open_or_create`].
pub(crate) fn make_or_renew(
    directory: &Path,
    names: ServedNames,
    now: Timestamp,
) -> Result<CertsReport, CertsError> {
    let (authority, notice) = CertificateAuthority::open_or_create(directory, names, now)?;
    Ok(CertsReport {
        notice,
        paths: CertsPaths::in_directory(directory),
        fingerprint_sha256: authority.fingerprint_sha256(),
        not_after: authority.not_after(),
    })
}

impl CertificateAuthority {
    /// Opens the authority that a directory keeps, or makes one there
    ///
    /// The documentation of the module says what is done about each thing that may be found.
    ///
    /// # Errors
    /// When the directory cannot be used, or a file in it is in the way.
    pub(crate) fn open_or_create(
        directory: &Path,
        names: ServedNames,
        now: Timestamp,
    ) -> Result<(Self, CaNotice), CertsError> {
        let access = enter(directory, owner_only::make_folder)?;
        open_or_create(directory, access, names, now)
    }
}

/// Checks whether a directory could keep an authority, without making one
///
/// # Errors
/// When the directory cannot be used: it is no directory, or it takes no files and holds no authority.
pub(crate) fn probe(directory: &Path) -> Result<(), CertsError> {
    match enter(directory, owner_only::make_folder)? {
        Access::Locked(_) => Ok(()),
        Access::ReadOnly(source) => {
            let path = CertsPaths::in_directory(directory).key;
            if path.exists() || former_key(directory).exists() {
                Ok(())
            } else {
                Err(CertsError::Write { path, source })
            }
        }
    }
}

/// Creates the directory if there is none, and takes its lock
fn enter(directory: &Path, make: fn(&Path) -> io::Result<()>) -> Result<Access, CertsError> {
    match fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => return Err(CertsError::NotADirectory(directory.to_owned())),
        Ok(_) => {}
        Err(_) => make(directory).map_err(|source| CertsError::CreateDirectory {
            path: directory.to_owned(),
            source,
        })?,
    }
    files::lock(directory)
}

fn open_or_create(
    directory: &Path,
    access: Access,
    names: ServedNames,
    now: Timestamp,
) -> Result<(CertificateAuthority, CaNotice), CertsError> {
    let paths = CertsPaths::in_directory(directory);
    let former_key = former_key(directory);
    let (origin, authority, mut remarks) = match find(&paths, &former_key, &names, now)? {
        Found::Kept(authority, remarks) => (Origin::Opened, *authority, remarks),
        Found::Former(authority, remarks) => (Origin::Migrated, *authority, remarks),
        Found::Nothing => (Origin::Made, CertificateAuthority::make(names, now)?, Vec::new()),
        Found::Unusable(reason) => (
            Origin::Remade(reason),
            CertificateAuthority::make(names, now)?,
            Vec::new(),
        ),
    };
    let roots = bundle::SystemRoots::load();
    if roots.is_empty() {
        remarks.push(Remark::NoSystemRoots);
    }
    let stale = stale_files(&paths, &authority, &roots)?;
    let was_there = matches!(origin, Origin::Opened | Origin::Migrated);
    match access {
        Access::Locked(_lock) => {
            if origin != Origin::Opened {
                files::write(&paths.key, authority.server_key_pem().as_bytes(), Kind::Secret)?;
                if !former_key.exists() {
                    files::sync_in_background(paths.key.clone(), directory.to_owned());
                }
            }
            remarks.extend(remove_former_key(directory, &former_key, &paths.key)?);
            for (path, content) in &stale {
                files::write(path, content, Kind::Derived)?;
            }
            if was_there {
                remarks.extend(stale.into_iter().map(|(path, _)| Remark::Rewritten(path)));
            }
        }
        Access::ReadOnly(_) if was_there => {
            if former_key.exists() {
                remarks.push(Remark::FormerKeyStays {
                    path: former_key,
                    reason: "its directory is read-only".to_owned(),
                });
            }
            remarks.extend(stale.into_iter().map(|(path, _)| Remark::NotWritten(path)));
        }
        Access::ReadOnly(source) => {
            return Err(CertsError::NotWritable {
                path: directory.to_owned(),
                needed: match origin {
                    Origin::Remade(reason) => {
                        format!("a new certificate authority has to be made ({reason})")
                    }
                    _ => "a certificate authority has to be made".to_owned(),
                },
                source,
            });
        }
    }
    Ok((authority.stored_in(paths), CaNotice { origin, remarks }))
}

/// The authority that a directory holds
enum Found {
    /// An authority with its server certificates
    Kept(Box<CertificateAuthority>, Vec<Remark>),
    /// An authority of an earlier version, whose key has just signed the server certificates
    Former(Box<CertificateAuthority>, Vec<Remark>),
    Nothing,
    Unusable(RemakeReason),
}

fn find(
    paths: &CertsPaths,
    former_key: &Path,
    names: &ServedNames,
    now: Timestamp,
) -> Result<Found, CertsError> {
    if let Some(text) = files::read(&paths.key)? {
        return kept(&paths.key, &text, names, now);
    }
    if let Some(text) = files::read(former_key)? {
        return former(former_key, &text, names, now);
    }
    match files::read(&paths.ca)? {
        None => Ok(Found::Nothing),
        Some(text) if certificate_is_ours(&text) => Ok(Found::Unusable(RemakeReason::KeyMissing)),
        Some(_) => Err(CertsError::Foreign(paths.ca.clone())),
    }
}

/// Reads `server-key.pem`
fn kept(path: &Path, text: &[u8], names: &ServedNames, now: Timestamp) -> Result<Found, CertsError> {
    let damaged = |damage| CertsError::Damaged {
        path: path.to_owned(),
        damage,
    };
    let (key, mut certificates) = key_and_certificates(text).map_err(damaged)?;
    let last = certificates.pop().ok_or_else(|| damaged(Damage::NoCertificate))?;
    if !is_from_an_emulator(&last) {
        return Err(CertsError::Foreign(path.to_owned()));
    }
    let certificate = AuthorityCertificate::read(last).ok_or_else(|| damaged(Damage::NoAuthority))?;
    let server = ServerCertificates::read(&key, certificates, &certificate).map_err(damaged)?;
    if let Some(reason) = unusable(&certificate, now) {
        return Ok(Found::Unusable(reason));
    }
    let mut remarks = Vec::new();
    if let Some((mode, outcome)) = files::restrict_to_owner(path) {
        remarks.push(Remark::KeyWasOpen {
            path: path.to_owned(),
            mode,
            outcome,
        });
    }
    let mut authority = CertificateAuthority::new(certificate, server, names.clone());
    let mut hosts = names.hosts();
    hosts.retain(|host| !authority.covers_host(host));
    let (mut configured_regions, mut other_regions) = (Vec::new(), Vec::new());
    for region in names.all_regions() {
        if !authority.covers_region(&region) {
            let is_configured = names.configured_regions().contains(&region);
            let missing = if is_configured {
                &mut configured_regions
            } else {
                &mut other_regions
            };
            missing.push(region);
        }
    }
    // Nobody configured the machine's own name, so it is no reason to give up an authority that clients trust.
    if let Some(own_host) = names.own_host()
        && !names.is_configured(own_host)
        && hosts.contains(own_host)
    {
        hosts.retain(|host| host != own_host);
        remarks.push(Remark::OwnHostNotCovered(own_host.clone()));
        authority = authority.without_own_host();
    }
    if !hosts.is_empty() || !configured_regions.is_empty() {
        return Ok(Found::Unusable(RemakeReason::NotCovered {
            names: hosts,
            regions: configured_regions,
        }));
    }
    // Nor is a Region that this version knows and the version that made the authority did not.
    if !other_regions.is_empty() {
        remarks.push(Remark::RegionsNotCovered(other_regions));
    }
    Ok(Found::Kept(Box::new(authority), remarks))
}

/// Reads the `ca-key.pem` of an earlier version, and lets the key in it sign the server certificates
fn former(path: &Path, text: &[u8], names: &ServedNames, now: Timestamp) -> Result<Found, CertsError> {
    let (key, certificate) = former_authority(path, text)?;
    if let Some(reason) = unusable(&certificate, now) {
        return Ok(Found::Unusable(reason));
    }
    let authority = SigningAuthority::of(key, certificate);
    let mut names = names.clone();
    let mut remarks = Vec::new();
    let mut hosts = authority.not_certifiable(&names.hosts_and_a_regions())?;
    if let Some(own_host) = names.own_host().cloned()
        && !names.is_configured(&own_host)
        && hosts.contains(&own_host)
    {
        hosts.retain(|host| *host != own_host);
        remarks.push(Remark::OwnHostNotCovered(own_host));
        names = names.without_own_host();
    }
    if !hosts.is_empty() {
        return Ok(Found::Unusable(RemakeReason::NotCovered {
            names: hosts,
            regions: Vec::new(),
        }));
    }
    let (certificate, server) = authority.sign(&names)?;
    let authority = CertificateAuthority::new(certificate, server, names);
    Ok(Found::Former(Box::new(authority), remarks))
}

/// The authority in a `ca-key.pem`
fn former_authority(path: &Path, text: &[u8]) -> Result<(KeyPair, AuthorityCertificate), CertsError> {
    let damaged = |damage| CertsError::Damaged {
        path: path.to_owned(),
        damage,
    };
    let (key, mut certificates) = key_and_certificates(text).map_err(damaged)?;
    let certificate = certificates.pop().ok_or_else(|| damaged(Damage::NoCertificate))?;
    if !certificates.is_empty() {
        return Err(damaged(Damage::TooMuch));
    }
    let Some(certificate) = AuthorityCertificate::read(certificate) else {
        return Err(CertsError::Foreign(path.to_owned()));
    };
    if certificate.certifies(&key) {
        Ok((key, certificate))
    } else {
        Err(damaged(Damage::KeyMismatch))
    }
}

/// Removes the authority's key, which earlier versions kept, once `server-key.pem` is on the disk
fn remove_former_key(directory: &Path, path: &Path, key: &Path) -> Result<Option<Remark>, CertsError> {
    let stays = |reason: String| {
        Some(Remark::FormerKeyStays {
            path: path.to_owned(),
            reason,
        })
    };
    // A process of such a version may have died and left a temporary file there.
    files::remove_temporary(path);
    let text = match files::read(path) {
        Ok(None) => return Ok(None),
        Ok(Some(text)) => text,
        Err(error) => return Ok(stays(error.to_string())),
    };
    let Ok((_, certificate)) = former_authority(path, &text) else {
        return Ok(stays(
            "it was not made by this emulator, or is damaged".to_owned(),
        ));
    };
    // Clients trust what the old key signed, so the file that replaces it must be on the disk first.
    files::sync(&[key, directory])?;
    if let Err(error) = fs::remove_file(path) {
        return Ok(stays(error.to_string()));
    }
    files::sync(&[directory])?;
    Ok(Some(Remark::FormerKeyRemoved {
        path: path.to_owned(),
        authority: certificate.fingerprint_sha256(),
    }))
}

/// Why an authority cannot be used, whatever names it is for
fn unusable(certificate: &AuthorityCertificate, now: Timestamp) -> Option<RemakeReason> {
    let Validity {
        not_before,
        not_after,
    } = certificate.validity;
    if now < not_before {
        Some(RemakeReason::NotYetValid { not_before })
    } else if now > not_after {
        Some(RemakeReason::Expired { not_after })
    } else if now > not_after - RENEWAL_WINDOW {
        Some(RemakeReason::ExpiresSoon { not_after })
    } else if !certificate.is_name_constrained() {
        Some(RemakeReason::NotConstrained)
    } else {
        None
    }
}

/// The files that do not match the authority, with what they should hold
fn stale_files(
    paths: &CertsPaths,
    authority: &CertificateAuthority,
    roots: &bundle::SystemRoots,
) -> Result<Vec<(PathBuf, Vec<u8>)>, CertsError> {
    type IsOurs = fn(&[u8]) -> bool;
    let files: [(&Path, Vec<u8>, IsOurs); 3] = [
        (&paths.ca, authority.ca_pem().into(), certificate_is_ours),
        (
            &paths.ca_bundle,
            bundle::text(roots, authority.ca_pem()).into(),
            bundle::is_ours,
        ),
        (&paths.truststore, authority.truststore_p12(), truststore::is_ours),
    ];
    let mut stale = Vec::new();
    for (path, wanted, is_ours) in files {
        match files::read(path)? {
            Some(found) if found == wanted => {}
            Some(found) if !is_ours(&found) && !is_cut_off(&found, &wanted) => {
                return Err(CertsError::Foreign(path.to_owned()));
            }
            _ => stale.push((path.to_owned(), wanted)),
        }
    }
    Ok(stale)
}

/// Reads one private key and any number of certificates
pub(super) fn key_and_certificates(text: &[u8]) -> Result<(KeyPair, Vec<CertificateDer<'static>>), Damage> {
    let mut key = None;
    let mut certificates = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
        match section.map_err(|error| match error {
            pem::Error::MissingSectionEnd { .. } => Damage::CutOff,
            _ => Damage::NotPem,
        })? {
            (SectionKind::PrivateKey, der) if key.is_none() => key = Some(PrivatePkcs8KeyDer::from(der)),
            (SectionKind::Certificate, der) => certificates.push(der.into()),
            _ => return Err(Damage::TooMuch),
        }
    }
    let key = key.ok_or(Damage::NoPrivateKey)?;
    if certificates.is_empty() {
        return Err(Damage::NoCertificate);
    }
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
        .map_err(|_| Damage::PrivateKey)?;
    Ok((key, certificates))
}

/// Whether a file is what a full disk or a power cut left of ours: its beginning, or its length without content
fn is_cut_off(found: &[u8], wanted: &[u8]) -> bool {
    wanted.starts_with(found) || found.iter().all(|byte| *byte == 0)
}

fn certificate_is_ours(text: &[u8]) -> bool {
    CertificateDer::from_pem_slice(text).is_ok_and(|der| is_from_an_emulator(&der))
}

impl CertsPaths {
    /// The same files by absolute paths, for readers in another folder
    pub(crate) fn absolute(self) -> Self {
        let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Self {
            key: whole(self.key),
            ca: whole(self.ca),
            ca_bundle: whole(self.ca_bundle),
            truststore: whole(self.truststore),
        }
    }

    /// The files' paths in a directory
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self {
            key: directory.join("server-key.pem"),
            ca: directory.join("ca.pem"),
            ca_bundle: directory.join("ca-bundle.pem"),
            truststore: directory.join("truststore.p12"),
        }
    }
}

/// Where earlier versions kept the authority's key and certificate
fn former_key(directory: &Path) -> PathBuf {
    directory.join("ca-key.pem")
}

impl fmt::Display for CertsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.notice)?;
        writeln!(
            f,
            "certificate authority, for testing only  {}",
            self.paths.ca.display()
        )?;
        writeln!(
            f,
            "with the system's trust anchors          {}",
            self.paths.ca_bundle.display()
        )?;
        writeln!(
            f,
            "for Java, password changeit              {}",
            self.paths.truststore.display()
        )?;
        writeln!(
            f,
            "server key, never to be copied           {}",
            self.paths.key.display()
        )?;
        writeln!(
            f,
            "SHA-256 fingerprint                      {}",
            self.fingerprint_sha256
        )?;
        write!(f, "expires                                  {}", self.not_after)
    }
}

/// How long before its end an authority is replaced when the emulator starts
const RENEWAL_WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
