//! The columns of records, each listed once: name, type and value. Every format is written from this list.

use crate::error::Result;
use crate::hull::{Answer, Bracket, Verdict};
use crate::notion::{Notion, Type, Value};
use crate::rows::Rows;
use crate::study::analyze::AnalysisPlan;
use crate::study::compare::{QuerySet, RowContext};
use crate::study::outcomes::Outcome;
use crate::study::summary::name;
use crate::study::{Neighbour, Record};
use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use std::collections::HashMap;
use std::sync::Arc;

/// The type of a column in Arrow. Whole numbers are signed: differences of unsigned ones wrap around in data frames.
fn arrow(of: Type) -> DataType {
    let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
    match of {
        Type::Text => DataType::Utf8,
        Type::Bool => DataType::Boolean,
        Type::Float => DataType::Float64,
        Type::Count | Type::Row => DataType::Int64,
        Type::Texts => list(DataType::Utf8),
        Type::Floats => list(DataType::Float64),
        Type::Rows => list(DataType::Int64),
    }
}

type Get<'r> = Box<dyn Fn(&Record) -> Value + 'r>;

/// A column.
pub(super) struct RecordColumn<'r> {
    pub name: String,
    pub of: Type,
    /// What it says, with its unit.
    pub help: String,
    get: Get<'r>,
}

impl<'r> RecordColumn<'r> {
    fn new(
        name: impl Into<String>,
        of: Type,
        help: impl Into<String>,
        get: impl Fn(&Record) -> Value + 'r,
    ) -> Self {
        RecordColumn {
            name: name.into(),
            of,
            help: help.into(),
            get: Box::new(get),
        }
    }

    pub fn value(&self, record: &Record) -> Value {
        (self.get)(record)
    }
}

/// What the columns of a table are made from.
#[derive(Clone, Copy)]
pub struct About<'r, 'p> {
    pub reference: &'r dyn Rows,
    pub queries: &'r dyn Rows,
    pub plan: &'p AnalysisPlan,
    /// The space that the sets are seen in, where a table may hold several.
    pub space: Option<&'p str>,
    pub known: RowContext<'r>,
}

/// The set that a column says something of.
#[derive(Clone, Copy)]
enum Side {
    Query,
    Nearest,
}

impl Side {
    fn name(self, name: &str) -> String {
        match self {
            Side::Query => name.into(),
            Side::Nearest => format!("nearest_{name}"),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Side::Query => "the query",
            Side::Nearest => "the nearest reference row",
        }
    }

    /// The number of the row in its set.
    fn row(self, record: &Record) -> Option<u64> {
        match self {
            Side::Query => Some(record.query),
            Side::Nearest => Some(record.neighbours.first()?.row),
        }
    }

    /// A column that says something of the row.
    fn column<'r>(
        self,
        name: &str,
        of: Type,
        help: String,
        get: impl Fn(u64) -> Value + 'r,
    ) -> RecordColumn<'r> {
        RecordColumn::new(self.name(name), of, help, move |record| {
            self.row(record).map_or(Value::Null, &get)
        })
    }
}

fn text(text: Option<&str>) -> Value {
    Value::of(text, |text| Value::Text(text.into()))
}

/// All columns of an analysis: those that were asked for and can have a value.
///
/// Errors: notions that are not known.
pub(super) fn columns<'r>(about: &About<'r, '_>) -> Result<Vec<RecordColumn<'r>>> {
    let plan = about.plan;
    let mut all = Vec::new();
    if let Some(space) = about.space {
        let space = space.to_string();
        all.push(RecordColumn::new(
            "space",
            Type::Text,
            "the space, as typed",
            move |_| Value::Text(space.clone()),
        ));
    }
    let help = "row number of the query in its file or folder, from 0";
    all.push(RecordColumn::new("query_row", Type::Row, help, |r| {
        Value::Row(r.query)
    }));
    all.extend(of_sets(about.known.sets));
    all.extend(origin(about.queries, Side::Query));
    all.extend(classes(about));
    all.extend(of_outcome(about.known.outcome));
    if plan.hull {
        all.extend(of_hull(plan.gap.is_some()));
    }
    for (place, notion) in plan.made(about.known.classes)?.iter().enumerate() {
        all.extend(of_notion(about.reference, &**notion, place));
    }
    if plan.neighbours > 0 {
        all.extend(of_nearest(about.reference));
    }
    if plan.neighbours > 1 {
        all.extend(of_neighbours(about.reference));
    }
    Ok(all)
}

/// What a row is called, and where it comes from, where that is known.
fn origin(rows: &dyn Rows, side: Side) -> Vec<RecordColumn<'_>> {
    let Some(known) = rows.provenance() else {
        return Vec::new();
    };
    let what = side.what();
    let mut all = Vec::new();
    if known.has_ids() {
        let help = format!("id of {what}");
        all.push(side.column("id", Type::Text, help, |row| text(known.id(row))));
    }
    if known.has_files() {
        let help = format!("file that {what} is in");
        let file = |row| text(known.origin(row).map(|origin| origin.file));
        all.push(side.column("file", Type::Text, help, file));
    }
    if known.has_files() && !known.are_files() {
        let help = format!("row number of {what} in that file, from 0");
        let row = |row| Value::of(known.origin(row), |origin| Value::Row(origin.row));
        all.push(side.column("row_in_file", Type::Row, help, row));
    }
    if known.has_labels() {
        let help = format!("label of {what}");
        all.push(side.column("label", Type::Text, help, |row| text(known.label(row))));
    }
    all
}

/// Which set a query came in, where there are several.
fn of_sets(sets: &[QuerySet]) -> Vec<RecordColumn<'_>> {
    if sets.is_empty() {
        return Vec::new();
    }
    let of = |place: usize| &sets[sets.partition_point(|set| set.first <= place) - 1];
    let name = move |record: &Record| Value::Text(of(record.place).name.clone());
    let row = move |record: &Record| Value::Row((record.place - of(record.place).first) as u64);
    vec![
        RecordColumn::new("set", Type::Text, "the set that the query came in", name),
        RecordColumn::new(
            "row_in_set",
            Type::Row,
            "row number of the query in that set, from 0",
            row,
        ),
    ]
}

/// The classes of the queries, and what a model took them for; labels that came with the rows are columns already.
fn classes<'r>(about: &About<'r, '_>) -> Vec<RecordColumn<'r>> {
    let Some(classes) = about.known.classes else {
        return Vec::new();
    };
    let mut all = Vec::new();
    if !about
        .queries
        .provenance()
        .is_some_and(|known| known.has_labels())
    {
        let label = |record: &Record| {
            Value::of(classes.of_query(record.place), |class| {
                Value::Text(classes.name(class))
            })
        };
        all.push(RecordColumn::new(
            "label",
            Type::Text,
            "class of the query",
            label,
        ));
    }
    if !classes.predicted.is_empty() {
        let predicted = |record: &Record| {
            let class = classes.predicted.get(record.place).copied().flatten();
            Value::of(class, |class| Value::Text(classes.name(class)))
        };
        let help = "class that the model predicted";
        all.push(RecordColumn::new("predicted", Type::Text, help, predicted));
    }
    all
}

/// What became of the queries, where that was said.
fn of_outcome(outcome: Option<&Outcome>) -> Vec<RecordColumn<'_>> {
    match outcome {
        Some(Outcome::Wrong(wrong)) => {
            let value = |record: &Record| Value::of(wrong[record.place], Value::Bool);
            vec![RecordColumn::new(
                "error",
                Type::Bool,
                "whether the model was wrong",
                value,
            )]
        }
        Some(Outcome::Loss(loss)) => {
            let value = |record: &Record| Value::finite(loss[record.place]);
            vec![RecordColumn::new(
                "loss",
                Type::Float,
                "loss of the model",
                value,
            )]
        }
        Some(Outcome::Sets { .. }) | None => Vec::new(),
    }
}

/// What is found out about the hull.
fn of_hull(distance: bool) -> Vec<RecordColumn<'static>> {
    let hull = |name, of, help, get: fn(&Answer) -> Value| {
        RecordColumn::new(name, of, help, move |record: &Record| {
            record.hull.as_ref().map_or(Value::Null, get)
        })
    };
    let mut all = vec![
        hull("verdict", Type::Text, "inside, outside or undecided", |a| {
            Value::Text(a.verdict.name().into())
        }),
        hull("proof", Type::Text, "exact, tolerance or separated", |a| {
            Value::of(a.proof, |proof| Value::Text(proof.name().into()))
        }),
        hull("reason", Type::Text, "why a query is undecided", |a| {
            Value::of(a.reason, |reason| Value::Text(name(reason)))
        }),
        hull(
            "margin",
            Type::Float,
            "certified lower bound of the Euclidean distance to the hull from the verdict alone; null unless outside",
            |a| {
                Value::of(
                    (a.verdict == Verdict::Outside).then_some(a.margin),
                    Value::Float,
                )
            },
        ),
        hull(
            "residual",
            Type::Float,
            "how far the certificate's weighted rows are from the query, as a share of the local scale",
            |a| Value::of(a.residual, Value::Float),
        ),
        hull("support", Type::Count, "rows of the certificate", |a| {
            Value::Count(a.support as u64)
        }),
        hull("scans", Type::Count, "passes over the reference", |a| {
            Value::Count(u64::from(a.scans))
        }),
    ];
    if distance {
        all.extend([
            hull(
                "distance_lower",
                Type::Float,
                "certified lower bound of the Euclidean distance to the hull",
                |a| Value::of(a.distance, |d| Value::Float(d.lower)),
            ),
            hull(
                "distance_upper",
                Type::Float,
                "certified upper bound of the same",
                |a| Value::of(a.distance, |d| Value::Float(d.upper)),
            ),
            hull(
                "gap",
                Type::Float,
                "(upper - lower) / upper of the distance",
                |a| Value::of(a.distance.as_ref().map(Bracket::gap), Value::Float),
            ),
        ]);
    }
    all
}

/// The columns of a notion, whose judgement stands at `place` of each record's.
fn of_notion<'r>(
    reference: &'r dyn Rows,
    notion: &dyn Notion,
    place: usize,
) -> Vec<RecordColumn<'r>> {
    let id = notion.id();
    let number = |row: u64| reference.number(row as usize);
    let mut all = vec![
        RecordColumn::new(
            format!("{id}_outside"),
            Type::Bool,
            format!("{}; null where it is not known", notion.outside()),
            move |r| Value::of(r.judgements[place].outside, Value::Bool),
        ),
        RecordColumn::new(
            format!("{id}_score"),
            Type::Float,
            notion.score(),
            move |r| Value::finite(r.judgements[place].score),
        ),
    ];
    for (at, column) in notion.columns().into_iter().enumerate() {
        all.push(RecordColumn::new(
            column.name,
            column.of,
            column.help,
            move |r| match r.judgements[place].more.get(at) {
                None => Value::Null,
                Some(Value::Row(row)) => Value::Row(number(*row)),
                Some(Value::Rows(rows)) => {
                    Value::Rows(rows.iter().map(|&row| number(row)).collect())
                }
                Some(value) => value.clone(),
            },
        ));
    }
    all
}

/// The nearest row.
fn of_nearest(reference: &dyn Rows) -> Vec<RecordColumn<'_>> {
    let nearest = |name, of, help, get: fn(&Neighbour) -> Value| {
        RecordColumn::new(name, of, help, move |record: &Record| {
            record.neighbours.first().map_or(Value::Null, get)
        })
    };
    let number = "row number of the nearest reference row in its file or folder, from 0";
    let mut all = vec![nearest("nearest_row", Type::Row, number, |n| {
        Value::Row(n.row)
    })];
    all.extend(origin(reference, Side::Nearest));
    let distance = "distance of the nearest reference row, in the metric";
    all.push(nearest("nearest_distance", Type::Float, distance, |n| {
        Value::finite(n.distance)
    }));
    let ratio = "that distance over the median nearest distance between reference rows";
    all.push(RecordColumn::new(
        "nearest_ratio",
        Type::Float,
        ratio,
        |r| Value::finite(r.nearest_ratio),
    ));
    all
}

/// All neighbours, nearest first.
fn of_neighbours(reference: &dyn Rows) -> Vec<RecordColumn<'_>> {
    let rows = |record: &Record| Value::Rows(record.neighbours.iter().map(|n| n.row).collect());
    let mut all = vec![RecordColumn::new(
        "neighbour_rows",
        Type::Rows,
        "row numbers, nearest first",
        rows,
    )];
    if let Some(known) = reference.provenance() {
        if known.has_ids() {
            all.push(texts("neighbour_ids", "their ids", |row| known.id(row)));
        }
        if known.has_files() {
            all.push(texts("neighbour_files", "their files", |row| {
                known.origin(row).map(|origin| origin.file)
            }));
        }
        if known.has_files() && !known.are_files() {
            let row = |n: &Neighbour| known.origin(n.row).map_or(0, |origin| origin.row);
            let help = "their row numbers in those files, from 0";
            all.push(RecordColumn::new(
                "neighbour_rows_in_file",
                Type::Rows,
                help,
                move |r| Value::Rows(r.neighbours.iter().map(row).collect()),
            ));
        }
        if known.has_labels() {
            all.push(texts("neighbour_labels", "their labels", |row| {
                known.label(row)
            }));
        }
    }
    let distances =
        |record: &Record| Value::Floats(record.neighbours.iter().map(|n| n.distance).collect());
    all.push(RecordColumn::new(
        "neighbour_distances",
        Type::Floats,
        "their distances, in the metric",
        distances,
    ));
    all
}

/// A text of each neighbour.
fn texts<'r>(
    name: &str,
    help: &str,
    get: impl Fn(u64) -> Option<&'r str> + 'r,
) -> RecordColumn<'r> {
    RecordColumn::new(name, Type::Texts, help, move |r| {
        let each = r.neighbours.iter();
        let text = |n: &Neighbour| get(n.row).unwrap_or_default().to_string();
        Value::Texts(each.map(text).collect())
    })
}

/// The Arrow schema of the columns. The number of the query alone is never null.
pub(super) fn schema(columns: &[RecordColumn], metadata: HashMap<String, String>) -> Arc<Schema> {
    let field = |column: &RecordColumn| {
        Field::new(&column.name, arrow(column.of), column.name != "query_row")
    };
    let fields: Vec<Field> = columns.iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Records as a batch.
pub(super) fn batch(
    schema: &Arc<Schema>,
    columns: &[RecordColumn],
    records: &[Record],
) -> Result<RecordBatch, ArrowError> {
    let array = |column: &RecordColumn| {
        let values = records.iter().map(|record| column.value(record));
        array(column.of, values)
    };
    RecordBatch::try_new(Arc::clone(schema), columns.iter().map(array).collect())
}

/// Values of one type as a column of a batch.
pub(in crate::report) fn array(of: Type, values: impl Iterator<Item = Value>) -> ArrayRef {
    macro_rules! build {
        ($builder:expr, $kind:path) => {{
            let mut builder = $builder;
            for value in values {
                match value {
                    $kind(value) => builder.append_value(value),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    macro_rules! lists {
        ($builder:expr, $kind:path) => {{
            let mut builder = ListBuilder::new($builder);
            for value in values {
                match value {
                    $kind(items) => builder.append_value(items.into_iter().map(Some)),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    macro_rules! numbers {
        ($kind:path) => {{
            let mut builder = Int64Builder::new();
            for value in values {
                match value {
                    $kind(value) => builder.append_value(value as i64),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    match of {
        Type::Text => build!(StringBuilder::new(), Value::Text),
        Type::Bool => build!(BooleanBuilder::new(), Value::Bool),
        Type::Float => build!(Float64Builder::new(), Value::Float),
        Type::Count => numbers!(Value::Count),
        Type::Row => numbers!(Value::Row),
        Type::Texts => lists!(StringBuilder::new(), Value::Texts),
        Type::Floats => lists!(Float64Builder::new(), Value::Floats),
        Type::Rows => {
            let signed = values.map(|value| match value {
                Value::Rows(rows) => {
                    Some(rows.into_iter().map(|row| row as i64).collect::<Vec<_>>())
                }
                _ => None,
            });
            let mut builder = ListBuilder::new(Int64Builder::new());
            for rows in signed {
                match rows {
                    Some(rows) => builder.append_value(rows.into_iter().map(Some)),
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
    }
}

/// A value as JSON, which writes every f64 so that it reads back the same.
pub(super) fn as_json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => text.into(),
        Value::Bool(value) => value.into(),
        Value::Float(number) => number.into(),
        Value::Count(count) => count.into(),
        Value::Row(row) => row.into(),
        Value::Texts(texts) => texts.into(),
        Value::Floats(numbers) => numbers.into(),
        Value::Rows(rows) => rows.into(),
    }
}

/// A value as a field of CSV, not yet quoted; lists are joined by semicolons.
pub(super) fn as_field(value: Value) -> String {
    fn join<T>(items: Vec<T>, write: impl Fn(&T) -> String) -> String {
        items.iter().map(write).collect::<Vec<_>>().join(";")
    }
    // `Debug` writes an exponent where plain digits would be hundreds.
    let number = |value: &f64| format!("{value:?}");
    match value {
        Value::Null => String::new(),
        Value::Text(text) => text,
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => number(&value),
        Value::Count(count) => count.to_string(),
        Value::Row(row) => row.to_string(),
        Value::Texts(texts) => texts.join(";"),
        Value::Floats(numbers) => join(numbers, number),
        Value::Rows(rows) => join(rows, u64::to_string),
    }
}
