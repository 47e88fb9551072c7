//! Clients
fn main() {}
