//! Tests of iam-policy through its public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod arn_operators;
mod attach_cases;
mod corpus;
mod coverage;
mod diff;
mod diff_of_random;
mod diff_rare_requests;
mod diff_undecided;
mod documented_cases;
mod explanations;
mod hostile;
mod lint;
mod lint_values;
mod loader;
mod properties;
mod random;
mod resource_control;
mod trust;
