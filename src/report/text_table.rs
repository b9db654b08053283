//! Tables of text: for a terminal with columns separated by spaces; [`super::html`] shows the same tables on a page.

use super::columns::{TableColumn, as_field};
use comfy_table::{CellAlignment, ContentArrangement, presets};

/// A table whose first `names` columns hold names; the others hold numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub names: usize,
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
        }
    }

    /// The columns of some rows.
    pub fn of<'t, R: 't>(
        caption: impl Into<String>,
        columns: &[TableColumn<'_, R>],
        rows: impl IntoIterator<Item = &'t R>,
    ) -> Self {
        let row = |row: &R| {
            let cells = columns.iter().map(|column| as_field(column.value(row)));
            cells.collect()
        };
        let head = columns.iter().map(|column| &column.name);
        Table::new(caption, head, rows.into_iter().map(row))
    }

    /// The same table with more columns of names.
    pub fn named_by(self, names: usize) -> Self {
        Table { names, ..self }
    }

    /// The same table, in which a name that is that of the line above is left out.
    pub fn without_repeats(mut self) -> Self {
        let mut last = String::new();
        for name in self.rows.iter_mut().filter_map(|row| row.first_mut()) {
            match *name == last {
                true => name.clear(),
                false => last.clone_from(name),
            }
        }
        self
    }

    /// The same table, in which names of columns begin with a capital letter; a single letter is a symbol and stays.
    pub fn titled(mut self) -> Self {
        for name in &mut self.head {
            let word = name.chars().take_while(|letter| letter.is_alphanumeric());
            if word.count() > 1 {
                let mut letters = name.chars();
                let first = letters.next().into_iter().flat_map(char::to_uppercase);
                *name = first.chain(letters).collect();
            }
        }
        self
    }

    /// The table for a terminal, without its caption.
    pub fn text(&self) -> String {
        let mut table = table();
        table.add_row(&self.head).add_rows(&self.rows);
        // No left margin.
        if let Some(names) = table.column_mut(0) {
            names.set_padding((0, 1));
        }
        aligned(table) + "\n"
    }
}

/// An empty table, whose width is that of its content.
pub(crate) fn table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The table as text, with all columns but the first aligned to the right.
pub(crate) fn aligned(mut table: comfy_table::Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
