//! Why an address cannot be listened on, and what to do.

use std::{io, net::SocketAddr};

/// The reason and what to do about it, in one sentence
pub(crate) fn message(address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program has it: end that, or name another port (port 0 picks a free one)"
        }
        io::ErrorKind::PermissionDenied if address.port() < FIRST_UNPRIVILEGED_PORT => {
            "; a port below 1024 takes root, the capability CAP_NET_BIND_SERVICE, or a lower \
             `net.ipv4.ip_unprivileged_port_start`: name a port from 1024 on (port 0 picks a free one), or give the right"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine does not have the address: name one of its own, or 0.0.0.0 for all of them"
        }
        _ => "",
    };
    format!("cannot listen on {address}: {error}{advice}")
}

/// Whether listening on one of the two leaves nothing for the other
pub(crate) fn is_taken_by(address: SocketAddr, other: SocketAddr) -> bool {
    let (ip, other_ip) = (address.ip(), other.ip());
    address.port() != 0
        && address.port() == other.port()
        && (ip == other_ip
            || (ip.is_ipv4() == other_ip.is_ipv4() && (ip.is_unspecified() || other_ip.is_unspecified())))
}

/// ip(7): ports below are privileged unless the system says otherwise
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_says_what_to_do() {
        let told = |address: &str, kind: io::ErrorKind| message(address.parse().unwrap(), &kind.into());
        let busy = told("127.0.0.1:8443", io::ErrorKind::AddrInUse);
        assert!(
            busy.ends_with("name another port (port 0 picks a free one)"),
            "{busy}"
        );
        let privileged = told("0.0.0.0:443", io::ErrorKind::PermissionDenied);
        assert!(privileged.contains("CAP_NET_BIND_SERVICE"), "{privileged}");
        let elsewhere = told("192.0.2.1:8443", io::ErrorKind::AddrNotAvailable);
        assert!(
            elsewhere.contains("this machine does not have the address"),
            "{elsewhere}"
        );
    }

    #[test]
    fn two_addresses_with_one_port_stand_in_each_others_way_where_they_overlap() {
        let overlap = |one: &str, other: &str| is_taken_by(one.parse().unwrap(), other.parse().unwrap());
        assert!(overlap("127.0.0.1:8443", "127.0.0.1:8443"));
        assert!(overlap("127.0.0.1:8443", "0.0.0.0:8443"));
        assert!(!overlap("127.0.0.1:8443", "127.0.0.1:8080"));
        assert!(!overlap("127.0.0.1:8443", "127.0.0.2:8443"));
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!overlap("127.0.0.1:8443", "[::1]:8443"));
    }
}
