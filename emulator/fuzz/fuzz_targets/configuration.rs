//! Looks for a configuration file that breaks the loader, or whose meaning depends on its style.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lookoutvision_emulator::fuzz_checks::configuration(bytes));
