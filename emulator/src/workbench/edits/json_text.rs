//! Changes of a JSON text at one place, which leave the rest as it was written.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use serde_json::value::RawValue;

/// The place of the value that a JSON Pointer (RFC 6901) leads to
pub(super) fn span(text: &str, pointer: &str) -> Option<Range<usize>> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        value = match value.get().as_bytes().first()? {
            b'{' => {
                let mut members: BTreeMap<Cow<'_, str>, &RawValue> =
                    serde_json::from_str(value.get()).ok()?;
                members.remove(segment.as_str())?
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                elements.get(segment.parse::<usize>().ok()?).copied()?
            }
            _ => return None,
        };
    }
    // The value is a slice of the text, so its address gives its place.
    let start = value.get().as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + value.get().len())
}

/// The pointer of the container of a value, and the value's index in it if that is a list
pub(super) fn list_of(pointer: &str) -> Option<(&str, usize)> {
    let (list, index) = pointer.rsplit_once('/')?;
    Some((list, index.parse().ok()?))
}

/// Replaces a value by a text
pub(super) fn replace(text: &str, pointer: &str, new: &str) -> Option<String> {
    let Range { start, end } = span(text, pointer)?;
    Some(format!("{}{new}{}", text.get(..start)?, text.get(end..)?))
}

/// Adds a value after others: to the list that the value is an element of, or beside a single value
pub(super) fn add_beside(text: &str, pointer: &str, new: &str) -> Option<String> {
    let own = span(text, pointer)?;
    if let Some((list, _)) = list_of(pointer).filter(|(list, _)| is_list(text, list)) {
        let last = elements(text, list)?.checked_sub(1)?;
        let last = span(text, &format!("{list}/{last}"))?;
        let separator = format!(",{}", space_before(text, last.start));
        return insert(text, last.end, &format!("{separator}{new}"));
    }
    let old = text.get(own.clone())?;
    replace(text, pointer, &format!("[{old}, {new}]"))
}

/// Removes an element from a list that has others
pub(super) fn remove(text: &str, pointer: &str) -> Option<String> {
    let (list, index) = list_of(pointer).filter(|(list, _)| is_list(text, list))?;
    let last = elements(text, list)?.checked_sub(1).filter(|last| *last > 0)?;
    let own = span(text, pointer)?;
    let cut = if index < last {
        own.start..span(text, &format!("{list}/{}", index + 1))?.start
    } else {
        span(text, &format!("{list}/{}", index.checked_sub(1)?))?.end..own.end
    };
    Some(format!("{}{}", text.get(..cut.start)?, text.get(cut.end..)?))
}

/// Adds a member at the end of an object
pub(super) fn add_member(text: &str, pointer: &str, name: &str, value: &str) -> Option<String> {
    let object = span(text, pointer)?;
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text.get(object.clone())?).ok()?;
    let member = format!("{}: {value}", serde_json::Value::from(name));
    let starts = members.values().filter_map(|value| {
        let start = value.get().as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        Some((start, start + value.get().len()))
    });
    match starts.max() {
        None => replace(text, pointer, &format!("{{{member}}}")),
        Some((_, end)) => {
            // Laid out like the first member: on a line of its own, or on one line with the others.
            let inside = text.get(object.start + 1..)?;
            let blank = inside.len() - inside.trim_start().len();
            let space = match inside.get(..blank)? {
                "" => " ",
                space => space,
            };
            insert(text, end, &format!(",{space}{member}"))
        }
    }
}

fn insert(text: &str, at: usize, new: &str) -> Option<String> {
    Some(format!("{}{new}{}", text.get(..at)?, text.get(at..)?))
}

pub(super) fn is_list(text: &str, pointer: &str) -> bool {
    span(text, pointer).is_some_and(|span| text.get(span).is_some_and(|list| list.starts_with('[')))
}

fn elements(text: &str, list: &str) -> Option<usize> {
    let elements: Vec<&RawValue> = serde_json::from_str(text.get(span(text, list)?)?).ok()?;
    Some(elements.len())
}

/// The white space between a value and what comes before it; a blank if there is none
fn space_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    match before.get(before.trim_end().len()..) {
        None | Some("") => " ",
        Some(space) => space,
    }
}

/// The difference between two texts, in the form of `diff -u` with three lines around the change
pub(super) fn diff(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let head = same(&mut old.iter().zip(&new));
    let most = old.len().min(new.len()) - head;
    let tail = same(&mut old.iter().rev().zip(new.iter().rev())).min(most);
    let from = head.saturating_sub(CONTEXT_LINES);
    let old_end = old.len() - tail;
    let new_end = new.len() - tail;
    let until = (old_end + CONTEXT_LINES).min(old.len());
    let mut lines = vec![format!(
        "@@ -{},{} +{},{} @@",
        from + 1,
        until - from,
        from + 1,
        until - from + new_end - old_end
    )];
    let mut push = |sign: char, part: &[&str]| lines.extend(part.iter().map(|line| format!("{sign}{line}")));
    push(' ', old.get(from..head).unwrap_or_default());
    push('-', old.get(head..old_end).unwrap_or_default());
    push('+', new.get(head..new_end).unwrap_or_default());
    push(' ', old.get(old_end..until).unwrap_or_default());
    lines.join("\n") + "\n"
}

const CONTEXT_LINES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{
  "Statement": [{
    "Action": ["a:B", "a:C"],
    "Resource": "x",
    "Principal": {"AWS": [
      "1",
      "2"
    ]}
  }]
}"#;

    #[test]
    fn a_value_is_found_and_replaced_where_it_stands() {
        let replaced = replace(POLICY, "/Statement/0/Action/1", "\"a:D\"").unwrap();
        assert_eq!(replaced, POLICY.replace("a:C", "a:D"));
        assert_eq!(span(POLICY, "/Statement/0/Action/2"), None);
        assert_eq!(span(POLICY, "/Statement/0/Nothing"), None);
        assert_eq!(&POLICY[span(POLICY, "/Statement/0/Resource").unwrap()], "\"x\"");
    }

    #[test]
    fn a_value_is_added_as_the_others_stand() {
        let added = |pointer| add_beside(POLICY, pointer, "\"n\"").unwrap();
        assert_eq!(
            added("/Statement/0/Action/0"),
            POLICY.replace("\"a:C\"", "\"a:C\", \"n\"")
        );
        assert_eq!(
            added("/Statement/0/Resource"),
            POLICY.replace("\"x\"", "[\"x\", \"n\"]")
        );
        assert_eq!(
            added("/Statement/0/Principal/AWS/0"),
            POLICY.replace("\"2\"", "\"2\",\n      \"n\"")
        );
    }

    #[test]
    fn an_element_is_taken_out_unless_it_is_the_only_one() {
        assert_eq!(
            remove(POLICY, "/Statement/0/Action/0").unwrap(),
            POLICY.replace("\"a:B\", ", "")
        );
        assert_eq!(
            remove(POLICY, "/Statement/0/Principal/AWS/1").unwrap(),
            POLICY.replace(",\n      \"2\"", "")
        );
        assert_eq!(remove(POLICY, "/Statement/0"), None);
        assert_eq!(remove(POLICY, "/Statement/0/Resource"), None);
    }

    #[test]
    fn a_member_is_added_behind_the_others() {
        let added = add_member(POLICY, "/Statement/0", "Condition", "{}").unwrap();
        assert_eq!(
            added,
            POLICY.replace("]}\n  }]", "]},\n    \"Condition\": {}\n  }]")
        );
        assert_eq!(add_member("{}", "", "a", "1").unwrap(), "{\"a\": 1}");
        assert_eq!(
            add_member("{\"b\":2}", "", "a", "1").unwrap(),
            "{\"b\":2, \"a\": 1}"
        );
    }

    #[test]
    fn a_diff_has_what_changed_and_three_lines_around_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        assert_eq!(
            diff(before, &before.replace('5', "five\nV")),
            "@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n+V\n 6\n 7\n 8\n"
        );
        assert_eq!(diff("1", "2"), "@@ -1,1 +1,1 @@\n-1\n+2\n");
        assert_eq!(diff("1\n1", "1\n1\n1"), "@@ -1,2 +1,3 @@\n 1\n 1\n+1\n");
        assert_eq!(diff("1\n1\n1", "1\n1"), "@@ -1,3 +1,2 @@\n 1\n 1\n-1\n");
    }
}
