//! Where rows come from: the file and the row in it, ids, labels, and the columns they were made of.

use super::images::Files;
use super::{Columns, Rows, Texts};

/// Facts about a set's rows, by the row's number, which counts through all files.
#[derive(Debug, Default)]
pub struct Provenance {
    /// Which columns of a table make up the rows; empty for formats without columns.
    pub columns: Columns,
    /// Choices made for the user when the set was read, one sentence each.
    pub notes: Vec<String>,
    pub(super) ids: Texts,
    pub(super) labels: Texts,
    /// The files, each with the number of its first row.
    pub(super) files: Vec<(u64, String)>,
    /// The file of each row, in order of row numbers, where each row is a file of its own.
    pub(super) each: Option<Files>,
}

/// The file of a row, and the row in it, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRow<'a> {
    pub file: &'a str,
    pub row: u64,
}

impl Provenance {
    /// All choices made for the user when the set was read, including that of columns.
    pub fn said(&self) -> impl Iterator<Item = String> {
        let line = Some(self.columns.line()).filter(|line| !line.is_empty());
        self.notes.iter().cloned().chain(line)
    }

    /// Whether rows come from several files.
    pub fn has_files(&self) -> bool {
        self.files.len() > 1 || self.are_files()
    }

    /// Whether each row is a file of its own, as images in a folder are.
    pub fn are_files(&self) -> bool {
        self.each.is_some()
    }

    /// Whether rows have ids.
    pub fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Whether rows have labels.
    pub fn has_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Where a row comes from.
    pub fn file_row(&self, number: u64) -> Option<FileRow<'_>> {
        if let Some(each) = &self.each {
            let row = usize::try_from(number).ok()?;
            let file = (row < each.len()).then(|| each.name(row))?;
            return Some(FileRow { file, row: 0 });
        }
        let after = self.files.partition_point(|&(first, _)| first <= number);
        let (first, file) = &self.files[after.checked_sub(1)?];
        Some(FileRow {
            file,
            row: number - first,
        })
    }

    /// The id of a row, from the id column.
    pub fn id(&self, number: u64) -> Option<&str> {
        self.ids.get(usize::try_from(number).ok()?)
    }

    /// The label of a row, from the label column.
    pub fn label(&self, number: u64) -> Option<&str> {
        self.labels.get(usize::try_from(number).ok()?)
    }
}

/// All choices made when a set was read, each sentence with the set's name.
pub(crate) fn said(rows: &dyn Rows) -> impl Iterator<Item = String> {
    let notes = rows.provenance().into_iter().flat_map(Provenance::said);
    notes.map(move |note| format!("{}: {note}", rows.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_in_their_files() {
        let files = vec![(0, "a".to_string()), (3, "b".to_string())];
        let known = Provenance {
            files,
            ..Provenance::default()
        };
        let found = |file, row| Some(FileRow { file, row });
        assert_eq!(known.file_row(0), found("a", 0));
        assert_eq!(known.file_row(2), found("a", 2));
        assert_eq!(known.file_row(3), found("b", 0));
        assert_eq!(Provenance::default().file_row(3), None);
    }
}
