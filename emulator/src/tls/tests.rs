//! Handshakes of real clients with the listener's configuration, without sockets.

mod leaves;
mod openssl;

use std::sync::Mutex;

use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, HandshakeKind, ProtocolVersion, RootCertStore,
    ServerConnection, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject},
    server::Acceptor,
    sign::CertifiedKey,
};

use super::*;
use crate::{config::EmulatedName, host_name::HostName};

const SERVICE: &str = "lookoutvision.us-east-1.amazonaws.com";

fn authority() -> Arc<CertificateAuthority> {
    let names = [
        EmulatedName::Dns("host.docker.internal".into()),
        EmulatedName::Address("172.28.0.10".parse().unwrap()),
        EmulatedName::Address("fd00::10".parse().unwrap()),
    ];
    Arc::new(CertificateAuthority::in_memory(&names).unwrap())
}

fn server(authority: &Arc<CertificateAuthority>) -> Arc<ServerConfig> {
    server_config(authority.clone(), TlsLimits::default(), Alpn::Http11, |_| {}).unwrap()
}

fn client_with(
    roots: &str,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ClientConfig> {
    let mut anchors = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        anchors.add(certificate.unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(anchors)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn client(authority: &CertificateAuthority) -> Arc<ClientConfig> {
    client_with(authority.ca_pem(), &[&TLS13, &TLS12], &["http/1.1"])
}

/// Carries bytes between the two until both are done; the client's view of it.
fn handshake(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.clone(), name).unwrap();
    let mut server = ServerConnection::new(server.clone()).unwrap();
    let mut bytes = Vec::new();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        bytes.clear();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut input = &*bytes;
        while !input.is_empty() {
            server.read_tls(&mut input).unwrap();
        }
        // The server's own error is of no interest: what matters is what the client learns of it.
        let _ = server.process_new_packets();
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut input = &*bytes;
        while !input.is_empty() {
            client.read_tls(&mut input).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}

#[test]
fn every_name_of_ours_is_served_over_both_versions() {
    let authority = authority();
    let server = server(&authority);
    for (version, expected) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = client_with(authority.ca_pem(), &[version], &[]);
        for name in [
            SERVICE,
            "LOOKOUTVISION.us-east-1.amazonaws.com",
            "lookoutvision-fips.us-west-2.amazonaws.com",
            "lookoutvision.eu-west-1.api.aws",
            "lookoutvision-fips.eu-west-1.api.aws",
            "vpce-0a1b2c3d4e5f67890-abcdefgh.lookoutvision.us-west-2.vpce.amazonaws.com",
            "vpce-0a1b2c3d4e5f67890-abcdefgh-us-west-2a.lookoutvision.us-west-2.vpce.amazonaws.com",
            "localhost",
            "emulator.localhost",
            "host.docker.internal",
        ] {
            let (connection, _) =
                handshake(&server, &client, name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(connection.protocol_version(), Some(expected), "{name}");
        }
    }
}

#[test]
fn this_machines_own_name_is_served() {
    let authority = authority();
    let Some(own_host) = authority.names().own_host() else {
        eprintln!("SKIPPED: this machine has no name but localhost");
        return;
    };
    handshake(&server(&authority), &client(&authority), own_host.as_str()).unwrap();
}

#[test]
fn a_client_that_connects_by_address_sends_no_name_and_is_served() {
    let authority = authority();
    let server = server(&authority);
    for address in ["127.0.0.1", "::1", "172.28.0.10", "fd00::10"] {
        let (_, connection) = handshake(&server, &client(&authority), address).unwrap();
        assert_eq!(connection.server_name(), None);
    }
    let error = handshake(&server, &client(&authority), "172.28.0.11")
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("NotValidForName") || error.to_string().contains("not valid for name"),
        "{error}"
    );
}

#[test]
fn a_name_that_is_not_ours_gets_an_alert_and_leaves_a_reason() {
    let authority = authority();
    let reasons: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = reasons.clone();
    let server = server_config(
        authority.clone(),
        TlsLimits::default(),
        Alpn::Http11,
        move |refusal| {
            log.lock().unwrap().push(refusal.to_string());
        },
    )
    .unwrap();
    for name in ["s3.us-east-1.amazonaws.com", "example.com"] {
        let error = handshake(&server, &client(&authority), name).err().unwrap();
        assert_eq!(
            error,
            Error::AlertReceived(AlertDescription::AccessDenied),
            "{name}"
        );
    }
    assert_eq!(
        *reasons.lock().unwrap(),
        [
            "server name `s3.us-east-1.amazonaws.com` is a name of AWS that belongs to no service played here",
            "server name `example.com` is not one this emulator answers for; add it to `names` in the configuration",
        ]
    );
}

#[test]
fn a_server_that_reads_the_client_hello_first_can_say_that_it_does_not_know_the_name() {
    let authority = authority();
    let name = ServerName::try_from("example.com").unwrap();
    let mut client = ClientConnection::new(client(&authority), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &*hello).unwrap();
    let accepted = acceptor.accept().unwrap().unwrap();
    assert!(
        authority
            .names()
            .screen(accepted.client_hello().server_name())
            .is_err()
    );
    client.read_tls(&mut &UNRECOGNIZED_NAME_ALERT[..]).unwrap();
    let error = client.process_new_packets().unwrap_err();
    assert_eq!(error, Error::AlertReceived(AlertDescription::UnrecognisedName));
}

#[test]
fn a_client_that_does_not_trust_the_authority_refuses_it() {
    let authority = authority();
    let stranger = CertificateAuthority::in_memory(&[]).unwrap();
    let error = handshake(&server(&authority), &client(&stranger), SERVICE)
        .err()
        .unwrap();
    assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
}

/// Gives one certificate to everyone, ours or not
#[derive(Debug)]
struct Forger(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Forger {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A server of someone who got hold of the authority's key
fn forged_server(authority: &CertificateAuthority, names: &[&str]) -> Arc<ServerConfig> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let names: Vec<HostName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let leaf = authority.certify(&names, &key, Timestamp::now()).unwrap();
    let der = PrivatePkcs8KeyDer::from(key.serialized_der());
    let key = ring::sign::any_ecdsa_type(&der.into()).unwrap();
    let certified = Arc::new(CertifiedKey::new(vec![leaf.der], key));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Forger(certified)));
    Arc::new(config)
}

#[test]
fn a_certificate_outside_the_name_constraints_is_refused_by_clients() {
    let authority = authority();
    let client = client(&authority);
    // The method of the test is sound: within the constraints the forger is believed.
    for name in [SERVICE, "host.docker.internal", "127.9.9.9", "172.28.0.10"] {
        handshake(&forged_server(&authority, &[name]), &client, name).unwrap();
    }
    for name in [
        "example.com",
        "amazonaws.com.example",
        "notamazonaws.com",
        "docker.internal",
        "10.0.0.1",
        "172.28.0.11",
        "::2",
    ] {
        let error = handshake(&forged_server(&authority, &[name]), &client, name)
            .err()
            .unwrap();
        assert!(
            format!("{error:?}").contains("NameConstraintViolation"),
            "{name}: {error:?}"
        );
        // Nor does it help to hide the name among ours.
        let error = handshake(&forged_server(&authority, &[SERVICE, name]), &client, SERVICE)
            .err()
            .unwrap();
        assert!(
            format!("{error:?}").contains("NameConstraintViolation"),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn http_1_1_is_offered_and_h2_only_where_asked_for() {
    let authority = authority();
    let both = client_with(authority.ca_pem(), &[&TLS13], &["h2", "http/1.1"]);
    let chosen = |alpn| {
        let server = server_config(authority.clone(), TlsLimits::default(), alpn, |_| {}).unwrap();
        let (client, _) = handshake(&server, &both, SERVICE).unwrap();
        client.alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(chosen(Alpn::Http11).as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(chosen(Alpn::Http2).as_deref(), Some(&b"h2"[..]));

    let h2_only = client_with(authority.ca_pem(), &[&TLS13], &["h2"]);
    let error = handshake(&server(&authority), &h2_only, SERVICE).err().unwrap();
    assert_eq!(
        error,
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
    );
}

#[test]
fn a_client_can_resume_its_session() {
    let authority = authority();
    let server = server(&authority);
    for version in [&TLS12, &TLS13] {
        let client = client_with(authority.ca_pem(), &[version], &[]);
        let (first, _) = handshake(&server, &client, SERVICE).unwrap();
        assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));
        let (second, _) = handshake(&server, &client, SERVICE).unwrap();
        assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}
