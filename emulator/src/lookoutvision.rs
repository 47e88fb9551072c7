//! Amazon Lookout for Vision: its routes, its operations, its answers.

pub mod canned;
pub mod model;
