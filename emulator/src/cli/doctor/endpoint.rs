//! Where a client's calls go: which setting says so, what the name resolves to, and whether the emulator answers there.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::Uri;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    profile::SharedConfig,
    surroundings::{ControlAnswers, Surroundings, Variables, is_near, without_credentials},
    variables::{self, CURE_BY_ENV},
};
use crate::{control::diagnosis::Finding, runtime::unheard::PROBE_PROTOCOL};

/// Where a client's calls go
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The setting that decides
    pub(super) source: Source,
    pub(super) url: String,
    /// Host and port; `None`: the URL cannot be read
    pub(super) place: Option<(String, u16)>,
    pub(super) scheme: Option<String>,
    /// What the host's name resolves to
    pub(super) addresses: Result<Vec<IpAddr>, String>,
    /// The handshake of a client that trusts the CA of the running emulator; `None`: none was tried
    pub(super) handshake: Option<Handshake>,
}

/// The setting that decides where a client's calls go (AWS SDKs and Tools Reference Guide, *Service-specific
/// endpoints*, in its order)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// This variable
    Variable(&'static str),
    /// A shared configuration file, at this place
    SharedConfig(String),
    /// Nothing: the service's own name in the client's Region
    RealName,
}

/// How a handshake went
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Handshake {
    /// The certificate was verified
    Done,
    /// There was no connection
    NotConnected(String),
    /// There was a connection, and no session
    Refused(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "`{name}`"),
            Self::SharedConfig(place) => f.write_str(place),
            Self::RealName => f.write_str("no setting names an endpoint"),
        }
    }
}

/// The host and the port that a URL leads to
fn place_of(uri: &Uri) -> Option<(String, u16)> {
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        _ => 443,
    };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), uri.port_u16().unwrap_or(default_port)))
}

impl Endpoint {
    /// Finds the endpoint and tries a handshake with it, but never with AWS itself
    pub(super) fn probe(variables: &Variables, shared_config: &SharedConfig, ca: Option<&[u8]>) -> Self {
        let (source, url) = setting(variables, shared_config);
        let uri: Option<Uri> = url.parse().ok();
        let scheme = uri.as_ref().and_then(Uri::scheme_str).map(str::to_owned);
        let place = uri.as_ref().and_then(place_of);
        let mut endpoint = Self {
            source,
            url,
            addresses: place
                .as_ref()
                .map_or(Err("it is not a URL".to_owned()), |(host, port)| {
                    resolve(host, *port)
                }),
            place,
            scheme,
            handshake: None,
        };
        endpoint.handshake = ca.and_then(|ca| endpoint.shake_hands(&[ca.to_vec()]));
        endpoint
    }

    /// Where the emulator answers: at this endpoint, or else at the URL that the emulator itself gives
    pub(super) fn place_of_emulator(&self, control: Option<&ControlAnswers>) -> Option<(String, u16)> {
        let says = || {
            control?
                .environment
                .get("AWS_ENDPOINT_URL_LOOKOUTVISION")?
                .parse()
                .ok()
        };
        match self.leads_here() {
            true => self.place.clone(),
            false => says().as_ref().and_then(place_of).or_else(|| self.place.clone()),
        }
    }

    /// A handshake of a client that trusts these certificates (DER); `None`: there is nothing to try it with, or the
    /// endpoint is AWS itself
    pub(super) fn shake_hands(&self, trusted: &[Vec<u8>]) -> Option<Handshake> {
        let (host, port) = self.place.as_ref()?;
        let addresses = self.addresses.as_ref().ok()?;
        if self.scheme.as_deref() != Some("https") || leads_to_aws(host, addresses) {
            return None;
        }
        let addresses = addresses.iter().map(|address| SocketAddr::new(*address, *port));
        let addresses: Vec<SocketAddr> = addresses.collect();
        block_on(shake_hands(host, &addresses, trusted))
    }

    /// Whether a URL leads to the same place
    pub(super) fn is_at(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else {
            return false;
        };
        let port = uri.port_u16().unwrap_or(443);
        let place = uri.host().map(|host| (host.to_owned(), port));
        place.is_some() && place == self.place && self.leads_here()
    }

    /// Whether the emulator answers there
    pub(super) fn leads_here(&self) -> bool {
        self.handshake == Some(Handshake::Done)
    }
}

/// The setting that decides, and the URL that it names
fn setting(variables: &Variables, shared_config: &SharedConfig) -> (Source, String) {
    let real_name = || {
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .iter()
            .find_map(|name| variables.get(name));
        let region = region.or(shared_config.value("region")).unwrap_or("us-east-1");
        (
            Source::RealName,
            format!("https://lookoutvision.{region}.amazonaws.com"),
        )
    };
    if variables::is_ignored(variables) || shared_config.ignores_endpoints() {
        return real_name();
    }
    for name in [variables::NAMES[0], variables::GLOBAL] {
        if let Some(url) = variables.get(name) {
            return (Source::Variable(name), url.to_owned());
        }
    }
    match shared_config.endpoint() {
        Some(setting) => (Source::SharedConfig(setting.place()), setting.value.clone()),
        None => real_name(),
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let lookup = async {
        let found = timeout(TIMEOUT, tokio::net::lookup_host((host, port))).await;
        match found {
            Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
        }
    };
    block_on(lookup).unwrap_or_else(|| Err("the runtime could not be started".to_owned()))
}

async fn shake_hands(host: &str, addresses: &[SocketAddr], trusted: &[Vec<u8>]) -> Handshake {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().map(|der| CertificateDer::from(&der[..])));
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for both versions");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    // With it the emulator does not count this probe among the clients that send no request.
    config.alpn_protocols = vec![PROBE_PROTOCOL.to_vec(), b"http/1.1".to_vec()];
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Handshake::Refused(format!("`{host}` is not a name that a certificate can have"));
    };
    let attempt = async {
        // `localhost` may be two addresses, and the emulator listens on one.
        let stream = match TcpStream::connect(addresses).await {
            Ok(stream) => stream,
            Err(error) => return Handshake::NotConnected(error.to_string()),
        };
        match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
            Ok(_) => Handshake::Done,
            Err(error) => Handshake::Refused(error.to_string()),
        }
    };
    match timeout(TIMEOUT, attempt).await {
        Ok(handshake) => handshake,
        Err(_) => Handshake::NotConnected(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

/// Whether a name of AWS resolves to AWS, and not to an emulator on this machine or in a private network
fn leads_to_aws(host: &str, addresses: &[IpAddr]) -> bool {
    let is_of_aws = AWS_DOMAINS.iter().any(|domain| host.ends_with(domain));
    is_of_aws && !addresses.iter().all(|address| is_near(*address))
}

/// Runs a future on a runtime of its own, because there is none around a subcommand
fn block_on<T>(future: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let done = runtime.block_on(future);
    // A name lookup in progress cannot be cancelled, and is not waited for.
    runtime.shutdown_background();
    Some(done)
}

/// Whether a client's calls arrive
pub(super) fn endpoint(surroundings: &Surroundings) -> Vec<Finding> {
    let endpoint = &surroundings.endpoint;
    let url = without_credentials(&endpoint.url);
    let said = match &endpoint.source {
        Source::RealName => format!("no setting names an endpoint, so calls go to {url}"),
        source => format!("calls go to {url}, as {source} says"),
    };
    let problem = |why: &str| Finding::problem("endpoint", format!("{said}: {why}"));
    let Some((host, _)) = &endpoint.place else {
        return vec![problem("that is not the URL of an endpoint").cure(CURE_BY_ENV)];
    };
    let addresses = match &endpoint.addresses {
        Ok(addresses) => addresses,
        Err(error) => {
            return vec![problem(&format!("the name `{host}` does not resolve ({error})")).cure(CURE_BY_ENV)];
        }
    };
    let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let listed = listed.join(", ");
    if leads_to_aws(host, addresses) {
        return vec![
            problem(&format!(
                "`{host}` resolves to AWS ({listed}) and not to the emulator"
            ))
            .cure(format!(
                "{CURE_BY_ENV}; or let the name resolve to the emulator, by a network alias or the hosts file"
            )),
        ];
    }
    if endpoint.scheme.as_deref() != Some("https") {
        return vec![problem("the emulator speaks TLS only").cure("let it begin with https://")];
    }
    vec![match &endpoint.handshake {
        Some(Handshake::Done) => Finding::ok(
            "endpoint",
            format!("{said}; `{host}` is {listed}, and the emulator answers there"),
        ),
        Some(Handshake::NotConnected(error)) => problem(&format!("nobody answers at {listed}: {error}")).cure(
            "start the emulator, or name the port that it listens on now: `lookoutvision-emulator env` prints it",
        ),
        Some(Handshake::Refused(error)) => problem(&format!(
            "whoever answers at {listed} has no certificate of this emulator's CA for `{host}`: {error}"
        ))
        .cure(
            "another emulator, or another server, listens there: see the port; or the name is missing from `names` in \
             the configuration",
        ),
        None => Finding::warning(
            "endpoint",
            format!("{said}; `{host}` is {listed}; whether it is the emulator cannot be told without its control API"),
        )
        .cure("name the control API with `--control URL`"),
    }]
}

const TIMEOUT: Duration = Duration::from_secs(3);
/// AWS General Reference, *AWS service endpoints*
const AWS_DOMAINS: [&str; 3] = [".amazonaws.com", ".api.aws", ".amazonaws.com.cn"];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    /// An endpoint where the emulator answers
    pub(in crate::cli::doctor) fn good() -> Endpoint {
        Endpoint {
            source: Source::Variable("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            url: "https://localhost:8443".to_owned(),
            place: Some(("localhost".to_owned(), 8443)),
            scheme: Some("https".to_owned()),
            addresses: Ok(vec!["127.0.0.1".parse().expect("an address")]),
            handshake: Some(Handshake::Done),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Endpoint), status: Status, expected: &str) {
        let mut around = surroundings(&[]);
        change(&mut around.endpoint);
        let found = endpoint(&around);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].status, status, "{found:?}");
        assert!(found[0].message.contains(expected), "{found:?}");
    }

    #[test]
    fn calls_that_go_to_aws_to_nobody_or_to_somebody_else_are_told() {
        check(|_| {}, Status::Ok, "the emulator answers there");
        let aws = |endpoint: &mut Endpoint| {
            endpoint.source = Source::RealName;
            endpoint.url = "https://lookoutvision.us-east-1.amazonaws.com".to_owned();
            endpoint.place = Some(("lookoutvision.us-east-1.amazonaws.com".to_owned(), 443));
            endpoint.addresses = Ok(vec!["52.94.133.131".parse().expect("an address")]);
            endpoint.handshake = None;
        };
        check(
            aws,
            Status::Problem,
            "resolves to AWS (52.94.133.131) and not to the emulator",
        );
        let alias = |endpoint: &mut Endpoint| {
            aws(endpoint);
            endpoint.addresses = Ok(vec!["172.28.0.5".parse().expect("an address")]);
            endpoint.handshake = Some(Handshake::Done);
        };
        check(alias, Status::Ok, "no setting names an endpoint");
        check(
            |endpoint| endpoint.addresses = Err("no such host".to_owned()),
            Status::Problem,
            "`localhost` does not resolve (no such host)",
        );
        check(
            |endpoint| endpoint.handshake = Some(Handshake::NotConnected("refused".to_owned())),
            Status::Problem,
            "nobody answers at 127.0.0.1",
        );
        check(
            |endpoint| endpoint.handshake = Some(Handshake::Refused("UnknownIssuer".to_owned())),
            Status::Problem,
            "has no certificate of this emulator's CA",
        );
        check(
            |endpoint| endpoint.scheme = Some("http".to_owned()),
            Status::Problem,
            "speaks TLS only",
        );
        check(|endpoint| endpoint.place = None, Status::Problem, "not the URL");
        check(
            |endpoint| endpoint.handshake = None,
            Status::Warning,
            "cannot be told",
        );
    }

    #[test]
    fn the_setting_that_decides_is_the_one_that_the_sdks_take() {
        let variables = |list: &[(&str, &str)]| surroundings(list).variables;
        let config = |text: &str| SharedConfig::of_texts(&Variables::default(), text, "");
        let specific = ("AWS_ENDPOINT_URL_LOOKOUTVISION", "https://a");
        let global = ("AWS_ENDPOINT_URL", "https://b");
        let service = "[default]\nservices = local\nendpoint_url = https://d\n[services local]\nlookoutvision =\n  endpoint_url = https://c\n";
        for (list, text, expected) in [
            (&[specific, global][..], service, "https://a"),
            (&[global], service, "https://b"),
            (&[], service, "https://c"),
            (&[], "[default]\nendpoint_url = https://d\n", "https://d"),
            (
                &[("AWS_DEFAULT_REGION", "eu-west-1")],
                "",
                "https://lookoutvision.eu-west-1.amazonaws.com",
            ),
            (
                &[],
                "[default]\nregion = us-west-2\n",
                "https://lookoutvision.us-west-2.amazonaws.com",
            ),
            (
                &[specific],
                "[default]\nignore_configured_endpoint_urls = true\n",
                "https://lookoutvision.us-east-1.amazonaws.com",
            ),
        ] {
            assert_eq!(
                setting(&variables(list), &config(text)).1,
                expected,
                "{list:?} {text}"
            );
        }
    }
}
