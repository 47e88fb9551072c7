//! Every row of the table in the documentation of the module, and processes that start at once.

mod at_once;
mod in_the_way;
mod migration;

use aws_identifiers::Region;
use tempfile::TempDir;

use super::*;
use crate::{
    network::{EmulatedName, host_name::HostName},
    tls::{certificate::common_name, foreign},
};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn no_names() -> ServedNames {
    ServedNames::of_this_machine(&[], &[]).unwrap()
}

/// The names that clients can ask for as server names
fn named(authority: &CertificateAuthority) -> impl Iterator<Item = HostName> {
    let names = authority.names.hosts_and_a_regions();
    names.into_iter().filter(|host| host.address().is_none())
}

/// A directory with the authority in it, and what the tests do to it
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
        self.open_for(no_names(), now)
    }

    fn open_for(
        &self,
        names: ServedNames,
        now: Timestamp,
    ) -> Result<(CertificateAuthority, CaNotice), CertsError> {
        CertificateAuthority::open_or_create(self.0.path(), names, now)
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

    /// Checks that opening is refused with this text (`{}` stands for the directory) and changes nothing
    #[track_caller]
    fn check_refused(&self, expected: &str) {
        let before = self.content();
        let error = self.open().expect_err("the directory is in the way").to_string();
        assert_eq!(error, expected.replace("{}", self.0.path().to_str().unwrap()));
        assert_eq!(self.content(), before, "a refusal leaves everything as it was");
    }

    /// Checks that opening makes a new authority for this reason, and that the next opening finds nothing wrong
    #[track_caller]
    fn check_remade(&self, now: Timestamp, expected: &RemakeReason) {
        let key = fs::read(self.path("server-key.pem")).ok();
        let (authority, notice) = self.open_at(now).unwrap();
        assert_eq!(notice.origin, Origin::Remade(expected.clone()));
        assert_ne!(key, Some(self.read("server-key.pem")));
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
    assert_eq!(
        names,
        ["ca-bundle.pem", "ca.pem", "server-key.pem", "truststore.p12"]
    );
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
fn an_authority_that_was_stored_has_the_certificates_of_the_one_that_was_made() {
    let (certs, made) = Certs::made();
    let (opened, _) = certs.open().unwrap();
    assert_eq!(made.server_key_pem(), opened.server_key_pem());
    for host in named(&opened) {
        let (name, found) = opened.find(Some(host.as_str())).unwrap();
        assert!(found.is_sound(opened.certificate(), &name), "{host}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_made() {
    let certs = Certs::empty();
    let (_, notice) = CertificateAuthority::open_or_create(&certs.path("a/b"), no_names(), now()).unwrap();
    assert_eq!(notice.origin, Origin::Made);
    assert!(certs.path("a/b/ca.pem").is_file());
}

#[test]
fn a_path_that_is_a_file_is_no_directory() {
    let certs = Certs::empty();
    certs.put("file", "");
    let error = CertificateAuthority::open_or_create(&certs.path("file"), no_names(), now()).unwrap_err();
    let path = certs.path("file").display().to_string();
    assert_eq!(
        error.to_string(),
        format!("`{path}` is not a directory; name one with --certs")
    );
    let error =
        CertificateAuthority::open_or_create(&certs.path("file/certs"), no_names(), now()).unwrap_err();
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
    let error = CertificateAuthority::open_or_create(Path::new("/sys"), no_names(), now())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot write to `/sys`, where a certificate authority has to be made: "),
        "{error}"
    );
}

fn read_only() -> Access {
    Access::ReadOnly(io::ErrorKind::ReadOnlyFilesystem.into())
}

fn served_names() -> ServedNames {
    ServedNames::new(&[], &[], None).unwrap()
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
fn an_authority_without_a_certificate_for_what_is_configured_is_made_again() {
    let (certs, _) = Certs::made();
    let names = [
        EmulatedName::Dns("emulator.test".into()),
        EmulatedName::Dns("localhost".into()),
        EmulatedName::Dns("sts.eu-west-1.amazonaws.com".into()),
        EmulatedName::Address("172.28.0.10".parse().unwrap()),
        EmulatedName::Address("127.0.0.1".parse().unwrap()),
    ];
    let regions: [Region; 2] = ["us-west-2", "xx-nowhere-1"].map(|region| region.parse().unwrap());
    let open = |names: &[EmulatedName], regions: &[Region]| {
        let served = ServedNames::of_this_machine(names, regions).unwrap();
        certs.open_for(served, now()).unwrap()
    };
    let (authority, notice) = open(&names, &regions);
    assert_eq!(
        notice.origin,
        Origin::Remade(RemakeReason::NotCovered {
            names: ["172.28.0.10", "emulator.test"]
                .map(|name| name.parse().unwrap())
                .into(),
            regions: vec![regions[1].clone()],
        })
    );
    assert!(notice.to_string().starts_with(
        "made a new certificate authority, which clients have to trust anew: the old one has no certificate for \
         `172.28.0.10`, `emulator.test`, the Region `xx-nowhere-1`, and its key is not kept to sign one"
    ), "{notice}");
    assert!(
        authority
            .screen(Some("lookoutvision.xx-nowhere-1.amazonaws.com"))
            .is_ok()
    );
    // Fewer names are no reason to lose the trust of clients.
    for (names, regions) in [
        (&names[..], &regions[..]),
        (&names[..1], &regions[1..]),
        (&[], &[]),
    ] {
        let (opened, notice) = open(names, regions);
        assert_eq!(
            (opened.fingerprint_sha256(), notice.origin),
            (authority.fingerprint_sha256(), Origin::Opened)
        );
        let is_answered_for = opened.screen(Some("emulator.test")).is_ok();
        assert_eq!(is_answered_for, !names.is_empty(), "only while it is configured");
    }
}

#[test]
fn an_authority_outlives_the_growth_of_the_list_of_regions() {
    let (certs, made) = Certs::made();
    let text = String::from_utf8(certs.read("server-key.pem")).unwrap();
    // As an earlier version wrote it, which did not know the Region.
    let (_, certificates) = key_and_certificates(text.as_bytes()).unwrap();
    let of_the_region = certificates
        .iter()
        .find(|der| der.windows(10).any(|window| window == b"mx-central"))
        .unwrap();
    certs.put(
        "server-key.pem",
        text.replace(&crate::tls::authority::certificate_pem(of_the_region), ""),
    );
    let region: Region = "mx-central-1".parse().unwrap();
    certs.check_opened(now(), &made, &[Remark::RegionsNotCovered(vec![region.clone()])]);
    let (opened, _) = certs.open().unwrap();
    let refusal = opened
        .screen(Some("lookoutvision.mx-central-1.amazonaws.com"))
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("name it as the `region` of one of `vpcs` or `projects`"),
        "{refusal}"
    );
    // Whoever needs it configures it.
    let names = ServedNames::of_this_machine(&[], &[region]).unwrap();
    let (authority, notice) = certs.open_for(names, now()).unwrap();
    assert!(
        matches!(notice.origin, Origin::Remade(RemakeReason::NotCovered { .. })),
        "{notice}"
    );
    assert!(
        authority
            .screen(Some("lookoutvision.mx-central-1.amazonaws.com"))
            .is_ok()
    );
}

#[test]
fn an_authority_outlives_the_machines_name() {
    let certs = Certs::empty();
    let open = |own: &str| {
        let names = ServedNames::new(&[], &[], Some(own.parse().unwrap())).unwrap();
        open_or_create(certs.0.path(), files::lock(certs.0.path()).unwrap(), names, now()).unwrap()
    };
    let (first, _) = open("3f2504e04f89");
    assert!(first.screen(Some("3f2504e04f89")).is_ok());
    let (second, notice) = open("9a0c9b7e1d2f");
    assert_eq!(second.fingerprint_sha256(), first.fingerprint_sha256());
    assert!(
        notice
            .remarks
            .contains(&Remark::OwnHostNotCovered("9a0c9b7e1d2f".parse().unwrap())),
        "{notice}"
    );
    assert!(
        second.screen(Some("9a0c9b7e1d2f")).is_err(),
        "a certificate that no client takes is not offered"
    );
}

/// The certificate of an authority like ours, but without constraints
fn unconstrained(key: &KeyPair) -> AuthorityCertificate {
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, common_name(key.public_key_raw()));
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2028, 1, 1);
    let der = params.self_signed(key).unwrap().der().clone();
    AuthorityCertificate::read(der).unwrap()
}

#[test]
fn an_authority_that_may_certify_anything_is_made_again() {
    let (certs, _) = Certs::made();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = unconstrained(&key);
    let signing = SigningAuthority::of(key, certificate);
    let (certificate, server) = signing.sign(&no_names()).unwrap();
    let open = CertificateAuthority::new(certificate, server, no_names());
    certs.put("server-key.pem", open.server_key_pem());
    certs.check_remade(now(), &RemakeReason::NotConstrained);
}

#[test]
fn a_certificate_whose_key_is_gone_is_made_again() {
    let (certs, _) = Certs::made();
    certs.remove("server-key.pem");
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
        assert!(right.contains("MAC: sha256, Iteration 100"), "{right}");
        assert!(right.contains(authority.ca_pem().trim_end()), "{right}");
        assert!(wrong.contains("invalid password"), "{wrong}");
    }
}

#[test]
fn the_report_says_where_everything_is() {
    let certs = Certs::empty();
    let report = make_or_renew(certs.0.path(), no_names(), now()).unwrap();
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
