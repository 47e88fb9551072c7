//! The emulator as its clients meet it: real TLS on real sockets, one module for each concern.

mod accounts;
mod answers_from_datasets;
mod api_constraints;
mod bodies;
mod certificates;
mod closing;
mod connection_faults;
mod connections;
mod container;
mod control_answers;
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
mod faults;
mod file_modes;
mod first_contact;
mod hostile_texts;
mod http2;
mod init;
mod journal;
mod life_cycle;
mod limits_reached;
mod long_texts;
mod metrics;
#[cfg(target_os = "linux")]
mod output_lost;
mod perimeters;
mod persistence;
mod policies;
mod policy_command;
mod policy_diff;
mod policy_draft;
mod policy_matrix;
mod policy_routes;
mod policy_test_inputs;
mod policy_tests;
mod process;
#[cfg(unix)]
mod progress;
mod projects;
mod public_certs;
mod random_policies;
mod readme;
mod recovery;
#[cfg(unix)]
mod reload;
mod request_edits;
mod request_log;
mod rules;
mod rust_tests;
mod s3;
mod seed;
mod signatures;
#[cfg(unix)]
mod start_messages;
mod state;
mod state_bounds;
mod state_files;
mod stopping;
mod sts;
mod support;
mod two_names;
mod verification;
mod what_if;
mod wire;
