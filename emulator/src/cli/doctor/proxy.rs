//! Proxies that calls to the emulator would go to.

use super::surroundings::{Surroundings, without_credentials};
use crate::control::diagnosis::Finding;

/// Whether a proxy stands between the client and the emulator
pub(super) fn proxy(surroundings: &Surroundings) -> Vec<Finding> {
    let variables = &surroundings.variables;
    let proxies: Vec<&str> = PROXIES
        .into_iter()
        .filter(|name| variables.get(name).is_some())
        .collect();
    // A client whose endpoint variable is misspelt calls AWS itself, and may use a proxy for that.
    let control = surroundings.control.as_ref().ok();
    let place = surroundings.endpoint.place_of_emulator(control);
    let (Some(first), Some((host, port))) = (proxies.first(), &place) else {
        return vec![Finding::ok("proxy", "no variable names a proxy")];
    };
    let named: Vec<String> = proxies.iter().map(|name| format!("`{name}`")).collect();
    let named = named.join(", ");
    // Where both are set, some clients read the one and some the other.
    let lists: Vec<(&str, &str)> = ["NO_PROXY", "no_proxy"]
        .into_iter()
        .filter_map(|name| Some((name, variables.get(name)?)))
        .collect();
    let (covering, missing): (Vec<_>, Vec<_>) = lists
        .into_iter()
        .partition(|(_, list)| is_covered(host, *port, list));
    let cure = |name: &str| format!("export {name}=\"${{{name}:+${name},}}{host}\"");
    vec![match (covering.first(), missing.first()) {
        (Some((name, _)), None) => Finding::ok("proxy", format!("{named} is set, and `{name}` keeps `{host}` from it")),
        (Some((has, _)), Some((lacks, _))) => Finding::warning(
            "proxy",
            format!(
                "{named} is set, and `{has}` keeps `{host}` from it, but `{lacks}` does not; curl, boto3 and the AWS CLI \
                 read `no_proxy` first"
            ),
        )
        .cure(cure(lacks)),
        (None, _) => Finding::problem(
            "proxy",
            format!(
                "`{first}` sends calls to `{host}` to the proxy {}, which does not know this machine's emulator",
                without_credentials(variables.get(first).unwrap_or_default())
            ),
        )
        .cure(cure("NO_PROXY")),
    }]
}

/// Whether a `NO_PROXY` list exempts a host from the proxy: `*`, a name, a domain with or without a leading dot, each
/// with or without a port
fn is_covered(host: &str, port: u16, list: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| {
        let entry = match entry.rsplit_once(':') {
            Some((name, digits)) if digits.parse::<u16>() == Ok(port) && !name.contains(':') => name,
            _ => entry,
        };
        let name = entry.trim_start_matches("*.").trim_start_matches('.');
        let name = name.trim_start_matches('[').trim_end_matches(']');
        entry == "*"
            || (!name.is_empty()
                && (host.eq_ignore_ascii_case(name)
                    || host
                        .to_ascii_lowercase()
                        .ends_with(&format!(".{}", name.to_ascii_lowercase()))))
    })
}

/// The variables that clients of HTTPS read
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    #[track_caller]
    fn check(variables: &[(&str, &str)], status: Status, expected: &str) {
        let found = proxy(&surroundings(variables));
        assert_eq!(found[0].status, status, "{found:?}");
        assert!(found[0].message.contains(expected), "{found:?}");
    }

    #[test]
    fn a_proxy_without_an_exception_is_a_problem_and_its_password_is_not_shown() {
        let proxy = ("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128");
        check(&[], Status::Ok, "no variable");
        check(&[proxy], Status::Problem, "the proxy http://proxy.example:3128,");
        check(
            &[proxy, ("NO_PROXY", "intranet.example")],
            Status::Problem,
            "`localhost`",
        );
        check(
            &[proxy, ("NO_PROXY", "intranet.example, localhost")],
            Status::Ok,
            "keeps",
        );
        check(&[proxy, ("NO_PROXY", "*")], Status::Ok, "keeps");
        check(
            &[proxy, ("NO_PROXY", "localhost"), ("no_proxy", "intranet.example")],
            Status::Warning,
            "`no_proxy` does not",
        );
    }

    #[test]
    fn a_client_that_would_call_aws_is_to_keep_the_emulator_from_the_proxy() {
        let mut surroundings = surroundings(&[("HTTPS_PROXY", "http://proxy.example:3128")]);
        surroundings.endpoint.place = Some(("lookoutvision.us-east-1.amazonaws.com".to_owned(), 443));
        surroundings.endpoint.handshake = None;
        let emulators = (
            "AWS_ENDPOINT_URL_LOOKOUTVISION".to_owned(),
            "https://localhost:8443".to_owned(),
        );
        surroundings
            .control
            .as_mut()
            .unwrap()
            .environment
            .extend([emulators]);
        let found = proxy(&surroundings);
        assert_eq!(
            found[0].cure.as_deref(),
            Some("export NO_PROXY=\"${NO_PROXY:+$NO_PROXY,}localhost\""),
            "{found:?}"
        );
    }

    #[test]
    fn a_list_covers_names_domains_and_ports() {
        for (list, expected) in [
            ("lookoutvision.us-east-1.amazonaws.com", true),
            (".amazonaws.com", true),
            ("amazonaws.com", true),
            ("*.amazonaws.com", true),
            ("amazonaws.com:443", true),
            ("amazonaws.com:8443", false),
            ("aws.com", false),
            ("", false),
        ] {
            assert_eq!(
                is_covered("lookoutvision.us-east-1.amazonaws.com", 443, list),
                expected,
                "{list}"
            );
        }
        assert!(is_covered("::1", 8443, "localhost,127.0.0.1,::1"));
    }
}
