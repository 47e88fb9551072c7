//! What `serve` prints when it is ready: addresses, modes, and for each SDK the lines to paste.

use std::{fmt, path::Path};

use iam_policy::PolicyDocument;

use crate::{
    Emulator,
    control::{
        client_environment::{Client, Format, quoted},
        modes::Modes,
    },
    runtime::addresses::PublishedPorts,
    tls::CertsPaths,
};

/// For each SDK, the line that makes it trust the CA
///
/// No line is a comment, because zsh reads one as words. Bundles hold the system's roots too, because these variables
/// replace what a program trusts; the variable of Node.js adds to it.
pub(super) struct TrustBlock<'a>(pub(super) &'a CertsPaths);

/// The text on standard output; its last line is the one that scripts wait for
pub(super) struct ReadyBlock<'a> {
    pub(super) emulator: &'a Emulator,
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
        writeln!(f, "  dashboard    {}/dashboard", emulator.control_url())?;
        match authority.paths() {
            // The host does not see the container's files.
            _ if emulator.published_ports().is_some() => {
                writeln!(f, "  CA           {}/ca.pem", emulator.control_url())?;
            }
            Some(paths) => writeln!(f, "  CA           {}", shown(&paths.ca))?,
            None => writeln!(f, "  CA           in memory: {}/ca.pem", emulator.control_url())?,
        }
        writeln!(f, "  SHA-256      {}", authority.fingerprint_sha256())?;
        writeln!(f, "  valid until  {}", authority.not_after())?;
        writeln!(f)?;
        let snapshot = emulator.snapshot();
        let modes = Modes::of(&snapshot);
        writeln!(f, "  identity policies        {}", modes.identity_side)?;
        writeln!(
            f,
            "  body without its hash    {} (strictness.undeclared_unsigned_payload)",
            modes.undeclared_unsigned_payload
        )?;
        writeln!(f, "  clock skew               {} s", modes.clock_skew_seconds)?;
        writeln!(f, "  public endpoint          {}", modes.public_endpoint)?;
        for placed in snapshot.endpoints.iter() {
            let document = &placed.endpoint.policy_document;
            let policy = if **document == PolicyDocument::full_access() {
                "default policy: full access".to_owned()
            } else {
                match document.statements().len() {
                    1 => "policy with 1 statement".to_owned(),
                    statements => format!("policy with {statements} statements"),
                }
            };
            writeln!(f, "  {}   {policy}", placed.id())?;
        }
        writeln!(f)?;
        self.client_variables(f)?;
        write!(f, "lookoutvision-emulator is ready")
    }
}

impl ReadyBlock<'_> {
    /// The lines to paste into a shell; no comment stands behind or between them, because zsh reads one as words
    fn client_variables(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let emulator = self.emulator;
        let environment = emulator.client_environment();
        if !environment.has_credentials() {
            writeln!(
                f,
                "No principal of the configuration has an access key: every request will be refused."
            )?;
            writeln!(f)?;
        }
        if let Some(ports) = emulator.published_ports() {
            return self.outside_views(f, ports);
        }
        if !environment.has_trust() {
            return Ok(());
        }
        writeln!(
            f,
            "For every SDK, in the shell of the program under test (`lookoutvision-emulator env` prints it again):"
        )?;
        writeln!(f)?;
        writeln!(f, "{}", environment.render(Client::All, Format::Sh))
    }

    /// A container is called from its host, which does not see its files, and from other containers
    fn outside_views(&self, f: &mut fmt::Formatter<'_>, ports: PublishedPorts) -> fmt::Result {
        let emulator = self.emulator;
        let (PublishedPorts { listen, control }, url) = (ports, emulator.control_url());
        writeln!(
            f,
            "From the host, where ports {listen} and {control} lead to this container's {} and {}:",
            emulator.address().port(),
            emulator.control_port(),
        )?;
        writeln!(f)?;
        writeln!(f, "curl -sO '{url}/{{ca.pem,ca-bundle.pem,truststore.p12}}'")?;
        writeln!(
            f,
            "eval \"$(curl -sG {url}/env -d format=sh --data-urlencode \"certs_directory=$PWD\")\""
        )?;
        writeln!(f)?;
        let name = emulator.name_for_others();
        let environment = emulator.client_environment_by(&name);
        if environment.has_trust() {
            writeln!(
                f,
                "From another container, which has the folder of the CA as a volume. Where the service's own host name leads \
                 here, the endpoint URLs are not needed:"
            )?;
            writeln!(f)?;
            writeln!(f, "{}", environment.render(Client::All, Format::Sh))?;
        }
        Ok(())
    }
}

impl fmt::Display for TrustBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(paths) = self;
        let (bundle, ca) = (quoted(&shown(&paths.ca_bundle)), quoted(&shown(&paths.ca)));
        writeln!(f, "AWS CLI, boto3:")?;
        writeln!(f, "  export AWS_CA_BUNDLE={bundle}")?;
        writeln!(f, "Rust SDK:")?;
        writeln!(f, "  export SSL_CERT_FILE={bundle}")?;
        writeln!(f, "JavaScript SDK on Node.js:")?;
        writeln!(f, "  export NODE_EXTRA_CA_CERTS={ca}")?;
        writeln!(f, "Java SDK, options of the java command:")?;
        writeln!(
            f,
            "  -Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword=changeit",
            quoted(&shown(&paths.truststore))
        )
    }
}

/// The absolute path, so that it can be pasted into a shell in another folder
fn shown(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}
