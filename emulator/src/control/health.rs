//! Whether the emulator is there, and how it is set

use jiff::Timestamp;
use serde::Serialize;

use super::{Answer, json_answer, modes::Modes};
use crate::{clock::ClockSetting, state::Shared};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    modes: Modes,
    clock: ClockSetting,
    ca: Ca,
    journal: JournalHealth,
}

#[derive(Serialize)]
struct Ca {
    fingerprint_sha256: String,
    not_after: Timestamp,
}

#[derive(Serialize)]
struct JournalHealth {
    entries: usize,
    evicted: u64,
}

pub(super) fn health(shared: &Shared) -> Answer {
    let (entries, evicted) = shared.journal.counts();
    json_answer(&Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: shared.started.elapsed().as_secs(),
        modes: Modes::of(&shared.snapshot()),
        clock: shared.clock.setting(),
        ca: Ca {
            fingerprint_sha256: shared.authority.fingerprint_sha256().to_string(),
            not_after: shared.authority.not_after(),
        },
        journal: JournalHealth { entries, evicted },
    })
}
