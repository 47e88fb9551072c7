//! Tags of principals and of models.

use std::collections::BTreeMap;

use lookoutvision::constraints;

use super::{
    super::{
        file::Entries,
        problems::{Place, Report},
    },
    Unique,
};
use crate::identity::is_tag_text;

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
    written: Option<Entries<String>>,
    place: &Place,
    tags_max: usize,
    key_case: KeyCase,
    report: &Report<'_>,
) -> Option<BTreeMap<String, String>> {
    let tags = written.unwrap_or_default();
    if tags.len() > tags_max {
        return report.refuse(place, format!("{} tags are more than {tags_max}", tags.len()));
    }
    let mut folded = Unique::new("tag key");
    for (key, value) in &tags {
        let place = place.child(key);
        if !is_tag_text(key, 1, 128) {
            let message = format!("`{key}` is not a tag key (1 to 128 letters, digits, blanks or _.:/=+-@)");
            report.problem(&place, message);
            continue;
        }
        if constraints::is_reserved_tag_key(key) {
            let message = format!("`{key}` begins with `aws:`, which is reserved for AWS");
            report.problem(&place, message);
            continue;
        }
        if let Some(value) = value
            && !is_tag_text(value, 0, 256)
        {
            let message =
                format!("`{value}` is not a tag value (up to 256 letters, digits, blanks or _.:/=+-@)");
            report.problem(&place, message);
        }
        if key_case == KeyCase::Ignored {
            folded.check(key.to_lowercase(), place, report);
        }
    }
    tags.into_iter().map(|(key, value)| Some((key, value?))).collect()
}
