//! iam-policy
/// placeholder
#[derive(Debug, Clone)]
pub struct PolicyDocument;
/// placeholder
#[derive(Debug, Clone)]
pub struct Principal;
impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("placeholder")
    }
}
