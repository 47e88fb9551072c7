//! The files that clients trust, by the variables that name them: whether the emulator's certificate verifies with each, and
//! if not, whose CA it is that they hold.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    clients::ToolAnswer,
    endpoint::{Endpoint, Handshake},
    profile::SharedConfig,
    surroundings::{ControlAnswers, Surroundings, Variables},
    variables::CURE_BY_ENV,
};
use crate::{
    control::diagnosis::Finding,
    tls::{Fingerprint, is_from_an_emulator},
};

/// A file of certificates that some client trusts
#[derive(Debug)]
pub(super) struct TrustFile {
    /// The variable, or the line of a shared configuration file
    pub(super) named_by: String,
    pub(super) path: PathBuf,
    pub(super) certificates: Certificates,
    /// The handshake of a client that trusts them; `None`: none was tried
    pub(super) handshake: Option<Handshake>,
}

/// Certificates, DER, or why there are none
type Certificates = Result<Vec<Vec<u8>>, String>;

impl TrustFile {
    /// Whether a client that trusts this file can call the endpoint
    pub(super) fn is_good(&self) -> bool {
        self.handshake == Some(Handshake::Done)
    }
}

/// Every file that a setting names
pub(super) fn files(
    variables: &Variables,
    shared_config: &SharedConfig,
    endpoint: &Endpoint,
) -> Vec<TrustFile> {
    let by_variables = VARIABLES
        .iter()
        .filter_map(|name| Some((format!("`{name}`"), variables.get(name)?)));
    let by_profile = shared_config
        .setting("ca_bundle")
        .filter(|_| variables.get("AWS_CA_BUNDLE").is_none())
        .map(|setting| (setting.place(), setting.value.as_str()));
    // Several variables usually name the same file.
    let mut seen: BTreeMap<PathBuf, (Certificates, Option<Handshake>)> = BTreeMap::new();
    by_variables
        .chain(by_profile)
        .map(|(named_by, path)| {
            let path = variables.path(path);
            let (certificates, handshake) = seen.entry(path.clone()).or_insert_with(|| {
                let certificates = certificates(&path);
                let handshake = certificates
                    .as_ref()
                    .ok()
                    .and_then(|trusted| endpoint.shake_hands(trusted));
                (certificates, handshake)
            });
            TrustFile {
                named_by,
                certificates: certificates.clone(),
                handshake: handshake.clone(),
                path,
            }
        })
        .collect()
}

fn certificates(path: &Path) -> Certificates {
    let bytes = read(path).map_err(|error| error.to_string())?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| format!("it is not PEM: {error}"))?;
    match certificates.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(certificates
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect()),
    }
}

/// Reads a file of any kind, up to the size that a file of certificates can have
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has {length} bytes, more than any file of certificates"
        )));
    }
    fs::read(path)
}

/// Whether a client that reads one of the variables trusts this emulator
pub(super) fn trust(surroundings: &Surroundings) -> Vec<Finding> {
    let answers = surroundings.control.as_ref().ok();
    let mut findings: Vec<Finding> = surroundings
        .trust_files
        .iter()
        .map(|file| judge(file, answers))
        .collect();
    if findings.is_empty() {
        let message = "no variable names a file to trust, so only clients that find the CA elsewhere accept the emulator";
        findings.push(Finding::warning("trust", message).cure(CURE_BY_ENV));
    }
    findings.extend(python_without_a_file(surroundings));
    findings
}

/// boto3 and the AWS CLI bring roots of their own, and read no other variable (botocore 1.40.50, `configprovider.py` and
/// `endpoint.py`)
fn python_without_a_file(surroundings: &Surroundings) -> Option<Finding> {
    let is_there = |tool: &ToolAnswer| matches!(tool, ToolAnswer::Printed(_));
    let is_called = is_there(&surroundings.tools.boto3) || is_there(&surroundings.tools.aws);
    let mut variables = ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"].into_iter();
    let is_told = variables.any(|name| surroundings.variables.get(name).is_some())
        || surroundings.shared_config.setting("ca_bundle").is_some();
    (is_called && !is_told).then(|| {
        let message = "boto3 and the AWS CLI trust the file that `AWS_CA_BUNDLE` names, and it is not set";
        Finding::problem("trust", message).cure(CURE_BY_ENV)
    })
}

fn judge(file: &TrustFile, answers: Option<&ControlAnswers>) -> Finding {
    let named = format!("{} names {}", file.named_by, file.path.display());
    let certificates = match &file.certificates {
        Ok(certificates) => certificates,
        Err(error) => {
            return Finding::problem("trust", format!("{named}, which cannot be used: {error}"))
                .cure(CURE_BY_ENV);
        }
    };
    let found: Vec<String> = certificates
        .iter()
        .filter(|certificate| is_from_an_emulator(certificate))
        .map(|certificate| Fingerprint::of(certificate).to_string())
        .collect();
    let Some(answers) = answers else {
        return match (&file.handshake, found.first()) {
            (Some(Handshake::Done), _) => Finding::ok(
                "trust",
                format!("{named}, and the endpoint's certificate verifies"),
            ),
            (_, Some(fingerprint)) => Finding::ok(
                "trust",
                format!("{named}, which holds an emulator's CA ({fingerprint})"),
            ),
            (_, None) => Finding::problem("trust", format!("{named}, which holds no CA of an emulator"))
                .cure(CURE_BY_ENV),
        };
    };
    let ours = answers.fingerprint();
    if certificates.contains(&answers.ca) {
        return match &file.handshake {
            Some(Handshake::Refused(error)) => Finding::problem(
                "trust",
                format!("{named}, which holds this emulator's CA ({ours}), and still the endpoint's certificate is refused: {error}"),
            )
            .cure("call the emulator by a name that it has a certificate for, or add the name to `names`"),
            Some(Handshake::Done) => Finding::ok(
                "trust",
                format!("{named}: the endpoint's certificate verifies with this emulator's CA ({ours})"),
            ),
            // The check of the endpoint reports why there is no connection.
            Some(Handshake::NotConnected(_)) | None => {
                Finding::ok("trust", format!("{named}, which holds this emulator's CA ({ours})"))
            }
        };
    }
    match found.as_slice() {
        [] => Finding::problem(
            "trust",
            format!("{named}, which does not hold the CA of this emulator ({ours}), nor of any other"),
        )
        .cure(CURE_BY_ENV),
        stale => Finding::problem(
            "trust",
            format!(
                "{named}, which holds the CA of another emulator ({}) and not of this one ({ours})",
                stale.join(", ")
            ),
        )
        .cure(format!(
            "the usual cause is a volume or a copy of an earlier start: mount the folder that this emulator writes, or take \
             the CA anew from {}/ca.pem ({}/ca-bundle.pem with the system's roots)",
            answers.url, answers.url
        )),
    }
}

/// The variables from which clients read the names of such files
const VARIABLES: [&str; 5] = [
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];
/// The largest file of certificates that is read; the bundles of operating systems have a quarter of a mebibyte
const FILE_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::doctor::surroundings::tests::surroundings,
        control::diagnosis::Status,
        tls::{CertificateAuthority, ServedNames},
    };

    fn ca() -> Vec<u8> {
        let names = ServedNames::of_this_machine(&[], &[]).expect("this machine has names");
        let authority = CertificateAuthority::in_memory(names).expect("it can be made");
        CertificateDer::from_pem_slice(authority.ca_pem().as_bytes())
            .expect("it is PEM")
            .to_vec()
    }

    #[test]
    fn boto3_without_a_variable_of_its_own_is_told() {
        let told = |variables: &[(&str, &str)], boto3: ToolAnswer| {
            let mut surroundings = surroundings(variables);
            surroundings.tools.boto3 = boto3;
            let findings = trust(&surroundings);
            findings.iter().any(|finding| {
                finding.status == Status::Problem
                    && finding
                        .message
                        .contains("`AWS_CA_BUNDLE` names, and it is not set")
            })
        };
        let boto3 = || ToolAnswer::Printed("1.40.50 1.40.50".to_owned());
        assert!(told(&[("SSL_CERT_FILE", "/certs/ca-bundle.pem")], boto3()));
        assert!(!told(&[("AWS_CA_BUNDLE", "/certs/ca-bundle.pem")], boto3()));
        assert!(!told(&[("REQUESTS_CA_BUNDLE", "/certs/ca-bundle.pem")], boto3()));
        assert!(!told(&[], ToolAnswer::Missing));
    }

    #[test]
    fn a_stale_ca_is_told_with_both_fingerprints_and_a_foreign_file_without() {
        let (ours, other) = (ca(), ca());
        let around = |certificates: Certificates, handshake: Option<Handshake>| {
            let mut around = surroundings(&[]);
            around.control.as_mut().expect("it answers").ca = ours.clone();
            around.trust_files = vec![TrustFile {
                named_by: "`AWS_CA_BUNDLE`".to_owned(),
                path: "/certs/ca.pem".into(),
                certificates,
                handshake,
            }];
            trust(&around).remove(0)
        };
        let refused = || Some(Handshake::Refused("UnknownIssuer".to_owned()));
        let good = around(Ok(vec![ours.clone()]), Some(Handshake::Done));
        assert_eq!(good.status, Status::Ok, "{good:?}");
        let stale = around(Ok(vec![other.clone()]), refused());
        assert_eq!(stale.status, Status::Problem);
        for fingerprint in [Fingerprint::of(&ours), Fingerprint::of(&other)] {
            assert!(stale.message.contains(&fingerprint.to_string()), "{stale:?}");
        }
        assert!(stale.cure.is_some_and(|cure| cure.contains("volume")));
        let foreign = around(Ok(vec![b"of somebody else".to_vec()]), refused());
        assert!(foreign.message.contains("nor of any other"), "{foreign:?}");
        let missing = around(Err("No such file".to_owned()), None);
        assert_eq!(missing.status, Status::Problem);
        let wrong_name = around(Ok(vec![ours.clone()]), refused());
        assert!(
            wrong_name
                .message
                .contains("still the endpoint's certificate is refused"),
            "{wrong_name:?}"
        );
    }
}
