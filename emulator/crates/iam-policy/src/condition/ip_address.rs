//! `IpAddress`: addresses and CIDR blocks of both families.
//!
//! A bare address is a block of one. Bits after the prefix are disregarded, and a block of one family never
//! holds an address of the other (IAM User Guide, *Condition operators*).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cidr {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

impl Cidr {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix_length(prefix)?)),
            None => (text, None),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let prefix = prefix.unwrap_or(32);
                // Rust does not allow a shift by the whole width, so /0 is a case of its own.
                let mask = if prefix == 0 {
                    0
                } else {
                    u32::MAX << 32_u32.checked_sub(prefix)?
                };
                Some(Self::V4 {
                    network: u32::from(address) & mask,
                    mask,
                })
            }
            IpAddr::V6(address) => {
                let prefix = prefix.unwrap_or(128);
                let mask = if prefix == 0 {
                    0
                } else {
                    u128::MAX << 128_u32.checked_sub(prefix)?
                };
                Some(Self::V6 {
                    network: u128::from(address) & mask,
                    mask,
                })
            }
        }
    }

    pub(super) fn holds(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4 { network, mask }, IpAddr::V4(address)) => u32::from(address) & mask == *network,
            (Self::V6 { network, mask }, IpAddr::V6(address)) => u128::from(address) & mask == *network,
            _ => false,
        }
    }

    /// Whether the block lies in a range that never reaches AWS from outside: RFC 1918, shared address
    /// space, loopback, link-local, and their IPv6 counterparts.
    pub(crate) fn is_private(&self) -> bool {
        match *self {
            Self::V4 { network, mask } => {
                let address = Ipv4Addr::from(network);
                let shared = network & 0xffc0_0000 == 0x6440_0000 && mask >= 0xffc0_0000;
                let narrow = mask >= 0xff00_0000;
                shared
                    || narrow
                        && (network >> 24 == 10
                            || address.is_loopback()
                            || network & 0xfff0_0000 == 0xac10_0000 && mask >= 0xfff0_0000
                            || network & 0xffff_0000 == 0xc0a8_0000 && mask >= 0xffff_0000
                            || address.is_link_local() && mask >= 0xffff_0000)
            }
            Self::V6 { network, mask } => {
                let address = Ipv6Addr::from(network);
                let bits = mask.leading_ones();
                address.is_loopback() && bits == 128
                    || address.is_unique_local() && bits >= 7
                    || address.is_unicast_link_local() && bits >= 10
            }
        }
    }
}

fn prefix_length(text: &str) -> Option<u32> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: &str, address: &str, expected: bool) {
        let block = Cidr::read(block).unwrap();
        assert_eq!(
            block.holds(address.parse().unwrap()),
            expected,
            "{block:?} {address}"
        );
    }

    #[test]
    fn a_block_holds_the_addresses_with_its_prefix() {
        check("10.0.1.99/24", "10.0.1.17", true);
        check("10.0.1.99", "10.0.1.98", false);
        check("0.0.0.0/0", "255.255.255.255", true);
        check("203.0.113.7/0", "1.2.3.4", true);
        check("::/0", "2001:db8::1", true);
        check("2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", true);
        check("2001:db8::1/128", "2001:db8::2", false);
    }

    #[test]
    fn families_do_not_mix() {
        check("0.0.0.0/0", "::1", false);
        check("::/0", "127.0.0.1", false);
        check("::ffff:10.0.0.0/104", "10.0.0.1", false);
    }

    #[test]
    fn what_is_no_block_is_not_read() {
        for text in [
            "",
            "ten",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "010.0.0.1",
            " 10.0.0.1",
        ] {
            assert_eq!(Cidr::read(text), None, "{text}");
        }
    }

    #[test]
    fn private_ranges_are_known_and_blocks_wider_than_them_are_not_private() {
        for text in [
            "10.0.0.0/8",
            "10.1.2.3",
            "172.16.0.0/12",
            "192.168.1.0/24",
            "100.64.0.0/10",
            "127.0.0.1",
            "169.254.1.1",
            "fd00::/8",
            "::1",
            "fe80::/10",
        ] {
            assert!(Cidr::read(text).unwrap().is_private(), "{text}");
        }
        for text in [
            "0.0.0.0/0",
            "10.0.0.0/7",
            "172.16.0.0/11",
            "192.168.0.0/15",
            "203.0.113.0/24",
            "198.51.100.1",
            "::/0",
            "2001:db8::/32",
            "100.64.0.0/9",
        ] {
            assert!(!Cidr::read(text).unwrap().is_private(), "{text}");
        }
    }
}
