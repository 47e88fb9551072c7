//! The nearest known name to a mistyped one, for messages that say "did you mean".

use strsim::levenshtein;

/// The candidate with the fewest edits from `text`, ignoring case, if it is near enough to be meant.
pub(crate) fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let limit = 1 + text.chars().count() / 4;
    let text = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (levenshtein(&text, &candidate.to_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Longer texts are not misspelt names, and the comparison is quadratic.
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
