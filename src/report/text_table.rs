//! Plain tables for a terminal: columns separated by spaces.

use comfy_table::{CellAlignment, ContentArrangement, Row, Table, presets};

/// An empty table, whose width is that of its content.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table of rows below a head.
pub(crate) fn rows<R: Into<Row>>(head: impl Into<Row>, rows: impl IntoIterator<Item = R>) -> Table {
    let mut table = table();
    table.add_row(head).add_rows(rows);
    table
}

/// The table as text, with all columns but the first aligned to the right.
pub(crate) fn aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// The same table without a left margin, ended by a line break.
pub(crate) fn text(mut table: Table) -> String {
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    aligned(table) + "\n"
}
