//! The directory that keeps the certificate authority from one start to the next.
//!
//! `ca-key.pem` **is** the authority: its private key and its certificate in one file, mode 0600, put there by one
//! rename. So there is no moment, and no crash, with a key and no certificate. The other files follow from it and are
//! written again whenever they do not match: `ca.pem`, `ca-bundle.pem` and `truststore.p12`. `.lock` keeps two
//! processes that start at once from making two authorities: the second one waits, and opens what the first one made.
//!
//! What is found, and what is done about it:
//!
//! | found | done |
//! |---|---|
//! | no directory, or an empty one | a new authority |
//! | the path is not a directory; it takes no files and there is no authority in it | error |
//! | the authority expired, ends within 30 days, or is not valid yet | a new authority, with the reason |
//! | it may not certify a configured name, or may certify anything | a new authority, with the reason |
//! | it may not certify this machine's own name, which nobody configured | used, with a remark: containers get a new name at every start, and trust must outlive that |
//! | `ca.pem` of ours without `ca-key.pem` | a new authority, with the reason |
//! | `ca-key.pem` cannot be read, is cut off, lacks its key or its certificate, or they do not belong together | error: whatever that file is, it may be the only copy of a key |
//! | `ca-key.pem` can be read by others | made its owner's, with a remark |
//! | `ca.pem`, the bundle or the truststore missing, cut off, or of an earlier authority of ours | written again, with a remark |
//! | a file of somebody else with the name of one of ours | error, before anything is written |
//! | a whole authority in a read-only directory | used; what does not match is a remark |
//!
//! An error says which file, leaves everything as it is, and says what to do.

mod files;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    slice,
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer,
    pem::{self, PemObject, SectionKind},
};

use self::files::{Access, Kind};
use super::{
    CaNotice, CertificateAuthority, CertsError, Damage, Fingerprint, Origin, RemakeReason, Remark, bundle,
    certificate::{AuthorityCertificate, is_from_an_emulator},
    names::{self, ServedNames},
    truststore, verify,
};
use crate::{config::EmulatedName, host_name::HostName, owner_only};

/// Where the files of an authority are
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertsPaths {
    /// The private key and the certificate; for the emulator alone
    pub key: PathBuf,
    /// The certificate
    pub ca: PathBuf,
    /// The system's trust anchors and the certificate
    pub ca_bundle: PathBuf,
    /// The certificate as a PKCS#12 truststore
    pub truststore: PathBuf,
}

/// What the `certs` subcommand has to say
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertsReport {
    /// What was done
    pub notice: CaNotice,
    /// Where the files are
    pub paths: CertsPaths,
    /// The certificate's fingerprint
    pub fingerprint_sha256: Fingerprint,
    /// When the certificate ends
    pub not_after: Timestamp,
}

/// Makes the authority of a directory, or a new one when it is time, and reports: the `certs` subcommand
///
/// # Errors
/// As [`CertificateAuthority::open_or_create`].
pub fn make_or_renew(
    directory: &Path,
    names: &[EmulatedName],
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
    /// The module's essay says what is done about each thing that may be found.
    ///
    /// # Errors
    /// The directory cannot be used, or a file in it is in the way.
    pub fn open_or_create(
        directory: &Path,
        names: &[EmulatedName],
        now: Timestamp,
    ) -> Result<(Self, CaNotice), CertsError> {
        let names = ServedNames::new(names, names::own_host())?;
        let access = enter(directory)?;
        open_or_create(directory, access, names, now)
    }
}

/// Finds out whether a directory could keep an authority, without making one
///
/// # Errors
/// The directory cannot be used: it is none, or it takes no files and holds no authority.
pub fn probe(directory: &Path) -> Result<(), CertsError> {
    match enter(directory)? {
        Access::Locked(_) => Ok(()),
        Access::ReadOnly(source) => {
            let path = CertsPaths::in_directory(directory).key;
            if path.exists() {
                Ok(())
            } else {
                Err(CertsError::Write { path, source })
            }
        }
    }
}

fn enter(directory: &Path) -> Result<Access, CertsError> {
    match fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => return Err(CertsError::NotADirectory(directory.to_owned())),
        Ok(_) => {}
        Err(_) => owner_only::make_folder(directory).map_err(|source| CertsError::CreateDirectory {
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
    let mut remarks = Vec::new();
    let (origin, authority) = match find(&paths, names, now)? {
        Found::Usable(authority, found_remarks) => {
            remarks = found_remarks;
            (Origin::Opened, *authority)
        }
        Found::Nothing(names) => (Origin::Made, CertificateAuthority::make(names, now)?),
        Found::Unusable(names, reason) => (Origin::Remade(reason), CertificateAuthority::make(names, now)?),
    };
    let roots = bundle::SystemRoots::load();
    if roots.is_empty() {
        remarks.push(Remark::NoSystemRoots);
    }
    let stale = stale_files(&paths, &authority, &roots)?;
    match (access, &origin) {
        (Access::Locked(_lock), origin) => {
            if *origin != Origin::Opened {
                files::write(
                    &paths.key,
                    authority.key_and_certificate_pem().as_bytes(),
                    Kind::Secret,
                )?;
                files::sync_directory(directory)?;
            }
            for (path, content) in &stale {
                files::write(path, content, Kind::Derived)?;
            }
            if *origin == Origin::Opened {
                remarks.extend(stale.into_iter().map(|(path, _)| Remark::Rewritten(path)));
            }
        }
        (Access::ReadOnly(_), Origin::Opened) => {
            remarks.extend(stale.into_iter().map(|(path, _)| Remark::NotWritten(path)));
        }
        (Access::ReadOnly(source), origin) => {
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

/// What a directory holds of an authority
enum Found {
    Usable(Box<CertificateAuthority>, Vec<Remark>),
    Nothing(ServedNames),
    Unusable(ServedNames, RemakeReason),
}

fn find(paths: &CertsPaths, names: ServedNames, now: Timestamp) -> Result<Found, CertsError> {
    let Some(text) = files::read(&paths.key)? else {
        return Ok(match files::read(&paths.ca)? {
            None => Found::Nothing(names),
            Some(text) if certificate_is_ours(&text) => Found::Unusable(names, RemakeReason::KeyMissing),
            Some(_) => return Err(CertsError::Foreign(paths.ca.clone())),
        });
    };
    let damaged = |damage| CertsError::Damaged {
        path: paths.key.clone(),
        damage,
    };
    let (key, der) = key_and_certificate(&text).map_err(damaged)?;
    let Some(certificate) = AuthorityCertificate::read(der) else {
        return Err(CertsError::Foreign(paths.key.clone()));
    };
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
        .map_err(|error| damaged(Damage::PrivateKey(error)))?;
    if !certificate.certifies(&key) {
        return Err(damaged(Damage::KeyMismatch));
    }
    let validity = certificate.validity;
    let reason = if now < validity.not_before {
        Some(RemakeReason::NotYetValid {
            not_before: validity.not_before,
        })
    } else if now > validity.not_after {
        Some(RemakeReason::Expired {
            not_after: validity.not_after,
        })
    } else if now > validity.not_after - RENEWAL_WINDOW {
        Some(RemakeReason::ExpiresSoon {
            not_after: validity.not_after,
        })
    } else if !certificate.is_name_constrained() {
        Some(RemakeReason::NotConstrained)
    } else {
        None
    };
    if let Some(reason) = reason {
        return Ok(Found::Unusable(names, reason));
    }
    let mut remarks = Vec::new();
    if let Some((mode, outcome)) = files::restrict_to_owner(&paths.key) {
        remarks.push(Remark::KeyWasOpen {
            path: paths.key.clone(),
            mode,
            outcome,
        });
    }
    let authority = CertificateAuthority::new(key, certificate, names.clone());
    let mut uncovered = not_covered(&authority, &names.witnesses(), now)?;
    let authority = match names.own_host() {
        // Nobody configured the machine's own name, so it is not worth the trust in the authority that is there.
        Some(own_host) if uncovered.contains(own_host) => {
            uncovered.retain(|name| name != own_host);
            remarks.push(Remark::OwnHostNotCovered(own_host.clone()));
            authority.with_names(names.clone().without_own_host())
        }
        _ => authority,
    };
    if uncovered.is_empty() {
        Ok(Found::Usable(Box::new(authority), remarks))
    } else {
        Ok(Found::Unusable(names, RemakeReason::NamesNotCovered(uncovered)))
    }
}

/// The names that a client would not take from this authority, as its own verifier judges
fn not_covered(
    authority: &CertificateAuthority,
    witnesses: &[HostName],
    now: Timestamp,
) -> Result<Vec<HostName>, CertsError> {
    // One certificate with all the names answers the usual case.
    if verify::is_accepted(authority, witnesses, now)? {
        return Ok(Vec::new());
    }
    let mut uncovered = Vec::new();
    for witness in witnesses {
        if !verify::is_accepted(authority, slice::from_ref(witness), now)? {
            uncovered.push(witness.clone());
        }
    }
    Ok(uncovered)
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

fn key_and_certificate(
    text: &[u8],
) -> Result<(PrivatePkcs8KeyDer<'static>, CertificateDer<'static>), Damage> {
    let mut key = None;
    let mut certificate = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
        let previous = match section.map_err(|error| match error {
            pem::Error::MissingSectionEnd { .. } => Damage::CutOff,
            _ => Damage::NotPem,
        })? {
            (SectionKind::PrivateKey, der) => key.replace(der).is_some(),
            (SectionKind::Certificate, der) => certificate.replace(der).is_some(),
            _ => true,
        };
        if previous {
            return Err(Damage::TooMuch);
        }
    }
    let key = key.ok_or(Damage::NoPrivateKey)?;
    let certificate = certificate.ok_or(Damage::NoCertificate)?;
    Ok((key.into(), certificate.into()))
}

/// Whether a file is what a full disk or a power cut left of ours: a beginning of it, or a length without content
fn is_cut_off(found: &[u8], wanted: &[u8]) -> bool {
    wanted.starts_with(found) || found.iter().all(|byte| *byte == 0)
}

fn certificate_is_ours(text: &[u8]) -> bool {
    CertificateDer::from_pem_slice(text).is_ok_and(|der| is_from_an_emulator(&der))
}

impl CertsPaths {
    /// The files' paths in a directory
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            key: directory.join("ca-key.pem"),
            ca: directory.join("ca.pem"),
            ca_bundle: directory.join("ca-bundle.pem"),
            truststore: directory.join("truststore.p12"),
        }
    }
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
            "private key, never to be copied          {}",
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

/// How long before its end an authority is replaced, at a start of the emulator
const RENEWAL_WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
