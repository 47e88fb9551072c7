//! The emulator's journal, as far as the judge reads it.

use serde::Deserialize;

/// One entry of `GET /requests`
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// `x-amzn-RequestId`
    pub request_id: String,
    /// How the request came in
    pub entry_point: Option<EntryPoint>,
    /// The operation, if the path is that of one
    pub operation: Option<String>,
    /// Who signed
    pub principal: Option<String>,
    /// The status that was answered
    pub status: Option<u16>,
    /// The error that was answered
    pub error_code: Option<String>,
    /// `allowed`, `implicitDeny` or `explicitDeny`
    pub decision: Option<String>,
    /// What was sent
    pub body: Option<Body>,
}

/// How a request came in
#[derive(Debug, Deserialize)]
pub struct EntryPoint {
    /// `vpc-endpoint` or `public`
    pub kind: String,
    /// The endpoint
    pub vpc_endpoint_id: Option<String>,
}

/// What was sent
#[derive(Debug, Deserialize)]
pub struct Body {
    /// Its length
    pub bytes: Option<u64>,
    /// Its hash in hexadecimal
    pub sha256: Option<String>,
}
