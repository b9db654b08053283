//! What the targets share: a file of the fuzzer's bytes, opened and read in every way.

use hullscope::control::Control;
use hullscope::rows::{OpenOptions, open};

/// Read `data` as a file of this name, resident and by position: both fail, or both give the same finite values.
///
/// Files go to the system's folder for temporary files; point `TMPDIR` at a memory file system for speed.
pub fn read_as(name: &str, data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join(name);
    std::fs::write(&path, data).expect("room for a temporary file");
    let values = |memory| {
        let options = OpenOptions {
            memory,
            ..OpenOptions::default()
        };
        let rows = open(path.to_str()?, &options, &Control::default()).ok()?;
        let mut values = vec![0.0; rows.len() * rows.dim()];
        rows.read_f64(0, &mut values)
            .expect("what was opened can be read");
        assert!(values.iter().all(|value| value.is_finite()));
        Some((rows.dim(), values))
    };
    assert_eq!(values(1 << 30), values(0));
}
