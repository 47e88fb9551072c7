//! Looks for a record of the state file that breaks a start, or is another one when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lookoutvision_emulator::fuzz_checks::record(bytes));
