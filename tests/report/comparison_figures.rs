//! The figures of a comparison.

use super::fixtures::{rate, report, space};
use hullscope::report::compare::figures;
use hullscope::report::plot::{Chart, Figure, Series, png, svg};
use hullscope::study::compare::Report;
use hullscope::study::theory;

fn figure(report: &Report, wanted: &str) -> Option<Figure> {
    let mut all = figures(report).into_iter();
    all.find_map(|(name, figure)| (name == wanted).then_some(figure))
}

fn rates_figure(report: &Report) -> Figure {
    figure(report, "rates").unwrap()
}

fn distances_figure(report: &Report) -> Figure {
    figure(report, "distances").unwrap()
}

/// The panel of rates by rank, after checking that it can be drawn.
fn by_rank(report: &Report) -> Chart {
    let mut figure = figure(report, "rank").unwrap();
    png(&figure).unwrap();
    figure.panels.remove(0)
}

fn series<'c>(chart: &'c Chart, label: &str) -> &'c Series {
    let mut all = chart.series.iter();
    all.find(|series| series.label.starts_with(label)).unwrap()
}

/// The values of a series with their positions.
fn values(series: &Series) -> Vec<(f64, f64)> {
    series
        .points
        .iter()
        .map(|point| (point.x, point.y))
        .collect()
}

#[test]
fn rates_are_shown_in_percent_beside_the_null() {
    let report = report(false);
    let figure = rates_figure(&report);
    let chart = &figure.panels[0];
    let row = &chart.rows[0];
    assert_eq!(
        (row.0.as_str(), row.1.as_str()),
        ("dims:16,seed=<b>&\"", "16")
    );
    let first: Vec<f64> = chart
        .series
        .iter()
        .map(|series| series.points[0].y)
        .collect();
    assert_eq!(first, [62.5, 30.0, 15.0, 6.0, 15.0]);
    let [low, high] = series(chart, "outside, hull").points[0].ends.unwrap();
    assert!(27.0 < low && low < 30.0 && 30.0 < high && high < 33.0);
    let svg = svg(&figure);
    assert!(svg.contains("dims:16,seed=&lt;b&gt;&amp;"), "{svg}");
}

#[test]
fn notes_say_what_differs_and_what_was_not_decided() {
    let mut report = report(false);
    let note = rates_figure(&report).note;
    assert!(
        note.starts_with("N = 6,000 reference rows, 1,000 queries"),
        "{note}"
    );
    report.spaces[1].n_reference = 4000;
    assert!(note.contains("; undecided count as not outside;"), "{note}");
    for figure in [rates_figure(&report), distances_figure(&report)] {
        let range = "N = 4,000 to 6,000 reference rows, 1,000 queries";
        assert!(figure.note.starts_with(range), "{}", figure.note);
    }
}

/// Spaces of equal rank, of unknown rank, and without queries; the Gaussian curve is that of the theory.
#[test]
fn the_main_figure_names_every_space_of_known_rank() {
    let mut report = report(false);
    let chart = by_rank(&report);
    assert_eq!(
        values(series(&chart, "queries")),
        [(16.0, 30.0), (700.0, 100.0)]
    );
    assert_eq!(
        values(series(&chart, "reference rows left out")),
        [(16.0, 15.0), (700.0, 50.0)]
    );
    let mut three = report.clone();
    three.spaces.push(space("other", 16, 400));
    assert_eq!(
        values(series(&by_rank(&three), "reference rows left out")),
        [(16.0, 15.0), (16.0, 20.0), (700.0, 50.0)]
    );
    let gaussian = values(series(&chart, "Gaussian"));
    assert!(gaussian.iter().all(|(rank, share)| {
        let expected = 100.0 * theory::null_rate(6000, *rank as u64);
        (expected - share).abs() < 1e-9
    }));
    let figure = figure(&report, "rank").unwrap();
    let svg = svg(&figure);
    assert!(svg.contains("dims:16,seed=&lt;b&gt;&amp;") && svg.contains(">pixels<"));
    report.spaces[0].rank = None;
    for notion in &mut report.spaces[1].notions {
        notion.rate.queries = 0;
    }
    let left_out = by_rank(&report);
    assert_eq!(
        values(series(&left_out, "reference rows left out")),
        [(700.0, 50.0)]
    );
    report.spaces[1].rank = Some(0);
    assert!(super::comparison_figures::figure(&report, "rank").is_none());
}

/// Without queries a rate has no dot, not a dot at 0.
#[test]
fn what_was_not_asked_has_no_dot() {
    let mut report = report(false);
    report.spaces[0].notions[0].rate = rate("hull", 0, 0);
    report.spaces[1].notions.truncate(1);
    let figure = rates_figure(&report);
    let rows = |label| {
        let points = values(series(&figure.panels[0], label));
        points.iter().map(|(row, _)| *row).collect::<Vec<_>>()
    };
    assert_eq!(rows("outside, hull"), [1.0]);
    assert_eq!(rows("outside, range"), [0.0]);
    assert_eq!(rows("outside, ball"), [0.0]);
    assert_eq!(rows("outside the hull of the others"), [0.0, 1.0]);
    png(&figure).unwrap();
}

#[test]
fn distances_without_a_unit_are_left_out() {
    let mut report = report(false);
    report.spaces[0].distance_ratio = None;
    let figure = distances_figure(&report);
    let chart = &figure.panels[0];
    assert_eq!(chart.rows.len(), 1);
    let point = &chart.series[0].points[0];
    assert_eq!(
        (point.x, point.y, point.core),
        (0.0, 0.5, Some([0.25, 0.75]))
    );
    assert!(
        figure.note.contains(
            "; spaces whose reference has no median nearest distance above 0, not drawn: 1;"
        ),
        "{}",
        figure.note
    );
    png(&figure).unwrap();
}
