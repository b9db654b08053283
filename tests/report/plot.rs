//! Figures as SVG and PNG.

use ab_glyph::{Font, FontRef};
use hullscope::report::plot::{Axis, Chart, Figure, Look, Point, Series, check, png, svg, write};
use std::path::Path;

fn named(value: f64) -> Point {
    Point {
        name: "a <spot>".into(),
        core: Some([0.9 * value, 1.1 * value]),
        ..Point::within(value, value, [0.5 * value, 2.0 * value])
    }
}

/// A figure of curves with named points, and of rows in all looks.
fn figure(values: &[f64]) -> Figure {
    let points = || values.iter().map(|&value| named(value));
    let unnamed = |look| {
        Series::new(
            look,
            "one",
            1,
            points().map(|point| Point {
                name: String::new(),
                ..point
            }),
        )
    };
    let in_rows = |look| {
        let rows = values.iter().enumerate();
        Series::new(
            look,
            "two",
            2,
            rows.map(|(row, &v)| Point {
                x: row as f64,
                ..named(v)
            }),
        )
    };
    let row = ("a <row>".into(), "17".into());
    Figure {
        title: "A <title> & more".into(),
        note: "a note".into(),
        panels: vec![
            Chart {
                title: "lines".into(),
                x: Axis::logarithmic("rows"),
                y: Axis::logarithmic("s"),
                series: vec![
                    unnamed(Look::Curve),
                    unnamed(Look::Thin),
                    Series::new(Look::Dots, "spots", 1, points()),
                ],
                ..Chart::default()
            },
            Chart {
                title: "dots".into(),
                y: Axis::logarithmic("ratio"),
                series: [Look::Ticks, Look::Dots, Look::Quantiles]
                    .map(in_rows)
                    .into(),
                rows: vec![row; values.len()],
                notes: "d*".into(),
                ..Chart::default()
            },
        ],
    }
}

/// A figure of one series.
fn alone(x: Axis, y: Axis, series: Series) -> Figure {
    let chart = Chart {
        x,
        y,
        series: vec![series],
        ..Chart::default()
    };
    Figure {
        title: String::new(),
        note: String::new(),
        panels: vec![chart],
    }
}

/// The texts of an SVG with the left end and the base line of each.
fn texts(svg: &str) -> Vec<(f64, f64, String)> {
    let parts = svg.split("<text x=\"").skip(1).map(|part| {
        let (x, rest) = part.split_once("\" y=\"").unwrap();
        let (y, rest) = rest.split_once('"').unwrap();
        let (_, rest) = rest.split_once('>').unwrap();
        let (text, _) = rest.split_once('<').unwrap();
        (x.parse().unwrap(), y.parse().unwrap(), text.to_string())
    });
    parts.collect()
}

#[test]
fn both_formats_hold_a_whole_picture() {
    let figure = figure(&[1.0, 10.0, 1e7]);
    let svg = svg(&figure);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    for part in [
        "&lt;title&gt;",
        ">ratio<",
        ">a &lt;row&gt;<",
        ">a &lt;spot&gt;<",
        ">d*<",
        ">17<",
        ">a note<",
        "stroke-dasharray",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    let (_, rest) = svg.split_once(" width=\"").unwrap();
    let width: u32 = rest.split_once('"').unwrap().0.parse().unwrap();
    let png = png(&figure).unwrap();
    let image = image::load_from_memory(&png).unwrap().into_rgb8();
    let ink = image.pixels().filter(|pixel| pixel.0[0] < 128).count();
    assert!(image.width() == 2 * width && ink > 2_000, "{ink}");
}

/// The value of an attribute at the start of a tag's text.
fn attribute<'t>(tag: &'t str, name: &str) -> &'t str {
    let (_, rest) = tag.split_once(&format!("{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0
}

/// The width of a text in the font of plots.
fn width(text: &str, size: f64) -> f64 {
    let font = include_bytes!("../../assets/DejaVuSans-subset.ttf");
    let font = FontRef::try_from_slice(font).unwrap();
    let em = font.units_per_em().unwrap();
    let letters = text.chars().map(|letter| font.glyph_id(letter));
    let widths = letters.map(|glyph| f64::from(font.h_advance_unscaled(glyph) / em));
    size * widths.sum::<f64>()
}

#[test]
fn texts_lie_within_the_picture() {
    for values in [&[1.0, 10.0, 1e7][..], &[0.02, 0.03], &[5.0]] {
        let svg = svg(&figure(values));
        let number = |tag: &str, name: &str| attribute(tag, name).parse::<f64>().unwrap();
        let [right, bottom] = [" width", " height"].map(|name| number(&svg, name));
        for tag in svg.split("<text").skip(1) {
            let (_, text) = tag.split_once('>').unwrap();
            let text = text.split_once('<').unwrap().0;
            let text = text.replace("&lt;", "<").replace("&gt;", ">");
            let text = text.replace("&amp;", "&");
            let [x, y, size] = [" x", " y", "font-size"].map(|name| number(tag, name));
            let wide = width(&text, size);
            let left = match attribute(tag, "text-anchor") {
                "start" => x,
                "middle" => x - 0.5 * wide,
                _ => x - wide,
            };
            assert!(left >= 0.0 && left + wide <= right, "{text}: {left} {wide}");
            assert!(y - 0.8 * size >= 0.0 && y <= bottom, "{text}: {y}");
        }
    }
}

/// The lengths of the parts of a straight line in a PNG, from its row of pixels in this colour.
fn parts(style: usize, colour: [u8; 3]) -> Vec<usize> {
    let ends = [Point::at(0.0, 50.0), Point::at(100.0, 50.0)];
    let axis = || Axis::linear("").within(0.0, 100.0);
    let line = alone(axis(), axis(), Series::new(Look::Line, "", style, ends));
    let image = image::load_from_memory(&png(&line).unwrap()).unwrap();
    let image = image.into_rgb8();
    let of_row = |y| {
        let row = (0..image.width()).map(|x| image.get_pixel(x, y).0 == colour);
        let row: Vec<bool> = row.collect();
        let runs = row.chunk_by(|a, b| a == b);
        // A single pixel is the edge of something else.
        let runs = runs.filter(|run| run[0] && run.len() > 1);
        runs.map(<[bool]>::len).collect::<Vec<_>>()
    };
    let rows = (0..image.height()).map(of_row);
    rows.max_by_key(|runs| runs.iter().sum::<usize>()).unwrap()
}

/// A dash of 9 points is 18 pixels, of which those at its ends may be covered in part.
#[test]
fn a_png_has_dashes() {
    let solid = parts(0, [60, 60, 60]);
    assert_eq!(solid.len(), 1, "{solid:?}");
    let dashes = parts(1, [0, 114, 178]);
    let (_, whole) = dashes.split_last().unwrap();
    assert!(whole.len() > 5, "{dashes:?}");
    assert!(whole.iter().all(|d| (16..=18).contains(d)), "{dashes:?}");
}

#[test]
fn a_range_is_kept_unless_a_value_is_beyond() {
    let ticks = |values: &[f64]| {
        let points = values.iter().map(|&value| Point::at(value, value));
        let axis = Axis::linear("").within(0.0, 100.0);
        let dots = Series::new(Look::Dots, "", 0, points);
        let all = texts(&svg(&alone(Axis::linear(""), axis, dots)));
        let of_axis = all.into_iter().filter(|(x, ..)| *x < 80.0);
        of_axis.map(|(.., text)| text).collect::<Vec<_>>()
    };
    let kept = ["0", "20", "40", "60", "80", "100"];
    assert_eq!(ticks(&[12.0, 40.0]), kept);
    assert_eq!(ticks(&[]), kept);
    assert_eq!(ticks(&[120.0]).last().unwrap(), "120");
}

#[test]
fn no_values_and_odd_values_are_no_panic() {
    for values in [
        &[][..],
        &[0.0],
        &[5.0],
        &[f64::NAN, f64::INFINITY, -1.0],
        &[1e-300, 1e300],
        &[3.0, 3.0],
    ] {
        let figure = figure(values);
        assert!(svg(&figure).ends_with("</svg>") && !svg(&figure).contains("NaN"));
        png(&figure).unwrap();
    }
}

#[test]
fn ticks_are_few_and_written_short() {
    let ticks = |y: Axis| {
        let svg = svg(&alone(
            Axis::linear(""),
            y,
            Series::new(Look::Line, "", 0, []),
        ));
        let all = texts(&svg).into_iter().filter(|(x, ..)| *x < 80.0);
        all.map(|(.., text)| text).collect::<Vec<_>>()
    };
    let linear = |low, high| ticks(Axis::linear("").within(low, high));
    assert_eq!(linear(0.0, 100.0), ["0", "20", "40", "60", "80", "100"]);
    assert_eq!(linear(0.0, 0.5), ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
    assert_eq!(linear(-25.0, 0.0), ["-25", "-20", "-15", "-10", "-5", "0"]);
    assert_eq!(linear(0.0, 1e7)[1..3], ["2×10⁶", "4×10⁶"]);
    let logarithmic = |low, high| ticks(Axis::logarithmic("").within(low, high));
    assert_eq!(
        logarithmic(1.0, 100.0),
        ["1", "2", "5", "10", "20", "50", "100"]
    );
    assert_eq!(
        logarithmic(1e-5, 1e-3),
        [
            "10⁻⁵",
            "2×10⁻⁵",
            "5×10⁻⁵",
            "10⁻⁴",
            "2×10⁻⁴",
            "5×10⁻⁴",
            "0.001"
        ]
    );
    assert_eq!(logarithmic(1e3, 1e8).last().unwrap(), "10⁸");
    assert_eq!(logarithmic(0.0173, 0.0181).len(), 4);
    for (low, high) in [(1e-9, 1e9), (1e-250, 1e250), (7.0, 7.0)] {
        for ticks in [linear(low, high), logarithmic(low, high)] {
            assert!((2..=16).contains(&ticks.len()), "{low} {high} {ticks:?}");
        }
    }
}

/// Twelve names at one position in a corner, and some at the other ends: no name covers another or leaves the panel.
#[test]
fn names_cover_no_other_and_stay_in_the_panel() {
    let mut places = vec![(98.0, 98.0); 12];
    places.extend([(1.0, 98.0), (1.0, 2.0), (50.0, 50.0), (50.0, 50.3)]);
    let points = places.iter().enumerate().map(|(number, &(x, y))| Point {
        name: format!("name{}", "x".repeat(number)),
        ..Point::at(x, y)
    });
    let axis = || Axis::linear("").within(0.0, 100.0);
    let figure = alone(axis(), axis(), Series::new(Look::Dots, "", 0, points));
    let names: Vec<_> = texts(&svg(&figure))
        .into_iter()
        .filter(|(.., text)| text.starts_with("name"))
        .collect();
    assert_eq!(names.len(), 16);
    for (number, (x, y, name)) in names.iter().enumerate() {
        let width = |name: &str| 5.9 * name.len() as f64;
        assert!(
            *x > 30.0 && x + width(name) < 880.0 && *y > 10.0,
            "{x} {y} {name}"
        );
        for (to_x, to_y, other) in &names[number + 1..] {
            let apart =
                (y - to_y).abs() > 12.0 || x + width(name) < *to_x || to_x + width(other) < *x;
            assert!(apart, "{name} {other}");
        }
    }
}

#[test]
fn the_ending_decides() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = |name: &str| {
        let path = folder.path().join(name);
        check(&path)?;
        write(&path, &figure(&[1.0]))?;
        Ok(std::fs::read(path).unwrap())
    };
    assert!(drawn("b.PNG").unwrap().starts_with(b"\x89PNG"));
    assert!(drawn("b.svg").unwrap().starts_with(b"<svg "));
    for done in [
        drawn("b.pdf").map(drop),
        write(Path::new("b.pdf"), &figure(&[])),
    ] {
        let error: hullscope::Error = done.unwrap_err();
        let error = error.to_string();
        assert!(error.contains("b.pdf") && error.contains(".svg"), "{error}");
    }
}
