//! `hullscope top`: the queries with the largest scores, from what a comparison left in its folder.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::images::ImageArgs;
use crate::job::row_args::RowArgs;
use crate::report::compare::number;
use crate::report::sheet::sheet;
use crate::report::text_table::Table;
use crate::store::{file, queries};
use crate::study::compare::{Pick, Picks};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  hullscope top out/ --by hull_score
      the ten queries that are farthest from the hull, in the first space of the comparison
  hullscope top out/ --space pca:8 --by ball_score --errors-only -n 20 --sheet errors.png
      the errors of the model that are farthest from all reference rows, as numbers and as pictures
  hullscope top out/ --by hull_score --least
      the ten queries with the smallest scores";

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

/// The queries with the largest scores, from the folder that `compare -o` wrote
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
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

/// Runs the command.
///
/// Errors: a folder without a comparison, a space or column that the comparison does not have, images that cannot be read.
pub fn run(args: &Args, control: &Arc<Control>) -> Result<()> {
    let path = args.folder.join(queries::FILE);
    if let Some(target) = args.sheet.as_deref() {
        let mut inputs = vec![path.display().to_string()];
        inputs.extend(self::inputs(&args.folder).unwrap_or_default());
        inputs.extend(args.images.files().map(String::from));
        crate::job::guard::check(&[target], None, None, &inputs)?;
    }
    let table = queries::load(&path)?;
    let space = space(&table, args, &path)?;
    let rows = picked(&table, args, &space, &path)?;
    let text = shown(&table, args, &rows);
    if let Some(target) = &args.sheet {
        draw(target, args, &table, &rows, &space, control)?;
    }
    let what = if args.least { "smallest" } else { "largest" };
    file::print(&format!(
        "{} queries of the {what} {} in {space}\n\n{text}",
        rows.len(),
        args.by
    ))
}

fn missing(path: &Path, what: &str, name: &str, known: &[String]) -> Error {
    Error::Usage(format!(
        "{} has no {what} {name:?}; it has {}",
        path.display(),
        known.join(", ")
    ))
}

/// The space that was named, or the first.
fn space(table: &RecordBatch, args: &Args, path: &Path) -> Result<String> {
    let column = table.column_by_name("space");
    let Some(column) = column.and_then(|column| column.as_string_opt::<i32>()) else {
        return Err(missing(path, "column", "space", &names(table, |_| true)));
    };
    let mut known: Vec<String> = column.iter().flatten().map(String::from).collect();
    known.dedup();
    let wanted = args.space.as_ref().or(known.first());
    let found = wanted.filter(|wanted| known.contains(wanted)).cloned();
    let typed = args.space.as_deref().unwrap_or("");
    found.ok_or_else(|| missing(path, "space", typed, &known))
}

/// The names of the columns whose types are `of` a kind.
fn names(table: &RecordBatch, of: fn(&DataType) -> bool) -> Vec<String> {
    let schema = table.schema();
    let fields = schema.fields().iter().filter(|field| of(field.data_type()));
    fields.map(|field| field.name().clone()).collect()
}

/// The rows of the table to show, sorted; rows without a value are left out, and equal values keep their order.
fn picked(table: &RecordBatch, args: &Args, space: &str, path: &Path) -> Result<Vec<usize>> {
    let spaces = table.column_by_name("space");
    let spaces = spaces.map(|column| column.as_string::<i32>());
    let Some(numbers) = table.column_by_name(&args.by).and_then(numbers) else {
        let known = names(table, |of| {
            [DataType::Float64, DataType::Int64].contains(of)
        });
        return Err(missing(path, "column of numbers", &args.by, &known));
    };
    let wrong = table.column_by_name("error");
    let wrong = wrong.and_then(|column| column.as_boolean_opt());
    if args.errors_only && wrong.is_none() {
        return Err(Error::Usage(format!(
            "{} does not know which queries are errors: compare with --predictions, --correct or --errors (what `hullscope errors` \
             reads later is not kept beside the queries)",
            path.display()
        )));
    }
    let is_error = |row: usize| wrong.is_some_and(|wrong| wrong.is_valid(row) && wrong.value(row));
    let mut rows: Vec<(usize, f64)> = numbers
        .into_iter()
        .enumerate()
        .filter_map(|(row, value)| Some((row, value?)))
        .filter(|(row, _)| spaces.is_none_or(|spaces| spaces.value(*row) == space))
        .filter(|(row, _)| !args.errors_only || is_error(*row))
        .collect();
    rows.sort_by(|a, b| match args.least {
        true => a.1.total_cmp(&b.1),
        false => b.1.total_cmp(&a.1),
    });
    rows.truncate(args.n);
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}

/// The numbers of a column, if it holds numbers.
fn numbers(column: &ArrayRef) -> Option<Vec<Option<f64>>> {
    if let Some(values) = column.as_primitive_opt::<Float64Type>() {
        return Some(values.iter().collect());
    }
    let values = column.as_primitive_opt::<Int64Type>()?.iter();
    Some(
        values
            .map(|value| value.map(|value| value as f64))
            .collect(),
    )
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

/// The rows as a table for a terminal.
fn shown(table: &RecordBatch, args: &Args, rows: &[usize]) -> String {
    let by = args.by.as_str();
    let always = ALWAYS.into_iter().filter(|name| *name != by);
    let columns: Vec<(&str, &ArrayRef)> = always
        .chain([by])
        .filter_map(|name| Some((name, table.column_by_name(name)?)))
        .collect();
    let head = columns.iter().map(|(name, _)| *name);
    let rows = rows.iter();
    let cells = |&row: &usize| {
        columns
            .iter()
            .map(|(_, column)| cell(column, row))
            .collect()
    };
    Table::new("", head, rows.map(cells)).text()
}

/// Draws the contact sheet from the images that the comparison read.
fn draw(
    target: &Path,
    args: &Args,
    table: &RecordBatch,
    rows: &[usize],
    space: &str,
    control: &Control,
) -> Result<()> {
    let inputs = inputs(&args.folder)?;
    let sets = match &inputs[..] {
        [] => None,
        [reference, queries] => Some((reference.as_str(), queries.as_str())),
        _ => {
            return Err(Error::Usage(
                "--sheet can be drawn of a comparison of one reference and one set of queries"
                    .into(),
            ));
        }
    };
    let opened = args.images.open(&args.rows, sets, None, control)?;
    let pictures = opened.pictures().ok_or_else(|| {
        Error::Usage("--sheet draws images, and the rows of this comparison are not images".into())
    })?;
    let column = |name: &str| table.column_by_name(name).and_then(numbers);
    let (Some(queries), nearest, by) =
        (column("query_row"), column("nearest_row"), column(&args.by))
    else {
        return Err(Error::Usage(
            "the comparison has no column query_row".into(),
        ));
    };
    let at = |values: &Option<Vec<Option<f64>>>, row: usize| {
        values
            .as_ref()
            .and_then(|values| values[row])
            .unwrap_or(0.0)
    };
    let pick = |&row: &usize| Pick {
        query: queries[row].unwrap_or(0.0) as u64,
        // The name of the column, which the caption shows in place of a verdict.
        verdict: args.by.clone(),
        distance_ratio: at(&by, row),
        nearest: at(&nearest, row) as u64,
        nearest_ratio: at(&column("nearest_distance"), row),
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
        None => Err(Error::Usage("there is no query to draw".into())),
    }
}

/// The sets that the comparison read, as they were typed.
fn inputs(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("summary.json");
    let text = std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
    let summary: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Error::io("read", &path, error.into()))?;
    let inputs = summary["settings"]["inputs"].as_array();
    let each = inputs.into_iter().flatten();
    Ok(each
        .filter_map(|input| Some(input.as_str()?.into()))
        .collect())
}
