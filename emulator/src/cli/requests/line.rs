//! An entry of the journal on one line: whole for another program, and short enough for the terminal that it is read
//! in.
//!
//! ```text
//! 2026-01-02T03:04:05.678Z 403 DetectAnomalies implicitDeny arn:aws:iam::123456789012:user/test arn:…:model/myProject/2 655d…: implicit deny: …
//! 03:04:05.678 403 DetectAnomalies implicitDeny user/test model/myProject/2 655d…: implicit deny: no VPC …
//! ```

use std::io::IsTerminal;

use jiff::Timestamp;
use serde_json::Value;

/// The number of columns of the terminal on standard output; `None`: it is no terminal, or does not say
pub(super) fn columns_of_terminal() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(&stdout).ok()?.ws_col;
    (columns > 0).then_some(columns.into())
}

/// One entry in one line; `-` stands for what is not known of it
///
/// On a terminal only the parts that tell entries apart are printed: of an instant the time of day, of an ARN its tail.
/// If the columns are still too few, the reason is cut, and the request id is left out, because a part of it would be
/// of no use.
pub(super) fn line(entry: &Value, columns: Option<usize>) -> String {
    let is_denied = entry["decision"]
        .as_str()
        .is_some_and(|decision| decision != "allowed");
    let decision = match &entry["error_code"] {
        Value::String(code) if !is_denied => client_text::escape(code).into_owned(),
        _ => text(&entry["decision"]),
    };
    let why = match is_denied {
        true => &entry["summary"],
        false => &entry["message"],
    };
    let mut why = why
        .as_str()
        .map_or(String::new(), |why| format!(": {}", client_text::escape(why)));
    why.push_str(&fault(entry));
    let (principal, resource) = (text(&entry["principal"]), text(&entry["resource"]));
    let (time, request_id) = (time(&entry["time"]), text(&entry["request_id"]));
    let told = [text(&entry["status"]), text(&entry["operation"]), decision].join(" ");
    let Some(columns) = columns else {
        return format!("{time} {told} {principal} {resource} {request_id}{why}\n");
    };
    let short = format!(
        "{} {told} {} {}",
        time_of_day(&time),
        tail(&principal),
        tail(&resource)
    );
    let with_id = format!("{short} {request_id}");
    let line = match with_id.chars().count() <= columns {
        true => with_id + &why,
        false => short + &why,
    };
    format!("{}\n", cut(&line, columns))
}

/// The fault that made the error, or kept the answer from the client, where the rest of the line does not name it
pub(in crate::cli) fn fault(entry: &Value) -> String {
    let Some(name) = entry["fault"].as_str() else {
        return String::new();
    };
    let is_error = entry["status"].as_u64().is_none_or(|status| status >= 400);
    let message = entry["message"].as_str().unwrap_or_default();
    match is_error && !message.contains(&format!("fault `{name}`")) {
        true => format!(" (fault `{}`)", client_text::escape(name)),
        false => String::new(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => client_text::escape(text).into_owned(),
        other => other.to_string(),
    }
}

/// An instant with the same number of digits on each line; the control API has all its digits
fn time(value: &Value) -> String {
    let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"))
}

/// `03:04:05.678` of `2026-01-02T03:04:05.678Z`
fn time_of_day(time: &str) -> &str {
    let time = time.split_once('T').map_or(time, |(_, time)| time);
    time.trim_end_matches('Z')
}

/// `user/test` of `arn:aws:iam::123456789012:user/test`
fn tail(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// As much of a line as there is room for, with `…` for the rest
fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let kept: String = line.chars().take(columns.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> Value {
        json!({
            "time": "2026-01-02T03:04:05.678901Z",
            "status": 403,
            "operation": "DetectAnomalies",
            "decision": "implicitDeny",
            "error_code": "AccessDeniedException",
            "principal": "arn:aws:iam::123456789012:user/test",
            "resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2",
            "request_id": "655d1c0e-0000-4000-8000-000000000000",
            "summary": "implicit deny: no VPC endpoint policy allows it",
        })
    }

    #[test]
    fn a_program_is_given_the_whole_line() {
        assert_eq!(
            line(&entry(), None),
            "2026-01-02T03:04:05.678Z 403 DetectAnomalies implicitDeny arn:aws:iam::123456789012:user/test \
             arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2 655d1c0e-0000-4000-8000-000000000000: implicit \
             deny: no VPC endpoint policy allows it\n"
        );
    }

    #[test]
    fn a_fault_that_made_the_error_is_named_once() {
        let met = |status: Value, message: &str| {
            line(
                &json!({"status": status, "error_code": "ThrottlingException", "message": message, "fault": "busy"}),
                None,
            )
        };
        assert_eq!(
            met(json!(429), "Rate exceeded"),
            "- 429 - ThrottlingException - - -: Rate exceeded (fault `busy`)\n"
        );
        let told = met(Value::Null, "the fault `busy` reset the connection");
        assert_eq!(told.matches("busy").count(), 1, "{told}");
        assert!(!met(json!(200), "").contains("busy"), "a delay has made no error");
    }

    #[test]
    fn a_terminal_is_given_no_more_than_it_has_columns_for() {
        let short = "03:04:05.678 403 DetectAnomalies implicitDeny user/test model/myProject/2";
        let id = "655d1c0e-0000-4000-8000-000000000000";
        assert_eq!(
            line(&entry(), Some(200)),
            format!("{short} {id}: implicit deny: no VPC endpoint policy allows it\n")
        );
        assert_eq!(line(&entry(), Some(120)), format!("{short} {id}: implici…\n"));
        assert_eq!(line(&entry(), Some(90)), format!("{short}: implicit deny:…\n"));
        for columns in [0, 1, 40, 73, 80, 110, 111, 112] {
            let line = line(&entry(), Some(columns));
            assert!(
                line.trim_end().chars().count() <= columns.max(1),
                "{columns}: {line}"
            );
        }
        assert_eq!(line(&json!({}), Some(80)), "- - - - - - -\n");
    }
}
