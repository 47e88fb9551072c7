//! Replays the fuzzers' corpus, so that its inputs stay tested without a fuzzer.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/fuzz_targets/evaluate_check.rs"]
mod evaluate_check;
#[path = "../../fuzz/fuzz_targets/load_check.rs"]
mod load_check;

/// Feeds every file of a corpus to a check; returns how many there were.
fn replay(corpus: &str, check: fn(&str)) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(corpus);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        if let Ok(text) = String::from_utf8(fs::read(entry.unwrap().path()).unwrap()) {
            check(&text);
            count += 1;
        }
    }
    count
}

#[test]
fn the_loader_survives_its_corpus() {
    assert!(replay("load", load_check::check) >= 40);
}

#[test]
fn evaluation_survives_its_corpus() {
    assert!(replay("evaluate", evaluate_check::check) >= 60);
}
