//! What a client says it takes.

use http::{HeaderMap, header};

/// Whether `Accept` names this media type itself, and not only a range that includes it
///
/// RFC 9110, section 12.4.2: a weight of zero is "not acceptable".
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let fields = headers.get_all(header::ACCEPT).into_iter();
    let mut ranges = fields
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0)
        });
        named.eq_ignore_ascii_case(media_type) && !is_refused
    })
}
