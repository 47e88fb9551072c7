//! The measurements, as tables that can be pasted into a page.

use std::{fmt::Write as _, time::Duration};

use crate::{Pair, Sample, process::emulator_program};

/// The rounds of one workload
#[derive(Debug, Clone)]
pub(crate) struct Row {
    name: &'static str,
    pub(crate) samples: Pair<Vec<Sample>>,
    /// Of an emulator that logs only refused requests, where that is measured
    pub(crate) quiet: Vec<Sample>,
}

/// Start and memory of one server
#[derive(Debug, Clone, Default)]
pub(crate) struct Footing {
    /// From the start of the process to the end of the first answer
    pub(crate) start: Vec<Duration>,
    /// In bytes, after the first answer
    pub(crate) at_rest: Vec<u64>,
    /// In bytes, after a few large requests on each of some connections
    pub(crate) peak: Vec<u64>,
    /// In bytes, after all rounds
    pub(crate) peak_of_all: Vec<u64>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            samples: Pair::default(),
            quiet: Vec::new(),
        }
    }

    /// The ratio of each round of an emulator, and of those the median; 1 is as good as the limit
    fn ratio(&self, emulator: &[Sample]) -> f64 {
        let rounds = self.samples.limit.iter().zip(emulator);
        let mut ratios = rounds
            .map(|(limit, emulator)| {
                limit.server_time_per_request.as_secs_f64() / emulator.server_time_per_request.as_secs_f64()
            })
            .collect::<Vec<_>>();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    fn microseconds(samples: &[Sample], of: impl Fn(&Sample) -> Duration) -> String {
        let microseconds = median(&mut samples.iter().map(of).collect::<Vec<_>>()).as_secs_f64() * 1e6;
        format!("{microseconds:.1}")
    }
}

pub(crate) fn load_table(rows: &[Row]) -> String {
    let mut lines = vec![
        [
            "",
            "CPU of the limit",
            "of the emulator",
            "ratio",
            "refusals logged",
            "ratio",
            "p50 of the limit",
            "of the emulator",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for row in rows {
        let Pair { limit, emulator } = &row.samples;
        lines.push(vec![
            row.name.to_owned(),
            Row::microseconds(limit, |sample| sample.server_time_per_request) + " us",
            Row::microseconds(emulator, |sample| sample.server_time_per_request) + " us",
            format!("{:.2}", row.ratio(emulator)),
            Row::microseconds(&row.quiet, |sample| sample.server_time_per_request) + " us",
            format!("{:.2}", row.ratio(&row.quiet)),
            Row::microseconds(limit, |sample| sample.latency) + " us",
            Row::microseconds(emulator, |sample| sample.latency) + " us",
        ]);
    }
    table(&lines)
}

/// The cost of looking for a fault, with one and without
pub(crate) fn faults_line(row: &Row) -> String {
    let Pair {
        limit: without,
        emulator: with,
    } = &row.samples;
    format!(
        "{}: {} us without faults, {} us with one that no call matches, ratio {:.3}.",
        row.name,
        Row::microseconds(without, |sample| sample.server_time_per_request),
        Row::microseconds(with, |sample| sample.server_time_per_request),
        row.ratio(with)
    )
}

pub(crate) fn footing_table(footing: &Pair<Footing>) -> String {
    let Pair { limit, emulator } = footing;
    let mebibytes = |sizes: &[u64]| format!("{:.1} MiB", median(&mut sizes.to_vec()) as f64 / MEBIBYTE);
    let milliseconds = |times: &[Duration]| {
        let median = median(&mut times.to_vec());
        format!("{:.1} ms", median.as_secs_f64() * 1e3)
    };
    let line = |name: &str, limit: String, emulator: String| vec![name.to_owned(), limit, emulator];
    let program = std::fs::metadata(emulator_program()).map_or(0, |metadata| metadata.len());
    table(&[
        line("", "limit".to_owned(), "emulator".to_owned()),
        line(
            "start to first answer",
            milliseconds(&limit.start),
            milliseconds(&emulator.start),
        ),
        line(
            "memory after it",
            mebibytes(&limit.at_rest),
            mebibytes(&emulator.at_rest),
        ),
        line(
            "peak, 8 connections of 100 KB",
            mebibytes(&limit.peak),
            mebibytes(&emulator.peak),
        ),
        line(
            "peak after all rounds, journal full",
            mebibytes(&limit.peak_of_all),
            mebibytes(&emulator.peak_of_all),
        ),
        line("program as built here", String::new(), mebibytes(&[program])),
    ])
}

/// How far the figures can be trusted
pub(crate) fn noise(rows: &[Row]) -> String {
    let mut shares = rows
        .iter()
        .flat_map(|row| row.samples.limit.iter().chain(&row.samples.emulator))
        .map(|sample| sample.used_by_others)
        .collect::<Vec<_>>();
    shares.sort_by(f64::total_cmp);
    let percent = |share: f64| (share * 100.0).round();
    format!(
        "Others used {} % of the machine (median of the runs; at most {} %). Above 15 %, repeat it on a quieter machine.",
        percent(shares[shares.len() / 2]),
        percent(shares[shares.len() - 1]),
    )
}

/// The median; of an even number of values the upper one. `values` must not be empty.
pub(crate) fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// A Markdown table whose columns are also aligned in the text
fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths = (0..columns)
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0).max(3)
        })
        .collect::<Vec<_>>();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let written = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
            written.expect("a text takes everything");
        }
        text.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let rule = "-".repeat(*width);
                text.push_str(&match column {
                    0 => format!("|-{rule}-"),
                    _ => format!("|-{rule}:"),
                });
            }
            text.push_str("|\n");
        }
    }
    text
}

const MEBIBYTE: f64 = 1024.0 * 1024.0;
