//! The rates of an analysis as a figure, for notebooks.

use crate::report::compare::share;
use crate::report::plot::{Axis, Chart, Figure, Look, Row, Series, svg};
use crate::study::summary::Summary;

/// The share of queries outside by each notion, with Wilson's interval, as SVG; `None` without notions.
pub fn rates(summary: &Summary) -> Option<String> {
    let rates = || summary.notions.iter().map(|notion| &notion.rate);
    let points = rates()
        .enumerate()
        .filter_map(|(row, rate)| share(row as f64, rate));
    let rows = rates().map(|rate| Row {
        label: rate.notion.clone(),
        note: format!("{}/{}", rate.outside, rate.queries),
    });
    let chart = Chart {
        y: Axis::linear("queries outside, %").within(0.0, 100.0),
        series: vec![Series::new(Look::Dots, "outside", 0, points)],
        rows: rows.collect(),
        notes: "outside/all".into(),
        ..Chart::default()
    };
    let figure = Figure {
        title: "Share of queries outside".into(),
        note: "whiskers: Wilson's 95 %".into(),
        panels: vec![chart],
    };
    (!summary.notions.is_empty()).then(|| svg(&figure))
}
