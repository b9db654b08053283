//! The class of each image: numbers from a file beside the images or from one that was named, numbers or text from a
//! column of their table.

use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::Rows;
use crate::rows::values::{self, Values};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Labels from 0 to below this are classes of their own number, whether each of them occurs or not.
const MOST_CLASSES: i64 = 1 << 16;

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
        let labels = of_texts(&labels).all();
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
    name: String,
    column: values::ValueColumn,
}

/// A class of each row of a file, `None` where it has no label, and the names of the classes.
pub(super) struct Classes {
    each: Vec<Option<u32>>,
    names: Vec<String>,
}

impl Classes {
    /// Of the rows that were kept.
    pub fn kept(self, rows: impl Iterator<Item = usize>) -> Labels {
        Labels::of_some(rows.map(|row| self.each[row]), self.names)
    }

    /// Of all rows.
    pub fn all(self) -> Labels {
        Labels::of_some(self.each.into_iter(), self.names)
    }
}

impl Given {
    /// Read a file of one label a row, a whole number or a text: all of them, whatever part of the set is wanted, so that
    /// the classes are the same.
    pub fn read(spec: &str, control: &Control) -> Result<Self> {
        Ok(Given {
            name: spec.into(),
            column: values::column(spec, control)?,
        })
    }

    /// The classes of a set of `rows` rows (or files); of one that was cut at `limit` rows there may be labels of more.
    ///
    /// Errors: another number of labels than rows; numbers that are not whole.
    pub fn of_rows(self, set: &str, rows: u64, limit: Option<usize>) -> Result<Classes> {
        let cut = limit.is_some_and(|limit| rows >= limit as u64);
        let values = self.column.of_rows(&[rows], cut)?;
        let labels = values.len() as u64;
        if labels != rows && !(cut && labels > rows) {
            return Err(Error::input(
                &self.name,
                Place::Whole,
                format!("there are {labels} labels, but {set} has {rows} images"),
                "name the labels that belong to these images",
            ));
        }
        of_values(&self.name, &values)
    }

    /// The classes of a set of which it is not known yet how many rows it has.
    ///
    /// Errors: numbers that are not whole.
    pub fn of_any(self) -> Result<Classes> {
        of_values(&self.name, &self.column.of_rows(&[], true)?)
    }
}

fn of_values(name: &str, values: &Values) -> Result<Classes> {
    let values = match values {
        Values::Numbers(values) => values,
        Values::Texts(texts) => return Ok(of_texts(texts)),
    };
    let whole = |(row, value): (usize, &Option<f64>)| match *value {
        None => Ok(None),
        // Whole numbers beyond this are not all exact.
        Some(value) if value.fract() == 0.0 && value.abs() <= (1u64 << 53) as f64 => {
            Ok(Some(value as i64))
        }
        Some(value) => Err(Error::input(
            name,
            Place::Row(row as u64),
            format!("the label is {value}, not a whole number"),
            "labels number the classes, 0, 1, 2, ..., or are texts",
        )),
    };
    let numbers = values.iter().enumerate().map(whole);
    Ok(of_numbers(&numbers.collect::<Result<Vec<_>>>()?))
}

/// The order of classes that are texts, wherever they come from: numbers in them by size, as folders of classes are.
fn by_name(a: &str, b: &str) -> Ordering {
    natord::compare(a, b).then_with(|| a.cmp(b))
}

/// Classes in the order of their names.
fn of_texts<T: AsRef<str>>(texts: &[Option<T>]) -> Classes {
    let each = || texts.iter().map(|text| text.as_ref().map(T::as_ref));
    let mut names: Vec<&str> = each().flatten().collect();
    names.sort_by(|a, b| by_name(a, b));
    names.dedup();
    let place: HashMap<&str, u32> = names.iter().copied().zip(0..).collect();
    Classes {
        each: each()
            .map(|label| label.map(|label| place[label]))
            .collect(),
        names: names.into_iter().map(String::from).collect(),
    }
}

/// Classes of numbers: 0, 1, .. up to the largest where there are not too many, else those that occur.
fn of_numbers(numbers: &[Option<i64>]) -> Classes {
    let values = || numbers.iter().copied().flatten();
    let known: Vec<i64> = if values().all(|value| (0..MOST_CLASSES).contains(&value)) {
        (0..=values().max().unwrap_or(0)).collect()
    } else {
        let mut known: Vec<i64> = values().collect();
        known.sort_unstable();
        known.dedup();
        known
    };
    let class = |value: i64| known.partition_point(|&known| known < value) as u32;
    Classes {
        each: numbers.iter().map(|number| number.map(class)).collect(),
        names: known.iter().map(i64::to_string).collect(),
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
pub(super) struct LabelColumn {
    numbers: Vec<Option<i64>>,
    /// Of each row, the place of its text.
    texts: Vec<Option<u32>>,
    known: HashMap<String, u32>,
}

impl LabelColumn {
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
            return of_numbers(&self.numbers).kept(kept.iter().copied());
        }
        let mut names: Vec<(String, u32)> = self.known.into_iter().collect();
        names.sort_by(|(a, _), (b, _)| by_name(a, b));
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

    fn named(classes: &[u32], names: &[&str]) -> Labels {
        Labels {
            classes: classes.into(),
            names: names.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn numbers_are_their_own_classes_where_they_can_be() {
        let of = |numbers: &[i64]| {
            let some: Vec<Option<i64>> = numbers.iter().copied().map(Some).collect();
            of_numbers(&some).all()
        };
        assert_eq!(of(&[3, 0, 3]), named(&[3, 0, 3], &["0", "1", "2", "3"]));
        assert_eq!(of(&[1, -1, 1]), named(&[1, 0, 1], &["-1", "1"]));
        assert_eq!(of(&[70_000, 5]), named(&[1, 0], &["5", "70000"]));
    }

    #[test]
    fn texts_have_one_order_in_a_file_and_in_a_column_beside_images() {
        let texts = ["part 10", "part 2", "part 1", "part 2"];
        let expected = named(&[2, 1, 0, 1], &["part 1", "part 2", "part 10"]);
        assert_eq!(of_texts(&texts.map(Some)).all(), expected);
        let batch: ArrayRef = std::sync::Arc::new(arrow_array::StringArray::from(texts.to_vec()));
        let mut column = LabelColumn::default();
        (0..4).for_each(|row| column.push(&batch, row).unwrap());
        assert_eq!(column.labels(&[0, 1, 2, 3]), expected);
    }

    /// A file of texts, with a header or without, of a set that was cut or not.
    #[test]
    fn labels_may_be_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.csv").display().to_string();
        let read = |text: &str, rows, limit| {
            std::fs::write(&path, text).unwrap();
            let given = Given::read(&path, &Control::default()).unwrap();
            let classes: Result<Classes> = given.of_rows("set.npy", rows, limit);
            classes.map(|classes| classes.kept(0..rows as usize))
        };
        let pets = named(&[0, 1, 0], &["cat", "dog"]);
        for text in [
            "cat\ndog\ncat\n",
            "label\ncat\ndog\ncat\n",
            "pet\ncat\ndog\ncat\n",
        ] {
            assert_eq!(read(text, 3, None).unwrap(), pets, "{text}");
        }
        let two = named(&[0, 1], &["cat", "dog"]);
        assert_eq!(read("label\ncat\ndog\ncat\n", 2, Some(2)).unwrap(), two);
        assert_eq!(read("cat\ndog\ncat\n", 2, Some(2)).unwrap().classes, [0, 1]);
        let none = named(&[0, 2, 1], &["cat", "dog", UNLABELLED]);
        std::fs::write(&path, "[\"cat\", null, \"dog\"]").unwrap();
        assert_eq!(
            Given::read(&path, &Control::default())
                .unwrap()
                .of_rows("s", 3, None)
                .unwrap()
                .all(),
            none
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
