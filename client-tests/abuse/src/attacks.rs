//! One file for each attack.

use crate::{
    Context, Report,
    client::Target,
    emulator::{Emulator, Home},
};

mod corruption;
mod disk_full;
mod framing;
mod fuzz_http1;
mod fuzz_http2;
mod fuzz_tls;
mod kill;
mod ledger;
mod signatures;
mod slow;
mod soak;
mod starvation;

/// An attack
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Signed calls with one thing changed
    Signatures,
    /// Requests whose end or meaning two readers could see differently
    Framing,
    /// Bytes that are no TLS, before and after the handshake
    FuzzTls,
    /// Damaged heads, and damaged bodies with a good signature
    FuzzHttp1,
    /// Damaged frames, and floods of good ones
    FuzzHttp2,
    /// Thousands of connections that say next to nothing
    Slow,
    /// Uploads that stand still
    Starvation,
    /// `kill -9` in the middle of changes
    Kill,
    /// A state file that has no room to grow
    DiskFull,
    /// A state file with other bytes than were written
    Corruption,
    /// Good calls of every kind
    Soak,
}

impl Attack {
    /// In the order in which they run
    pub const ALL: [Self; 11] = [
        Self::Signatures,
        Self::Framing,
        Self::FuzzTls,
        Self::FuzzHttp1,
        Self::FuzzHttp2,
        Self::Slow,
        Self::Starvation,
        Self::Kill,
        Self::DiskFull,
        Self::Corruption,
        Self::Soak,
    ];

    /// The name on the command line and in the table
    pub fn name(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::Framing => "framing",
            Self::FuzzTls => "fuzz-tls",
            Self::FuzzHttp1 => "fuzz-http1",
            Self::FuzzHttp2 => "fuzz-http2",
            Self::Slow => "slow",
            Self::Starvation => "starvation",
            Self::Kill => "kill",
            Self::DiskFull => "disk-full",
            Self::Corruption => "corruption",
            Self::Soak => "soak",
        }
    }

    /// Its share of the time, in percent; the soak gets what the others leave
    pub fn percent(self) -> u32 {
        match self {
            Self::Framing | Self::FuzzTls | Self::DiskFull => 6,
            Self::FuzzHttp2 | Self::Corruption => 10,
            Self::Signatures | Self::FuzzHttp1 | Self::Slow | Self::Starvation | Self::Kill => 10,
            Self::Soak => 12,
        }
    }

    /// Attacks until the time is up, and returns what was seen
    pub async fn run(self, context: &Context) -> Report {
        let outcome = match self {
            Self::Signatures => signatures::run(context).await,
            Self::Framing => framing::run(context).await,
            Self::FuzzTls => fuzz_tls::run(context).await,
            Self::FuzzHttp1 => fuzz_http1::run(context).await,
            Self::FuzzHttp2 => fuzz_http2::run(context).await,
            Self::Slow => slow::run(context).await,
            Self::Starvation => starvation::run(context).await,
            Self::Kill => kill::run(context).await,
            Self::DiskFull => disk_full::run(context).await,
            Self::Corruption => corruption::run(context).await,
            Self::Soak => soak::run(context).await,
        };
        outcome.unwrap_or_else(|sentence| {
            let mut report = Report::default();
            report.fail(sentence);
            report
        })
    }
}

/// Runs an attack against an emulator with this configuration, and then checks the state of the emulator
async fn against(
    context: &Context,
    config: &str,
    attack: impl AsyncFnOnce(&Emulator) -> Report,
) -> Result<Report, String> {
    let home = Home::new(context, config)?;
    let emulator = home.start().await?;
    let mut report = attack(&emulator).await;
    emulator.finish(&mut report).await;
    Ok(report)
}

/// Runs this many workers at the same time and merges their reports
async fn side_by_side<W>(
    context: &Context,
    target: &Target,
    workers: usize,
    work: impl Fn(Context, Target, usize) -> W,
) -> Report
where
    W: Future<Output = Report> + Send + 'static,
{
    let tasks: Vec<_> = (0..workers)
        .map(|worker| tokio::spawn(work(context.clone(), target.clone(), worker)))
        .collect();
    let mut report = Report::default();
    for task in tasks {
        match task.await {
            Ok(of_worker) => report.merge(of_worker),
            Err(error) => report.fail(format!("a worker of the attack itself failed: {error}")),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn an_emulator_that_does_not_start_is_reported_by_every_attack() {
        for attack in Attack::ALL {
            let context = Context {
                program: "/bin/false".into(),
                seed: 1,
                attack: attack.name(),
                until: Instant::now(),
            };
            let report = attack.run(&context).await;
            assert!(!report.has_held(), "{}: {report:?}", attack.name());
        }
    }

    #[test]
    fn the_parts_are_the_whole() {
        assert_eq!(
            Attack::ALL.iter().map(|attack| attack.percent()).sum::<u32>(),
            100
        );
    }
}
