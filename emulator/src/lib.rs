//! A local stand-in for Amazon Lookout for Vision behind an interface VPC endpoint, for testing only.

pub mod config;
pub mod host_name;
pub mod identifiers;
pub mod lookoutvision;
pub mod tls;
