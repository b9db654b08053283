//! `queries.parquet` of a comparison, one row per query and space: it is joined from the tables of the spaces, and read back
//! with each notion's judgement of each query.
//!
//! The columns read are `space` and `query_row`; `label`, `predicted` and `error` if present; for every notion `ID_score` and
//! `ID_outside`; and `nearest_distance`, as another score if no notion has that distance as its score.

use super::parquet_file::{ParquetSource, ParquetWriter, properties};
use crate::error::{Error, Place, Result};
use crate::notion::sampled;
use crate::rows::texts;
use crate::study::outcomes::Scores;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the table in the folder of a comparison.
pub const FILE: &str = "queries.parquet";

/// What to name instead of a wrong folder.
const ADVICE: &str = "name a folder that `hullscope compare -o` wrote";

/// The table in the folder of a comparison. Errors: there is no such folder, or no comparison in it.
pub fn of_folder(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(FILE);
    if !folder.exists() {
        return Err(Error::missing(folder, ADVICE));
    }
    match path.exists() {
        true => Ok(path),
        false => Err(Error::Usage(format!(
            "{} has no {FILE}: {ADVICE}",
            folder.display()
        ))),
    }
}

/// The id of the distance to the nearest row, if no notion has it as its score.
const NEAREST: &str = "nearest";

/// Notions whose score is the distance to the nearest row, in order of preference.
const NEAREST_NOTIONS: [&str; 3] = ["ball", "ball_1", "knn_1"];

/// What the names of a notion's columns end with.
const SCORE: &str = "_score";
const OUTSIDE: &str = "_outside";

/// Writes the tables of all spaces as one; a column that a space lacks is null in its rows.
///
/// Errors: a table that cannot be read, columns with the same name and different types, a path that cannot be written.
pub fn join(tables: &[PathBuf], to: &Path, metadata: Vec<(String, String)>) -> Result<()> {
    let source = |table: &PathBuf| ParquetSource {
        path: table.clone(),
        advice: "remove it, and compare again",
    };
    let sources: Vec<ParquetSource> = tables.iter().map(source).collect();
    let mut schemas = Vec::new();
    for source in &sources {
        let fields = source.open()?.schema().fields().clone();
        let fields = fields.iter().map(|field| field.as_ref().clone());
        let fields = fields.map(|field| field.with_nullable(true));
        schemas.push(Schema::new(fields.collect::<Vec<_>>()));
    }
    let failed = |error: ArrowError| Error::io("write", to, std::io::Error::other(error));
    let schema = Arc::new(Schema::try_merge(schemas).map_err(failed)?);
    let mut file = ParquetWriter::create(to, &schema, properties(metadata).build())?;
    for source in &sources {
        for batch in source.batches(source.open()?)? {
            let (_, batch) = batch?;
            let column = |field: &Arc<Field>| -> ArrayRef {
                let known = batch.column_by_name(field.name()).cloned();
                known.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
            };
            let columns = schema.fields().iter().map(column).collect();
            file.write(RecordBatch::try_new(Arc::clone(&schema), columns))?;
        }
    }
    file.written()?.commit()
}

/// The queries of a comparison, from its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptQueries {
    /// The row of each query in its file.
    pub rows: Vec<u64>,
    /// How many rows that file has.
    pub of: FileRows,
    /// The class of each query, where the comparison knew it.
    pub labels: Option<Vec<Option<String>>>,
    /// The names of the comparison's classes, in the order of their codes.
    pub classes: Vec<String>,
    /// Whether a model was wrong about each query, if the comparison had outcomes.
    pub errors: Option<Vec<Option<bool>>>,
    /// Every notion in every space.
    pub scores: Vec<Scores>,
    /// The id of the score that is the distance to the nearest row.
    pub nearest: &'static str,
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

/// The metadata key of the names of all classes, a JSON list in the order of their codes.
const CLASSES: &str = "hullscope.classes";

/// The metadata entry of the names of all classes.
pub fn classes_entry(names: &[String]) -> (String, String) {
    (CLASSES.into(), json!(names).to_string())
}

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

fn source(path: &Path) -> ParquetSource {
    ParquetSource {
        path: path.into(),
        advice: "name a folder that `hullscope compare -o` wrote, unchanged",
    }
}

/// The whole table as it is.
///
/// Errors: a file that is not there or cannot be decoded.
pub fn load(path: &Path) -> Result<RecordBatch> {
    let source = source(path);
    let opened = source.open()?;
    let schema = Arc::clone(opened.schema());
    let batches = source
        .batches(opened)?
        .map(|batch| batch.map(|(_, batch)| batch));
    let batches: Vec<RecordBatch> = batches.collect::<Result<_>>()?;
    let whole = concat_batches(&schema, &batches);
    whole.map_err(|error| source.undecodable(Place::Whole, error))
}

/// A notion's scores of all queries of the space whose table this is.
///
/// Errors: columns that are missing or of another type.
pub fn scores(path: &Path, table: &RecordBatch, space: &str, notion: &str) -> Result<Scores> {
    let (source, table) = (&source(path), table.clone());
    QueriesTable { source, table }.scores(space, notion)
}

/// Reads the table.
///
/// Errors: a file that is not there or cannot be decoded, a column that is missing or of another type, spaces that are not
/// about the same queries.
pub fn read(path: &Path) -> Result<KeptQueries> {
    let (source, table) = (&source(path), load(path)?);
    let whole = QueriesTable { source, table };
    let spaces = whole.spaces()?;
    let Some((first_name, first)) = spaces.first() else {
        return Err(whole.wrong("the table has no rows"));
    };
    let rows = first.rows()?;
    for (name, space) in &spaces {
        if space.rows()? != rows {
            return Err(whole.wrong(format!(
                "the space {name} is not about the same queries, in the same order, as {first_name}"
            )));
        }
    }
    let notions = whole.notions();
    let mut nearest = NEAREST_NOTIONS.into_iter();
    let nearest = nearest.find(|known| notions.iter().any(|notion| notion == known));
    let mut scores = Vec::new();
    for (name, space) in &spaces {
        for notion in &notions {
            scores.push(space.scores(name, notion)?);
        }
        if nearest.is_none() {
            scores.extend(space.nearest(name)?);
        }
    }
    Ok(KeptQueries {
        of: FileRows::of(&whole.table, &rows),
        rows,
        labels: first.texts("label")?,
        classes: whole.classes(),
        errors: first.truths("error")?,
        scores,
        nearest: nearest.unwrap_or(NEAREST),
    })
}

/// The table, or its rows of one space.
struct QueriesTable<'s> {
    source: &'s ParquetSource,
    table: RecordBatch,
}

impl QueriesTable<'_> {
    fn wrong(&self, what: impl Into<String>) -> Error {
        self.source.wrong(Place::Whole, what)
    }

    /// What `read` makes of a column, if it is there; `read` gives `None` for another type than is `wanted`.
    fn column<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&ArrayRef) -> Option<T>,
    ) -> Result<Option<T>> {
        let read = |column: &ArrayRef| {
            let found = column.data_type();
            let what = || format!("the column {name} holds {found}, not {wanted}");
            read(column).ok_or_else(|| self.wrong(what()))
        };
        self.table.column_by_name(name).map(read).transpose()
    }

    /// The names of all classes; none if the comparison knew no classes.
    fn classes(&self) -> Vec<String> {
        let schema = self.table.schema();
        let text = schema.metadata().get(CLASSES).map_or("", String::as_str);
        serde_json::from_str(text).unwrap_or_default()
    }

    fn needed<T>(&self, name: &str, column: Option<T>) -> Result<T> {
        column.ok_or_else(|| self.wrong(format!("there is no column {name}")))
    }

    /// A column of text, in any of Arrow's text types.
    fn texts(&self, name: &str) -> Result<Option<Vec<Option<String>>>> {
        self.column(name, "text", texts)
    }

    /// Numbers; NaN for null.
    fn floats(&self, name: &str) -> Result<Option<Vec<f64>>> {
        self.column(name, "Float64", |column| {
            let values = column.as_primitive_opt::<Float64Type>()?.iter();
            Some(values.map(|value| value.unwrap_or(f64::NAN)).collect())
        })
    }

    fn truths(&self, name: &str) -> Result<Option<Vec<Option<bool>>>> {
        self.column(name, "Boolean", |column| {
            Some(column.as_boolean_opt()?.iter().collect())
        })
    }

    /// The rows of the queries in their file.
    fn rows(&self) -> Result<Vec<u64>> {
        let name = "query_row";
        let rows = self.column(name, "Int64", |column| {
            let rows = column.as_primitive_opt::<Int64Type>()?.iter();
            Some(rows.map(|row| u64::try_from(row?).ok()).collect())
        })?;
        let rows: Option<Vec<u64>> = self.needed(name, rows)?;
        rows.ok_or_else(|| self.wrong(format!("{name} holds a value that is not a row number")))
    }

    /// The names of the spaces and their rows of the table, in the order of the table.
    fn spaces(&self) -> Result<Vec<(String, Self)>> {
        let spaces = self.needed("space", self.texts("space")?)?;
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut found: Vec<(&str, Vec<u64>)> = Vec::new();
        for (row, space) in (0..).zip(&spaces) {
            let space = space.as_deref();
            let space = space.ok_or_else(|| self.wrong(format!("row {row} has no space")))?;
            let place = *places.entry(space).or_insert(found.len());
            if place == found.len() {
                found.push((space, Vec::new()));
            }
            found[place].1.push(row);
        }
        let of_space = |(space, rows): (&str, Vec<u64>)| {
            let table = take_record_batch(&self.table, &UInt64Array::from(rows));
            let table = table.map_err(|error| self.source.undecodable(Place::Whole, error))?;
            let source = self.source;
            Ok((space.into(), QueriesTable { source, table }))
        };
        found.into_iter().map(of_space).collect()
    }

    /// The notions that have both columns, in the order of the table.
    fn notions(&self) -> Vec<String> {
        let schema = self.table.schema();
        let has = |name: &str| schema.field_with_name(name).is_ok();
        let names = schema.fields().iter();
        let names = names.filter_map(|field| field.name().strip_suffix(SCORE));
        let both = names.filter(|id| has(&format!("{id}{OUTSIDE}")));
        both.map(String::from).collect()
    }

    fn scores(&self, space: &str, notion: &str) -> Result<Scores> {
        let [score, outside] = [SCORE, OUTSIDE].map(|ending| format!("{notion}{ending}"));
        let sampled = self.truths(&format!("{notion}{}", sampled::ENDING))?;
        let drawn = |sampled: Vec<Option<bool>>| {
            let drawn = sampled.into_iter().map(|drawn| drawn != Some(false));
            drawn.collect()
        };
        Ok(Scores {
            space: space.into(),
            notion: notion.into(),
            score: self.needed(&score, self.floats(&score)?)?,
            outside: self.needed(&outside, self.truths(&outside)?)?,
            sample: sampled.map(drawn),
        })
    }

    /// The distances to the nearest row as the scores of a notion.
    fn nearest(&self, space: &str) -> Result<Option<Scores>> {
        let distances = self.floats("nearest_distance")?;
        Ok(distances.map(|score| Scores {
            space: space.into(),
            notion: NEAREST.into(),
            outside: vec![None; score.len()],
            score,
            sample: None,
        }))
    }
}
