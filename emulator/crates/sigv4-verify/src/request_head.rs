//! What a signature covers of a request, apart from its body.

use std::fmt;

use crate::request_target::RequestTarget;

/// Method, target and headers of a request, borrowed from whoever received it.
///
/// HTTP/2 has an `:authority` instead of a `Host` header, but clients still sign `host`. The head of an HTTP/2
/// request must therefore have the authority as a header named `host`.
#[derive(Clone)]
pub struct RequestHead<'a> {
    method: &'a str,
    target: RequestTarget<'a>,
    headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> RequestHead<'a> {
    /// A head. Header names may be in any case; repeated headers must be in wire order.
    pub fn new(
        method: &'a str,
        target: RequestTarget<'a>,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        Self {
            method,
            target,
            headers: headers.into_iter().collect(),
        }
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The request target.
    #[must_use]
    pub fn target(&self) -> &RequestTarget<'a> {
        &self.target
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &[(&'a str, &'a [u8])] {
        &self.headers
    }

    /// The value of the first header of that name, without the blanks around it.
    // AWS uses the first of several (scratchstack-aws-signature, "AWS Auth Error Ordering", rule 6a).
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.header_values(name).next().map(<[u8]>::trim_ascii)
    }

    /// The values of all headers of that name, in wire order.
    pub(crate) fn header_values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            // Nearly all names are in lower case, which is found out faster.
            .filter(move |(found, _)| *found == name || found.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

/// Leaves out header values: an `Authorization` may hold a bearer token, and a session token is a secret.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &String::from_utf8_lossy(self.target.path()))
            .field(
                "headers",
                &self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}
