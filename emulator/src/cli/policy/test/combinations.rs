//! The combinations of a test's lists, each value with each: counted first, and made then.

use std::net::IpAddr;

use aws_identifiers::Region;
use lookoutvision::operation::Operation;

use super::written::WrittenTest;
use crate::workbench::{CallerName, EntryPointName, OperationName, SOURCE_IP, SubjectName};

/// Whom, where, what: one of the combinations of a test's lists
pub(super) struct Combination<'t> {
    pub(super) operation: Operation,
    pub(super) is_pattern: bool,
    pub(super) region: Option<&'t Region>,
    pub(super) entry_point: &'t EntryPointName,
    pub(super) principal: Option<&'t CallerName>,
    pub(super) resource: Option<&'t SubjectName>,
    pub(super) source_ip: IpAddr,
}

/// Counts the combinations of all tests before any of them is made
///
/// # Errors
/// With the test at which the file exceeds [`CASES_MAX`] combinations.
pub(super) fn check_count(tests: &[WrittenTest]) -> Result<(), &WrittenTest> {
    let mut count: usize = 0;
    for test in tests {
        count = count.saturating_add(combination_count(test));
        if count > CASES_MAX {
            return Err(test);
        }
    }
    Ok(())
}

/// How many combinations [`combinations`] makes of a test
fn combination_count(test: &WrittenTest) -> usize {
    let given = &test.given;
    let operations = test.operations.values.iter();
    let operations = operations.map(|name| name.operations.len()).sum();
    [
        given.regions.each().len(),
        given.entry_points.each().len(),
        given.principals.each().len(),
        given.resources.each().len(),
        given.source_ips.each().len(),
    ]
    .into_iter()
    .fold(operations, usize::saturating_mul)
}

/// The message about the test at which a file has too many combinations
pub(super) fn too_many(test: &WrittenTest) -> String {
    format!(
        "with the test `{}` the file has more than {CASES_MAX} cases, its lists multiplied (policy_test_cases_max)",
        test.name
    )
}

/// Each value of each of a test's lists with each of the others
pub(super) fn combinations(test: &WrittenTest) -> Vec<Combination<'_>> {
    let given = &test.given;
    let mut combinations = Vec::new();
    for OperationName {
        operations,
        is_pattern,
    } in &test.operations.values
    {
        for operation in operations {
            for region in given.regions.each() {
                for entry_point in given.entry_points.each() {
                    for principal in given.principals.each() {
                        for resource in given.resources.each() {
                            for source_ip in given.source_ips.each() {
                                combinations.push(Combination {
                                    operation: *operation,
                                    is_pattern: *is_pattern,
                                    region,
                                    entry_point: entry_point.unwrap_or(&EntryPointName::TheOnlyOne),
                                    principal,
                                    resource,
                                    source_ip: source_ip.copied().unwrap_or(SOURCE_IP),
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    combinations
}

/// Cases of one file
pub(super) const CASES_MAX: usize = 100_000;
