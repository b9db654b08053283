//! A sweep as a table, as Parquet, as JSON and as a figure.
//!
//! Parquet has one row per point.

use super::columns::{self, TableColumn, columns};
use super::compare::words;
use super::document::{self, Part, Section};
use super::numerals::{distinct, or_nothing};
use super::plot::{self, Axis, Chart, Figure, Look, Series};
use super::text_table::Table;
use crate::error::Result;
use crate::rows::law::{Law, Query};
use crate::study::sweep::{Point, thresholds};
use serde_json::Value;
use std::path::Path;

/// The origin of a sweep's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepContext {
    pub command: String,
    /// The plan.
    pub settings: Value,
    /// A line about the sweep, for the figure and the table.
    pub about: String,
}

/// The columns of the points.
fn columns_of_points<'p>() -> Vec<TableColumn<'p, Point>> {
    columns! { point: Point;
        "law" = point.law.clone(), "the law of the points";
        "d" = point.d as u64, "dimensions";
        "n" = point.n as u64, "reference points";
        "trials" = point.trials, "queries that were judged";
        "inside" = point.inside, "of these, how many are inside";
        "undecided" = point.undecided, "of these, how many are neither proved inside nor outside";
        "rate" = point.rate, "share inside";
        "interval_low" = point.interval95[0], "lower end of its 95 % interval (Wilson)";
        "interval_high" = point.interval95[1], "its upper end";
        "theory" = point.theory, "the exact share; null where no theorem gives it";
        "vertices" = point.vertices,
            "expected vertices of the hull of n + 1 points, by Efron's identity; null where it does not hold";
        "vertices_theory" = point.vertices_theory, "the exact number; null where no theorem gives it";
    }
}

/// A line of `--help-columns` for each column.
pub fn help() -> String {
    columns::help("-o", &columns_of_points())
}

/// Writes all points as Parquet.
pub fn write_parquet(path: &Path, context: &SweepContext, points: &[Point]) -> Result<()> {
    let columns = columns_of_points();
    columns::write(path, &context.command, &context.settings, &columns, points)
}

/// All points as a table, one per line.
pub fn table(context: &SweepContext, points: &[Point]) -> String {
    let vertices = |count: Option<f64>| or_nothing(count, |count| format!("{count:.2}"));
    let columns = columns! { point: Point;
        "law" = point.law.clone(), "";
        "d" = point.d.to_string(), "";
        "N" = point.n.to_string(), "";
        "inside" = point.inside.to_string(), "";
        "undecided" = words::some(point.undecided),
            "neither proved inside nor outside; they count as not inside.";
        "of" = point.trials.to_string(), "";
        "rate" = share(point.rate), "";
        "95 %" = format!("{} to {}", share(point.interval95[0]), share(point.interval95[1])), "";
        "theory" = or_nothing(point.theory, share), "";
        "vertices" = vertices(point.vertices),
            "expected, of the hull of N + 1 such points, by Efron's identity from the share not inside.";
        "vertices, theory" = vertices(point.vertices_theory), "";
    };
    let table = Table::of("", &columns, points);
    document::text(&[Section::new(&context.about, [Part::Table(table)])])
}

/// A probability with five decimals, or four significant digits if it is small.
fn share(value: f64) -> String {
    if (0.999_995..1.0).contains(&value) {
        ">0.99999".into()
    } else if value == 0.0 || value >= 1e-3 {
        format!("{value:.5}")
    } else {
        format!("{value:.3e}")
    }
}

/// The rate against N, one panel per law and one curve per dimension; against d if there is one N and several d.
pub fn figure(context: &SweepContext, points: &[Point]) -> Figure {
    let laws = distinct(points.iter().map(|point| &point.law));
    let sizes = distinct(points.iter().map(|point| point.n)).len();
    let dims = distinct(points.iter().map(|point| point.d)).len();
    let against_d = sizes == 1 && dims > 1;
    let panels = laws.iter().map(|law| {
        let of_law: Vec<&Point> = points.iter().filter(|point| point.law == **law).collect();
        let with_thresholds = has_thresholds(context) && **law == Law::Ball.to_string();
        match against_d {
            true => by_dimension(law, &of_law),
            false => by_size(law, &of_law, with_thresholds),
        }
    });
    let query = match at_origin(context) {
        true => "The origin",
        false => "New points",
    };
    Figure {
        title: format!("{query} inside the convex hull of N points"),
        note: note(context, points),
        panels: panels.collect(),
    }
}

/// What the lines are, the queries that are undecided, and how the sweep was made.
fn note(context: &SweepContext, points: &[Point]) -> String {
    let mut note = "bands, of single points upright lines: 95 %".to_string();
    if points.iter().any(|point| point.theory.is_some()) {
        note += "; thin lines: theory";
    }
    let undecided: u64 = points.iter().map(|point| point.undecided).sum();
    if undecided > 0 {
        note += &format!("; {undecided} undecided, not counted as inside");
    }
    format!("{note}; {}", context.about)
}

fn at_origin(context: &SweepContext) -> bool {
    context.settings["query"] == Query::Origin.to_string()
}

/// Barany and Furedi's theorem is about random points of a ball; it does not apply to a data set, nor to the origin as the
/// query.
fn has_thresholds(context: &SweepContext) -> bool {
    context.settings["laws"].is_array() && !at_origin(context)
}

/// The panel of one law: one curve per dimension, with theory behind it and thresholds as vertical lines.
fn by_size(law: &str, points: &[&Point], with_thresholds: bool) -> Chart {
    let mut dims: Vec<usize> = points.iter().map(|point| point.d).collect();
    dims.sort_unstable();
    dims.dedup();
    let mut series = Vec::new();
    for (style, &d) in dims.iter().enumerate() {
        let of_d = points.iter().copied().filter(|point| point.d == d);
        let of_d: Vec<&Point> = of_d.collect();
        series.extend(curves(&format!("d = {d}"), style, &of_d, |point| point.n));
    }
    let marks = match with_thresholds {
        true => thresholds(points),
        false => Vec::new(),
    };
    let legend_of_thresholds = match marks.is_empty() {
        true => "",
        false => "; vertical: Barany-Furedi threshold, no claim above it",
    };
    // Thresholds are as high as the measured shares, which may be no more than a few in a thousand.
    let ends = points
        .iter()
        .flat_map(|point| point.interval95.into_iter().chain(point.theory));
    let (low, high) = ends.fold((1.0, 0.0), |(low, high): (f64, f64), end| {
        (low.min(end), high.max(end))
    });
    series.extend(marks.into_iter().map(|(d, threshold)| {
        let style = dims.iter().position(|&known| known == d).unwrap_or(0);
        let ends = [low, high].map(|share| plot::Point::at(threshold, share));
        Series::new(Look::Thin, "", style, ends)
    }));
    let title = format!("{law}{legend_of_thresholds}");
    let x = Axis::logarithmic("reference points N");
    Chart::new(title, x, Axis::linear("share inside"), series)
}

/// The panel of one law at one size, against the dimension.
fn by_dimension(law: &str, points: &[&Point]) -> Chart {
    let n = points.first().map_or(0, |point| point.n);
    let series = curves(&format!("N = {n}"), 0, points, |point| point.d);
    let (x, y) = (Axis::linear("dimension d"), Axis::linear("share inside"));
    Chart::new(law, x, y, series)
}

/// The measured shares with their band, and the theory if there is one.
fn curves(label: &str, style: usize, points: &[&Point], x: fn(&Point) -> usize) -> Vec<Series> {
    let mut sorted = points.to_vec();
    sorted.sort_by_key(|point| x(point));
    // A line of theory is interrupted where a point has none: for ball and cube only those at d = 1 and N <= d have one.
    let runs = sorted.chunk_by(|a, b| a.theory.is_some() == b.theory.is_some());
    let theory = runs.map(|run| {
        let known = run
            .iter()
            .filter_map(|p| Some(plot::Point::at(x(p) as f64, p.theory?)));
        Series::new(Look::Thin, "", style, known)
    });
    let measured = sorted
        .iter()
        .map(|p| plot::Point::within(x(p) as f64, p.rate, p.interval95));
    let measured = Series::new(Look::Curve, label, style, measured);
    let theory = theory.filter(|series| !series.points.is_empty());
    theory.chain([measured]).collect()
}
