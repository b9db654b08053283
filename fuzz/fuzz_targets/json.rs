//! The reader of JSON and JSON Lines on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for name in ["x.json", "x.jsonl"] {
        hullscope_fuzz::read_as(name, data);
    }
});
