//! The canonical request: the one text that client and server must arrive at independently.

use memchr::memchr2;

use crate::presigned::{X_AMZ_SECURITY_TOKEN, X_AMZ_SIGNATURE};
use crate::request_head::RequestHead;
use crate::signed_headers::{AUTHORITY, SignedHeaders};
use crate::signed_request::SignatureForm;

/// A canonical request, ready to be written out.
#[derive(Clone, Copy)]
pub(crate) struct CanonicalRequest<'r> {
    pub(crate) head: &'r RequestHead<'r>,
    pub(crate) form: SignatureForm,
    pub(crate) signed_headers: &'r SignedHeaders<'r>,
    pub(crate) payload_line: &'r [u8],
    pub(crate) reading: Reading,
}

impl CanonicalRequest<'_> {
    /// Writes the text. IAM User Guide, "Create a signed AWS API request", step 1.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.method().as_bytes());
        out.push(b'\n');
        self.write_path(out);
        out.push(b'\n');
        self.write_query(out);
        out.push(b'\n');
        for name in self.signed_headers.names() {
            self.write_header(out, name);
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_str().as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.payload_line);
    }

    fn write_path(&self, out: &mut Vec<u8>) {
        match self.reading.path {
            PathReading::EncodedTwice => self.head.target().write_canonical_path(out),
            PathReading::AsSent => out.extend_from_slice(self.head.target().path()),
        }
    }

    fn write_query(&self, out: &mut Vec<u8>) {
        let omitted: &[&str] = match (self.form, self.reading.token) {
            (SignatureForm::AuthorizationHeader, _) => &[],
            (SignatureForm::PresignedUrl { .. }, TokenReading::Signed) => &[X_AMZ_SIGNATURE],
            (SignatureForm::PresignedUrl { .. }, TokenReading::AddedLater) => {
                &[X_AMZ_SIGNATURE, X_AMZ_SECURITY_TOKEN]
            }
        };
        match self.reading.query {
            QueryReading::Sorted => self.head.target().write_canonical_query(out, omitted),
            QueryReading::AsSent => self.head.target().write_query_as_sent(out, omitted),
        }
    }

    /// `name:value\n`, and nothing for a header that is listed but was not sent.
    fn write_header(&self, out: &mut Vec<u8>, name: &str) {
        // HTTP/2 has no Host header; the head has the authority under that name.
        let sent_name = if name == AUTHORITY { "host" } else { name };
        let mut values = self.head.header_values(sent_name);
        let Some(first) = values.next() else {
            return;
        };
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        match self.reading.host {
            HostReading::WithoutPort if sent_name == "host" => write_trimmed(out, without_port(first)),
            _ => write_trimmed(out, first),
        }
        for value in values {
            out.push(b',');
            write_trimmed(out, value);
        }
        out.push(b'\n');
    }
}

/// How each part of a request enters the canonical request. The default is AWS's way. The other ways are those
/// of known clients and are only tried to name the cause of a mismatch, except for the token's: services differ
/// on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) path: PathReading,
    pub(crate) query: QueryReading,
    pub(crate) token: TokenReading,
    pub(crate) host: HostReading,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PathReading {
    #[default]
    EncodedTwice,
    /// curl's `--aws-sigv4`, and signers made for S3.
    AsSent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum QueryReading {
    #[default]
    Sorted,
    /// curl's `--aws-sigv4`.
    AsSent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TokenReading {
    /// Like every other parameter of a presigned URL.
    #[default]
    Signed,
    /// Added to a presigned URL after it was signed. AWS's signing suite has both: post-sts-header-before and
    /// -after.
    AddedLater,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HostReading {
    #[default]
    AsSent,
    /// For a client that signs the name alone, or a proxy that added the port.
    WithoutPort,
}

/// Writes a value without the blanks around it and with one space for each run of blanks, also inside quotes.
fn write_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    if memchr2(b' ', b'\t', value).is_none() {
        return out.extend_from_slice(value);
    }
    let words = value
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    for (nth, word) in words.enumerate() {
        if nth > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the place is that of a colon that was found in the host"
)]
fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_the_end_of_an_address() {
        for (host, name) in [
            ("localhost", "localhost"),
            ("localhost:8443", "localhost"),
            ("127.0.0.1:8443", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::1]:8443", "[::1]"),
        ] {
            assert_eq!(without_port(host.as_bytes()), name.as_bytes(), "{host}");
        }
    }
}
