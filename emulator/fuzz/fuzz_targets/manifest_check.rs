//! What must hold for every manifest that is read. The fuzz target feeds it what libFuzzer invents; the ordinary tests of the crate
//! `lookoutvision` feed it the committed corpus.

use lookoutvision::manifest::{Entries, ManifestError};

/// Reads a manifest
///
/// What loads is stored and read back as it is, and changes nothing where it is already; what does not load is told with a
/// line that there is.
pub(crate) fn check(bytes: &[u8]) {
    const ENTRIES_MAX: usize = 20;

    let line_count = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    match Entries::default().with(bytes, ENTRIES_MAX) {
        Ok(entries) => {
            let lines = entries.to_lines();
            assert_eq!(entries.bytes(), lines.len());
            assert_eq!(Entries::stored(&lines), entries);
            assert_eq!(entries.with(lines.as_bytes(), ENTRIES_MAX).as_ref(), Ok(&entries));
            assert_eq!(entries.with(bytes, ENTRIES_MAX).as_ref(), Ok(&entries));
            let stats = entries.stats();
            assert_eq!(stats.labeled, stats.normal + stats.anomaly);
            assert!(
                stats.labeled <= stats.total && (1..=20).contains(&stats.total),
                "{stats:?}"
            );
            for entry in entries.iter() {
                assert!(entry.source_ref.starts_with("s3://"));
                assert!(entry.label.is_some() || (entry.class.is_none() && entry.mask.is_none()));
            }
        }
        Err(ManifestError::NotText { line } | ManifestError::Line { line, .. }) => {
            assert!((1..=line_count).contains(&line), "{line} of {line_count}");
        }
        Err(ManifestError::Empty) => assert!(std::str::from_utf8(bytes).is_ok()),
        Err(ManifestError::TooMany { .. }) => assert!(line_count > ENTRIES_MAX),
    }
}
