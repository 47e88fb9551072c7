//! Temporary credentials, as AssumeRole hands them out. For testing only: AWS knows nothing of them.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use sigv4_verify::{AccessKey, SecretAccessKey, SessionToken};

use aws_identifiers::AccessKeyId;

/// Temporary credentials
///
/// Their secrets are serialised for the state file alone, which only its owner can read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TemporaryCredentials {
    pub(crate) access_key_id: AccessKeyId,
    #[serde(with = "secret_access_key")]
    pub(crate) secret_access_key: SecretAccessKey,
    #[serde(with = "session_token")]
    pub(crate) session_token: SessionToken,
    pub(crate) expires_at: Timestamp,
}

impl TemporaryCredentials {
    pub(crate) fn fresh(expires_at: Timestamp) -> Self {
        let random = SystemRandom::new();
        let mut bytes = [0; ID_RANDOM_LETTERS + 30 + 96];
        random
            .fill(&mut bytes)
            .expect("the system has random bytes, or there would be no certificates either");
        let (id, rest) = bytes.split_at(ID_RANDOM_LETTERS);
        let (secret, token) = rest.split_at(30);
        let letter = |byte: &u8| char::from(ID_LETTERS[usize::from(byte % 32)]);
        let id: String = ID_PREFIX.chars().chain(id.iter().map(letter)).collect();
        Self {
            access_key_id: id
                .parse()
                .expect("twenty letters and digits are an access key id"),
            secret_access_key: SecretAccessKey::new(&BASE64_STANDARD.encode(secret)),
            session_token: SessionToken::new(&BASE64_STANDARD.encode(token)),
            expires_at,
        }
    }

    /// Whether an access key id looks like those of [`fresh`](Self::fresh)
    pub(crate) fn is_id(text: &str) -> bool {
        text.strip_prefix(ID_PREFIX).is_some_and(|rest| {
            rest.len() == ID_RANDOM_LETTERS && rest.bytes().all(|byte| ID_LETTERS.contains(&byte))
        })
    }

    /// What signatures are checked with
    pub(crate) fn key(&self) -> AccessKey {
        AccessKey::temporary(
            self.secret_access_key.clone(),
            self.session_token.clone(),
            Some(self.expires_at),
        )
    }
}

/// Begins the ids of temporary keys (IAM User Guide, *IAM identifiers*)
const ID_PREFIX: &str = "ASIA";
const ID_RANDOM_LETTERS: usize = 16;
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret as it stands in the state file
mod secret_access_key {
    use serde::{Deserialize, Deserializer, Serializer};
    use sigv4_verify::SecretAccessKey;

    pub(super) fn serialize<S: Serializer>(
        secret: &SecretAccessKey,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SecretAccessKey, D::Error> {
        String::deserialize(deserializer).map(|text| SecretAccessKey::new(&text))
    }
}

/// The token as it stands in the state file
mod session_token {
    use serde::{Deserialize, Deserializer, Serializer};
    use sigv4_verify::SessionToken;

    pub(super) fn serialize<S: Serializer>(token: &SessionToken, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(token.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SessionToken, D::Error> {
        String::deserialize(deserializer).map(|text| SessionToken::new(&text))
    }
}
