//! Where rows come from, besides their numbers: the file and the row in it, ids, labels, the columns they were made of.

use super::images::Files;
use super::{Columns, Rows, Texts};

/// What is known of a set's rows; asked by the number of a row, which counts through all files.
#[derive(Debug, Default)]
pub struct Provenance {
    /// Which columns of a table the rows were made of; nothing for formats without columns.
    pub columns: Columns,
    /// What was chosen for the user as the set was read, a sentence each.
    pub notes: Vec<String>,
    pub(super) ids: Texts,
    pub(super) labels: Texts,
    /// The files, each with the number of its first row.
    pub(super) files: Vec<(u64, String)>,
    /// The files of the rows, in the order of their numbers, where each row is a file of its own.
    pub(super) each: Option<Files>,
}

/// The file of a row, and the row in it, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    pub file: &'a str,
    pub row: u64,
}

impl Provenance {
    /// All that was chosen for the user as the set was read, the columns among it.
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
    pub fn origin(&self, number: u64) -> Option<Origin<'_>> {
        if let Some(each) = &self.each {
            let row = usize::try_from(number).ok()?;
            let file = (row < each.len()).then(|| each.name(row))?;
            return Some(Origin { file, row: 0 });
        }
        let after = self.files.partition_point(|&(first, _)| first <= number);
        let (first, file) = &self.files[after.checked_sub(1)?];
        Some(Origin {
            file,
            row: number - first,
        })
    }

    /// What the id column calls a row.
    pub fn id(&self, number: u64) -> Option<&str> {
        self.ids.get(usize::try_from(number).ok()?)
    }

    /// What the label column says of a row.
    pub fn label(&self, number: u64) -> Option<&str> {
        self.labels.get(usize::try_from(number).ok()?)
    }
}

/// All that was chosen as a set was read, each sentence with the set's name.
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
        let origin = |file, row| Some(Origin { file, row });
        assert_eq!(known.origin(0), origin("a", 0));
        assert_eq!(known.origin(2), origin("a", 2));
        assert_eq!(known.origin(3), origin("b", 0));
        assert_eq!(Provenance::default().origin(3), None);
    }
}
