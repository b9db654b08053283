//! The experiments as figures.

use super::{Context, Curves, Findings, curves};
use crate::report::compare::grouped;
use crate::report::plot::{Axis, Figure, Lines, PANEL, Panel, Series};
use crate::study::paper::Point;
use crate::study::paper::hypercube::View;
use crate::study::theory::absorption;

/// The figures, each with the name of its file.
pub fn figures(context: &Context, findings: &Findings) -> Vec<(String, Figure)> {
    let mut all = Vec::new();
    let note = |about: &str| {
        let day: String = context.date.chars().take(10).collect();
        format!("{about}; {day}; hullscope {}", env!("CARGO_PKG_VERSION"))
    };
    let settings = curves(&findings.points, "fig1");
    if !settings.is_empty() {
        let trials = findings.points.iter().find(|point| point.figure == "fig1");
        let trials = trials.map_or(0, |point| point.trials);
        all.push((
            "fig1".into(),
            Figure {
                title: "A new sample inside the hull of N samples".into(),
                note: note(&format!(
                    "{} trials a curve; thin lines: exact; bands: 95 %",
                    grouped(trials)
                )),
                panels: settings
                    .into_iter()
                    .map(|(setting, series)| {
                        panel(&setting, "samples N", |point| point.n, &series, true)
                    })
                    .collect(),
            },
        ));
    }
    for (figure, title) in [
        (
            "pixels",
            "Test images inside the hull of the training images, in pixel space",
        ),
        (
            "latents",
            "Test images inside the hull of the training images, in latent space",
        ),
    ] {
        let sets = curves(&findings.points, figure);
        if sets.is_empty() {
            continue;
        }
        let panels = sets.into_iter().flat_map(|(data, series)| {
            by_network(figure, &data, series)
                .into_iter()
                .map(|(title, series)| {
                    panel(&title, "dimension d", |point| point.d, &series, false)
                })
        });
        all.push((
            figure.into(),
            Figure {
                title: title.into(),
                note: note("thin line: Gaussian data of the same size and rank; bands: 95 %"),
                panels: panels.collect(),
            },
        ));
    }
    if !findings.cubes.is_empty() {
        all.push((
            "fig5".into(),
            cubes(
                findings,
                &note("random linear maps of the vertices of a cube in d dimensions"),
            ),
        ));
    }
    all
}

/// The panels of one data set: latents of the trained and of the untrained network apart, the pixels in both.
fn by_network<'p>(figure: &str, data: &str, series: Curves<'p>) -> Vec<(String, Curves<'p>)> {
    if figure != "latents" {
        return vec![(data.into(), series)];
    }
    ["trained", "untrained"]
        .map(|kind| {
            let of_kind = |(name, points): &(String, Vec<&'p Point>)| {
                let short = name.strip_prefix(&format!("{kind}, "));
                let name = short.or(name.strip_prefix("pixels").map(|_| name.as_str()))?;
                Some((name.to_string(), points.clone()))
            };
            (
                format!("{data}, {kind} network"),
                series.iter().filter_map(of_kind).collect(),
            )
        })
        .into()
}

/// What Gaussian data of the same number of rows do, over the dimensions that some curves span: one curve for all.
fn null(series: &[(String, Vec<&Point>)]) -> Vec<(f64, f64)> {
    let all = || series.iter().flat_map(|(_, points)| points);
    let dims = || all().map(|point| point.d);
    let (Some(first), Some(low), Some(high)) = (all().next(), dims().min(), dims().max()) else {
        return Vec::new();
    };
    let mut curve = Vec::new();
    let mut d = low;
    while d <= high {
        let inside = absorption(first.n, d, 1.0).inside;
        curve.push((d as f64, inside));
        // Where nothing is left, few points draw the line.
        d += if inside < 1e-6 { (high - d).max(1) } else { 1 };
    }
    curve
}

/// Shares inside, a curve a series.
fn panel(
    title: &str,
    label: &str,
    x: fn(&Point) -> u64,
    series: &[(String, Vec<&Point>)],
    theory_each: bool,
) -> Panel {
    let mut drawn: Vec<Series> = Vec::new();
    let thin = |style: usize, points: Vec<(f64, f64)>| Series {
        label: String::new(),
        style,
        points,
        band: Vec::new(),
        thin: true,
        markers: false,
    };
    if !theory_each {
        drawn.push(thin(0, null(series)));
    }
    for (style, (name, points)) in series.iter().enumerate() {
        let mut points = points.clone();
        points.sort_by_key(|point| x(point));
        if theory_each {
            let known = points
                .iter()
                .filter_map(|point| Some((x(point) as f64, point.theory?)));
            drawn.push(thin(style, known.collect()));
        }
        drawn.push(Series {
            label: name.clone(),
            style,
            points: points
                .iter()
                .map(|point| (x(point) as f64, point.rate))
                .collect(),
            band: points
                .iter()
                .map(|point| (point.interval95[0], point.interval95[1]))
                .collect(),
            thin: false,
            markers: true,
        });
    }
    Panel::Lines(Lines {
        title: title.into(),
        x: Axis {
            label: label.into(),
            logarithmic: true,
            range: None,
        },
        y: Axis {
            label: "share inside".into(),
            logarithmic: false,
            range: Some((0.0, 1.0)),
        },
        series: drawn,
        size: PANEL,
    })
}

/// The share of vertices that look inside, against the dimensions that are left.
fn cubes(findings: &Findings, note: &str) -> Figure {
    let series = findings.cubes.iter().enumerate().map(|(style, cube)| {
        let mapped = cube
            .views
            .iter()
            .filter(|view| view.space.starts_with("random:"));
        let share = |view: &View| (view.dim as f64, view.inside as f64 / cube.vertices as f64);
        Series {
            label: format!("d = {}", cube.d),
            style,
            points: mapped.map(share).collect(),
            band: Vec::new(),
            thin: false,
            markers: true,
        }
    });
    Figure {
        title: "Vertices of a cube that look interpolated".into(),
        note: note.into(),
        panels: vec![Panel::Lines(Lines {
            title: "none is in the hull of the others before the map".into(),
            x: Axis {
                label: "dimensions after a linear map".into(),
                logarithmic: false,
                range: None,
            },
            y: Axis {
                label: "share that looks inside".into(),
                logarithmic: false,
                range: Some((0.0, 1.0)),
            },
            series: series.collect(),
            size: PANEL,
        })],
    }
}
