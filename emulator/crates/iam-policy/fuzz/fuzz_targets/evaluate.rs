//! Looks for policies and requests that break evaluation or its explanation.
#![no_main]

mod evaluate_check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| evaluate_check::check(text));
