//! iam-policy
/// placeholder
#[derive(Debug, Clone)]
pub struct PolicyDocument;
/// placeholder
#[derive(Debug, Clone)]
pub struct Principal;
