//! The fixed set of certificates: what it contains, how long it lasts, and what a client gets of it.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use rustls::{pki_types::UnixTime, sign::CertifiedKey, time_provider::TimeProvider};

use super::*;
use crate::{
    network::host_name::HostName,
    tls::{
        certificate::CertificateFields, directory::key_and_certificates, names::CertifiedName,
        server_certificates::ServerCertificates, signing::SigningAuthority,
    },
};

/// A clock that shows the time that the test set
#[derive(Debug)]
struct Clock(AtomicU64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            self.0.load(Ordering::Relaxed),
        )))
    }
}

/// Leaves by name, with the clock that judges them
struct Bench {
    authority: Arc<CertificateAuthority>,
    clock: Arc<Clock>,
    leaves: Leaves,
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn bench_of(authority: CertificateAuthority) -> Bench {
    let authority = Arc::new(authority);
    let clock = Arc::new(Clock(AtomicU64::new(0)));
    let leaves = Leaves::new(authority.clone(), clock.clone(), Box::new(|_| {}));
    let bench = Bench {
        authority,
        clock,
        leaves,
    };
    bench.after(SignedDuration::ZERO);
    bench
}

fn bench() -> Bench {
    bench_of(CertificateAuthority::make(names(), start()).unwrap())
}

impl Bench {
    fn leaf(&self, name: &str) -> Result<Arc<CertifiedKey>, HandshakeRefusal> {
        self.leaves.leaf(Some(name))
    }

    fn after(&self, time: SignedDuration) -> &Self {
        let now = (start() + time).as_second().try_into().unwrap();
        self.clock.0.store(now, Ordering::Relaxed);
        self
    }
}

#[test]
fn one_certificate_serves_a_region_and_one_each_name() {
    let bench = bench();
    let same = |one: &str, other: &str| Arc::ptr_eq(&bench.leaf(one).unwrap(), &bench.leaf(other).unwrap());
    assert!(same(SERVICE, &SERVICE.to_uppercase()));
    assert!(same(SERVICE, "ec2-fips.us-east-1.api.aws"));
    assert!(same(
        SERVICE,
        "vpce-1a2b3c4d.lookoutvision.us-east-1.vpce.amazonaws.com"
    ));
    assert!(same(SERVICE, "sts.amazonaws.com"));
    assert!(!same(SERVICE, "lookoutvision.us-east-2.amazonaws.com"));
    assert!(!same("localhost", "host.docker.internal"));
    assert!(!same("emulator.localhost", "host.docker.internal"));
    assert!(Arc::ptr_eq(
        &bench.leaves.leaf(None).unwrap(),
        &bench.leaf("localhost").unwrap()
    ));
}

fn covered_by(name: &CertifiedName) -> HostName {
    let text = name.to_string().replace('*', "vpce-1a2b3c4d");
    text.parse()
        .unwrap_or_else(|error| panic!("{text} is no host name: {error}"))
}

#[test]
fn every_name_of_the_set_is_taken_by_a_client_from_the_first_second_to_the_last() {
    let bench = bench();
    let authority = bench.authority.certificate();
    let (mut names_seen, mut keys) = (BTreeSet::new(), BTreeSet::new());
    let text = bench.authority.server_key_pem();
    let (key, certificates) = key_and_certificates(text.as_bytes()).unwrap();
    let (last, certificates) = certificates.split_last().unwrap();
    assert_eq!(last, &authority.der, "the authority's certificate is the last");
    let (certificates, flawed) = certificates.split_at(certificates.len() - 2);
    let whole_life = [
        authority.validity.not_before,
        authority.validity.not_after - SignedDuration::from_secs(1),
    ];
    let expected: BTreeSet<CertifiedName> = names().certificates().into_iter().flatten().collect();
    for flawed in flawed {
        let names = CertificateFields::read(flawed).unwrap().names;
        assert_eq!(BTreeSet::from_iter(names.iter().cloned()), expected);
        for (name, now) in names.iter().zip(whole_life.into_iter().cycle()) {
            assert!(!verify::is_accepted(authority, flawed, &covered_by(name), now));
        }
    }
    for der in certificates {
        let fields = CertificateFields::read(der).unwrap();
        let (first, last) = (fields.validity.not_before, fields.validity.not_after);
        assert_eq!(first, authority.validity.not_before);
        assert_eq!(last, authority.validity.not_after - SignedDuration::from_secs(1));
        for name in &fields.names {
            let host = covered_by(name);
            for (now, is_accepted) in [
                (first, true),
                (last, true),
                (first - SignedDuration::from_secs(1), false),
                (last + SignedDuration::from_secs(1), false),
            ] {
                assert_eq!(
                    verify::is_accepted(authority, der, &host, now),
                    is_accepted,
                    "{name} at {now}"
                );
            }
        }
        names_seen.extend(fields.names);
        keys.insert(fields.public_key);
    }
    assert_eq!(names_seen, expected);
    assert_eq!(keys.len(), 1, "one key for all of them");
    assert!(!authority.certifies(&key), "and it is not the authority's");
}

#[test]
fn a_certificate_is_given_to_its_end_and_also_when_the_clock_was_set_back() {
    let bench = bench();
    let day = SignedDuration::from_hours(24);
    let first = bench.leaf(SERVICE).unwrap();
    for time in [day * 729, -day] {
        assert!(Arc::ptr_eq(&first, &bench.after(time).leaf(SERVICE).unwrap()));
    }
}

#[test]
fn no_certificate_outlives_its_authority_and_the_reason_says_what_to_do() {
    let bench = bench();
    let refusal = bench
        .after(SignedDuration::from_hours(731 * 24))
        .leaf(SERVICE)
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        format!(
            "the certificate authority expired on {}; start the emulator again to have a new one made",
            bench.authority.not_after()
        )
    );
}

#[test]
fn certificates_are_found_alike_when_they_are_made_and_when_they_are_read() {
    let signing = SigningAuthority::make(&names(), start()).unwrap();
    let (authority, made) = signing.sign(&names()).unwrap();
    let (key, certificates) = key_and_certificates(made.pem().as_bytes()).unwrap();
    let read = ServerCertificates::read(&key, certificates, &authority).unwrap();
    assert_eq!(read.places(), made.places());
    assert!(
        made.places().len() > 1_000,
        "three kinds of certificates with all names"
    );
}

#[test]
fn a_certificate_that_its_authority_did_not_sign_is_given_to_nobody() {
    let text = CertificateAuthority::make(names(), start())
        .unwrap()
        .server_key_pem();
    let (key, mut certificates) = key_and_certificates(text.as_bytes()).unwrap();
    let authority = certificate::AuthorityCertificate::read(certificates.pop().unwrap()).unwrap();
    let index = certificates
        .iter()
        .position(|der| {
            let fields = CertificateFields::read(der).unwrap();
            fields.names.contains(&CertifiedName::from_dns(SERVICE).unwrap())
        })
        .unwrap();
    // The last byte belongs to the signature.
    let mut changed = certificates[index].to_vec();
    *changed.last_mut().unwrap() ^= 1;
    certificates[index] = changed.into();
    let server = ServerCertificates::read(&key, certificates, &authority).unwrap();
    let bench = bench_of(CertificateAuthority::new(authority, server, names()));
    let refusal = bench.leaf(SERVICE).unwrap_err().to_string();
    assert!(
        refusal.starts_with(&format!(
            "the certificate for `{SERVICE}` is damaged and no client would take it; "
        )),
        "{refusal}"
    );
    assert!(bench.leaf("localhost").is_ok(), "the others are as they were");
}

#[test]
fn an_authority_signs_for_what_it_may_certify() {
    let authority = SigningAuthority::make(&names(), start()).unwrap();
    let hosts = [
        "localhost",
        "emulator.localhost",
        "172.28.0.10",
        "10.0.0.1",
        "example.com",
    ];
    let refused = authority
        .not_certifiable(&hosts.map(|host| host.parse().unwrap()))
        .unwrap();
    assert_eq!(
        refused,
        ["10.0.0.1", "example.com"].map(|host| host.parse().unwrap())
    );
}
