//! Operations that cannot fail, with the reasons in one place.

use ring::digest;
use serde::Serialize;

/// A structure of the API as JSON
#[expect(clippy::expect_used, reason = "structs of texts and finite numbers are JSON")]
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("structs of texts and finite numbers are JSON")
}

/// A structure of the API as JSON text
#[expect(clippy::expect_used, reason = "structs of texts and finite numbers are JSON")]
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("structs of texts and finite numbers are JSON")
}

/// SHA-256
#[expect(clippy::expect_used, reason = "SHA-256 has 32 bytes")]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
