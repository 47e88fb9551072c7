//! `requests counts`: how many requests there were of each group.
//!
//! ```text
//! $ lookoutvision-emulator requests counts --by operation,status
//! 377  DetectAnomalies  200
//!  35  DetectAnomalies  403
//!   2  CreateProject    200
//! 414  requests
//! ```

use clap::Args;
use serde_json::Value;

use super::{CommonOptions, Failure, Format};
use crate::cli::{EXIT_OK, output::print};

/// Options of `requests counts`
#[derive(Debug, Args)]
pub(super) struct CountsOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// What makes a group, with commas between: operation, principal, status, rule, fault
    #[arg(
        long,
        value_name = "MEMBERS",
        default_value = "operation",
        env = "LOOKOUTVISION_EMULATOR_BY"
    )]
    by: String,
}

pub(super) fn run(options: &CountsOptions) -> Result<u8, Failure> {
    let control = options.common.control.client()?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("by", &options.by)
        .finish();
    let answer = control.send(
        http::Method::GET,
        &format!("/requests/counts?{query}"),
        bytes::Bytes::new(),
    )?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer));
    }
    match options.common.format.format {
        Format::Json => print(&answer.body)?,
        Format::Text => {
            let counts: Value = serde_json::from_slice(&answer.body).map_err(|error| {
                Failure::Unknown(format!("{} answered no counts: {error}", control.url()))
            })?;
            print(table(&counts).as_bytes())?
        }
    };
    Ok(EXIT_OK)
}

/// A line for each group, the largest first, and one for all of them; `-` stands for a value that the requests do not
/// have
fn table(counts: &Value) -> String {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let by = list(&counts["by"]);
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => client_text::escape(text).into_owned(),
        other => other.to_string(),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for group in list(&counts["counts"]) {
        let members = by
            .iter()
            .filter_map(Value::as_str)
            .map(|member| cell(&group[member]));
        rows.push([cell(&group["count"])].into_iter().chain(members).collect());
    }
    if counts["rest"] != 0 {
        rows.push(vec![
            cell(&counts["rest"]),
            "of groups beyond limits.counted_groups_max".to_owned(),
        ]);
    }
    rows.push(vec![cell(&counts["total"]), "requests".to_owned()]);
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| row.len() == by.len() + 1);
        cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
    };
    let number_width = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        let mut line = format!("{:>number_width$}", row[0]);
        for (column, cell) in row.iter().enumerate().skip(1) {
            let width = if row.len() == by.len() + 1 {
                width(column)
            } else {
                0
            };
            line += &format!("  {cell:width$}");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_is_aligned_and_ends_with_the_sum() {
        let counts = json!({
            "by": ["operation", "status"],
            "total": 416,
            "counts": [
                {"operation": "DetectAnomalies", "status": 200, "count": 377},
                {"operation": null, "status": 404, "count": 2},
            ],
            "rest": 37,
        });
        assert_eq!(
            table(&counts),
            "377  DetectAnomalies  200\n\
             \x20 2  -                404\n\
             \x2037  of groups beyond limits.counted_groups_max\n\
             416  requests\n"
        );
    }

    #[test]
    fn where_there_was_no_request_only_the_sum_is_told() {
        let counts = json!({"by": ["rule"], "total": 0, "counts": [], "rest": 0});
        assert_eq!(table(&counts), "0  requests\n");
    }
}
