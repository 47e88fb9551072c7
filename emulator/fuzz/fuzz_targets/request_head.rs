//! Looks for a request head that breaks what is read from it, or that passes for signed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lookoutvision_emulator::fuzz_checks::request_head(bytes));
