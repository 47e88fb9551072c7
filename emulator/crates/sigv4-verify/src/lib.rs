//! sigv4-verify
/// placeholder
#[derive(Debug, Clone)]
pub struct SecretAccessKey(String);
/// placeholder
#[derive(Debug, Clone, Copy)]
pub enum UndeclaredUnsignedPayload {
    /// a
    Refuse,
    /// b
    Warn,
}
