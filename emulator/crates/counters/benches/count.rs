//! What it costs to count one request as the emulator does: `cargo bench -p counters`.
//!
//! `request` counts into three groups, a histogram and a second. A request of 1 KB takes some 24 microseconds of
//! processor time (`emulator/docs/speed.md`), so 480 nanoseconds are 2 percent of it.

use std::time::Duration;

use counters::{Groups, Histogram, Key, Kind, Seconds};

fn main() {
    divan::main();
}

/// A key as long as the one that the emulator groups calls by
#[derive(Hash)]
struct Group<'t> {
    operation: u16,
    principal: &'t str,
    status: u16,
    rule: &'t str,
}

impl Key for Group<'_> {
    type Kept = (u16, String, u16, String);

    fn is(&self, kept: &Self::Kept) -> bool {
        (self.operation, self.status) == (kept.0, kept.2) && self.principal == kept.1 && self.rule == kept.3
    }

    fn keep(&self) -> Self::Kept {
        (
            self.operation,
            self.principal.to_owned(),
            self.status,
            self.rule.to_owned(),
        )
    }
}

const GROUP: Group<'_> = Group {
    operation: 7,
    principal: "arn:aws:iam::123456789012:user/test",
    status: 200,
    rule: "model.detect_anomalies[0]",
};

#[divan::bench(threads = [1, 2, 8])]
fn request(bencher: divan::Bencher) {
    let (answers, rules, calls) = (Groups::new(1_000), Groups::new(1_000), Groups::new(1_000));
    let (durations, seconds) = (Histogram::default(), Seconds::new(1_200));
    let duration = Duration::from_micros(300);
    bencher.bench(|| {
        answers.count(&GROUP.status);
        rules.count(GROUP.rule);
        calls.count(&GROUP);
        durations.record(duration);
        seconds.record(17, Kind::Answered, duration);
    });
}

#[divan::bench(threads = [1, 2, 8])]
fn group(bencher: divan::Bencher) {
    let calls = Groups::new(1_000);
    bencher.bench(|| calls.count(&GROUP));
}

#[divan::bench(threads = [1, 2, 8])]
fn histogram(bencher: divan::Bencher) {
    let durations = Histogram::default();
    bencher.bench(|| durations.record(Duration::from_micros(300)));
}
