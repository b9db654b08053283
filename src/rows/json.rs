//! JSON and JSON Lines: objects of which a field is a vector, arrays of arrays, the answers of embedding services.
//!
//! The text is cut into rows by its brackets, and each row is parsed on its own, so that memory is bounded by the longest
//! row. [`layout`] says where the rows are, [`fields`] what their fields hold; [`choose`] which of them are used.

mod cells;
mod fields;
mod layout;
mod scan;

use super::checked::inexact;
use super::columns::{Chosen, ColumnKind, Columns, SourceColumn, choose};
use super::format::Format;
use super::input::{Input, input_error};
use super::table::{Ask, Chunk, Lack, STEP, Stream, Table};
use super::vector_text::{self, Spelled};
use super::{Element, Texts};
use crate::error::{Error, Place, Result};
use cells::{Cell, Names};
use fields::Form;
use layout::{JsonRows, Records};
use scan::Scanner;
use std::path::{Path, PathBuf};

/// Rows that show what the fields hold, and their bytes, about.
const LOOK: usize = 64;
const LOOK_BYTES: usize = 8 << 20;

/// Bytes that a row may always have; more only where `--memory` allows eight times as many.
const ROW: u64 = 16 << 20;

/// The extensions of JSON.
const NAMES: [&str; 3] = ["json", "jsonl", "ndjson"];

/// JSON and JSON Lines.
pub(in crate::rows) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn sniff(&self, input: &Input) -> bool {
        sniff(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "JSON and JSON Lines"
    }

    fn member(&self) -> Option<&'static str> {
        Some("FIELD")
    }

    fn is_text(&self) -> bool {
        true
    }
}

/// Whether a file is JSON: an object, or an array that begins as one of rows does. The length that a file of safetensors
/// begins with has zeros in it.
fn sniff(input: &Input) -> bool {
    let head = input.head.as_slice();
    if head.iter().take(8).any(|&byte| byte == 0) || input.extension == "safetensors" {
        return false;
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\x1E").unwrap_or(text);
    let next = text.get(1..).unwrap_or_default().trim_ascii_start();
    match (text.first(), next.first()) {
        (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'[' | b'{')) => true,
        (Some(b'['), Some(_)) => {
            NAMES.contains(&input.extension.as_str()) || is_list(text, input.size)
        }
        _ => false,
    }
}

/// Whether the first line is a list, with commas, as text of vectors without commas is not.
fn is_list(text: &[u8], size: u64) -> bool {
    let end = text.iter().position(|&byte| byte == b'\n');
    let line = match end {
        Some(end) => &text[..end],
        None if text.len() as u64 == size => text,
        None => return false,
    };
    serde_json::from_slice::<Vec<serde_json::Value>>(line).is_ok_and(|list| !list.is_empty())
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let (layout, member) = layout::find(&input, ask.member)?;
    let most = ROW.max(ask.memory / 8);
    let records = || Records::new(&input, &layout, most);
    let mut first = Vec::new();
    if !records()?.next(&mut first)? {
        return Ok(Table::stream(Rows::new(input.path.clone(), records()?)));
    }
    let mut rows = Rows::new(input.path.clone(), records()?);
    let mut columns = Columns::default();
    let is_list = first.starts_with(b"[");
    let given = match is_list {
        true => names_of(&input, &layout)?,
        false => None,
    };
    let is_plain = is_list && ask.choice.is_default() && member.is_none() && given.is_none();
    let lists = match is_plain {
        true => look(&input.path, records()?, |text| cells::list(text, 0))?,
        false => Vec::new(),
    };
    if let (_, Some(form)) = fields::column("", lists.iter()) {
        rows.vector = Some(form);
        rows.axes = axes(form, lists.iter());
    } else {
        columns = of_fields(
            &mut rows,
            records()?,
            given.as_deref(),
            member.as_deref(),
            ask,
        )?;
        if is_list && given.is_none() {
            columns.names.clear();
        }
    }
    if let JsonRows::Elements { path, .. } = &layout
        && !path.is_empty()
    {
        columns.notes.push(format!("the rows are those of {path}"));
    }
    Ok(Table::stream(rows).of(columns))
}

/// The first rows, each as `parse` reads it.
fn look<T>(
    path: &Path,
    mut records: Records,
    mut parse: impl FnMut(&[u8]) -> serde_json::Result<T>,
) -> Result<Vec<T>> {
    let (mut text, mut bytes, mut rows) = (Vec::new(), 0, Vec::new());
    while rows.len() < LOOK && bytes < LOOK_BYTES && records.next(&mut text)? {
        let row = parse(&text);
        rows.push(row.map_err(|error| invalid(path, rows.len() as u64, &error))?);
        bytes += text.len();
    }
    Ok(rows)
}

/// Choose among the fields of the first rows. `given` are names for the places of lists.
fn of_fields(
    rows: &mut Rows,
    records: Records,
    given: Option<&[String]>,
    member: Option<&str>,
    ask: &Ask,
) -> Result<Columns> {
    let mut names = Names::open();
    let first = look(&rows.path, records, |text| {
        let mut cells = Vec::new();
        cells::row(text, &mut names, &mut cells)?;
        Ok(cells)
    })?;
    let (table, forms) = table(&names.all, &first, given, member.is_some());
    let chosen = choose(&rows.path, &table, member, ask.choice)?;
    let Chosen { places, vector, .. } = chosen;
    match forms[places[0]].filter(|_| vector) {
        Some(form) => {
            rows.vector = Some(form);
            rows.axes = axes(form, column(&first, places[0]));
        }
        None => rows.axes = vec![places.len()],
    }
    let strict = !vector && ask.choice.columns.is_empty() && member.is_none();
    let mut wanted = places;
    let mut slot = |place: usize| match wanted.iter().position(|&other| other == place) {
        Some(slot) => slot,
        None => {
            wanted.push(place);
            wanted.len() - 1
        }
    };
    (rows.id, rows.label) = (chosen.id.map(&mut slot), chosen.label.map(&mut slot));
    rows.called = wanted
        .iter()
        .map(|&place| table[place].name.clone())
        .collect();
    names.keep(&wanted, strict);
    rows.names = Some(names);
    Ok(chosen.columns)
}

/// The cells of a field in some rows.
fn column(rows: &[Vec<Cell>], place: usize) -> impl Iterator<Item = &Cell> + Clone {
    rows.iter()
        .map(move |row| row.get(place).unwrap_or(&Cell::Missing))
}

/// The columns that the fields of some rows are, and how those of vectors are written. `asked` if one of them is named.
fn table(
    names: &[String],
    rows: &[Vec<Cell>],
    given: Option<&[String]>,
    asked: bool,
) -> (Vec<SourceColumn>, Vec<Option<Form>>) {
    let of_field = |(place, name): (usize, &String)| {
        let given = given.and_then(|given| given.get(place));
        fields::column(given.unwrap_or(name), column(rows, place))
    };
    let all = names.iter().enumerate().map(of_field);
    let (mut table, mut forms): (Vec<SourceColumn>, Vec<Option<Form>>) = all.unzip();
    // Text that may be base64 is a vector where nothing else is one, or where it is asked for.
    if !asked && forms.contains(&Some(Form::Lists)) {
        for (column, form) in table.iter_mut().zip(&mut forms) {
            if *form == Some(Form::Packed) {
                (column.kind, *form) = (ColumnKind::Other("text"), None);
            }
        }
    }
    (table, forms)
}

/// The axes of the first vector.
fn axes<'c>(form: Form, mut cells: impl Iterator<Item = &'c Cell>) -> Vec<usize> {
    let axes = cells.find_map(|cell| match (form, cell) {
        (Form::Lists, Cell::List(list)) if !list.values.is_empty() => Some(list.axes.clone()),
        (Form::Spelled, Cell::Text(text)) => match vector_text::parse(text) {
            Some(Spelled::Vector(values)) => Some(vec![values.len()]),
            _ => None,
        },
        (Form::Packed, Cell::Text(text)) => Some(vec![fields::unpack(text)?.len()]),
        _ => None,
    });
    axes.unwrap_or_default()
}

/// The names of the columns that stand beside an array of rows.
fn names_of(input: &Input, layout: &JsonRows) -> Result<Option<Vec<String>>> {
    let JsonRows::Elements {
        names: Some(at), ..
    } = layout
    else {
        return Ok(None);
    };
    let mut text = Vec::new();
    Scanner::new(input, *at)?.read(&mut text, ROW)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// What is wrong with a row that cannot be parsed.
fn invalid(path: &Path, row: u64, error: &serde_json::Error) -> Error {
    let shown = error.to_string();
    let what = shown.split(" at line ").next().unwrap_or(&shown);
    let at = match (error.line(), error.column()) {
        (0, _) => String::new(),
        (1, column) => format!(", at byte {column} of the row"),
        (line, column) => format!(", at byte {column} of line {line} of the row"),
    };
    let (what, advice) = match error.classify() {
        serde_json::error::Category::Data => (
            format!("{what}{at}"),
            "rows must be alike: mend it, or name the fields to use with FILE:FIELD or --columns",
        ),
        _ if what.contains("recursion") => (
            format!("lists and objects are nested more than 127 deep{at}"),
            "no row of numbers is: leave out such fields",
        ),
        _ => (
            format!("it is not valid JSON: {what}{at}"),
            "mend the row, or write the file again",
        ),
    };
    input_error(path, Place::Row(row), what, advice)
}

/// The rows of a text of JSON.
struct Rows {
    path: PathBuf,
    records: Records,
    text: Vec<u8>,
    /// The fields to read; None where each row is one list.
    names: Option<Names>,
    /// The fields of the current row: a vector or numbers, then the id and the label.
    cells: Vec<Cell>,
    /// What these fields are called.
    called: Vec<String>,
    /// How the first of them spells a vector, if it does.
    vector: Option<Form>,
    axes: Vec<usize>,
    id: Option<usize>,
    label: Option<usize>,
}

impl Rows {
    /// No fields yet, and so no axes.
    fn new(path: PathBuf, records: Records) -> Self {
        Rows {
            path,
            records,
            text: Vec::new(),
            names: None,
            cells: Vec::new(),
            called: Vec::new(),
            vector: None,
            axes: Vec::new(),
            id: None,
            label: None,
        }
    }

    fn dim(&self) -> usize {
        self.axes.iter().product()
    }

    /// The number of the current row.
    fn row(&self) -> u64 {
        self.records.row.saturating_sub(1)
    }

    fn error(&self, what: String, advice: &str) -> Error {
        input_error(&self.path, Place::Row(self.row()), what, advice)
    }

    fn name(&self, slot: usize) -> String {
        match self.called.get(slot) {
            Some(name) => format!("the field {name}"),
            None => "the row".into(),
        }
    }

    /// Read the current row's fields.
    fn parse(&mut self) -> Result<()> {
        let parsed = match &mut self.names {
            Some(names) => {
                self.cells.resize(self.called.len(), Cell::Missing);
                cells::row(&self.text, names, &mut self.cells)
            }
            None => cells::list(&self.text, self.axes.iter().product())
                .map(|list| self.cells = vec![list]),
        };
        parsed.map_err(|error| invalid(&self.path, self.row(), &error))
    }

    /// Append the current row. Errors: fields that hold something else than in the first rows.
    fn append(&mut self, chunk: &mut Chunk) -> Result<()> {
        self.parse()?;
        let start = chunk.values.len();
        let lack = match self.vector {
            Some(form) => self.vector(form, &mut chunk.values)?,
            None => self.numbers(&mut chunk.values)?,
        };
        if let Some(what) = lack {
            let row = self.row();
            let place = Place::Row(row);
            chunk.values.truncate(start);
            let width = self.dim() * self.element().size();
            chunk.values.resize(start + width, 0);
            chunk.lacking.push(Lack { row, place, what });
        }
        for (slot, texts) in [(self.id, &mut chunk.ids), (self.label, &mut chunk.labels)] {
            if let Some(slot) = slot {
                self.text(slot, texts)?;
            }
        }
        Ok(())
    }

    /// Append the vector of the current row: what it lacks. Errors: the field holds no vector.
    fn vector(&self, form: Form, out: &mut Vec<u8>) -> Result<Option<String>> {
        let lack = |what: &str| Ok(Some(format!("{} {what}", self.name(0))));
        let fits = |axes: &[usize]| match axes == self.axes {
            true => None,
            false => Some(format!(
                "{} has {} values, but the first row has {}",
                self.name(0),
                by(axes),
                by(&self.axes)
            )),
        };
        match (form, &self.cells[0]) {
            (_, Cell::Missing) => lack("is missing"),
            (_, Cell::Null) => lack("is null"),
            (Form::Lists, Cell::List(list)) if list.odd.is_none() => {
                if let Some(value) = &list.inexact {
                    return Err(self.inexact(value));
                }
                let fault = list.lack.as_ref();
                let fault = fault.map(|fault| format!("{}: {fault}", self.name(0)));
                out.extend_from_slice(bytemuck::cast_slice(&list.values));
                Ok(fault.or_else(|| fits(&list.axes)))
            }
            (Form::Spelled, Cell::Text(text)) => match vector_text::parse(text) {
                Some(Spelled::Vector(values)) => {
                    out.extend_from_slice(bytemuck::cast_slice(&values));
                    Ok(fits(&[values.len()]))
                }
                Some(Spelled::Lacking(word)) => lack(&format!("has a number that is {word}")),
                _ => Err(self.no_vector()),
            },
            (Form::Packed, Cell::Text(text)) => match fields::unpack(text) {
                Some(values) => {
                    out.extend_from_slice(bytemuck::cast_slice(&values));
                    Ok(fits(&[values.len()]))
                }
                None => Err(self.no_vector()),
            },
            _ => Err(self.no_vector()),
        }
    }

    fn inexact(&self, value: impl std::fmt::Display) -> Error {
        let file = self.path.display().to_string();
        inexact(&file, Place::Row(self.row()), value)
    }

    fn no_vector(&self) -> Error {
        let what = format!("{} is no vector as in the first rows", self.name(0));
        self.error(what, "mend the row, or name another field with FILE:FIELD")
    }

    /// Append the numbers of the current row: what it lacks. Errors: a field holds no number.
    fn numbers(&self, out: &mut Vec<u8>) -> Result<Option<String>> {
        let mut lack = None;
        for (slot, cell) in self.cells.iter().enumerate().take(self.dim()) {
            let value = match *cell {
                Cell::Int(value) if cells::is_rounded(value.into()) => {
                    return Err(self.inexact(value));
                }
                Cell::UInt(value) if cells::is_rounded(value.into()) => {
                    return Err(self.inexact(value));
                }
                Cell::Int(value) => value as f64,
                Cell::UInt(value) => value as f64,
                Cell::Float(value) => value,
                Cell::Bool(value) => f64::from(value),
                Cell::Missing | Cell::Null => {
                    let null = *cell == Cell::Null;
                    let what = if null { "null" } else { "missing" };
                    lack.get_or_insert_with(|| format!("{} is {what}", self.name(slot)));
                    0.0
                }
                Cell::Text(_) | Cell::List(_) => {
                    let what = format!("{} is no number", self.name(slot));
                    return Err(
                        self.error(what, "mend the row, or leave the field out with --drop")
                    );
                }
            };
            out.extend_from_slice(&value.to_ne_bytes());
        }
        Ok(lack)
    }

    /// Append the id or label of the current row. Errors: the field is a list.
    fn text(&self, slot: usize, texts: &mut Texts) -> Result<()> {
        match &self.cells[slot] {
            Cell::Missing | Cell::Null => texts.push(""),
            Cell::Text(text) => texts.push(text),
            Cell::Bool(value) => texts.push(&value.to_string()),
            Cell::Int(value) => texts.push(&value.to_string()),
            Cell::UInt(value) => texts.push(&value.to_string()),
            Cell::Float(value) => texts.push(&value.to_string()),
            Cell::List(_) => {
                let what = format!("{} is a list", self.name(slot));
                return Err(self.error(what, "ids and labels are text or numbers; name another"));
            }
        }
        Ok(())
    }
}

/// The axes of a vector, for a message.
fn by(axes: &[usize]) -> String {
    let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
    axes.join(" x ")
}

impl Stream for Rows {
    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        match self.vector {
            Some(Form::Packed) => Element::F32,
            _ => Element::F64,
        }
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let (start, row) = (chunk.values.len(), self.records.row);
        while chunk.values.len() - start < STEP && self.records.next(&mut self.text)? {
            self.append(chunk)?;
        }
        Ok(self.records.row > row)
    }
}
