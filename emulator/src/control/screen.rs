//! Who may ask the control API: programs that mean this machine, and pages that it served itself.
//!
//! A page on some site can make a visitor's browser send requests to loopback. A browser says so in `Origin` and
//! `Sec-Fetch-Site`, which the page cannot change. And where the page's own host name is made to resolve to loopback (DNS
//! rebinding), the browser takes us for that site, and `Host` is all that tells: so it must be a name that nobody else's DNS
//! server answers for.
//!
//! In this order, and the first that fails is the answer:
//!
//! 1. There is one `Host`, and it is a host name or an address (400 `InvalidHost`).
//! 2. It is a loopback name, an address, this machine's own host name or one of `names` (403 `ForeignHost`).
//! 3. A target in absolute form has the same host and port (RFC 9112, section 3.2.2: such a target goes before `Host`; 400
//!    `InvalidHost`).
//! 4. Every `Origin` is `http://` and that host and port (403 `ForeignOrigin`).
//! 5. Every `Sec-Fetch-Site` is `same-origin` or `none` (403 `ForeignOrigin`).

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};

use super::ControlError;
use crate::{
    network::{EmulatedName, host_name::HostName},
    settings::Settings,
};

/// A host and a port, as `Host`, `Origin` and targets in absolute form have them
#[derive(Debug, PartialEq, Eq)]
struct Authority {
    host: HostName,
    port: u16,
}

/// Refuses a request that a page of another site may have sent
pub(super) fn screen(head: &Parts, settings: &Settings) -> Result<(), ControlError> {
    // Rule 1: one Host. HTTP/1.0 does not ask for one, but without it a foreign page cannot be told from a program.
    let own = only(&head.headers, &header::HOST)
        .and_then(Authority::parse)
        .ok_or_else(|| {
            invalid_host("a request needs exactly one Host field, with a host name or an address in it")
        })?;
    // Rule 2: it is ours.
    if !is_ours(&own.host, settings) {
        let message = format!(
            "the control API does not answer for the host `{}`, only for loopback names, addresses, this machine's own \
             host name and the `names` of the configuration; add it there if it leads here",
            own.host
        );
        return Err(ControlError::new(StatusCode::FORBIDDEN, "ForeignHost", message));
    }
    // Rule 3: the target does not say otherwise.
    let target = head
        .uri
        .authority()
        .map(|target| Authority::parse(target.as_str()));
    if target.is_some_and(|target| target.as_ref() != Some(&own)) {
        return Err(invalid_host(
            "the request's target names another host or port than its Host field",
        ));
    }
    // Rule 4: every Origin is our own.
    let is_own_origin = |origin: &str| {
        let authority = origin.strip_prefix("http://").and_then(Authority::parse);
        authority.as_ref() == Some(&own)
    };
    if !all(&head.headers, &header::ORIGIN, is_own_origin) {
        return Err(foreign_origin("its Origin is not this host"));
    }
    // Rule 5: the browser says that no other site's page has sent it (Fetch Metadata Request Headers, section 2.4).
    if !all(&head.headers, &SEC_FETCH_SITE, |site| {
        ["same-origin", "none"].contains(&site)
    }) {
        return Err(foreign_origin(
            "its Sec-Fetch-Site is neither `same-origin` nor `none`",
        ));
    }
    Ok(())
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let host: HostName = text.parse().ok()?;
        let after_address = match text.rsplit_once(']') {
            Some((_, rest)) => rest,
            // An IPv6 address has brackets around it here, or nobody knows where its port begins.
            None if host.address().is_some_and(|address| address.is_ipv6()) => return None,
            None => text,
        };
        let port = match after_address.split_once(':') {
            None | Some((_, "")) => HTTP_PORT,
            Some((_, port)) => port.parse().ok()?,
        };
        Some(Self { host, port })
    }
}

/// Whether nobody but the owner of this machine decides where the name leads
fn is_ours(host: &HostName, settings: &Settings) -> bool {
    static OWN_HOST: OnceLock<Option<HostName>> = OnceLock::new();
    let is_configured =
        |name: &EmulatedName| matches!(name, EmulatedName::Dns(name) if name == host.as_str());
    host.is_localhost()
        || host.address().is_some()
        || settings.names.iter().any(is_configured)
        || OWN_HOST.get_or_init(HostName::of_this_machine).as_ref() == Some(host)
}

/// The text of the only field of this name
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

/// Whether every field of this name is good; a field that is not text is not
fn all(headers: &HeaderMap, name: &HeaderName, is_good: impl Fn(&str) -> bool) -> bool {
    let mut fields = headers.get_all(name).iter();
    fields.all(|field| field.to_str().is_ok_and(&is_good))
}

fn invalid_host(message: &str) -> ControlError {
    ControlError::bad_request("InvalidHost", message)
}

fn foreign_origin(why: &str) -> ControlError {
    ControlError::new(
        StatusCode::FORBIDDEN,
        "ForeignOrigin",
        format!("the request comes from another site's page ({why})"),
    )
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The port of an `http` URL that names none (RFC 9110, section 4.2.1)
const HTTP_PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_with_their_ports_and_whatever_their_spelling() {
        let authority = |text: &str| Authority::parse(text);
        assert_eq!(authority("LocalHost"), authority("localhost:80"));
        assert_eq!(authority("localhost."), authority("localhost:"));
        assert_eq!(authority("[::1]:80"), authority("[0:0:0:0:0:0:0:1]"));
        assert_ne!(authority("localhost"), authority("localhost:8080"));
        assert_ne!(authority("localhost"), authority("127.0.0.1"));
        for text in [
            "",
            "::1",
            "a b",
            "user@localhost",
            "localhost:x",
            "localhost:80/",
            "[::1",
            "a:1:2",
        ] {
            assert_eq!(authority(text), None, "{text}");
        }
    }
}
