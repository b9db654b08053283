//! The readers of word vectors, in text and binary, on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hullscope_fuzz::read_as("x.vec", data));
