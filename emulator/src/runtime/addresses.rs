//! Where an emulator listens, and how it is called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::uri::Authority;

use crate::network::host_name::HostName;

/// Where the emulator listens, and where clients on this machine call it
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// The AWS API
    pub(crate) listen: SocketAddr,
    /// The control API
    pub(crate) control: SocketAddr,
    /// The ports of the host that lead here; `None`: the emulator does not run in a container
    pub(crate) published: Option<PublishedPorts>,
}

/// The ports of a container's host that lead to the emulator in it
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublishedPorts {
    /// To the AWS API
    pub(crate) listen: u16,
    /// To the control API
    pub(crate) control: u16,
}

impl Addresses {
    /// What `AWS_ENDPOINT_URL_LOOKOUTVISION` is set to on this machine, which for a container is its host
    pub(crate) fn endpoint_url(&self) -> String {
        let ip = self.listen.ip();
        if let Some(published) = self.published {
            https_url("localhost", published.listen)
        } else if is_reached_by_localhost(ip) {
            format!("https://localhost:{}", self.listen.port())
        } else {
            format!("https://{}", self.listen)
        }
    }

    /// The same for a client that calls the emulator by this name or address
    pub(crate) fn endpoint_url_by(&self, host: &str) -> String {
        https_url(host, self.listen.port())
    }

    /// The same for the client that has called the control API at `control`, the `Host` of its request
    pub(crate) fn endpoint_url_beside(&self, control: &Authority) -> String {
        if self.listen.ip().is_unspecified() && !is_loopback(control.host()) {
            self.endpoint_url_by(control.host())
        } else {
            self.endpoint_url()
        }
    }

    /// Where the control API is called from this machine, which for a container is its host
    pub(crate) fn control_url(&self) -> String {
        if let Some(published) = self.published {
            return format!("http://127.0.0.1:{}", published.control);
        }
        let mut address = self.control;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}")
    }
}

/// Whether `localhost` leads to a listener at this address; of the loopback addresses it leads only to the first
fn is_reached_by_localhost(ip: IpAddr) -> bool {
    ip.is_unspecified() || [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&ip)
}

/// Whether the host of a URL means the caller's own machine
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.parse::<HostName>();
    host.is_ok_and(|host| host.is_localhost() || host.address().is_some_and(|address| address.is_loopback()))
}

fn https_url(host: &str, port: u16) -> String {
    match port {
        443 => format!("https://{host}"),
        _ => format!("https://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(listen: &str, published: Option<(u16, u16)>) -> Addresses {
        Addresses {
            listen: listen.parse().unwrap(),
            control: "0.0.0.0:8080".parse().unwrap(),
            published: published.map(|(listen, control)| PublishedPorts { listen, control }),
        }
    }

    #[test]
    fn the_host_of_a_container_calls_the_published_ports() {
        let inside = addresses("0.0.0.0:443", Some((8443, 8081)));
        assert_eq!(inside.endpoint_url(), "https://localhost:8443");
        assert_eq!(inside.control_url(), "http://127.0.0.1:8081");
        assert_eq!(
            addresses("0.0.0.0:443", Some((443, 80))).endpoint_url(),
            "https://localhost"
        );
    }

    #[test]
    fn who_asks_the_control_api_by_another_name_calls_the_aws_api_by_that_name() {
        let beside = |listen: &str, published, control: &'static str| {
            addresses(listen, published).endpoint_url_beside(&Authority::from_static(control))
        };
        assert_eq!(
            beside("0.0.0.0:443", Some((8443, 8080)), "emulator:8080"),
            "https://emulator"
        );
        assert_eq!(
            beside("0.0.0.0:8443", None, "[2001:db8::1]:8080"),
            "https://[2001:db8::1]:8443"
        );
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(
                beside("0.0.0.0:443", Some((8443, 8080)), host),
                "https://localhost:8443"
            );
            assert_eq!(beside("127.0.0.1:8443", None, host), "https://localhost:8443");
        }
        // It listens where it says, and nowhere else: `localhost` leads to the first loopback address alone.
        assert_eq!(
            beside("127.0.0.2:8443", None, "localhost:8080"),
            "https://127.0.0.2:8443"
        );
        assert_eq!(
            beside("[::1]:8443", None, "localhost:8080"),
            "https://localhost:8443"
        );
        assert_eq!(
            beside("192.0.2.1:8443", None, "emulator:8080"),
            "https://192.0.2.1:8443"
        );
    }
}
