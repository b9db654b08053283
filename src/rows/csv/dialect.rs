//! Finds out from the first lines of a text how it is written: what separates cells, what a comma in a number means,
//! and whether `#` begins a comment.

use super::cells::{Cell, Commas, evidence, read};
use super::records::{Dialect, MORE, Records, Separator, too_long};
use crate::error::{Place, Result};
use crate::rows::input::{Input, input_error};
use crate::rows::vector_text;
use std::path::Path;

/// How many bytes are examined, if they hold at least `LINES` lines.
const LOOK: u64 = 64 << 10;

/// How many lines are examined, however long they are.
const LINES: usize = 8;

/// The first lines of a text.
pub(super) struct Look {
    text: Vec<u8>,
    /// The number of bytes before the lines: a byte order mark, Excel's `sep=;`.
    pub skip: u64,
    /// The number of lines in the skipped bytes.
    before: u64,
    /// The separator that the file itself states (`sep=;`).
    stated: Option<u8>,
    /// Whether the lines are the whole file.
    whole: bool,
}

/// A record among the first lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub line: u64,
    pub cells: Vec<String>,
}

/// Reads the first lines, each of at most `most` bytes. Errors: they cannot be read, or the first is longer.
pub(super) fn look(input: &Input, most: u64) -> Result<Look> {
    let mut size = LOOK.min(input.size);
    let mut text = input.bytes(0, size)?;
    while size < most.min(input.size) && text.iter().filter(|&&byte| byte == b'\n').count() < LINES
    {
        size = (4 * size).min(most).min(input.size);
        text = input.bytes(0, size)?;
    }
    let whole = size == input.size;
    if !whole && size == most && !text.contains(&b'\n') {
        return Err(input.error(Place::Line(1), too_long(most), MORE));
    }
    if !whole && let Some(end) = text.iter().rposition(|&byte| byte == b'\n') {
        text.truncate(end + 1);
    }
    let mut skip = if text.starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    };
    let (mut before, mut stated) = (0, None);
    if let [b's', b'e', b'p', b'=', byte, rest @ ..] = &text[skip..]
        && let Some(end @ 0..=1) = rest.iter().position(|&byte| byte == b'\n')
    {
        (stated, before) = (Some(*byte), 1);
        skip += 5 + end + 1;
    }
    text.drain(..skip);
    Ok(Look {
        text,
        skip: skip as u64,
        before,
        stated,
        whole,
    })
}

impl Look {
    /// The records as split by a dialect, without a last one that may be cut off.
    pub fn records(&self, dialect: Dialect) -> Vec<Record> {
        let mut records = Records::new(self.text.as_slice(), dialect, u64::MAX);
        let mut all = Vec::new();
        while let Ok(true) = records.advance() {
            let cells = 0..records.len();
            let text = |place| String::from_utf8_lossy(records.cell(place)).into_owned();
            all.push(Record {
                line: records.line(),
                cells: cells.map(text).collect(),
            });
        }
        if !self.whole && all.len() > 1 {
            all.pop();
        }
        all.retain(|record| !is_blank(&record.cells));
        all
    }

    /// The lines that begin with `#`.
    pub fn comments(&self) -> Vec<&str> {
        let lines = self.text.split(|&byte| byte == b'\n');
        let comments = lines.filter(|line| line.first() == Some(&b'#'));
        comments
            .filter_map(|line| std::str::from_utf8(line).ok())
            .map(str::trim_end)
            .collect()
    }

    /// How the text is split into cells.
    pub fn dialect(&self) -> Dialect {
        let of = |separator| Dialect {
            separator,
            comments: true,
            before: self.before,
        };
        let separator = match self.stated {
            Some(byte) => Separator::Byte(byte),
            None => self.separator(of),
        };
        let mut dialect = of(separator);
        // Lines with `#` that look like all others are rows, for instance where a column of words begins with `#`.
        let rows = self.records(dialect);
        dialect.comments = false;
        let all = self.records(dialect);
        let marked = all.iter().filter(|record| record.cells[0].starts_with('#'));
        let width = rows.last().map_or(0, |record| record.cells.len());
        let is_row = |record: &Record| record.cells.len() == width && numbers(&record.cells) > 0.0;
        dialect.comments = rows.is_empty() || !marked.clone().any(is_row);
        dialect
    }

    /// The separator under which most lines have the same number of cells and most cells hold numbers.
    fn separator(&self, of: impl Fn(Separator) -> Dialect) -> Separator {
        let candidates = [b'\t', b';', b',', b'|']
            .map(Separator::Byte)
            .into_iter()
            .chain([Separator::Blanks]);
        let mut best: Option<(f64, Separator)> = None;
        let mut first = None;
        for separator in candidates {
            let records = self.records(of(separator));
            if records.first().is_some_and(|record| record.cells.len() > 1) {
                first.get_or_insert(separator);
            }
            let score = score(&records);
            if score > best.map_or(0.0, |(best, _)| best) {
                best = Some((score, separator));
            }
        }
        best.map(|(_, separator)| separator)
            .or(first)
            .unwrap_or(Separator::Byte(b','))
    }
}

/// Whether a record is a blank line.
pub(super) fn is_blank(cells: &[String]) -> bool {
    matches!(cells, [cell] if cell.is_empty())
}

/// A score of a separator: the share of lines with the usual number of cells, if that is more than one, times the share
/// of cells that hold numbers, if there are any.
fn score(records: &[Record]) -> f64 {
    let rows = records.get(1..).filter(|rows| !rows.is_empty());
    let rows = rows.unwrap_or(records);
    let mut lengths: Vec<usize> = rows.iter().map(|record| record.cells.len()).collect();
    lengths.sort_unstable();
    let Some(&usual) = lengths.get(lengths.len() / 2) else {
        return 0.0;
    };
    let alike = lengths.iter().filter(|&&length| length == usual).count();
    let named = records[0].cells.len();
    if usual < 2 || 2 * alike < lengths.len() || named.abs_diff(usual) > 1 {
        return 0.0;
    }
    let numbers: f64 = rows.iter().map(|record| numbers(&record.cells)).sum();
    let share = alike as f64 / rows.len() as f64 * numbers / rows.len() as f64;
    // Columns of text alone are split too, where no separator fits better.
    share.max(1e-9)
}

/// The share of cells that hold numbers in any notation.
fn numbers(cells: &[String]) -> f64 {
    let is_number = |cell: &&String| {
        matches!(
            read(cell.as_bytes(), Commas::None),
            Cell::Number(_) | Cell::Rounded
        ) || evidence(cell).is_some()
            || vector_text::parse(cell).is_some()
    };
    cells.iter().filter(is_number).count() as f64 / cells.len() as f64
}

/// What commas in numbers mean, judged by the columns in which at least half of the cells are numbers.
///
/// Errors: numbers that contradict each other, or that can be read in two ways.
pub(super) fn commas(path: &Path, rows: &[Record]) -> Result<Commas> {
    let width = rows.iter().map(|record| record.cells.len()).max();
    let mut found: [Option<(u64, &str)>; 4] = [None; 4];
    for column in 0..width.unwrap_or(0) {
        let cells = || {
            rows.iter()
                .filter_map(|row| Some((row.line, row.cells.get(column)?)))
        };
        let of = |cell: &str| match read(cell.as_bytes(), Commas::None) {
            Cell::Missing => None,
            Cell::Other => Some(evidence(cell).is_some()),
            _ => Some(true),
        };
        let known: Vec<bool> = cells().filter_map(|(_, cell)| of(cell)).collect();
        if 2 * known.iter().filter(|&&number| number).count() < known.len() {
            continue;
        }
        for (line, cell) in cells() {
            if let Some(evidence) = evidence(cell) {
                found[evidence as usize].get_or_insert((line, cell));
            }
        }
    }
    let [point, decimal, thousands, either] = found;
    let refuse = |(line, what): (u64, String)| {
        let advice = "write all numbers as 1234.5, without marks between thousands";
        Err(input_error(path, Place::Line(line), what, advice))
    };
    match (decimal, thousands.or(point), either) {
        (Some((line, one)), Some((other, two)), _) => refuse((
            line.max(other),
            format!(
                "numbers are written both as {one} and as {two}, so that a comma may mean two things"
            ),
        )),
        (Some(_), None, _) => Ok(Commas::Decimal),
        (None, Some(_), Some(_)) => Ok(Commas::Thousands),
        (None, Some(_), None) if thousands.is_some() => Ok(Commas::Thousands),
        (None, None, Some((line, cell))) => refuse((
            line,
            format!(
                "{cell} may be {} or {}, and no number in the first lines tells which",
                cell.replace(',', "."),
                cell.replace(',', "")
            ),
        )),
        (None, _, None) => Ok(Commas::None),
    }
}
