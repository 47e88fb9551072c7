//! The names a client can call the emulator by, read in one place.
//!
//! A name arrives twice: as the server name of the TLS handshake (SNI), where it decides whether there is a certificate
//! for it, and as the `Host` of a request, where it decides which entry point the request came through. Both are read here,
//! so they cannot come to different conclusions.
//!
//! ```text
//! VPCE-0a1b2c3d4e5f67890-abcdefgh.lookoutvision.us-west-2.vpce.amazonaws.com:443
//!   EmulatedHost::Vpce {endpoint_id: vpce-0a1b2c3d4e5f67890, region: us-west-2, …}
//! ```

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use aws_identifiers::{Region, VpcEndpointId};
use client_text::pieces;

/// A host as a client wrote it, in one form: lower case, no port, no trailing dot, no brackets
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostName(Box<str>);

/// A text that is not a host, or not a host and a port
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host name or an address, with or without a port")]
pub(crate) struct HostNameError(String);

/// What a host name says about the entry point
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EmulatedHost {
    /// The own name of an interface endpoint
    Vpce(VpceHost),
    /// A service's name in a Region
    Regional(RegionalHost),
    /// A name of AWS that belongs to no service played here, or to no endpoint there could be
    NotPlayed,
    /// Not a name of AWS: `localhost`, an address, a container's name
    Other,
}

/// `vpce-ID[-SUFFIX][-AZ].SERVICE.REGION.vpce.amazonaws.com`
/// (VPC guide, *Access an AWS service using an interface VPC endpoint*, regional and zonal DNS names)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VpceHost {
    /// The endpoint
    pub endpoint_id: VpcEndpointId,
    /// The service it leads to
    pub service: EmulatedService,
    /// Where it stands
    pub region: Region,
    /// The zone of a zonal name
    pub availability_zone: Option<Box<str>>,
}

/// `SERVICE[-fips].REGION.amazonaws.com` or `SERVICE[-fips].REGION.api.aws`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegionalHost {
    /// The service
    pub service: EmulatedService,
    /// The Region
    pub region: Region,
    /// Which of its endpoints in the Region
    pub variant: EndpointVariant,
}

/// The endpoints that the SDKs' endpoint rules form for one service and Region
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndpointVariant {
    /// `SERVICE.REGION.amazonaws.com`
    Standard,
    /// `SERVICE-fips.REGION.amazonaws.com`
    Fips,
    /// `SERVICE.REGION.api.aws`
    DualStack,
    /// `SERVICE-fips.REGION.api.aws`
    DualStackFips,
    /// `SERVICE.amazonaws.com`, which signs for us-east-1 (botocore, `endpoints.json`, `aws-global` of sts)
    Global,
}

/// A service that the emulator plays
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EmulatedService {
    /// Amazon Lookout for Vision
    LookoutVision,
    /// The part of Amazon EC2 that makes interface endpoints
    Ec2,
    /// The part of AWS Security Token Service that hands out role sessions
    Sts,
}

/// Every service played here with the first label of its host names, which is also the name it is signed for (API
/// models, `endpointPrefix` and `signingName`). The next service is a line here.
const SERVICES: &[(&str, EmulatedService)] = &[
    ("lookoutvision", EmulatedService::LookoutVision),
    ("ec2", EmulatedService::Ec2),
    ("sts", EmulatedService::Sts),
];

impl HostName {
    /// The name in its one form
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This machine's own name, if it has one that is a host name
    pub(crate) fn of_this_machine() -> Option<Self> {
        hostname::get().ok()?.to_str()?.parse().ok()
    }

    /// The address, if the host is one
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// Whether it is `localhost` or a name below it, which always mean this machine (RFC 6761, section 6.3)
    pub(crate) fn is_localhost(&self) -> bool {
        self.0
            .strip_suffix("localhost")
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// What the name says about the entry point
    pub(crate) fn emulated(&self) -> EmulatedHost {
        if let Some(labels) = self.0.strip_suffix(".vpce.amazonaws.com") {
            return vpce_host(labels).map_or(EmulatedHost::NotPlayed, EmulatedHost::Vpce);
        }
        if matches!(&*self.0, "amazonaws.com" | "api.aws") {
            return EmulatedHost::NotPlayed;
        }
        let (labels, plain, fips) = if let Some(labels) = self.0.strip_suffix(".amazonaws.com") {
            (labels, EndpointVariant::Standard, EndpointVariant::Fips)
        } else if let Some(labels) = self.0.strip_suffix(".api.aws") {
            (labels, EndpointVariant::DualStack, EndpointVariant::DualStackFips)
        } else {
            return EmulatedHost::Other;
        };
        if &*self.0 == GLOBAL_STS {
            return EmulatedHost::Regional(RegionalHost {
                service: EmulatedService::Sts,
                region: GLOBAL_STS_REGION.parse().expect("us-east-1 is a Region's name"),
                variant: EndpointVariant::Global,
            });
        }
        regional_host(labels, plain, fips).map_or(EmulatedHost::NotPlayed, EmulatedHost::Regional)
    }
}

/// The names of every service in a Region, which [`HostName::emulated`] reads back
pub(crate) fn service_names(region: &Region) -> Vec<HostName> {
    let mut names = Vec::new();
    for (label, _) in SERVICES {
        for domain in ["amazonaws.com", "api.aws"] {
            for variant in ["", "-fips"] {
                names.push(HostName(format!("{label}{variant}.{region}.{domain}").into()));
            }
        }
    }
    if region.as_str() == GLOBAL_STS_REGION {
        names.push(HostName(GLOBAL_STS.into()));
    }
    names
}

/// What the names of the endpoints in a Region end with, after one label
pub(crate) fn endpoint_domain(region: &Region) -> HostName {
    let service = EmulatedService::LookoutVision.host_label();
    HostName(format!("{service}.{region}.vpce.amazonaws.com").into())
}

impl EmulatedService {
    /// The first label of its host names
    pub(crate) fn host_label(self) -> &'static str {
        SERVICES
            .iter()
            .find(|(_, service)| *service == self)
            .map(|(label, _)| *label)
            .expect("every service stands in the table")
    }

    /// The name that its requests are signed for
    pub(crate) fn signing_name(self) -> &'static str {
        self.host_label()
    }

    /// The signing names of all services
    pub(crate) fn signing_names() -> Vec<&'static str> {
        SERVICES
            .iter()
            .map(|(_, service)| service.signing_name())
            .collect()
    }

    /// The service that a credential scope names
    pub(crate) fn from_signing_name(name: &str) -> Option<Self> {
        Self::from_host_label(name)
    }

    fn from_host_label(label: &str) -> Option<Self> {
        SERVICES
            .iter()
            .find(|(text, _)| *text == label)
            .map(|(_, service)| *service)
    }
}

fn vpce_host(labels: &str) -> Option<VpceHost> {
    const PREFIX: &str = "vpce-";
    let mut labels = labels.split('.');
    let endpoint = labels.next()?;
    // The endpoints that stand here lead to Lookout for Vision and to nothing else.
    let service = EmulatedService::from_host_label(labels.next()?)
        .filter(|service| *service == EmulatedService::LookoutVision)?;
    let region: Region = labels.next()?.parse().ok()?;
    if labels.next().is_some() {
        return None;
    }
    let id_length = PREFIX.len() + endpoint.strip_prefix(PREFIX)?.split('-').next()?.len();
    let (endpoint_id, rest) = endpoint.split_at(id_length);
    let endpoint_id = endpoint_id.parse().ok()?;
    let availability_zone = match rest.strip_prefix('-') {
        None => None,
        Some(rest) => suffix_and_zone(rest, &region)?,
    };
    Some(VpceHost {
        endpoint_id,
        service,
        region,
        availability_zone,
    })
}

/// Reads `SUFFIX`, `AZ` or `SUFFIX-AZ`; `None` when it is none of them, `Some(None)` for a suffix alone.
fn suffix_and_zone(text: &str, region: &Region) -> Option<Option<Box<str>>> {
    let is_suffix = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_suffix(text) {
        return Some(None);
    }
    let zone = match text.split_once('-') {
        Some((suffix, zone)) if zone.starts_with(region.as_str()) && is_suffix(suffix) => zone,
        _ => text,
    };
    // `us-east-1a`, and in a local zone `us-west-2-lax-1a`.
    let tail = zone.strip_prefix(region.as_str())?;
    let is_zone = tail.ends_with(|last: char| last.is_ascii_lowercase())
        && match tail.strip_prefix('-') {
            None => tail.len() == 1,
            Some(local) => local
                .split('-')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric())),
        };
    is_zone.then(|| Some(zone.into()))
}

fn regional_host(labels: &str, plain: EndpointVariant, fips: EndpointVariant) -> Option<RegionalHost> {
    let (label, region) = labels.split_once('.')?;
    let region = region.parse().ok()?;
    let (label, variant) = match label.strip_suffix("-fips") {
        Some(label) => (label, fips),
        None => (label, plain),
    };
    Some(RegionalHost {
        service: EmulatedService::from_host_label(label)?,
        region,
        variant,
    })
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let error = || HostNameError(text.to_owned());
        if let Some(bracketed) = text.strip_prefix('[') {
            let (address, port) = bracketed.split_once(']').ok_or_else(error)?;
            if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
                return Err(error());
            }
            let address: Ipv6Addr = address.parse().map_err(|_| error())?;
            return Ok(Self(address.to_string().into()));
        }
        // A bare address takes the form that the address type prints, so that `::1` and `0:0:0:0:0:0:0:1` are one host.
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_string().into()));
        }
        let host = match text.split_once(':') {
            Some((host, port)) if is_port(port) => host,
            Some(_) => return Err(error()),
            None => text,
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_name = host.len() <= NAME_CHARACTERS_MAX
            && pieces(host, b'.').all(|label| {
                (1..=LABEL_CHARACTERS_MAX).contains(&label.len())
                    // Compose names containers with underscores.
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        if is_name {
            Ok(Self(host.to_ascii_lowercase().into()))
        } else {
            Err(error())
        }
    }
}

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> Self {
        Self(address.to_string().into())
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is what can follow the colon of a host
pub(crate) fn is_port(text: &str) -> bool {
    // RFC 3986 lets the port be empty ("host:"), and clients do send it.
    text.is_empty() || (text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

/// The legacy global endpoint (AWS STS API reference, *Endpoints*)
const GLOBAL_STS: &str = "sts.amazonaws.com";
/// The Region that it leads to
const GLOBAL_STS_REGION: &str = "us-east-1";
/// RFC 1035, section 2.3.4, without the dots' encoding
const NAME_CHARACTERS_MAX: usize = 253;
const LABEL_CHARACTERS_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostName {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check_vpce(text: &str, id: &str, region: &str, zone: Option<&str>) {
        let EmulatedHost::Vpce(vpce) = host(text).emulated() else {
            panic!("{text} is an endpoint's name")
        };
        assert_eq!(
            (
                vpce.endpoint_id.as_str(),
                vpce.region.as_str(),
                vpce.availability_zone.as_deref()
            ),
            (id, region, zone)
        );
    }

    #[track_caller]
    fn check_regional(text: &str, region: &str, variant: EndpointVariant) {
        let EmulatedHost::Regional(found) = host(text).emulated() else {
            panic!("{text} is a regional name")
        };
        assert_eq!((found.region.as_str(), found.variant), (region, variant));
        assert_eq!(found.service.host_label(), "lookoutvision");
    }

    #[test]
    fn endpoint_names_are_read_with_and_without_suffix_and_zone() {
        const ID: &str = "vpce-0a1b2c3d4e5f67890";
        let name = |middle: &str| format!("{ID}{middle}.lookoutvision.us-west-2.vpce.amazonaws.com");
        check_vpce(&name(""), ID, "us-west-2", None);
        check_vpce(&name("-abcdefgh"), ID, "us-west-2", None);
        check_vpce(&name("-abcdefgh-us-west-2a"), ID, "us-west-2", Some("us-west-2a"));
        check_vpce(&name("-us-west-2b"), ID, "us-west-2", Some("us-west-2b"));
        check_vpce(
            &name("-abcdefgh-us-west-2-lax-1a"),
            ID,
            "us-west-2",
            Some("us-west-2-lax-1a"),
        );
        check_vpce(
            &name("-us-west-2-lax-1a"),
            ID,
            "us-west-2",
            Some("us-west-2-lax-1a"),
        );
        check_vpce(&name("").to_uppercase(), ID, "us-west-2", None);
        check_vpce(
            "vpce-1a2b3c4d.lookoutvision.us-west-2.vpce.amazonaws.com.:8443",
            "vpce-1a2b3c4d",
            "us-west-2",
            None,
        );
    }

    #[test]
    fn regional_names_are_read_with_fips_and_dual_stack() {
        use EndpointVariant::*;
        check_regional("lookoutvision.us-east-1.amazonaws.com", "us-east-1", Standard);
        check_regional(
            "lookoutvision-fips.eu-west-1.amazonaws.com:443",
            "eu-west-1",
            Fips,
        );
        check_regional(
            "LookoutVision.ap-northeast-2.api.aws.",
            "ap-northeast-2",
            DualStack,
        );
        check_regional("lookoutvision-fips.us-east-2.api.aws", "us-east-2", DualStackFips);
    }

    #[test]
    fn the_services_around_the_endpoint_have_regional_names_and_sts_a_global_one() {
        let found = |text: &str| match host(text).emulated() {
            EmulatedHost::Regional(found) => (found.service, found.region.to_string(), found.variant),
            other => panic!("{text}: {other:?}"),
        };
        use EmulatedService::{Ec2, Sts};
        use EndpointVariant::{Global, Standard};
        assert_eq!(
            found("ec2.us-west-2.amazonaws.com"),
            (Ec2, "us-west-2".to_owned(), Standard)
        );
        assert_eq!(
            found("sts.eu-west-1.amazonaws.com:443"),
            (Sts, "eu-west-1".to_owned(), Standard)
        );
        assert_eq!(found("STS.amazonaws.com"), (Sts, "us-east-1".to_owned(), Global));
    }

    #[test]
    fn the_names_that_are_listed_are_those_that_are_read() {
        for (region, count) in [("us-east-1", 13), ("us-gov-west-1", 12), ("eu-west-1", 12)] {
            let region: Region = region.parse().unwrap();
            let names = service_names(&region);
            assert_eq!(names.len(), count);
            for name in &names {
                assert!(
                    matches!(name.emulated(), EmulatedHost::Regional(found) if found.region == region),
                    "{name}"
                );
            }
            let endpoint = host(&format!("vpce-1a2b3c4d.{}", endpoint_domain(&region)));
            assert!(matches!(endpoint.emulated(), EmulatedHost::Vpce(found) if found.region == region));
        }
    }

    #[test]
    fn other_names_of_aws_are_not_played() {
        for text in [
            "s3.us-east-1.amazonaws.com",
            "amazonaws.com",
            "api.aws",
            "lookoutvision.amazonaws.com",
            "ec2.amazonaws.com",
            "vpce-1a2b3c4d.ec2.us-east-1.vpce.amazonaws.com",
            "lookoutvision.nowhere.amazonaws.com",
            "evil.lookoutvision.us-east-1.amazonaws.com",
            "lookoutvision-fips-fips.us-east-1.amazonaws.com",
            "lookoutvision.us-east-1.vpce.amazonaws.com",
            "vpce-1a2b3c4d.s3.us-east-1.vpce.amazonaws.com",
            "vpce-nothex00.lookoutvision.us-east-1.vpce.amazonaws.com",
            "vpce-1a2b3c4d-.lookoutvision.us-east-1.vpce.amazonaws.com",
            "vpce-1a2b3c4d-a-b.lookoutvision.us-east-1.vpce.amazonaws.com",
            "vpce-1a2b3c4d-abcdefgh-us-east-2a.lookoutvision.us-east-1.vpce.amazonaws.com",
            "vpce-1a2b3c4d-abcdefgh-us-east-1.lookoutvision.us-east-1.vpce.amazonaws.com",
            "x.vpce-1a2b3c4d.lookoutvision.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(host(text).emulated(), EmulatedHost::NotPlayed, "{text}");
        }
    }

    #[test]
    fn names_that_only_end_like_aws_are_other_names() {
        for text in [
            "localhost:8443",
            "127.0.0.1:8443",
            "[::1]:8443",
            "emulator",
            "lookoutvision.us-east-1.amazonaws.com.example",
            "lookoutvision.us-east-1.notamazonaws.com",
            "lookoutvision.cn-north-1.amazonaws.com.cn",
        ] {
            assert_eq!(host(text).emulated(), EmulatedHost::Other, "{text}");
        }
    }

    #[test]
    fn a_host_has_one_form() {
        assert_eq!(host("Emulator.Test.:8443").as_str(), "emulator.test");
        assert_eq!(host("[0:0:0:0:0:0:0:1]:443").as_str(), "::1");
        assert_eq!(host("::1").address(), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(
            host("127.0.0.1:1").address().map(|a| a.to_string()).as_deref(),
            Some("127.0.0.1")
        );
        assert_eq!(host("my_app_1:").as_str(), "my_app_1");
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        let long = format!("{}.test", "a".repeat(64));
        for text in [
            "",
            ".",
            ":443",
            "a..b",
            "a b",
            "a/b",
            "*.test",
            "host:99999",
            "host:+1",
            "host:x",
            "[::1",
            "[x]:1",
            &long,
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
        assert_eq!(
            "a b".parse::<HostName>().unwrap_err().to_string(),
            "`a b` is not a host name or an address, with or without a port"
        );
    }

    #[test]
    fn names_below_localhost_are_this_machine() {
        assert!(host("localhost").is_localhost());
        assert!(host("a.LOCALHOST").is_localhost());
        assert!(!host("notlocalhost").is_localhost());
        assert!(!host("localhost.example").is_localhost());
    }
}
