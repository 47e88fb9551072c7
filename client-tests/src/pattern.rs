//! Patterns for texts with parts that differ from run to run, such as dates: `*` stands for any characters.

/// Whether `text` has the form of `pattern`
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<_> = pieces.collect();
    // Without a star, the text must equal the pattern; with one, the text must end with the last piece.
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_text_without_stars_matches_itself_alone() {
        assert!(matches("Rate exceeded", "Rate exceeded"));
        assert!(!matches("Rate exceeded", "Rate exceeded."));
        assert!(!matches("Rate exceeded", "The Rate exceeded"));
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(matches(
            "Signature expired: * (* - 5 min.)",
            "Signature expired: 1 is earlier than 2 (3 - 5 min.)"
        ));
        assert!(!matches(
            "Signature expired: * (* - 5 min.)",
            "Signature expired: 1 is earlier than 2 (3 + 5 min.)"
        ));
        assert!(matches("*", ""));
        assert!(matches("a*", "abc"));
        assert!(!matches("a*bc*bc", "abc"), "each piece takes its own characters");
    }
}
