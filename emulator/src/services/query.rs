//! The query protocol, which EC2 and STS speak: forms in, XML out.

pub(crate) mod parameters;
pub(crate) mod xml;
