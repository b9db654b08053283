//! CSV, TSV and other tables in text: numbers between commas, tabs, semicolons, bars or blanks, with or without a header.
//!
//! How a file is written is decided on its first lines: [`dialect`] says how they are split and what a comma in a number
//! means, [`header`] which columns there are. What was chosen beyond the ordinary is said. Values become f64.

mod cells;
mod dialect;
mod header;
mod records;

use super::checked::inexact;
use super::columns::{Chosen, ColumnKind, choose, some};
use super::format::Format;
use super::input::{Input, input_error};
use super::table::{Ask, Chunk, Lack, STEP, Stream, Table};
use super::vector_text::{self, Spelled};
use super::{Element, Texts};
use crate::error::{Error, Place, Result};
use cells::{Cell, Commas};
use dialect::{Look, Record};
use header::Names;
use records::{Dialect, Records, Separator};
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::PathBuf;

/// Marks of text in two bytes a character, as Excel writes "Unicode text".
const UTF16: [[u8; 2]; 2] = [[0xFF, 0xFE], [0xFE, 0xFF]];

/// Bytes that a line may always have: its cells take up to a hundred times as many. More only where `--memory` allows
/// sixteen times as many.
const LINE: u64 = 4 << 20;

/// Bytes that a line of text may have.
const TEXT: u64 = 64 << 20;

/// Extensions of tables, whatever is in them.
const TABLES: [&str; 3] = ["csv", "tsv", "tab"];

/// CSV and other text of numbers.
pub(in crate::rows) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn sniff(&self, input: &Input) -> bool {
        sniff(input) && is_table(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "CSV or TSV of numbers"
    }

    fn member(&self) -> Option<&'static str> {
        Some("COLUMN")
    }

    fn is_text(&self) -> bool {
        true
    }
}

/// Whether a file is text.
pub(super) fn sniff(input: &Input) -> bool {
    let text = |&byte: &u8| byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t' | 0x0C);
    input.head.iter().all(text) || is_utf16(input)
}

fn is_utf16(input: &Input) -> bool {
    UTF16.iter().any(|mark| input.head.starts_with(mark)) && input.head.contains(&0)
}

/// Whether a text is a table: its extension says so, or some column of its first lines is more than words. What cannot be
/// looked at is left to [`open`] to say.
fn is_table(input: &Input) -> bool {
    if TABLES.contains(&input.extension.as_str()) || is_utf16(input) {
        return true;
    }
    let Ok(look) = dialect::look(input, LINE) else {
        return true;
    };
    let dialect = look.dialect();
    let records = look.records(dialect);
    let Ok(commas) = dialect::commas(&input.path, &records) else {
        return true;
    };
    let given = given(&look, dialect, &records);
    let head = header::head(&records, commas, given.as_deref());
    let mut kinds = head.columns.iter().map(|column| &column.kind);
    let only_names = head.names.is_some() && records.len() == 1;
    let words = kinds
        .clone()
        .any(|kind| *kind == ColumnKind::Other(header::WORDS))
        && kinds.all(|kind| matches!(kind, ColumnKind::Other(_)));
    records.is_empty() || !(only_names || words)
}

pub(super) fn open(input: Input, ask: &Ask) -> Result<Table> {
    if is_utf16(&input) {
        return Err(input.error(
            Place::Byte(0),
            "this is text in UTF-16",
            "save it as UTF-8: in Python, open(OUT, 'w').write(open(FILE, encoding='utf-16').read())",
        ));
    }
    let most = LINE.max(ask.memory / 16);
    let look = dialect::look(&input, most)?;
    let dialect = look.dialect();
    let records = look.records(dialect);
    let commas = dialect::commas(&input.path, &records)?;
    let given = given(&look, dialect, &records);
    let head = header::head(&records, commas, given.as_deref());
    if head.columns.is_empty() {
        return Err(input.error(
            Place::Whole,
            "the file holds no rows",
            "at least one line of numbers is needed",
        ));
    }
    let mut chosen = choose(&input.path, &head.columns, ask.member, ask.choice)?;
    let named = head.names.is_some() || given.is_some();
    if !named {
        chosen.columns.names.clear();
    }
    let notes = notes(
        &look,
        dialect,
        commas,
        head.names,
        given.is_some(),
        &records,
    );
    chosen.columns.notes.extend(notes);
    let skip = usize::from(head.names.is_some());
    let rows = &records[skip.min(records.len())..];
    let empty = |place: &usize| head.columns[*place].kind == ColumnKind::Other(header::EMPTY);
    let lines = Lines {
        width: head.columns.len(),
        empty: (0..head.columns.len()).filter(empty).collect(),
        names: head.columns.iter().map(|c| c.name.clone()).collect(),
        dim: dim(&chosen, rows),
        vector: chosen.vector,
        places: chosen.places,
        id: chosen.id,
        label: chosen.label,
        commas,
        row: 0,
        records: reopened(&input, &look, dialect, skip, most)?,
        path: input.path,
    };
    Ok(Table::stream(lines).of(chosen.columns))
}

/// One column as text, whatever it holds: its name, where the first line gives one, and a text a line.
///
/// Errors: no such column, several without one being named.
pub(super) fn texts(input: &Input, member: Option<&str>) -> Result<(Option<String>, Vec<String>)> {
    let look = dialect::look(input, TEXT)?;
    let mut dialect = look.dialect();
    let split = || {
        look.records(dialect)
            .iter()
            .all(|record| record.cells.len() > 1)
    };
    if member.is_none() && (input.extension == "txt" || !split()) {
        // Lines of text: blanks in them part nothing.
        dialect.separator = Separator::Byte(b'\t');
    }
    let records = look.records(dialect);
    let commas = dialect::commas(&input.path, &records)?;
    let head = header::head(&records, commas, given(&look, dialect, &records).as_deref());
    let names: Vec<&str> = head
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let place = match member {
        Some(member) => names.iter().position(|name| *name == member),
        None => (names.len() == 1).then_some(0),
    };
    let Some(place) = place else {
        let what = match member {
            Some(member) => format!("there is no column {member:?}; there are: {}", some(&names)),
            None => format!("there are several columns: {}", some(&names)),
        };
        return Err(input.error(Place::Whole, what, "write FILE:COLUMN"));
    };
    let failed = |error| Error::io("read", &input.path, error);
    let mut lines = reopened(
        input,
        &look,
        dialect,
        usize::from(head.names.is_some()),
        TEXT,
    )?;
    let mut texts = Vec::new();
    while lines.advance().map_err(failed)? {
        if !is_blank(&lines) {
            texts.push(String::from_utf8_lossy(lines.cell(place)).into_owned());
        }
    }
    let name = head.names.map(|_| names[place].to_string());
    Ok((name, texts))
}

/// The records after the header, from the file.
fn reopened(
    input: &Input,
    look: &Look,
    dialect: Dialect,
    skip: usize,
    most: u64,
) -> Result<Records<BufReader<File>>> {
    let failed = |error| Error::io("read", &input.path, error);
    let mut file = input.file.try_clone().map_err(failed)?;
    file.seek(SeekFrom::Start(look.skip)).map_err(failed)?;
    let mut records = Records::new(BufReader::with_capacity(1 << 16, file), dialect, most);
    let mut seen = 0;
    while seen < skip && records.advance().map_err(failed)? {
        seen += usize::from(!is_blank(&records));
    }
    Ok(records)
}

fn is_blank<R: std::io::BufRead>(records: &Records<R>) -> bool {
    records.len() == 1 && records.cell(0).is_empty()
}

/// Names that a comment gives: the only one, with a name for each column.
fn given(look: &Look, dialect: Dialect, records: &[Record]) -> Option<Vec<String>> {
    let (Separator::Byte(byte), true) = (dialect.separator, dialect.comments) else {
        return None;
    };
    let comments = look.comments();
    let [comment] = comments.as_slice() else {
        return None;
    };
    let names = comment
        .trim_start_matches(['#', ' '])
        .split(char::from(byte));
    let names: Vec<String> = names.map(|name| name.trim().to_string()).collect();
    let width = records.first()?.cells.len();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    let numbers = |cells: &[String]| {
        let is_other = |cell: &String| cells::read(cell.as_bytes(), Commas::None) == Cell::Other;
        cells.iter().all(|cell| !is_other(cell))
    };
    let text = |name: &String| cells::read(name.as_bytes(), Commas::None) == Cell::Other;
    (width > 1 && sorted.len() == width && names.len() == width && names.iter().all(text))
        .then_some(names)
        .filter(|_| numbers(&records[0].cells) || records.len() > 1)
}

/// Numbers of a row.
fn dim(chosen: &Chosen, rows: &[Record]) -> usize {
    if !chosen.vector {
        return chosen.places.len();
    }
    let cells = rows
        .iter()
        .filter_map(|row| row.cells.get(chosen.places[0]));
    let lengths = cells.filter_map(|cell| match vector_text::parse(cell)? {
        Spelled::Vector(values) => Some(values.len()),
        _ => None,
    });
    lengths.into_iter().next().unwrap_or(0)
}

/// What was chosen for the user.
fn notes(
    look: &Look,
    dialect: Dialect,
    commas: Commas,
    names: Option<Names>,
    given: bool,
    records: &[Record],
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Separator::Blanks | Separator::Byte(b'|') = dialect.separator {
        notes.push(format!("{} separate the values", dialect.separator.name()));
    }
    match commas {
        Commas::None => {}
        Commas::Decimal => {
            notes.push("commas in numbers are decimal marks: 1,5 is read as 1.5".into())
        }
        Commas::Thousands => {
            notes.push("commas in numbers part thousands: 1,234.5 is read as 1234.5".into())
        }
    }
    let first = records.first();
    if let (Some(Names::Mixed | Names::Counting), Some(first)) = (names, first) {
        let shown: Vec<&str> = first.cells.iter().take(3).map(String::as_str).collect();
        let more = if first.cells.len() > 3 { ",.." } else { "" };
        notes.push(format!(
            "line {} ({}{more}) is taken for the names of the columns: row 0 is the line after it",
            first.line,
            shown.join(",")
        ));
    }
    let comments = look.comments();
    if given {
        notes.push(format!(
            "the columns have the names of the comment {}",
            comments[0]
        ));
    } else if dialect.comments && !comments.is_empty() {
        let lines = if comments.len() == 1 {
            "line is"
        } else {
            "lines are"
        };
        notes.push(format!(
            "{} {lines} passed over as comments, as they begin with #",
            comments.len()
        ));
    }
    notes
}

/// The rows of a text.
struct Lines {
    path: PathBuf,
    records: Records<BufReader<File>>,
    commas: Commas,
    /// Cells of a line.
    width: usize,
    /// Numbers of a row.
    dim: usize,
    vector: bool,
    places: Vec<usize>,
    id: Option<usize>,
    label: Option<usize>,
    /// The columns that were empty in the first lines, and are left out for it.
    empty: Vec<usize>,
    names: Vec<String>,
    row: u64,
}

impl Lines {
    fn error(&self, what: String, advice: &str) -> Error {
        input_error(&self.path, Place::Line(self.records.line()), what, advice)
    }

    /// Append the current record. Errors: a cell that is no number, too many cells.
    fn append(&self, chunk: &mut Chunk) -> Result<()> {
        let lack = self.lack(chunk)?;
        if let Some(what) = lack {
            chunk.lacking.push(Lack {
                row: self.row,
                place: Place::Line(self.records.line()),
                what,
            });
        }
        let text = |place| String::from_utf8_lossy(self.records.cell(place));
        let push = |place: Option<usize>, texts: &mut Texts| {
            if let Some(place) = place {
                texts.push(&text(place));
            }
        };
        push(self.id, &mut chunk.ids);
        push(self.label, &mut chunk.labels);
        Ok(())
    }

    /// Append the numbers of the current record, or any if it lacks some: what it lacks.
    fn lack(&self, chunk: &mut Chunk) -> Result<Option<String>> {
        let (found, width) = (self.records.len(), self.width);
        let uneven = format!("the line has {found} values, but the first has {width}");
        if (width..found).any(|place| !self.records.cell(place).is_empty()) {
            return Err(self.error(uneven, "every line needs the same number of values"));
        }
        for &place in &self.empty {
            if !matches!(
                cells::read(self.records.cell(place), self.commas),
                Cell::Missing
            ) {
                let what = format!(
                    "column {} holds {:?}, and its first cells are empty, so that it was left out",
                    self.names[place],
                    self.shown(place)
                );
                return Err(self.error(what, "name the columns to use with --columns or --drop"));
            }
        }
        let mut lack = (found < width).then_some(uneven);
        if self.vector {
            let spelled = self.vector(chunk)?;
            return Ok(lack.or(spelled));
        }
        for &place in &self.places {
            let value = match cells::read(self.records.cell(place), self.commas) {
                Cell::Number(value) => value,
                Cell::Missing => {
                    let shown = self.shown(place);
                    lack.get_or_insert_with(|| match shown.as_str() {
                        "" => format!("column {} is empty, not a number", self.names[place]),
                        word => format!("column {} is {word}, not a number", self.names[place]),
                    });
                    0.0
                }
                Cell::Rounded => {
                    let file = format!("{}, line {}", self.path.display(), self.records.line());
                    let place = (place, Place::Part(format!("column {}", self.names[place])));
                    return Err(inexact(&file, place.1, self.shown(place.0)));
                }
                Cell::Other => return Err(self.not_a_number(place)),
            };
            chunk.values.extend_from_slice(&value.to_ne_bytes());
        }
        Ok(lack)
    }

    fn shown(&self, place: usize) -> String {
        let text = String::from_utf8_lossy(self.records.cell(place));
        text.chars().take(40).collect()
    }

    fn not_a_number(&self, place: usize) -> Error {
        let (name, shown) = (&self.names[place], self.shown(place));
        let mut what = format!("column {name} is {shown:?}, not a number");
        if cells::evidence(&shown).is_some() {
            what += match self.commas {
                Commas::None => " as the first lines write them, which have no commas in numbers",
                Commas::Decimal => {
                    " as the first lines write them, where a comma is the decimal mark"
                }
                Commas::Thousands => " as the first lines write them, where commas part thousands",
            };
        }
        self.error(what, "mend the line, or leave the column out with --drop")
    }

    /// Append the vector of the current record, or zeros if it is none: what it lacks.
    fn vector(&self, chunk: &mut Chunk) -> Result<Option<String>> {
        let place = self.places[0];
        let text = String::from_utf8_lossy(self.records.cell(place));
        let lack = match vector_text::parse(&text) {
            Some(Spelled::Vector(values)) if values.len() == self.dim => {
                chunk
                    .values
                    .extend_from_slice(bytemuck::cast_slice(&values));
                return Ok(None);
            }
            Some(Spelled::Vector(values)) => format!(
                "the vector has {} values, but the first has {}",
                values.len(),
                self.dim
            ),
            Some(Spelled::Lacking(word)) => format!("a number of the vector is {word}"),
            Some(Spelled::Cut) => {
                let what = "the vector was cut short with ... as it was written".into();
                return Err(self.error(what, "write the column again as lists, with .tolist()"));
            }
            None if matches!(cells::read(text.as_bytes(), Commas::None), Cell::Missing)
                || text == "[]" =>
            {
                "the vector is missing".into()
            }
            None => {
                let what = format!(
                    "column {} is {:?}, not a vector",
                    self.names[place],
                    self.shown(place)
                );
                return Err(self.error(
                    what,
                    "mend the line, or name another column with FILE:COLUMN",
                ));
            }
        };
        chunk
            .values
            .resize(chunk.values.len() + self.dim * size_of::<f64>(), 0);
        Ok(Some(lack))
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
        let start = (chunk.values.len(), self.row);
        while chunk.values.len() - start.0 < STEP {
            let advanced = self.records.advance();
            if !advanced.map_err(|error| Error::io("read", &self.path, error))? {
                break;
            }
            if self.width > 1 && is_blank(&self.records) {
                continue;
            }
            self.append(chunk)?;
            self.row += 1;
        }
        Ok(self.row > start.1)
    }
}
