//! The figures of a comparison.

use super::fixtures::{rate, report, space};
use hullscope::report::compare::figures;
use hullscope::report::plot::{Dots, Figure, Lines, Panel, PictureFormat, Row, render};
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
fn by_rank(report: &Report) -> Lines {
    let figure = figure(report, "rank").unwrap();
    render(&figure, PictureFormat::Png).unwrap();
    match figure.panels.into_iter().next() {
        Some(Panel::Lines(lines)) => lines,
        other => panic!("{other:?}"),
    }
}

fn dots(figure: &Figure) -> &Dots {
    match &figure.panels[..] {
        [Panel::Dots(dots)] => dots,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rates_are_shown_in_percent_beside_the_null() {
    let report = report(false);
    let figure = rates_figure(&report);
    let dots = dots(&figure);
    assert_eq!(dots.series.len(), 4);
    let row = &dots.rows[0];
    assert_eq!(
        (row.label.as_str(), row.note.as_str()),
        ("dims:16,seed=<b>&\"", "16")
    );
    let values: Vec<f64> = row.dots.iter().map(|dot| dot.unwrap().value).collect();
    assert_eq!(values, [30.0, 15.0, 6.0, 15.0]);
    assert_eq!(row.reference, Some(62.5));
    let (low, high) = row.dots[0].unwrap().spread.unwrap();
    assert!(27.0 < low && low < 30.0 && 30.0 < high && high < 33.0);
    let svg = String::from_utf8(render(&figure, PictureFormat::Svg).unwrap()).unwrap();
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
    assert!(!note.contains("undecided"), "{note}");
    report.spaces[1].n_reference = 4000;
    report.spaces[1].notions[0].rate.undecided = 1;
    for figure in [rates_figure(&report), distances_figure(&report)] {
        let range = "N = 4,000 to 6,000 reference rows, 1,000 queries";
        assert!(figure.note.starts_with(range), "{}", figure.note);
    }
    let note = rates_figure(&report).note;
    assert!(note.contains("; undecided count as not outside;"), "{note}");
}

/// Spaces of equal rank, of unknown rank, and without queries; the Gaussian curve is that of the theory.
#[test]
fn the_main_figure_names_every_space_of_known_rank() {
    let mut report = report(false);
    let lines = by_rank(&report);
    let at: Vec<_> = lines.spots[1].all.iter().map(|spot| spot.at).collect();
    assert_eq!(at, [(16.0, 30.0), (700.0, 100.0)]);
    assert_eq!(lines.series[1].points, [(16.0, 15.0), (700.0, 50.0)]);
    let mut three = report.clone();
    three.spaces.push(space("other", 16, 400));
    let means = &by_rank(&three).series[1].points;
    assert_eq!(means[..], [(16.0, 17.5), (700.0, 50.0)]);
    let of_theory = |point: &(f64, f64)| 100.0 * theory::null_rate(6000, point.0 as u64) == point.1;
    assert!(lines.series[0].points.iter().all(of_theory));
    let figure = figure(&report, "rank").unwrap();
    let svg = String::from_utf8(render(&figure, PictureFormat::Svg).unwrap()).unwrap();
    assert!(svg.contains("dims:16,seed=&lt;b&gt;&amp;") && svg.contains("\npixels\n"));
    report.spaces[0].rank = None;
    for notion in &mut report.spaces[1].notions {
        notion.rate.queries = 0;
    }
    let lines = by_rank(&report);
    assert_eq!(lines.spots[0].all[0].at, (700.0, 50.0));
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
    let dots = dots(&figure);
    let known = |row: &Row| row.dots.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(known(&dots.rows[0]), [false, true, true, true]);
    assert_eq!(known(&dots.rows[1]), [true, false, false, true]);
    render(&figure, PictureFormat::Png).unwrap();
}

#[test]
fn distances_without_a_unit_are_left_out() {
    let mut report = report(false);
    report.spaces[0].distance_ratio = None;
    let figure = distances_figure(&report);
    let rows = &dots(&figure).rows;
    assert_eq!(rows.len(), 1);
    let dot = rows[0].dots[0].unwrap();
    assert_eq!((dot.value, dot.core), (0.5, Some((0.25, 0.75))));
    assert!(
        figure.note.contains("; 1 of 2 spaces not drawn:"),
        "{}",
        figure.note
    );
    render(&figure, PictureFormat::Png).unwrap();
}
