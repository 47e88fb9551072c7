//! Looks for a manifest that breaks its reader, or is another one when it is stored.
#![no_main]

mod manifest_check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| manifest_check::check(bytes));
