//! The trust store that Java is told to use.

use std::path::PathBuf;

use super::{
    surroundings::{Surroundings, Variables},
    trust,
    variables::CURE_BY_ENV,
};
use crate::{
    control::diagnosis::Finding,
    tls::{Fingerprint, TrustStoreError, read_truststore},
};

/// The trust store that Java's variables name
#[derive(Debug)]
pub(super) struct JavaTrustStore {
    pub(super) variable: &'static str,
    pub(super) path: PathBuf,
    /// Usually no secret: that of Java's own trust store is `changeit`
    pub(super) password: Option<String>,
    pub(super) bytes: Result<Vec<u8>, String>,
}

/// Reads the trust store, if a variable names one; of several the last one counts
pub(super) fn trust_store(variables: &Variables) -> Option<JavaTrustStore> {
    let mut named: Option<(&'static str, String)> = None;
    let mut password = None;
    for variable in VARIABLES {
        for option in words(variables.get(variable).unwrap_or_default()) {
            if let Some(path) = option.strip_prefix("-Djavax.net.ssl.trustStore=") {
                named = Some((variable, path.to_owned()));
            } else if let Some(text) = option.strip_prefix("-Djavax.net.ssl.trustStorePassword=") {
                password = Some(text.to_owned());
            }
        }
    }
    let (variable, path) = named?;
    let path = PathBuf::from(path);
    Some(JavaTrustStore {
        variable,
        bytes: trust::read(&path).map_err(|error| error.to_string()),
        path,
        password,
    })
}

/// The options in a variable, separated by white space outside of quotes (JDK, *The java Command*, and
/// `JAVA_TOOL_OPTIONS` in the *Troubleshooting Guide*)
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        let word = words.last_mut().expect("there is one from the beginning");
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_whitespace() => words.push(String::new()),
            None => word.push(c),
        }
    }
    words
}

/// Whether Java trusts this emulator
pub(super) fn java(surroundings: &Surroundings) -> Vec<Finding> {
    let Some(store) = &surroundings.java else {
        return Vec::new();
    };
    let named = format!("`{}` names {}", store.variable, store.path.display());
    let bytes = match &store.bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("{named}, which cannot be read: {error}; Java then trusts nobody");
            return vec![Finding::problem("java", message).cure(CURE_BY_ENV)];
        }
    };
    let answers = surroundings.control.as_ref().ok();
    let ours = answers.map(|answers| &answers.ca);
    vec![match read_truststore(bytes, store.password.as_deref()) {
        Ok(certificate) => {
            let fingerprint = Fingerprint::of(&certificate);
            match ours {
                Some(ours) if *ours == certificate => Finding::ok(
                    "java",
                    format!("{named}, which holds this emulator's CA ({fingerprint})"),
                ),
                Some(ours) => Finding::problem(
                    "java",
                    format!(
                        "{named}, which holds the CA of another emulator ({fingerprint}) and not of this one ({})",
                        Fingerprint::of(ours)
                    ),
                )
                .cure(format!(
                    "the usual cause is a volume or a copy of an earlier start: take the trust store anew from {}/truststore.p12",
                    answers.map_or("the control API", |answers| answers.url.as_str())
                )),
                None => Finding::ok("java", format!("{named}, which holds an emulator's CA ({fingerprint})")),
            }
        }
        Err(TrustStoreError::WrongPassword) => Finding::problem(
            "java",
            format!("{named}, whose password is another one than `-Djavax.net.ssl.trustStorePassword` says"),
        )
        .cure("the password of the emulator's trust store is `changeit`"),
        Err(TrustStoreError::Foreign) => {
            let holds_ours = ours.is_some_and(|ours| {
                !ours.is_empty() && bytes.windows(ours.len()).any(|window| window == &ours[..])
            });
            match holds_ours {
                true => Finding::ok("java", format!("{named}, which holds this emulator's CA")),
                false => Finding::warning(
                    "java",
                    format!("{named}, which the emulator did not write; whether it holds the CA cannot be seen from here"),
                )
                .cure("`keytool -list -keystore FILE` lists it; `keytool -importcert -file ca.pem -keystore FILE` adds the CA"),
            }
        }
    }]
}

/// In the order in which Java applies them
const VARIABLES: [&str; 3] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::doctor::surroundings::tests::surroundings,
        control::diagnosis::Status,
        tls::{CertificateAuthority, ServedNames},
    };

    fn authority() -> CertificateAuthority {
        let names = ServedNames::of_this_machine(&[], &[]).expect("this machine has names");
        CertificateAuthority::in_memory(names).expect("it can be made")
    }

    #[test]
    fn the_last_trust_store_counts_and_quotes_hold_a_path_together() {
        let variables = |options: &str| surroundings(&[("JAVA_TOOL_OPTIONS", options)]).variables;
        let found = |options: &str| trust_store(&variables(options)).map(|store| store.path);
        assert_eq!(
            found("-Xmx1g -Djavax.net.ssl.trustStore=/old -Djavax.net.ssl.trustStore=\"/new store\""),
            Some("/new store".into())
        );
        assert_eq!(found("-Xmx1g"), None);
    }

    #[test]
    fn a_trust_store_is_known_by_its_mac_and_its_certificate() {
        let (ours, other) = (authority(), authority());
        let check = |bytes: Result<Vec<u8>, String>, password: Option<&str>| {
            let mut around = surroundings(&[]);
            let file = ours.truststore_p12();
            let certificate = read_truststore(&file, Some("changeit")).expect("it is ours");
            around.control.as_mut().expect("it answers").ca = certificate;
            around.java = Some(JavaTrustStore {
                variable: "JAVA_TOOL_OPTIONS",
                path: "/certs/truststore.p12".into(),
                password: password.map(str::to_owned),
                bytes,
            });
            java(&around).remove(0)
        };
        assert_eq!(
            check(Ok(ours.truststore_p12()), Some("changeit")).status,
            Status::Ok
        );
        assert_eq!(check(Ok(ours.truststore_p12()), None).status, Status::Ok);
        let wrong = check(Ok(ours.truststore_p12()), Some("secret"));
        assert!(
            wrong.message.contains("whose password is another one"),
            "{wrong:?}"
        );
        let stale = check(Ok(other.truststore_p12()), Some("changeit"));
        assert_eq!(stale.status, Status::Problem);
        for authority in [&ours, &other] {
            assert!(
                stale
                    .message
                    .contains(&authority.fingerprint_sha256().to_string()),
                "{stale:?}"
            );
        }
        assert_eq!(check(Ok(b"a key store".to_vec()), None).status, Status::Warning);
        let unreadable = check(Err("Permission denied".to_owned()), None);
        assert_eq!(unreadable.status, Status::Problem);
    }
}
