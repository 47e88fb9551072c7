//! OpenSSL, which checks certificates for Python, Node.js and the AWS CLI, as a reader and as a client.

use std::{net::TcpListener, thread};

use super::*;

/// What `openssl x509` prints of a certificate
fn openssl_text(pem: &str) -> Option<String> {
    foreign::run(
        "openssl",
        &["x509", "-noout", "-text", "-fingerprint", "-sha256"],
        pem.as_bytes(),
    )
}

#[test]
fn openssl_reads_the_authority_as_we_mean_it() {
    let authority = authority();
    let Some(text) = openssl_text(authority.ca_pem()) else {
        return;
    };
    for expected in [
        "Version: 3",
        "O = lookoutvision-emulator (for testing only), CN = lookoutvision-emulator testing CA ",
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "Name Constraints: critical",
        "DNS:amazonaws.com\n",
        "DNS:api.aws\n",
        "DNS:localhost\n",
        "DNS:host.docker.internal\n",
        "IP:127.0.0.0/255.0.0.0",
        "IP:172.28.0.10/255.255.255.255",
        &format!("Fingerprint={}\n", authority.fingerprint_sha256()),
    ] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
}

#[test]
fn openssl_reads_a_leaf_as_we_mean_it() {
    let authority = authority();
    let leaves = Leaves::new(authority.clone(), Arc::new(DefaultTimeProvider), Box::new(|_| {}));
    let pem_of = |name| authority::certificate_pem(&leaves.leaf(name).unwrap().cert[0]);
    let (Some(named), Some(unnamed)) = (openssl_text(&pem_of(Some(SERVICE))), openssl_text(&pem_of(None)))
    else {
        return;
    };
    for expected in [
        "Subject: \n",
        "Subject Alternative Name: critical\n                DNS:lookoutvision.us-east-1.amazonaws.com, DNS:lookoutvision-fips.us-east-1.amazonaws.com, ",
        "DNS:sts.amazonaws.com, DNS:*.lookoutvision.us-east-1.vpce.amazonaws.com\n",
        "CA:FALSE",
        "Digital Signature\n",
        "TLS Web Server Authentication\n",
        "Authority Key Identifier",
        "Subject Key Identifier",
    ] {
        assert!(named.contains(expected), "no `{expected}` in\n{named}");
    }
    assert!(
        unnamed.contains(
            "DNS:localhost, IP Address:127.0.0.1, IP Address:172.28.0.10, IP Address:0:0:0:0:0:0:0:1, "
        ),
        "{unnamed}"
    );
    let serial = |text: &str| {
        text.split("Serial Number:")
            .nth(1)
            .unwrap()
            .split("Signature")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_ne!(serial(&named), serial(&unnamed));
}

#[test]
fn openssl_connects_over_both_versions_and_enforces_the_name_constraints() {
    let authority = authority();
    let connect = |config: Arc<ServerConfig>, ca_pem: &str, name: &str, version: &str| {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, ca_pem).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(config).unwrap();
            // OpenSSL may hang up before or after the handshake is done.
            let _ = connection.complete_io(&mut socket);
            connection.send_close_notify();
            let _ = connection.write_tls(&mut socket);
        });
        let ca = ca.to_str().unwrap();
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            ca,
            "-servername",
            name,
            // Python 3.13 asks for this by default.
            "-x509_strict",
            "-verify_hostname",
            name,
            version,
        ];
        let output = foreign::run("openssl", &arguments, b"");
        if output.is_none() {
            // Without OpenSSL nobody has connected yet.
            drop(std::net::TcpStream::connect(&address));
        }
        server.join().unwrap();
        output
    };
    for (version, printed) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let Some(output) = connect(server(&authority), authority.ca_pem(), SERVICE, version) else {
            return;
        };
        assert!(output.contains("Verification: OK"), "{output}");
        assert!(output.contains(&format!("New, {printed}")), "{output}");
    }
    let (signing, ca_pem) = forgery::signing_authority();
    let Some(output) = connect(
        forgery::server_of_the_authority(&signing, &["example.com"]),
        &ca_pem,
        "example.com",
        "-tls1_3",
    ) else {
        return;
    };
    assert!(output.contains("permitted subtree violation"), "{output}");
}
