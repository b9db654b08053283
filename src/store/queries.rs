//! Reads `queries.parquet` of a comparison, one row per query and space, with each notion's judgement of each query.
//!
//! The columns read are `space` and `query_row`; `label`, `predicted` and `error` if present; for every notion `ID_score` and
//! `ID_outside`; and `nearest_distance`, as another score if no notion has that distance as its score.

mod join;

pub use join::join;

use crate::error::{Error, Place, Result};
use crate::notion::sampled;
use crate::rows::texts;
use crate::store::parquet_file::ParquetSource;
use crate::study::outcomes::Scores;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use std::collections::HashMap;
use std::path::Path;

/// The name of the table in the folder of a comparison.
pub const FILE: &str = "queries.parquet";

/// The id of the distance to the nearest row, if no notion has it as its score.
const NEAREST: &str = "nearest";

/// Notions whose score is the distance to the nearest row, in order of preference.
const NEAREST_NOTIONS: [&str; 3] = ["ball", "ball_1", "knn_1"];

const SUFFIXES: [&str; 2] = ["_score", "_outside"];

/// The queries of a comparison, from its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptQueries {
    /// The row of each query in its file.
    pub rows: Vec<u64>,
    /// How many rows that file has.
    pub of: FileRows,
    /// The class of each query, where the comparison knew it.
    pub labels: Option<Vec<Option<String>>>,
    /// Whether a model was wrong about each query, if the comparison had outcomes.
    pub errors: Option<Vec<Option<bool>>>,
    /// Every notion in every space.
    pub scores: Vec<Scores>,
    /// The id of the score that is the distance to the nearest row.
    pub nearest: &'static str,
}

fn source(path: &Path) -> ParquetSource<'_> {
    let advice = "name a folder that `hullscope compare -o` wrote, unchanged";
    ParquetSource { path, advice }
}

fn wrong(path: &Path, what: impl Into<String>) -> Error {
    source(path).wrong(Place::Whole, what)
}

/// How many rows the file of the queries has, including rows that are not queries. It decides whether a file of outcomes has
/// one value per row of that file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FileRows {
    /// All rows were counted, though some may have been left out.
    Exactly(u64),
    /// Reading stopped at a limit: there may be more rows.
    Cut,
    /// This many images could not be decoded, and the others are numbered without them.
    Unnumbered(u64),
}

/// The metadata key of [`FileRows`] in the table.
const KEY: &str = "hullscope.query_file_rows";

impl FileRows {
    /// The metadata entry.
    pub fn entry(self) -> (String, String) {
        let text = match self {
            FileRows::Exactly(rows) => rows.to_string(),
            FileRows::Cut => "cut".into(),
            FileRows::Unnumbered(broken) => format!("broken:{broken}"),
        };
        (KEY.into(), text)
    }

    /// The value for a table with these row numbers: from its metadata, or else the number of rows if none before the last was
    /// left out.
    fn of(table: &RecordBatch, rows: &[u64]) -> Self {
        let schema = table.schema();
        let text = schema.metadata().get(KEY).map_or("", String::as_str);
        if let Ok(rows) = text.parse() {
            return FileRows::Exactly(rows);
        }
        if let Some(Ok(broken)) = text.strip_prefix("broken:").map(str::parse) {
            return FileRows::Unnumbered(broken);
        }
        match text != "cut" && (0..).zip(rows).all(|(at, &row)| at == row) {
            true => FileRows::Exactly(rows.len() as u64),
            false => FileRows::Cut,
        }
    }
}

/// Reads the table.
///
/// Errors: a file that is not there or cannot be decoded, a column that is missing or of another type, spaces that are not
/// about the same queries.
pub fn read(path: &Path) -> Result<KeptQueries> {
    let table = &load(path)?;
    QueriesTable { path, table }.kept()
}

/// The whole table as it is.
///
/// Errors: a file that is not there or cannot be decoded.
pub fn load(path: &Path) -> Result<RecordBatch> {
    let source = source(path);
    let builder = source.open()?;
    source.guarded(|| {
        let schema = builder.schema().clone();
        let fail = |error: ArrowError| source.undecodable(error);
        let reader = builder.build().map_err(|error| fail(error.into()))?;
        let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(fail)?;
        arrow_select::concat::concat_batches(&schema, &batches).map_err(fail)
    })
}

/// A notion's scores of all queries of the space whose table this is.
///
/// Errors: columns that are missing or of another type.
pub fn scores(path: &Path, table: &RecordBatch, space: &str, notion: &str) -> Result<Scores> {
    let rows: Vec<usize> = (0..table.num_rows()).collect();
    QueriesTable { path, table }.scores(space, notion, &rows)
}

/// The table with its path.
struct QueriesTable<'t> {
    path: &'t Path,
    table: &'t RecordBatch,
}

impl QueriesTable<'_> {
    fn column(&self, name: &str, of: &DataType) -> Result<Option<&ArrayRef>> {
        match self.table.column_by_name(name) {
            Some(column) if column.data_type() == of => Ok(Some(column)),
            Some(column) => {
                let what = format!("the column {name} holds {}, not {of}", column.data_type());
                Err(wrong(self.path, what))
            }
            None => Ok(None),
        }
    }

    /// A column of text, in any of Arrow's text types.
    fn texts(&self, name: &str) -> Result<Option<Vec<Option<String>>>> {
        let Some(column) = self.table.column_by_name(name) else {
            return Ok(None);
        };
        let found = texts(column).ok_or_else(|| {
            let what = format!("the column {name} holds {}, not text", column.data_type());
            wrong(self.path, what)
        });
        found.map(Some)
    }

    fn needed(&self, name: &str, of: &DataType) -> Result<&ArrayRef> {
        let column = self.column(name, of)?;
        column.ok_or_else(|| wrong(self.path, format!("there is no column {name}")))
    }

    /// The row indices of each space, in the order of the spaces.
    fn spaces(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let spaces = self.texts("space")?;
        let spaces = spaces.ok_or_else(|| wrong(self.path, "there is no column space"))?;
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut found: Vec<(String, Vec<usize>)> = Vec::new();
        for (row, space) in spaces.iter().enumerate() {
            let space = space
                .as_deref()
                .ok_or_else(|| wrong(self.path, format!("row {row} has no space")))?;
            let place = *places.entry(space).or_insert_with(|| {
                found.push((space.into(), Vec::new()));
                found.len() - 1
            });
            found[place].1.push(row);
        }
        Ok(found)
    }

    fn kept(&self) -> Result<KeptQueries> {
        let spaces = self.spaces()?;
        let Some((first, of_first)) = spaces.first() else {
            return Err(wrong(self.path, "the table has no rows"));
        };
        let numbers = self.needed("query_row", &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        let rows = |of_space: &[usize]| -> Result<Vec<u64>> {
            let number = |&row: &usize| {
                let number = u64::try_from(numbers.value(row)).ok();
                number.filter(|_| numbers.is_valid(row))
            };
            let all: Option<Vec<u64>> = of_space.iter().map(number).collect();
            all.ok_or_else(|| {
                wrong(
                    self.path,
                    "query_row holds a value that is not a row number",
                )
            })
        };
        let queries = rows(of_first)?;
        for (space, of_space) in &spaces {
            if rows(of_space)? != queries {
                let what = format!(
                    "the space {space} is not about the same queries, in the same order, as {first}"
                );
                return Err(wrong(self.path, what));
            }
        }
        let notions = self.notions();
        let mut same = NEAREST_NOTIONS.into_iter();
        let nearest = same.find(|known| notions.iter().any(|notion| notion == known));
        let mut scores = Vec::new();
        for (space, of_space) in &spaces {
            for notion in &notions {
                scores.push(self.scores(space, notion, of_space)?);
            }
            if nearest.is_none()
                && let Some(distances) = self.column("nearest_distance", &DataType::Float64)?
            {
                scores.push(Scores {
                    space: space.clone(),
                    notion: NEAREST.into(),
                    outside: vec![None; of_space.len()],
                    score: floats(distances, of_space),
                    sample: None,
                });
            }
        }
        let labels = self.texts("label")?;
        let labels = labels.map(|labels| of_first.iter().map(|&row| labels[row].clone()).collect());
        let errors = self.column("error", &DataType::Boolean)?;
        let errors = errors.map(|errors| truths(errors, of_first));
        Ok(KeptQueries {
            of: FileRows::of(self.table, &queries),
            rows: queries,
            labels,
            errors,
            scores,
            nearest: nearest.unwrap_or(NEAREST),
        })
    }

    /// The notions that have both columns, in the order of the table.
    fn notions(&self) -> Vec<String> {
        let schema = self.table.schema();
        let has = |name: &str| schema.field_with_name(name).is_ok();
        let names = schema.fields().iter();
        let names = names.filter_map(|field| field.name().strip_suffix(SUFFIXES[0]));
        let both = names.filter(|id| has(&format!("{id}{}", SUFFIXES[1])));
        both.map(String::from).collect()
    }

    fn scores(&self, space: &str, notion: &str, rows: &[usize]) -> Result<Scores> {
        let score = self.needed(&format!("{notion}{}", SUFFIXES[0]), &DataType::Float64)?;
        let outside = self.needed(&format!("{notion}{}", SUFFIXES[1]), &DataType::Boolean)?;
        let (outside, score) = (truths(outside, rows), floats(score, rows));
        let sampled = self.column(&format!("{notion}{}", sampled::ENDING), &DataType::Boolean)?;
        let sample = sampled.map(|sampled| {
            let drawn = truths(sampled, rows).into_iter();
            drawn.map(|drawn| drawn != Some(false)).collect()
        });
        Ok(Scores {
            space: space.into(),
            notion: notion.into(),
            outside,
            score,
            sample,
        })
    }
}

fn floats(column: &ArrayRef, rows: &[usize]) -> Vec<f64> {
    let values = column.as_primitive::<Float64Type>();
    let value = |&row: &usize| values.is_valid(row).then(|| values.value(row));
    rows.iter()
        .map(|row| value(row).unwrap_or(f64::NAN))
        .collect()
}

fn truths(column: &ArrayRef, rows: &[usize]) -> Vec<Option<bool>> {
    let values = column.as_boolean();
    rows.iter()
        .map(|&row| values.is_valid(row).then(|| values.value(row)))
        .collect()
}
