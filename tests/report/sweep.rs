//! The table and the figure of a sweep.

use hullscope::report::plot::{Chart, Look, png};
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
fn panel(context: &SweepContext, points: &[Point]) -> (String, Chart) {
    let mut figure = figure(context, points);
    png(&figure).unwrap();
    assert_eq!(figure.panels.len(), 1);
    (figure.note, figure.panels.remove(0))
}

fn thin_lines(chart: &Chart) -> Vec<Vec<(f64, f64)>> {
    let thin = chart
        .series
        .iter()
        .filter(|series| series.look == Look::Thin);
    thin.map(|series| {
        series
            .points
            .iter()
            .map(|point| (point.x, point.y))
            .collect()
    })
    .collect()
}

#[test]
fn curves_have_bands_and_theory() {
    let points = [point(2, 10, 20, Some(0.25)), point(2, 20, 50, Some(0.5))];
    let (note, lines) = panel(&of_law(), &points);
    assert_eq!(
        note,
        "bands, of single points upright lines: 95 %; thin lines: theory; 100 trials a point"
    );
    assert_eq!(lines.title, "ball");
    assert_eq!(thin_lines(&lines), [[(10.0, 0.25), (20.0, 0.5)]]);
    assert!(
        lines.series[1]
            .points
            .iter()
            .all(|point| point.ends.is_some())
    );
}

/// Neither a band nor a line of theory can be drawn for a single point.
#[test]
fn a_single_point_has_its_interval_and_theory() {
    let (_, lines) = panel(&of_law(), &[point(2, 10, 20, Some(0.25))]);
    assert_eq!(thin_lines(&lines), [[(10.0, 0.25)]]);
    assert_eq!(lines.series[1].points[0].ends, Some(wilson95(20, 100)));
    let data = context(json!({ "order": "seeded" }));
    let (note, lines) = panel(&data, &[point(2, 10, 20, None)]);
    assert_eq!(
        note,
        "bands, of single points upright lines: 95 %; 100 trials a point"
    );
    assert!(thin_lines(&lines).is_empty());
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
    let expected = [vec![(1.0, 2.0 / 3.0)], vec![(5.0, 0.0), (8.0, 0.0)]];
    assert_eq!(thin_lines(&lines), expected);
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
fn a_table_without_points_has_all_columns() {
    let text = table(&of_law(), &[]);
    let head = text.lines().find(|line| line.starts_with("law")).unwrap();
    let names = head.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names,
        "law d N inside undecided of rate 95 % theory vertices vertices, theory"
    );
}

#[test]
fn what_is_undecided_or_the_origin_is_said() {
    let mut points = [point(2, 10, 100, None), point(2, 20, 100, None)];
    points[0].undecided = 3;
    let (note, _) = panel(&of_law(), &points);
    assert_eq!(
        note,
        "bands, of single points upright lines: 95 %; 3 undecided, not counted as inside; 100 trials a point"
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
