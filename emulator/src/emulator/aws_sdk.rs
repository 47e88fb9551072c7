//! The configuration of an AWS SDK for Rust, so that no test has to write it.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Builder as HttpClient,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::{SdkConfig, region::Region, sdk_config::RetryConfig};

use super::Emulator;
use crate::identity::{AccessKey, Principal};

impl Emulator {
    /// A configuration for the AWS SDK for Rust: it calls this emulator, trusts this CA and nothing else, and signs as the
    /// first principal that has an access key
    ///
    /// Clients of Lookout for Vision, EC2 and STS accept it. It takes nothing from environment variables or profiles.
    /// The Region is the one that the endpoint's policy names, or else the endpoint's; `.into_builder()` can change it,
    /// and everything else.
    ///
    /// # Panics
    /// When no principal has an access key.
    #[track_caller]
    pub fn sdk_config(&self) -> SdkConfig {
        match self.credentials_of(|_| true) {
            Some(credentials) => self.sdk_config_with(credentials),
            None => panic!("no principal has an access key"),
        }
    }

    /// As [`sdk_config`](Self::sdk_config), but it signs as the principal with this ARN
    ///
    /// # Panics
    /// When there is no such principal, or it has no access key.
    #[track_caller]
    pub fn sdk_config_of(&self, arn: &str) -> SdkConfig {
        match self.credentials_of(|principal| principal.arn() == arn) {
            Some(credentials) => self.sdk_config_with(credentials),
            None => panic!("there is no principal `{arn}` with an access key"),
        }
    }

    fn sdk_config_with(&self, credentials: Credentials) -> SdkConfig {
        let trust = TrustStore::empty().with_pem_certificate(self.ca_pem());
        let trust = TlsContext::builder().with_trust_store(trust).build();
        let http_client = HttpClient::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(trust.expect("a trust store is all that is set"))
            .build_https();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.client_environment().region().to_owned()))
            .endpoint_url(self.endpoint_url())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client)
            // As `aws_config::defaults` sets it; without it nothing is retried.
            .retry_config(RetryConfig::standard())
            // Retries and timeouts wait on it.
            .sleep_impl(TokioSleep::new())
            .build()
    }

    /// The first access key of the first matching principal that has one
    fn credentials_of(&self, is_asked_for: impl Fn(&Principal) -> bool) -> Option<Credentials> {
        let snapshot = self.snapshot();
        let principals = snapshot.settings.identities.principals.iter();
        let mut keys = principals
            .filter(|principal| is_asked_for(principal))
            .flat_map(|principal| &principal.access_keys);
        keys.next().map(credentials)
    }
}

fn credentials(
    AccessKey {
        access_key_id, key, ..
    }: &AccessKey,
) -> Credentials {
    let token = key.session_token().map(|token| token.expose().to_owned());
    Credentials::new(
        access_key_id.as_str(),
        key.secret().expose(),
        token,
        None,
        "lookoutvision-emulator",
    )
}
