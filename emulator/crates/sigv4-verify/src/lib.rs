//! sigv4-verify
/// placeholder
#[derive(Debug, Clone)]
pub struct SecretAccessKey(String);
impl SecretAccessKey {
    /// placeholder
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}
/// placeholder
#[derive(Debug, Clone, Copy)]
pub enum UndeclaredUnsignedPayload {
    /// a
    Refuse,
    /// b
    Warn,
}
