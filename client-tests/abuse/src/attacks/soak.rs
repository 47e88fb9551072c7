//! Good calls of every kind, as long as there is time: all are answered, and memory stays flat.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{against, side_by_side};
use crate::{
    Context, Report,
    call::{Call, PNG, Signed},
    client::{PATIENCE, Target, Tls, exchange},
    emulator::Emulator,
    http2,
    table::grouped,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    // The journal is soon full, so that any further growth is not the journal's.
    let config = "http2: true\nlimits: {journal_bytes_max: 1048576}\n";
    against(context, config, async |emulator| {
        let (mut report, samples) =
            tokio::join!(attack(context, &emulator.target), watch_memory(context, emulator));
        match samples.and_then(|samples| judge_memory(&samples)) {
            Ok(text) => report.load = format!("{}; {text}", report.load),
            Err(sentence) => report.fail(sentence),
        }
        report
    })
    .await
}

async fn attack(context: &Context, target: &Target) -> Report {
    let mut report = side_by_side(context, target, WORKERS, |context, target, worker| async move {
        Worker {
            context,
            target,
            worker,
            kept: None,
        }
        .work()
        .await
    })
    .await;
    report.load = report.good_calls_text();
    report
}

struct Worker {
    context: Context,
    target: Target,
    worker: usize,
    kept: Option<Tls>,
}

impl Worker {
    async fn work(mut self) -> Report {
        let mut report = Report::default();
        for round in 0.. {
            for call in self.calls(round) {
                let outcome = match timeout(PATIENCE, self.ask(&call, round)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err("no answer".to_owned()),
                };
                report.good_call(outcome.map_err(|sentence| {
                    format!(
                        "worker {}, round {round}: {} {}: {sentence}",
                        self.worker, call.method, call.target
                    )
                }));
            }
            if round % 50 == 0 {
                report.good_call(self.read_journal().await);
            }
            if !self.context.has_time() {
                break;
            }
        }
        report
    }

    /// Calls that change nothing in the end
    fn calls(&self, round: u64) -> Vec<Signed> {
        let mut choices = self.context.choices(self.worker, round);
        let name = format!("p-{}-{round}", self.worker);
        let calls = match choices.u8(..10) {
            0 => vec![
                Call::create_project(&name),
                Call::create_dataset(&name),
                Call::delete(&format!("/projects/{name}/datasets/train")),
                Call::delete(&format!("/projects/{name}")),
            ],
            1 => vec![Call::query("ec2", "DescribeVpcEndpoints", &[])],
            2 => vec![Call::query("sts", "GetCallerIdentity", &[])],
            3 => vec![
                Call::get("/projects?maxResults=100"),
                Call::get("/projects/myProject"),
            ],
            4 => vec![Call::post(
                "/2020-11-20/projects/myProject/models/1/detect",
                "image/png",
                PNG.to_vec(),
            )],
            5 => return vec![Call::get("/projects/myProject/models").presign()],
            6 => vec![Call::json(
                "POST",
                "/projects/myProject/models/1/start",
                &json!({"MinInferenceUnits": 1}),
            )],
            _ => vec![Call::detect()],
        };
        // The model is started and not stopped: a hosted model stays hosted, and can be started with any number of
        // units.
        calls.iter().map(Call::sign).collect()
    }

    /// Sends a call over the kept connection, a new one, or HTTP/2
    async fn ask(&mut self, call: &Signed, round: u64) -> Result<Duration, String> {
        let began = Instant::now();
        let work = async {
            if round % 8 == 7 && !call.target.ends_with("/start") && call.method != "DELETE" {
                return http2::ask(&self.target, call).await;
            }
            let mut stream = match self.kept.take() {
                Some(stream) if round % 8 != 6 => stream,
                _ => self.target.connect().await?,
            };
            let answer = exchange(&mut stream, &call.to_http1()).await?;
            if !answer.is_last {
                self.kept = Some(stream);
            }
            Ok(answer.status)
        };
        match work.await.map_err(|error: std::io::Error| error.to_string())? {
            200..=299 => Ok(began.elapsed()),
            // A hosted model cannot be started again, which is an answer of the service.
            409 if call.target.ends_with("/start") => Ok(began.elapsed()),
            status => Err(format!("{status}")),
        }
    }

    async fn read_journal(&self) -> Result<Duration, String> {
        let began = Instant::now();
        let answer = self
            .target
            .control("GET", "/requests?limit=100&order=newest", "")
            .await?;
        match serde_json::from_slice::<Vec<serde_json::Value>>(&answer.body) {
            Ok(entries) if answer.status == 200 && !entries.is_empty() => Ok(began.elapsed()),
            _ => Err(format!("GET /requests: {}", answer.status)),
        }
    }
}

async fn watch_memory(context: &Context, emulator: &Emulator) -> Result<Vec<u64>, String> {
    let mut samples = Vec::new();
    while context.has_time() {
        samples.push(emulator.memory()?);
        sleep(SAMPLES_EVERY.min(context.time_left())).await;
    }
    samples.push(emulator.memory()?);
    context.tell(&format!("{} samples of its memory", samples.len()));
    Ok(samples)
}

/// Checks that memory does not grow after the first third, in which caches and the journal fill
fn judge_memory(samples: &[u64]) -> Result<String, String> {
    let most = |samples: &[u64]| samples.iter().max().copied().unwrap_or_default();
    let third = samples.len().div_ceil(3);
    let (middle, last) = (
        most(&samples[third.min(samples.len() - 1)..(2 * third).clamp(1, samples.len())]),
        most(&samples[samples.len() - third..]),
    );
    let before = if middle == 0 {
        most(&samples[..third])
    } else {
        middle
    };
    if last > before + before / 10 + GROWTH_BYTES_MAX {
        return Err(format!(
            "memory grows: {} MiB at first, {} MiB at the end",
            before >> 20,
            last >> 20
        ));
    }
    Ok(format!("{} MiB in memory", grouped(last >> 20)))
}

const WORKERS: usize = 6;
const SAMPLES_EVERY: Duration = Duration::from_millis(250);
/// What the allocator may need for connections that happen to be open
const GROWTH_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    const MEBIBYTE: u64 = 1 << 20;

    #[test]
    fn memory_that_grows_is_a_failure() {
        let flat: Vec<u64> = (0..90).map(|index| (20 + (index % 3)) * MEBIBYTE).collect();
        assert!(judge_memory(&flat).is_ok());
        let filling: Vec<u64> = (0..90).map(|index| 20.min(index) * MEBIBYTE).collect();
        assert!(judge_memory(&filling).is_ok());
        let growing: Vec<u64> = (0..90).map(|index| (20 + index) * MEBIBYTE).collect();
        assert!(judge_memory(&growing).is_err());
        assert!(judge_memory(&[MEBIBYTE]).is_ok());
        assert!(judge_memory(&[MEBIBYTE, MEBIBYTE]).is_ok());
    }

    #[tokio::test]
    async fn a_server_that_has_no_room_is_reported() {
        let stub = stub::has_no_room("soak").await;
        let report = attack(&stub.context, &stub.target).await;
        assert!(report.lost > 0, "{report:?}");
    }
}
