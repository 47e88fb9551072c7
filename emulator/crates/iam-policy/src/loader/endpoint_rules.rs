//! What AWS requires of condition values in endpoint policies since 2024 (AWS PrivateLink Guide, *Endpoint
//! policies*). Documents attached before that still work, so a document that breaks a rule loads.

use super::condition::is_endpoint_policy;
use super::statement::Place;
use crate::arn::split;
use crate::condition::operator::Family;
use crate::document::Version;
use crate::finding::FindingCode;

pub(super) fn check(
    key: &str,
    text: &str,
    family: Family,
    place: Place,
    mut report: impl FnMut(FindingCode, String),
) {
    if !is_endpoint_policy(place) {
        return;
    }
    // Rule 1: no wildcard and no numeric operator with a global key that holds an id made by AWS.
    if SYSTEM_ID_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)) {
        if matches!(family, Family::Numeric(_)) {
            let message = format!("`{key}` holds an id made by AWS and cannot be compared as a number");
            report(FindingCode::EndpointSystemIdWildcard, message);
        } else if text.contains(['*', '?']) {
            let message = format!("condition key {key} with value {text} is at risk of NO_WILDCARD");
            report(FindingCode::EndpointSystemIdWildcard, message);
            return;
        }
    }
    // Rule 2: with a string operator, six consecutive characters before or after each wildcard.
    if family == Family::StringLike && has_short_run(text, place) {
        let message = format!(
            "at least {WILDCARD_RUN_MIN} consecutive characters must stand before or after each wildcard of `{text}`"
        );
        report(FindingCode::EndpointWildcardRun, message);
    }
    // Rule 3: the account part of an ARN is an id or a wildcard, not both.
    if (family.is_string() || family == Family::Arn)
        && let Some([_, _, _, _, account, _]) = split(text)
        && account.contains(['*', '?'])
        && account.bytes().any(|byte| byte.is_ascii_digit())
    {
        let message =
            format!("the account part of `{text}` must be an account id or a wildcard, not a mixture");
        report(FindingCode::EndpointAccountWildcard, message);
    }
}

/// Guess: the rule has no published grammar. It is read here as follows: for each run of wildcards, the text
/// directly before it or the text directly after it has at least six characters. A `*` alone has no text
/// that could be long enough; AWS's own examples use it, so it is accepted.
#[expect(
    clippy::string_slice,
    reason = "the length ends before a character that was found, or with the text"
)]
fn has_short_run(text: &str, place: Place) -> bool {
    if text == "*" {
        return false;
    }
    let mut runs = vec![0_usize];
    let mut in_wildcard = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        if place.version == Version::V2012
            && rest.starts_with("${")
            && let Some(end) = rest.find('}')
        {
            // The value of a variable is not known; it counts with its length as written.
            length = end + 1;
        }
        if matches!(character, '*' | '?') {
            if !in_wildcard {
                runs.push(0);
            }
            in_wildcard = true;
        } else {
            in_wildcard = false;
            if let Some(run) = runs.last_mut() {
                *run += rest[..length].chars().count();
            }
        }
        rest = &rest[length..];
    }
    runs.windows(2)
        .any(|around| around.iter().all(|&run| run < WILDCARD_RUN_MIN))
}

/// AWS PrivateLink Guide, *Endpoint policies*.
const WILDCARD_RUN_MIN: usize = 6;

/// AWS PrivateLink Guide, *Endpoint policies*: the global keys with system-generated identifiers.
const SYSTEM_ID_KEYS: [&str; 10] = [
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::PolicyType;

    #[test]
    fn each_wildcard_needs_six_characters_on_one_side() {
        let place = Place {
            policy_type: PolicyType::VpcEndpoint,
            version: Version::V2012,
        };
        for (text, expected) in [
            ("abc*", true),
            ("abcdef*", false),
            ("*abcdef", false),
            ("abc*def*ghijkl", true),
            ("abcdef*gh*ijklmn", false),
            ("abcdef*?*gh", false),
            ("no wildcard", false),
            ("*", false),
            ("a${aws:username}*", false),
        ] {
            assert_eq!(has_short_run(text, place), expected, "{text}");
        }
    }
}
