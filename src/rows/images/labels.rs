//! The class of each image: numbers from a file beside the images or from one that was named, numbers or text from a
//! column of their table.

use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::Rows;
use crate::rows::values::one_column;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Labels from 0 to below this are classes of their own number, whether each of them occurs or not.
const MOST_CLASSES: i64 = 1 << 16;

/// Bytes of labels, as they are stored, that may be in memory.
const MEMORY: u64 = 256 << 20;

/// Labels read at a time.
const STEP: usize = 1 << 16;

/// The class of the rows that have no label, where others of their set have one. It is no class of another set's.
pub const UNLABELLED: &str = "(no label)";

/// A class for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Of each row, its class: an index into `names`.
    pub classes: Vec<u32>,
    /// What each class is called; its number where the file has only numbers. Rows without a label are [`UNLABELLED`].
    pub names: Vec<String>,
}

impl Labels {
    /// The classes of a set's rows, from those of all rows of the files.
    pub(super) fn of_rows(rows: &dyn Rows, of_file: &[u32], names: Vec<String>) -> Self {
        let classes = (0..rows.len())
            .map(|row| of_file[rows.number(row) as usize])
            .collect();
        Labels { classes, names }
    }

    /// The classes of a set whose label column has a text for each row; None without such a column. Classes are in the
    /// order of their names, numbers by size.
    pub(super) fn of_column(rows: &dyn Rows) -> Option<Self> {
        let known = rows.provenance().filter(|known| known.has_labels())?;
        let label = |row| {
            known
                .label(rows.number(row))
                .filter(|label| !label.is_empty())
        };
        let labels: Vec<Option<&str>> = (0..rows.len()).map(label).collect();
        let mut names: Vec<&str> = labels.iter().copied().flatten().collect();
        names.sort_by(|a, b| natord::compare(a, b).then_with(|| a.cmp(b)));
        names.dedup();
        let place: HashMap<&str, u32> = names.iter().copied().zip(0..).collect();
        let classes = labels.iter().map(|label| label.map(|label| place[label]));
        let labels = Labels::of_some(classes, names.into_iter().map(String::from).collect());
        Some(labels).filter(|labels| labels.unlabelled() < rows.len())
    }

    /// The classes of rows some of which may have none.
    fn of_some(classes: impl Iterator<Item = Option<u32>>, mut names: Vec<String>) -> Self {
        let none = names.len() as u32;
        let classes: Vec<u32> = classes.map(|class| class.unwrap_or(none)).collect();
        if classes.contains(&none) {
            names.push(UNLABELLED.into());
        }
        Labels { classes, names }
    }

    /// What a row's class is called; None if it has none.
    pub fn name(&self, row: usize) -> Option<&str> {
        let name = self.names.get(*self.classes.get(row)? as usize)?;
        Some(name.as_str()).filter(|name| *name != UNLABELLED)
    }

    /// How many rows have no label.
    pub fn unlabelled(&self) -> usize {
        (0..self.classes.len())
            .filter(|&row| self.name(row).is_none())
            .count()
    }

    /// Of each row, its class in the numbering of `others`, by name; None where they have no such class.
    pub fn matched(&self, others: &Labels) -> Vec<Option<u32>> {
        let theirs: HashMap<&str, u32> = others
            .names
            .iter()
            .map(String::as_str)
            .zip(0u32..)
            .filter(|(name, _)| *name != UNLABELLED)
            .collect();
        let map: Vec<Option<u32>> = self
            .names
            .iter()
            .map(|name| theirs.get(name.as_str()).copied())
            .collect();
        self.classes
            .iter()
            .map(|&class| map[class as usize])
            .collect()
    }
}

/// Labels as a file has them.
pub(super) struct Given {
    /// The file, as the user named it.
    pub name: String,
    values: Vec<i64>,
}

impl Given {
    /// Read a file of one integer a row: all of them, whatever part of the set is wanted, so that the classes are the same.
    pub fn read(spec: &str, control: &Control) -> Result<Self> {
        let wanted = "labels were expected, one number a row";
        let advice = "name a file of labels, or one column or member of it";
        let rows = one_column(spec, MEMORY, wanted, advice, control)?;
        let mut values = Vec::with_capacity(rows.len());
        let mut some = vec![0.0; STEP.min(rows.len())];
        for first in (0..rows.len()).step_by(STEP) {
            control.check()?;
            let some = &mut some[..STEP.min(rows.len() - first)];
            rows.read_f64(first, some)?;
            for (row, &value) in some.iter().enumerate() {
                // Whole numbers beyond this are not all exact.
                if value.fract() != 0.0 || value.abs() > (1u64 << 53) as f64 {
                    return Err(Error::input(
                        spec,
                        Place::Row((first + row) as u64),
                        format!("the label is {value}, not a whole number"),
                        "labels number the classes: 0, 1, 2, ...",
                    ));
                }
                values.push(value as i64);
            }
        }
        Ok(Given {
            name: spec.into(),
            values,
        })
    }

    /// Check that there is a label for each of `rows` rows (or files) of a set; of one that was cut at `limit` rows, only
    /// that there are enough.
    pub fn check(&self, set: &str, rows: u64, limit: Option<usize>) -> Result<()> {
        let labels = self.values.len() as u64;
        let cut = limit.is_some_and(|limit| rows >= limit as u64);
        if labels == rows || (cut && labels > rows) {
            return Ok(());
        }
        Err(Error::input(
            &self.name,
            Place::Whole,
            format!("there are {labels} labels, but {set} has {rows} images"),
            "name the labels that belong to these images",
        ))
    }

    /// The classes of the rows that were kept.
    pub fn labels(&self, kept: &[usize]) -> Labels {
        let (classes, names) = self.classes();
        Labels {
            classes: kept.iter().map(|&row| classes[row]).collect(),
            names,
        }
    }

    /// A class of each file row, and the names of the classes.
    pub fn classes(&self) -> (Vec<u32>, Vec<String>) {
        let most = self.values.iter().copied().max().unwrap_or(0);
        let known: Vec<i64> = if self.values.iter().all(|v| (0..MOST_CLASSES).contains(v)) {
            (0..=most).collect()
        } else {
            let mut known = self.values.clone();
            known.sort_unstable();
            known.dedup();
            known
        };
        let class = |value: &i64| known.partition_point(|known| known < value) as u32;
        (
            self.values.iter().map(class).collect(),
            known.iter().map(i64::to_string).collect(),
        )
    }
}

/// The labels that MNIST and its relatives have beside a file of images, if they are there.
pub(super) fn beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let labels = ["-", "."].iter().find_map(|dot| {
        let start = plain.strip_suffix(&format!("images{dot}idx3-ubyte"))?;
        Some(format!("{start}labels{dot}idx1-ubyte"))
    })?;
    [labels.clone(), format!("{labels}.gz")]
        .iter()
        .map(|name| images.with_file_name(name))
        .find(|path| path.is_file())
}

/// The labels in a column of a table, as its rows come by: numbers or text.
#[derive(Default)]
pub(super) struct Column {
    numbers: Vec<Option<i64>>,
    /// Of each row, the place of its text.
    texts: Vec<Option<u32>>,
    known: HashMap<String, u32>,
}

impl Column {
    /// Whether a column of this type may hold labels.
    pub fn can_be(kind: &DataType) -> bool {
        is_text(kind) || *kind == DataType::Boolean || kind.is_integer()
    }

    /// The label in a row of a batch.
    ///
    /// Errors: a number that is too large, text after numbers.
    pub fn push(&mut self, batch: &ArrayRef, row: usize) -> std::result::Result<(), String> {
        if is_text(batch.data_type()) {
            let next = self.known.len() as u32;
            let text = text(batch, row).map(|text| *self.known.entry(text).or_insert(next));
            self.texts.push(text);
        } else {
            let number = match batch.is_null(row) {
                true => None,
                false => Some(whole(batch, row).ok_or("the label is too large a number")?),
            };
            self.numbers.push(number);
        }
        match self.numbers.is_empty() || self.texts.is_empty() {
            true => Ok(()),
            false => Err("labels are text here, and numbers elsewhere".into()),
        }
    }

    /// The classes of the rows that were kept.
    pub fn labels(self, kept: &[usize]) -> Labels {
        if self.texts.is_empty() {
            let given = Given {
                name: String::new(),
                values: self.numbers.iter().copied().flatten().collect(),
            };
            let (classes, names) = given.classes();
            let mut classes = classes.into_iter();
            let numbers = self.numbers.iter();
            let classes: Vec<Option<u32>> = numbers
                .map(|number| number.and_then(|_| classes.next()))
                .collect();
            return Labels::of_some(kept.iter().map(|&row| classes[row]), names);
        }
        let mut names: Vec<(String, u32)> = self.known.into_iter().collect();
        names.sort();
        let mut class_of = vec![0; names.len()];
        for (class, (_, place)) in (0u32..).zip(&names) {
            class_of[*place as usize] = class;
        }
        let class = |&row: &usize| self.texts[row].map(|text: u32| class_of[text as usize]);
        let names = names.into_iter().map(|(name, _)| name).collect();
        Labels::of_some(kept.iter().map(class), names)
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// The text in a row of a column of text, if it is there.
pub(super) fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    let value = match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        DataType::Utf8View => column.as_string_view().value(row),
        _ => return None,
    };
    Some(value.into())
}

/// The number in a row of a column of whole numbers, if it can be a label.
fn whole(column: &ArrayRef, row: usize) -> Option<i64> {
    use arrow_array::types::{
        Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    };
    Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => column
            .as_primitive::<UInt64Type>()
            .value(row)
            .try_into()
            .ok()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(values: &[i64]) -> Given {
        Given {
            name: "labels".into(),
            values: values.into(),
        }
    }

    #[test]
    fn numbers_are_their_own_classes_where_they_can_be() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        assert_eq!(
            given(&[3, 0, 3]).classes(),
            (vec![3, 0, 3], names(&["0", "1", "2", "3"]))
        );
        assert_eq!(
            given(&[1, -1, 1]).classes(),
            (vec![1, 0, 1], names(&["-1", "1"]))
        );
        assert_eq!(
            given(&[70_000, 5]).classes(),
            (vec![1, 0], names(&["5", "70000"]))
        );
    }

    #[test]
    fn classes_of_two_sets_are_matched_by_name() {
        let labels = |classes: &[u32], names: &[&str]| Labels {
            classes: classes.into(),
            names: names.iter().map(|name| (*name).into()).collect(),
        };
        let test = labels(&[0, 1, 2], &["dog", "cat", "newt"]);
        let train = labels(&[0], &["cat", "cow", "dog"]);
        assert_eq!(test.matched(&train), [Some(2), Some(0), None]);
    }
}
