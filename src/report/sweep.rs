//! A sweep as a table, as Parquet, as JSON and as a figure.
//!
//! Parquet columns: `law`, `d`, `n`, `trials`, `inside`, `undecided`, `rate`, `interval_low`, `interval_high` (Wilson's
//! 95 %), `theory` (null where no theorem gives it): one row a point.

use super::file::Output;
use super::plot::{Axis, Figure, Lines, PANEL, Panel, Series};
use crate::error::{Error, Result};
use crate::study::sweep::Point;
use crate::study::theory::barany_furedi;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Where a sweep's numbers come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub command: String,
    /// The plan.
    pub settings: Value,
    /// What the figure and the table say of it in a line.
    pub about: String,
}

/// All points as a list. Field names are part of the interface.
pub fn json(points: &[Point]) -> Value {
    json!(points)
}

/// See whether points can be written to a file; nothing is left behind.
pub fn check(path: &Path) -> Result<()> {
    let ending = path.extension().unwrap_or_default();
    if !ending.eq_ignore_ascii_case("parquet") {
        return Err(Error::Usage(format!(
            "{}: the points of a sweep are written as .parquet; change the name's ending",
            path.display()
        )));
    }
    Output::create(path).map(drop)
}

/// Write all points as Parquet.
pub fn write_parquet(path: &Path, context: &Context, points: &[Point]) -> Result<()> {
    super::batch::write(path, &context.command, &context.settings, batch(points))
}

fn batch(points: &[Point]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let whole = |pick: fn(&Point) -> u64| super::batch::whole(points.iter().map(pick));
    let float = |pick: fn(&Point) -> f64| super::batch::float(points.iter().map(pick));
    let laws = super::batch::text(points.iter().map(|point| &point.law));
    let theory: Float64Array = points.iter().map(|point| point.theory).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("law", laws, false),
        ("d", whole(|point| point.d as u64), false),
        ("n", whole(|point| point.n as u64), false),
        ("trials", whole(|point| point.trials), false),
        ("inside", whole(|point| point.inside), false),
        ("undecided", whole(|point| point.undecided), false),
        ("rate", float(|point| point.rate), false),
        ("interval_low", float(|point| point.interval95[0]), false),
        ("interval_high", float(|point| point.interval95[1]), false),
        ("theory", Arc::new(theory) as ArrayRef, true),
    ])
}

/// All points, a line each.
pub fn table(context: &Context, points: &[Point]) -> String {
    let mut table = super::plain::table();
    table.add_row(["law", "d", "N", "inside", "of", "rate", "95 %", "theory"]);
    for point in points {
        let [low, high] = point.interval95;
        table.add_row([
            point.law.clone(),
            point.d.to_string(),
            point.n.to_string(),
            point.inside.to_string(),
            point.trials.to_string(),
            share(point.rate),
            format!("{} to {}", share(low), share(high)),
            point.theory.map_or("-".into(), share),
        ]);
    }
    super::plain::numbers_right(&mut table);
    let undecided: u64 = points.iter().map(|point| point.undecided).sum();
    let note = if undecided > 0 {
        format!("\n{undecided} undecided; they count as not inside\n")
    } else {
        String::new()
    };
    format!("{}\n\n{}\n{note}", context.about, table.trim_fmt())
}

/// A probability: five decimals, or four significant digits of a small one.
fn share(value: f64) -> String {
    if value == 0.0 || value >= 1e-3 {
        format!("{value:.5}")
    } else {
        format!("{value:.3e}")
    }
}

/// The rate against N, a panel a law and a curve a dimension; against d where there is one N and several d.
pub fn figure(context: &Context, points: &[Point]) -> Figure {
    let laws = distinct(points, |point| point.law.clone());
    let against_d =
        distinct(points, |point| point.n).len() == 1 && distinct(points, |point| point.d).len() > 1;
    let panels = laws.iter().map(|law| {
        let of_law: Vec<&Point> = points.iter().filter(|point| &point.law == law).collect();
        Panel::Lines(if against_d {
            by_dimension(law, &of_law)
        } else {
            by_size(law, &of_law)
        })
    });
    let theory = if points.iter().any(|point| point.theory.is_some()) {
        "; thin: theory"
    } else {
        ""
    };
    Figure {
        title: "New points inside the convex hull of N points".into(),
        note: format!("bands: 95 %{theory}; {}", context.about),
        panels: panels.collect(),
    }
}

/// Values in the order of their first appearance.
fn distinct<T: PartialEq>(points: &[Point], of: impl Fn(&Point) -> T) -> Vec<T> {
    let mut all = Vec::new();
    for value in points.iter().map(of) {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

/// One law: a curve a dimension, theory behind it, thresholds upright.
fn by_size(law: &str, points: &[&Point]) -> Lines {
    let mut dims: Vec<usize> = points.iter().map(|point| point.d).collect();
    dims.sort_unstable();
    dims.dedup();
    let mut series = Vec::new();
    for (style, &d) in dims.iter().enumerate() {
        let of_d: Vec<&Point> = points
            .iter()
            .copied()
            .filter(|point| point.d == d)
            .collect();
        series.extend(curves(&format!("d = {d}"), style, &of_d, |point| point.n));
    }
    let marks: Vec<(usize, f64)> = thresholds(points).collect();
    let upright = if marks.is_empty() {
        ""
    } else {
        "; upright: Barany-Furedi (ball)"
    };
    for (d, threshold) in marks {
        let style = dims.iter().position(|&known| known == d).unwrap_or(0);
        series.push(Series {
            label: String::new(),
            style,
            points: vec![(threshold, 0.0), (threshold, 1.0)],
            band: Vec::new(),
            thin: true,
            markers: false,
        });
    }
    Lines {
        title: format!("{law}{upright}"),
        x: Axis {
            label: "reference points N".into(),
            logarithmic: true,
            range: None,
        },
        y: rate_axis(),
        series,
        size: PANEL,
    }
}

/// One law at one size.
fn by_dimension(law: &str, points: &[&Point]) -> Lines {
    let n = points.first().map_or(0, |point| point.n);
    Lines {
        title: law.into(),
        x: Axis {
            label: "dimension d".into(),
            logarithmic: false,
            range: None,
        },
        y: rate_axis(),
        series: curves(&format!("N = {n}"), 0, points, |point| point.d),
        size: PANEL,
    }
}

fn rate_axis() -> Axis {
    Axis {
        label: "share inside".into(),
        logarithmic: false,
        range: None,
    }
}

/// What was measured with its band, and theory where there is one.
fn curves(label: &str, style: usize, points: &[&Point], x: fn(&Point) -> usize) -> Vec<Series> {
    let mut sorted = points.to_vec();
    sorted.sort_by_key(|point| x(point));
    let measured = Series {
        label: label.into(),
        style,
        points: sorted.iter().map(|p| (x(p) as f64, p.rate)).collect(),
        band: sorted.iter().map(|p| p.interval95.into()).collect(),
        thin: false,
        markers: true,
    };
    let known = sorted.iter().filter_map(|p| Some((x(p) as f64, p.theory?)));
    let theory = Series {
        label: String::new(),
        style,
        points: known.collect(),
        band: Vec::new(),
        thin: true,
        markers: false,
    };
    if theory.points.len() > 1 {
        vec![theory, measured]
    } else {
        vec![measured]
    }
}

/// Barany and Furedi's thresholds that lie among the sizes of their dimension.
fn thresholds(points: &[&Point]) -> impl Iterator<Item = (usize, f64)> {
    let mut ranges: Vec<(usize, usize, usize)> = Vec::new();
    for point in points {
        match ranges.iter_mut().find(|(d, ..)| *d == point.d) {
            Some((_, least, most)) => {
                (*least, *most) = (point.n.min(*least), point.n.max(*most));
            }
            None => ranges.push((point.d, point.n, point.n)),
        }
    }
    ranges.into_iter().filter_map(|(d, least, most)| {
        let threshold = barany_furedi(d as u64);
        (least as f64..=most as f64)
            .contains(&threshold)
            .then_some((d, threshold))
    })
}
