//! The paper's experiments as Parquet and JSON; as tables, figures, a page and sentences in the files below.
//!
//! Parquet has one row per point. All rates are of samples inside.
//!
//! An [`Experiment`] carries its own command, date, settings and notes, because the experiments of a folder may come from
//! several runs.

mod figures;
mod sections;
mod words;

pub use figures::figures;
pub use sections::{page, text};
pub use words::reading;

use super::columns::{self, TableColumn, columns};
use super::numerals::distinct;
use crate::error::Result;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::Hypercube;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

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
            let mut made = json!(experiment);
            made["set_up"] = words::set_up(experiment).into();
            made.as_object_mut().map(|made| made.remove("findings"));
            made
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

/// The columns of `points.parquet`.
fn columns_of_points<'p>() -> Vec<TableColumn<'p, Point>> {
    columns! { point: Point;
        "figure" = point.figure.clone(), "the experiment";
        "data" = point.data.clone(), "the law or the set of images";
        "series" = point.series.clone(), "the curve";
        "space" = point.space.clone(), "the space, as `compare` takes it";
        "d" = point.d, "dimensions";
        "rank" = point.rank, "affine rank of the reference; null where it is not known";
        "n" = point.n, "reference rows";
        "trials" = point.trials, "samples that were judged";
        "inside" = point.inside, "of these, how many are inside";
        "undecided" = point.undecided, "of these, how many are neither proved inside nor outside";
        "rate" = point.rate, "share inside";
        "interval_low" = point.interval95[0], "lower end of its 95 % interval (Wilson)";
        "interval_high" = point.interval95[1], "its upper end";
        "theory" = point.theory, "the exact or the Gaussian share; null where there is none";
    }
}

/// A line of `--help-columns` for each column of `points.parquet`.
pub fn help() -> String {
    columns::help("points.parquet", &columns_of_points())
}

/// Writes all points as Parquet; the metadata say how each experiment was made.
pub fn write_parquet(path: &Path, collection: &Collection) -> Result<()> {
    let (made, points) = (collection.made(), collection.findings().points);
    let columns = columns_of_points();
    columns::write(path, &collection.command, &made, &columns, &points)
}

/// Curves of one data set: the series' name and its points.
type Curves<'p> = Vec<(String, Vec<&'p Point>)>;

/// The points of a figure, by data and then by series.
fn curves<'p>(points: &'p [Point], figure: &str) -> Vec<(String, Curves<'p>)> {
    let of_figure = || points.iter().filter(|point| point.figure == figure);
    let of_data = |data: &String| {
        let all = || of_figure().filter(|point| point.data == *data);
        let of_series = |series: &String| {
            let points = all().filter(|point| point.series == *series);
            (series.clone(), points.collect())
        };
        let series = distinct(all().map(|point| &point.series));
        (data.clone(), series.into_iter().map(of_series).collect())
    };
    let data = distinct(of_figure().map(|point| &point.data));
    data.into_iter().map(of_data).collect()
}
