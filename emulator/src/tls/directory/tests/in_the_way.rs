//! Files that are not as we left them: somebody else's, damaged, open to others, half written.

use super::*;
use crate::tls::notice::KeyMode;

/// A certificate and a key that some other program made
pub(super) fn somebody_elses() -> (String, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let pem = |tag: &str, der: &[u8]| ::pem::encode(&::pem::Pem::new(tag, der));
    (
        pem("CERTIFICATE", certificate.der()),
        pem("PRIVATE KEY", key.serialized_der()),
    )
}

const LEFT_ALONE: &str =
    "was not made by this emulator and is left alone; move it away, or name another directory with --certs";

#[test]
pub(super) fn somebody_elses_files_are_not_overwritten() {
    let (certificate, key) = somebody_elses();
    for (name, content) in [
        ("ca.pem", &*certificate),
        ("ca.pem", "my notes"),
        ("ca-bundle.pem", &certificate),
        ("truststore.p12", "a truststore of my own"),
    ] {
        let certs = Certs::empty();
        certs.put(name, content);
        certs.check_refused(&format!("`{{}}/{name}` {LEFT_ALONE}"));
        // The same with an authority of ours beside it.
        let (certs, _) = Certs::made();
        certs.put(name, content);
        certs.check_refused(&format!("`{{}}/{name}` {LEFT_ALONE}"));
    }
    let certs = Certs::empty();
    certs.put("server-key.pem", key + &certificate);
    certs.check_refused(&format!("`{{}}/server-key.pem` {LEFT_ALONE}"));
}

#[track_caller]
fn check_damaged(change: impl FnOnce(String) -> String, expected: &str) {
    let (certs, _) = Certs::made();
    let whole = String::from_utf8(certs.read("server-key.pem")).unwrap();
    certs.put("server-key.pem", change(whole));
    certs.check_refused(&format!(
        "`{{}}/server-key.pem` {expected}; it is left alone: restore it, or remove it to have a new authority made"
    ));
}

fn blocks(text: &str) -> (String, String) {
    let middle = text.find("-----BEGIN CERTIFICATE").unwrap();
    (text[..middle].to_owned(), text[middle..].to_owned())
}

/// The text without its last certificate, which is the authority's
fn without_the_last(text: &str) -> &str {
    &text[..text.rfind("-----BEGIN CERTIFICATE").unwrap()]
}

#[test]
fn a_key_without_its_certificate_is_refused() {
    check_damaged(|text| blocks(&text).0, "holds no certificate");
}

#[test]
fn a_certificate_without_its_key_in_the_keys_file_is_refused() {
    check_damaged(|text| blocks(&text).1, "holds no private key");
}

#[test]
fn an_empty_key_file_is_refused() {
    check_damaged(|_| String::new(), "holds no private key");
}

#[test]
fn a_key_file_that_is_cut_off_is_refused() {
    check_damaged(|text| text[..text.len() - 30].to_owned(), "is cut off");
}

#[test]
fn a_key_file_with_a_broken_block_is_refused_without_showing_it() {
    check_damaged(
        |text| text.replacen("KEY-----\n", "KEY-----\n?!", 1),
        "is not readable as PEM",
    );
}

#[test]
fn a_key_file_with_a_second_key_is_refused() {
    check_damaged(
        |text| text + &somebody_elses().1,
        "holds more than it should: a second private key, a certificate too many, or something else",
    );
}

#[test]
fn another_key_than_the_certificates_is_refused() {
    check_damaged(
        |text| somebody_elses().1 + &blocks(&text).1,
        "holds a private key and a certificate that do not belong together",
    );
}

#[test]
fn a_file_without_the_authoritys_certificate_is_refused() {
    check_damaged(
        |text| without_the_last(&text).to_owned(),
        "does not end with the certificate of the authority",
    );
}

#[test]
fn a_file_without_the_servers_certificates_is_refused() {
    check_damaged(
        |text| blocks(&text).0 + &text[without_the_last(&text).len()..],
        "holds no certificate for `localhost`",
    );
}

#[test]
fn certificates_of_another_authority_are_refused() {
    // The certificates of one key, signed by two authorities
    let (other, _) = Certs::made();
    let other = String::from_utf8(other.read("server-key.pem")).unwrap();
    check_damaged(
        |text| without_the_last(&text).to_owned() + &other[without_the_last(&other).len()..],
        "holds a server certificate and an authority that do not belong together",
    );
}

#[test]
fn a_server_certificate_that_cannot_be_read_is_refused() {
    let nonsense = ::pem::encode(&::pem::Pem::new("CERTIFICATE", *b"no certificate"));
    check_damaged(
        |text| without_the_last(&text).to_owned() + &nonsense + &text[without_the_last(&text).len()..],
        "holds a server certificate that is damaged",
    );
}

#[test]
fn a_key_that_cannot_be_used_is_refused() {
    check_damaged(
        |text| ::pem::encode(&::pem::Pem::new("PRIVATE KEY", *b"no key")) + &blocks(&text).1,
        "holds a private key that is damaged or not on the curve P-256",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for name in ["server-key.pem", "ca.pem"] {
        let (certs, _) = Certs::made();
        certs.remove(name);
        fs::create_dir(certs.path(name)).unwrap();
        let error = certs.open().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot read `{}`: ", certs.path(name).display())),
            "{error}"
        );
    }
}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_key_is_for_its_owner_alone() {
        let (certs, _) = Certs::made();
        assert_eq!(mode(&certs.path("server-key.pem")), 0o600);
        assert_eq!(mode(&certs.path("ca.pem")) & 0o400, 0o400);
    }

    #[test]
    fn a_key_that_others_can_read_is_taken_away_from_them_and_that_is_said() {
        let (certs, made) = Certs::made();
        let path = certs.path("server-key.pem");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let remark = Remark::KeyWasOpen {
            path: path.clone(),
            mode: 0o644,
            outcome: KeyMode::Tightened,
        };
        assert!(
            remark
                .to_string()
                .contains("could be read by others (mode 644) and is now for its owner only")
        );
        certs.check_opened(now(), &made, &[remark]);
        assert_eq!(mode(&path), 0o600);
        certs.check_opened(now(), &made, &[]);
    }

    #[test]
    fn a_link_at_the_temporary_name_is_not_followed() {
        let certs = Certs::empty();
        certs.put("victim", "precious");
        std::os::unix::fs::symlink(certs.path("victim"), certs.path("server-key.pem.tmp")).unwrap();
        let _ = certs.open().unwrap();
        assert_eq!(certs.read("victim"), b"precious");
        assert!(
            fs::symlink_metadata(certs.path("server-key.pem"))
                .unwrap()
                .is_file()
        );
    }
}

#[test]
fn what_a_dead_process_left_half_written_does_no_harm() {
    let certs = Certs::empty();
    certs.put("server-key.pem.tmp", "-----BEGIN PRIV");
    certs.put("ca.pem.tmp", "-----BEGIN");
    let (_, notice) = certs.open().unwrap();
    assert_eq!(notice.origin, Origin::Made);
    assert_eq!(certs.content().len(), 4, "nothing half-written stays");
}

#[test]
fn a_start_that_died_after_the_key_is_finished_by_the_next() {
    let (certs, made) = Certs::made();
    for name in ["ca.pem", "ca-bundle.pem", "truststore.p12"] {
        certs.remove(name);
    }
    let rewritten =
        ["ca.pem", "ca-bundle.pem", "truststore.p12"].map(|name| Remark::Rewritten(certs.path(name)));
    certs.check_opened(now(), &made, &rewritten);
}
