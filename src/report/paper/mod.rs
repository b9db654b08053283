//! The paper's experiments as Parquet and JSON; as tables, figures, a page and in words in the files below.
//!
//! Parquet columns, one row a point: `figure`, `data`, `series`, `space`, `d`, `rank`, `n`, `trials`, `inside`,
//! `undecided`, `rate`, `interval_low`, `interval_high` (Wilson's 95 %), `theory`. All rates are of samples inside.

mod figures;
mod page;
mod tables;
mod words;

pub use figures::figures;
pub use page::page;
pub use tables::table;
pub use words::{reading, set_up};

use super::batch;
use crate::error::Result;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::Hypercube;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, UInt64Array};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    pub points: Vec<Point>,
    /// Where half of the new samples are inside, by curve of figure 1.
    pub halves: Vec<Half>,
    pub cubes: Vec<Hypercube>,
}

/// Where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub command: String,
    pub date: String,
    pub settings: Value,
    /// What a reader must know before believing a number.
    pub notes: Vec<String>,
}

/// Everything. Field names are part of the interface.
pub fn json(context: &Context, findings: &Findings) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": context.command,
        "date": context.date,
        "settings": context.settings,
        "notes": context.notes,
        "points": findings.points,
        "halves": findings.halves,
        "cubes": findings.cubes,
    })
}

/// Write all points as Parquet.
pub fn write_parquet(path: &Path, context: &Context, points: &[Point]) -> Result<()> {
    let whole = |pick: fn(&Point) -> u64| batch::whole(points.iter().map(pick));
    let float = |pick: fn(&Point) -> f64| batch::float(points.iter().map(pick));
    let text = |pick: fn(&Point) -> &String| batch::text(points.iter().map(pick));
    let rank: UInt64Array = points.iter().map(|point| point.rank).collect();
    let theory: Float64Array = points.iter().map(|point| point.theory).collect();
    let table = RecordBatch::try_from_iter_with_nullable([
        ("figure", text(|point| &point.figure), false),
        ("data", text(|point| &point.data), false),
        ("series", text(|point| &point.series), false),
        ("space", text(|point| &point.space), false),
        ("d", whole(|point| point.d), false),
        ("rank", Arc::new(rank) as ArrayRef, true),
        ("n", whole(|point| point.n), false),
        ("trials", whole(|point| point.trials), false),
        ("inside", whole(|point| point.inside), false),
        ("undecided", whole(|point| point.undecided), false),
        ("rate", float(|point| point.rate), false),
        ("interval_low", float(|point| point.interval95[0]), false),
        ("interval_high", float(|point| point.interval95[1]), false),
        ("theory", Arc::new(theory), true),
    ]);
    batch::write(path, &context.command, &context.settings, table)
}

/// Values of a key, in order of first appearance.
fn distinct<'p>(
    points: impl Iterator<Item = &'p Point>,
    key: fn(&Point) -> &String,
) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for point in points {
        if !all.contains(key(point)) {
            all.push(key(point).clone());
        }
    }
    all
}

/// Curves of one data set: the series' name and its points.
type Curves<'p> = Vec<(String, Vec<&'p Point>)>;

/// The points of a figure, by data and then by series.
fn curves<'p>(points: &'p [Point], figure: &str) -> Vec<(String, Curves<'p>)> {
    let of_figure = || points.iter().filter(|point| point.figure == figure);
    let of_data = |data: String| {
        let all = || of_figure().filter(|point| point.data == data);
        let series = distinct(all(), |point| &point.series)
            .into_iter()
            .map(|series| {
                let points = all().filter(|point| point.series == series).collect();
                (series, points)
            });
        let series = series.collect();
        (data, series)
    };
    distinct(of_figure(), |point| &point.data)
        .into_iter()
        .map(of_data)
        .collect()
}
