//! Outputs of every command: no output may be an input of the same command under any name, a folder is not used as a
//! file, and results are replaced only on request; and `verify` checks the folder of a comparison.

use crate::common::gaussian;
use crate::formats::{Folder, encode, npy};
use hullscope::rows::Element;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

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

/// Asserts that the command ends with exit code 2 and a message with these parts, and that every file is unchanged.
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
    // An input in a folder that would be written anew.
    let kept = "compare a.npy proof.parquet -o .";
    refused(&folder, kept, &["proof.parquet is in the folder ."]);
    // Next to the inputs everything can be written.
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
    // An existing folder may have any name.
    std::fs::create_dir(folder.path("run.json")).unwrap();
    let done = folder.run(&["embed", "a.npy", "--space", "pca:2", "-o", "run.json"]);
    assert!(done.status.success(), "{done:?}");
}

/// A folder of results is replaced only on request, and then no file of the earlier run remains.
#[test]
fn results_of_other_inputs_are_replaced_only_when_asked() {
    let folder = folder();
    for (name, seed) in [("c.npy", 3), ("d.npy", 4)] {
        folder.file(name, &array(seed));
    }
    let run = |line: &str| {
        let output = folder.run(&line.split(' ').collect::<Vec<_>>());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {message}");
    };
    let compare = "compare a.npy b.npy --space pixels -o out --loo 0 -q";
    let other = "compare c.npy d.npy --space pixels -o out --loo 0 -q";
    run(compare);
    refused(
        &folder,
        other,
        &[
            "-o out holds the results of hullscope compare of a.npy, b.npy",
            "--replace",
        ],
    );
    let paper = "paper fig1 --quick --trials 5 -o out -q";
    refused(&folder, paper, &["hullscope compare of a.npy, b.npy"]);
    // With the same inputs the run continues, also with other spaces.
    run(&format!("{compare} --space pca:2"));
    let wrong = "0\n1\n0\n0\n1\n0\n0\n1\n";
    folder.file("wrong.txt", wrong.as_bytes());
    run("errors out --errors wrong.txt -q");
    folder.file("out/mine.txt", b"of the user");
    run(&format!("{paper} --replace"));
    let left = |part: &str| {
        content(&folder)
            .iter()
            .any(|(path, _)| path.ends_with(part))
    };
    assert!(left("out/mine.txt") && left("out/findings/fig1.json") && left("out/report.html"));
    assert!(
        !std::path::Path::new(&folder.path("out/spaces")).exists() && !left("out/rates.parquet")
    );
    let kept: Vec<_> = std::fs::read_dir(folder.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    run(&format!("{other} --replace"));
    assert!(
        !std::path::Path::new(&folder.path("out/findings")).exists() && !left("out/fig1.png"),
        "{kept:?}"
    );
    // A page without a record of its run is not replaced either.
    folder.file("bare/report.html", b"of another program");
    refused(
        &folder,
        "compare a.npy b.npy -o bare",
        &["bare/report.html", "--replace"],
    );
}

/// The list of files that may be removed is complete: only the user's own file remains.
#[test]
fn every_file_that_a_run_leaves_is_known() {
    let folder = folder();
    folder.file("l.txt", b"0\n1\n0\n1\n0\n1\n0\n1\n");
    folder.file("wrong.txt", b"0\n1\n0\n0\n1\n0\n0\n1\n");
    let run = |line: &str| {
        let output = folder.run(&line.split(' ').collect::<Vec<_>>());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {message}");
    };
    run(
        "compare a.npy b.npy --labels l.txt --query-labels l.txt --by-label --errors wrong.txt --loo 4 --space pixels -o out -q",
    );
    run("errors out --errors wrong.txt -q");
    let before = content(&folder)
        .iter()
        .filter(|(path, _)| path.starts_with(folder.path("out")))
        .count();
    assert!(before > 15, "{before}");
    run(
        "compare --limit-reference 60 --limit-queries 30 --space patch:4 --loo 0 --no-distance -o out -q --replace",
    );
    let sheets = std::path::Path::new(&folder.path("out/sheet-patch-4.png")).exists();
    run("paper fig1 --quick --trials 5 -o out -q --replace");
    let left: Vec<String> = content(&folder)
        .iter()
        .filter_map(|(path, _)| {
            Some(
                path.strip_prefix(folder.path("out"))
                    .ok()?
                    .display()
                    .to_string(),
            )
        })
        .collect();
    assert_eq!(
        left,
        [
            "fig1.png",
            "fig1.svg",
            "findings/fig1.json",
            "points.parquet",
            "report.html",
            "results.json",
            "summary.json"
        ]
    );
    assert!(sheets, "the comparison of images left no sheet");
}

/// The lines about one file, as `said`, explain exactly the columns of the file at `path`, in their order. Returns the columns that
/// may hold nulls.
fn explains(said: &str, file: &str, path: &str) -> Vec<String> {
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{file}  ")));
    let explained: Vec<&str> = lines
        .map(|line| {
            let (name, what) = line.split_once("): ").unwrap();
            assert!(what.len() > 5, "{line}");
            name.split_once(" (").unwrap().0
        })
        .collect();
    let opened = std::fs::File::open(path).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap();
    let fields = builder.schema().fields();
    let columns: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    assert_eq!(explained, columns, "{file}");
    let nullable = fields.iter().filter(|field| field.is_nullable());
    nullable.map(|field| field.name().clone()).collect()
}

/// The same of the points of a sweep and of the experiments; which of them may be missing is part of the files' form.
#[test]
fn every_column_of_points_is_explained() {
    let folder = folder();
    let said = |line: &str| {
        let output = folder.run(&line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    said("sweep --dims 2 --sizes 5 --trials 4 -o s.parquet -q");
    let help = said("sweep --help-columns");
    assert_eq!(
        explains(&help, "-o", &folder.path("s.parquet")),
        ["theory", "vertices", "vertices_theory"]
    );
    said("paper fig1 --quick --trials 4 -o out -q");
    let help = said("paper --help-columns");
    assert_eq!(
        explains(&help, "points.parquet", &folder.path("out/points.parquet")),
        ["rank", "theory"]
    );
}

/// `compare --help-columns` explains exactly the columns in the tables that the same command with -o writes.
#[test]
fn every_column_of_a_comparison_is_explained() {
    let folder = folder();
    folder.file("l.txt", b"0\n1\n0\n1\n0\n1\n0\n1\n");
    folder.file("wrong.txt", b"0\n1\n0\n0\n1\n0\n0\n1\n");
    let line = "compare a.npy b.npy --labels l.txt --query-labels l.txt --by-label --errors wrong.txt --loo 4 \
                --space pixels --space dims:2 --neighbours 2 --notion \
                hull,class,cone,gauge,local:2,local:min,range,ball,mahalanobis,manifold:2,delaunay,region,leaf";
    let run = |more: &str| {
        let line = format!("{line} {more}");
        let output = folder.run(&line.split_whitespace().collect::<Vec<_>>());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {message}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run("--help-columns -o out");
    assert!(!std::fs::exists(folder.path("out")).unwrap());
    run("-o out -q");
    for file in ["queries.parquet", "rates.parquet", "by_label.parquet"] {
        explains(&said, file, &folder.path(&format!("out/{file}")));
    }
    assert!(said.contains("hullscope errors --help-columns"), "{said}");
}

/// Without distances, margins do not appear in their place.
#[test]
fn margins_are_never_called_distances() {
    let folder = folder();
    let line = "compare a.npy b.npy --space pixels --loo 0 --no-distance -o out --json s.json";
    let output = folder.run(&line.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{output:?}");
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path("s.json")).unwrap()).unwrap();
    assert!(
        summary["spaces"][0]["distance_ratio"].is_null(),
        "{summary}"
    );
    assert!(!std::path::Path::new(&folder.path("out/distances.png")).exists());
    assert!(std::path::Path::new(&folder.path("out/rates.png")).exists());
}

/// Sets of vectors may have classes that are words, with the column's name or without.
#[test]
fn classes_of_sets_may_be_words() {
    let folder = folder();
    folder.file("words.txt", b"cat\ndog\ncat\ndog\ncat\ndog\ncat\ndog\n");
    folder.file(
        "named.csv",
        b"pet\ncat\ndog\ncat\ndog\ncat\ndog\ncat\ndog\n",
    );
    folder.file("wrong.txt", b"cat\ndog\ndog\ndog\ncat\ndog\ncat\ndog\n");
    for labels in [
        "--labels words.txt --query-labels named.csv",
        "--labels named.csv --query-labels words.txt",
    ] {
        let line = format!(
            "compare a.npy b.npy {labels} --by-label --predictions wrong.txt --space pixels --loo 0 --json -"
        );
        let output = folder.run(&line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{output:?}");
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let labels = summary["spaces"][0]["labels"].as_array().unwrap();
        assert_eq!(labels.len(), 2, "{summary}");
        assert_eq!(
            (&labels[0]["label"], &labels[1]["label"]),
            (&"cat".into(), &"dog".into())
        );
        assert_eq!(
            summary["outcomes"][0]["all"]["value"]["mean"], 0.125,
            "{}",
            summary["outcomes"][0]
        );
    }
}

/// The certificates of each space are checked against the space fitted anew; other sets, other seeds and a changed file fail.
#[test]
fn certificates_of_a_comparison_are_checked_by_space() {
    let folder = Folder::new();
    for (name, rows, seed) in [("a.npy", 40, 1), ("b.npy", 12, 2), ("c.npy", 12, 3)] {
        let values = encode(Element::F64, &gaussian(rows * 3, seed), false);
        folder.file(
            name,
            &npy(1, "'<f8'", "False", &format!("({rows}, 3)"), &values),
        );
    }
    let run = |line: &str| {
        let output = folder.run(&line.split(' ').collect::<Vec<_>>());
        let (out, err) = (output.stdout, output.stderr);
        let text = String::from_utf8(out).unwrap() + &String::from_utf8(err).unwrap();
        (output.status.code(), text)
    };
    let compare = "compare a.npy b.npy --space pixels --space random:2 --seed 5 --loo 0 -o out -q";
    assert_eq!(run(compare).0, Some(0));
    for empty in [false, true] {
        if empty {
            std::fs::create_dir(folder.path("out/certificates")).unwrap();
        }
        let (code, text) = run("verify out a.npy b.npy --seed 5");
        assert_eq!(code, Some(2), "{text}");
        assert!(
            text.contains("holds no certificates") && text.contains("--certificates"),
            "{text}"
        );
    }
    folder.file("out/outcomes.html", b"of another comparison");
    // Earlier spaces without certificates are computed again.
    assert_eq!(run(&format!("{compare} --certificates")).0, Some(0));
    assert!(!std::path::Path::new(&folder.path("out/outcomes.html")).exists());
    let (code, text) = run("verify out a.npy b.npy --seed 5");
    assert_eq!(code, Some(0), "{text}");
    for space in [
        "pixels: 12 of 12 certificates hold",
        "random:2: 12 of 12 certificates hold",
    ] {
        assert!(text.contains(space), "{text}");
    }
    let (code, text) = run("verify out a.npy b.npy --seed 6 --json -");
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("random:2: not verified: the reference rows differ"),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&text[..text.rfind('}').unwrap() + 1]).unwrap();
    let verified = |space: usize| &json["spaces"][space]["verified"];
    assert_eq!(
        (verified(0), verified(1)),
        (&true.into(), &false.into()),
        "{json}"
    );
    assert_eq!(run("verify out a.npy c.npy --seed 5").0, Some(1));
    // The certificates of one space copied over another's.
    let [pixels, random] = ["pixels", "random-2"]
        .map(|space| folder.path(&format!("out/certificates/{space}.parquet")));
    std::fs::copy(pixels, random).unwrap();
    let (code, text) = run("verify out a.npy b.npy --seed 5");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("random:2: not verified"), "{text}");
    // Certificates of earlier results are not accepted for the results that the folder shows now.
    assert_eq!(
        run("compare a.npy b.npy --space dims:2 --seed 5 --loo 0 -o out -q").0,
        Some(0)
    );
    let (code, text) = run("verify out a.npy b.npy --seed 5");
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("no certificates of its results in dims:2"),
        "{text}"
    );
}
