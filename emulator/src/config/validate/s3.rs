//! The S3 that manifests are read from and evaluations are written to.

use std::{collections::BTreeMap, fmt};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    super::{
        file,
        files::Files,
        problems::{Report, Reported},
        read::Located,
    },
    all, parse_name,
};
use crate::s3::S3;
use crate::s3::S3Credentials;
use crate::s3::S3Endpoint;
use crate::s3::S3Server;

pub(super) fn validate(
    written: Option<Located<file::S3>>,
    files: &Files,
    report: &Report<'_>,
) -> Result<S3, Reported> {
    let Some(written) = written else {
        return Ok(S3::default());
    };
    let (place, written) = (written.place, written.value?);
    let buckets = buckets(written.buckets, files, report);
    let endpoint = written
        .endpoint_url
        .map(|url| {
            url.value.and_then(|text| {
                // Not the text itself: somebody may have put a password into it.
                parse_endpoint(&text).ok_or_else(|| {
                    report.problem(
                        &url.place,
                        "not an address of a server (like `http://127.0.0.1:5000`, without path and user)",
                    )
                })
            })
        })
        .transpose();
    let credentials = match (written.access_key_id, written.secret_access_key) {
        (Some(id), Some(secret)) => {
            let token = written.session_token.map(|token| token.value).transpose();
            id.value.and_then(|access_key_id| {
                Ok(Some(S3Credentials {
                    access_key_id,
                    secret_access_key: secret.value?.0,
                    session_token: token?.map(|token| token.0),
                }))
            })
        }
        (None, None) => Ok(None),
        _ => Err(report.problem(&place, "`access_key_id` and `secret_access_key` belong together")),
    };
    let ca = written.ca.map(|ca| certificates(&ca, files, report)).transpose();
    let region = written.region.map(|region| region.value).transpose();
    let (endpoint, credentials, ca, region) = (endpoint?, credentials?, ca?, region?);
    if endpoint.is_none() && (credentials.is_some() || ca.is_some() || region.is_some()) {
        return Err(report.problem(
            &place,
            "`endpoint_url` is missing: there is no server to be asked",
        ));
    }
    Ok(S3 {
        buckets: buckets?,
        server: endpoint.map(|endpoint| S3Server {
            endpoint,
            region,
            credentials,
            ca: ca.unwrap_or_default(),
        }),
    })
}

fn buckets(
    written: Option<Located<BTreeMap<String, Located<String>>>>,
    files: &Files,
    report: &Report<'_>,
) -> Result<BTreeMap<String, std::path::PathBuf>, Reported> {
    let Some(Located { value, place }) = written else {
        return Ok(BTreeMap::new());
    };
    let buckets = value?.into_iter().map(|(bucket, folder)| {
        let place = place.child(&bucket);
        // S3 User Guide, *General purpose bucket naming rules*.
        let is_name = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
            && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
            && bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
        let named = if is_name {
            Ok(())
        } else {
            let message = format!("`{bucket}` is not a bucket name (3 to 63 of [a-z0-9.-])");
            Err(report.problem(&place, message))
        };
        let path = files.base().join(folder.value?);
        if !path.is_dir() {
            return Err(report.problem(&place, format!("`{}` is not a folder", path.display())));
        }
        named?;
        Ok((bucket, path))
    });
    Ok(BTreeMap::from_iter(all(buckets)?))
}

fn certificates(
    written: &Located<String>,
    files: &Files,
    report: &Report<'_>,
) -> Result<Vec<CertificateDer<'static>>, Reported> {
    let path = match &written.value {
        Ok(path) => files.base().join(path),
        Err(reported) => return Err(*reported),
    };
    let text = files
        .read_text(&path)
        .map_err(|error| report.problem(&written.place, error.in_a_file()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => {
            let message = format!("`{}` holds no PEM certificates", path.display());
            Err(report.problem(&written.place, message))
        }
    }
}

fn parse_endpoint(url: &str) -> Option<S3Endpoint> {
    let (is_tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    parse_name(host)?;
    let port = match port {
        Some(port) => port.parse::<u16>().ok().filter(|port| *port > 0)?,
        None if is_tls => 443,
        None => 80,
    };
    Some(S3Endpoint {
        is_tls,
        host: host.to_owned(),
        port,
        authority: authority.to_owned(),
    })
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
