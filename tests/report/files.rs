//! Files that appear whole or not at all.

use hullscope::store::file::{Output, commit_all, write_text};
use std::io::Write;
use std::path::Path;

#[cfg(unix)]
#[test]
fn links_are_followed_and_devices_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (
        folder.path().join("target.txt"),
        folder.path().join("link.txt"),
    );
    write_text(target.to_str().unwrap(), "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    write_text(link.to_str().unwrap(), "new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
    assert!(Output::create(Path::new("/dev/null")).is_err());
    write_text("/dev/null", "gone").unwrap();
    assert!(!Path::new("/dev/null").is_file());
}

#[test]
fn nothing_is_there_until_committed_and_nothing_is_left_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.txt");
    let output = Output::create(&target).unwrap();
    output.writer().unwrap().write_all(b"half").unwrap();
    assert!(!target.exists());
    drop(output);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    write_text(target.to_str().unwrap(), "whole").unwrap();
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "whole");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_missing_folder_is_found_out_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = Output::create(&folder.path().join("no/such/out.csv")).unwrap_err();
    assert!(error.to_string().contains("no/such"), "{error}");
    assert!(
        Output::create(folder.path())
            .unwrap_err()
            .to_string()
            .contains("folder")
    );
}

#[test]
fn several_files_appear_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let output = |name: &str| Output::create(&path(name)).unwrap();
    commit_all(vec![output("a"), output("b")]).unwrap();
    assert!(path("a").exists() && path("b").exists());
    // The target of the second is a folder by now, which a rename cannot replace.
    let both = vec![output("c"), output("d")];
    std::fs::create_dir(path("d")).unwrap();
    let error = commit_all(both).unwrap_err().to_string();
    assert!(
        error.contains("only") && error.contains(path("c").to_str().unwrap()),
        "{error}"
    );
}
