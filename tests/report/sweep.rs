//! The table and the figure of a sweep.

use hullscope::report::plot::{Lines, Panel, PictureFormat, render};
use hullscope::report::sweep::{SweepContext, figure, table};
use hullscope::study::rate::wilson95;
use hullscope::study::sweep::Point;
use serde_json::{Value, json};

fn context(settings: Value) -> SweepContext {
    SweepContext {
        command: "hullscope sweep".into(),
        settings,
        about: "100 trials a point".into(),
    }
}

fn of_law() -> SweepContext {
    context(json!({ "laws": ["ball"], "query": "same" }))
}

fn point(d: usize, n: usize, inside: u64, theory: Option<f64>) -> Point {
    Point {
        law: "ball".into(),
        d,
        n,
        trials: 100,
        inside,
        undecided: 0,
        rate: inside as f64 / 100.0,
        interval95: wilson95(inside, 100),
        theory,
        vertices: None,
        vertices_theory: None,
    }
}

/// The only panel of a figure, after checking that it can be drawn.
fn panel(context: &SweepContext, points: &[Point]) -> (String, Lines) {
    let figure = figure(context, points);
    render(&figure, PictureFormat::Png).unwrap();
    let note = figure.note.clone();
    match figure.panels.into_iter().next() {
        Some(Panel::Lines(lines)) => (note, lines),
        other => panic!("{other:?}"),
    }
}

fn thin_lines(lines: &Lines) -> Vec<&[(f64, f64)]> {
    let thin = lines.series.iter().filter(|series| series.thin);
    thin.map(|series| &series.points[..]).collect()
}

#[test]
fn curves_have_bands_and_theory() {
    let points = [point(2, 10, 20, Some(0.25)), point(2, 20, 50, Some(0.5))];
    let (note, lines) = panel(&of_law(), &points);
    assert!(
        note.starts_with("bands") && note.ends_with("; 100 trials a point"),
        "{note}"
    );
    assert_eq!(lines.title, "ball");
    assert_eq!(thin_lines(&lines), [[(10.0, 0.25), (20.0, 0.5)]]);
    assert_eq!(lines.series[1].band.len(), 2);
}

/// Neither a band nor a line of theory can be drawn for a single point.
#[test]
fn a_single_point_has_its_interval_and_theory() {
    let (_, lines) = panel(&of_law(), &[point(2, 10, 20, Some(0.25))]);
    let [across, upright] = thin_lines(&lines)[..] else {
        panic!("{lines:?}")
    };
    assert!(across[0].0 < 10.0 && across[1].0 > 10.0, "{across:?}");
    assert_eq!((across[0].1, across[1].1), (0.25, 0.25));
    let [low, high] = wilson95(20, 100);
    assert_eq!(upright, [(10.0, low), (10.0, high)]);
    let data = context(json!({ "order": "seeded" }));
    let (_, lines) = panel(&data, &[point(2, 10, 20, None)]);
    assert_eq!(thin_lines(&lines).len(), 1);
}

/// Points with theory at d = 1 and d >= N are not joined across those without.
#[test]
fn theory_is_not_drawn_where_there_is_none() {
    let points = [
        point(1, 5, 60, Some(2.0 / 3.0)),
        point(2, 5, 20, None),
        point(3, 5, 2, None),
        point(5, 5, 0, Some(0.0)),
        point(8, 5, 0, Some(0.0)),
    ];
    let (_, lines) = panel(&of_law(), &points);
    let [dash, line] = thin_lines(&lines)[..] else {
        panic!("{lines:?}")
    };
    assert!(dash.iter().all(|end| (end.0 - 1.0).abs() < 0.5), "{dash:?}");
    assert_eq!(line, [(5.0, 0.0), (8.0, 0.0)]);
}

#[test]
fn a_share_near_1_does_not_read_as_1() {
    for (rate, text) in [
        (0.0, " 0.00000 "),
        (1.0, " 1.00000 "),
        (3e-7, " 3.000e-7 "),
        (0.999_994, " 0.99999 "),
        (0.999_999, " >0.99999 "),
    ] {
        let point = Point {
            rate,
            ..point(2, 10, 20, None)
        };
        let said = table(&of_law(), &[point]);
        assert!(said.contains(text), "{text}: {said}");
    }
}

/// At d = 16 the threshold is 16; it is drawn only with sizes on both sides, and no higher than the shares.
#[test]
fn thresholds_are_those_of_random_points() {
    let all =
        |sizes: &[usize]| -> Vec<Point> { sizes.iter().map(|&n| point(16, n, 0, None)).collect() };
    let (_, lines) = panel(&of_law(), &all(&[10, 100]));
    assert_eq!(
        lines.title,
        "ball; vertical: Barany-Furedi threshold, no claim above it"
    );
    assert_eq!(
        thin_lines(&lines),
        [[(16.0, 0.0), (16.0, wilson95(0, 100)[1])]]
    );
    for (context, sizes) in [
        (context(json!({ "order": "seeded" })), &[10, 100][..]),
        (
            context(json!({ "laws": ["ball"], "query": "origin" })),
            &[10, 100],
        ),
        (of_law(), &[20, 100]),
        (of_law(), &[16]),
    ] {
        let (_, lines) = panel(&context, &all(sizes));
        assert_eq!(lines.title, "ball", "{context:?} {sizes:?}");
    }
    // The theorem is about the ball only.
    let mut others = all(&[10, 100]);
    others
        .iter_mut()
        .for_each(|point| point.law = "gaussian".into());
    let (_, lines) = panel(
        &context(json!({ "laws": ["gaussian"], "query": "same" })),
        &others,
    );
    assert_eq!(lines.title, "gaussian");
    assert!(thin_lines(&lines).is_empty());
}

#[test]
fn what_is_undecided_or_the_origin_is_said() {
    let mut points = [point(2, 10, 100, None), point(2, 20, 100, None)];
    points[0].undecided = 3;
    let (note, _) = panel(&of_law(), &points);
    assert!(
        note.contains("3 undecided, not counted as inside"),
        "{note}"
    );
    let text = table(&of_law(), &points);
    assert!(
        text.contains("undecided") && text.contains("  3  "),
        "{text}"
    );
    points[0].undecided = 0;
    assert!(!table(&of_law(), &points).contains("undecided"));
    let origin = context(json!({ "laws": ["ball"], "query": "origin" }));
    assert!(figure(&origin, &points).title.starts_with("The origin"));
    assert!(figure(&of_law(), &points).title.starts_with("New points"));
}
