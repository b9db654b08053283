//! The paper's experiments as Parquet and JSON; as tables, figures, a page and sentences in the files below.
//!
//! Parquet columns, one row per point: `figure`, `data`, `series`, `space`, `d`, `rank`, `n`, `trials`, `inside`,
//! `undecided`, `rate`, `interval_low`, `interval_high` (Wilson's 95 %), `theory`. All rates are of samples inside.
//!
//! An [`Experiment`] carries its own command, date, settings and notes, because the experiments of a folder may come from
//! several runs ([`keep`], [`all`]).

mod figures;
mod findings_folder;
mod page;
mod tables;
mod words;

pub use figures::figures;
pub use findings_folder::{all, keep, recall};
pub use page::page;
pub use tables::{table, wrapped};
pub use words::{reading, set_up};

use super::parquet_file;
use crate::error::Result;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::Hypercube;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// The experiments, in the order in which they are shown.
pub const NAMES: [&str; 4] = ["fig1", "pixels", "latents", "fig5"];

/// The points of the experiments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    pub points: Vec<Point>,
    /// The N at which half of the new samples are inside, for each curve of figure 1.
    pub halves: Vec<Half>,
    pub cubes: Vec<Hypercube>,
}

/// One experiment: its findings, and the run that they are from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// One of [`NAMES`].
    #[serde(rename = "experiment")]
    pub name: String,
    pub command: String,
    pub date: String,
    /// The settings that the experiment uses.
    pub settings: Value,
    /// Caveats that a reader needs before interpreting the numbers.
    pub notes: Vec<String>,
    pub findings: Findings,
}

/// Experiments that are shown together; they may come from several runs, the last of which writes this.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// The command of the run that writes.
    pub command: String,
    pub date: String,
    pub experiments: Vec<Experiment>,
    /// Notes about the whole: earlier findings that could not be used.
    pub notes: Vec<String>,
}

impl Collection {
    /// The findings of all experiments.
    pub fn findings(&self) -> Findings {
        let mut all = Findings::default();
        for Experiment { findings, .. } in &self.experiments {
            all.points.extend_from_slice(&findings.points);
            all.halves.extend_from_slice(&findings.halves);
            all.cubes.extend_from_slice(&findings.cubes);
        }
        all
    }

    /// How each experiment was made, as JSON.
    fn made(&self) -> Value {
        let each = self.experiments.iter().map(|experiment| {
            json!({
                "experiment": experiment.name,
                "set_up": set_up(experiment),
                "command": experiment.command,
                "date": experiment.date,
                "settings": experiment.settings,
                "notes": experiment.notes,
            })
        });
        each.collect()
    }
}

/// The collection as JSON; `experiments` says how each was made. Field names are part of the interface.
pub fn json(collection: &Collection) -> Value {
    let findings = collection.findings();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": collection.command,
        "date": collection.date,
        "notes": collection.notes,
        "experiments": collection.made(),
        "points": findings.points,
        "halves": findings.halves,
        "cubes": findings.cubes,
    })
}

/// Writes all points as Parquet; the metadata say how each experiment was made.
pub fn write_parquet(path: &Path, collection: &Collection) -> Result<()> {
    let Findings { points, .. } = collection.findings();
    let whole = |pick: fn(&Point) -> u64| parquet_file::whole(points.iter().map(pick));
    let float = |pick: fn(&Point) -> f64| parquet_file::float(points.iter().map(pick));
    let text = |pick: fn(&Point) -> &String| parquet_file::text(points.iter().map(pick));
    let rank: Int64Array = points
        .iter()
        .map(|point| point.rank.map(|rank| rank as i64))
        .collect();
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
    parquet_file::write(path, &collection.command, &collection.made(), table)
}

/// The different values of a key, in order of first appearance.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An experiment with one curve of shares inside against the dimension.
    pub(super) fn experiment(name: &str, rates: &[(u64, f64)]) -> Experiment {
        let point = |&(d, rate): &(u64, f64)| Point {
            figure: name.into(),
            data: "data".into(),
            series: "curve".into(),
            space: format!("patch:{d}"),
            d,
            rank: Some(d),
            n: 6000,
            trials: 1000,
            inside: (1000.0 * rate) as u64,
            undecided: 0,
            rate,
            interval95: [rate / 2.0, 2.0 * rate],
            theory: None,
        };
        Experiment {
            name: name.into(),
            command: format!("hullscope paper {name}"),
            date: "2026-01-02T03:04:05Z".into(),
            settings: json!({ "seed": 7 }),
            notes: vec![format!("a note of {name}")],
            findings: Findings {
                points: rates.iter().map(point).collect(),
                ..Findings::default()
            },
        }
    }
}
