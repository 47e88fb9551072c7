//! The nearest known name to a mistyped one, for messages that say "did you mean".

/// The candidate with the fewest edits from `text`, case disregarded, if it is near enough to be meant.
pub(crate) fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let limit = 1 + text.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (edits(text, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance over lower-case characters.
#[expect(
    clippy::indexing_slicing,
    reason = "the row has a place for each character and one more"
)]
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// Longer texts are no misspelt names, and the comparison is quadratic.
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_another_word_finds_nothing() {
        let words = ["DetectAnomalies", "StartModel", "StopModel"];
        assert_eq!(nearest("DetectAnomoly", words), Some("DetectAnomalies"));
        assert_eq!(nearest("startmodell", words), Some("StartModel"));
        assert_eq!(nearest("Rekognize", words), None);
        assert_eq!(nearest(&"x".repeat(1000), words), None);
    }
}
