//! Replays the corpora of the fuzz targets, so that their inputs stay tested without a fuzzer.

use std::{fs, path::Path};

#[path = "../../../fuzz/fuzz_targets/image_check.rs"]
mod image_check;
#[path = "../../../fuzz/fuzz_targets/manifest_check.rs"]
mod manifest_check;

/// Feeds every file of a corpus to a check
#[track_caller]
fn replay(corpus: &str, files_min: usize, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(corpus);
    let files = fs::read_dir(&folder).expect("the corpus is there");
    let files: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    assert!(files.len() >= files_min, "{} in {folder:?}", files.len());
    for file in files {
        // Shows the file when a check fails.
        println!("{}", file.display());
        check(&fs::read(file).expect("it can be read"));
    }
}

#[test]
fn manifests_survive_their_corpus() {
    replay("manifest", 15, manifest_check::check);
}

#[test]
fn images_survive_their_corpus() {
    replay("image", 10, image_check::check);
}
