//! Splits lines of text into cells: at one byte, with quotes as in RFC 4180, or at runs of blanks and tabs.

use csv::{ByteRecord, ReaderBuilder, Trim};
use std::io::{self, BufRead, Read};
use std::ops::Range;

/// The separator of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Byte(u8),
    /// One or more blanks or tabs.
    Blanks,
}

impl Separator {
    /// Its name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Separator::Byte(b'\t') => "tabs",
            Separator::Byte(b';') => "semicolons",
            Separator::Byte(b'|') => "bars",
            Separator::Byte(_) => "commas",
            Separator::Blanks => "blanks",
        }
    }
}

/// How text is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub separator: Separator,
    /// Whether lines that begin with `#` are skipped.
    pub comments: bool,
    /// How many lines of the file precede the reader's first line.
    pub before: u64,
}

/// The records of a text, one at a time.
pub(super) struct Records<R> {
    source: Splitter<R>,
    before: u64,
    /// The most bytes of a record, approximately.
    most: u64,
}

enum Splitter<R> {
    Separated {
        reader: csv::Reader<Limited<R>>,
        record: ByteRecord,
    },
    Blanks(Blanks<R>),
}

struct Blanks<R> {
    reader: Limited<R>,
    comments: bool,
    text: Vec<u8>,
    cells: Vec<Range<usize>>,
    line: u64,
}

impl<R: BufRead> Records<R> {
    /// A reader of records of at most `most` bytes, approximately.
    pub fn new(reader: R, dialect: Dialect, most: u64) -> Self {
        let reader = Limited { reader, left: most };
        let source = match dialect.separator {
            Separator::Byte(byte) => Splitter::Separated {
                reader: ReaderBuilder::new()
                    .delimiter(byte)
                    .has_headers(false)
                    .flexible(true)
                    .trim(Trim::All)
                    .comment(dialect.comments.then_some(b'#'))
                    .from_reader(reader),
                record: ByteRecord::new(),
            },
            Separator::Blanks => Splitter::Blanks(Blanks {
                reader,
                comments: dialect.comments,
                text: Vec::new(),
                cells: Vec::new(),
                line: 0,
            }),
        };
        Records {
            source,
            before: dialect.before,
            most,
        }
    }

    /// Goes to the next record, skipping empty lines; false at the end. Errors: from the reader, or a record that is
    /// too long.
    pub fn advance(&mut self) -> std::io::Result<bool> {
        match &mut self.source {
            Splitter::Separated { reader, record } => {
                reader.get_mut().left = self.most;
                reader.read_byte_record(record).map_err(Into::into)
            }
            Splitter::Blanks(blanks) => {
                blanks.reader.left = self.most;
                blanks.advance()
            }
        }
    }

    pub fn len(&self) -> usize {
        match &self.source {
            Splitter::Separated { record, .. } => record.len(),
            Splitter::Blanks(blanks) => blanks.cells.len(),
        }
    }

    /// A cell of the current record, without quotes and outer blanks.
    pub fn cell(&self, place: usize) -> &[u8] {
        match &self.source {
            Splitter::Separated { record, .. } => record.get(place).unwrap_or_default(),
            Splitter::Blanks(blanks) => blanks
                .cells
                .get(place)
                .map_or(&[], |cell| &blanks.text[cell.clone()]),
        }
    }

    /// The line on which the current record begins, counted from 1.
    pub fn line(&self) -> u64 {
        self.before
            + match &self.source {
                Splitter::Separated { record, .. } => {
                    record.position().map_or(0, csv::Position::line)
                }
                Splitter::Blanks(blanks) => blanks.line,
            }
    }
}

/// A reader that fails after a number of bytes, which bounds the memory of a record.
struct Limited<R> {
    reader: R,
    left: u64,
}

/// What to do about a line that is too long.
pub(super) const MORE: &str = "allow more with --memory, of which a line may take a sixteenth";

/// The message for a line that is too long.
pub(super) fn too_long(most: u64) -> String {
    format!("the line has more than {most} bytes")
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.reader.fill_buf()?;
        if self.left == 0 && !bytes.is_empty() {
            return Err(io::Error::other(format!(
                "one of its lines is too long; {MORE}"
            )));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    fn consume(&mut self, count: usize) {
        self.left -= count as u64;
        self.reader.consume(count);
    }
}

impl<R: BufRead> Blanks<R> {
    fn advance(&mut self) -> std::io::Result<bool> {
        loop {
            self.text.clear();
            if self.reader.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(false);
            }
            self.line += 1;
            if self.comments && self.text.first() == Some(&b'#') {
                continue;
            }
            split(&self.text, &mut self.cells);
            if !self.cells.is_empty() {
                return Ok(true);
            }
        }
    }
}

/// Splits a line at blanks; a cell in quotes, as R writes text, may hold blanks.
fn split(line: &[u8], cells: &mut Vec<Range<usize>>) {
    cells.clear();
    let mut at = 0;
    while let Some(skip) = line[at..]
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
    {
        let start = at + skip;
        let quoted = (line[start] == b'"')
            .then(|| line[start + 1..].iter().position(|&byte| byte == b'"'))
            .flatten();
        let (cell, end) = match quoted {
            Some(length) => (start + 1..start + 1 + length, start + 2 + length),
            None => {
                let rest = &line[start..];
                let length = rest.iter().position(u8::is_ascii_whitespace);
                let end = start + length.unwrap_or(rest.len());
                (start..end, end)
            }
        };
        cells.push(cell);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<&str> {
        let mut cells = Vec::new();
        split(line.as_bytes(), &mut cells);
        cells.into_iter().map(|cell| &line[cell]).collect()
    }

    #[test]
    fn blanks_part_cells_and_quotes_hold_them_together() {
        assert_eq!(cells("  1.5  -2\t3\r\n"), ["1.5", "-2", "3"]);
        assert_eq!(cells("\"new york\" 1 \"\""), ["new york", "1", ""]);
        assert_eq!(cells("\"open 1"), ["\"open", "1"]);
        assert!(cells(" \t\n").is_empty());
    }
}
