//! Short names of spaces for figures and tables, where file paths would be too long.

use crate::space::spec::named;
use crate::study::compare::Report;
use std::collections::BTreeSet;
use std::path::Path;

/// The most folders that a short name keeps.
const FOLDERS: usize = 4;

/// The report with short names of its spaces, and for each changed name the space as typed.
pub fn shortened(report: &Report) -> (Report, Vec<(String, String)>) {
    let typed: Vec<&str> = report.spaces.iter().map(|s| s.space.as_str()).collect();
    let names = short(&typed);
    let pairs: Vec<(String, String)> = names
        .into_iter()
        .zip(typed.into_iter().map(String::from))
        .collect();
    let mut report = report.clone();
    let rename = |space: &mut String| {
        if let Some((name, _)) = pairs.iter().find(|(_, typed)| typed == space) {
            space.clone_from(name);
        }
    };
    report.spaces.iter_mut().for_each(|s| rename(&mut s.space));
    for pair in &mut report.pairs {
        rename(&mut pair.a);
        rename(&mut pair.b);
    }
    for found in &mut report.outcomes {
        found.notions.iter_mut().for_each(|n| rename(&mut n.space));
        let comparisons = found.comparisons.iter_mut();
        comparisons.for_each(|pair| rename(&mut pair.space));
    }
    let changed = pairs.into_iter().filter(|(name, typed)| name != typed);
    (report, changed.collect())
}

/// A name for each space: the files' names without extensions, with the fewest folders that make all names different; the
/// spaces as typed where [`FOLDERS`] are not enough.
fn short(typed: &[&str]) -> Vec<String> {
    for folders in 0..FOLDERS {
        let names: Vec<String> = typed.iter().map(|text| one(text, folders)).collect();
        if names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            return names;
        }
    }
    typed.iter().map(|text| text.to_string()).collect()
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
    typed.split('|').map(stage).collect::<Vec<_>>().join("|")
}

/// The end of a path, with `folders` folders and without the file's extension.
fn last(path: &str, folders: usize) -> String {
    let path = Path::new(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = parts.len().saturating_sub(1);
    let kept = parts[end.saturating_sub(folders)..end].iter();
    let kept = kept.filter(|part| !["/", "."].contains(&part.as_ref()));
    let kept: Vec<&str> = kept.map(AsRef::as_ref).chain([stem.as_ref()]).collect();
    kept.join("/")
}
