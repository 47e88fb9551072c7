//! Looks for an image that breaks its inspection, or whose size a decoder sees otherwise.
#![no_main]

mod image_check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| image_check::check(bytes));
