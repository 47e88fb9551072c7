//! Which names the emulator answers for, and which certificates have them.
//!
//! One table answers three questions whose answers must agree: what the authority's name constraints permit, which
//! certificates it signs when it is made, and whether a client's server name is one that the emulator answers for.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use aws_identifiers::Region;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};

use crate::network::{
    EmulatedName,
    host_name::{self, EmulatedHost, HostName},
    regions::AWS_REGIONS,
};

/// The names, addresses and Regions that the emulator answers for
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServedNames {
    names: BTreeSet<HostName>,
    addresses: BTreeSet<IpAddr>,
    /// The Regions that the configuration names
    regions: BTreeSet<Region>,
    own_host: Option<HostName>,
}

/// A name as it stands in a certificate
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CertifiedName {
    /// This name or address
    Host(HostName),
    /// `*.` and this name: every name that has one label more
    OneLabelBelow(HostName),
}

/// Why a server name gets no certificate
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameRefusal {
    /// A name of AWS, but of no service played here
    #[error("server name `{0}` is a name of AWS that belongs to no service played here")]
    NotPlayed(String),
    /// Any other name that was not configured
    #[error(
        "server name `{0}` is not one this emulator answers for; add it to `names` in the configuration and start \
         again, which makes {NEW_AUTHORITY}"
    )]
    Unknown(String),
    /// A name in a Region for which no certificates were signed
    #[error(
        "server name `{name}` has no certificate, because the Region `{region}` was not known when the certificate \
         authority was made; name it as the `region` of one of `vpcs` or `projects` in the configuration and start \
         again, which makes {NEW_AUTHORITY}"
    )]
    UnknownRegion {
        /// The server name
        name: String,
        /// The Region in it
        region: Region,
    },
}

/// The cost of answering for one more name: the key that signs is gone
const NEW_AUTHORITY: &str = "a new certificate authority that clients have to trust anew";

impl ServedNames {
    /// The configured names and Regions, this machine's own name if it is usable, and the names that are always served
    ///
    /// # Errors
    /// With the first configured name that is not a DNS name.
    pub(crate) fn of_this_machine(
        configured: &[EmulatedName],
        regions: &[Region],
    ) -> Result<Self, InvalidName> {
        Self::new(configured, regions, HostName::of_this_machine())
    }

    pub(super) fn new(
        configured: &[EmulatedName],
        regions: &[Region],
        own_host: Option<HostName>,
    ) -> Result<Self, InvalidName> {
        let mut names = BTreeSet::new();
        let mut addresses =
            BTreeSet::from_iter([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
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
            regions: BTreeSet::from_iter(regions.iter().cloned()),
            own_host,
        })
    }

    /// Whether a TLS server name is one that the emulator answers for, and which; `None`: the client named no server
    ///
    /// # Errors
    /// When the name is not ours; no certificate is given for it.
    pub(super) fn screen(&self, server_name: Option<&str>) -> Result<Option<HostName>, NameRefusal> {
        let Some(text) = server_name else {
            return Ok(None);
        };
        let Ok(host) = text.parse::<HostName>() else {
            return Err(NameRefusal::Unknown(text.to_owned()));
        };
        let is_this_machine =
            self.names.contains(&host) || self.own_host.as_ref() == Some(&host) || host.as_str() == LOCALHOST;
        match host.emulated() {
            _ if is_this_machine => Ok(Some(host)),
            EmulatedHost::Vpce(_) | EmulatedHost::Regional(_) => Ok(Some(host)),
            EmulatedHost::NotPlayed => Err(NameRefusal::NotPlayed(text.to_owned())),
            EmulatedHost::Other => Err(NameRefusal::Unknown(text.to_owned())),
        }
    }

    /// This machine's own name, where it is served
    pub(crate) fn own_host(&self) -> Option<&HostName> {
        self.own_host.as_ref()
    }

    /// The same names without this machine's own
    pub(super) fn without_own_host(mut self) -> Self {
        self.own_host = None;
        self
    }

    /// What the authority may certify
    ///
    /// RFC 5280, section 4.2.1.10: a permitted DNS name also permits every name below it. A kind of name of which
    /// nothing is permitted is not restricted at all, so both kinds are listed here.
    pub(super) fn constraints(&self) -> NameConstraints {
        let mut permitted: Vec<_> = AWS_DOMAINS
            .into_iter()
            .chain([LOCALHOST])
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

    /// The names of each certificate that the authority signs when it is made
    ///
    /// One certificate for this machine's addresses, one for each of its names, one for each Region. A name that one of
    /// them already has, such as a configured name of a Region, gets no certificate of its own.
    pub(super) fn certificates(&self) -> Vec<Vec<CertifiedName>> {
        let mut certificates = vec![self.this_machine().into_iter().map(CertifiedName::Host).collect()];
        certificates.extend(self.all_regions().iter().map(names_in));
        for name in self.names.iter().chain(&self.own_host) {
            let is_covered = certificates.iter().flatten().any(|other| other.covers(name));
            if !is_covered {
                certificates.push(vec![CertifiedName::Host(name.clone())]);
            }
        }
        certificates
    }

    /// `localhost` and every address: the names in the certificate for a client that names no server
    fn this_machine(&self) -> Vec<HostName> {
        let addresses = self.addresses.iter().map(|address| HostName::from(*address));
        [localhost()].into_iter().chain(addresses).collect()
    }

    /// Every name and address that does not belong to a Region
    pub(super) fn hosts(&self) -> Vec<HostName> {
        let mut hosts = self.this_machine();
        hosts.extend(self.names.iter().cloned());
        hosts.extend(self.own_host.iter().cloned());
        hosts
    }

    /// Every host, and one name in each domain of AWS
    pub(super) fn hosts_and_a_regions(&self) -> Vec<HostName> {
        let mut hosts = self.hosts();
        hosts.extend(AWS_DOMAINS.map(|domain| {
            let name = format!("lookoutvision.us-east-1.{domain}");
            name.parse().expect("a name of AWS is a host name")
        }));
        hosts
    }

    /// Whether the configuration has this name
    pub(super) fn is_configured(&self, host: &HostName) -> bool {
        self.names.contains(host)
    }

    /// Regions that the configuration names
    pub(super) fn configured_regions(&self) -> &BTreeSet<Region> {
        &self.regions
    }

    /// AWS's Regions and those that the configuration names
    pub(super) fn all_regions(&self) -> BTreeSet<Region> {
        let mut regions = BTreeSet::from_iter(
            AWS_REGIONS.map(|region| region.parse().expect("AWS's Regions have Region names")),
        );
        regions.extend(self.regions.iter().cloned());
        regions
    }
}

/// The names that are played in a Region: those of its services, and every endpoint's
pub(super) fn names_in(region: &Region) -> Vec<CertifiedName> {
    let services = host_name::service_names(region)
        .into_iter()
        .map(CertifiedName::Host);
    // `ENDPOINT-ID[-SUFFIX][-ZONE]` is one label.
    let endpoints = CertifiedName::OneLabelBelow(host_name::endpoint_domain(region));
    services.chain([endpoints]).collect()
}

impl CertifiedName {
    /// Whether a client that looks for `host` finds it in this name (RFC 6125, section 6.4.3)
    pub(super) fn covers(&self, host: &HostName) -> bool {
        match self {
            Self::Host(own) => own == host,
            Self::OneLabelBelow(domain) => parent(host).as_ref() == Some(domain),
        }
    }

    /// The names that would cover `host`
    pub(super) fn that_cover(host: &HostName) -> impl Iterator<Item = Self> {
        let wildcard = parent(host).map(Self::OneLabelBelow);
        [Self::Host(host.clone())].into_iter().chain(wildcard)
    }

    /// Reads a DNS name of a certificate
    pub(super) fn from_dns(text: &str) -> Option<Self> {
        match text.strip_prefix("*.") {
            Some(domain) => domain.parse().ok().map(Self::OneLabelBelow),
            None => text.parse().ok().map(Self::Host),
        }
    }

    pub(super) fn subject_alt_name(&self) -> SanType {
        let address = match self {
            Self::Host(host) => host.address(),
            Self::OneLabelBelow(_) => None,
        };
        match address {
            Some(address) => SanType::IpAddress(address),
            None => SanType::DnsName(self.to_string().try_into().expect("a host name is ASCII")),
        }
    }
}

impl fmt::Display for CertifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(f, "{host}"),
            Self::OneLabelBelow(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// A configured name that is no DNS name
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` in `names` is not a DNS name")]
pub(crate) struct InvalidName(pub String);

/// The name without its first label; an address has none
fn parent(host: &HostName) -> Option<HostName> {
    if host.address().is_some() {
        return None;
    }
    host.as_str().split_once('.')?.1.parse().ok()
}

pub(super) fn localhost() -> HostName {
    LOCALHOST.parse().expect("`localhost` is a host name")
}

fn is_loopback_v4(address: IpAddr) -> bool {
    address.is_ipv4() && address.is_loopback()
}

const LOCALHOST: &str = "localhost";

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
        ServedNames::new(&configured, &[], Some("build-7".parse().unwrap())).unwrap()
    }

    #[test]
    fn our_names_are_answered_for_whatever_their_case() {
        for name in [
            "lookoutvision.us-east-1.amazonaws.com",
            "lookoutvision-fips.us-east-1.api.aws",
            "vpce-1a2b3c4d-abcdefgh.lookoutvision.us-east-1.vpce.amazonaws.com",
            "localhost",
            "host.docker.internal",
            "HOST.docker.internal.",
            "build-7",
        ] {
            let expected = name.parse::<HostName>().unwrap();
            assert_eq!(names().screen(Some(name)), Ok(Some(expected)), "{name}");
        }
        assert_eq!(names().screen(None), Ok(None));
    }

    #[test]
    fn names_that_are_not_ours_get_a_reason() {
        for name in [
            "s3.us-east-1.amazonaws.com",
            // The wildcard covers it, but no endpoint has such a name.
            "x.lookoutvision.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(
                names().screen(Some(name)).unwrap_err().to_string(),
                format!("server name `{name}` is a name of AWS that belongs to no service played here")
            );
        }
        for name in [
            "docker.internal",
            "x.host.docker.internal",
            "build-70",
            "example.com",
            // No client accepts `*.localhost`, so only the configured names below it have a certificate.
            "a.localhost",
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
        let names = ServedNames::new(&configured, &[], None).unwrap();
        assert!(names.screen(Some("s3.us-east-1.amazonaws.com")).is_ok());
    }

    #[test]
    fn a_configured_name_that_is_none_is_refused_by_name() {
        for text in ["*.test", "a b", "", "10.0.0.1"] {
            let error = ServedNames::new(&[EmulatedName::Dns(text.into())], &[], None).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` in `names` is not a DNS name")
            );
        }
    }

    #[test]
    fn an_own_name_that_is_an_address_or_localhost_adds_nothing() {
        for own in ["10.0.0.1", "localhost", "localhost.localhost"] {
            let names = ServedNames::new(&[], &[], Some(own.parse().unwrap())).unwrap();
            assert_eq!(names.own_host(), None);
        }
    }

    #[test]
    fn there_is_a_certificate_for_this_machine_each_region_and_each_name() {
        let configured = [
            EmulatedName::Address("172.28.0.10".parse().unwrap()),
            EmulatedName::Dns("emulator.test".into()),
            EmulatedName::Dns("a.localhost".into()),
            // Other certificates have these already.
            EmulatedName::Dns("localhost".into()),
            EmulatedName::Dns("sts.eu-west-1.amazonaws.com".into()),
            EmulatedName::Dns("vpce-1a2b3c4d.lookoutvision.us-east-1.vpce.amazonaws.com".into()),
            EmulatedName::Dns("build-7".into()),
        ];
        let regions = ["us-west-2", "xx-nowhere-1"].map(|region| region.parse().unwrap());
        let names = ServedNames::new(&configured, &regions, Some("build-7".parse().unwrap())).unwrap();
        let certificates: Vec<Vec<String>> = names
            .certificates()
            .iter()
            .map(|names| names.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(certificates[0], ["localhost", "127.0.0.1", "172.28.0.10", "::1"]);
        let of = |name: &str| {
            certificates
                .iter()
                .find(|names| names.iter().any(|other| other == name))
        };
        assert_eq!(
            of("ec2.xx-nowhere-1.amazonaws.com").unwrap(),
            &[
                "lookoutvision.xx-nowhere-1.amazonaws.com",
                "lookoutvision-fips.xx-nowhere-1.amazonaws.com",
                "lookoutvision.xx-nowhere-1.api.aws",
                "lookoutvision-fips.xx-nowhere-1.api.aws",
                "ec2.xx-nowhere-1.amazonaws.com",
                "ec2-fips.xx-nowhere-1.amazonaws.com",
                "ec2.xx-nowhere-1.api.aws",
                "ec2-fips.xx-nowhere-1.api.aws",
                "sts.xx-nowhere-1.amazonaws.com",
                "sts-fips.xx-nowhere-1.amazonaws.com",
                "sts.xx-nowhere-1.api.aws",
                "sts-fips.xx-nowhere-1.api.aws",
                "*.lookoutvision.xx-nowhere-1.vpce.amazonaws.com",
            ]
        );
        assert!(
            of("sts.us-east-1.amazonaws.com")
                .unwrap()
                .contains(&"sts.amazonaws.com".to_owned())
        );
        for name in ["emulator.test", "a.localhost", "build-7"] {
            assert_eq!(of(name).unwrap(), &[name]);
        }
        assert_eq!(certificates.len(), 1 + AWS_REGIONS.len() + 1 + 3);
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let domain = host_name::endpoint_domain(&"us-west-2".parse().unwrap());
        let wildcard = CertifiedName::OneLabelBelow(domain.clone());
        for (name, is_covered) in [
            (format!("vpce-1a2b3c4d.{domain}"), true),
            (format!("vpce-1a2b3c4d-abcdefgh-us-west-2-lax-1a.{domain}"), true),
            (format!("a.vpce-1a2b3c4d.{domain}"), false),
            (domain.to_string(), false),
            ("::1".to_owned(), false),
        ] {
            let host = name.parse().unwrap();
            assert_eq!(wildcard.covers(&host), is_covered, "{name}");
            let found = CertifiedName::that_cover(&host).any(|covering| covering == wildcard);
            assert_eq!(found, is_covered, "{name}");
        }
    }
}
