//! JUnit XML: one suite for each document, one test case for each statement, which fails if the statement never
//! matched.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{super::words::xml_text, CoverageReport};

pub(super) fn report(report: &CoverageReport) -> String {
    let mut written = Report::new("lookoutvision-emulator policy coverage");
    for document in &report.documents {
        let name = xml_text(&document.name()).into_owned();
        let mut suite = TestSuite::new(name.clone());
        for statement in &document.coverage.statements {
            let status = if statement.matched > 0 {
                TestCaseStatus::success()
            } else {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type("statement-never-matched").set_message(format!(
                    "none of {} requests matched it ({name}:{}:{})",
                    statement.evaluated, statement.place.line, statement.place.column
                ));
                status
            };
            let sid = statement
                .sid
                .as_ref()
                .map_or_else(String::new, |sid| format!(" ({sid})"));
            let mut case = TestCase::new(
                xml_text(&format!("statement {}{sid}", statement.statement)),
                status,
            );
            case.set_classname(name.clone());
            suite.add_test_case(case);
        }
        written.add_test_suite(suite);
    }
    written.to_string().expect("a report is XML")
}
