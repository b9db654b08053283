//! The certificate reader on any bytes.
#![no_main]

use hullscope::report::certificates::Reader;
use std::io::Write;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::Builder::new()
        .suffix(".parquet")
        .tempfile()
        .expect("a temporary file");
    file.write_all(data).expect("room for a temporary file");
    if let Ok(reader) = Reader::open(file.path()) {
        // A fault ends the reading.
        reader.take_while(Result::is_ok).for_each(drop);
    }
});
