//! The names that a request carries.

use std::fmt;

use client_text::cut;

use super::host_name::{self, EmulatedHost, HostName};

/// The host that a client addressed, and what it says about the entry point
#[derive(Debug)]
pub(crate) struct AddressedHost {
    /// As the client wrote it, cut if it is far too long for a name
    pub(crate) text: Box<str>,
    /// What it says about the entry point
    pub(crate) emulated: EmulatedHost,
}

/// Where a name of a request stands, other than in its Host
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameSource {
    /// In the handshake
    ServerName,
    /// In the request target; `:authority` in HTTP/2
    Target,
    /// In a second Host
    SecondHost,
}

impl AddressedHost {
    pub(crate) fn new(text: &str) -> Self {
        // A Host that is not a host name leads to no endpoint of its own; the signature covers it like any other.
        let emulated = text
            .parse::<HostName>()
            .map_or(EmulatedHost::Other, |name| name.emulated());
        Self {
            text: cut(text, HOST_CHARACTERS_KEPT).into(),
            emulated,
        }
    }

    /// Whether the host is this name as it is written, with or without a port
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let is_port = |rest: &str| rest.strip_prefix(':').is_some_and(host_name::is_port);
        let rest = self.text.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || (!name.is_empty() && is_port(rest)))
    }
}

impl fmt::Display for NameSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerName => "the TLS server name",
            Self::Target => "the authority of the request target",
            Self::SecondHost => "another Host",
        })
    }
}

/// How many characters of a host are kept for the journal: names have 253 at most, and every entry of a connection
/// holds the host
const HOST_CHARACTERS_KEPT: usize = 1_024;
