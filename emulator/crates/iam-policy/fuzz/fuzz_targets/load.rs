//! Looks for documents that break the loader or the lint.
#![no_main]

mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::check_load(text));
