//! The judge of all clients: it compares what must be seen with what a client reports and what the journal holds.
//!
//! It complains in sentences and continues, so that one run shows everything that is wrong with a scenario.

use std::path::Path;

use crate::corpus::{
    Expectation, ExpectedDetection, ExpectedEntry, ExpectedOutcome, ExpectedRefusal, Inputs,
};
use crate::driver::http::sha256_hex;
use crate::journal::Entry;
use crate::outcome::{Detection, Outcome, Refusal};
use crate::pattern;

mod mask;

/// Everything that is not as expected; empty when all is well
pub fn complaints(expected: &Expectation, inputs: &Inputs, seen: &Outcome, journal: &[Entry]) -> Vec<String> {
    let mut complaints = Complaints(Vec::new());
    complaints.unless_equal("requests in the journal", &expected.attempts, &journal.len());

    match (&expected.sees, seen) {
        (ExpectedOutcome::Result(expected), Outcome::Result(seen)) => {
            complaints.detection(expected, seen, &inputs.job.image);
            complaints.closing_entry(200, None, seen.request_id.as_deref(), journal.last());
        }
        (ExpectedOutcome::Refusal(expected), Outcome::Refusal(seen)) => {
            complaints.refusal(expected, seen);
            let code = Some(expected.exception.as_str());
            complaints.closing_entry(expected.status, code, seen.request_id.as_deref(), journal.last());
        }
        (ExpectedOutcome::UntrustedCertificate, Outcome::Unreachable { detail }) => {
            let detail = detail.to_lowercase();
            if !["certificate", "unknownissuer"]
                .iter()
                .any(|word| detail.contains(word))
            {
                complaints.0.push(format!(
                    "the connection failed, but not for its certificate: {detail}"
                ));
            }
        }
        (expected, seen) => complaints
            .0
            .push(format!("expected {expected:?}, the client reports {seen:?}")),
    }
    if let Some(entry) = journal.last() {
        complaints.entry(&expected.journal, entry);
        complaints.upload(&inputs.job.image, entry);
    }
    complaints.0
}

struct Complaints(Vec<String>);

impl Complaints {
    fn unless_equal<T: PartialEq + std::fmt::Debug + ?Sized>(&mut self, what: &str, expected: &T, seen: &T) {
        if expected != seen {
            self.0
                .push(format!("{what}: expected {expected:?}, found {seen:?}"));
        }
    }

    fn detection(&mut self, expected: &ExpectedDetection, seen: &Detection, image: &Path) {
        self.unless_equal("Source.Type", "direct", seen.source_type.as_str());
        self.unless_equal("IsAnomalous", &expected.is_anomalous, &seen.is_anomalous);
        if !nearly_equal(expected.confidence, seen.confidence) {
            self.unless_equal("Confidence", &expected.confidence, &seen.confidence);
        }
        match (&expected.segments, &seen.anomaly_mask) {
            (Some(segments), Some(mask)) => {
                self.0
                    .extend(mask::complaints(segments, &seen.anomalies, mask, image));
            }
            (Some(_), None) => self
                .0
                .push("a segmentation model's result has no mask".to_owned()),
            (None, mask) => {
                if mask.is_some() || !seen.anomalies.is_empty() {
                    self.0
                        .push("a classification model's result has a mask or anomalies".to_owned());
                }
            }
        }
    }

    fn refusal(&mut self, expected: &ExpectedRefusal, seen: &Refusal) {
        self.unless_equal("exception", &expected.exception, &seen.exception);
        if let Some(typed) = seen.typed {
            self.unless_equal("raised as the type of the API model", &expected.modelled, &typed);
        }
        if let Some(status) = seen.status {
            self.unless_equal("status", &expected.status, &status);
        }
        if !pattern::matches(&expected.message, &seen.message) {
            self.unless_equal("message", &expected.message, &seen.message);
        }
        // A client that shows the header must show its absence, too.
        if seen.retry_after_seconds.is_some() {
            self.unless_equal(
                "RetryAfterSeconds",
                &expected.retry_after_seconds,
                &seen.retry_after_seconds,
            );
        }
    }

    /// The journal entry of the last attempt, whose answer the client saw
    fn closing_entry(
        &mut self,
        status: u16,
        code: Option<&str>,
        request_id: Option<&str>,
        entry: Option<&Entry>,
    ) {
        let Some(entry) = entry else {
            self.0.push("the journal is empty".to_owned());
            return;
        };
        self.unless_equal("journal: status", &Some(status), &entry.status);
        self.unless_equal("journal: error code", &code, &entry.error_code.as_deref());
        if let Some(request_id) = request_id {
            self.unless_equal(
                "the client's request id, in the journal",
                request_id,
                &entry.request_id,
            );
        }
    }

    fn entry(&mut self, expected: &ExpectedEntry, entry: &Entry) {
        let entry_point = entry.entry_point.as_ref();
        let fields = [
            ("decision", &expected.decision, entry.decision.as_ref()),
            ("principal", &expected.principal, entry.principal.as_ref()),
            (
                "entry_point",
                &expected.entry_point,
                entry_point.map(|entry_point| &entry_point.kind),
            ),
            (
                "VPC endpoint",
                &expected.vpc_endpoint_id,
                entry_point.and_then(|entry_point| entry_point.vpc_endpoint_id.as_ref()),
            ),
        ];
        for (what, expected, found) in fields {
            if expected.is_some() {
                self.unless_equal(&format!("journal: {what}"), &expected.as_ref(), &found);
            }
        }
    }

    /// Checks that the emulator read what the client sent. A refusal that depends on the head alone has read nothing
    /// before its decision; the number of attempts shows that the client then saw the refusal and no reset connection.
    fn upload(&mut self, image: &Path, entry: &Entry) {
        let body = entry.body.as_ref();
        let (bytes, sha256) = (
            body.and_then(|body| body.bytes),
            body.and_then(|body| body.sha256.as_deref()),
        );
        if bytes.is_none() && entry.decision.is_none() {
            return;
        }
        match std::fs::read(image) {
            Ok(image) => {
                self.unless_equal("journal: bytes of the body", &Some(image.len() as u64), &bytes);
                self.unless_equal("journal: hash of the body", &Some(&*sha256_hex(&image)), &sha256);
            }
            Err(error) => self.0.push(format!("`{}`: {error}", image.display())),
        }
    }
}

/// Whether two numbers are equal as 32-bit floats, which is what the service keeps
fn nearly_equal(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{complaints, sha256_hex};
    use crate::corpus::{Expectation, Inputs, Through, Trust};
    use crate::journal::Entry;
    use crate::outcome::{Job, Outcome, Upload};

    const IMAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/images/anomaly-2.png");

    fn inputs() -> Inputs {
        Inputs {
            access_key_id: String::new(),
            secret_access_key: String::new(),
            session_token: None,
            region: String::new(),
            job: Job {
                project: String::new(),
                model_version: String::new(),
                image: IMAGE.into(),
                content_type: String::new(),
                upload: Upload::Bytes,
            },
            trust: Trust::Authority,
            through: Through::TheUsualWay,
        }
    }

    fn denied() -> Value {
        json!({"refusal": {
            "exception": "AccessDeniedException", "typed": true, "status": 403, "message": "User: a is not authorized",
            "retry_after_seconds": null, "request_id": "r-1",
        }})
    }

    fn journaled() -> Value {
        let image = std::fs::read(IMAGE).expect("the image is part of the corpus");
        json!([{"request_id": "r-1", "status": 403, "error_code": "AccessDeniedException",
                "decision": "implicitDeny", "body": {"bytes": image.len(), "sha256": sha256_hex(&image)}}])
    }

    /// Judges a denial after `change` was applied to the client's report and to the journal
    #[track_caller]
    fn check(change: impl Fn(&mut Value, &mut Value), expected: &[&str]) {
        let expectation: Expectation = serde_json::from_value(json!({
            "sees": {"refusal": {"exception": "AccessDeniedException", "modelled": true, "status": 403,
                                 "message": "User: * is not authorized"}},
            "attempts": 1,
            "journal": {"decision": "implicitDeny"},
        }))
        .expect("the expectation is written as in the corpus");
        let (mut seen, mut journal) = (denied(), journaled());
        change(&mut seen, &mut journal);
        let seen: Outcome = serde_json::from_value(seen).expect("the outcome is written as drivers write it");
        let journal: Vec<Entry> = serde_json::from_value(journal).expect("the journal is a list of entries");
        let complaints = complaints(&expectation, &inputs(), &seen, &journal);
        assert_eq!(complaints.len(), expected.len(), "{complaints:?}");
        for (complaint, expected) in complaints.iter().zip(expected) {
            assert!(
                complaint.starts_with(expected),
                "`{complaint}` is not about `{expected}`"
            );
        }
    }

    #[test]
    fn all_as_expected_is_not_complained_of() {
        check(|_, _| {}, &[]);
    }

    #[test]
    fn an_exception_without_its_type_is_found() {
        check(
            |seen, _| seen["refusal"]["typed"] = json!(false),
            &["raised as the type of the API model"],
        );
    }

    #[test]
    fn another_text_is_found() {
        check(|seen, _| seen["refusal"]["message"] = json!(""), &["message"]);
    }

    #[test]
    fn a_request_id_that_is_not_the_journals_is_found() {
        check(
            |seen, _| seen["refusal"]["request_id"] = json!("r-2"),
            &["the client's request id"],
        );
    }

    #[test]
    fn an_attempt_too_many_is_found() {
        check(
            |_, journal| {
                let again = journal[0].clone();
                journal.as_array_mut().expect("the journal is a list").push(again);
            },
            &["requests in the journal"],
        );
    }

    #[test]
    fn a_journal_that_tells_another_story_is_found() {
        check(
            |_, journal| {
                journal[0]["status"] = json!(200);
                journal[0]["decision"] = json!("allowed");
                journal[0]["body"]["sha256"] = json!("");
            },
            &[
                "journal: status",
                "journal: decision",
                "journal: hash of the body",
            ],
        );
    }

    #[test]
    fn a_result_in_place_of_a_denial_is_found() {
        check(
            |seen, _| *seen = json!({"unreachable": {"detail": "connection refused"}}),
            &["expected Refusal"],
        );
    }
}
