//! JUnit XML, as CI servers read it: one suite for each file, one test case for each case.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{PolicyFiles, Report, failure_lines, warning_lines};
use crate::workbench::xml_text;

pub(super) fn write(report: &Report, files: &PolicyFiles, out: &mut impl Write) -> io::Result<()> {
    let mut written = quick_junit::Report::new("lookoutvision-emulator policy test");
    for (file, cases) in &report.files {
        let file_name = xml_text(&file.display().to_string()).into_owned();
        let mut suite = TestSuite::new(file_name.clone());
        for case in cases {
            let status = match &case.failure {
                None => TestCaseStatus::success(),
                Some(failure) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status
                        .set_message(xml_text(&failure.summary))
                        .set_type(case.decision.as_str())
                        .set_description(xml_text(&failure_lines(file, case, failure, files).join("\n")));
                    status
                }
            };
            let mut test_case = TestCase::new(xml_text(&case.name), status);
            test_case.set_classname(file_name.clone());
            test_case.extra.insert("file".into(), file_name.clone().into());
            test_case
                .extra
                .insert("line".into(), case.position.line.to_string().into());
            let warnings = warning_lines(file, case);
            if !warnings.is_empty() {
                test_case.set_system_err(xml_text(&warnings.join("\n")));
            }
            suite.add_test_case(test_case);
        }
        written.add_test_suite(suite);
    }
    written.serialize(out).map_err(io::Error::other)
}
