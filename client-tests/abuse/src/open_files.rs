//! How many files this process and its children may have open: every connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the bound to the most that the system allows, for this process and those that it starts
pub fn allow_as_many_as_possible() {
    let mut bounds = getrlimit(Resource::Nofile);
    bounds.current = bounds.maximum;
    // If it cannot be raised, fewer connections are held open; the table says how many.
    let _ = setrlimit(Resource::Nofile, bounds);
}

/// The bound in force
pub(crate) fn bound() -> usize {
    getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |bound| usize::try_from(bound).unwrap_or(usize::MAX))
}
