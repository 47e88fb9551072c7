//! Which names the emulator answers for, and which of them its authority may certify.
//!
//! One table serves three questions that must not drift apart: what the authority's name constraints permit, whether a
//! client's server name gets a certificate, and what stands in the certificate of a client that names no server.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};

use crate::{
    config::EmulatedName,
    host_name::{EmulatedHost, HostName},
    ordered::set_of,
};

/// The names and addresses that the emulator answers for
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedNames {
    names: BTreeSet<HostName>,
    addresses: BTreeSet<IpAddr>,
    own_host: Option<HostName>,
}

/// Which certificate a client gets
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LeafName {
    /// The client named no server: it was given an address, and gets every address and `localhost`
    Unnamed,
    /// The client named this server
    Named(HostName),
}

/// Why a server name gets no certificate
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameRefusal {
    /// A name of AWS, but of no service played here
    #[error("server name `{0}` is a name of AWS that belongs to no service played here")]
    NotPlayed(String),
    /// Any other name that was not configured
    #[error("server name `{0}` is not one this emulator answers for; add it to `names` in the configuration")]
    Unknown(String),
}

impl ServedNames {
    /// The configured names, this machine's own name if it has a usable one, and what is always served
    ///
    /// # Errors
    /// The first configured name that is not a DNS name.
    pub fn new(configured: &[EmulatedName], own_host: Option<HostName>) -> Result<Self, InvalidName> {
        let mut names = BTreeSet::new();
        let mut addresses = set_of([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        for name in configured {
            match name {
                EmulatedName::Address(address) => {
                    addresses.insert(*address);
                }
                EmulatedName::Dns(text) => match text.parse::<HostName>() {
                    Ok(host) if host.address().is_none() => {
                        names.insert(host);
                    }
                    _ => return Err(InvalidName(text.clone())),
                },
            }
        }
        let own_host = own_host.filter(|host| host.address().is_none() && !host.is_localhost());
        Ok(Self {
            names,
            addresses,
            own_host,
        })
    }

    /// Which certificate belongs to a TLS server name
    ///
    /// # Errors
    /// The name is not ours; no certificate is made for it.
    pub fn screen(&self, server_name: Option<&str>) -> Result<LeafName, NameRefusal> {
        let Some(text) = server_name else {
            return Ok(LeafName::Unnamed);
        };
        let Ok(host) = text.parse::<HostName>() else {
            return Err(NameRefusal::Unknown(text.to_owned()));
        };
        let is_configured = self.names.contains(&host) || self.own_host.as_ref() == Some(&host);
        match host.emulated() {
            _ if is_configured || host.is_localhost() => Ok(LeafName::Named(host)),
            EmulatedHost::Vpce(_) | EmulatedHost::Regional(_) => Ok(LeafName::Named(host)),
            EmulatedHost::NotPlayed => Err(NameRefusal::NotPlayed(text.to_owned())),
            EmulatedHost::Other => Err(NameRefusal::Unknown(text.to_owned())),
        }
    }

    /// This machine's own name, where it is served
    pub fn own_host(&self) -> Option<&HostName> {
        self.own_host.as_ref()
    }

    /// The same names without this machine's own
    pub(super) fn without_own_host(mut self) -> Self {
        self.own_host = None;
        self
    }

    /// What the authority may certify, now and for every name served later
    ///
    /// RFC 5280, section 4.2.1.10: a permitted DNS name also permits every name below it, and a kind of name of which
    /// nothing is permitted is not restricted at all; so both kinds stand here.
    pub(super) fn constraints(&self) -> NameConstraints {
        let mut permitted: Vec<_> = AWS_DOMAINS
            .into_iter()
            .chain(["localhost"])
            .chain(self.names.iter().map(HostName::as_str))
            .chain(self.own_host.iter().map(HostName::as_str))
            .map(|name| GeneralSubtree::DnsName(name.to_owned()))
            .collect();
        permitted.push(GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(
            [127, 0, 0, 0],
            8,
        )));
        permitted.extend(
            self.addresses
                .iter()
                .filter(|a| !is_loopback_v4(**a))
                .map(|address| {
                    let whole_address = if address.is_ipv4() { 32 } else { 128 };
                    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, whole_address))
                }),
        );
        NameConstraints {
            permitted_subtrees: permitted,
            excluded_subtrees: Vec::new(),
        }
    }

    /// The names in the certificate of a client that names no server
    pub(super) fn unnamed(&self) -> Vec<HostName> {
        let addresses = self.addresses.iter().map(|address| HostName::from(*address));
        [localhost()].into_iter().chain(addresses).collect()
    }

    /// One of each kind of name that an authority must be able to certify
    pub(super) fn witnesses(&self) -> Vec<HostName> {
        let mut names = self.unnamed();
        names.extend(AWS_DOMAINS.map(|domain| aws_name(&format!("lookoutvision.us-east-1.{domain}"))));
        names.extend(self.names.iter().cloned());
        names.extend(self.own_host.iter().cloned());
        names
    }
}

/// A configured name that is no DNS name
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` in `names` is not a DNS name")]
pub struct InvalidName(pub String);

/// This machine's own name, if it has one that a certificate can carry
pub(super) fn own_host() -> Option<HostName> {
    hostname::get().ok()?.to_str()?.parse().ok()
}

/// A name as it stands in a certificate
pub(super) fn subject_alt_name(host: &HostName) -> SanType {
    match host.address() {
        Some(address) => SanType::IpAddress(address),
        None => SanType::DnsName(host.as_str().try_into().expect("a host name is ASCII")),
    }
}

fn localhost() -> HostName {
    "localhost".parse().expect("`localhost` is a host name")
}

fn aws_name(text: &str) -> HostName {
    text.parse().expect("a name of AWS is a host name")
}

fn is_loopback_v4(address: IpAddr) -> bool {
    address.is_ipv4() && address.is_loopback()
}

/// The domains of every endpoint name of the service (AWS General Reference, *Service endpoints*)
const AWS_DOMAINS: [&str; 2] = ["amazonaws.com", "api.aws"];

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> ServedNames {
        let configured = [
            EmulatedName::Dns("Host.Docker.Internal".into()),
            EmulatedName::Address("172.28.0.10".parse().unwrap()),
        ];
        ServedNames::new(&configured, Some("build-7".parse().unwrap())).unwrap()
    }

    #[test]
    fn our_names_get_a_certificate_whatever_their_case() {
        for name in [
            "lookoutvision.us-east-1.amazonaws.com",
            "lookoutvision-fips.us-east-1.api.aws",
            "vpce-1a2b3c4d-abcdefgh.lookoutvision.us-east-1.vpce.amazonaws.com",
            "localhost",
            "a.localhost",
            "host.docker.internal",
            "HOST.docker.internal.",
            "build-7",
        ] {
            let expected = name.parse::<HostName>().unwrap();
            assert_eq!(
                names().screen(Some(name)),
                Ok(LeafName::Named(expected)),
                "{name}"
            );
        }
        assert_eq!(names().screen(None), Ok(LeafName::Unnamed));
    }

    #[test]
    fn names_that_are_not_ours_get_a_reason() {
        assert_eq!(
            names()
                .screen(Some("s3.us-east-1.amazonaws.com"))
                .unwrap_err()
                .to_string(),
            "server name `s3.us-east-1.amazonaws.com` is a name of AWS that belongs to no service played here"
        );
        for name in [
            "docker.internal",
            "x.host.docker.internal",
            "build-70",
            "example.com",
            "a..b",
        ] {
            assert_eq!(
                names().screen(Some(name)),
                Err(NameRefusal::Unknown(name.to_owned())),
                "{name}"
            );
        }
    }

    #[test]
    fn a_configured_name_of_aws_is_served() {
        let configured = [EmulatedName::Dns("s3.us-east-1.amazonaws.com".into())];
        let names = ServedNames::new(&configured, None).unwrap();
        assert!(names.screen(Some("s3.us-east-1.amazonaws.com")).is_ok());
    }

    #[test]
    fn a_configured_name_that_is_none_is_refused_by_name() {
        for text in ["*.test", "a b", "", "10.0.0.1"] {
            let error = ServedNames::new(&[EmulatedName::Dns(text.into())], None).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` in `names` is not a DNS name")
            );
        }
    }

    #[test]
    fn an_own_name_that_is_an_address_or_localhost_adds_nothing() {
        for own in ["10.0.0.1", "localhost", "localhost.localhost"] {
            assert_eq!(
                ServedNames::new(&[], Some(own.parse().unwrap()))
                    .unwrap()
                    .own_host(),
                None
            );
        }
    }
}
