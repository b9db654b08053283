//! Plain tables for a terminal: columns separated by spaces.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// An empty table, whose width is that of its content.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Aligns all columns but the first to the right.
pub(crate) fn numbers_right(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// The table as text.
pub(crate) fn text(mut table: Table) -> String {
    numbers_right(&mut table);
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    format!("{}\n", table.trim_fmt())
}
