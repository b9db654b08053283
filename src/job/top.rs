//! The queries with the largest scores, from what a comparison left in its folder: as a table, and as pictures.

use super::guard::Outputs;
use super::images::ImageArgs;
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::numerals::number;
use crate::report::sheet::sheet;
use crate::report::text_table::Table;
use crate::rows::texts;
use crate::store::{file, queries as store};
use crate::study::compare::{Pick, Picks};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use std::path::{Path, PathBuf};

/// Columns that are always shown, if the table has them.
const ALWAYS: [&str; 9] = [
    "query_row",
    "id",
    "file",
    "row_in_file",
    "set",
    "label",
    "predicted",
    "error",
    "nearest_row",
];

/// The folder, and which queries are shown.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder of the comparison
    folder: PathBuf,
    /// The space (default: the first)
    #[arg(long, value_name = "SPACE")]
    space: Option<String>,
    /// The column to sort by, the largest first, as in hull_score
    #[arg(long, value_name = "COLUMN", default_value = "hull_score")]
    by: String,
    /// Sort ascending: the smallest first
    #[arg(long)]
    least: bool,
    /// Only queries about which the model is wrong
    #[arg(long)]
    errors_only: bool,
    /// Number of queries to show
    #[arg(short, value_name = "N", default_value_t = 10)]
    n: usize,
    /// Draw these queries beside their nearest reference images (.png)
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    rows: RowArgs,
}

/// The queries of a comparison.
struct Queries {
    path: PathBuf,
    table: RecordBatch,
}

impl Options {
    /// The queries as a table for a terminal; the contact sheet is drawn if it is asked for.
    ///
    /// Errors: a folder without a comparison, a space or column that the comparison does not have, images that cannot be read.
    pub fn run(&self, control: &Control) -> Result<String> {
        let path = store::of_folder(&self.folder)?;
        let mut inputs = vec![path.display().to_string()];
        inputs.extend(self.inputs().unwrap_or_default());
        inputs.extend(self.images.files().map(String::from));
        Outputs::files(self.sheet.as_deref(), None).check(&inputs)?;
        self.sheet.as_deref().map_or(Ok(()), check_sheet)?;
        let table = store::load(&path)?;
        let queries = Queries { path, table };
        let space = queries.space(self.space.as_deref())?;
        let rows = self.picked(&queries, &space)?;
        if let Some(target) = &self.sheet {
            self.draw(target, &queries, &rows, &space, control)?;
        }
        let what = if self.least { "smallest" } else { "largest" };
        let (count, by) = (rows.len(), &self.by);
        let text = queries.shown(&rows, by);
        Ok(format!(
            "{count} queries of the {what} {by} in {space}\n\n{text}"
        ))
    }

    /// The rows of the table to show, sorted; rows without a value are left out, and equal values keep their order.
    fn picked(&self, queries: &Queries, space: &str) -> Result<Vec<usize>> {
        let spaces = queries.texts("space").unwrap_or_default();
        let Some(numbers) = queries.numbers(&self.by) else {
            let numeric = |of: &DataType| [DataType::Float64, DataType::Int64].contains(of);
            let known = queries.names(numeric);
            return Err(queries.missing("column of numbers", &self.by, &known));
        };
        let wrong = queries.table.column_by_name("error");
        let wrong = wrong.and_then(|column| column.as_boolean_opt());
        if self.errors_only && wrong.is_none() {
            return Err(Error::Usage(format!(
                "{} does not know which queries are errors: compare with --predictions, --correct or --errors (what \
                 `hullscope errors` reads later is not kept beside the queries)",
                queries.path.display()
            )));
        }
        let is_error =
            |row: usize| wrong.is_some_and(|wrong| wrong.is_valid(row) && wrong.value(row));
        let mut rows: Vec<(usize, f64)> = (numbers.into_iter().enumerate())
            .filter_map(|(row, value)| Some((row, value?)))
            .filter(|(row, _)| spaces[*row].as_deref() == Some(space))
            .filter(|(row, _)| !self.errors_only || is_error(*row))
            .collect();
        rows.sort_by(|(_, a), (_, b)| match self.least {
            true => a.total_cmp(b),
            false => b.total_cmp(a),
        });
        Ok(rows.into_iter().take(self.n).map(|(row, _)| row).collect())
    }

    /// Draws the contact sheet from the images that the comparison read.
    fn draw(
        &self,
        target: &Path,
        queries: &Queries,
        rows: &[usize],
        space: &str,
        control: &Control,
    ) -> Result<()> {
        let wrong = |why: &str| Error::Usage(why.into());
        let inputs = self.inputs()?;
        let sets: Vec<&str> = inputs.iter().map(String::as_str).collect();
        if ![0, 2].contains(&sets.len()) {
            return Err(wrong(
                "--sheet can be drawn of a comparison of one reference and one set of queries",
            ));
        }
        let opened = self.images.open(&self.rows, &sets, None, control)?;
        let no_images = "--sheet draws images, and the rows of this comparison are not images";
        let pictures = opened.pictures().ok_or_else(|| wrong(no_images))?;
        let at = |name: &str| {
            let values = queries.numbers(name).unwrap_or_default();
            move |row: usize| values.get(row).copied().flatten().unwrap_or(0.0)
        };
        let (query, by) = (at("query_row"), at(&self.by));
        let (nearest, distance) = (at("nearest_row"), at("nearest_distance"));
        let pick = |&row: &usize| Pick {
            query: query(row) as u64,
            // The name of the column, which the caption shows in place of a verdict.
            verdict: self.by.clone(),
            distance_ratio: by(row),
            nearest: nearest(row) as u64,
            nearest_ratio: distance(row),
            support: Vec::new(),
            seen: None,
            mean: None,
        };
        let picks = Picks {
            without_unit: true,
            margins: false,
            interpolated: Vec::new(),
            extrapolated: rows.iter().map(pick).collect(),
        };
        match sheet(space, &picks, &pictures)? {
            Some(png) => file::write_bytes(target, &png),
            None => Err(wrong("there is no query to draw")),
        }
    }

    /// The sets that the comparison read, as they were typed.
    fn inputs(&self) -> Result<Vec<String>> {
        let path = self.folder.join("summary.json");
        let failed = |error| Error::io("read", &path, error);
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let summary: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
        let inputs = summary["settings"]["inputs"].as_array();
        let each = inputs.into_iter().flatten();
        let texts = each.filter_map(|input| Some(input.as_str()?.into()));
        Ok(texts.collect())
    }
}

impl Queries {
    fn missing(&self, what: &str, name: &str, known: &[String]) -> Error {
        Error::Usage(format!(
            "{} has no {what} {name:?}; it has {}",
            self.path.display(),
            known.join(", ")
        ))
    }

    /// The names of the columns whose types are `of` a kind.
    fn names(&self, of: fn(&DataType) -> bool) -> Vec<String> {
        let schema = self.table.schema();
        let fields = schema.fields().iter().filter(|field| of(field.data_type()));
        fields.map(|field| field.name().clone()).collect()
    }

    fn texts(&self, name: &str) -> Option<Vec<Option<String>>> {
        texts(self.table.column_by_name(name)?)
    }

    /// The numbers of a column, if it is there and holds numbers.
    fn numbers(&self, name: &str) -> Option<Vec<Option<f64>>> {
        let column = self.table.column_by_name(name)?;
        if let Some(values) = column.as_primitive_opt::<Float64Type>() {
            return Some(values.iter().collect());
        }
        let values = column.as_primitive_opt::<Int64Type>()?.iter();
        Some(values.map(|value| Some(value? as f64)).collect())
    }

    /// The space that was named, or the first.
    fn space(&self, named: Option<&str>) -> Result<String> {
        let Some(column) = self.texts("space") else {
            return Err(self.missing("column", "space", &self.names(|_| true)));
        };
        let mut known: Vec<String> = column.into_iter().flatten().collect();
        known.dedup();
        let found = match named {
            Some(named) => known.iter().find(|known| *known == named),
            None => known.first(),
        };
        found
            .cloned()
            .ok_or_else(|| self.missing("space", named.unwrap_or(""), &known))
    }

    /// Some rows as a table for a terminal; the column `by` is the last.
    fn shown(&self, rows: &[usize], by: &str) -> String {
        let names = ALWAYS.into_iter().filter(|name| *name != by).chain([by]);
        let columns: Vec<(&str, &ArrayRef)> = names
            .filter_map(|name| Some((name, self.table.column_by_name(name)?)))
            .collect();
        let head = columns.iter().map(|(name, _)| *name);
        let cells = |&row: &usize| {
            let each = columns.iter().map(|(_, column)| cell(column, row));
            each.collect()
        };
        Table::new("", head, rows.iter().map(cells)).text()
    }
}

/// Refuses a contact sheet whose name has another ending, or that cannot be written.
fn check_sheet(path: &Path) -> Result<()> {
    match file::ending(path).as_str() {
        "png" => file::Output::create(path).map(drop),
        _ => Err(file::wrong_ending(path, "contact sheets", ".png")),
    }
}

/// One value as text.
fn cell(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "-".into();
    }
    match column.data_type() {
        DataType::Float64 => number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        _ => "..".into(),
    }
}
