//! Addresses to listen on, as people write them.
//!
//! ```text
//! 127.0.0.1:8443   [::1]:8443   0.0.0.0:8443   as they are
//! localhost:8443   :8443   8443                127.0.0.1:8443
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Reads an address to listen on. Without a host it is that of loopback, because an address that others can reach must
/// be written in full.
///
/// # Errors
/// When it is neither an address and a port nor a port: with what would be right.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if is_digits && (host.is_empty() || host.eq_ignore_ascii_case("localhost")) => {
            Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        }
        _ => Err(format!(
            "`{text}` is not an address and a port (like `127.0.0.1:8443`)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_and_localhost_are_loopback_and_an_address_is_itself() {
        for (text, expected) in [
            ("8443", "127.0.0.1:8443"),
            (":8443", "127.0.0.1:8443"),
            ("localhost:8443", "127.0.0.1:8443"),
            ("LocalHost:0", "127.0.0.1:0"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:8443", "0.0.0.0:8443"),
            ("[::1]:8443", "[::1]:8443"),
            ("192.0.2.1:1", "192.0.2.1:1"),
        ] {
            assert_eq!(parse(text), Ok(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_would_be_right() {
        for text in [
            "",
            ":",
            "localhost",
            "localhost:",
            "emulator.test:8443",
            "127.0.0.1",
            "::1",
            "65536",
            ":65536",
            "+1",
            ":+1",
            "-1",
            "8443 ",
            "localhost:8443:1",
            "http://localhost:8443",
        ] {
            let message = parse(text).expect_err(text);
            assert_eq!(
                message,
                format!("`{text}` is not an address and a port (like `127.0.0.1:8443`)")
            );
        }
    }
}
