//! The S3 that manifests are read from and evaluations are written to.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::super::{
    file::{self, Entries},
    files::Files,
    problems::{Place, Report},
};
use crate::s3::{S3, S3Credentials, S3Server};

pub(super) fn validate(written: file::S3, place: &Place, files: &Files, report: &Report<'_>) -> Option<S3> {
    let buckets = buckets(
        written.buckets.unwrap_or_default(),
        &place.child("buckets"),
        files,
        report,
    );
    let ca = written
        .ca
        .map(|ca| certificates(&ca, &place.child("ca"), files, report));
    let is_said = |key: &str| report.is_said(&place.child(key));
    if is_said("access_key_id") != is_said("secret_access_key") {
        report.problem(place, "`access_key_id` and `secret_access_key` belong together");
    }
    let credentials = match (written.access_key_id, written.secret_access_key) {
        (Some(access_key_id), Some(secret_access_key)) => Some(S3Credentials {
            access_key_id: access_key_id.0,
            secret_access_key: secret_access_key.0,
            session_token: written.session_token.map(|token| token.0),
        }),
        _ => None,
    };
    let asks_a_server = credentials.is_some() || ca.is_some() || written.region.is_some();
    if asks_a_server && !is_said("endpoint_url") {
        report.problem(place, "`endpoint_url` is missing: there is no server to be asked");
    }
    let server = match written.endpoint_url {
        Some(endpoint) => Some(S3Server {
            endpoint: endpoint.0,
            region: written.region.map(|region| region.0),
            credentials,
            ca: ca.unwrap_or_else(|| Some(Vec::new()))?,
        }),
        None => None,
    };
    Some(S3 {
        buckets: buckets?,
        server,
    })
}

fn buckets(
    written: Entries<String>,
    place: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<BTreeMap<String, PathBuf>> {
    let buckets = written.into_iter().map(|(bucket, folder)| {
        let place = place.child(&bucket);
        // S3 User Guide, *General purpose bucket naming rules*.
        let is_name = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
            && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
            && bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !is_name {
            let message = format!("`{bucket}` is not a bucket name (3 to 63 of [a-z0-9.-])");
            report.problem(&place, message);
        }
        let path = files.base().join(folder?);
        if !path.is_dir() {
            report.problem(&place, format!("`{}` is not a folder", path.display()));
        }
        Some((bucket, path))
    });
    // Collected twice, because the first `None` ends a collection of options.
    let buckets: Vec<_> = buckets.collect();
    buckets.into_iter().collect()
}

fn certificates(
    written: &str,
    place: &Place,
    files: &Files,
    report: &Report<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let path = files.base().join(Path::new(written));
    let text = match files.read_text(&path) {
        Ok(text) => text,
        Err(error) => return report.refuse(place, error.in_a_file()),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        _ => report.refuse(place, format!("`{}` holds no PEM certificates", path.display())),
    }
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
