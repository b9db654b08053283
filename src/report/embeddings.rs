//! Rows as files for other programs: `.npy`, or Parquet with ids, files and labels of the rows.
//!
//! Numbers are f32 if every number of the rows is exactly an f32, else f64, so that the file holds the rows unchanged. The
//! columns of Parquet are `row` (the number in the input), `id`, `file`, `row_in_file` and `label` where known, and
//! `embedding`.

use super::columns::{RowNumber, TableColumn, batch, columns, schema};
use super::records::provenance;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::rows::images::Labels;
use crate::store::file::Output;
use crate::store::npy::{little_endian, npy_header};
use crate::store::parquet_file::{ParquetWriter, properties};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Float64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The most numbers that are written at a time.
const NUMBERS: usize = 1 << 18;

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
    fn single(&self) -> bool {
        self.rows.fits_f32()
    }

    /// The number type of the file.
    pub fn element(&self) -> &'static str {
        if self.single() { "f32" } else { "f64" }
    }

    /// The rows in parts, as ranges of the source.
    fn parts(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (count, step) = (self.range.len(), (NUMBERS / self.rows.dim()).max(1));
        (0..count)
            .step_by(step)
            .map(move |first| first..count.min(first + step))
    }

    fn read_f32(&self, part: &Range<usize>) -> Result<Vec<f32>> {
        let mut values = vec![0f32; part.len() * self.rows.dim()];
        self.rows
            .read_f32(self.range.start + part.start, &mut values)?;
        Ok(values)
    }

    fn read_f64(&self, part: &Range<usize>) -> Result<Vec<f64>> {
        let mut values = vec![0.0; part.len() * self.rows.dim()];
        self.rows
            .read_f64(self.range.start + part.start, &mut values)?;
        Ok(values)
    }

    /// The class of a row of the source, by name.
    fn label(&self, row: usize) -> Option<&str> {
        self.labels?.name(row)
    }

    /// Writes a NumPy array of (rows, numbers).
    ///
    /// Errors: a file that cannot be written, rows that can no longer be read.
    pub fn write_npy(&self, path: &Path, control: &Control) -> Result<()> {
        let output = Output::create(path)?;
        let mut writer = output.writer()?;
        let failed = |error| output.error(error);
        let kind = if self.single() { "<f4" } else { "<f8" };
        let header = npy_header(kind, &[self.range.len(), self.rows.dim()]);
        writer.write_all(&header).map_err(failed)?;
        for part in self.parts() {
            control.check()?;
            let bytes: Vec<u8> = match self.single() {
                true => little_endian(&self.read_f32(&part)?, f32::to_le_bytes),
                false => little_endian(&self.read_f64(&part)?, f64::to_le_bytes),
            };
            writer.write_all(&bytes).map_err(failed)?;
        }
        output.close(writer)
    }

    /// Writes the class of each row as a line; a line break within a name becomes a blank.
    pub fn write_labels(&self, path: &Path) -> Result<()> {
        let output = Output::create(path)?;
        let mut writer = output.writer()?;
        for row in 0..self.range.len() {
            let label = self
                .label(row)
                .unwrap_or_default()
                .replace(['\n', '\r'], " ");
            writeln!(writer, "{label}").map_err(|error| output.error(error))?;
        }
        output.close(writer)
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
        let schema = self.schema(&schema(&facts, HashMap::new()));
        let mut file = ParquetWriter::create(path, &schema, properties(metadata).build())?;
        for part in self.parts() {
            control.check()?;
            file.write(self.batch(&facts, &part)?)?;
        }
        file.written()?.commit()
    }

    /// The columns beside the numbers.
    fn facts(&self) -> Vec<TableColumn<'_, SourceRow>> {
        let mut all = columns! { row: SourceRow;
            "row" = RowNumber(row.number), "row number in the input, from 0";
        };
        // The labels may be others than those in the file.
        let known = provenance(self.source, "the row").into_iter();
        let known = known.filter(|column| column.name != "label");
        all.extend(known.map(|column| column.of(|row: &SourceRow| &row.number)));
        if self.labels.is_some() {
            all.extend(columns! { row: SourceRow;
                "label" = self.label(row.place).map(String::from), "class of the row";
            });
        }
        all
    }

    /// The columns of `facts`, and the numbers as the last one.
    fn schema(&self, facts: &Schema) -> Arc<Schema> {
        let list = DataType::FixedSizeList(self.item(), self.rows.dim() as i32);
        let numbers = Arc::new(Field::new("embedding", list, false));
        let fields = facts.fields().iter().cloned().chain([numbers]);
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn item(&self) -> Arc<Field> {
        let kind = match self.single() {
            true => DataType::Float32,
            false => DataType::Float64,
        };
        Arc::new(Field::new("item", kind, false))
    }

    fn batch(
        &self,
        facts: &[TableColumn<'_, SourceRow>],
        part: &Range<usize>,
    ) -> Result<Result<RecordBatch, ArrowError>> {
        let numbers: ArrayRef = match self.single() {
            true => Arc::new(Float32Array::from(self.read_f32(part)?)),
            false => Arc::new(Float64Array::from(self.read_f64(part)?)),
        };
        let row = |place: usize| SourceRow {
            place,
            number: self.source.number(place),
        };
        let rows: Vec<SourceRow> = part.clone().map(row).collect();
        let beside = batch(&schema(facts, HashMap::new()), facts, &rows);
        Ok(beside.and_then(|beside| {
            let dim = self.rows.dim() as i32;
            let list = FixedSizeListArray::try_new(self.item(), dim, numbers, None)?;
            let (schema, mut columns, _) = beside.into_parts();
            columns.push(Arc::new(list));
            RecordBatch::try_new(self.schema(&schema), columns)
        }))
    }
}

/// A row of the source: its index, and its number in the input.
struct SourceRow {
    place: usize,
    number: u64,
}
