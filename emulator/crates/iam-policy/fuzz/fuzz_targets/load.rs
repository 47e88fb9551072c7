//! Looks for documents that break the loader or the lint.
#![no_main]

mod load_check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| load_check::check(text));
