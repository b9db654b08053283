//! The .npy reader on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hullscope_fuzz::read_as("x.npy", data));
