//! Parquet and Arrow IPC (Feather 2): a list column of floats, or all numeric columns side by side.
//!
//! The `parquet` and `arrow-ipc` crates decode; here record batches become rows. A column of lists (List, LargeList
//! or FixedSizeList of f16, f32, f64) is the table by default if it is the only one; without any, the numeric
//! columns are the features.

use super::Element;
use super::checked::inexact;
use super::decode::rounded;
use super::open::{Input, Stream, Table, input_error};
use super::{messages, pages};
use crate::error::{Error, Place, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Rows decoded at a time.
const BATCH: usize = 1024;

const CORRUPT: &str = "it is truncated or corrupt; write it again";

/// What the chosen columns hold.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// One column of lists with this element type; its length a row where the schema states it.
    List(Element, Option<usize>),
    /// Columns of numbers, to be brought to one type.
    Numbers(Element),
}

/// Run a decoder that may panic on corrupt data it was not hardened against; a panic is the file's fault.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(input_error(
            path,
            Place::Whole,
            "the file's structure contradicts itself",
            CORRUPT,
        ))
    })
}

fn broken(path: &Path, error: impl std::fmt::Display) -> Error {
    input_error(
        path,
        Place::Whole,
        format!("cannot be decoded: {error}"),
        CORRUPT,
    )
}

pub(super) fn open_parquet(input: Input, member: Option<&str>) -> Result<Table> {
    let path = input.path.clone();
    guarded(&path, || {
        let file = input
            .file
            .try_clone()
            .map_err(|error| Error::io("open", &path, error))?;
        // The schema that Arrow writers embed can disagree with the file's own, and adds nothing needed here.
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, plain)
            .map_err(|error| broken(&path, error))?;
        let (columns, kind) = choose(&path, builder.schema(), member)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
        pages::check(&input, builder.metadata(), &mask)?;
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()
            .map_err(|error| broken(&path, error))?;
        batches(&path, Box::new(reader), kind)
    })
}

pub(super) fn open_arrow(input: Input, member: Option<&str>) -> Result<Table> {
    let path = input.path.clone();
    guarded(&path, || {
        let whole = input.head.starts_with(b"ARROW1");
        if whole {
            messages::check_file(&input)?;
        } else {
            messages::check_stream(&input)?;
        }
        let file = input.rewound()?;
        let again = file
            .try_clone()
            .map_err(|error| Error::io("open", &path, error))?;
        let fail = |error: ArrowError| broken(&path, error);
        if whole {
            let schema = arrow_ipc::reader::FileReader::try_new(&file, None)
                .map_err(fail)?
                .schema();
            let (columns, kind) = choose(&path, &schema, member)?;
            let reader = arrow_ipc::reader::FileReader::try_new_buffered(again, Some(columns))
                .map_err(fail)?;
            batches(&path, Box::new(reader), kind)
        } else {
            let reader = arrow_ipc::reader::StreamReader::try_new(BufReader::new(file), None)
                .map_err(fail)?;
            let (columns, kind) = choose(&path, &reader.schema(), member)?;
            let chosen = reader.map(move |batch| batch.and_then(|batch| batch.project(&columns)));
            batches(&path, Box::new(chosen), kind)
        }
    })
}

/// The element type of a float list column, and its fixed length.
fn list(data_type: &DataType) -> Option<(Element, Option<usize>)> {
    let (field, length) = match data_type {
        DataType::List(field) | DataType::LargeList(field) => (field, None),
        DataType::FixedSizeList(field, length) => (field, usize::try_from(*length).ok()),
        _ => return None,
    };
    let element = match field.data_type() {
        DataType::Float16 => Element::F16,
        DataType::Float32 => Element::F32,
        DataType::Float64 => Element::F64,
        _ => return None,
    };
    Some((element, length))
}

/// Whether a column holds numbers, and whether f32 holds them all.
fn numeric(data_type: &DataType) -> Option<bool> {
    use DataType::{
        Float16, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64,
    };
    match data_type {
        Float16 | Float32 | Int8 | Int16 | UInt8 | UInt16 => Some(true),
        Float64 | Int32 | Int64 | UInt32 | UInt64 => Some(false),
        _ => None,
    }
}

/// Which columns to read.
fn choose(path: &Path, schema: &Schema, member: Option<&str>) -> Result<(Vec<usize>, Kind)> {
    let fields = schema.fields();
    let lists: Vec<usize> = (0..fields.len())
        .filter(|&i| list(fields[i].data_type()).is_some())
        .collect();
    let numbers: Vec<usize> = (0..fields.len())
        .filter(|&i| numeric(fields[i].data_type()).is_some())
        .collect();
    let names = |which: &[usize]| {
        which
            .iter()
            .map(|&i| fields[i].name().as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let every: Vec<usize> = lists.iter().chain(&numbers).copied().collect();
    let fault = |place, what: String| Err(input_error(path, place, what, "write FILE:COLUMN"));
    let chosen = match member {
        Some(member) => match every.iter().find(|&&i| fields[i].name() == member) {
            Some(&column) => vec![column],
            None => {
                let what = match schema.column_with_name(member) {
                    Some((_, field)) => format!(
                        "the column holds {}, not numbers or lists of floats",
                        field.data_type()
                    ),
                    None => "there is no such column".into(),
                };
                return fault(
                    Place::Part(member.into()),
                    format!("{what}; those that can be read are: {}", names(&every)),
                );
            }
        },
        None if lists.len() > 1 => {
            return fault(
                Place::Whole,
                format!("several columns hold lists of floats: {}", names(&lists)),
            );
        }
        None if lists.len() == 1 => lists.clone(),
        None if numbers.is_empty() => {
            return fault(
                Place::Whole,
                "no column holds numbers or lists of floats".into(),
            );
        }
        None => numbers.clone(),
    };
    if let Some((element, length)) = list(fields[chosen[0]].data_type()) {
        return Ok((chosen, Kind::List(element, length)));
    }
    let narrow = chosen
        .iter()
        .all(|&i| numeric(fields[i].data_type()) == Some(true));
    Ok((
        chosen,
        Kind::Numbers(if narrow { Element::F32 } else { Element::F64 }),
    ))
}

type Source = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// Rows of a stream of batches; the first is read ahead to learn the length of its lists.
fn batches(path: &Path, source: Source, kind: Kind) -> Result<Table> {
    let mut batches = Batches {
        path: path.into(),
        source,
        kind,
        held: None,
        dim: 0,
        row: 0,
    };
    let first = batches.advance()?;
    let Some(first) = first else {
        return Err(input_error(
            path,
            Place::Whole,
            "the file holds no rows",
            "at least one row is needed",
        ));
    };
    batches.dim = match &batches.kind {
        Kind::Numbers(_) => first.num_columns(),
        Kind::List(_, Some(length)) => *length,
        Kind::List(_, None) => first_length(first.column(0)),
    };
    batches.held = Some(first);
    Ok(Table::Stream(Box::new(batches)))
}

fn first_length(column: &ArrayRef) -> usize {
    if column.is_null(0) {
        return 0;
    }
    match column.data_type() {
        DataType::LargeList(_) => column.as_list::<i64>().value(0).len(),
        _ => column.as_list::<i32>().value(0).len(),
    }
}

struct Batches {
    path: PathBuf,
    source: Source,
    kind: Kind,
    held: Option<RecordBatch>,
    dim: usize,
    /// Rows given so far.
    row: u64,
}

impl Batches {
    /// The next batch with rows.
    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        guarded(&self.path.clone(), || {
            loop {
                match self.source.next() {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(broken(&self.path, error)),
                    Some(Ok(batch)) if batch.num_rows() > 0 => return Ok(Some(batch)),
                    Some(Ok(_)) => {}
                }
            }
        })
    }

    fn null(&self, row: usize, column: usize) -> Error {
        input_error(
            &self.path,
            Place::Cell {
                row: self.row + row as u64,
                column: column as u64,
            },
            "the value is null",
            "fill nulls, or drop those rows, before writing the file",
        )
    }

    /// Refuse integers of a column that f64 does not hold.
    fn check_exact(&self, place: usize, column: &ArrayRef) -> Result<()> {
        let (element, bytes) = match column.data_type() {
            DataType::Int64 => {
                let values = column.as_primitive::<Int64Type>().values();
                (Element::I64, bytemuck::cast_slice(values))
            }
            DataType::UInt64 => {
                let values = column.as_primitive::<UInt64Type>().values();
                (Element::U64, bytemuck::cast_slice(values))
            }
            _ => return Ok(()),
        };
        let Some((row, value)) = rounded(element, bytes) else {
            return Ok(());
        };
        let place = Place::Cell {
            row: self.row + row as u64,
            column: place as u64,
        };
        Err(inexact(&self.path.display().to_string(), place, value))
    }

    /// The rows of a list column.
    fn lists(&self, column: &ArrayRef, out: &mut Vec<u8>) -> Result<()> {
        if let Some(row) = (0..column.len()).find(|&row| column.is_null(row)) {
            return Err(self.null(row, 0));
        }
        for row in 0..column.len() {
            let values = match column.data_type() {
                DataType::LargeList(_) => column.as_list::<i64>().value(row),
                DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
                _ => column.as_list::<i32>().value(row),
            };
            if values.len() != self.dim {
                return Err(input_error(
                    &self.path,
                    Place::Row(self.row + row as u64),
                    format!(
                        "the list has {} values, but the first has {}",
                        values.len(),
                        self.dim
                    ),
                    "all rows need the same number of values",
                ));
            }
            if let Some(place) = (0..values.len()).find(|&place| values.is_null(place)) {
                return Err(self.null(row, place));
            }
            match values.data_type() {
                DataType::Float16 => out.extend_from_slice(bytemuck::cast_slice(
                    values.as_primitive::<Float16Type>().values(),
                )),
                DataType::Float32 => out.extend_from_slice(bytemuck::cast_slice(
                    values.as_primitive::<Float32Type>().values(),
                )),
                _ => out.extend_from_slice(bytemuck::cast_slice(
                    values.as_primitive::<Float64Type>().values(),
                )),
            }
        }
        Ok(())
    }

    /// The rows of numeric columns, side by side.
    fn numbers(&self, batch: &RecordBatch, element: Element, out: &mut Vec<u8>) -> Result<()> {
        let mut columns = Vec::with_capacity(self.dim);
        for (place, column) in batch.columns().iter().enumerate() {
            if let Some(row) = (0..column.len()).find(|&row| column.is_null(row)) {
                return Err(self.null(row, place));
            }
            self.check_exact(place, column)?;
            columns.push(as_f64(column));
        }
        for row in 0..batch.num_rows() {
            for column in &columns {
                match element {
                    Element::F32 => out.extend_from_slice(&(column[row] as f32).to_ne_bytes()),
                    _ => out.extend_from_slice(&column[row].to_ne_bytes()),
                }
            }
        }
        Ok(())
    }
}

/// A numeric column as f64.
fn as_f64(column: &ArrayRef) -> Vec<f64> {
    fn of<T: ArrowPrimitiveType>(
        column: &ArrayRef,
        convert: impl Fn(T::Native) -> f64,
    ) -> Vec<f64> {
        column
            .as_primitive::<T>()
            .values()
            .iter()
            .map(|&value| convert(value))
            .collect()
    }
    match column.data_type() {
        DataType::Float16 => of::<Float16Type>(column, f64::from),
        DataType::Float32 => of::<Float32Type>(column, f64::from),
        DataType::Int8 => of::<Int8Type>(column, f64::from),
        DataType::Int16 => of::<Int16Type>(column, f64::from),
        DataType::Int32 => of::<Int32Type>(column, f64::from),
        DataType::Int64 => of::<Int64Type>(column, |v| v as f64),
        DataType::UInt8 => of::<UInt8Type>(column, f64::from),
        DataType::UInt16 => of::<UInt16Type>(column, f64::from),
        DataType::UInt32 => of::<UInt32Type>(column, f64::from),
        DataType::UInt64 => of::<UInt64Type>(column, |v| v as f64),
        _ => of::<Float64Type>(column, |v| v),
    }
}

impl Stream for Batches {
    fn axes(&self) -> Vec<usize> {
        vec![self.dim]
    }

    fn element(&self) -> Element {
        match self.kind {
            Kind::List(element, _) | Kind::Numbers(element) => element,
        }
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let batch = match self.held.take() {
            Some(batch) => batch,
            None => match self.advance()? {
                Some(batch) => batch,
                None => return Ok(false),
            },
        };
        match self.kind {
            Kind::List(..) => self.lists(batch.column(0), out)?,
            Kind::Numbers(element) => self.numbers(&batch, element, out)?,
        }
        self.row += batch.num_rows() as u64;
        Ok(true)
    }
}
