//! What an endpoint expects of its requests.

use std::time::Duration;

use crate::credential::ExpectedRegion;

/// What an endpoint expects of a request's head.
///
/// ```
/// use sigv4_verify::{Expectation, ExpectedRegion};
///
/// let expected = Expectation {
///     region: ExpectedRegion::Exactly("us-west-2"),
///     ..Expectation::for_service("lookoutvision")
/// };
/// assert_eq!(expected.clock_skew_max.as_secs(), 300);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// The Region the scope must name.
    pub region: ExpectedRegion<'a>,
    /// The service the scope must name.
    pub service: &'a str,
    /// How far a request's date may be from now, either way, in whole seconds.
    pub clock_skew_max: Duration,
    /// What to do with `x-amz-` headers that the signature does not cover.
    pub unsigned_amz_headers: UnsignedAmzHeaders,
}

impl<'a> Expectation<'a> {
    /// Any Region, five minutes, and every `x-amz-` header signed.
    // Five minutes: serverless/serverless#27 (Lambda), aws/aws-sdk-js-v3#5920 (AppConfigData), and the IAM
    // User Guide, "AWS Signature Version 4 for API requests": in most cases within five minutes.
    #[must_use]
    pub const fn for_service(service: &'a str) -> Self {
        Self {
            region: ExpectedRegion::Any,
            service,
            clock_skew_max: Duration::from_mins(5),
            unsigned_amz_headers: UnsignedAmzHeaders::Refuse,
        }
    }
}

/// What to do with a request that carries an `x-amz-` header its signature does not cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnsignedAmzHeaders {
    /// Refuse it. The IAM User Guide, "Create a signed AWS API request", wants every such header signed. Two are
    /// accepted unsigned: `x-amz-security-token`, because services differ on it, and `x-amz-content-sha256`, because
    /// its value is part of the canonical request anyway.
    // Guess: that front ends other than S3's enforce this, and that they leave out the security token.
    #[default]
    Refuse,
    /// Accept it, as if the rule did not exist.
    Accept,
}
