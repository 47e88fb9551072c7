//! Looks for policies and requests that break evaluation or its explanation.
#![no_main]

mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::check_evaluate(text));
