//! Outputs of every command: none is an input of the same command, however either is
//! named, and a folder is not taken for a file.

use crate::common::gaussian;
use crate::formats::{Folder, encode, npy};
use hullscope::rows::Element;

/// Eight rows of three columns.
fn array(seed: u64) -> Vec<u8> {
    let values = encode(Element::F64, &gaussian(24, seed), false);
    npy(1, "'<f8'", "False", "(8, 3)", &values)
}

/// All files of a folder with their content.
fn content(folder: &Folder) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = walkdir::WalkDir::new(folder.path("")).sort_by_file_name();
    let files = files.into_iter().map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.is_file());
    files
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// The command ends with 2 and says why, and every file is as it was.
#[track_caller]
fn refused(folder: &Folder, line: &str, parts: &[&str]) {
    let before = content(folder);
    let output = folder.run(&line.split(' ').collect::<Vec<_>>());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {message}");
    for part in parts {
        assert!(
            message.contains(part),
            "{line}: {part:?} is not in: {message}"
        );
    }
    assert!(before == content(folder), "{line} changed a file");
}

fn folder() -> Folder {
    let folder = Folder::new();
    for (seed, name) in ["a.npy", "b.npy", "set/1.npy", "set/2.npy"]
        .iter()
        .enumerate()
    {
        folder.file(name, &array(seed as u64));
    }
    folder.file("labels.csv", b"label\n0\n1\n0\n1\n0\n1\n0\n1\n");
    folder
}

#[test]
fn no_output_is_an_input() {
    let folder = folder();
    let proof = folder.run(&[
        "analyze",
        "a.npy",
        "b.npy",
        "--certificates",
        "proof.parquet",
    ]);
    assert!(proof.status.success());
    for line in [
        "verify proof.parquet a.npy b.npy --json proof.parquet",
        "verify proof.parquet a.npy b.npy --json a.npy",
        "verify proof.parquet a.npy b.npy --json ./set/../b.npy",
        "analyze a.npy b.npy --json b.npy",
        "analyze set b.npy -o set/2.npy.parquet",
        "analyze set/*.npy b.npy --json set/3.npy",
        "compare a.npy b.npy --json a.npy",
        "compare set b.npy --json set/1.npy",
        "compare set b.npy -o set/out",
        "compare --space file:a.npy,b.npy --json b.npy",
        "compare a.npy --queries one=b.npy --queries two=set/1.npy --json set/1.npy",
        "compare a.npy b.npy --labels labels.csv --query-labels labels.csv --json labels.csv",
        "compare a.npy b.npy --errors labels.csv:label --json labels.csv",
        "compare a.npy b.npy --notion leaf:set/1.npy --json set/1.npy",
        "paper pixels --images a.npy b.npy --json b.npy",
        "paper fig5 --space file:a.npy,a.npy --json a.npy",
        "sweep a.npy b.npy --json a.npy",
        "sweep a.npy b.npy --json b.npy",
        "embed a.npy b.npy --space pca:2 -o .",
    ] {
        refused(&folder, line, &["also an input"]);
    }
    // What stands in a folder that is written anew.
    let kept = "compare a.npy proof.parquet -o .";
    refused(&folder, kept, &["proof.parquet is in the folder ."]);
    // And beside the inputs everything can be written.
    let beside = folder.run(&[
        "verify",
        "proof.parquet",
        "a.npy",
        "b.npy",
        "--json",
        "c.json",
    ]);
    assert!(beside.status.success(), "{beside:?}");
}

#[cfg(unix)]
#[test]
fn a_second_name_of_an_input_is_that_input() {
    let folder = folder();
    std::os::unix::fs::symlink(folder.path("a.npy"), folder.path("link.json")).unwrap();
    std::fs::hard_link(folder.path("b.npy"), folder.path("hard.json")).unwrap();
    std::fs::create_dir(folder.path("linked")).unwrap();
    std::os::unix::fs::symlink(folder.path("set/1.npy"), folder.path("linked/1.npy")).unwrap();
    for line in [
        "compare a.npy b.npy --json link.json",
        "sweep a.npy b.npy --json hard.json",
        "compare linked b.npy --json set/1.npy",
        "sweep linked/*.npy b.npy --json set/1.npy",
    ] {
        refused(&folder, line, &["also an input"]);
    }
}

#[test]
fn a_folder_and_a_file_are_not_taken_for_each_other() {
    let folder = folder();
    for command in [
        "compare a.npy b.npy -o",
        "paper pixels --images a.npy b.npy -o",
        "embed a.npy --space pca:2 -o",
    ] {
        for name in ["out.html", "out.JSON", "results/out.parquet"] {
            let line = format!("{command} {name}");
            let stem = name.split('.').next().unwrap();
            refused(
                &folder,
                &line,
                &["ending of a file", &format!("type -o {stem}\n")],
            );
        }
    }
    for name in ["out/", "out.parquet/"] {
        let line = format!("analyze a.npy b.npy -o {name}");
        refused(&folder, &line, &["folder's name", "name a file in it"]);
    }
    refused(
        &folder,
        "analyze a.npy b.npy -o set",
        &["is a folder; name a file in it"],
    );
    // A folder that is there may be called what its owner likes.
    std::fs::create_dir(folder.path("run.json")).unwrap();
    let done = folder.run(&["embed", "a.npy", "--space", "pca:2", "-o", "run.json"]);
    assert!(done.status.success(), "{done:?}");
}
