//! A journal that was saved, as JSON lines: what `GET /requests` answers to `Accept: application/x-ndjson`, and
//! `requests --format json` prints.

use std::path::Path;

use aws_identifiers::AccountId;
use jiff::Timestamp;

use super::scenes::Alone;
use crate::{
    authorization::PolicyChanges,
    cli::control_command::{Failure, read},
    config::text_file,
    workbench::{EntryMistake, RecordedCall, SavedEntry},
};

/// The calls of a saved journal that came over endpoints and that policies decided
pub(super) struct SavedJournal {
    pub(super) calls: Vec<RecordedCall>,
    /// Calls of which it keeps too little to decide them again
    pub(super) undecidable: u64,
}

impl SavedJournal {
    /// Reads a file, or standard input for `-`
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = text_file::decode(read(path)?)
            .map_err(|error| Failure::Mistake(format!("{}: {error}", path.display())))?;
        let file = path.display().to_string();
        let mistake = |line: usize, mistake: &EntryMistake| {
            Failure::Mistake(client_text::escape(&mistake.told_in(&file, line + 1)).into_owned())
        };
        let mut entries = Vec::new();
        let lines = text.lines().enumerate();
        for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let entry = SavedEntry::read(line).map_err(|found| mistake(number, &found))?;
            entries.extend(entry.map(|entry| (number, entry)));
        }
        let whole = entries.len();
        entries.retain(|(_, entry)| entry.is_whole());
        let undecidable = (whole - entries.len()) as u64;
        let mut ids: Vec<String> = entries
            .iter()
            .map(|(_, entry)| entry.vpc_endpoint_id().to_string())
            .collect();
        ids.sort();
        ids.dedup();
        let mut alone = Alone::new(PolicyChanges::default(), ids, Timestamp::now());
        let calls = entries.into_iter().map(|(number, entry)| {
            let account: Result<AccountId, _> = entry.account().parse();
            let scene = account.map(|account| alone.scene(&account));
            let call = scene
                .map_err(EntryMistake::at("/principal"))
                .and_then(|scene| entry.into_call(&scene));
            call.map(|call| RecordedCall::Saved(Box::new(call)))
                .map_err(|found| mistake(number, &found))
        });
        Ok(Self {
            calls: calls.collect::<Result<_, _>>()?,
            undecidable,
        })
    }
}
