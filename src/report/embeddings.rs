//! Rows as files for other programs: `.npy`, or Parquet with ids, files and labels of the rows.
//!
//! Numbers are f32 if every number of the rows is exactly an f32, else f64, so that the file holds the rows unchanged. The
//! columns of Parquet are `row` (the number in the input), `id`, `file`, `row_in_file` and `label` where known, and
//! `embedding`.

use super::columns::{RowNumber, TableColumn, batch, columns, schema};
use super::records::provenance;
use crate::control::Control;
use crate::error::Result;
use crate::rows::images::Labels;
use crate::rows::{Element, Rows};
use crate::store::file::write_parts;
use crate::store::npy;
use crate::store::parquet_file::{ParquetWriter, properties};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use std::collections::HashMap;
use std::iter::once;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A range of consecutive rows, with the facts about them.
pub struct Embeddings<'r> {
    /// The rows in their space.
    pub rows: &'r dyn Rows,
    /// The rows of one set.
    pub range: Range<usize>,
    /// The set as it was read, which has the row numbers and ids.
    pub source: &'r dyn Rows,
    /// The class of each row of the source.
    pub labels: Option<&'r Labels>,
}

impl Embeddings<'_> {
    /// The number type of the file.
    pub fn element(&self) -> Element {
        match self.rows.fits_f32() {
            true => Element::F32,
            false => Element::F64,
        }
    }

    /// The class of a row of the source, by name.
    fn label(&self, row: usize) -> Option<&str> {
        self.labels?.name(row)
    }

    /// Writes a NumPy array of (rows, numbers).
    ///
    /// Errors: a file that cannot be written, rows that can no longer be read.
    pub fn write_npy(&self, path: &Path, control: &Control) -> Result<()> {
        let header = npy::header(
            npy::kind(self.element()),
            &[self.range.len(), self.rows.dim()],
        );
        let numbers = npy::bytes(self.rows, self.range.clone(), self.element());
        let parts = once(Ok(header)).chain(numbers);
        write_parts(path, parts.map(|part| control.check().and(part)))
    }

    /// Writes the class of each row as a line; a line break within a name becomes a blank.
    pub fn write_labels(&self, path: &Path) -> Result<()> {
        let label = |row| self.label(row).unwrap_or_default();
        let line = |row| Ok(label(row).replace(['\n', '\r'], " ") + "\n");
        write_parts(path, (0..self.range.len()).map(line))
    }

    /// Writes a Parquet file; `metadata` says how it was made.
    ///
    /// Errors: a file that cannot be written, rows that can no longer be read.
    pub fn write_parquet(
        &self,
        path: &Path,
        metadata: Vec<(String, String)>,
        control: &Control,
    ) -> Result<()> {
        let facts = self.facts();
        let beside = schema(&facts, HashMap::new());
        let kind = match self.element() {
            Element::F32 => DataType::Float32,
            _ => DataType::Float64,
        };
        let item = Arc::new(Field::new("item", kind, false));
        let dim = self.rows.dim() as i32;
        let list = DataType::FixedSizeList(Arc::clone(&item), dim);
        let numbers = Arc::new(Field::new("embedding", list, false));
        let fields = beside.fields().iter().cloned().chain([numbers]);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut file = ParquetWriter::create(path, &schema, properties(metadata).build())?;
        for part in npy::parts(self.range.clone(), self.rows.dim()) {
            control.check()?;
            let numbers = self.numbers(&part)?;
            let places = part.map(|row| row - self.range.start);
            let rows = places.map(|place| (place, self.source.number(place)));
            let whole = batch(&beside, &facts, &rows.collect::<Vec<_>>()).and_then(|beside| {
                let list = FixedSizeListArray::try_new(Arc::clone(&item), dim, numbers, None)?;
                let mut columns = beside.columns().to_vec();
                columns.push(Arc::new(list));
                RecordBatch::try_new(Arc::clone(&schema), columns)
            });
            file.write(whole)?;
        }
        file.written()?.commit()
    }

    /// The columns beside the numbers.
    fn facts(&self) -> Vec<TableColumn<'_, SourceRow>> {
        let mut all = columns! { row: SourceRow;
            "row" = RowNumber(row.1), "row number in the input, from 0";
        };
        // The labels may be others than those in the file.
        let known = provenance(self.source, "the row").into_iter();
        let known = known.filter(|column| column.name != "label");
        all.extend(known.map(|column| column.of_part(|row: &SourceRow| Some(&row.1))));
        if self.labels.is_some() {
            all.extend(columns! { row: SourceRow;
                "label" = self.label(row.0).map(String::from), "class of the row";
            });
        }
        all
    }

    /// The numbers of consecutive rows.
    fn numbers(&self, part: &Range<usize>) -> Result<ArrayRef> {
        let mut values = vec![0.0; part.len() * self.rows.dim()];
        self.rows.read_f64(part.start, &mut values)?;
        let single = || values.iter().map(|value| *value as f32);
        Ok(match self.element() {
            Element::F32 => Arc::new(Float32Array::from_iter_values(single())),
            _ => Arc::new(Float64Array::from(values)),
        })
    }
}

/// A row of the source: its index, and its number in the input.
type SourceRow = (usize, u64);
