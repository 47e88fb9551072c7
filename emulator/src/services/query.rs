//! The query protocol, which EC2 and STS speak: forms in, XML out.

pub(crate) mod parameters;
pub(in crate::services) mod refusal;
pub(crate) mod xml;
