//! Every row of the table in the module's essay, and two processes that start at once.

use std::{env, process::Command, thread};

use tempfile::TempDir;

use super::*;
use crate::tls::{KeyMode, certificate::common_name, foreign};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A directory with the authority in it, and everything a test does to it
struct Certs(TempDir);

impl Certs {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn made() -> (Self, CertificateAuthority) {
        let certs = Self::empty();
        let (authority, notice) = certs.open().unwrap();
        assert_eq!(notice.origin, Origin::Made);
        (certs, authority)
    }

    fn open(&self) -> Result<(CertificateAuthority, CaNotice), CertsError> {
        self.open_at(now())
    }

    fn open_at(&self, now: Timestamp) -> Result<(CertificateAuthority, CaNotice), CertsError> {
        CertificateAuthority::open_or_create(self.0.path(), &[], now)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Everything in the directory but the lock
    fn content(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".lock")
            .map(|name| (name.clone(), fs::read(self.path(&name)).unwrap_or_default()))
            .collect();
        files.sort();
        files
    }

    /// Opening is refused with this text (`{}` stands for the directory) and changes nothing.
    #[track_caller]
    fn check_refused(&self, expected: &str) {
        let before = self.content();
        let error = self.open().expect_err("the directory is in the way").to_string();
        assert_eq!(error, expected.replace("{}", self.0.path().to_str().unwrap()));
        assert_eq!(self.content(), before, "a refusal leaves everything as it was");
    }

    /// Opening makes a new authority for this reason, and the next opening finds it well.
    #[track_caller]
    fn check_remade(&self, now: Timestamp, expected: &RemakeReason) {
        let key = fs::read(self.path("ca-key.pem")).ok();
        let (authority, notice) = self.open_at(now).unwrap();
        assert_eq!(notice.origin, Origin::Remade(expected.clone()));
        assert_ne!(key, Some(self.read("ca-key.pem")));
        assert_eq!(self.read("ca.pem"), authority.ca_pem().as_bytes());
        self.check_opened(now, &authority, &[]);
    }

    #[track_caller]
    fn check_opened(&self, now: Timestamp, expected: &CertificateAuthority, remarks: &[Remark]) {
        let (authority, notice) = self.open_at(now).unwrap();
        assert_eq!(authority.fingerprint_sha256(), expected.fingerprint_sha256());
        assert_eq!(notice.origin, Origin::Opened);
        let said: Vec<_> = notice
            .remarks
            .into_iter()
            .filter(|remark| *remark != Remark::NoSystemRoots)
            .collect();
        assert_eq!(said, remarks);
    }
}

#[test]
fn the_first_start_makes_every_file_and_the_second_finds_them_well() {
    let (certs, authority) = Certs::made();
    let names: Vec<_> = certs.content().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ca-bundle.pem", "ca-key.pem", "ca.pem", "truststore.p12"]);
    assert_eq!(certs.read("ca.pem"), authority.ca_pem().as_bytes());
    assert_eq!(certs.read("ca-bundle.pem"), authority.ca_bundle_pem().as_bytes());
    assert_eq!(certs.read("truststore.p12"), authority.truststore_p12());
    assert_eq!(authority.paths().unwrap().ca, certs.path("ca.pem"));
    assert_eq!(
        authority.not_after(),
        now() - days(0) + SignedDuration::from_hours(730 * 24 - 1)
    );
    certs.check_opened(now() + days(600), &authority, &[]);
}

#[test]
fn an_authority_that_was_stored_certifies_as_the_one_that_was_made() {
    let (certs, made) = Certs::made();
    let (opened, _) = certs.open().unwrap();
    let witnesses = opened.names().witnesses();
    for authority in [&made, &opened] {
        assert!(verify::is_accepted(authority, &witnesses, now()).unwrap());
    }
    // A leaf by the opened authority's key, judged by the made one's certificate.
    assert_eq!(made.ca_pem(), opened.ca_pem());
}

#[test]
fn a_directory_that_is_not_there_is_made() {
    let certs = Certs::empty();
    let (_, notice) = CertificateAuthority::open_or_create(&certs.path("a/b"), &[], now()).unwrap();
    assert_eq!(notice.origin, Origin::Made);
    assert!(certs.path("a/b/ca.pem").is_file());
}

#[test]
fn a_path_that_is_a_file_is_no_directory() {
    let certs = Certs::empty();
    certs.put("file", "");
    let error = CertificateAuthority::open_or_create(&certs.path("file"), &[], now()).unwrap_err();
    let path = certs.path("file").display().to_string();
    assert_eq!(
        error.to_string(),
        format!("`{path}` is not a directory; name one with --certs")
    );
    let error = CertificateAuthority::open_or_create(&certs.path("file/certs"), &[], now()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot make the directory `{path}/certs`: ")),
        "{error}"
    );
}

// Not even root can make a file there.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_takes_no_files_and_has_no_authority_is_refused() {
    let error = CertificateAuthority::open_or_create(Path::new("/sys"), &[], now())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot write to `/sys`, where a certificate authority has to be made: "),
        "{error}"
    );
}

fn read_only() -> Access {
    Access::ReadOnly(std::io::ErrorKind::ReadOnlyFilesystem.into())
}

fn served_names() -> ServedNames {
    ServedNames::new(&[], None).unwrap()
}

#[test]
fn a_whole_authority_in_a_read_only_directory_is_used() {
    let (certs, made) = Certs::made();
    certs.remove("truststore.p12");
    let before = certs.content();
    let (opened, notice) = open_or_create(certs.0.path(), read_only(), served_names(), now()).unwrap();
    assert_eq!(opened.fingerprint_sha256(), made.fingerprint_sha256());
    assert_eq!(notice.origin, Origin::Opened);
    assert!(
        notice
            .remarks
            .contains(&Remark::NotWritten(certs.path("truststore.p12"))),
        "{notice}"
    );
    assert_eq!(certs.content(), before);
}

#[test]
fn an_authority_that_has_to_be_made_again_cannot_be_in_a_read_only_directory() {
    let (certs, made) = Certs::made();
    let later = now() + days(800);
    let error = open_or_create(certs.0.path(), read_only(), served_names(), later)
        .unwrap_err()
        .to_string();
    let expected = format!(
        "cannot write to `{}`, where a new certificate authority has to be made (the old one expired on {}): ",
        certs.0.path().display(),
        made.not_after()
    );
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn an_expired_authority_is_made_again() {
    let (certs, made) = Certs::made();
    certs.check_remade(
        now() + days(731),
        &RemakeReason::Expired {
            not_after: made.not_after(),
        },
    );
}

#[test]
fn an_authority_in_its_last_month_is_made_again() {
    let (certs, made) = Certs::made();
    certs.check_opened(now() + days(699), &made, &[]);
    certs.check_remade(
        now() + days(701),
        &RemakeReason::ExpiresSoon {
            not_after: made.not_after(),
        },
    );
}

#[test]
fn an_authority_of_the_future_is_made_again() {
    let (certs, made) = Certs::made();
    let not_before = made.certificate().validity.not_before;
    certs.check_remade(now() - days(1), &RemakeReason::NotYetValid { not_before });
}

#[test]
fn an_authority_that_may_not_certify_a_configured_name_is_made_again() {
    let (certs, _) = Certs::made();
    let names = [
        EmulatedName::Dns("emulator.test".into()),
        EmulatedName::Dns("localhost".into()),
        EmulatedName::Address("172.28.0.10".parse().unwrap()),
        EmulatedName::Address("127.0.0.9".parse().unwrap()),
    ];
    let open = |names| CertificateAuthority::open_or_create(certs.0.path(), names, now()).unwrap();
    let (authority, notice) = open(&names);
    let expected = ["172.28.0.10", "emulator.test"].map(|name| name.parse().unwrap());
    assert_eq!(
        notice.origin,
        Origin::Remade(RemakeReason::NamesNotCovered(expected.into()))
    );
    assert!(notice.to_string().starts_with(
        "made a new certificate authority, which clients have to trust anew: the old one may not certify `172.28.0.10`, `emulator.test`"
    ), "{notice}");
    // Fewer names are no reason to lose the trust of clients.
    for names in [&names[..], &names[..1], &[]] {
        let (opened, notice) = open(names);
        assert_eq!(
            (opened.fingerprint_sha256(), notice.origin),
            (authority.fingerprint_sha256(), Origin::Opened)
        );
    }
}

#[test]
fn an_authority_outlives_the_machines_name() {
    let certs = Certs::empty();
    let open = |own: &str| {
        let names = ServedNames::new(&[], Some(own.parse().unwrap())).unwrap();
        open_or_create(certs.0.path(), files::lock(certs.0.path()).unwrap(), names, now()).unwrap()
    };
    let (first, _) = open("3f2504e04f89");
    assert!(first.names().screen(Some("3f2504e04f89")).is_ok());
    let (second, notice) = open("9a0c9b7e1d2f");
    assert_eq!(second.fingerprint_sha256(), first.fingerprint_sha256());
    assert!(
        notice
            .remarks
            .contains(&Remark::OwnHostNotCovered("9a0c9b7e1d2f".parse().unwrap())),
        "{notice}"
    );
    assert!(
        second.names().screen(Some("9a0c9b7e1d2f")).is_err(),
        "a certificate that no client takes is not offered"
    );
}

#[test]
fn an_authority_that_may_certify_anything_is_made_again() {
    let (certs, authority) = Certs::made();
    // As we make them, but without constraints.
    let (key, _) = key_and_certificate(&certs.read("ca-key.pem")).unwrap();
    let key = KeyPair::try_from(&key).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, common_name(key.public_key_raw()));
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let der = params.self_signed(&key).unwrap().der().clone();
    let certificate = AuthorityCertificate::read(der).unwrap();
    let open = CertificateAuthority::new(key, certificate, authority.names().clone());
    certs.put("ca-key.pem", open.key_and_certificate_pem());
    certs.check_remade(now(), &RemakeReason::NotConstrained);
}

#[test]
fn a_certificate_whose_key_is_gone_is_made_again() {
    let (certs, _) = Certs::made();
    certs.remove("ca-key.pem");
    certs.check_remade(now(), &RemakeReason::KeyMissing);
}

#[test]
fn a_missing_file_that_follows_from_the_authority_is_written_again() {
    for name in ["ca.pem", "ca-bundle.pem", "truststore.p12"] {
        let (certs, made) = Certs::made();
        let before = certs.content();
        certs.remove(name);
        certs.check_opened(now(), &made, &[Remark::Rewritten(certs.path(name))]);
        assert_eq!(certs.content(), before);
    }
}

#[test]
fn a_file_that_was_cut_off_or_lost_its_content_is_written_again() {
    for name in ["ca.pem", "ca-bundle.pem", "truststore.p12"] {
        let (certs, made) = Certs::made();
        let before = certs.content();
        let whole = certs.read(name);
        for content in [&[][..], &whole[..whole.len() / 2], &vec![0; whole.len()]] {
            certs.put(name, content);
            certs.check_opened(now(), &made, &[Remark::Rewritten(certs.path(name))]);
            assert_eq!(certs.content(), before);
        }
    }
}

#[test]
fn files_of_an_earlier_authority_are_replaced() {
    let (old, _) = Certs::made();
    for name in ["ca.pem", "ca-bundle.pem", "truststore.p12"] {
        let (certs, made) = Certs::made();
        certs.put(name, old.read(name));
        certs.check_opened(now(), &made, &[Remark::Rewritten(certs.path(name))]);
    }
}

/// A certificate and a key that some other program made
fn somebody_elses() -> (String, String) {
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
fn somebody_elses_files_are_not_overwritten() {
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
    certs.put("ca-key.pem", key + &certificate);
    certs.check_refused(&format!("`{{}}/ca-key.pem` {LEFT_ALONE}"));
}

#[track_caller]
fn check_damaged(change: impl FnOnce(String) -> String, expected: &str) {
    let (certs, _) = Certs::made();
    let whole = String::from_utf8(certs.read("ca-key.pem")).unwrap();
    certs.put("ca-key.pem", change(whole));
    certs.check_refused(&format!(
        "`{{}}/ca-key.pem` {expected}; it is left alone: restore it, or remove it to have a new authority made"
    ));
}

fn blocks(text: &str) -> (String, String) {
    let middle = text.find("-----BEGIN CERTIFICATE").unwrap();
    (text[..middle].to_owned(), text[middle..].to_owned())
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
        "holds more than one private key and one certificate",
    );
}

#[test]
fn a_key_of_another_authority_is_refused() {
    check_damaged(
        |text| somebody_elses().1 + &blocks(&text).1,
        "holds a private key and a certificate that do not belong together",
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
    for name in ["ca-key.pem", "ca.pem"] {
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
        assert_eq!(mode(&certs.path("ca-key.pem")), 0o600);
        assert_eq!(mode(&certs.path("ca.pem")) & 0o400, 0o400);
    }

    #[test]
    fn a_key_that_others_can_read_is_taken_away_from_them_and_that_is_said() {
        let (certs, made) = Certs::made();
        let path = certs.path("ca-key.pem");
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
        std::os::unix::fs::symlink(certs.path("victim"), certs.path("ca-key.pem.tmp")).unwrap();
        let _ = certs.open().unwrap();
        assert_eq!(certs.read("victim"), b"precious");
        assert!(fs::symlink_metadata(certs.path("ca-key.pem")).unwrap().is_file());
    }
}

#[test]
fn what_a_dead_process_left_half_written_does_no_harm() {
    let certs = Certs::empty();
    certs.put("ca-key.pem.tmp", "-----BEGIN PRIV");
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

#[test]
fn threads_that_open_at_once_get_one_authority() {
    let certs = Certs::empty();
    let opened: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| certs.open().unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(
        opened
            .iter()
            .all(|(authority, _)| authority.ca_pem() == opened[0].0.ca_pem())
    );
    assert_eq!(
        opened
            .iter()
            .filter(|(_, notice)| notice.origin == Origin::Made)
            .count(),
        1
    );
}

/// The other end of the test below: not a test of its own, it opens the directory that its parent names.
#[test]
fn a_process_that_opens_the_directory_its_parent_names() {
    if let Some(directory) = env::var_os(CHILDS_DIRECTORY) {
        let (authority, _) = CertificateAuthority::open_or_create(Path::new(&directory), &[], now()).unwrap();
        println!("\nopened {}", authority.fingerprint_sha256());
    }
}

#[test]
fn processes_that_open_at_once_get_one_authority() {
    let certs = Certs::empty();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(env::current_exe().unwrap())
                .args([
                    "--exact",
                    "tls::directory::tests::a_process_that_opens_the_directory_its_parent_names",
                ])
                .args(["--nocapture", "--test-threads=1"])
                .env(CHILDS_DIRECTORY, certs.0.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let expected_end = |output: &str| {
        output
            .lines()
            .find(|line| line.starts_with("opened "))
            .map(str::to_owned)
    };
    let opened: Vec<_> = children
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .map(|output| expected_end(&output).unwrap_or_else(|| panic!("no authority in {output}")))
        .collect();
    let (authority, notice) = certs.open().unwrap();
    assert_eq!(notice.origin, Origin::Opened);
    assert_eq!(
        opened,
        vec![format!("opened {}", authority.fingerprint_sha256()); 4]
    );
}

#[test]
fn keytool_and_openssl_list_the_truststore_as_one_trusted_certificate() {
    let (certs, authority) = Certs::made();
    let path = certs.path("truststore.p12");
    let path = path.to_str().unwrap();
    let arguments = [
        "-list",
        "-v",
        "-storetype",
        "PKCS12",
        "-storepass",
        "changeit",
        "-keystore",
        path,
    ];
    if let Some(listing) = foreign::run("keytool", &arguments, b"") {
        assert!(listing.contains("Your keystore contains 1 entry"), "{listing}");
        assert!(
            listing.contains("Alias name: lookoutvision-emulator"),
            "{listing}"
        );
        assert!(listing.contains("Entry type: trustedCertEntry"), "{listing}");
        assert!(
            listing.contains(&authority.fingerprint_sha256().to_string()),
            "{listing}"
        );
    }
    let open = |password: &str| {
        foreign::run(
            "openssl",
            &["pkcs12", "-in", path, "-nokeys", "-info", "-passin", password],
            b"",
        )
    };
    if let (Some(right), Some(wrong)) = (open("pass:changeit"), open("pass:wrong")) {
        assert!(right.contains("MAC: sha256, Iteration 2048"), "{right}");
        assert!(right.contains(authority.ca_pem().trim_end()), "{right}");
        assert!(wrong.contains("invalid password"), "{wrong}");
    }
}

#[test]
fn the_report_says_where_everything_is() {
    let certs = Certs::empty();
    let report = make_or_renew(certs.0.path(), &[], now()).unwrap();
    let text = report.to_string();
    for expected in [
        "made a new certificate authority",
        certs.path("ca.pem").to_str().unwrap(),
        certs.path("ca-bundle.pem").to_str().unwrap(),
        certs.path("truststore.p12").to_str().unwrap(),
        &report.fingerprint_sha256.to_string(),
        "2029-01-14T07:00:00Z",
    ] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
}

const CHILDS_DIRECTORY: &str = "LOOKOUTVISION_EMULATOR_TEST_CERTS";
