//! Where an emulator listens, and how it is called from this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where the emulator listens, as a client on this machine calls it
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// The AWS API
    pub(crate) listen: SocketAddr,
    /// The control API
    pub(crate) control: SocketAddr,
}

impl Addresses {
    /// What `AWS_ENDPOINT_URL_LOOKOUTVISION` is set to
    pub(crate) fn endpoint_url(&self) -> String {
        let ip = self.listen.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            format!("https://localhost:{}", self.listen.port())
        } else {
            format!("https://{}", self.listen)
        }
    }

    /// Where the control API is called from this machine
    pub(crate) fn control_url(&self) -> String {
        let mut address = self.control;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}")
    }
}
