//! Figures as SVG and PNG.

use hullscope::report::plot::{
    Axis, Dot, DotSeries, Dots, Figure, Lines, Panel, PictureFormat, Row, Series, Spot, Spots,
    render,
};
use std::path::Path;

fn row(label: &str, value: f64) -> Row {
    Row {
        label: label.into(),
        note: "17".into(),
        dots: vec![Some(Dot {
            value,
            spread: Some((0.5 * value, 2.0 * value)),
            core: Some((0.9 * value, 1.1 * value)),
        })],
        reference: Some(value),
    }
}

fn spot(label: &str, value: f64) -> Spot {
    Spot {
        label: label.into(),
        at: (value, value),
        interval: Some((0.5 * value, 2.0 * value)),
    }
}

fn figure(values: &[f64]) -> Figure {
    let curve = vec![Series::curve(
        "one",
        0,
        values.iter().map(|&v| (v, v)).collect(),
        values.iter().map(|&v| (0.5 * v, 2.0 * v)).collect(),
    )];
    let kind = DotSeries {
        label: "one".into(),
        style: 2,
    };
    let rows = values.iter().map(|&v| row("a <row>", v)).collect();
    Figure {
        title: "A <title> & more".into(),
        note: "a note".into(),
        panels: vec![
            Panel::Lines(Lines {
                spots: vec![Spots {
                    label: "spots".into(),
                    style: 1,
                    all: values.iter().map(|&v| spot("a <spot>", v)).collect(),
                }],
                ..Lines::new(
                    "lines",
                    Axis::logarithmic("rows"),
                    Axis::logarithmic("s"),
                    curve,
                )
            }),
            Panel::Dots(Dots {
                title: "dots".into(),
                reference: Some("mark".into()),
                notes: "d*".into(),
                above: values.len() == 1,
                ..Dots::new(Axis::logarithmic("ratio"), vec![kind], rows)
            }),
        ],
    }
}

#[test]
fn both_formats_hold_a_whole_picture() {
    let figure = figure(&[1.0, 10.0, 1e7]);
    let svg = String::from_utf8(render(&figure, PictureFormat::Svg).unwrap()).unwrap();
    // What the layout asks for: two panels and their text.
    let width = 1105;
    let start = format!("<svg width=\"{width}\"");
    assert!(svg.starts_with(&start) && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("&lt;title&gt;") && svg.contains("ratio"));
    // The text is 12.5 points high, on a canvas of two pixels per point.
    assert!(svg.contains(" font-size=\"21.48\""));
    let png = render(&figure, PictureFormat::Png).unwrap();
    let image = image::load_from_memory(&png).unwrap().into_rgb8();
    let ink = image.pixels().filter(|pixel| pixel.0[0] < 128).count();
    assert!(image.width() == 2 * width && ink > 2_000, "{ink}");
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
        for format in [PictureFormat::Svg, PictureFormat::Png] {
            render(&figure(values), format).unwrap();
        }
    }
}

#[test]
fn the_ending_decides() {
    assert_eq!(
        PictureFormat::of(Path::new("a/b.PNG")).unwrap(),
        PictureFormat::Png
    );
    assert_eq!(
        PictureFormat::of(Path::new("b.svg")).unwrap(),
        PictureFormat::Svg
    );
    let error = PictureFormat::of(Path::new("b.pdf"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("b.pdf") && error.contains(".svg"), "{error}");
}
