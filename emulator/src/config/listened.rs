//! The addresses that connections can arrive at.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;

/// The addresses that a listener answers at
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenedAddresses(Vec<IpNet>);

impl ListenedAddresses {
    /// The addresses of a listener on this address; `None` when it listens on all of them and the system does not list
    /// them
    pub(crate) fn of(listen: IpAddr) -> Option<Self> {
        let listen = listen.to_canonical();
        if !listen.is_unspecified() {
            return Some(Self(vec![listen.into()]));
        }
        let interfaces = if_addrs::get_if_addrs().ok()?;
        let mut networks: Vec<IpNet> = interfaces
            .iter()
            .map(if_addrs::Interface::ip)
            // A listener on `[::]` takes IPv4 as well.
            .filter(|address| address.is_ipv4() || listen.is_ipv6())
            .map(|address| match address {
                // Linux answers at every address of the loopback network.
                IpAddr::V4(address) if address.is_loopback() => LOOPBACK,
                address => address.into(),
            })
            .collect();
        networks.sort();
        networks.dedup();
        Some(Self(networks))
    }

    /// Whether one of them lies in a network
    pub(crate) fn any_in(&self, network: &IpNet) -> bool {
        self.0
            .iter()
            .any(|own| own.contains(network) || network.contains(own))
    }

    /// Sample addresses: of each of `networks` that lies within ours, and one of each of ours
    pub(crate) fn samples(&self, networks: &[IpNet]) -> Vec<IpAddr> {
        let mut samples = Vec::new();
        for own in &self.0 {
            let within = networks.iter().filter(|network| own.contains(*network));
            samples.extend(within.map(IpNet::addr));
            samples.push(if *own == LOOPBACK {
                Ipv4Addr::LOCALHOST.into()
            } else {
                own.addr()
            });
        }
        samples
    }
}

impl fmt::Display for ListenedAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().take(ADDRESSES_NAMED_MAX).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{separator}{}", network.addr())?;
            } else {
                write!(f, "{separator}{network}")?;
            }
        }
        match self.0.len().checked_sub(ADDRESSES_NAMED_MAX) {
            None | Some(0) => Ok(()),
            Some(others) => write!(f, " and {others} more"),
        }
    }
}

const LOOPBACK: IpNet = IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8));

/// The most addresses that a message names; more are counted
const ADDRESSES_NAMED_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> ListenedAddresses {
        ListenedAddresses::of(address.parse().unwrap()).expect("this system lists its addresses")
    }

    fn network(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_lies_in_the_networks_that_hold_it() {
        for address in ["127.0.0.1", "::ffff:127.0.0.1"] {
            let listened = of(address);
            assert!(listened.any_in(&network("127.0.0.0/8")) && listened.any_in(&network("127.0.0.1/32")));
            assert!(!listened.any_in(&network("127.0.1.0/24")) && !listened.any_in(&network("::1/128")));
            assert_eq!(listened.to_string(), "127.0.0.1");
        }
    }

    #[test]
    fn every_address_is_the_loopback_network_and_those_of_the_interfaces() {
        let every_ipv4 = of("0.0.0.0");
        assert!(every_ipv4.any_in(&network("127.0.2.0/24")));
        assert!(!every_ipv4.any_in(&network("::1/128")));
        // Reserved (RFC 1112, section 4): no machine has an address of it.
        assert!(!every_ipv4.any_in(&network("240.0.0.0/24")));
        assert!(of("::").any_in(&network("127.0.2.0/24")), "IPv4 too");
        let networks = [network("127.0.2.0/24"), network("240.0.0.0/24")];
        let samples = every_ipv4.samples(&networks);
        assert!(samples.contains(&[127, 0, 2, 0].into()) && samples.contains(&[127, 0, 0, 1].into()));
        assert!(!samples.contains(&[240, 0, 0, 0].into()));
    }

    #[test]
    fn many_addresses_are_counted() {
        let many = ListenedAddresses(
            (0..10)
                .map(|last| IpAddr::from([10, 0, 0, last]).into())
                .collect(),
        );
        assert!(many.to_string().ends_with("10.0.0.7 and 2 more"), "{many}");
    }
}
