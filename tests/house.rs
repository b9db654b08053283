//! Rules of the repository that the compiler does not check: imports go one way, every file opens with its purpose, and
//! only the scan has unsafe code.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in import order: each may use itself and those before it.
const ORDER: [&str; 16] = [
    "error", "control", "warnings", "linear", "rows", "space", "scan", "hull", "notion", "study",
    "store", "report", "bench", "job", "cli", "python",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// (path below src, text) of every source file.
pub(crate) fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let name = |path: &Path| {
        path.strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/")
    };
    found
        .iter()
        .map(|path| (name(path), fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn imports_go_one_way() {
    let place = |module: &str| ORDER.iter().position(|known| *known == module);
    for (file, text) in all() {
        let module = file.split('/').next().unwrap().trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let here =
            place(module).unwrap_or_else(|| panic!("{file}: the module has no place in the order"));
        // Doc links may point to any module; code may not.
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for (at, _) in line.match_indices("crate::") {
                let used: String = line[at + 7..]
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                    .collect();
                let Some(there) = place(&used) else { continue };
                assert!(
                    there <= here,
                    "{file} uses {used}, which is to its right: {line}"
                );
            }
        }
    }
}

#[test]
fn every_file_opens_with_its_purpose() {
    for (file, text) in all() {
        assert!(text.starts_with("//! "), "{file} has no opening paragraph");
    }
}

#[test]
fn only_the_scan_is_unsafe() {
    for (file, text) in all() {
        let unsafe_code = text
            .lines()
            .any(|line| !line.trim_start().starts_with("//") && line.contains("unsafe "));
        assert!(
            !unsafe_code || file.starts_with("scan/"),
            "{file} holds unsafe code"
        );
    }
}
