//! A sweep as a table, as Parquet, as JSON and as a figure.
//!
//! Parquet has one row per point.

use super::columns::{self, TableColumn, columns};
use super::compare::words;
use super::document::{self, Part, Section};
use super::numerals::{distinct, or_nothing};
use super::plot::{Axis, Figure, Lines, Panel, Series};
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
        "theory" = vertices(point.vertices_theory), "";
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
    let thresholds = has_thresholds(context);
    let panels = laws.iter().map(|law| {
        let of_law: Vec<&Point> = points.iter().filter(|point| point.law == **law).collect();
        Panel::Lines(if against_d {
            by_dimension(law, &of_law)
        } else {
            by_size(law, &of_law, thresholds && **law == Law::Ball.to_string())
        })
    });
    let query = match at_origin(context) {
        true => "The origin",
        false => "New points",
    };
    let undecided: u64 = points.iter().map(|point| point.undecided).sum();
    Figure {
        title: format!("{query} inside the convex hull of N points"),
        note: format!(
            "bands, of single points upright lines: 95 %; thin lines: theory; {undecided} undecided, not counted as inside; {}",
            context.about
        ),
        panels: panels.collect(),
    }
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
fn by_size(law: &str, points: &[&Point], with_thresholds: bool) -> Lines {
    let mut dims: Vec<usize> = points.iter().map(|point| point.d).collect();
    dims.sort_unstable();
    dims.dedup();
    let axis = Axis::logarithmic("reference points N");
    let dash = Dash::on(&axis, points.iter().map(|point| point.n));
    let mut series = Vec::new();
    for (style, &d) in dims.iter().enumerate() {
        let of_d = points.iter().copied().filter(|point| point.d == d);
        let of_d: Vec<&Point> = of_d.collect();
        let label = format!("d = {d}");
        series.extend(curves(&label, style, &of_d, |point| point.n, &dash));
    }
    let marks: Vec<(usize, f64)> = match with_thresholds {
        true => thresholds(points),
        false => Vec::new(),
    };
    let legend_of_thresholds = match marks.is_empty() {
        true => "",
        false => "; vertical: Barany-Furedi threshold, no claim above it",
    };
    // Thresholds are as high as the measured shares, which may be no more than a few in a thousand.
    let (low, high) = extent(points);
    series.extend(marks.into_iter().map(|(d, threshold)| {
        let style = dims.iter().position(|&known| known == d).unwrap_or(0);
        Series::thin(style, vec![(threshold, low), (threshold, high)])
    }));
    Lines::new(
        format!("{law}{legend_of_thresholds}"),
        axis,
        rate_axis(),
        series,
    )
}

/// The panel of one law at one size, against the dimension.
fn by_dimension(law: &str, points: &[&Point]) -> Lines {
    let n = points.first().map_or(0, |point| point.n);
    let axis = Axis::linear("dimension d");
    let dash = Dash::on(&axis, points.iter().map(|point| point.d));
    let series = curves(&format!("N = {n}"), 0, points, |point| point.d, &dash);
    Lines::new(law, axis, rate_axis(), series)
}

fn rate_axis() -> Axis {
    Axis::linear("share inside")
}

/// The least and the largest share among intervals and theory.
fn extent(points: &[&Point]) -> (f64, f64) {
    let ends = points.iter().flat_map(|point| {
        let [low, high] = point.interval95;
        [low, high].into_iter().chain(point.theory)
    });
    ends.fold((1.0, 0.0), |(low, high): (f64, f64), end| {
        (low.min(end), high.max(end))
    })
}

/// The short horizontal line that shows a single value of a theory.
struct Dash {
    logarithmic: bool,
    /// Half its length: a factor on a logarithmic axis, else a difference.
    half: f64,
}

impl Dash {
    /// The line for an axis with these values: a fixed share of their range.
    fn on(axis: &Axis, places: impl Iterator<Item = usize>) -> Self {
        const SHARE: f64 = 0.02;
        let (least, most) = places.fold((usize::MAX, 0), |ends, place| {
            (ends.0.min(place), ends.1.max(place))
        });
        let (least, most, single) = (least as f64, most as f64, most <= least);
        let half = match (axis.logarithmic, single) {
            (true, true) => 1.05,
            (true, false) => (most / least).powf(SHARE),
            (false, true) => 0.1,
            (false, false) => SHARE * (most - least),
        };
        Dash {
            logarithmic: axis.logarithmic,
            half,
        }
    }

    fn at(&self, x: f64, y: f64) -> Vec<(f64, f64)> {
        match self.logarithmic {
            true => vec![(x / self.half, y), (x * self.half, y)],
            false => vec![(x - self.half, y), (x + self.half, y)],
        }
    }
}

/// The measured shares with their band, and the theory if there is one.
fn curves(
    label: &str,
    style: usize,
    points: &[&Point],
    x: fn(&Point) -> usize,
    dash: &Dash,
) -> Vec<Series> {
    let mut sorted = points.to_vec();
    sorted.sort_by_key(|point| x(point));
    let mut series = theory(style, &sorted, x, dash);
    // A single point has no band.
    if let [point] = sorted[..] {
        let interval = point.interval95.map(|end| (x(point) as f64, end));
        series.push(Series::thin(style, interval.to_vec()));
    }
    let places = sorted.iter().map(|p| (x(p) as f64, p.rate)).collect();
    let band = sorted.iter().map(|p| p.interval95.into()).collect();
    series.push(Series::curve(label, style, places, band));
    series
}

/// A line through neighbouring points that have a theory, interrupted where a point has none: for ball and cube only those
/// at d = 1 and N <= d have one.
fn theory(style: usize, sorted: &[&Point], x: fn(&Point) -> usize, dash: &Dash) -> Vec<Series> {
    let runs = sorted.chunk_by(|a, b| a.theory.is_some() == b.theory.is_some());
    let runs = runs.map(|run| -> Vec<(f64, f64)> {
        let known = run.iter().filter_map(|p| Some((x(p) as f64, p.theory?)));
        known.collect()
    });
    let lines = runs.filter(|run| !run.is_empty()).map(|run| match run[..] {
        [(x, y)] => dash.at(x, y),
        _ => run,
    });
    lines.map(|points| Series::thin(style, points)).collect()
}
