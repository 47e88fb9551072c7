//! Whether a resource pattern can match any ARN of a resource type.

use super::form::{Case, Form};
use crate::arn::{ARN_PARTS, split};
use crate::resource::ResourcePattern;

/// Whether some ARN of this form matches the pattern.
#[expect(
    clippy::indexing_slicing,
    reason = "both are the parts of an ARN, of which there are as many"
)]
pub(super) fn overlaps(pattern: &ResourcePattern, arn_form: &str) -> bool {
    let Some(parts) = pattern.parts() else {
        return pattern.is_every();
    };
    // A colon inside `${...}` would not separate parts, but resource types have none there.
    split(arn_form).is_some_and(|forms| {
        let last = ARN_PARTS - 1;
        (1..ARN_PARTS).all(|index| {
            // The Region may be empty in an ARN of a global service; a name may not.
            (index < last && parts[index].is_any())
                || Form::of_arn_part(forms[index]).overlaps(&parts[index].tokens(), Case::Counts)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Variables;

    const MODEL: &str =
        "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}";

    #[track_caller]
    fn check(pattern: &str, expected: bool) {
        let parts = split(pattern).unwrap();
        let pattern = ResourcePattern::compile(pattern, parts, Variables::Expand).unwrap();
        assert_eq!(overlaps(&pattern, MODEL), expected, "{pattern:?}");
    }

    #[test]
    fn a_pattern_overlaps_when_some_model_has_such_an_arn() {
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
            true,
        );
        check("arn:*:lookoutvision:*:*:model/*", true);
        check("arn:aws:lookoutvision:*:*:*", true);
        check("arn:aws:lookoutvision:*:*:*/*/?", true);
        check("arn:aws:lookoutvision:*:*:mod??/${aws:username}/1", true);
        check("arn:aws:lookoutvision:*:*:${aws:username}", true);
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject",
            false,
        );
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1/2",
            false,
        );
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/",
            false,
        );
        check("arn:aws:lookoutvision:us-west-2:123456789012:model//1", false);
        check("arn:aws:lookoutvision:us-west-2:123456789012:Model/*", false);
        check("arn:aws:lookoutvision:us-west-2:123456789012:project/*", false);
        check("arn:aws:rekognition:us-west-2:123456789012:model/a/1", false);
        check("arn:aws:lookoutvision::123456789012:model/a/1", false);
    }
}
