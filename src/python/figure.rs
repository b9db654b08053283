//! The rates of an analysis as a figure, for notebooks.

use crate::report::compare::share;
use crate::report::plot::{Axis, Chart, Figure, Look, Series, svg};
use crate::study::summary::Summary;

/// The share of queries outside by each notion, with Wilson's interval, as SVG; `None` without notions.
pub fn rates(summary: &Summary) -> Option<String> {
    let rates = || summary.notions.iter().map(|notion| &notion.rate);
    let points = rates()
        .enumerate()
        .filter_map(|(row, rate)| share(row as f64, rate));
    let rows = rates().map(|rate| {
        (
            rate.notion.clone(),
            format!("{}/{}", rate.outside, rate.queries),
        )
    });
    let series = Series::new(Look::Dots, "outside", 0, points);
    let y = Axis::linear("queries outside, %").within(0.0, 100.0);
    let chart = Chart::of_rows("", y, vec![series], "outside/all", rows);
    let figure = Figure::new(
        "Share of queries outside",
        "whiskers: Wilson's 95 %",
        [chart],
    );
    (!summary.notions.is_empty()).then(|| svg(&figure))
}
