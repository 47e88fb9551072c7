//! What somebody could do with a copy of the directory, and what could be done with the key that is not in it.

use std::fs;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::{pki_types::PrivatePkcs8KeyDer, sign::CertifiedKey};

use super::*;
use crate::tls::{
    certificate::{AuthorityCertificate, CertificateFields},
    directory::key_and_certificates,
    names::CertifiedName,
    signing::SigningAuthority,
};

/// Gives one certificate to everyone, ours or not
#[derive(Debug)]
struct Forger(Arc<CertifiedKey>);

impl ResolvesServerCert for Forger {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A server that shows this chain
pub(super) fn server_with(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<ServerConfig> {
    let der = PrivatePkcs8KeyDer::from(key.serialized_der());
    let key = ring::sign::any_ecdsa_type(&der.into()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Forger(Arc::new(CertifiedKey::new(chain, key)))));
    Arc::new(config)
}

/// A server of somebody who had the authority's key, which nobody has
pub(super) fn server_of_the_authority(authority: &SigningAuthority, names: &[&str]) -> Arc<ServerConfig> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let names: Vec<_> = names
        .iter()
        .map(|name| CertifiedName::Host(name.parse().unwrap()))
        .collect();
    server_with(vec![authority.certify(&names, &key).unwrap()], &key)
}

pub(super) fn signing_authority() -> (SigningAuthority, String) {
    let authority = SigningAuthority::make(&names(), Timestamp::now()).unwrap();
    let pem = authority::certificate_pem(&authority.certificate().der);
    (authority, pem)
}

#[test]
fn a_certificate_outside_the_name_constraints_is_refused_by_rustls() {
    let (authority, pem) = signing_authority();
    let client = client_with(&pem, &[&TLS13], &[]);
    // The method is sound: within the constraints the forger is believed.
    for name in [SERVICE, "host.docker.internal", "127.9.9.9", "172.28.0.10"] {
        handshake(&server_of_the_authority(&authority, &[name]), &client, name).unwrap();
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
        let error = handshake(&server_of_the_authority(&authority, &[name]), &client, name)
            .err()
            .unwrap();
        assert!(
            format!("{error:?}").contains("NameConstraintViolation"),
            "{name}: {error:?}"
        );
        // Nor does it help to hide the name among ours.
        let error = handshake(
            &server_of_the_authority(&authority, &[SERVICE, name]),
            &client,
            SERVICE,
        )
        .err()
        .unwrap();
        assert!(
            format!("{error:?}").contains("NameConstraintViolation"),
            "{name}: {error:?}"
        );
    }
}

/// The keys and certificates that a thief of the directory has
pub(super) struct Loot {
    key: KeyPair,
    /// The server's certificates
    certificates: Vec<CertificateDer<'static>>,
    authority: AuthorityCertificate,
}

/// A server with a certificate that the thief made, and the name that it claims to have
pub(super) struct Forgery {
    pub(super) how: &'static str,
    pub(super) name: &'static str,
    pub(super) server: Arc<ServerConfig>,
}

impl Loot {
    /// Takes every key and certificate out of a directory
    pub(super) fn of(directory: &std::path::Path) -> Self {
        let mut texts = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let text = fs::read(entry.unwrap().path()).unwrap();
            let blocks = String::from_utf8_lossy(&text).matches("PRIVATE KEY-----").count();
            if blocks > 0 {
                assert_eq!(blocks, 2, "one key, from BEGIN to END");
                texts.push(text);
            }
        }
        let [text] = &*texts else {
            panic!("{} files hold a key", texts.len())
        };
        let (key, mut certificates) = key_and_certificates(text).unwrap();
        let authority = AuthorityCertificate::read(certificates.pop().unwrap()).unwrap();
        Self {
            key,
            certificates,
            authority,
        }
    }

    fn leaf_with(&self, name: &str) -> CertificateDer<'static> {
        let name = CertifiedName::from_dns(name).unwrap();
        let has_name =
            |der: &&CertificateDer<'static>| CertificateFields::read(der).unwrap().names.contains(&name);
        self.certificates.iter().find(has_name).unwrap().clone()
    }

    /// Everything that can be tried with the only key in the directory
    pub(super) fn forgeries(&self) -> Vec<Forgery> {
        let key = || {
            KeyPair::from_pkcs8_der_and_sign_algo(
                &PrivatePkcs8KeyDer::from(self.key.serialized_der()),
                &PKCS_ECDSA_P256_SHA256,
            )
            .unwrap()
        };
        let subject_of_the_authority = || {
            let mut subject = DistinguishedName::new();
            subject.push(
                DnType::OrganizationName,
                "lookoutvision-emulator (for testing only)",
            );
            subject.push(
                DnType::CommonName,
                certificate::common_name(self.authority_point()),
            );
            subject
        };
        let params_of_a_leaf = |name: &'static str| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.distinguished_name = DistinguishedName::new();
            params.use_authority_key_identifier_extension = true;
            params
        };
        let params_of_an_authority = |subject| {
            let mut params = CertificateParams::default();
            params.distinguished_name = subject;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let forge =
            |how, name, issuer: &CertificateParams, chain: &[CertificateDer<'static>], has_san: bool| {
                let mut params = params_of_a_leaf(name);
                if !has_san {
                    params.subject_alt_names.clear();
                    // Clients that find no alternative name look here, and constraints do not cover it.
                    params.distinguished_name.push(DnType::CommonName, name);
                }
                let der = params
                    .signed_by(&self.key, &Issuer::new(issuer.clone(), key()))
                    .unwrap()
                    .der()
                    .clone();
                let chain = [der].into_iter().chain(chain.iter().cloned()).collect();
                Forgery {
                    how,
                    name,
                    server: server_with(chain, &self.key),
                }
            };
        // As if the key were the authority's.
        let authority = params_of_an_authority(subject_of_the_authority());
        // As if a server's certificate were an authority's; its subject is empty.
        let region = params_of_an_authority(DistinguishedName::new());
        let region_leaf = self.leaf_with(SERVICE);
        let region_chain = std::slice::from_ref(&region_leaf);
        let machine_leaf = self.leaf_with("localhost");
        let own_authority = authority.self_signed(&self.key).unwrap().der().clone();
        const INSIDE: &str = "s3.us-east-1.amazonaws.com";
        const OUTSIDE: &str = "www.example.com";
        vec![
            forge("in the authority's name", OUTSIDE, &authority, &[], true),
            forge("in the authority's name", INSIDE, &authority, &[], true),
            forge(
                "in the authority's name, by common name",
                OUTSIDE,
                &authority,
                &[],
                false,
            ),
            forge(
                "under a Region's certificate",
                OUTSIDE,
                &region,
                region_chain,
                true,
            ),
            forge(
                "under a Region's certificate",
                INSIDE,
                &region,
                region_chain,
                true,
            ),
            forge(
                "under a Region's certificate, by common name",
                OUTSIDE,
                &region,
                region_chain,
                false,
            ),
            forge(
                "under the machine's certificate",
                "other.localhost",
                &region,
                &[machine_leaf],
                true,
            ),
            forge(
                "under an authority of the same name",
                INSIDE,
                &authority,
                &[own_authority],
                true,
            ),
            Forgery {
                how: "a Region's own certificate for another name",
                name: INSIDE,
                server: server_with(region_chain.to_vec(), &self.key),
            },
        ]
    }

    fn authority_point(&self) -> &[u8] {
        self.authority
            .anchor()
            .subject_public_key_info
            .last_chunk::<65>()
            .unwrap()
    }
}

#[test]
fn nothing_in_the_directory_can_sign_a_certificate_that_clients_of_the_authority_take() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, _) =
        CertificateAuthority::open_or_create(directory.path(), names(), Timestamp::now()).unwrap();
    let loot = Loot::of(directory.path());
    assert!(
        !loot.authority.certifies(&loot.key),
        "the authority's key is not there"
    );
    let client = client_with(authority.ca_pem(), &[&TLS13], &[]);
    // The method is sound: the thief can pose as the names in the certificates.
    handshake(
        &server_with(vec![loot.leaf_with(SERVICE)], &loot.key),
        &client,
        SERVICE,
    )
    .unwrap();
    for Forgery { how, name, server } in loot.forgeries() {
        let error = handshake(&server, &client, name).err();
        assert!(
            matches!(error, Some(Error::InvalidCertificate(_))),
            "{name} {how}: {error:?}"
        );
    }
}
