//! What the program says to someone who mistypes: what is wrong, what was expected, and what to type.

use crate::commands::{Setting, code, program, stderr, stdout};

/// The one line that a refused command prints, after `error: `.
fn refused(setting: &Setting, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = setting.run(&words);
    let said = stderr(&output);
    assert_eq!(code(&output), 2, "{line}: {said}");
    let said = said
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{line}: {said}"));
    said.trim_end().to_string()
}

#[test]
fn a_number_of_threads_is_said_with_its_range() {
    let setting = Setting::new();
    for number in ["0", "1025", "many"] {
        for command in ["analyze", "bench"] {
            let said = refused(&setting, &format!("{command} --threads {number}"));
            assert!(
                said.contains("at least 1 and at most 1024")
                    && said.contains("type for example --threads 4"),
                "{said}"
            );
        }
    }
}

#[test]
fn two_outputs_on_stdout_are_said_by_their_options() {
    let setting = Setting::new();
    assert_eq!(
        refused(&setting, "analyze reference.npy queries.npy -o - --json -"),
        "both -o and --json would write to stdout: give one of them a file"
    );
}

#[test]
fn a_missing_folder_is_named_with_the_output() {
    let setting = Setting::new();
    for line in [
        "analyze reference.npy queries.npy -o none/x.csv",
        "analyze reference.npy queries.npy --json none/x.csv",
        "sweep --plot none/x.csv.png",
    ] {
        let said = refused(&setting, line);
        assert!(
            said.starts_with(
                "none: there is no such file or folder; create this folder for none/x.csv"
            ),
            "{said}"
        );
        assert!(!said.contains(".part"), "{said}");
    }
}

#[test]
fn what_is_expected_at_a_path_with_nothing_is_said() {
    let setting = Setting::new();
    for (line, advice) in [
        (
            "top none",
            "name a folder that `hullscope compare -o` wrote",
        ),
        (
            "errors none",
            "name a folder that `hullscope compare -o` wrote",
        ),
        (
            "verify none reference.npy queries.npy",
            "name a file written by `hullscope analyze --certificates`, or the folder of `hullscope compare --certificates`",
        ),
        (
            "score none queries.npy",
            "name a file that `hullscope fit` wrote",
        ),
        #[cfg(feature = "onnx")]
        (
            "encoder none",
            "name a network in ONNX, as in resnet18.onnx",
        ),
        (
            "fit none -o x.hull",
            "name a file, a folder of files, or a pattern",
        ),
        (
            "compare reference.npy queries.npy --class-names none",
            "name a file of class names",
        ),
    ] {
        let said = refused(&setting, line);
        assert!(
            said.starts_with("none: there is no such file or folder; ") && said.contains(advice),
            "{line}: {said}"
        );
    }
    let said = refused(&setting, "top .");
    assert!(
        said.contains(". has no queries.parquet: name a folder"),
        "{said}"
    );
}

/// A note about the engine is for those whose files are right.
#[test]
fn a_mistyped_file_is_the_only_thing_said() {
    let setting = Setting::new();
    for line in [
        "fit none.npy -o x.hull",
        "fit reference.npy --labels none.npy -o x.hull",
        "sweep none.npy queries.npy",
        "sweep reference.npy none.npy",
        "analyze reference.npy none.npy",
        "compare reference.npy none.npy",
    ] {
        let mut asked = program();
        asked.env("HULLSCOPE_BACKEND", "auto");
        let asked = asked.current_dir(setting.folder.path());
        let said = stderr(&asked.args(line.split_whitespace()).output().unwrap());
        assert!(
            said.starts_with("error: none.npy: there is no such file") && said.lines().count() == 1,
            "{line}: {said}"
        );
    }
}

/// Without queries only reference rows are asked about, and no table is of zeros.
#[test]
fn a_comparison_without_queries_says_so() {
    let setting = Setting::new();
    let words = "compare reference.npy --space pixels --space pca:2 --loo 100 -o out";
    let output = setting.run(&words.split(' ').collect::<Vec<_>>());
    let said = stdout(&output);
    let page = std::fs::read_to_string(setting.path("out/report.html")).unwrap();
    for text in [said, page] {
        for nothing in [
            "Query by query",
            "McNemar",
            "Holm",
            "- (",
            "Nothing was asked",
        ] {
            assert!(!text.contains(nothing), "{nothing}: {text}");
        }
        let who = "There are no queries: 400 reference rows among themselves, each left out.";
        assert!(text.contains(who), "{text}");
        assert!(text.contains("Definitions of inside"), "{text}");
    }
}
