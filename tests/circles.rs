//! No circular imports: no two files or folders of one folder import each other, directly or through others.
//!
//! A small parser finds the imports: `use` with its braces, and paths in code that begin with `crate` or `super`. Test
//! modules, comments and strings are ignored. The imports of a folder's `mod.rs` do not count as imports of the other
//! files in it.

use crate::house::all;
use std::collections::{BTreeMap, BTreeSet};

type Path = Vec<String>;

/// The module of a file below `src`.
fn module(file: &str) -> Path {
    let path = file.trim_end_matches(".rs").split('/').map(String::from);
    let mut path: Path = path.collect();
    if path.last().is_some_and(|name| name == "mod") {
        path.pop();
    }
    path
}

/// The code alone: without comments, and without everything after the first test module.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("//") {
        Some(at) => &line[..at],
        None => line,
    });
    let code: Vec<&str> = lines.collect();
    let code = code.join("\n");
    match code.find("#[cfg(test)]\nmod ") {
        Some(at) => code[..at].into(),
        None => code,
    }
}

/// The paths in a tree of imports such as `a::{b, c::{d, e}}`.
fn leaves(tree: &str, before: &str, all: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        all.push(format!("{before}{tree}"));
        return;
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut start) = (0, 0);
    let before = format!("{before}{head}");
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    leaves(&inner[start..at], &before, all);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Every path that the code uses.
fn paths(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    for statement in code.split(';') {
        let words = statement
            .match_indices("use ")
            .filter(|(at, _)| !statement[..*at].ends_with(is_name));
        match words.last() {
            Some((at, _)) => leaves(&statement[at + 4..], "", &mut all),
            None => {
                for start in ["crate::", "super::"] {
                    for (at, _) in statement.match_indices(start) {
                        let path = statement[at..].split(|c| !is_name(c) && c != ':');
                        all.extend(path.take(1).map(String::from));
                    }
                }
            }
        }
    }
    all
}

/// The module that a path used in module `here` names, if it belongs to this crate.
fn named(path: &str, here: &Path, modules: &BTreeSet<Path>) -> Option<Path> {
    let path = path.split(" as ").next().unwrap_or_default();
    let mut names: Vec<String> = path.split("::").map(|name| name.trim().into()).collect();
    let mut full = here.clone();
    match names[0].as_str() {
        "crate" => full.clear(),
        "self" => {}
        "super" => {
            while names.first().is_some_and(|name| name == "super") {
                full.pop();
                names.remove(0);
            }
            names.insert(0, String::new());
        }
        child => {
            full.push(child.into());
            if !modules.contains(&full) {
                return None;
            }
        }
    }
    full.extend(names.drain(1..));
    (1..=full.len())
        .rev()
        .map(|length| full[..length].to_vec())
        .find(|known| modules.contains(known))
}

/// For each name in a folder, the names in the same folder that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// Every name that can be reached from a name.
fn reached<'u>(uses: &'u Uses, from: &str) -> BTreeSet<&'u str> {
    let (mut all, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(name) = open.pop() {
        for next in uses.get(&name).into_iter().flatten() {
            if all.insert(next.as_str()) {
                open.push(next.clone());
            }
        }
    }
    all
}

/// The circles in every folder.
fn circles(files: &[(String, String)]) -> BTreeSet<(String, Vec<String>)> {
    let modules: BTreeSet<Path> = files.iter().map(|(file, _)| module(file)).collect();
    let mut folders: BTreeMap<Path, Uses> = BTreeMap::new();
    for (file, text) in files {
        let here = module(file);
        // A module of tests in a file of its own.
        if here.last().is_some_and(|name| name == "tests") {
            continue;
        }
        for path in paths(&code(text)) {
            let Some(there) = named(&path, &here, &modules) else {
                continue;
            };
            let shared = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
            if shared > 0 && shared < here.len().min(there.len()) {
                let uses = folders.entry(here[..shared].to_vec()).or_default();
                let mine = uses.entry(here[shared].clone()).or_default();
                mine.insert(there[shared].clone());
            }
        }
    }
    let mut found = BTreeSet::new();
    for (folder, uses) in &folders {
        for name in uses.keys() {
            let there = reached(uses, name);
            if there.contains(name.as_str()) {
                let all = there
                    .iter()
                    .filter(|other| reached(uses, other).contains(name.as_str()));
                found.insert((folder.join("/"), all.map(|n| n.to_string()).collect()));
            }
        }
    }
    found
}

#[test]
fn no_files_of_a_folder_use_each_other_in_a_circle() {
    let found = circles(&all());
    assert!(
        found.is_empty(),
        "these import each other in a circle: {found:?}"
    );
}

/// The parser finds a circle through two kinds of paths, and none through comments and tests.
#[test]
fn a_planted_circle_is_found() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let rest = |c: &str| {
        vec![
            file("m/mod.rs", "mod a; mod b; mod c;"),
            file("m/a.rs", "use super::{b::{self, B as C}, d::D};"),
            file("m/b.rs", "fn f() -> u8 { super::c::value() }"),
            file("m/c.rs", c),
            file(
                "m/d.rs",
                "// use super::a;\n#[cfg(test)]\nmod tests { use super::super::a; }",
            ),
        ]
    };
    assert!(circles(&rest("pub fn value() -> u8 { 1 }")).is_empty());
    let found = circles(&rest("use crate::m::a::A;"));
    let names = ["a", "b", "c"].map(String::from).to_vec();
    assert_eq!(found, BTreeSet::from([("m".to_owned(), names)]));
}
