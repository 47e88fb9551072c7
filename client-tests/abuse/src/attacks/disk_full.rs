//! A state file that has no room to grow: what is refused is not there; what was acknowledged is, even after a restart.

use super::ledger::Ledger;
use crate::{
    Context, Report,
    emulator::{Home, judge_log},
    table::grouped,
};

pub(super) async fn run(context: &Context) -> Result<Report, String> {
    let mut report = Report::default();
    let (mut acknowledged, mut refused) = (0, 0);
    for round in 0.. {
        let mut choices = context.choices(0, round);
        let mut home = Home::new(context, "state: emulator.state\n")?;
        // The system limits the length of each file; its error is not that of a full disk, but occurs at the same
        // place.
        home.file_blocks_max = Some(choices.u32(BLOCKS));
        let emulator = home.start().await?;
        let mut ledger = Ledger::default();
        for _ in 0..CHANGES_MAX {
            // Lines of 4 KB, so that there is soon no room for more
            if let Err(sentence) = ledger.change(&emulator.target, &mut choices, "p-", 4_000).await {
                report.lose(format!("round {round}: {sentence}"));
                break;
            }
            if ledger.refused >= REFUSALS {
                break;
            }
        }
        if ledger.refused == 0 {
            report.fail(format!("round {round}: the file was never full"));
        }
        // In memory, and on the disk
        ledger.check(&emulator.target, &mut report).await;
        report.good_call(emulator.target.good_call().await);
        emulator.kill().await?;
        judge_log(&home.log(), &mut report);
        home.file_blocks_max = None;
        let emulator = home.start().await?;
        ledger.check(&emulator.target, &mut report).await;
        emulator.finish(&mut report).await;
        report.faults += ledger.refused + 1;
        acknowledged += ledger.acknowledged;
        refused += ledger.refused;
        if !context.has_time() {
            break;
        }
    }
    report.load = format!(
        "{} acknowledged changes, {} refused for want of room",
        grouped(acknowledged),
        grouped(refused)
    );
    Ok(report)
}

/// Of 512 bytes each: more than an empty state file needs
const BLOCKS: std::ops::Range<u32> = 6_000..10_000;
/// Several times as many as such a file has room for
const CHANGES_MAX: usize = 2_000;
/// The refusals after which a round ends
const REFUSALS: u64 = 5;
