//! Directories of versions before this one, which kept the authority's key.

use super::*;
use crate::tls::{
    certificate::CertificateFields,
    notice::{CaNotice, Remark},
};

/// A directory as a version before this one left it, and the fingerprint of its authority
fn former() -> (Certs, Fingerprint) {
    former_for(&no_names())
}

fn former_for(names: &ServedNames) -> (Certs, Fingerprint) {
    let certs = Certs::empty();
    let authority = SigningAuthority::make(names, now()).unwrap();
    let fingerprint = authority.certificate().fingerprint_sha256();
    certs.put("ca-key.pem", authority.former_pem());
    certs.put(
        "ca.pem",
        crate::tls::authority::certificate_pem(&authority.certificate().der),
    );
    (certs, fingerprint)
}

impl Certs {
    /// Checks that opening continues with the authority of this fingerprint, leaves no key that signs, and that the
    /// next opening finds nothing wrong
    #[track_caller]
    fn check_migrated(&self, expected: Fingerprint) -> CaNotice {
        let (authority, notice) = self.open().unwrap();
        assert_eq!(authority.fingerprint_sha256(), expected, "{notice}");
        self.check_without_former_key(&authority);
        self.check_opened(now(), &authority, &[]);
        notice
    }

    #[track_caller]
    fn check_without_former_key(&self, authority: &CertificateAuthority) {
        let names: Vec<_> = self.content().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["ca-bundle.pem", "ca.pem", "server-key.pem", "truststore.p12"]
        );
        let (key, certificates) = key_and_certificates(&self.read("server-key.pem")).unwrap();
        assert_eq!(certificates.last().unwrap(), &authority.certificate().der);
        assert!(
            !authority.certificate().certifies(&key),
            "the key that signs is not kept"
        );
        for host in named(authority) {
            let (name, found) = authority.find(Some(host.as_str())).unwrap();
            assert!(found.is_sound(authority.certificate(), &name), "{host}");
        }
    }
}

fn removed(certs: &Certs, authority: Fingerprint) -> Remark {
    Remark::FormerKeyRemoved {
        path: certs.path("ca-key.pem"),
        authority,
    }
}

#[test]
fn a_former_directory_is_migrated_without_new_trust_and_the_notice_says_what_a_copy_means() {
    let (certs, fingerprint) = former();
    let ca_pem = certs.read("ca.pem");
    let notice = certs.check_migrated(fingerprint);
    assert_eq!(notice.origin, Origin::Migrated);
    assert!(notice.remarks.contains(&removed(&certs, fingerprint)), "{notice}");
    assert!(notice.needs_attention());
    assert_eq!(certs.read("ca.pem"), ca_pem);
    let text = notice.to_string();
    for expected in [
        "clients that trust it go on trusting it",
        &format!(
            "removed `{}`, the private key of the certificate authority {fingerprint}",
            certs.path("ca-key.pem").display()
        ),
        "If somebody may have copied it, have no client trust that authority any more: remove `server-key.pem`",
    ] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
}

#[test]
fn the_certificates_of_a_former_authority_end_just_before_it() {
    let (certs, _) = former();
    let (authority, _) = certs.open_at(now() + days(600)).unwrap();
    let (_, certificates) = key_and_certificates(&certs.read("server-key.pem")).unwrap();
    let certificates = certificates.split_last().unwrap().1;
    // After them come as many that have expired, and as many that are not valid yet.
    for der in &certificates[..certificates.len() / 3] {
        let validity = CertificateFields::read(der).unwrap().validity;
        assert_eq!(
            validity.not_after,
            authority.not_after() - SignedDuration::from_secs(1)
        );
    }
}

/// Every state in which a process can leave a migration, in order
#[test]
fn a_migration_that_died_at_any_step_is_finished_by_the_next_start() {
    // Nothing was done, or the temporary file was only begun.
    for half in ["", "-----BEGIN PRIVATE"] {
        let (certs, fingerprint) = former();
        certs.put("server-key.pem.tmp", half);
        assert_eq!(certs.check_migrated(fingerprint).origin, Origin::Migrated);
    }
    // The temporary file was complete and not renamed.
    let (certs, fingerprint) = former();
    let (other, _) = Certs::made();
    certs.put("server-key.pem.tmp", other.read("server-key.pem"));
    assert_eq!(certs.check_migrated(fingerprint).origin, Origin::Migrated);
    // It was renamed, and the old key was not removed; a process of an earlier version had died as well.
    let (certs, fingerprint) = former();
    let former_key = certs.read("ca-key.pem");
    certs.put("ca-key.pem.tmp", &former_key);
    let _ = certs.check_migrated(fingerprint);
    certs.put("ca-key.pem", former_key);
    let notice = certs.check_migrated(fingerprint);
    assert_eq!(notice.origin, Origin::Opened);
    assert!(notice.remarks.contains(&removed(&certs, fingerprint)), "{notice}");
    // The old key was removed, and the other files were not written.
    let (certs, fingerprint) = former();
    let _ = certs.check_migrated(fingerprint);
    for name in ["ca.pem", "ca-bundle.pem", "truststore.p12"] {
        certs.remove(name);
    }
    assert_eq!(certs.check_migrated(fingerprint).origin, Origin::Opened);
}

#[test]
fn a_former_authority_that_is_made_again_leaves_no_key_behind() {
    let (certs, old) = former();
    let (authority, notice) = certs.open_at(now() + days(701)).unwrap();
    assert!(
        matches!(notice.origin, Origin::Remade(RemakeReason::ExpiresSoon { .. })),
        "{notice}"
    );
    assert_ne!(authority.fingerprint_sha256(), old);
    assert!(notice.remarks.contains(&removed(&certs, old)), "{notice}");
    certs.check_without_former_key(&authority);
}

#[test]
fn a_former_authority_that_may_not_certify_a_configured_name_is_made_again() {
    let (certs, old) = former();
    let names = [
        EmulatedName::Dns("emulator.test".into()),
        EmulatedName::Dns("a.localhost".into()),
        EmulatedName::Address("127.0.0.9".parse().unwrap()),
    ];
    // What it may certify is signed.
    let names_inside = ServedNames::of_this_machine(&names[1..], &["xx-nowhere-1".parse().unwrap()]).unwrap();
    let (other, fingerprint) = former();
    let (authority, notice) = other.open_for(names_inside, now()).unwrap();
    assert_eq!(notice.origin, Origin::Migrated);
    assert_eq!(authority.fingerprint_sha256(), fingerprint);
    assert!(authority.screen(Some("a.localhost")).is_ok());
    assert!(authority.screen(Some("sts.xx-nowhere-1.api.aws")).is_ok());

    let (authority, notice) = certs
        .open_for(ServedNames::of_this_machine(&names, &[]).unwrap(), now())
        .unwrap();
    assert_eq!(
        notice.origin,
        Origin::Remade(RemakeReason::NotCovered {
            names: vec!["emulator.test".parse().unwrap()],
            regions: Vec::new()
        })
    );
    assert_ne!(authority.fingerprint_sha256(), old);
    certs.check_without_former_key(&authority);
}

#[test]
fn a_former_authority_outlives_the_machines_name() {
    let of = |own: &str| ServedNames::new(&[], &[], Some(own.parse().unwrap())).unwrap();
    let (certs, fingerprint) = former_for(&of("3f2504e04f89"));
    let (authority, notice) = certs.open_for(of("9a0c9b7e1d2f"), now()).unwrap();
    assert_eq!(notice.origin, Origin::Migrated);
    assert_eq!(authority.fingerprint_sha256(), fingerprint);
    let remark = Remark::OwnHostNotCovered("9a0c9b7e1d2f".parse().unwrap());
    assert!(notice.remarks.contains(&remark), "{notice}");
    assert!(authority.screen(Some("9a0c9b7e1d2f")).is_err());
}

#[test]
fn a_former_authority_that_may_certify_anything_is_made_again() {
    let (certs, _) = former();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = unconstrained(&key);
    certs.put("ca-key.pem", SigningAuthority::of(key, certificate).former_pem());
    let (authority, notice) = certs.open().unwrap();
    assert_eq!(notice.origin, Origin::Remade(RemakeReason::NotConstrained));
    certs.check_without_former_key(&authority);
}

#[test]
fn the_key_of_another_authority_that_an_older_version_made_since_is_removed() {
    let (certs, made) = Certs::made();
    let (older, fingerprint) = former();
    for name in ["ca-key.pem", "ca.pem"] {
        certs.put(name, older.read(name));
    }
    let notice = certs.check_migrated(made.fingerprint_sha256());
    assert_eq!(notice.origin, Origin::Opened);
    for expected in [
        removed(&certs, fingerprint),
        Remark::Rewritten(certs.path("ca.pem")),
    ] {
        assert!(notice.remarks.contains(&expected), "{notice}");
    }
}

#[test]
fn what_is_in_the_place_of_the_former_key_and_is_not_ours_is_left_alone() {
    let (certs, made) = Certs::made();
    for content in ["my notes", "-----BEGIN PRIVATE KEY-----\nMIG"] {
        certs.put("ca-key.pem", content);
        let remark = Remark::FormerKeyStays {
            path: certs.path("ca-key.pem"),
            reason: "it was not made by this emulator, or is damaged".to_owned(),
        };
        certs.check_opened(now(), &made, &[remark]);
        assert_eq!(certs.read("ca-key.pem"), content.as_bytes());
    }
}

#[test]
fn a_former_key_that_is_damaged_or_somebody_elses_is_an_error_that_changes_nothing() {
    for (change, expected) in [
        (
            "cut off",
            "`{}/ca-key.pem` is cut off; it is left alone: restore it, or remove it to have a new authority made",
        ),
        (
            "twice",
            "`{}/ca-key.pem` holds more than it should: a second private key, a certificate too many, or something else; it is left alone: restore it, or remove it to have a new authority made",
        ),
        (
            "other key",
            "`{}/ca-key.pem` holds a private key and a certificate that do not belong together; it is left alone: restore it, or remove it to have a new authority made",
        ),
        (
            "foreign",
            "`{}/ca-key.pem` was not made by this emulator and is left alone; move it away, or name another directory with --certs",
        ),
    ] {
        let (certs, _) = former();
        let whole = String::from_utf8(certs.read("ca-key.pem")).unwrap();
        let certificate_at = whole.find("-----BEGIN CERTIFICATE").unwrap();
        let (other_certificate, other_key) = in_the_way::somebody_elses();
        let changed = match change {
            "cut off" => whole[..whole.len() - 30].to_owned(),
            "twice" => whole.clone() + &whole[certificate_at..],
            "other key" => other_key + &whole[certificate_at..],
            _ => other_key + &other_certificate,
        };
        certs.put("ca-key.pem", changed);
        certs.check_refused(expected);
    }
}

#[test]
fn a_former_authority_in_a_read_only_directory_signs_in_memory_and_that_is_said() {
    let (certs, fingerprint) = former();
    let before = certs.content();
    let (authority, notice) = open_or_create(certs.0.path(), read_only(), no_names(), now()).unwrap();
    assert_eq!(
        (authority.fingerprint_sha256(), &notice.origin),
        (fingerprint, &Origin::Migrated)
    );
    let remark = Remark::FormerKeyStays {
        path: certs.path("ca-key.pem"),
        reason: "its directory is read-only".to_owned(),
    };
    assert!(notice.remarks.contains(&remark), "{notice}");
    assert!(notice.needs_attention());
    assert_eq!(certs.content(), before);
    assert!(
        authority
            .screen(Some("lookoutvision.us-east-1.amazonaws.com"))
            .is_ok()
    );
}
