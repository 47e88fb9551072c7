//! What `serve` prints when it is ready: addresses, modes, and for each SDK the lines to paste.

use std::{fmt, path::Path};

use crate::{Emulator, config::Config, control::modes::Modes, tls::CertsPaths};

/// For each SDK the line that makes it trust the CA
///
/// Bundles hold the system's roots too, because these variables replace what a program trusts; Node.js adds to it.
pub(super) struct TrustBlock<'a>(pub(super) &'a CertsPaths);

/// The text on standard output; its last line is the one that scripts wait for
pub(super) struct ReadyBlock<'a> {
    pub(super) emulator: &'a Emulator,
    pub(super) config: &'a Config,
}

impl fmt::Display for ReadyBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let emulator = self.emulator;
        let authority = emulator.certificate_authority();
        writeln!(
            f,
            "lookoutvision-emulator {} (for testing only)",
            env!("CARGO_PKG_VERSION")
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "  AWS API      {}  (listening on {})",
            emulator.endpoint_url(),
            emulator.address()
        )?;
        writeln!(f, "  control API  {}", emulator.control_url())?;
        match authority.paths() {
            Some(paths) => writeln!(f, "  CA           {}", shown(&paths.ca))?,
            None => writeln!(f, "  CA           in memory: {}/ca.pem", emulator.control_url())?,
        }
        writeln!(f, "  SHA-256      {}", authority.fingerprint_sha256())?;
        writeln!(f, "  valid until  {}", authority.not_after())?;
        writeln!(f)?;
        let modes = Modes::of(&emulator.snapshot());
        writeln!(f, "  identity side              {}", modes.identity_side)?;
        writeln!(
            f,
            "  undeclared unsigned body   {}",
            modes.undeclared_unsigned_payload
        )?;
        writeln!(f, "  clock skew                 {} s", modes.clock_skew_seconds)?;
        for endpoint in &modes.vpc_endpoints {
            writeln!(f, "  VPC endpoint               {endpoint}")?;
        }
        writeln!(f)?;
        self.sdk_blocks(f)?;
        writeln!(f)?;
        write!(f, "lookoutvision-emulator is ready")
    }
}

impl ReadyBlock<'_> {
    fn sdk_blocks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(paths) = self.emulator.certificate_authority().paths() else {
            return Ok(());
        };
        let region = self.config.home_region();
        writeln!(f, "# every SDK: where to call, and who is calling")?;
        writeln!(
            f,
            "export AWS_ENDPOINT_URL_LOOKOUTVISION={}",
            self.emulator.endpoint_url()
        )?;
        writeln!(f, "export AWS_REGION={region} AWS_DEFAULT_REGION={region}")?;
        self.credentials(f)?;
        write!(f, "{}", TrustBlock(paths))
    }

    /// The well-known default key is printed whole; of any other key only the public half is.
    fn credentials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(key) = self
            .config
            .principals
            .iter()
            .flat_map(|principal| &principal.access_keys)
            .next()
        else {
            return writeln!(
                f,
                "# no principal of the configuration has an access key: every request will be refused"
            );
        };
        if self.config.has_default_principal() {
            return writeln!(f, "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test");
        }
        writeln!(
            f,
            "export AWS_ACCESS_KEY_ID={}  # and its secret, from the configuration",
            key.access_key_id
        )
    }
}

impl fmt::Display for TrustBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(paths) = self;
        writeln!(f, "# AWS CLI, boto3")?;
        writeln!(f, "export AWS_CA_BUNDLE={}", quoted(&paths.ca_bundle))?;
        writeln!(f, "# Rust SDK")?;
        writeln!(f, "export SSL_CERT_FILE={}", quoted(&paths.ca_bundle))?;
        writeln!(f, "# JavaScript SDK on Node.js")?;
        writeln!(f, "export NODE_EXTRA_CA_CERTS={}", quoted(&paths.ca))?;
        writeln!(f, "# Java SDK: options of the java command")?;
        writeln!(
            f,
            "#   -Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword=changeit",
            quoted(&paths.truststore)
        )
    }
}

/// The whole path, so that it can be pasted into a shell that stands elsewhere
fn shown(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// The whole path as a shell reads it back
fn quoted(path: &Path) -> String {
    let text = shown(path);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if text.bytes().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
