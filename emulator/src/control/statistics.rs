//! `GET /statistics` and `GET /requests/counts`: what was counted of every request, whatever the journal still has.

use std::sync::Arc;

use axum::extract::State;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    query::QueryText,
};
use crate::{
    journal::{CountBy, CountByError, Counts, Statistics, StatisticsError, StatisticsQuery},
    runtime::Shared,
};

/// Counts, refusals and durations over time, which no eviction touches
///
/// Steps begin at multiples of their length on the machine's clock, counted from the start; the last one is the present one.
/// Percentiles are upper bounds. `POST /reset` leaves them as they are.
#[utoipa::path(
    get, path = "/statistics", tag = "journal",
    params(
        ("seconds" = Option<u64>, Query, description = "how far back; 1200 unless it is given, `limits.statistics_seconds_max` at most"),
        ("steps" = Option<u64>, Query, description = "how many steps of whole seconds that is cut into, 1440 at most; by default 60, or the next smaller number that cuts it evenly"),
    ),
    responses((status = 200, body = Statistics), (status = 400, description = "`InvalidParameter`"))
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let seconds_max = shared.space.journal.counters.seconds_max();
    let (mut seconds, mut steps) = (None, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let number = || {
            let number = value.parse::<u64>();
            number.map_err(|_| invalid(format!("`{name}`: `{value}` is not a whole number")))
        };
        match &*name {
            "seconds" => seconds = Some(number()?),
            "steps" => steps = Some(number()?),
            _ => return Err(no_parameter(&name, "/statistics", "`seconds` and `steps`")),
        }
    }
    let query = StatisticsQuery::new(seconds, steps, seconds_max)?;
    json_answer(&shared.space.journal.counters.statistics(query))
}

/// How many requests there were of each group, by counters that no eviction touches
///
/// They count from the start, or from the last `POST /reset`; `DELETE /requests` leaves them. `rest` are requests of groups
/// beyond `limits.counted_groups_max`, which are in none of the counts: a group is all requests with the same
/// operation, principal, status, rule and fault.
#[utoipa::path(
    get, path = "/requests/counts", tag = "journal",
    params(
        ("by" = Option<String>, Query, description = "what makes a group: operation, principal, status, rule, fault, with commas between them; operation unless it is given"),
    ),
    responses((status = 200, body = Counts), (status = 400, description = "`InvalidParameter`"))
)]
pub(super) async fn counts(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let mut by = None;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "by" => by = Some(CountBy::parse_list(&value)?),
            _ => return Err(no_parameter(&name, "/requests/counts", "`by`")),
        }
    }
    let by = by.unwrap_or_else(|| vec![CountBy::Operation]);
    json_answer(&shared.space.journal.counters.counts(&by))
}

fn no_parameter(name: &str, route: &str, parameters: &str) -> ControlError {
    invalid(format!(
        "`{name}` is not a parameter of `{route}`; there is {parameters}"
    ))
}

fn invalid(message: String) -> ControlError {
    ControlError::bad_request("InvalidParameter", message)
}

impl From<StatisticsError> for ControlError {
    fn from(error: StatisticsError) -> Self {
        invalid(error.to_string())
    }
}

impl From<CountByError> for ControlError {
    fn from(error: CountByError) -> Self {
        invalid(error.to_string())
    }
}
