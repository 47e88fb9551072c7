//! Amazon Lookout for Vision: its routes, its operations, its answers.
//!
//! Everything here depends only on its arguments: no socket, no clock, no task. A request arrives as a method and a raw
//! path ([`routes`]), becomes a [`Route`](routes::Route) that knows its operation and the resource it is authorised on
//! ([`operation`], [`model`]), and, once it is permitted, is performed:
//!
//! ```text
//! POST /2020-11-20/projects/myProject/models/latest/detect
//!   routes::Route                  DetectAnomalies, with projectName "myProject" and modelVersion "latest"
//!   model::ModelAddress            arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2
//!   detect_anomalies               constraints, existence, state, image, rules; in that order
//!   canned                         the first rule that matches the call
//!   {"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":0.9999964237213135}}
//! ```
//!
//! A failure is returned as an [`error::ServiceError`], which the shell writes to the wire.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

pub mod api;
pub mod call_counts;
pub mod canned;
pub mod constraints;
pub mod dataset_images;
pub mod declared;
pub mod detect_anomalies;
pub mod error;
pub mod evaluation;
pub mod image;
mod infallible;
pub mod manifest;
pub mod mask;
pub mod model;
pub mod operation;
pub mod operations;
pub mod pagination;
pub mod request;
pub mod routes;
pub mod scenarios;
pub mod store;
mod work;

#[cfg(test)]
mod testing;

/// The Regions that the service was offered in (AWS General Reference, *Amazon Lookout for Vision endpoints and quotas*)
pub const REGIONS: [&str; 7] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "eu-central-1",
    "eu-west-1",
];
