//! Parquet and Arrow IPC (Feather 2, `.arrow`, stream or file): a column of vectors, or columns of numbers.
//!
//! Which columns is decided by [`choose`]. The crates that decode these formats are fast and not hardened against
//! corrupt data, so a panic of theirs is caught and reported as a fault of the file, and what the file claims is checked
//! before they see it.

use super::arrow_columns::{self as schema_of, LOOK};
use super::arrow_values::{self as values_of, Fault};
use super::checked::inexact;
use super::columns::{Chosen, ColumnKind, choose, some};
use super::decode::rounded;
use super::format::Format;
use super::guarded::{CORRUPT, guarded};
use super::image_columns::{self, Features};
use super::input::{Input, input_error};
use super::table::{Ask, Chunk, Lack, Stream, Table};
use super::{Element, arrow_messages, parquet_pages};
use crate::error::{Error, Place, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Rows decoded at a time.
const BATCH: usize = 1024;

/// What a decoder says of a file that it cannot read, or that asks for something that it does not know.
fn broken(path: &Path, error: impl std::fmt::Display) -> Error {
    const UNKNOWN: [&str; 5] = [
        "NYI",
        "ot yet implemented",
        "isabled feature",
        "not supported",
        "nsupported",
    ];
    let what = format!("cannot be decoded: {error}");
    let advice = match UNKNOWN.iter().any(|word| what.contains(word)) {
        true => "write it again without what is not known here",
        false => CORRUPT,
    };
    input_error(path, Place::Whole, what, advice)
}

/// Parquet.
pub(in crate::rows) struct Parquet;

impl Format for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn sniff(&self, input: &Input) -> bool {
        input.head.starts_with(b"PAR1")
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open_parquet(input, ask)
    }

    fn help(&self) -> &'static str {
        "Parquet"
    }

    fn member(&self) -> Option<&'static str> {
        Some("COLUMN")
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["parquet"]
    }
}

fn open_parquet(input: Input, ask: &Ask) -> Result<Table> {
    let path = input.path.clone();
    guarded(&path, || {
        let builder = parquet_builder(&input)?;
        let schema = builder.schema().clone();
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let metadata: HashMap<String, String> = pairs
            .into_iter()
            .flatten()
            .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
            .collect();
        // What an Arrow writer embeds can disagree with the file's own schema: only its words on shapes are used.
        let descr = builder.metadata().file_metadata().schema_descr();
        let embedded = catch_unwind(AssertUnwindSafe(|| parquet_to_arrow_schema(descr, pairs)));
        let embedded = embedded.ok().and_then(|schema| schema.ok());
        let look = |places: &[usize]| {
            let builder = parquet_builder(&input)?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
            parquet_pages::check(&input, builder.metadata(), &mask)?;
            let reader = builder.with_projection(mask).with_batch_size(LOOK).build();
            let mut reader = reader.map_err(|error| broken(&path, error))?;
            let batch = reader.next().transpose();
            batch.map_err(|error| broken(&path, error))
        };
        let chosen = chosen(&path, &schema, &metadata, ask, look)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted(&chosen));
        parquet_pages::check(&input, builder.metadata(), &mask)?;
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()
            .map_err(|error| broken(&path, error))?;
        let field = |place: usize| {
            let own = schema.field(place);
            let embedded = embedded
                .as_ref()
                .and_then(|schema| schema.fields().get(place));
            embedded
                .filter(|field| field.name() == own.name())
                .map_or(own.clone(), |field| {
                    own.clone().with_metadata(field.metadata().clone())
                })
        };
        batches(&path, Box::new(reader), chosen, field, &schema)
    })
}

/// One column of a Parquet or Arrow file, whatever it holds, as arrays in the order of its rows.
///
/// Errors: no such column, several without one being named, a file that cannot be decoded.
pub(super) fn column(input: &Input, member: Option<&str>) -> Result<Vec<ArrayRef>> {
    let path = &input.path;
    let place = |schema: &Schema| -> Result<usize> {
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let place = match member {
            Some(member) => names.iter().position(|name| *name == member),
            None => (names.len() == 1).then_some(0),
        };
        place.ok_or_else(|| {
            let what = match member {
                Some(member) => {
                    format!("there is no column {member:?}; there are: {}", some(&names))
                }
                None => format!("there are several columns: {}", some(&names)),
            };
            input.error(Place::Whole, what, "write FILE:COLUMN")
        })
    };
    guarded(path, || {
        let fail = |error: ArrowError| broken(path, error);
        let plain = |batch: Result<RecordBatch, ArrowError>, place: usize| {
            values_of::plain(batch.map_err(fail)?.column(place)).map_err(fail)
        };
        if input.head.starts_with(b"PAR1") {
            let builder = parquet_builder(input)?;
            let place = place(builder.schema())?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
            parquet_pages::check(input, builder.metadata(), &mask)?;
            let reader = builder.with_projection(mask).with_batch_size(BATCH).build();
            let reader = reader.map_err(|error| broken(path, error))?;
            return reader.map(|batch| plain(batch, 0)).collect();
        }
        let whole = input.head.starts_with(b"ARROW1");
        match whole {
            true => arrow_messages::check_file(input)?,
            false => arrow_messages::check_stream(input)?,
        }
        let (schema, source) = arrow_source(input, whole)?;
        let place = place(&schema)?;
        source.map(|batch| plain(batch, place)).collect()
    })
}

fn parquet_builder(input: &Input) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let path = &input.path;
    parquet_pages::check_depth(input)?;
    let file = input
        .file
        .try_clone()
        .map_err(|error| Error::io("open", path, error))?;
    // The schema that Arrow writers embed can disagree with the file's own.
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, plain)
        .map_err(|error| broken(path, error))
}

/// Arrow IPC, a stream or a file.
pub(in crate::rows) struct Arrow;

impl Format for Arrow {
    fn name(&self) -> &'static str {
        "arrow"
    }

    fn sniff(&self, input: &Input) -> bool {
        input.head.starts_with(b"ARROW1") || input.head.starts_with(&[0xFF; 4])
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open_arrow(input, ask)
    }

    fn help(&self) -> &'static str {
        "Arrow IPC (Feather 2)"
    }

    fn member(&self) -> Option<&'static str> {
        Some("COLUMN")
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["arrow", "feather", "ipc"]
    }
}

fn open_arrow(input: Input, ask: &Ask) -> Result<Table> {
    let path = input.path.clone();
    guarded(&path, || {
        let whole = input.head.starts_with(b"ARROW1");
        if whole {
            arrow_messages::check_file(&input)?;
        } else {
            arrow_messages::check_stream(&input)?;
        }
        let (schema, source) = arrow_source(&input, whole)?;
        let look = |places: &[usize]| {
            let (_, mut source) = arrow_source(&input, whole)?;
            let batch = source
                .find(|batch| !matches!(batch, Ok(batch) if batch.num_rows() == 0))
                .transpose()
                .map_err(|error| broken(&path, error))?;
            let batch = batch.map(|batch| batch.slice(0, LOOK.min(batch.num_rows())));
            let batch = batch.map(|batch| batch.project(places)).transpose();
            batch.map_err(|error| broken(&path, error))
        };
        let metadata = schema.metadata().iter();
        let metadata = metadata.map(|(key, value)| (key.to_string(), value.to_string()));
        let chosen = chosen(&path, &schema, &metadata.collect(), ask, look)?;
        let columns = wanted(&chosen);
        let source = source.map(move |batch| batch.and_then(|batch| batch.project(&columns)));
        let field = |place: usize| schema.field(place).clone();
        batches(&path, Box::new(source), chosen, field, &schema)
    })
}

type BatchStream = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// All batches of a file or stream, from its start.
fn arrow_source(input: &Input, whole: bool) -> Result<(std::sync::Arc<Schema>, BatchStream)> {
    let path = &input.path;
    let io = |error| Error::io("read", path, error);
    let mut file = input.file.try_clone().map_err(io)?;
    file.rewind().map_err(io)?;
    let fail = |error: ArrowError| broken(path, error);
    Ok(if whole {
        let reader = arrow_ipc::reader::FileReader::try_new_buffered(file, None).map_err(fail)?;
        (reader.schema(), Box::new(reader))
    } else {
        let file = BufReader::new(file);
        let reader = arrow_ipc::reader::StreamReader::try_new(file, None).map_err(fail)?;
        (reader.schema(), Box::new(reader))
    })
}

/// Which columns to read; doubtful ones are looked at first.
fn chosen(
    path: &Path,
    schema: &Schema,
    metadata: &HashMap<String, String>,
    ask: &Ask,
    look: impl Fn(&[usize]) -> Result<Option<RecordBatch>>,
) -> Result<Chosen> {
    let mut columns = schema_of::columns(schema, metadata);
    let vectors = columns
        .iter()
        .any(|column| column.kind == ColumnKind::Vector);
    if !vectors && ask.member.is_none() {
        let doubtful = schema_of::doubtful(&columns, schema);
        if !doubtful.is_empty()
            && let Some(rows) = look(&doubtful)?
        {
            schema_of::settle(&mut columns, &doubtful, &rows);
        }
    }
    choose(path, &columns, ask.member, ask.choice).map_err(|error| {
        let said = metadata.get("huggingface").map(String::as_str);
        image_columns::hinted(error, schema, &Features::new(said, path))
    })
}

/// All columns to read, ascending, as projections give them.
fn wanted(chosen: &Chosen) -> Vec<usize> {
    let mut all = chosen.places.clone();
    all.extend(chosen.id);
    all.extend(chosen.label);
    all.sort_unstable();
    all.dedup();
    all
}

/// Rows of a stream of batches of the wanted columns; the first is read ahead to learn the length of its lists.
fn batches(
    path: &Path,
    source: BatchStream,
    chosen: Chosen,
    field: impl Fn(usize) -> Field,
    schema: &Schema,
) -> Result<Table> {
    let wanted = wanted(&chosen);
    let place = |column: usize| wanted.partition_point(|&other| other < column);
    let types = chosen
        .places
        .iter()
        .map(|&column| schema.field(column).data_type());
    let element = match chosen.vector {
        true => schema_of::vector(schema.field(chosen.places[0]).data_type()),
        false => {
            let elements: Option<Vec<Element>> = types.map(values_of::number).collect();
            elements.map(|all| match all.iter().all(|element| element.fits_f32()) {
                true => Element::F32,
                false => Element::F64,
            })
        }
    };
    let mut batches = Batches {
        path: path.into(),
        source,
        vector: chosen.vector,
        element: element.unwrap_or(Element::F64),
        places: chosen.places.iter().map(|&column| place(column)).collect(),
        id: chosen.id.map(place),
        label: chosen.label.map(place),
        held: None,
        axes: match chosen.vector {
            true => Vec::new(),
            false => vec![chosen.places.len()],
        },
        shape: None,
        turn: None,
        row: 0,
    };
    batches.held = batches.advance()?;
    let Some(first) = &batches.held else {
        // A shard may be empty: it says which columns it has all the same.
        return Ok(Table::stream(batches).of(chosen.columns));
    };
    if chosen.vector {
        let lists = first.column(batches.places[0]);
        let rows = 0..first.num_rows();
        let axes = rows.into_iter().find_map(|row| values_of::axes(lists, row));
        batches.axes = axes.unwrap_or_default();
        tensor(&mut batches, &field(chosen.places[0]))?;
    }
    Ok(Table::stream(batches).of(chosen.columns))
}

/// The shape that `arrow.fixed_shape_tensor` gives a list, and the order in which its axes are to be read.
///
/// Errors: a shape that does not fit the list, an order that is none.
fn tensor(batches: &mut Batches, field: &Field) -> Result<()> {
    let metadata = field.metadata();
    let name = metadata.get("ARROW:extension:name").map(String::as_str);
    let (Some("arrow.fixed_shape_tensor"), [length]) = (name, batches.axes.as_slice()) else {
        return Ok(());
    };
    let text = metadata
        .get("ARROW:extension:metadata")
        .map_or("{}", String::as_str);
    let said: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let list = |key: &str| -> Option<Vec<usize>> {
        let values = said[key].as_array()?.iter();
        values
            .map(|value| usize::try_from(value.as_u64()?).ok())
            .collect()
    };
    let Some(shape) = list("shape") else {
        return Ok(());
    };
    let product = shape
        .iter()
        .try_fold(1usize, |product, &axis| product.checked_mul(axis));
    let wrong = |what: String| {
        Err(input_error(
            &batches.path,
            Place::Part(field.name().clone()),
            what,
            CORRUPT,
        ))
    };
    if product != Some(*length) {
        return wrong(format!(
            "the tensors have the shape {shape:?} and {length} numbers"
        ));
    }
    let Some(permutation) = list("permutation") else {
        batches.shape = Some(shape);
        return Ok(());
    };
    let mut sorted = permutation.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..shape.len()) {
        return wrong(format!(
            "the tensors' axes are in the order {permutation:?}, which is none"
        ));
    }
    // Of the logical tensor, axis i is the stored axis permutation[i]; rows are read in logical order.
    let strides: Vec<usize> = (0..shape.len())
        .map(|axis| shape[axis + 1..].iter().product())
        .collect();
    let logical: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
    let place = |mut index: usize| {
        let mut from = 0;
        for (axis, &size) in logical.iter().enumerate().rev() {
            from += (index % size) * strides[permutation[axis]];
            index /= size;
        }
        from
    };
    let turn: Vec<usize> = (0..*length).map(place).collect();
    batches.turn = (!turn.iter().copied().eq(0..*length)).then_some(turn);
    batches.shape = Some(logical);
    Ok(())
}

struct Batches {
    path: PathBuf,
    source: BatchStream,
    vector: bool,
    element: Element,
    /// The columns of numbers or vectors, of ids and of labels in a batch.
    places: Vec<usize>,
    id: Option<usize>,
    label: Option<usize>,
    held: Option<RecordBatch>,
    /// Lengths of the lists in lists of one row; none where every vector of the first batch is null or empty.
    axes: Vec<usize>,
    /// The shape of one row, if the file says another than these.
    shape: Option<Vec<usize>>,
    /// Where each number of a row stands in the stored vector, if it is another place.
    turn: Option<Vec<usize>>,
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

    fn lack(&self, row: usize, column: Option<usize>, what: String) -> Lack {
        let row = self.row + row as u64;
        let place = match column {
            Some(column) => Place::Cell {
                row,
                column: column as u64,
            },
            None => Place::Row(row),
        };
        Lack { row, place, what }
    }

    /// The rows of a column of vectors.
    fn vectors(&self, column: &ArrayRef, chunk: &mut Chunk) -> Result<()> {
        let failed = |error: ArrowError| broken(&self.path, error);
        let lists = values_of::plain(column).map_err(failed)?;
        let size = self.element.size();
        let width = self.axes.iter().product::<usize>() * size;
        for row in 0..lists.len() {
            let start = chunk.values.len();
            match values_of::vector(&lists, row, &self.axes, &mut chunk.values) {
                Ok(()) => {
                    if let Some(turn) = &self.turn {
                        super::columns::reorder(&mut chunk.values[start..], size, turn);
                    }
                    continue;
                }
                Err(Fault::Arrow(error)) => return Err(failed(error)),
                Err(Fault::Null(place)) => {
                    // Of lists of lists the place is one in the innermost list.
                    let place = place.filter(|_| self.axes.len() == 1);
                    let what = "the value is null".into();
                    chunk.lacking.push(self.lack(row, place, what));
                }
                Err(Fault::Length(found, length)) => {
                    let what = format!("the list has {found} values, but the first has {length}");
                    chunk.lacking.push(self.lack(row, None, what));
                }
            }
            chunk.values.resize(start + width, 0);
        }
        Ok(())
    }

    /// The rows of columns of numbers, side by side.
    fn numbers(&self, batch: &RecordBatch, chunk: &mut Chunk) -> Result<()> {
        let mut columns = Vec::with_capacity(self.places.len());
        for (place, &column) in self.places.iter().enumerate() {
            let column = batch.column(column);
            self.check_exact(place, column)?;
            columns.push(values_of::numbers(column).map_err(|error| broken(&self.path, error))?);
        }
        for row in 0..batch.num_rows() {
            if let Some(place) = columns.iter().position(|column| column[row].is_none()) {
                let what = "the value is null".into();
                chunk.lacking.push(self.lack(row, Some(place), what));
            }
            for column in &columns {
                let value = column[row].unwrap_or(0.0);
                match self.element {
                    Element::F32 => chunk
                        .values
                        .extend_from_slice(&(value as f32).to_ne_bytes()),
                    _ => chunk.values.extend_from_slice(&value.to_ne_bytes()),
                }
            }
        }
        Ok(())
    }

    fn texts(&self, batch: &RecordBatch, chunk: &mut Chunk) -> Result<()> {
        for (place, texts) in [(self.id, &mut chunk.ids), (self.label, &mut chunk.labels)] {
            let Some(place) = place else { continue };
            values_of::texts(batch.column(place), texts).map_err(|error| {
                input_error(
                    &self.path,
                    Place::Whole,
                    format!(
                        "ids and labels are text or numbers, and this column is neither: {error}"
                    ),
                    "name another column",
                )
            })?;
        }
        Ok(())
    }
}

impl Stream for Batches {
    fn axes(&self) -> Vec<usize> {
        self.shape.as_ref().unwrap_or(&self.axes).clone()
    }

    fn element(&self) -> Element {
        self.element
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let batch = match self.held.take() {
            Some(batch) => batch,
            None => match self.advance()? {
                Some(batch) => batch,
                None => return Ok(false),
            },
        };
        match self.vector {
            true => self.vectors(batch.column(self.places[0]), chunk)?,
            false => self.numbers(&batch, chunk)?,
        }
        self.texts(&batch, chunk)?;
        self.row += batch.num_rows() as u64;
        Ok(true)
    }
}
