//! Images in a column of Parquet or Arrow files, with labels in another column, as Hugging Face's `datasets` writes
//! them.
//!
//! A column of images is a struct of `bytes` and `path`, or a column that the `huggingface` entry of the file's
//! metadata calls an Image. The entry also names the codes of labels, in a ClassLabel.

use super::labels::{Given, LabelColumn, Labels, text};
use super::names::Names;
use super::picture::{Content, Encoded};
use super::series::{self, Supply};
use super::shards::Shards;
use super::{ImageOptions, Images, shape_of};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::columns::some;
use crate::rows::guarded::guarded;
use crate::rows::image_columns::{Features, is_binary, is_image, is_struct};
use crate::rows::input::{input_error, probe};
use crate::rows::{Rows, arrow_messages, formats, parquet_pages, refused, saved};
use crate::warnings::Warnings;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use indicatif::HumanCount;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use std::collections::VecDeque;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Rows of a Parquet file that are decoded at a time.
const BATCH: usize = 64;

/// Images are taken until their encoded bytes exceed this.
const AT_ONCE: usize = 64 << 20;

/// Column names that mean labels where the file does not say which column holds them.
const LABELS: [&str; 5] = ["label", "labels", "class", "category", "target"];

/// Files with a column of images.
pub(super) struct Set {
    shards: Shards,
    columns: SchemaColumns,
}

/// The columns of a file, by their possible use.
struct SchemaColumns {
    all: Vec<String>,
    /// Columns that hold images, and columns that hold lists of images.
    images: Vec<String>,
    lists: Vec<String>,
    /// Columns that the user may name as images, and as labels.
    binary: Vec<String>,
    codes: Vec<String>,
    /// Columns that the file calls classes.
    classes: Vec<String>,
    features: Features,
}

/// The set that a spec names, if its files have a column of images.
///
/// Errors: the files hold images of several splits, and the spec names none.
pub(super) fn find(spec: &str, options: &ImageOptions) -> Result<Option<Set>> {
    let shards = match Shards::of(spec, options.open.order) {
        // The reader of the format reports what is wrong.
        Err(_) if !is_saved(Path::new(spec)) => return Ok(None),
        shards => shards?,
    };
    let first = shards.files.first().filter(|file| file.is_file());
    let Some(columns) = first
        .map(|file| SchemaColumns::of(file))
        .transpose()?
        .flatten()
    else {
        return Ok(None);
    };
    let list = match &shards.column {
        Some(name) => columns.lists.iter().find(|list| *list == name),
        None => columns.lists.first().filter(|_| columns.images.is_empty()),
    };
    if let (Some(list), Some(file)) = (list, first) {
        return Err(of_lists(file, list));
    }
    let of_images = match &shards.column {
        Some(name) => {
            let is = |list: &[String]| list.contains(name);
            is(&columns.binary) || (!columns.images.is_empty() && !is(&columns.all))
        }
        None => !columns.images.is_empty(),
    };
    if !of_images {
        return Ok(None);
    }
    shards.of_one_split(spec)?;
    Ok(Some(Set { shards, columns }))
}

/// The error for a column of lists of images, which is not supported.
fn of_lists(file: &Path, column: &str) -> Error {
    let read = match file
        .extension()
        .is_some_and(|extension| extension == "arrow")
    {
        true => "import datasets; datasets.Dataset.from_file('FILE').to_pandas()",
        false => "import pandas; pandas.read_parquet('FILE')",
    };
    let advice = format!(
        "make each image a row: python -c \"{read}.explode('NAME').to_parquet('rows.parquet', index=False)\"; or name another column: \
         PATH:COLUMN"
    );
    input_error(
        file,
        Place::Part(column.into()),
        "each row of the column holds a list of images, and one image is a row",
        refused::of_file(&advice, file).replace("NAME", column),
    )
}

/// Whether a folder was written by `save_to_disk`.
fn is_saved(folder: &Path) -> bool {
    saved::has_splits(folder) || folder.join("state.json").is_file()
}

impl SchemaColumns {
    /// The columns of a Parquet or Arrow file; None for any other file.
    fn of(path: &Path) -> Result<Option<Self>> {
        let input = probe(path)?;
        let format = formats::recognise(&input).map(|format| format.name());
        if !matches!(format, Ok("parquet" | "arrow")) {
            return Ok(None);
        }
        let file = File::open(path)?;
        let fields = file.schema().fields().iter();
        let features = file.features.clone();
        let that = |wanted: &dyn Fn(&str, &DataType) -> bool| -> Vec<String> {
            let fields = fields.clone();
            let fields = fields.filter(|field| wanted(field.name(), field.data_type()));
            fields.map(|field| field.name().clone()).collect()
        };
        let is_image = |name: &str, kind: &DataType| is_image(name, kind, &features);
        Ok(Some(SchemaColumns {
            all: that(&|_, _| true),
            images: that(&is_image),
            lists: that(&|_, kind| item(kind).is_some_and(is_struct)),
            binary: that(&|name, kind| is_image(name, kind) || is_struct(kind) || is_binary(kind)),
            codes: that(&|_, kind| LabelColumn::can_be(kind)),
            classes: that(&|name, kind| {
                features.kind(name) == Some("ClassLabel") && LabelColumn::can_be(kind)
            }),
            features,
        }))
    }
}

/// The item type of a list.
fn item(kind: &DataType) -> Option<&DataType> {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView};
    match kind {
        List(field)
        | LargeList(field)
        | ListView(field)
        | LargeListView(field)
        | FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

impl Set {
    /// Reads the images and their labels.
    ///
    /// Errors: columns that do not exist; several columns of images without a choice; files that cannot be read; images
    /// that cannot be decoded, unless these are skipped.
    pub fn open(
        self,
        spec: &str,
        given: Option<Given>,
        options: &ImageOptions,
        control: &Control,
    ) -> Result<Images> {
        let mut warnings = Warnings::default();
        let image = self.image(spec)?;
        let label = match given {
            Some(_) => None,
            None => self.label(spec, options, &mut warnings)?,
        };
        let mut walk = Walk {
            files: self.shards.files.iter().cloned().collect(),
            image: image.clone(),
            labels: label.clone().map(|name| (name, LabelColumn::default())),
            open: None,
            given: 0,
            begun: Vec::new(),
        };
        let root = match &self.shards.files[..] {
            [only] => only.clone(),
            files => files
                .first()
                .and_then(|file| file.parent())
                .map_or(PathBuf::new(), PathBuf::from),
        };
        warnings.extend(self.shards.notes.iter().cloned());
        let mut set = series::gather(spec, &root, None, &mut walk, options, control)?;
        // After skipped images, the number of a row is no longer its row in the file.
        if set.skipped() == 0 {
            set.rows.about.files = std::mem::take(&mut walk.begun);
        }
        warnings.extend(set.warnings(&root));
        let mut said = match &self.shards.split {
            Some(split) => format!("{spec}: the split {split}, images of the column {image}"),
            None => format!("{spec}: images of the column {image}"),
        };
        let labels = match (given, walk.labels) {
            (Some(given), _) => {
                let classes = given.of_rows(spec, set.taken as u64, options.open.limit)?;
                Some(classes.kept(set.kept.iter().copied()))
            }
            (None, Some((name, column))) => {
                let (labels, words) = self.named(spec, &name, column.labels(&set.kept), options);
                said += &words;
                labels
            }
            (None, None) => None,
        };
        warnings.add(said);
        Ok(Images {
            shape: shape_of(&set.rows.axes()),
            labels,
            skipped: set.skipped(),
            framed: set.framed,
            rows: Box::new(set.rows),
            warnings,
        })
    }

    /// Names the classes of a label column as the file does, and says so in a text; no labels if all rows are null.
    fn named(
        &self,
        spec: &str,
        column: &str,
        mut labels: Labels,
        options: &ImageOptions,
    ) -> (Option<Labels>, String) {
        let (none, all) = (labels.unlabelled(), labels.classes.len());
        if none == all {
            let said = format!(", no labels: the column {column} is null in all rows");
            return (None, said);
        }
        let mut said = format!(", labels of the column {column}");
        let names = self.columns.features.names(column);
        if let Some(names) = names.filter(|_| options.names.is_none()) {
            said += &format!(" with the {} names of the file", names.len());
            let unnamed = Names::list(spec, names).apply(&mut labels);
            if !unnamed.is_empty() {
                said += &format!(" (none for {})", some(&unnamed));
            }
        }
        if none > 0 {
            let [none, all] = [none, all].map(|count| HumanCount(count as u64));
            said += &format!(", {none} of {all} rows have no label");
        }
        (Some(labels), said)
    }

    /// The column that holds the images.
    fn image(&self, spec: &str) -> Result<String> {
        let SchemaColumns { images, binary, .. } = &self.columns;
        let refuse =
            |what: String| Err(Error::input(spec, Place::Whole, what, "write PATH:COLUMN"));
        match (&self.shards.column, &images[..]) {
            (Some(name), _) if binary.contains(name) => Ok(name.clone()),
            (Some(name), _) => refuse(format!(
                "there is no column {name:?}; those that hold images are: {}",
                some(images)
            )),
            (None, [only]) => Ok(only.clone()),
            (None, several) => refuse(format!("several columns hold images: {}", some(several))),
        }
    }

    /// The column that holds the labels: the one that the user names, the only one that the file calls a class, or one
    /// with a usual name.
    fn label(
        &self,
        spec: &str,
        options: &ImageOptions,
        warnings: &mut Warnings,
    ) -> Result<Option<String>> {
        let SchemaColumns { codes, classes, .. } = &self.columns;
        if let Some(name) = &options.open.choice.label {
            if codes.contains(name) {
                return Ok(Some(name.clone()));
            }
            return Err(Error::input(
                spec,
                Place::Whole,
                format!("there is no column {name:?} of whole numbers or text"),
                format!("labels may be in: {}", some(codes)),
            ));
        }
        let usual: Vec<&String> = codes
            .iter()
            .filter(|name| LABELS.contains(&name.as_str()))
            .collect();
        match (&classes[..], &usual[..]) {
            ([only], _) => return Ok(Some(only.clone())),
            ([], [only]) => return Ok(Some((*only).clone())),
            ([], []) => {}
            ([], several) => unlabelled(spec, several, warnings),
            (several, _) => unlabelled(spec, &several.iter().collect::<Vec<_>>(), warnings),
        }
        Ok(None)
    }
}

fn unlabelled(spec: &str, columns: &[&String], warnings: &mut Warnings) {
    let names: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
    warnings.add(format!(
        "{spec}: several columns may hold the labels ({}), and none was taken; --label-column chooses",
        some(&names)
    ));
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// An open file whose schema was read.
struct File {
    path: PathBuf,
    features: Features,
    reader: Reader,
}

enum Reader {
    Parquet(Box<ParquetRecordBatchReaderBuilder<std::fs::File>>),
    Arrow(arrow_schema::SchemaRef, Batches),
}

impl File {
    fn open(path: &Path) -> Result<Self> {
        guarded(path, || {
            let input = probe(path)?;
            let fail = |error: ArrowError| broken(path, error);
            if input.head.starts_with(b"PAR1") {
                parquet_pages::check_depth(&input)?;
                // The schema that Arrow writers embed can contradict the Parquet schema.
                let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
                let file = input.rewound()?;
                let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, plain)
                    .map_err(|error| broken(path, error))?;
                let entries = builder.metadata().file_metadata().key_value_metadata();
                let mut entries = entries.into_iter().flatten();
                let entry = entries.find(|entry| entry.key == "huggingface");
                let features = Features::new(entry.and_then(|entry| entry.value.as_deref()), path);
                return Ok(File {
                    path: path.into(),
                    features,
                    reader: Reader::Parquet(Box::new(builder)),
                });
            }
            let whole = input.head.starts_with(b"ARROW1");
            let (schema, batches): (_, Batches) = if whole {
                arrow_messages::check_file(&input)?;
                let reader =
                    arrow_ipc::reader::FileReader::try_new_buffered(input.rewound()?, None);
                let reader = reader.map_err(fail)?;
                (reader.schema(), Box::new(reader))
            } else {
                arrow_messages::check_stream(&input)?;
                let file = BufReader::new(input.rewound()?);
                let reader = arrow_ipc::reader::StreamReader::try_new(file, None).map_err(fail)?;
                (reader.schema(), Box::new(reader))
            };
            let entry = schema.metadata().get("huggingface").map(String::as_str);
            Ok(File {
                path: path.into(),
                features: Features::new(entry, path),
                reader: Reader::Arrow(schema, batches),
            })
        })
    }

    fn schema(&self) -> &Schema {
        match &self.reader {
            Reader::Parquet(builder) => builder.schema(),
            Reader::Arrow(schema, _) => schema,
        }
    }

    /// Reads the file in batches of these columns, in this order; each column must exist.
    fn batches(self, columns: &[&str]) -> Result<Batches> {
        let path = self.path.clone();
        let schema = self.schema();
        let mut places = Vec::new();
        for column in columns {
            let place = schema.index_of(column);
            places.push(place.map_err(|_| {
                let what =
                    format!("there is no column {column:?}, which other files of the set have");
                input_error(
                    &path,
                    Place::Whole,
                    what,
                    "the files of a set must be alike",
                )
            })?);
        }
        let builder = match self.reader {
            Reader::Arrow(_, batches) => {
                let chosen = move |batch: Result<RecordBatch, _>| {
                    batch.and_then(|batch| batch.project(&places))
                };
                return Ok(Box::new(batches.map(chosen)));
            }
            Reader::Parquet(builder) => builder,
        };
        guarded(&path, || {
            let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
            parquet_pages::check(&probe(&path)?, builder.metadata(), &mask)?;
            let reader = builder
                .with_projection(mask)
                .with_batch_size(BATCH)
                .build()
                .map_err(|error| broken(&path, error))?;
            // The reader returns columns in the order of the file.
            let rank = |place: &usize| places.iter().filter(|other| *other < place).count();
            let order: Vec<usize> = places.iter().map(rank).collect();
            let chosen =
                move |batch: Result<RecordBatch, _>| batch.and_then(|batch| batch.project(&order));
            Ok(Box::new(reader.map(chosen)) as Batches)
        })
    }
}

fn broken(path: &Path, error: impl std::fmt::Display) -> Error {
    input_error(
        path,
        Place::Whole,
        format!("cannot be decoded: {error}"),
        "it is truncated or corrupt; write it again",
    )
}

/// Reads the images of several files, one after the other, and collects their labels on the way.
struct Walk {
    files: VecDeque<PathBuf>,
    image: String,
    labels: Option<(String, LabelColumn)>,
    open: Option<Shard>,
    /// The number of images given so far; and for each file, the number of images before it, with its name.
    given: u64,
    begun: Vec<(u64, String)>,
}

/// A file that is being read.
struct Shard {
    path: PathBuf,
    batches: Batches,
    /// The current batch, and its next row.
    batch: Option<(RecordBatch, usize)>,
    /// The number of the next row in the file.
    row: u64,
}

impl Walk {
    /// The current file, which has a next row; None at the end.
    fn shard(&mut self) -> Result<Option<&mut Shard>> {
        loop {
            if let Some(shard) = &mut self.open {
                if shard.advance()? {
                    break;
                }
                self.open = None;
            }
            let Some(path) = self.files.pop_front() else {
                return Ok(None);
            };
            let label = self.labels.as_ref().map(|(name, _)| name.as_str());
            let columns: Vec<&str> = std::iter::once(self.image.as_str()).chain(label).collect();
            self.begun.push((self.given, path.display().to_string()));
            self.open = Some(Shard {
                batches: File::open(&path)?.batches(&columns)?,
                path,
                batch: None,
                row: 0,
            });
        }
        Ok(self.open.as_mut())
    }
}

impl Shard {
    /// Makes sure that there is a next row; false at the end of the file.
    fn advance(&mut self) -> Result<bool> {
        while self
            .batch
            .as_ref()
            .is_none_or(|(batch, next)| *next == batch.num_rows())
        {
            let Some(batch) = guarded(&self.path, || Ok(self.batches.next()))? else {
                return Ok(false);
            };
            let batch = batch.map_err(|error| broken(&self.path, error))?;
            self.batch = Some((batch, 0));
        }
        Ok(true)
    }
}

impl Supply for Walk {
    fn next(&mut self, most: usize) -> Result<Vec<Encoded>> {
        let (mut encoded, mut size) = (Vec::new(), 0);
        while encoded.len() < most && size < AT_ONCE {
            let Some(shard) = self.shard()? else {
                break;
            };
            let Some((batch, next)) = &mut shard.batch else {
                break;
            };
            let image = image(&shard.path, shard.row, batch.column(0), *next);
            let label = batch.columns().get(1).cloned();
            let (row, path, place) = (*next, shard.path.clone(), shard.row);
            *next += 1;
            shard.row += 1;
            if let (Some((_, labels)), Some(column)) = (&mut self.labels, label) {
                labels.push(&column, row).map_err(|what| {
                    let advice = "labels are whole numbers or text, of one kind in all files";
                    input_error(&path, Place::Row(place), what, advice)
                })?;
            }
            if let Content::Bytes(bytes) = &image.content {
                size += bytes.len();
            }
            encoded.push(image);
            self.given += 1;
        }
        Ok(encoded)
    }
}

/// The encoded image in a row of a column: its bytes, or the file that its path names.
fn image(file: &Path, number: u64, column: &ArrayRef, row: usize) -> Encoded {
    let part = |name: &str| {
        column
            .as_struct_opt()
            .and_then(|all| all.column_by_name(name))
            .cloned()
    };
    let (bytes, path) = match column.data_type() {
        DataType::Struct(_) => (part("bytes"), part("path")),
        kind if is_binary(kind) => (Some(column.clone()), None),
        _ => (None, Some(column.clone())),
    };
    let here = |content| Encoded {
        path: file.into(),
        place: Place::Row(number),
        content,
    };
    if column.is_null(row) {
        return here(Content::Missing("it is null".into()));
    }
    if let Some(bytes) = bytes.and_then(|bytes| binary(&bytes, row)) {
        return here(Content::Bytes(bytes));
    }
    let Some(path) = path.and_then(|path| text(&path, row)) else {
        return here(Content::Missing("it has neither bytes nor a path".into()));
    };
    let other = file.with_file_name(&path);
    if !path.is_empty() && other.is_file() {
        return Encoded {
            path: other,
            place: Place::Whole,
            content: Content::File,
        };
    }
    here(Content::Missing(format!(
        "only its path {path:?} is stored, and {} is no file; where the files are, \
         datasets.Dataset.from_parquet(FILE).save_to_disk(FOLDER) puts them into the table",
        other.display()
    )))
}

/// The bytes in a row of a binary column; None for null.
fn binary(column: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    let value = match column.data_type() {
        DataType::Binary => column
            .as_binary_opt::<i32>()
            .filter(|all| all.is_valid(row))?
            .value(row),
        DataType::LargeBinary => column
            .as_binary_opt::<i64>()
            .filter(|all| all.is_valid(row))?
            .value(row),
        DataType::BinaryView => column
            .as_binary_view_opt()
            .filter(|all| all.is_valid(row))?
            .value(row),
        _ => return None,
    };
    Some(value.to_vec())
}
