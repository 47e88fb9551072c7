//! Finds the name that a mistyped one was meant to be, for messages that say "did you mean".

/// The name that `written` was meant to be, if one is near enough
pub fn meant<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    // The beginning of a name means the whole name, as `clock_skew` means `clock_skew_seconds`. A name with a suffix
    // means the name alone, as `config_file` means `config`.
    let is_half = |name: &str| written.len() >= 4 && name.starts_with(written);
    let is_more = |name: &str| {
        written
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('_'))
    };
    names
        .iter()
        .copied()
        .find(|name| is_half(name) || is_more(name))
        .or_else(|| nearest(written, names))
}

/// The names in backticks, with commas between them
pub fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Ends a sentence about an unknown name: with the name that was probably meant, or else with all names
pub fn suggestion(written: &str, names: &[&str]) -> String {
    match meant(written, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", quoted(names)),
    }
}

fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (edits(written, name), *name))
        .filter(|(edits, name)| *edits <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many characters must be added, removed or changed (Levenshtein)
///
/// Only the first 64 characters of `from` count, because a comparison costs the product of both lengths.
pub fn edits(from: &str, to: &str) -> usize {
    let end = from.char_indices().nth(64).map_or(from.len(), |(end, _)| end);
    strsim::levenshtein(from.get(..end).unwrap_or(from), to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_name_one_with_more_behind_it_and_a_misspelt_one_find_theirs() {
        let names = ["config", "endpoint_policy", "clock_skew_seconds"];
        for (written, expected) in [
            ("clock_skew", Some("clock_skew_seconds")),
            ("config_file", Some("config")),
            ("endpoint_policies", Some("endpoint_policy")),
            ("confog", Some("config")),
            ("configs", Some("config")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(meant(written, &names), expected, "{written}");
        }
    }
}
