//! `GET /metrics`: what a Prometheus server reads (OpenMetrics 1.0).
//!
//! Names and labels are fixed: a label holds a name of the model or of the configuration, a status or a code, and what is
//! beyond `limits.metric_series_max` is counted as `other`. Everything is counted elsewhere, and only written here.

use std::{fmt, sync::Arc, time::Duration};

use axum::extract::State;
use counters::{Distribution, Groups};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::answer::{Answer, bytes_answer};
use crate::{journal::RuleOfModel, network::host_name::EmulatedService, runtime::Shared};

/// Counts and durations since the start, for Prometheus
///
/// `POST /reset` leaves them as they are: counters only rise.
#[utoipa::path(
    get, path = "/metrics", tag = "journal",
    responses((status = 200, content((String = "application/openmetrics-text"))))
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Metrics(shared)));
    let mut written = String::new();
    text::encode(&mut written, &registry).expect("a String takes everything");
    bytes_answer(CONTENT_TYPE, written)
}

/// What the emulator has counted
struct Metrics(Arc<Shared>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shared = &*self.0;
        requests(shared, &mut encoder)?;
        let counters = &shared.space.journal.counters;
        let help = "Refusals by the code of the answer";
        names("refused", help, "error_code", counters.refusals(), &mut encoder)?;
        let help = "Requests that a fault met, by its name";
        names("faults", help, "name", counters.faults(), &mut encoder)?;
        rules(counters.rules(), &mut encoder)?;

        let mut connections = encoder.encode_descriptor(
            "connections",
            "Open connections to the AWS API",
            None,
            MetricType::Gauge,
        )?;
        connections.encode_gauge(&integer(shared.unheard.open() as u64))?;
        let help = "TLS handshakes by outcome";
        let mut handshakes = encoder.encode_descriptor("handshakes", help, None, MetricType::Counter)?;
        for (outcome, count) in shared.handshakes.counts() {
            counter(&mut handshakes, &[("outcome", outcome)], count)?;
        }
        let (entries, evicted) = shared.space.journal.counts();
        let help = "Entries of the journal";
        let mut gauge = encoder.encode_descriptor("journal_entries", help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&integer(entries as u64))?;
        let help = "Entries that the limits of the journal have pushed out since it was cleared";
        let mut total = encoder.encode_descriptor("journal_evicted", help, None, MetricType::Counter)?;
        total.encode_counter::<NoLabelSet, _, u64>(&evicted, None)?;
        let help = "Seconds that a change took to be in the state file";
        let mut commits =
            encoder.encode_descriptor("state_commit_seconds", help, None, MetricType::Histogram)?;
        histogram(&mut commits, &shared.space.service.commit_durations())?;
        let mut info =
            encoder.encode_descriptor("build", "Which emulator this is", None, MetricType::Info)?;
        info.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }
}

/// How requests ended, and how long they took
fn requests(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counters = &shared.space.journal.counters;
    let help = "Requests by service, operation, status of the answer and decision of the policies";
    let mut total = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
    let (answers, rest) = counters.answers();
    let answers = answers.map(|(answer, operation, count)| {
        let status = answer.status.map(|status| status.to_string());
        let status = status.unwrap_or_else(|| NONE.to_owned());
        let service = answer.service.map_or(NONE, EmulatedService::signing_name);
        let decision = answer.decision.unwrap_or(NONE);
        (service, operation.unwrap_or(OTHER), status, decision, count)
    });
    let mut answers: Vec<_> = answers.collect();
    answers.sort_unstable();
    for (service, operation, status, decision, count) in &answers {
        let labels = [
            ("service", *service),
            ("operation", operation),
            ("status", status),
            ("decision", decision),
        ];
        counter(&mut total, &labels, *count)?;
    }
    if rest > 0 {
        let labels = ["service", "operation", "status", "decision"].map(|label| (label, OTHER));
        counter(&mut total, &labels, rest)?;
    }
    let help = "Seconds from the end of a request's head to its answer";
    let mut seconds = encoder.encode_descriptor("request_seconds", help, None, MetricType::Histogram)?;
    for (operation, durations) in counters.durations() {
        let labels = [("operation", operation.unwrap_or(OTHER))];
        histogram(&mut seconds.encode_family(&labels)?, &durations)?;
    }
    Ok(())
}

/// Which rules answered
fn rules(rules: &Groups<RuleOfModel<Box<str>>>, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Answers of DetectAnomalies by the rule that gave them";
    let mut total = encoder.encode_descriptor("rules", help, None, MetricType::Counter)?;
    let mut answered: Vec<_> = rules.iter().collect();
    answered.sort_unstable();
    for (
        RuleOfModel {
            project,
            model_version,
            rule,
        },
        count,
    ) in answered
    {
        counter(&mut total, &labels_of_rule(project, model_version, rule), count)?;
    }
    match rules.rest() {
        0 => Ok(()),
        rest => counter(&mut total, &labels_of_rule(OTHER, OTHER, OTHER), rest),
    }
}

fn labels_of_rule<'l>(
    project: &'l str,
    model_version: &'l str,
    rule: &'l str,
) -> [(&'static str, &'l str); 3] {
    [
        ("project", project),
        ("model_version", model_version),
        ("rule", rule),
    ]
}

/// A counter with one label
fn names(
    metric: &str,
    help: &str,
    label: &'static str,
    counts: &Groups<Box<str>>,
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let mut total = encoder.encode_descriptor(metric, help, None, MetricType::Counter)?;
    let mut named: Vec<_> = counts.iter().collect();
    named.sort_unstable();
    for (name, count) in named {
        counter(&mut total, &[(label, &**name)], count)?;
    }
    match counts.rest() {
        0 => Ok(()),
        rest => counter(&mut total, &[(label, OTHER)], rest),
    }
}

fn counter(metric: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, count: u64) -> fmt::Result {
    let mut one = metric.encode_family(labels)?;
    one.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

fn histogram(metric: &mut MetricEncoder<'_>, durations: &Distribution) -> fmt::Result {
    let bound = |bound: Option<Duration>| bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64());
    let buckets = durations.buckets().map(|(upper, count)| (bound(upper), count));
    let buckets: Vec<(f64, u64)> = buckets.collect();
    metric.encode_histogram::<NoLabelSet>(durations.sum().as_secs_f64(), durations.count(), &buckets, None)
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What every name begins with
const PREFIX: &str = "lookoutvision_emulator";
/// What has no place of its own: an operation that no service has, or what is beyond `limits.metric_series_max`
const OTHER: &str = "other";
/// A request without a service, a status, or a decision
const NONE: &str = "none";
/// OpenMetrics 1.0, *Protocol negotiation*
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
