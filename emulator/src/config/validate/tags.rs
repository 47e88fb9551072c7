//! Tags of principals and of models.

use std::collections::BTreeMap;

use lookoutvision::constraints;

use super::{
    super::{
        problems::{Report, Reported},
        read::Located,
    },
    all,
};
use crate::identity::is_tag_text;

type TagsFile = Option<Located<BTreeMap<String, Located<String>>>>;

/// Whether two keys that differ in case only are one
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyCase {
    /// IAM User Guide, *Tags for IAM resources*: keys of principals are not case sensitive
    Ignored,
    /// Everywhere else they are
    Kept,
}

/// The tags as they are written, within the limits that both API models have
/// (`TagKey`: 1 to 128, `TagValue`: 0 to 256 of `[\p{L}\p{Z}\p{N}_.:/=+\-@]`)
pub(super) fn validate(
    written: TagsFile,
    tags_max: usize,
    key_case: KeyCase,
    report: &Report<'_>,
) -> Result<BTreeMap<String, String>, Reported> {
    let Some(written) = written else {
        return Ok(BTreeMap::new());
    };
    let tags = written.value?;
    if tags.len() > tags_max {
        return Err(report.problem(
            &written.place,
            format!("{} tags are more than {tags_max}", tags.len()),
        ));
    }
    let mut folded = super::Unique::new("tag key");
    let tags = tags.into_iter().map(|(key, value)| {
        if !is_tag_text(&key, 1, 128) {
            let message = format!("`{key}` is not a tag key (1 to 128 letters, digits, blanks or _.:/=+-@)");
            return Err(report.problem(&value.place, message));
        }
        if constraints::is_reserved_tag_key(&key) {
            let message = format!("`{key}` begins with `aws:`, which is reserved for AWS");
            return Err(report.problem(&value.place, message));
        }
        if key_case == KeyCase::Ignored {
            folded.check(key.to_lowercase(), &value.place, report)?;
        }
        let text = value.value?;
        if is_tag_text(&text, 0, 256) {
            Ok((key, text))
        } else {
            let message =
                format!("`{text}` is not a tag value (up to 256 letters, digits, blanks or _.:/=+-@)");
            Err(report.problem(&value.place, message))
        }
    });
    Ok(BTreeMap::from_iter(all(tags)?))
}
