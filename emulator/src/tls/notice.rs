//! What happened when the certificate authority was opened, in sentences for the person who started the emulator.
//!
//! An authority that changes silently is the worst thing that a certs directory can do: every client that trusted the
//! old one fails with a bare certificate error. So opening returns what it did and why, and it prints.

use std::{fmt, path::PathBuf};

use aws_identifiers::Region;
use jiff::Timestamp;

use super::Fingerprint;
use crate::network::host_name::HostName;

/// What was done to get a certificate authority
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a new authority has to be trusted anew; print the notice"]
pub(crate) struct CaNotice {
    /// Where the authority comes from
    pub origin: Origin,
    /// What else a person should know
    pub remarks: Vec<Remark>,
}

/// Where the authority comes from
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// There was one
    Opened,
    /// There was none
    Made,
    /// There was one with its key; the key has signed the server certificates, and the authority stays trusted
    Migrated,
    /// There was one that could no longer be used
    Remade(RemakeReason),
}

/// Why an authority was replaced
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RemakeReason {
    /// It has expired
    Expired {
        /// Its last second
        not_after: Timestamp,
    },
    /// It would end too soon to be worth trusting
    ExpiresSoon {
        /// Its last second
        not_after: Timestamp,
    },
    /// It was made by a clock that is ahead of this one
    NotYetValid {
        /// Its first second
        not_before: Timestamp,
    },
    /// It may certify any name at all
    NotConstrained,
    /// It has no certificates for names or Regions of the configuration
    NotCovered {
        /// Names and addresses
        names: Vec<HostName>,
        /// Regions
        regions: Vec<Region>,
    },
    /// Its certificate exists, but the server key with its certificates is gone
    KeyMissing,
}

/// Something a person should know about the certs directory
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remark {
    /// The system has no trust anchors
    NoSystemRoots,
    /// The key could be read by others
    KeyWasOpen {
        /// The key's file
        path: PathBuf,
        /// Its permission bits before
        mode: u32,
        /// Whether others still can
        outcome: KeyMode,
    },
    /// A file that follows from the authority was missing or stale and was written again
    Rewritten(PathBuf),
    /// A file that follows from the authority is missing or stale, and the directory takes no files
    NotWritten(PathBuf),
    /// The machine got its name after the authority was made
    OwnHostNotCovered(HostName),
    /// The authority was made before these Regions of AWS were known, and nobody configured them
    RegionsNotCovered(Vec<Region>),
    /// The authority's own key, which versions before this one kept, was removed
    FormerKeyRemoved {
        /// The key's file
        path: PathBuf,
        /// The authority that it signed for
        authority: Fingerprint,
    },
    /// The authority's own key, or what may be one, is still there
    FormerKeyStays {
        /// The key's file
        path: PathBuf,
        /// Why it was not removed
        reason: String,
    },
}

/// Whether the key's permissions could be corrected
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyMode {
    /// Only the owner can read it now
    Tightened,
    /// The file system keeps no such permissions
    StillOpen,
}

impl CaNotice {
    /// Whether somebody has to do something, or may have to
    pub(crate) fn needs_attention(&self) -> bool {
        let is_about_a_key = |remark: &Remark| {
            matches!(
                remark,
                Remark::KeyWasOpen { .. } | Remark::FormerKeyRemoved { .. } | Remark::FormerKeyStays { .. }
            )
        };
        matches!(self.origin, Origin::Remade(_)) || self.remarks.iter().any(is_about_a_key)
    }
}

impl fmt::Display for CaNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Opened => f.write_str("using the certificate authority that was there")?,
            Origin::Made => f.write_str("made a new certificate authority")?,
            Origin::Migrated => f.write_str(
                "using the certificate authority that was there; it has signed the server certificates once and for \
                 all, and clients that trust it go on trusting it",
            )?,
            Origin::Remade(reason) => {
                write!(
                    f,
                    "made a new certificate authority, which clients have to trust anew: {reason}"
                )?;
            }
        }
        self.remarks.iter().try_for_each(|remark| write!(f, "\n{remark}"))
    }
}

impl fmt::Display for RemakeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { not_after } => write!(f, "the old one expired on {not_after}"),
            Self::ExpiresSoon { not_after } => write!(f, "the old one would expire on {not_after}"),
            Self::NotYetValid { not_before } => {
                write!(
                    f,
                    "the old one is not valid before {not_before}; was a clock wrong?"
                )
            }
            Self::NotConstrained => f.write_str("the old one was not limited to the emulator's names"),
            Self::NotCovered { names, regions } => {
                let names = names.iter().map(|name| format!("`{name}`"));
                let regions = regions.iter().map(|region| format!("the Region `{region}`"));
                let missing: Vec<_> = names.chain(regions).collect();
                write!(
                    f,
                    "the old one has no certificate for {}, and its key is not kept to sign one",
                    missing.join(", ")
                )
            }
            Self::KeyMissing => f.write_str("the old one's `server-key.pem` is gone"),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSystemRoots => {
                f.write_str("this system has no trust anchors; the bundle holds the new authority only")
            }
            Self::KeyWasOpen { path, mode, outcome } => {
                write!(
                    f,
                    "`{}` could be read by others (mode {mode:03o})",
                    path.display()
                )?;
                match outcome {
                    KeyMode::Tightened => f.write_str(" and is now for its owner only; if somebody may have copied it, remove it to have a new authority made"),
                    KeyMode::StillOpen => f.write_str(", and this file system does not let that be changed"),
                }
            }
            Self::Rewritten(path) => write!(
                f,
                "wrote `{}` again, which did not match the authority",
                path.display()
            ),
            Self::NotWritten(path) => {
                write!(
                    f,
                    "`{}` does not match the authority, and its directory is read-only",
                    path.display()
                )
            }
            Self::OwnHostNotCovered(name) => write!(
                f,
                "there is no certificate for this machine's name `{name}`; to use it, add it to `names` in the configuration"
            ),
            Self::RegionsNotCovered(regions) => {
                let regions: Vec<_> = regions.iter().map(|region| format!("`{region}`")).collect();
                write!(
                    f,
                    "there are no certificates for names in {}; to use them, name the Region in the configuration, as \
                     the `region` of one of `vpcs` or `projects`",
                    regions.join(", ")
                )
            }
            Self::FormerKeyRemoved { path, authority } => write!(
                f,
                "removed `{}`, the private key of the certificate authority {authority}: it is no longer needed, and \
                 whoever has it can pose as any server to clients that trust that authority. If somebody may have \
                 copied it, have no client trust that authority any more: remove `server-key.pem` beside it, and start \
                 again to have a new one made",
                path.display()
            ),
            Self::FormerKeyStays { path, reason } => write!(
                f,
                "`{}` is still there ({reason}); if it holds the private key of a certificate authority, remove it: it \
                 is no longer needed, and whoever copies it can pose as any server to clients that trust the authority",
                path.display()
            ),
        }
    }
}
