//! Selects the files of one split where several splits lie in one folder, as on Hugging Face's hub:

use crate::error::{Error, Place, Result};
use crate::rows::columns::some;
use crate::rows::sources::{Order, sources};
use std::path::{Path, PathBuf};

/// The files of one split.
pub(super) struct Shards {
    pub files: Vec<PathBuf>,
    /// The name of the split, from the spec.
    pub split: Option<String>,
    /// The part after the colon, if it is not a split.
    pub column: Option<String>,
    /// Notes for the user on the choice.
    pub notes: Vec<String>,
}

impl Shards {
    /// The files of a spec: those of the split it names, or all.
    ///
    /// Errors: there are no files.
    pub fn of(spec: &str, order: Order) -> Result<Self> {
        let found = sources(spec, order)?;
        let splits = by_split(&found.files);
        let chosen = found.member.as_ref().and_then(|member| {
            let mut splits = splits.iter();
            splits.find(|(split, _)| split == member)
        });
        Ok(match chosen {
            Some((split, files)) => Shards {
                files: files.clone(),
                split: Some(split.clone()),
                column: None,
                notes: found.notes,
            },
            None => Shards {
                files: found.files,
                split: None,
                column: found.member,
                notes: found.notes,
            },
        })
    }

    /// Checks that the files of a folder belong to one split. Errors: to several.
    pub fn of_one_split(&self, spec: &str) -> Result<()> {
        let splits = by_split(&self.files);
        if splits.len() < 2 || !Path::new(spec).is_dir() {
            return Ok(());
        }
        let names: Vec<&str> = splits.iter().map(|(split, _)| split.as_str()).collect();
        Err(Error::input(
            spec,
            Place::Whole,
            format!("the folder holds several splits: {}", some(&names)),
            format!(
                "name one, as in {spec}:{} (all: a pattern such as '{spec}/*')",
                names[0]
            ),
        ))
    }
}

/// The files grouped by the split in their names, in order of appearance; empty unless every name holds a split.
fn by_split(files: &[PathBuf]) -> Vec<(String, Vec<PathBuf>)> {
    let mut splits: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for file in files {
        let Some(split) = split(file) else {
            return Vec::new();
        };
        match splits.iter_mut().find(|(known, _)| *known == split) {
            Some((_, own)) => own.push(file.clone()),
            None => splits.push((split, vec![file.clone()])),
        }
    }
    splits
}

/// The split in a name such as `train-00000-of-00002.parquet` or `train-00000-of-00002-0f3c.parquet`.
fn split(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    let stem = name.rsplit_once('.')?.0;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, after) = stem.rsplit_once("-of-")?;
    let (split, shard) = before.rsplit_once('-')?;
    let count = after.split('-').next()?;
    // `save_to_disk` uses the name `data` for all splits.
    let told = number(shard) && number(count) && !split.is_empty() && split != "data";
    told.then(|| split.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_in_the_names_of_shards() {
        let split = |name: &str| split(Path::new(name)).unwrap_or_default();
        assert_eq!(split("x/train-00000-of-00002.parquet"), "train");
        assert_eq!(split("my-test-3-of-10-0f3c.parquet"), "my-test");
        for name in [
            "train.parquet",
            "a-of-b.parquet",
            "-0-of-1.parquet",
            "0-of-1.arrow",
            "data-0-of-1.arrow",
        ] {
            assert_eq!(split(name), "", "{name}");
        }
        let sizes = |names: &[&str]| -> Vec<(String, usize)> {
            let files: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            let splits = by_split(&files).into_iter();
            splits.map(|(name, files)| (name, files.len())).collect()
        };
        let files = ["t-0-of-2.arrow", "v-0-of-1.arrow", "t-1-of-2.arrow"];
        assert_eq!(sizes(&files), [("t".into(), 2), ("v".into(), 1)]);
        assert!(sizes(&["t-0-of-1.arrow", "other.arrow"]).is_empty());
    }
}
