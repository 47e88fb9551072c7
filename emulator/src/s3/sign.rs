//! Signature Version 4 for our own requests to S3 (Amazon S3 API Reference, *Authenticating requests*): the path is
//! encoded once, and the payload's hash is a header of its own. A test compares it with AWS's own signer.

use std::fmt::Write as _;

use client_text::hex;
use jiff::{Timestamp, tz::TimeZone};
use ring::{digest, hmac};

use crate::s3::S3Credentials;

/// A request to be signed
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsigned<'r> {
    pub(super) method: &'r str,
    pub(super) authority: &'r str,
    /// Encoded
    pub(super) path: &'r str,
    /// Encoded, its parameters in their order; empty if there is none
    pub(super) query: &'r str,
    pub(super) body: &'r [u8],
}

/// The header fields that a request to S3 needs besides Host, signed if there is something to sign with
pub(super) fn headers(
    request: &Unsigned<'_>,
    credentials: Option<&S3Credentials>,
    region: &str,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let body_hash = hex(digest::digest(&digest::SHA256, request.body).as_ref());
    let mut headers = vec![("x-amz-content-sha256", body_hash.clone())];
    let Some(credentials) = credentials else {
        return headers;
    };
    let moment = TimeZone::UTC
        .to_datetime(now)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let date = moment[..8].to_owned();
    headers.push(("x-amz-date", moment.clone()));
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token.clone()));
    }
    let names: Vec<&str> = std::iter::once("host")
        .chain(headers.iter().map(|(name, _)| *name))
        .collect();
    let signed_headers = names.join(";");
    let mut canonical = format!(
        "{}\n{}\n{}\nhost:{}\n",
        request.method, request.path, request.query, request.authority
    );
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed_headers}\n{body_hash}");
    let scope = format!("{date}/{region}/s3/aws4_request");
    let canonical_hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let string_to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{canonical_hash}");
    let secret = format!("AWS4{}", credentials.secret_access_key);
    let key = [&*date, region, "s3", "aws4_request"]
        .into_iter()
        .fold(secret.into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &string_to_sign));
    headers.push((
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
            credentials.access_key_id
        ),
    ));
    headers
}

/// Percent-encodes all but the unreserved characters of RFC 3986; with `keep_slash` a slash is kept as well
pub(super) fn encode(text: &str, keep_slash: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (keep_slash && byte == b'/') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_sigv4::{
        http_request::{
            PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
            UriPathNormalizationMode, sign,
        },
        sign::v4,
    };

    use super::*;

    /// What AWS's own signer writes
    fn expected(request: &Unsigned<'_>, credentials: &S3Credentials, now: Timestamp) -> String {
        let identity = aws_credential_types::Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            None,
            "test",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("s3")
            .time(SystemTime::try_from(now).expect("a moment of this century"))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = match request.query {
            "" => format!("http://{}{}", request.authority, request.path),
            query => format!("http://{}{}?{query}", request.authority, request.path),
        };
        let headers = [("host", request.authority)];
        let signable = SignableRequest::new(
            request.method,
            url,
            headers.into_iter(),
            SignableBody::Bytes(request.body),
        );
        let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
        let mut headers = instructions.headers();
        headers
            .find(|(name, _)| *name == "authorization")
            .unwrap()
            .1
            .to_owned()
    }

    #[test]
    fn a_signature_is_the_one_of_awss_own_signer() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        for session_token in [None, Some("token/with+signs=".to_owned())] {
            let credentials = S3Credentials {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
                session_token,
            };
            for (method, key, version_id, body) in [
                ("GET", "a/b.manifest", None, "".as_bytes()),
                ("GET", "a/b!_.*'()-.manifest", Some("x/y+z="), b""),
                ("PUT", "k_fold_EvaluationResult-p-1.json", None, b"{}"),
            ] {
                let path = format!("/my-bucket/{}", encode(key, true));
                let query = version_id.map_or(String::new(), |id| format!("versionId={}", encode(id, false)));
                let request = Unsigned {
                    method,
                    authority: "127.0.0.1:5000",
                    path: &path,
                    query: &query,
                    body,
                };
                let headers = headers(&request, Some(&credentials), "eu-west-1", now);
                assert_eq!(
                    headers.last().unwrap().1,
                    expected(&request, &credentials, now),
                    "{key}"
                );
            }
        }
    }
}
