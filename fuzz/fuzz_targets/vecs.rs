//! The three vecs readers on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for name in ["x.fvecs", "x.bvecs", "x.ivecs"] {
        hullscope_fuzz::read_as(name, data);
    }
});
