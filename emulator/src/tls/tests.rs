//! Handshakes of real clients with the listener's configuration, without sockets.

mod forgery;
mod judges;
mod leaves;
mod openssl;

use std::sync::Mutex;

use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, HandshakeKind, ProtocolVersion, RootCertStore,
    ServerConnection, SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    server::Acceptor,
};

use super::*;
use crate::network::EmulatedName;

const SERVICE: &str = "lookoutvision.us-east-1.amazonaws.com";

fn names() -> ServedNames {
    let names = [
        EmulatedName::Dns("host.docker.internal".into()),
        EmulatedName::Dns("emulator.localhost".into()),
        EmulatedName::Address("172.28.0.10".parse().unwrap()),
        EmulatedName::Address("fd00::10".parse().unwrap()),
    ];
    ServedNames::of_this_machine(&names, &["xx-nowhere-1".parse().unwrap()]).unwrap()
}

fn authority() -> Arc<CertificateAuthority> {
    Arc::new(CertificateAuthority::in_memory(names()).unwrap())
}

fn server(authority: &Arc<CertificateAuthority>) -> Arc<ServerConfig> {
    server_config(authority.clone(), TlsLimits::default(), Alpn::Http11, |_| {})
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

/// Carries bytes between the two until both are done, and returns the client's result
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
        // The server's own error does not matter here: the test is about what the client learns.
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
            "ec2.us-gov-west-1.amazonaws.com",
            "sts.amazonaws.com",
            "lookoutvision.xx-nowhere-1.amazonaws.com",
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
    let Some(own_host) = authority.names.own_host() else {
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
    );
    for name in [
        "s3.us-east-1.amazonaws.com",
        "example.com",
        "other.localhost",
        "vpce-0a1b2c3d4e5f67890.lookoutvision.us-east-9.vpce.amazonaws.com",
    ] {
        let error = handshake(&server, &client(&authority), name).err().unwrap();
        assert_eq!(
            error,
            Error::AlertReceived(AlertDescription::AccessDenied),
            "{name}"
        );
    }
    let not_served = |name: &str| {
        format!(
            "server name `{name}` is not one this emulator answers for; add it to `names` in the configuration and \
             start again, which makes a new certificate authority that clients have to trust anew"
        )
    };
    assert_eq!(
        *reasons.lock().unwrap(),
        [
            "server name `s3.us-east-1.amazonaws.com` is a name of AWS that belongs to no service played here".to_owned(),
            not_served("example.com"),
            not_served("other.localhost"),
            "server name `vpce-0a1b2c3d4e5f67890.lookoutvision.us-east-9.vpce.amazonaws.com` has no certificate, because \
             the Region `us-east-9` was not known when the certificate authority was made; name it as the `region` of \
             one of `vpcs` or `projects` in the configuration and start again, which makes a new certificate authority \
             that clients have to trust anew"
                .to_owned(),
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
    assert!(authority.screen(accepted.client_hello().server_name()).is_err());
    client.read_tls(&mut &UNRECOGNIZED_NAME_ALERT[..]).unwrap();
    let error = client.process_new_packets().unwrap_err();
    assert_eq!(error, Error::AlertReceived(AlertDescription::UnrecognisedName));
}

#[test]
fn a_client_that_does_not_trust_the_authority_refuses_it() {
    let authority = authority();
    let stranger = CertificateAuthority::in_memory(ServedNames::new(&[], &[], None).unwrap()).unwrap();
    let error = handshake(&server(&authority), &client(&stranger), SERVICE)
        .err()
        .unwrap();
    assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
}

#[test]
fn http_1_1_is_offered_and_h2_only_where_asked_for() {
    let authority = authority();
    let both = client_with(authority.ca_pem(), &[&TLS13], &["h2", "http/1.1"]);
    let chosen = |alpn| {
        let server = server_config(authority.clone(), TlsLimits::default(), alpn, |_| {});
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
