//! Runs every seed file of the fuzz targets once: one input of each kind, and inputs that once failed.

#[path = "../fuzz/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use targets::TARGETS;

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| name(entry.unwrap())).collect()
}

#[test]
fn every_target_holds_on_its_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names(&folder), known, "seeds for each target");
    for (target, run) in TARGETS {
        for input in names(&folder.join(target)) {
            println!("{target}/{input}");
            run(&fs::read(folder.join(target).join(input)).unwrap());
        }
    }
}

#[test]
fn the_first_byte_of_rows_chooses_a_format_that_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/rows");
    let used: BTreeSet<u8> = names(&folder)
        .iter()
        .map(|name| fs::read(folder.join(name)).unwrap()[0])
        .collect();
    let lacking: Vec<&str> = (0..)
        .zip(targets::EXTENSIONS)
        .filter(|(place, _)| !used.contains(place))
        .map(|(_, extension)| extension)
        .collect();
    assert!(lacking.is_empty(), "no input for {lacking:?}");
}
