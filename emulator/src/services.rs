//! The services that are played: Lookout for Vision, and as much of EC2 and STS as stands around it.
//!
//! Each owns how its calls are read and performed, what it refuses with, and the form of its answers.

pub(crate) mod ec2;
pub(crate) mod lookoutvision;
pub(crate) mod policy_names;
pub(crate) mod query;
pub(crate) mod sts;
pub(crate) mod vocabulary;
