//! The emulator as its clients meet it: real TLS on real sockets, one module a concern.

mod control_api;
mod detect_anomalies;
mod doors;
mod ec2;
mod journal;
mod policies;
mod policy_command;
mod signatures;
mod sts;
mod support;
mod wire;
