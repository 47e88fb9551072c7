//! The emulator as its clients meet it: real TLS on real sockets, one module a concern.

mod accounts;
mod api_constraints;
mod bodies;
mod certificates;
mod closing;
mod connections;
mod container;
mod control_api;
mod control_routes;
mod coverage;
mod dashboard;
mod detect_anomalies;
mod doctor;
mod ec2;
mod ec2_authorization;
mod endpoint_persistence;
mod entry_points;
mod environment;
#[cfg(unix)]
mod events;
mod file_modes;
mod first_contact;
mod hostile_texts;
mod http2;
mod init;
mod journal;
mod life_cycle;
mod long_texts;
mod metrics;
mod persistence;
mod policies;
mod policy_command;
mod policy_routes;
mod policy_tests;
mod process;
mod projects;
mod public_certs;
mod readme;
mod recovery;
#[cfg(unix)]
mod reload;
mod request_log;
mod rust_tests;
mod s3;
mod signatures;
#[cfg(unix)]
mod start_messages;
mod state;
mod stopping;
mod sts;
mod support;
mod two_names;
mod verification;
mod wire;
