//! A journal that was saved: a JSON array, which `GET /requests` answers, or JSON lines, which it answers to
//! `Accept: application/x-ndjson` and `requests --format json` prints.

use std::path::Path;

use aws_identifiers::AccountId;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::scenes::Alone;
use crate::{
    authorization::PolicyChanges,
    cli::control_command::{Failure, read},
    config::text_file,
    workbench::{EntryMistake, RecordedCall, SavedEntry},
};

/// Where an entry begins: its line, counted from 1
#[derive(Debug, Clone, Copy)]
enum EntryPlace {
    Line(usize),
    /// In an array at this index
    Element {
        line: usize,
        index: usize,
    },
}

/// The calls of a saved journal that came over endpoints and that policies decided
pub(super) struct SavedJournal {
    pub(super) calls: Vec<RecordedCall>,
    /// Calls that cannot be decided again, because their entries hold too little
    pub(super) undecidable: u64,
}

impl SavedJournal {
    /// Reads a file, or standard input for `-`
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = text_file::decode(read(path)?)
            .map_err(|error| Failure::Mistake(format!("{}: {error}", path.display())))?;
        let file = path.display().to_string();
        let mistake = |place: EntryPlace, mistake: EntryMistake| {
            let (line, mistake) = match place {
                EntryPlace::Line(line) => (line, mistake),
                EntryPlace::Element { line, index } => (line, mistake.in_element(index)),
            };
            Failure::Mistake(client_text::escape(&mistake.told_in(&file, line)).into_owned())
        };
        let mut entries = Vec::new();
        for (place, entry) in entry_texts(&text).map_err(|error| {
            Failure::Mistake(format!(
                "{file}: this is no array of a journal's entries: {error}"
            ))
        })? {
            let entry = SavedEntry::read(entry).map_err(|found| mistake(place, found))?;
            entries.extend(entry.map(|entry| (place, entry)));
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
        let calls = entries.into_iter().map(|(place, entry)| {
            let account: Result<AccountId, _> = entry.account().parse();
            let scene = account.map(|account| alone.scene(&account));
            let call = scene
                .map_err(EntryMistake::at("/principal"))
                .and_then(|scene| entry.into_call(&scene));
            call.map(|call| RecordedCall::Saved(Box::new(call)))
                .map_err(|found| mistake(place, found))
        });
        Ok(Self {
            calls: calls.collect::<Result<_, _>>()?,
            undecidable,
        })
    }
}

/// The texts of the entries: the elements of an array, or else the lines that have anything in them
///
/// # Errors
/// When the text begins like an array and is not one.
fn entry_texts(text: &str) -> Result<Vec<(EntryPlace, &str)>, serde_json::Error> {
    if !text.trim_ascii_start().starts_with('[') {
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        return Ok(lines
            .map(|(number, line)| (EntryPlace::Line(number + 1), line))
            .collect());
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    let mut line = 1;
    let mut looked_at = 0;
    Ok(elements
        .into_iter()
        .enumerate()
        .map(|(index, element)| {
            // The elements are parts of the text, in its order.
            let begins = element.get().as_ptr().addr() - text.as_ptr().addr();
            let between = text.get(looked_at..begins).unwrap_or_default();
            line += between.matches('\n').count();
            looked_at = begins;
            (EntryPlace::Element { line, index }, element.get())
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_lines_or_the_elements_of_an_array() {
        let lines = entry_texts("{\"a\": 1}\n\n{}\n").unwrap();
        assert!(matches!(
            lines.as_slice(),
            [(EntryPlace::Line(1), "{\"a\": 1}"), (EntryPlace::Line(3), "{}")]
        ));
        let elements = entry_texts("\n[\n  {\"a\":\n1}, {},\n{\"é\": 2}\n]\n").unwrap();
        assert!(matches!(
            elements.as_slice(),
            [
                (EntryPlace::Element { line: 3, index: 0 }, "{\"a\":\n1}"),
                (EntryPlace::Element { line: 4, index: 1 }, "{}"),
                (EntryPlace::Element { line: 5, index: 2 }, "{\"é\": 2}"),
            ]
        ));
        assert!(entry_texts("[{}").is_err());
    }
}
