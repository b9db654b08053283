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
use itertools::Itertools;
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
        "d" = point.d as u64, "";
        "N" = point.n as u64, "";
        "inside" = point.inside, "";
        "undecided" = words::some(point.undecided),
            "neither proved inside nor outside; they count as not inside.";
        "of" = point.trials, "";
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
    let several = |number: fn(&Point) -> usize| !points.iter().map(number).all_equal();
    let against_d = several(|point| point.d) && !several(|point| point.n);
    let laws = distinct(points.iter().map(|point| &point.law));
    let panels = laws.into_iter().map(|law| {
        let points: Vec<&Point> = points.iter().filter(|point| point.law == *law).collect();
        let y = Axis::linear("share inside");
        if against_d {
            let series = curves(&points, "N", |point| [point.n, point.d]);
            return Chart::new(law, Axis::linear("dimension d"), y, series);
        }
        let marks = marks(context, law, &points);
        let about = match marks.is_empty() {
            true => "",
            false => "; vertical: Barany-Furedi threshold, no claim above it",
        };
        let mut series = curves(&points, "d", |point| [point.d, point.n]);
        series.extend(marks);
        let x = Axis::logarithmic("reference points N");
        Chart::new(format!("{law}{about}"), x, y, series)
    });
    let query = if at_origin(context) {
        "The origin"
    } else {
        "New points"
    };
    let title = format!("{query} inside the convex hull of N points");
    Figure::new(title, note(context, points), panels)
}

/// What the lines are, the queries that are undecided, and how the sweep was made.
fn note(context: &SweepContext, points: &[Point]) -> String {
    let theory = points.iter().any(|point| point.theory.is_some());
    let theory = if theory { "; thin lines: theory" } else { "" };
    let undecided = match points.iter().map(|point| point.undecided).sum() {
        0 => String::new(),
        count => format!("; {count} undecided, not counted as inside"),
    };
    let about = &context.about;
    format!("bands, of single points upright lines: 95 %{theory}{undecided}; {about}")
}

fn at_origin(context: &SweepContext) -> bool {
    context.settings["query"] == Query::Origin.to_string()
}

/// The thresholds as vertical lines, as high as the shares, which may be no more than a few in a thousand. Barany and Furedi's
/// theorem is about random points of a ball; it does not apply to a data set, nor to the origin as the query.
fn marks(context: &SweepContext, law: &str, points: &[&Point]) -> Vec<Series> {
    if !context.settings["laws"].is_array() || at_origin(context) || law != Law::Ball.to_string() {
        return Vec::new();
    }
    let each = || points.iter();
    let ends = each().map(|p| p.interval95[1].max(p.theory.unwrap_or(0.0)));
    let high = ends.fold(0.0, f64::max);
    let dims = each().map(|p| p.d).sorted().dedup().collect_vec();
    let mark = |(d, threshold): (usize, f64)| {
        let ends = [0.0, high].map(|share| plot::Point::at(threshold, share));
        Series::new(Look::Thin, "", dims.binary_search(&d).unwrap_or(0), ends)
    };
    thresholds(points).into_iter().map(mark).collect()
}

/// Curves with theory, one for each number that is the same along a curve; `numbers` are that one and the other.
fn curves(points: &[&Point], name: &str, numbers: fn(&Point) -> [usize; 2]) -> Vec<Series> {
    let mut sorted = points.to_vec();
    sorted.sort_by_key(|point| numbers(point));
    let each = sorted.chunk_by(|a, b| numbers(a)[0] == numbers(b)[0]);
    let series = each.enumerate().flat_map(|(style, points)| {
        let label = format!("{name} = {}", numbers(points[0])[0]);
        let at = |p: &Point| plot::Point::within(numbers(p)[1] as f64, p.rate, p.interval95);
        plot::with_theory(&label, style, points.iter().map(|p| (at(p), p.theory)))
    });
    series.collect()
}
