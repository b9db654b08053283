//! One value a row that is not a vector: what a model predicts, whether it was right, its loss. Numbers or text.
//!
//! Numbers come from every format that rows come from; text from `.npy` of `<U` or `|S`, columns of Parquet, Arrow and
//! CSV, lines of text, and JSON lists.

use super::input::{Input, probe};
use super::open::{files, open};
use super::options::OpenOptions;
use super::sources::Order;
use super::{Rows, arrow_values, csv, npy, parquet};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use arrow_array::Array;
use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;

/// Bytes of numbers that may be in memory.
const MEMORY: u64 = 1 << 30;

/// The longest JSON list.
const LONGEST: u64 = 1 << 30;

/// A value a row; `None` where there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
}

impl Values {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Values::Numbers(values) => values.len(),
            Values::Texts(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row as text: whole numbers without a point.
    pub fn text(&self, row: usize) -> Option<String> {
        match self {
            Values::Numbers(values) => values
                .get(row)
                .copied()
                .flatten()
                .map(|value| value.to_string()),
            Values::Texts(values) => values.get(row).cloned().flatten(),
        }
    }
}

/// One value a row as a file has them, before it is known how many rows there are.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueColumn {
    /// The file, as it was named.
    spec: String,
    found: FileValues,
}

#[derive(Debug, Clone, PartialEq)]
enum FileValues {
    Values(Values),
    /// A text of one column whose first line is a name, or one more value.
    Lines {
        first: String,
        rest: Vec<String>,
    },
}

/// Names that people give to such columns, in small letters.
const NAMES: [&str; 18] = [
    "category",
    "class",
    "classes",
    "correct",
    "error",
    "errors",
    "label",
    "labels",
    "loss",
    "losses",
    "pred",
    "predicted",
    "prediction",
    "predictions",
    "preds",
    "target",
    "targets",
    "y",
];

impl ValueColumn {
    /// The values of a set whose file has one of these numbers of rows, the likelier first; of one that was cut, and may
    /// have had more, where `cut`.
    ///
    /// Errors: a first line of which nothing tells whether it is a name or a value.
    pub fn of_rows(self, rows: &[u64], cut: bool) -> Result<Values> {
        let (first, rest) = match self.found {
            FileValues::Values(values) => return Ok(values),
            FileValues::Lines { first, rest } => (first, rest),
        };
        let lines = rest.len() as u64;
        let counts = |lines| rows.contains(&lines);
        let known = NAMES.contains(&first.to_lowercase().as_str());
        let again = rest.contains(&first);
        let is_value = if cut && (again || known) {
            again
        } else if counts(lines) || counts(lines + 1) {
            !counts(lines)
        } else if again || !cut {
            again || !known
        } else {
            return Err(Error::input(
                &self.spec,
                Place::Row(0),
                format!("the first line, {first:?}, may be the column's name or the first value"),
                "give the column a name such as label, or name it with FILE:COLUMN",
            ));
        };
        let first = is_value.then_some(first);
        Ok(of_texts(first.into_iter().chain(rest).map(Some).collect()))
    }
}

/// Read one value a row: `FILE`, or `FILE:COLUMN` of a table, `FILE:MEMBER` of an archive.
///
/// Errors: no such file or column, a file that is none of these, several files, rows of several numbers.
pub fn column(spec: &str, control: &Control) -> Result<ValueColumn> {
    let found = found(spec, control)?;
    Ok(ValueColumn {
        spec: spec.into(),
        found,
    })
}

fn found(spec: &str, control: &Control) -> Result<FileValues> {
    let numbers = || numbers(spec, control).map(FileValues::Values);
    let (files, member) = files(spec, Order::Natural)?;
    let [path] = files.as_slice() else {
        return numbers();
    };
    if !path.is_file() {
        return numbers();
    }
    let input = probe(path)?;
    let member = member.as_deref();
    let starts = |magic: &[u8]| input.head.starts_with(magic);
    if starts(b"\x93NUMPY") {
        return match npy::texts(&input)? {
            Some(texts) => Ok(FileValues::Values(Values::Texts(
                texts.into_iter().map(Some).collect(),
            ))),
            None => numbers(),
        };
    }
    if starts(b"PAR1") || starts(b"ARROW1") || starts(&[0xFF, 0xFF, 0xFF, 0xFF]) {
        return of_arrays(&input, &parquet::column(&input, member)?).map(FileValues::Values);
    }
    let text = input.head.iter().find(|byte| !byte.is_ascii_whitespace());
    match text {
        Some(b'[') if csv::sniff(&input) => of_json(&input).map(FileValues::Values),
        Some(_) if csv::sniff(&input) && !input.head.starts_with(b"\xFF\xFE") => {
            Ok(match csv::texts(&input, member)? {
                (Some(first), rest) if member.is_none() => FileValues::Lines { first, rest },
                (_, texts) => FileValues::Values(of_texts(texts.into_iter().map(Some).collect())),
            })
        }
        _ => numbers(),
    }
}

/// A set of one number a row, of which so many bytes may stay in memory; `wanted` and `advice` are what to say of one of
/// more numbers.
pub(super) fn one_column(
    spec: &str,
    memory: u64,
    wanted: &str,
    advice: &str,
    control: &Control,
) -> Result<Box<dyn Rows>> {
    let options = OpenOptions {
        memory,
        ..OpenOptions::default()
    };
    let rows = open(spec, &options, control)?;
    if rows.dim() != 1 {
        let what = format!("{wanted}, but rows have {} numbers", rows.dim());
        return Err(Error::input(spec, Place::Whole, what, advice));
    }
    Ok(rows)
}

/// A column of numbers of any format of rows.
fn numbers(spec: &str, control: &Control) -> Result<Values> {
    let wanted = "one value a row was expected";
    let advice = "name a file of one value a row, or one column or member of it";
    let rows = one_column(spec, MEMORY, wanted, advice, control)?;
    let mut values = vec![0.0; rows.len()];
    rows.read_f64(0, &mut values)?;
    Ok(Values::Numbers(values.into_iter().map(Some).collect()))
}

/// Numbers where all texts are, an empty one being none.
fn of_texts(texts: Vec<Option<String>>) -> Values {
    let number = |text: &Option<String>| match text.as_deref().map(str::trim) {
        None | Some("") => Some(None),
        Some("True" | "true" | "TRUE") => Some(Some(1.0)),
        Some("False" | "false" | "FALSE") => Some(Some(0.0)),
        Some(text) => text.parse().ok().map(Some),
    };
    match texts.iter().map(number).collect() {
        Some(numbers) => Values::Numbers(numbers),
        None => Values::Texts(
            texts
                .into_iter()
                .map(|text| text.filter(|text| !text.is_empty()))
                .collect(),
        ),
    }
}

fn of_json(input: &Input) -> Result<Values> {
    let bytes = input.bytes(0, input.size.min(LONGEST))?;
    let wrong = |what: String| {
        input.error(
            Place::Whole,
            what,
            "a list of numbers or of texts was expected",
        )
    };
    let list: Vec<serde_json::Value> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text.clone())),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Ok(Some(value.to_string())),
        other => Err(wrong(format!("the list holds {other}"))),
    };
    Ok(of_texts(list.iter().map(text).collect::<Result<_>>()?))
}

/// The texts of a column of text; `None` for any other.
pub(crate) fn texts(column: &ArrayRef) -> Option<Vec<Option<String>>> {
    fn owned<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<String>> {
        values.map(|value| value.map(String::from)).collect()
    }
    match column.data_type() {
        DataType::Utf8 => Some(owned(column.as_string::<i32>().iter())),
        DataType::LargeUtf8 => Some(owned(column.as_string::<i64>().iter())),
        DataType::Utf8View => Some(owned(column.as_string_view().iter())),
        _ => None,
    }
}

fn of_arrays(input: &Input, arrays: &[ArrayRef]) -> Result<Values> {
    if let Some(texts) = arrays.iter().map(texts).collect::<Option<Vec<_>>>()
        && !arrays.is_empty()
    {
        return Ok(Values::Texts(texts.concat()));
    }
    let wrong = |error: arrow_schema::ArrowError| {
        input.error(
            Place::Whole,
            error.to_string(),
            "a column of numbers, truths or texts was expected",
        )
    };
    let numbers = arrays
        .iter()
        .map(|array| arrow_values::numbers(array).map_err(wrong));
    Ok(Values::Numbers(
        numbers.collect::<Result<Vec<_>>>()?.concat(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8], rows: usize) -> Result<Values> {
        let folder = tempfile::tempdir().unwrap();
        let (file, member) = name.split_once(':').unwrap_or((name, ""));
        let path = folder.path().join(file);
        std::fs::write(&path, bytes).unwrap();
        let member = if member.is_empty() {
            String::new()
        } else {
            format!(":{member}")
        };
        let spec = format!("{}{member}", path.display());
        column(&spec, &Control::default())?.of_rows(&[rows as u64], false)
    }

    /// The first line of a text is a name or a value: by the number of rows, or by itself where the set was cut.
    #[test]
    fn a_first_line_is_never_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.txt").display().to_string();
        let read = |text: &str, rows: &[u64], cut| {
            std::fs::write(&path, text).unwrap();
            column(&path, &Control::default())?.of_rows(rows, cut)
        };
        let pets = texts(&["cat", "dog", "cat"]);
        assert_eq!(read("pet\ncat\ndog\ncat\n", &[2, 3], false).unwrap(), pets);
        assert_eq!(
            read("cat\ndog\ncat\n", &[2, 3], false).unwrap(),
            texts(&["dog", "cat"])
        );
        assert_eq!(read("cat\ndog\ncat\n", &[3], false).unwrap(), pets);
        assert_eq!(read("Label\ncat\ndog\ncat\n", &[1], true).unwrap(), pets);
        assert_eq!(read("cat\ndog\ncat\n", &[1], true).unwrap(), pets);
        let error = read("pet\ncat\ndog\ncat\n", &[1], true)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("\"pet\", may be the column's name"),
            "{error}"
        );
    }

    fn texts(texts: &[&str]) -> Values {
        Values::Texts(texts.iter().map(|text| Some(text.to_string())).collect())
    }

    fn numbers(numbers: &[f64]) -> Values {
        Values::Numbers(numbers.iter().copied().map(Some).collect())
    }

    fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
    }

    #[test]
    fn texts_of_numpy() {
        let wide = |text: &str, letters: usize| -> Vec<u8> {
            let codes = text.chars().map(u32::from).chain(std::iter::repeat(0));
            codes.take(letters).flat_map(u32::to_le_bytes).collect()
        };
        let file = npy("<U5", "(2,)", &[wide("cat", 5), wide("löwe", 5)].concat());
        assert_eq!(read("a.npy", &file, 2).unwrap(), texts(&["cat", "löwe"]));
        let file = npy("|S3", "(2,)", b"catdo\0");
        assert_eq!(read("a.npy", &file, 2).unwrap(), texts(&["cat", "do"]));
        let file = npy("|b1", "(3,)", &[1, 0, 1]);
        assert_eq!(read("a.npy", &file, 3).unwrap(), numbers(&[1.0, 0.0, 1.0]));
        let error = read("a.npy", &npy("<U5", "(9999999,)", b"cat"), 2).unwrap_err();
        assert!(error.to_string().contains("bytes are claimed"), "{error}");
        assert!(read("a.npy", &npy("<U1", "(1,)", &[0, 0, 0, 255]), 1).is_err());
    }

    #[test]
    fn lines_and_columns_of_text() {
        assert_eq!(
            read("a.txt", b"cat\ndog\nT-shirt top\n", 3).unwrap(),
            texts(&["cat", "dog", "T-shirt top"])
        );
        assert_eq!(
            read("a.csv", b"pred\ncat\ndog\n", 2).unwrap(),
            texts(&["cat", "dog"])
        );
        assert_eq!(
            read("a.csv:pred", b"row,pred\n0,cat\n1,dog\n", 2).unwrap(),
            texts(&["cat", "dog"])
        );
        assert_eq!(
            read("a.csv:ok", b"ok,loss\nTrue,0.5\nFalse,\n", 2).unwrap(),
            numbers(&[1.0, 0.0])
        );
        assert_eq!(
            read("a.csv:loss", b"ok,loss\nTrue,0.5\nFalse,\n", 2).unwrap(),
            Values::Numbers(vec![Some(0.5), None])
        );
        assert_eq!(
            read("a.txt", b"3\n1\n4\n", 3).unwrap(),
            numbers(&[3.0, 1.0, 4.0])
        );
        let error = read("a.csv", b"row,pred\n0,cat\n1,dog\n", 2)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("several columns: row, pred") && error.contains("FILE:COLUMN"),
            "{error}"
        );
        let error = read("a.csv:p", b"row,pred\n0,cat\n", 1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no column \"p\""), "{error}");
    }

    #[test]
    fn lists_of_json() {
        assert_eq!(
            read("a.json", b"[\"cat\", null, \"dog\"]", 3).unwrap(),
            Values::Texts(vec![Some("cat".into()), None, Some("dog".into()),])
        );
        assert_eq!(
            read("a.json", b"[1, 0.5, true]", 3).unwrap(),
            numbers(&[1.0, 0.5, 1.0])
        );
        assert!(read("a.json", b"[[1]]", 1).is_err());
    }

    #[test]
    fn columns_of_parquet() {
        use arrow_array::{BooleanArray, RecordBatch, StringArray};
        use std::sync::Arc;
        let batch = RecordBatch::try_from_iter_with_nullable(vec![
            (
                "pred",
                Arc::new(StringArray::from(vec![Some("cat"), None])) as ArrayRef,
                true,
            ),
            (
                "ok",
                Arc::new(BooleanArray::from(vec![Some(true), Some(false)])) as ArrayRef,
                true,
            ),
        ])
        .unwrap();
        let mut bytes = Vec::new();
        let mut writer =
            ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(
            read("a.parquet:pred", &bytes, 2).unwrap(),
            Values::Texts(vec![Some("cat".into()), None])
        );
        assert_eq!(
            read("a.parquet:ok", &bytes, 2).unwrap(),
            numbers(&[1.0, 0.0])
        );
        assert!(
            read("a.parquet", &bytes, 2)
                .unwrap_err()
                .to_string()
                .contains("several columns: pred, ok")
        );
    }
}
