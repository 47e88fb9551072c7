//! What a mistyped name was meant to be, for messages that say "did you mean".

/// The name that `written` was meant to be, if one is near enough
pub fn meant<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    // Half a name is meant for the whole one, as `clock_skew` for `clock_skew_seconds`, and a name with more behind it
    // for the name alone, as `config_file` for `config`.
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

fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (edits(written, name), *name))
        .filter(|(edits, name)| *edits <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be added, taken away or changed (Levenshtein)
pub fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(64).collect(), to.chars().collect());
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        // The place before in the row above, and in this row.
        let (mut diagonal, mut left) = (i, i + 1);
        let mut places = row.iter_mut();
        if let Some(first) = places.next() {
            *first = left;
        }
        for (above, b) in places.zip(&to) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
    }
    row.pop().unwrap_or_default()
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
