//! Principals and projects that a test declares in code; each becomes the configuration's own words and is checked as those
//! are.

mod fault;
mod principal;
mod project;
mod rule;

pub use self::{
    fault::{Fault, FaultStage, TlsFault},
    principal::Principal,
    project::{Model, Project},
    rule::{Answer, Rectangle, Rule},
};
