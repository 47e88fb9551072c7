//! `limits`: every limit of a running emulator, how near it is, and when it was reached.
//!
//! ```text
//! $ lookoutvision-emulator limits
//! journal_entries_max  10000 of 10000  reached 377 times, last 2026-01-02T03:04:05.678901Z
//! connections_max      3 of 1024       not reached
//! …
//! ```

use std::cmp::Reverse;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    EXIT_OK,
    control_client::{ControlError, ControlUrlOption},
    format::{Format, FormatOption},
    output,
};

/// Options of `limits`
#[derive(Debug, Args)]
pub(super) struct LimitsOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    #[command(flatten)]
    format: FormatOption,
}

pub(super) fn run(options: &LimitsOptions) -> u8 {
    match listed(options) {
        Ok(text) => output::status(output::print(&text), EXIT_OK),
        Err(error) => {
            report!("{error}");
            error.exit_code()
        }
    }
}

fn listed(options: &LimitsOptions) -> Result<Vec<u8>, ControlError> {
    let control = options.control.client()?;
    let answer = control.get("/limits")?;
    if options.format.format == Format::Json {
        return Ok(answer.to_vec());
    }
    let limits: Vec<Value> = serde_json::from_slice(&answer).map_err(|error| {
        ControlError::Refused(format!("{} answered no list of limits: {error}", control.url()))
    })?;
    Ok(table(limits).into_bytes())
}

/// A line for each limit: those that were reached come first, the most recently reached at the top
fn table(mut limits: Vec<Value>) -> String {
    let last_reached = |limit: &Value| limit["last_reached"].as_str()?.parse::<Timestamp>().ok();
    limits.sort_by_key(|limit| Reverse(last_reached(limit)));
    let rows: Vec<[String; 3]> = limits
        .iter()
        .map(|limit| {
            let (value, name) = (&limit["value"], limit["name"].as_str().unwrap_or_default());
            let used = match &limit["used"] {
                Value::Null => value.to_string(),
                used => format!("{used} of {value}"),
            };
            let reached = match (&limit["reached"], limit["last_reached"].as_str()) {
                (Value::Null, _) => "",
                (times, Some(last)) if *times == 1 => &format!("reached once, {last}"),
                (times, Some(last)) => &format!("reached {times} times, last {last}"),
                (_, None) => "not reached",
            };
            [name.to_owned(), used, reached.to_owned()]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (name_width, used_width) = (width(0), width(1));
    let lines = rows.iter().map(|[name, used, reached]| {
        let line = format!("{name:name_width$}  {used:used_width$}  {reached}");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_that_were_reached_come_first() {
        let limit = |name: &str, used: Value, reached: Value, last: Value| json!({"name": name, "value": 64, "used": used, "reached": reached, "last_reached": last});
        let limits = vec![
            limit("headers_max", json!(null), json!(0), json!(null)),
            limit("tls_sessions_max", json!(null), json!(null), json!(null)),
            limit(
                "connections_max",
                json!(3),
                json!(1),
                json!("2026-01-02T03:04:05.1Z"),
            ),
            limit(
                "journal_entries_max",
                json!(64),
                json!(7),
                json!("2026-01-02T03:04:06.1Z"),
            ),
        ];
        assert_eq!(
            table(limits),
            "journal_entries_max  64 of 64  reached 7 times, last 2026-01-02T03:04:06.1Z\n\
             connections_max      3 of 64   reached once, 2026-01-02T03:04:05.1Z\n\
             headers_max          64        not reached\n\
             tls_sessions_max     64\n"
        );
    }
}
