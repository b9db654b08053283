//! Short names of spaces for figures and tables, where file paths would be too long.

use crate::space::spec::named;
use crate::study::compare::Report;
use itertools::Itertools;
use std::path::{Component, Path};

/// The most folders that a short name keeps.
const FOLDERS: usize = 4;

/// The report with short names of its spaces, and for each changed name the space as typed.
pub fn shortened(report: &Report) -> (Report, Vec<(String, String)>) {
    let typed: Vec<String> = report.spaces.iter().map(|s| s.space.clone()).collect();
    let names: Vec<(String, String)> = short(&typed).into_iter().zip(typed).collect();
    let mut report = report.clone();
    let spaces = report.spaces.iter_mut().map(|space| &mut space.space);
    let pairs = report
        .pairs
        .iter_mut()
        .flat_map(|pair| [&mut pair.a, &mut pair.b]);
    let outcomes = report.outcomes.iter_mut().flat_map(|found| {
        let notions = found.notions.iter_mut().map(|notion| &mut notion.space);
        notions.chain(found.comparisons.iter_mut().map(|pair| &mut pair.space))
    });
    for space in spaces.chain(pairs).chain(outcomes) {
        if let Some((name, _)) = names.iter().find(|(_, typed)| typed == space) {
            space.clone_from(name);
        }
    }
    let changed = names.into_iter().filter(|(name, typed)| name != typed);
    (report, changed.collect())
}

/// A name for each space: the files' names without extensions, with the fewest folders that make all names different; the
/// spaces as typed where [`FOLDERS`] are not enough.
fn short(typed: &[String]) -> Vec<String> {
    let names = |folders| typed.iter().map(|text| one(text, folders)).collect_vec();
    let mut all = (0..FOLDERS).map(names);
    let found = all.find(|names| names.iter().all_unique());
    found.unwrap_or_else(|| typed.to_vec())
}

/// The name of one space: the one in `NAME=SPACE`, or for `file:` that of the first of its two files.
fn one(typed: &str, folders: usize) -> String {
    if let Some((name, _)) = named(typed) {
        return name.to_string();
    }
    let stage = |stage: &str| {
        if let Some(files) = stage.strip_prefix("file:") {
            return last(files.split(',').next().unwrap_or(files), folders);
        }
        if let Some(network) = stage.strip_prefix("onnx:") {
            let end = network.find(['@', ',']).unwrap_or(network.len());
            return format!("onnx:{}{}", last(&network[..end], folders), &network[end..]);
        }
        stage.to_string()
    };
    typed.split('|').map(stage).join("|")
}

/// The end of a path, with `folders` folders and without the file's extension.
fn last(path: &str, folders: usize) -> String {
    let path = Path::new(path).with_extension("");
    let parts = path.components();
    let parts = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let parts = parts
        .map(|part| part.as_os_str().to_string_lossy())
        .collect_vec();
    parts[parts.len().saturating_sub(folders + 1)..].join("/")
}
