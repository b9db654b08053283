//! Word vectors as GloVe, word2vec and fastText write them: a token, which may hold blanks, and its numbers; in text,
//! with or without a first line `ROWS NUMBERS`, or in word2vec's binary form. Tokens become ids.
//!
//! A line is split from the right. Most of the first lines decide the number of values, so that a line with missing
//! values is reported instead of being split elsewhere.

use super::columns::Columns;
use super::format::Format;
use super::input::{Input, input_error};
use super::table::{Ask, Chunk, Lack, STEP, Stream, Table};
use super::{Element, csv};
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How many lines are examined to recognise the format, and the most bytes they may have.
const LOOK: usize = 64;
const LOOK_BYTES: u64 = 8 << 20;
/// The most bytes of a line, and of a token of the binary form.
const LINE: u64 = 64 << 20;
const TOKEN: u64 = 1 << 16;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    /// The number of values at the end of most lines.
    dim: usize,
    /// The numbers of rows and values that the first line claims, if it does.
    claimed: Option<(u64, usize)>,
}

/// A reader of the file from byte `at` on.
fn reader(input: &Input, at: u64) -> Result<BufReader<File>> {
    let failed = |error| Error::io("read", &input.path, error);
    let mut file = input.file.try_clone().map_err(failed)?;
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// The next line, without its terminator; None at the end of the file. Errors: a line that is too long.
fn line(reader: &mut impl BufRead, path: &Path) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = reader.take(LINE).read_until(b'\n', &mut bytes);
    read.map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 == LINE {
        let what = format!("a line has more than {LINE} bytes");
        return Err(input_error(
            path,
            Place::Whole,
            what,
            "it is no text of word vectors",
        ));
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches([' ', '\r', '\n']);
    Ok((!bytes.is_empty()).then(|| text.to_string()))
}

fn is_number(field: &str) -> bool {
    field.parse::<f64>().is_ok()
}

/// The two whole numbers of a line that holds nothing else.
fn claim(line: &str) -> Option<(u64, usize)> {
    let (rows, dim) = line.split_once(' ')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is = digits(rows) && digits(dim);
    Some((rows.parse().ok()?, dim.parse().ok()?)).filter(|_| is)
}

/// Recognises the format from the first lines; None if they are not word vectors.
fn look(input: &Input) -> Result<Option<Look>> {
    let mut text = reader(input, 0)?.take(LOOK_BYTES);
    let mut lines = Vec::new();
    while lines.len() <= LOOK
        && let Some(next) = line(&mut text, &input.path)?
    {
        lines.push(next);
    }
    // The last line that was read may be truncated.
    if text.limit() == 0 && lines.len() > 1 {
        lines.pop();
    }
    let Some((first, below)) = lines.split_first() else {
        return Ok(None);
    };
    let claimed = claim(first).filter(|_| !below.is_empty());
    let lines = if claimed.is_some() { below } else { &lines[..] };
    let trailing = |line: &str| {
        line.rsplit(' ')
            .take_while(|field| is_number(field))
            .count()
    };
    let dim = most_common(lines.iter().map(|line| trailing(line)));
    let most =
        |is: &dyn Fn(&str) -> bool| 2 * lines.iter().filter(|line| is(line)).count() > lines.len();
    let fields = |line: &str| line.split(' ').count();
    if let Some((_, dim)) = claimed
        && dim > 1
        && lines.iter().all(|line| fields(line) > dim)
        && most(&|line| fields(line) == dim + 1)
    {
        // With a claim in the first line, tokens may be numbers, as node2vec writes them.
        return Ok(Some(Look { dim, claimed }));
    }
    let is_word = |line: &str| {
        let (token, _) = split(line, dim);
        let separated = token.contains([',', ';', '\t', '|']) && token.len() > 1;
        let quoted = token.len() > 2 && token.starts_with('"') && token.ends_with('"');
        trailing(line) >= dim && !token.is_empty() && !is_number(token) && !separated && !quoted
    };
    // If the first line holds names, the file is a table.
    let is = dim > 1 && trailing(&lines[0]) >= dim && most(&is_word);
    Ok(is.then_some(Look { dim, claimed }))
}

/// The most common value; of several, the smallest.
fn most_common(values: impl Iterator<Item = usize>) -> usize {
    let mut values: Vec<usize> = values.collect();
    values.sort_unstable();
    let runs = values.chunk_by(|a, b| a == b);
    let most = runs.rev().max_by_key(|run| run.len());
    most.map_or(0, |run| run[0])
}

/// A line's token and the last `dim` fields, in reverse order; fewer if there are fewer.
fn split(line: &str, dim: usize) -> (&str, Vec<&str>) {
    let mut fields: Vec<&str> = line.rsplitn(dim + 1, ' ').collect();
    let token = match fields.len() > dim {
        true => fields.pop(),
        false => None,
    };
    (token.unwrap_or_default(), fields)
}

/// Word vectors as text.
pub(in crate::rows) struct TextWords;

impl Format for TextWords {
    fn name(&self) -> &'static str {
        "words"
    }

    fn sniff(&self, input: &Input) -> bool {
        sniff(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "word vectors (GloVe, word2vec, fastText's .vec)"
    }

    fn member(&self) -> Option<&'static str> {
        // As for a table, as which the file is read if the user chooses columns.
        Some("COLUMN")
    }

    fn is_text(&self) -> bool {
        true
    }
}

/// Whether most lines of a text are a token and numbers.
fn sniff(input: &Input) -> bool {
    csv::sniff(input) && matches!(look(input), Ok(Some(_)))
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    // If the user chooses columns, the file is read as a table whose first column is the token.
    if !ask.choice.is_default() || ask.member.is_some() {
        return csv::open(input, ask);
    }
    let Some(look) = look(&input)? else {
        return csv::open(input, ask);
    };
    let mut reader = reader(&input, 0)?;
    if let Some((_, dim)) = look.claimed {
        line(&mut reader, &input.path)?;
        if dim != look.dim {
            let what = format!(
                "the first line says that a row has {dim} numbers, but most lines end in {}",
                look.dim
            );
            return Err(input.error(
                Place::Line(1),
                what,
                "mend the first line (it is ROWS NUMBERS), or leave it out",
            ));
        }
    }
    let lines = Lines {
        path: input.path,
        reader,
        look,
        line: u64::from(look.claimed.is_some()),
        row: 0,
    };
    Ok(Table::stream(lines).of(columns("lines are a token and its numbers")))
}

fn columns(what: &str) -> Columns {
    Columns {
        id: Some("token".into()),
        notes: vec![format!("{what}: word vectors, whose tokens are the ids")],
        ..Columns::default()
    }
}

/// The error for a first line that claims a wrong number of rows.
fn miscounted(path: &Path, claimed: u64, found: u64) -> Error {
    input_error(
        path,
        Place::Line(1),
        format!("the first line says {claimed} rows, and the file holds {found}"),
        "it is truncated, or its first line is wrong: mend it",
    )
}

/// Word vectors in text.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    look: Look,
    line: u64,
    row: u64,
}

impl Lines {
    fn error(&self, what: String, advice: &str) -> Error {
        input_error(&self.path, Place::Line(self.line), what, advice)
    }

    /// Appends a line. Errors: fields that are not numbers, more numbers than in other lines.
    fn append(&self, text: &str, chunk: &mut Chunk) -> Result<()> {
        let dim = self.look.dim;
        let (token, fields) = split(text, dim);
        let start = chunk.values.len();
        let mut numbers = fields.iter().rev().map(|field| field.parse::<f64>());
        if token.is_empty() || numbers.any(|number| number.is_err()) {
            let found = text
                .rsplit(' ')
                .take_while(|field| is_number(field))
                .count();
            chunk.lacking.push(Lack {
                row: self.row,
                place: Place::Line(self.line),
                what: format!(
                    "the line ends in {found} numbers after a token, but most of the first lines in {dim}"
                ),
            });
            chunk.values.resize(start + dim * size_of::<f64>(), 0);
            chunk.ids.push(text.split(' ').next().unwrap_or_default());
            return Ok(());
        }
        // A token may hold blanks and numbers, but must not end in a number that belongs to the vector.
        let last = token.rsplit_once(' ').map(|(_, last)| last);
        if last.is_some_and(|last| last.contains(['.', 'e']) && is_number(last)) {
            let what = format!("the line has more than {dim} numbers, the length of most lines");
            return Err(self.error(what, "every line needs the same number of values"));
        }
        for field in fields.iter().rev() {
            let value: f64 = field.parse().unwrap_or_default();
            chunk.values.extend_from_slice(&value.to_ne_bytes());
        }
        chunk.ids.push(token);
        Ok(())
    }
}

impl Stream for Lines {
    fn axes(&self) -> Vec<usize> {
        vec![self.look.dim]
    }

    fn element(&self) -> Element {
        Element::F64
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let (start, row) = (chunk.values.len(), self.row);
        while chunk.values.len() - start < STEP {
            let Some(text) = line(&mut self.reader, &self.path)? else {
                break;
            };
            self.line += 1;
            if text.is_empty() {
                continue;
            }
            self.append(&text, chunk)?;
            self.row += 1;
        }
        match self.look.claimed {
            Some((claimed, _)) if self.row == row && self.row != claimed => {
                Err(miscounted(&self.path, claimed, self.row))
            }
            _ => Ok(self.row > row),
        }
    }
}

/// The numbers of rows and values in the first line of word2vec's binary form, and the length of this line in bytes.
fn binary(input: &Input) -> Option<(u64, usize, u64)> {
    let end = input.head.iter().position(|&byte| byte == b'\n')?;
    let first = std::str::from_utf8(&input.head[..end]).ok()?;
    let (rows, dim) = claim(first.trim_end())?;
    Some((rows, dim, end as u64 + 1)).filter(|_| dim > 0)
}

/// Word vectors in word2vec's binary form.
pub(in crate::rows) struct BinaryWords;

impl Format for BinaryWords {
    fn name(&self) -> &'static str {
        "word2vec"
    }

    fn sniff(&self, input: &Input) -> bool {
        is_binary(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open_binary(input, ask)
    }

    fn help(&self) -> &'static str {
        "word2vec's .bin"
    }
}

/// Whether a file is in word2vec's binary form: a line of two whole numbers, followed by bytes that are not text.
fn is_binary(input: &Input) -> bool {
    binary(input).is_some() && !csv::sniff(input)
}

/// Opens the binary form. Errors: the first line claims more than the file can hold.
fn open_binary(input: Input, _: &Ask) -> Result<Table> {
    let Some((rows, dim, start)) = binary(&input) else {
        return Err(input.corrupt(Place::Byte(0), "the first line is not ROWS NUMBERS"));
    };
    // A row takes 4 bytes for each number, and at least one for its token.
    let least = (dim as u64).saturating_mul(4).saturating_add(1);
    let needed = rows.saturating_mul(least).saturating_add(start);
    if needed > input.size {
        let what = format!(
            "the first line claims {rows} rows of {dim} numbers, which take at least {needed} bytes, but the file has {}",
            input.size
        );
        return Err(input.corrupt(Place::Line(1), what));
    }
    let tokens = Binary {
        reader: reader(&input, start)?,
        path: input.path,
        rows,
        dim,
        row: 0,
    };
    Ok(Table::stream(tokens).of(columns("word2vec's binary form")))
}

/// Word vectors in word2vec's binary form.
struct Binary {
    path: PathBuf,
    reader: BufReader<File>,
    rows: u64,
    dim: usize,
    row: u64,
}

impl Binary {
    fn error(&self, what: String) -> Error {
        let advice = "it is truncated or corrupt; write it again";
        input_error(&self.path, Place::Row(self.row), what, advice)
    }

    /// Append the next row.
    fn append(&mut self, chunk: &mut Chunk) -> Result<()> {
        let mut token = Vec::new();
        let read = (&mut self.reader).take(TOKEN).read_until(b' ', &mut token);
        read.map_err(|error| Error::io("read", &self.path, error))?;
        if token.pop() != Some(b' ') {
            return Err(self.error("its token does not end".into()));
        }
        // word2vec itself ends each row with a newline, gensim does not.
        let word = String::from_utf8_lossy(&token);
        chunk.ids.push(word.trim_start_matches('\n'));
        let start = chunk.values.len();
        chunk.values.resize(start + 4 * self.dim, 0);
        let numbers = &mut chunk.values[start..];
        self.reader
            .read_exact(numbers)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    self.error("the file ends inside of its numbers".into())
                }
                _ => Error::io("read", &self.path, error),
            })?;
        if cfg!(target_endian = "big") {
            super::decode::swap(Element::F32, &mut chunk.values[start..]);
        }
        Ok(())
    }

    /// Errors: bytes after the last row.
    fn end(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        let read = (&mut self.reader).take(2).read_to_end(&mut rest);
        read.map_err(|error| Error::io("read", &self.path, error))?;
        match rest.as_slice() {
            [] | [b'\n'] => Ok(()),
            _ => Err(self.error(format!(
                "the file goes on after the {} rows that its first line claims",
                self.rows
            ))),
        }
    }
}

impl Stream for Binary {
    fn axes(&self) -> Vec<usize> {
        vec![self.dim]
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let (start, row) = (chunk.values.len(), self.row);
        while self.row < self.rows && chunk.values.len() - start < STEP {
            self.append(chunk)?;
            self.row += 1;
        }
        if self.row == row {
            self.end()?;
        }
        Ok(self.row > row)
    }
}
