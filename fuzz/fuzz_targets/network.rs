#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hullscope_fuzz::network(data));
