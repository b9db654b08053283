//! Tables of text, for a terminal and for a page. Both show a table in blocks that fit, each with the names of the rows.

use super::columns::{Cell, TableColumn, as_field};
use super::numerals::{NO_BREAK, NOTHING, grouped, unbroken};
use crate::notion::Value;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::iter::once;

/// The width of a terminal, and of a block of a table, in letters.
const WIDE: usize = 120;

/// The most letters of a name in a line; longer names are broken after punctuation marks.
const NAME: usize = 32;

/// A table whose first `names` columns hold names; the others hold numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub names: usize,
    /// The meaning of columns, or of rows, by name.
    pub key: Vec<(String, String)>,
}

impl Table {
    /// A table whose first column holds names.
    pub fn new(
        caption: impl Into<String>,
        head: impl IntoIterator<Item = impl Into<String>>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        Table {
            caption: caption.into(),
            head: head.into_iter().map(Into::into).collect(),
            rows: rows.into_iter().collect(),
            names: 1,
            key: Vec::new(),
        }
    }

    /// Some rows by the columns in which one of them has a value, with the help of these columns as key; without rows, all
    /// columns.
    pub fn of<'t, R: 't>(
        caption: impl Into<String>,
        columns: &[TableColumn<'_, R>],
        rows: impl IntoIterator<Item = &'t R>,
    ) -> Self {
        let rows: Vec<&R> = rows.into_iter().collect();
        let all = columns.iter().map(|column| {
            let cells = rows.iter().map(|row| self::cell(column.value(row)));
            (column, cells.collect::<Vec<_>>())
        });
        let (columns, cells): (Vec<_>, Vec<_>) = all
            .filter(|(_, cells)| cells.is_empty() || cells.iter().any(|cell| cell != NOTHING))
            .unzip();
        let row = |row: usize| cells.iter().map(|cells| cells[row].clone()).collect();
        let head = columns.iter().map(|column| &column.name);
        let mut table = Table::new(caption, head, (0..rows.len()).map(row));
        let explained = columns.iter().filter(|column| !column.help.is_empty());
        table.key = explained
            .map(|column| (column.name.clone(), column.help.clone()))
            .collect();
        table
    }

    /// The same table, whose key also explains words ("word: meaning") that stand in a cell.
    pub fn explaining(mut self, words: &[&str]) -> Self {
        let is_in = |cell: &String, word: &str| match word.contains(' ') {
            true => cell.contains(word),
            false => cell.split_whitespace().any(|part| part == word),
        };
        let stands = |word: &str| self.rows.iter().flatten().any(|cell| is_in(cell, word));
        let words = words.iter().filter_map(|line| line.split_once(": "));
        let there = words.filter(|(word, _)| stands(word));
        let there = there.map(|(word, help)| (word.to_string(), help.to_string()));
        self.key.extend(there.collect::<Vec<_>>());
        self
    }

    /// One row for each name and one column for each of `across`; `cell` has the places of both.
    pub fn crossed<C: Cell>(
        caption: impl Into<String>,
        corner: &str,
        names: impl IntoIterator<Item = String>,
        across: impl IntoIterator<Item = impl Into<String>>,
        cell: impl Fn(usize, usize) -> C,
    ) -> Self {
        let head = once(corner.to_string()).chain(across.into_iter().map(Into::into));
        let mut table = Table::new(caption, head, []);
        let rows = names.into_iter().enumerate().map(|(row, name)| {
            let cells = (1..table.head.len()).map(|column| cell(row, column - 1).value());
            let cells = cells.map(self::cell);
            once(name).chain(cells).collect()
        });
        table.rows = rows.collect();
        table
    }

    /// The same table with a column for each row.
    pub fn turned(self) -> Self {
        let lines: Vec<Vec<String>> = once(self.head).chain(self.rows).collect();
        let across = 0..lines.first().map_or(0, Vec::len);
        let line = |place: usize| lines.iter().map(|line| line[place].clone()).collect();
        let mut turned = across.map(line);
        Table {
            head: turned.next().unwrap_or_default(),
            rows: turned.collect(),
            ..self
        }
    }

    /// The same table with more columns of names.
    pub fn named_by(self, names: usize) -> Self {
        Table { names, ..self }
    }

    /// The columns of names, and as many others as fit beside them; then the next ones in the same way.
    pub fn blocks(&self) -> Vec<Table> {
        let letters = |cell: &String| broken(cell).lines().map(|l| l.chars().count()).max();
        let wide = |column: usize| {
            let cells = self.rows.iter().map(|row| &row[column]);
            let widest = cells.chain([&self.head[column]]).filter_map(letters).max();
            widest.unwrap_or(0) + 2
        };
        let names = self.names.min(self.head.len());
        let beside: usize = (0..names).map(wide).sum();
        let (mut blocks, mut used) = (vec![Vec::from_iter(0..names)], beside);
        for column in names..self.head.len() {
            used += wide(column);
            if used > WIDE && blocks.last().is_some_and(|block| block.len() > names) {
                blocks.push((0..names).collect());
                used = beside + wide(column);
            }
            blocks.last_mut().into_iter().for_each(|b| b.push(column));
        }
        blocks.iter().map(|columns| self.picked(columns)).collect()
    }

    /// These columns.
    fn picked(&self, columns: &[usize]) -> Table {
        let of = |row: &Vec<String>| columns.iter().map(|&column| row[column].clone()).collect();
        Table {
            head: of(&self.head),
            rows: self.rows.iter().map(of).collect(),
            caption: self.caption.clone(),
            names: self.names,
            key: Vec::new(),
        }
    }

    /// The table for a terminal, without its caption and its key.
    pub fn text(&self) -> String {
        let blocks = self.blocks();
        let texts: Vec<String> = blocks.iter().map(Table::block).collect();
        texts.join("\n")
    }

    /// A block. The first of several names is left out where it is that of the line above.
    fn block(&self) -> String {
        let mut table = table();
        let mut last = "";
        for row in [&self.head].into_iter().chain(&self.rows) {
            let first = row.first().map_or("", String::as_str);
            let name = if self.names > 1 && first == last {
                ""
            } else {
                first
            };
            let cells = row.iter().skip(1).map(String::as_str);
            table.add_row(once(name).chain(cells).map(broken));
            last = first;
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        unindented(table)
    }
}

/// A value as people read it: counts in groups of three digits, row numbers as they are.
fn cell(value: Value) -> String {
    match value {
        Value::Null => NOTHING.into(),
        Value::Count(count) => grouped(count),
        value => as_field(value),
    }
}

/// An empty table without lines, whose width is that of its content.
pub(crate) fn table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Names and texts side by side, within the width of a terminal.
pub(crate) fn lines(lines: impl IntoIterator<Item = (String, String)>) -> String {
    let mut table = table();
    table.add_rows(
        lines
            .into_iter()
            .map(|(name, text)| [broken(&name), unbroken(&text)]),
    );
    fitted(table)
}

/// A paragraph within the width of a terminal.
pub(crate) fn paragraph(text: &str) -> String {
    let mut table = table();
    table.add_row([unbroken(text)]);
    fitted(table)
}

fn fitted(mut table: comfy_table::Table) -> String {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDE as u16);
    unindented(table).replace(NO_BREAK, " ")
}

/// The text of a table without a left margin.
pub(crate) fn unindented(mut table: comfy_table::Table) -> String {
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    table.trim_fmt() + "\n"
}

/// A name in lines of at most [`NAME`] letters where its punctuation marks allow that.
fn broken(name: &str) -> String {
    let mut lines = vec![String::new()];
    for part in name.split_inclusive(['|', '@', ',', '/']) {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last == 0 || last + part.chars().count() <= NAME => *line += part,
            _ => lines.push(part.into()),
        }
    }
    lines.join("\n  ")
}
