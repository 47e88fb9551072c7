//! The emulator itself: whether it is there, what it has to say, what it refused last.

use serde_json::Value;

use super::surroundings::Surroundings;
use crate::{cli::requests::line::fault, control::diagnosis::Finding};

/// Whether an emulator answers
pub(super) fn control(surroundings: &Surroundings) -> Vec<Finding> {
    vec![match &surroundings.control {
        Ok(answers) => Finding::ok(
            "control",
            format!(
                "{} answers: lookoutvision-emulator {}",
                answers.url, answers.version
            ),
        ),
        Err(error) => Finding::problem("control", error.clone()).cure(
            "without it only this side can be looked at: start an emulator, or name it with `--control URL`",
        ),
    }]
}

/// What the emulator sees from its side
pub(super) fn server_side(surroundings: &Surroundings) -> Vec<Finding> {
    let answers = surroundings.control.as_ref().ok();
    answers
        .map(|answers| answers.findings.clone())
        .unwrap_or_default()
}

/// The last refusals, one line each, the newest last
pub(super) fn refusals(surroundings: &Surroundings) -> Vec<Finding> {
    let Ok(answers) = &surroundings.control else {
        return Vec::new();
    };
    let is_refused = |request: &&Value| match request["status"].as_u64() {
        Some(status) => status >= 400,
        // A client that hangs up was not refused; one whose connection was cut by a fault was.
        None => request["fault"].is_string(),
    };
    let mut refused: Vec<&Value> = answers
        .requests
        .iter()
        .filter(is_refused)
        .take(REFUSALS_MAX)
        .collect();
    if refused.is_empty() {
        let message = match answers.requests.len() {
            0 => "no request has arrived yet".to_owned(),
            requests => format!("none of the last {requests} requests was refused"),
        };
        return vec![Finding::ok("refusals", message)];
    }
    refused.reverse();
    refused
        .into_iter()
        .map(|request| {
            Finding::warning("refusals", line(request)).cure(format!(
                "`lookoutvision-emulator requests explain REQUEST_ID --control {}` tells of a denial which changes of the \
                 policies would let it through",
                answers.url
            ))
        })
        .collect()
}

fn line(request: &Value) -> String {
    let text = |member: &str| request[member].as_str().unwrap_or("-").to_owned();
    // An error that a rule answers with comes after policies have allowed the call.
    let members: &[&str] = match request["decision"].as_str() {
        Some("allowed") => &["message"],
        _ => &["summary", "message"],
    };
    let why = members
        .iter()
        .find_map(|member| request[member].as_str())
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    let status = match request["status"].as_u64() {
        Some(status) => format!("{status} {}", text("error_code")),
        None => "broken off".to_owned(),
    };
    format!(
        "{} {} {} by {} in {}, {status}{why}{}",
        text("time"),
        text("request_id"),
        text("operation"),
        request["principal"]
            .as_str()
            .or(request["access_key_id"].as_str())
            .unwrap_or("nobody known"),
        request["entry_point"]["vpc_endpoint_id"]
            .as_str()
            .unwrap_or("no endpoint"),
        fault(request),
    )
}

const REFUSALS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    #[test]
    fn an_emulator_that_is_not_there_is_a_problem_and_the_rest_goes_on() {
        let mut around = surroundings(&[]);
        around.control = Err("no emulator answers".to_owned());
        let found = control(&around);
        assert_eq!(found[0].status, Status::Problem);
        assert!(server_side(&around).is_empty());
        assert!(refusals(&around).is_empty());
    }

    #[test]
    fn a_refusal_is_one_line_whatever_the_client_has_sent() {
        let mut around = surroundings(&[]);
        let answers = around.control.as_mut().expect("it answers");
        answers.requests =
            vec![json!({"status": 403, "access_key_id": "AK\u{1b}[2J\u{202e}", "message": "one\ntwo"})];
        let found = refusals(&around);
        assert_eq!(
            found[0].message,
            r"- - - by AK\u{1b}[2J\u{202e} in no endpoint, 403 -: one\ntwo"
        );
    }

    #[test]
    fn the_last_ten_refusals_are_told_the_newest_last() {
        let mut around = surroundings(&[]);
        let answers = around.control.as_mut().expect("it answers");
        answers.requests = (0..30)
            .map(|number| {
                json!({
                    "time": "2026-01-02T03:04:05Z", "request_id": format!("r{number}"), "operation": "DetectAnomalies",
                    "principal": "arn:aws:iam::123456789012:user/test", "status": if number % 2 == 0 { 403 } else { 200 },
                    "error_code": "AccessDeniedException", "entry_point": {"vpc_endpoint_id": "vpce-1"},
                    "summary": "implicit deny",
                })
            })
            .collect();
        let found = refusals(&around);
        assert_eq!(found.len(), 10);
        assert_eq!(
            found[9].message,
            "2026-01-02T03:04:05Z r0 DetectAnomalies by arn:aws:iam::123456789012:user/test in vpce-1, 403 \
             AccessDeniedException: implicit deny"
        );
        assert!(found[0].message.contains(" r18 "), "{:?}", found[0]);
    }
}
