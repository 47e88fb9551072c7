//! Principals, projects, rules and faults that a test declares in code; each is written as the configuration would have
//! it, and checked in the same way.

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
