//! Names of classes: from a file that names codes, or from the data set itself.

use super::labels::{Labels, UNLABELLED};
use crate::error::{Error, Place, Result, first_of};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

/// The longest supported file of names.
const LONGEST: u64 = 16 << 20;

/// The most names that a message shows.
const SHOWN: usize = 5;

/// A name for each code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Where the names come from.
    source: String,
    /// The name of each code; codes are texts, either numbers or previous class names.
    pub of: HashMap<String, String>,
}

impl Names {
    /// Reads names from a file: one per line, or a JSON list, for the codes 0, 1, 2, ...; or a JSON object of codes and
    /// names.
    ///
    /// Objects may have any of the usual forms: `{"0": "cat"}`, `{"0": ["n02123045", "tabby"]}` (the last entry is the
    /// name), `{"cat": 0}`, and any of these below the key `id2label` or `label2id`.
    ///
    /// Errors: a file in none of these forms.
    pub fn read(path: &str) -> Result<Self> {
        let failed = |error| Error::io("read", path, error);
        let file = crate::rows::open_expected(Path::new(path), "name a file of class names")?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to() as u64;
            fault(path, Place::Byte(at), "the text is not UTF-8")
        })?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let pairs = match text.starts_with(['[', '{']) {
            true => json(path, text)?,
            false => listed(text.lines().map(|name| name.trim().to_string()), path)?,
        };
        if pairs.is_empty() {
            return Err(fault(path, Place::Whole, "there are no names"));
        }
        Names::of(path, pairs)
    }

    /// Names for the codes 0, 1, 2, ...
    pub(super) fn list(source: &str, names: Vec<String>) -> Self {
        let codes = (0..names.len()).map(|code| code.to_string());
        Names {
            source: source.into(),
            of: codes.zip(names).collect(),
        }
    }

    fn of(source: &str, pairs: Vec<(String, String)>) -> Result<Self> {
        let mut of = HashMap::new();
        for (code, name) in pairs {
            if of.insert(code.clone(), name).is_some() {
                let what = format!("the code {code:?} has two names");
                return Err(fault(source, Place::Whole, &what));
            }
        }
        Ok(Names {
            source: source.into(),
            of,
        })
    }

    /// Renames the classes; classes that share a name get their code added. A class without a name keeps its code.
    /// Returns the codes of those that occur in `labels` and have no name.
    pub(super) fn apply(&self, labels: &mut Labels) -> Vec<String> {
        let occur: HashSet<u32> = labels.classes.iter().copied().collect();
        let (mut uses, mut unnamed) = (HashMap::new(), Vec::new());
        for name in self.of.values() {
            *uses.entry(name.as_str()).or_insert(0) += 1;
        }
        for (class, called) in (0u32..).zip(&mut labels.names) {
            match self.of.get(called) {
                Some(name) if uses.get(name.as_str()) == Some(&1) => *called = name.clone(),
                Some(name) => *called = format!("{name} ({called})"),
                None if called == UNLABELLED => {}
                None if occur.contains(&class) => unnamed.push(called.clone()),
                None => {}
            }
        }
        unnamed
    }

    /// As `apply`, for names that the user chose for the classes of a set.
    ///
    /// Errors: a class of the set has no name.
    pub fn rename(&self, set: &str, labels: &mut Labels) -> Result<()> {
        let unnamed = self.apply(labels);
        if unnamed.is_empty() {
            return Ok(());
        }
        Err(Error::input(
            &self.source,
            Place::Whole,
            format!(
                "there is no name for the classes {} of {set}",
                first_of(&unnamed, SHOWN)
            ),
            "lines and lists name the codes 0, 1, 2, ...; a JSON object names any: {\"CODE\": \"NAME\"}",
        ))
    }
}

fn fault(path: &str, place: Place, what: &str) -> Error {
    Error::input(
        path,
        place,
        what,
        "names of classes are one a line, or a JSON list, or a JSON object of codes and names",
    )
}

/// Pairs the names with the codes 0, 1, 2, ... Errors: an empty name.
fn listed(names: impl Iterator<Item = String>, path: &str) -> Result<Vec<(String, String)>> {
    let numbered = names.enumerate().map(|(code, name)| match name.is_empty() {
        false => Ok((code.to_string(), name)),
        true => Err(fault(
            path,
            Place::Line(code as u64 + 1),
            "the name is empty",
        )),
    });
    numbered.collect()
}

fn json(path: &str, text: &str) -> Result<Vec<(String, String)>> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| fault(path, Place::Line(error.line() as u64), &error.to_string()))?;
    let inner = ["id2label", "label2id"].into_iter();
    let inner = inner.filter_map(|key| value.get(key)).next();
    match inner.unwrap_or(&value) {
        Value::Array(list) => {
            let names = list.iter().map(|item| name(path, item));
            listed(names.collect::<Result<Vec<_>>>()?.into_iter(), path)
        }
        Value::Object(map) => object(path, map),
        _ => Err(fault(path, Place::Whole, "this is no list and no object")),
    }
}

/// The pairs of code and name in a JSON object; its keys are the names where all values are numbers.
fn object(path: &str, map: &Map<String, Value>) -> Result<Vec<(String, String)>> {
    let turned = map.values().all(Value::is_number);
    let pair = |(key, value): (&String, &Value)| match turned {
        true => Ok((value.to_string(), key.clone())),
        false => Ok((key.clone(), name(path, value)?)),
    };
    map.iter().map(pair).collect()
}

fn name(path: &str, value: &Value) -> Result<String> {
    let name = value
        .as_str()
        .or_else(|| value.as_array()?.last()?.as_str());
    name.filter(|name| !name.is_empty())
        .map(String::from)
        .ok_or_else(|| fault(path, Place::Whole, &format!("{value} is no name")))
}

/// Class names, one per line, from a file beside the images; None unless there are exactly `classes` of them.
pub(super) fn beside(path: &Path, classes: usize) -> Option<Vec<String>> {
    let mut text = String::new();
    std::fs::File::open(path)
        .ok()?
        .take(1 << 16)
        .read_to_string(&mut text)
        .ok()?;
    let names: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(String::from)
        .collect();
    (names.len() == classes).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let names = Names::read(&file.path().display().to_string());
        let mut pairs: Vec<_> = names
            .map_err(|error| error.to_string())?
            .of
            .into_iter()
            .collect();
        pairs.sort();
        Ok(pairs)
    }

    #[test]
    fn names_are_read_as_they_are_met() {
        let two = |a: &str, b: &str| Ok(vec![("0".into(), a.into()), ("1".into(), b.into())]);
        assert_eq!(of("\u{feff}a cat\r\ndog\r\n"), two("a cat", "dog"));
        assert_eq!(of("[\"cat\", \"dog\"]"), two("cat", "dog"));
        assert_eq!(
            of("{\"1\": \"dog\", \"0\": [\"n0\", \"cat\"]}"),
            two("cat", "dog")
        );
        assert_eq!(of("{\"dog\": 1, \"cat\": 0}"), two("cat", "dog"));
        let config = "{\"x\": 1, \"id2label\": {\"0\": \"cat\", \"1\": \"dog\"}, \"label2id\": {}}";
        assert_eq!(of(config), two("cat", "dog"));
        for (text, part) in [
            ("", "no names"),
            ("cat\n\ndog", "line 2"),
            ("[1]", "1 is no name"),
            ("{\"a\": 1, \"b\": 1}", "two names"),
            ("[\"cat\",\n3 4]", "line 2"),
        ] {
            let told = of(text).unwrap_err();
            assert!(told.contains(part), "{text:?}: {told}");
        }
    }

    #[test]
    fn classes_that_share_a_name_stay_apart() {
        let mut labels = Labels {
            classes: vec![0, 1, 3],
            names: ["0", "1", "2", "7"].map(String::from).into(),
        };
        let names = Names::list("list", ["crane", "dog", "crane"].map(String::from).into());
        assert_eq!(names.apply(&mut labels), ["7"]);
        assert_eq!(labels.names, ["crane (0)", "dog", "crane (2)", "7"]);
        let told = names.rename("SET", &mut labels).unwrap_err().to_string();
        assert!(told.contains("7") && told.contains("SET"), "{told}");
    }
}
