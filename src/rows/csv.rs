//! CSV and TSV of numbers, with or without a header line. Commas, tabs and semicolons separate; values become f64.

use super::Element;
use super::checked::inexact;
use super::decode::rounded_text;
use super::input::{Input, input_error};
use super::table::{Ask, Chunk, STEP, Stream, Table};
use crate::error::{Place, Result};
use csv::{ByteRecord, ReaderBuilder, Trim};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// Bytes looked at to find the separator.
const LOOK: usize = 4096;

/// Whether a file is text.
pub(super) fn sniff(input: &Input) -> bool {
    let text = |&byte: &u8| byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t');
    input.head.iter().all(text)
}

pub(super) fn open(input: Input, _: &Ask) -> Result<Table> {
    let path = input.path.clone();
    let look = input.head[..LOOK.min(input.head.len())].to_vec();
    let file = input.rewound()?;
    let line = look
        .split(|&b| b == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    let separator = [b'\t', b';', b',']
        .into_iter()
        .find(|s| line.contains(s))
        .unwrap_or(b',');
    let reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .comment(Some(b'#'))
        .from_reader(BufReader::new(file));
    let mut lines = Lines {
        path,
        reader,
        record: ByteRecord::new(),
        held: None,
        dim: 0,
    };
    if !lines.advance()? {
        return Err(input_error(
            &lines.path,
            Place::Whole,
            "the file holds no rows",
            "at least one line of numbers is needed",
        ));
    }
    lines.dim = lines.record.len();
    // A first line without a single number is a header.
    if lines.record.iter().all(|field| number(field).is_none()) && !lines.advance()? {
        return Err(input_error(
            &lines.path,
            Place::Line(1),
            "a header, but no rows follow it",
            "at least one line of numbers is needed",
        ));
    }
    lines.held = Some(lines.values()?);
    Ok(Table::stream(lines))
}

/// A field without quotes.
fn text(field: &[u8]) -> Option<&str> {
    Some(std::str::from_utf8(field).ok()?.trim_matches('"'))
}

fn number(field: &[u8]) -> Option<f64> {
    text(field)?.parse().ok()
}

struct Lines {
    path: PathBuf,
    reader: csv::Reader<BufReader<File>>,
    record: ByteRecord,
    /// The first row, read to learn the dimension.
    held: Option<Vec<f64>>,
    dim: usize,
}

impl Lines {
    /// The next record, if there is one.
    fn advance(&mut self) -> Result<bool> {
        self.reader
            .read_byte_record(&mut self.record)
            .map_err(|error| {
                let at = self.reader.position().byte();
                input_error(
                    &self.path,
                    Place::Byte(at),
                    format!("cannot be read: {error}"),
                    "check the file",
                )
            })
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The numbers of the current record.
    fn values(&self) -> Result<Vec<f64>> {
        if self.record.len() != self.dim {
            return Err(input_error(
                &self.path,
                Place::Line(self.line()),
                format!(
                    "the line has {} values, but the first has {}",
                    self.record.len(),
                    self.dim
                ),
                "every line needs the same number of values",
            ));
        }
        self.record
            .iter()
            .enumerate()
            .map(|(column, field)| self.value(column, field))
            .collect()
    }

    fn value(&self, column: usize, field: &[u8]) -> Result<f64> {
        let shown = || -> String { String::from_utf8_lossy(field).chars().take(40).collect() };
        let value = number(field).ok_or_else(|| {
            input_error(
                &self.path,
                Place::Line(self.line()),
                format!("column {column} is {:?}, not a number", shown()),
                "only numbers can be read; remove other columns",
            )
        })?;
        if text(field).is_some_and(|text| rounded_text(text, value)) {
            let file = format!("{}, line {}", self.path.display(), self.line());
            let place = Place::Part(format!("column {column}"));
            return Err(inexact(&file, place, shown()));
        }
        Ok(value)
    }
}

impl Stream for Lines {
    fn axes(&self) -> Vec<usize> {
        vec![self.dim]
    }

    fn element(&self) -> Element {
        Element::F64
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let out = &mut chunk.values;
        let start = out.len();
        while out.len() - start < STEP {
            let values = match self.held.take() {
                Some(values) => values,
                None if self.advance()? => self.values()?,
                None => break,
            };
            out.extend_from_slice(bytemuck::cast_slice(&values));
        }
        Ok(out.len() > start)
    }
}
