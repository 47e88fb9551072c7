//! Where objects are: folders that stand for buckets, and a server for every other bucket.

use std::{collections::BTreeMap, path::PathBuf};

use aws_identifiers::Region;

/// Where objects are
#[derive(Debug, Default)]
pub(crate) struct S3 {
    /// Folders that stand for buckets
    pub(crate) buckets: BTreeMap<String, PathBuf>,
    /// The server of every other bucket
    pub(crate) server: Option<S3Server>,
}

/// An S3-compatible server
#[derive(Debug)]
pub(crate) struct S3Server {
    /// Where it listens
    pub(crate) endpoint: S3Endpoint,
    /// The Region that requests are signed for; `None`: the Region of the call
    pub(crate) region: Option<Region>,
    /// The key that requests are signed with; `None`: they are not signed
    pub(crate) credentials: Option<S3Credentials>,
    /// Trust anchors besides the system's
    pub(crate) ca: Vec<rustls::pki_types::CertificateDer<'static>>,
}

/// The address of an S3-compatible server
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct S3Endpoint {
    /// Whether it speaks TLS
    pub(crate) is_tls: bool,
    /// Its name or address
    pub(crate) host: String,
    /// Its port
    pub(crate) port: u16,
    /// Name and port as they are written, for the Host field
    pub(crate) authority: String,
}

/// The key with which the emulator signs its own requests to S3
pub(crate) struct S3Credentials {
    /// The public half
    pub(crate) access_key_id: String,
    /// The secret half
    pub(crate) secret_access_key: String,
    /// The token of temporary credentials
    pub(crate) session_token: Option<String>,
}
