//! The S3 that datasets come from and evaluations go to: a folder for each bucket, or an S3-compatible server.
//!
//! `s3://my-bucket/a/b.manifest` is the file `a/b.manifest` of the folder that stands for `my-bucket`; a bucket without
//! a folder is the server's. An error comes back as a text for the status message of the dataset or model, as on AWS,
//! because the operation itself has been answered with success.

use std::time::Duration;

use tokio::time::timeout;

use aws_identifiers::Region;
use lookoutvision::api::values::{InputS3Object, OutputS3Object};

mod folder;
mod server;
mod settings;
mod sign;

pub(crate) use self::settings::{S3, S3Credentials, S3Endpoint, S3Server};

/// Why an object was not read or written
#[derive(Debug, thiserror::Error)]
pub(crate) enum S3Error {
    #[error("no S3 is configured (`s3` in the configuration file)")]
    NotConfigured,
    #[error("the bucket `{bucket}` is none of `s3.buckets`, and there is no `s3.endpoint_url`")]
    UnknownBucket { bucket: String },
    #[error("a folder keeps no versions of its objects, and `{version_id}` is asked for")]
    NoVersions { version_id: String },
    #[error("the key has a part that no file can be called")]
    NotAFile,
    #[error("{0}")]
    Folder(std::io::Error),
    #[error("it has more than {bytes_max} bytes (limits.{name})", bytes_max = .0.bytes_max, name = .0.name)]
    TooLarge(ReadLimit),
    #[error("it took longer than limits.s3_timeout_seconds ({} s)", .0.as_secs())]
    TimedOut(Duration),
    #[error("the server could not be asked: {0}")]
    Unreachable(String),
    #[error("the server refused: {status}{code}")]
    Refused {
        status: u16,
        /// ` NoSuchKey`, or nothing
        code: String,
    },
}

/// How large an object may be, and the limit that says so
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadLimit {
    /// Its key under `limits:`
    pub(crate) name: &'static str,
    pub(crate) bytes_max: usize,
}

impl S3Error {
    /// The limit that was reached, by its key under `limits:`
    pub(crate) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge(limit) => Some(limit.name),
            Self::TimedOut(_) => Some("s3_timeout_seconds"),
            _ => None,
        }
    }
}

/// Reads an object whole
///
/// # Errors
/// When it does not exist, is larger than `limit` says, or cannot be read in time.
pub(crate) async fn read(
    s3: &S3,
    region: &Region,
    object: &InputS3Object,
    limit: ReadLimit,
    time: Duration,
) -> Result<Vec<u8>, S3Error> {
    let InputS3Object {
        bucket,
        key,
        version_id,
    } = object;
    let reading = async {
        match (s3.buckets.get(bucket), &s3.server) {
            (Some(_), _) if version_id.is_some() => Err(S3Error::NoVersions {
                version_id: version_id.clone().unwrap_or_default(),
            }),
            (Some(folder), _) => {
                let (folder, key) = (folder.clone(), key.clone());
                blocking(move || folder::read(&folder, &key, limit)).await
            }
            (None, Some(server)) => server::get(server, region, object, limit).await,
            (None, None) => Err(no_place(s3, bucket)),
        }
    };
    timeout(time, reading)
        .await
        .unwrap_or(Err(S3Error::TimedOut(time)))
}

/// Writes an object whole
///
/// # Errors
/// When the folder or the server refuses it, or does not take it in time.
pub(crate) async fn write(
    s3: &S3,
    region: &Region,
    object: &OutputS3Object,
    content: Vec<u8>,
    time: Duration,
) -> Result<(), S3Error> {
    let writing = async {
        match (s3.buckets.get(&object.bucket), &s3.server) {
            (Some(folder), _) => {
                let (folder, key) = (folder.clone(), object.key.clone());
                blocking(move || folder::write(&folder, &key, &content)).await
            }
            (None, Some(server)) => server::put(server, region, object, content).await,
            (None, None) => Err(no_place(s3, &object.bucket)),
        }
    };
    timeout(time, writing)
        .await
        .unwrap_or(Err(S3Error::TimedOut(time)))
}

/// Whether there is anywhere to read from or to write to
pub(crate) fn is_configured(s3: &S3) -> bool {
    !s3.buckets.is_empty() || s3.server.is_some()
}

/// Whether a bucket can be used without waiting for a server: it is a folder, or there is no server
pub(crate) fn is_at_hand(s3: &S3, bucket: &str) -> bool {
    s3.buckets.contains_key(bucket) || s3.server.is_none()
}

fn no_place(s3: &S3, bucket: &str) -> S3Error {
    if is_configured(s3) {
        S3Error::UnknownBucket {
            bucket: bucket.to_owned(),
        }
    } else {
        S3Error::NotConfigured
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, S3Error> + Send + 'static,
) -> Result<T, S3Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(S3Error::Folder(std::io::Error::other(error))))
}
