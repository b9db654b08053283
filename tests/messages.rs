//! What the program says to someone who mistypes: what is wrong, what was expected, and what to type.

use crate::commands::{Setting, code, stderr};

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
