//! sigv4-verify
