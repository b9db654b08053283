//! The experiments as figures.

use super::{Collection, Curves, Experiment, curves};
use crate::report::numerals::grouped;
use crate::report::plot::{self, Axis, Chart, Figure, Look, Series, THEORY};
use crate::study::paper::Point;
use crate::study::paper::hypercube::View;
use crate::study::theory;

/// The figures, each with the name of its experiment, which is that of its file.
pub fn figures(collection: &Collection) -> Vec<(String, Figure)> {
    let drawn = |experiment: &Experiment| {
        let figure = match experiment.name.as_str() {
            "fig1" => samples(experiment),
            "fig5" => cubes(experiment),
            _ => images(experiment),
        };
        Some((experiment.name.clone(), figure?))
    };
    collection.experiments.iter().filter_map(drawn).collect()
}

/// The last line of a figure: remarks, and the date of its numbers.
fn note(experiment: &Experiment, about: &str) -> String {
    let day: String = experiment.date.chars().take(10).collect();
    format!("{about}; {day}; hullscope {}", env!("CARGO_PKG_VERSION"))
}

/// Figure 1.
fn samples(experiment: &Experiment) -> Option<Figure> {
    let points = &experiment.findings.points;
    let about = format!(
        "{} trials a curve; thin lines: exact; bands: 95 %",
        grouped(points.first()?.trials)
    );
    let panels = curves(points, "fig1").into_iter();
    let panels = panels
        .map(|(setting, series)| panel(&setting, "samples N", |point| point.n, &series, true));
    Some(Figure {
        title: "A new sample inside the hull of N samples".into(),
        note: note(experiment, &about),
        panels: panels.collect(),
    })
}

/// Figures 3 and 4, and table 1 as a figure.
fn images(experiment: &Experiment) -> Option<Figure> {
    let figure = experiment.name.as_str();
    let sets = curves(&experiment.findings.points, figure);
    // This title is short enough for one panel.
    let title = match figure {
        "pixels" => "Inside the hull of the training images: pixel space",
        _ => "Inside the hull of the training images: latent space",
    };
    let panels = sets.into_iter().flat_map(|(data, series)| {
        let each = by_network(figure, &data, series).into_iter();
        each.map(|(title, series)| panel(&title, "dimension d", |point| point.d, &series, false))
    });
    let panels: Vec<Chart> = panels.collect();
    (!panels.is_empty()).then(|| Figure {
        title: title.into(),
        note: note(
            experiment,
            "dotted: Gaussian data of the same size and rank; bands: 95 %",
        ),
        panels,
    })
}

/// The panels of one data set: latents of the trained and of the untrained network in separate panels, the pixels in both.
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

/// The share inside for Gaussian data of the same number of rows, over the dimensions of the curves: one curve for all.
fn null(series: &[(String, Vec<&Point>)]) -> Vec<plot::Point> {
    let all = || series.iter().flat_map(|(_, points)| points);
    let dims = || all().map(|point| point.d);
    let (Some(first), Some(low), Some(high)) = (all().next(), dims().min(), dims().max()) else {
        return Vec::new();
    };
    let curve = theory::absorption_curve(first.n, low, high).into_iter();
    curve.map(|(d, share)| plot::Point::at(d, share)).collect()
}

/// Shares inside, one curve per series.
fn panel(
    title: &str,
    label: &str,
    x: fn(&Point) -> u64,
    series: &[(String, Vec<&Point>)],
    theory_each: bool,
) -> Chart {
    let share = match theory_each {
        true => "share inside",
        false => "share of test images inside",
    };
    // One Gaussian curve serves all series only if every rank equals the dimension, at least where the curve is above 0.001.
    let mut all = series.iter().flat_map(|(_, points)| points);
    let full =
        all.all(|point| point.rank == Some(point.d) || point.theory.is_none_or(|null| null < 1e-3));
    let mut drawn: Vec<Series> = Vec::new();
    if full && !theory_each {
        let label = "Gaussian, same size and rank";
        drawn.push(Series::new(Look::Line, label, THEORY, null(series)));
    }
    for (style, (name, points)) in series.iter().enumerate() {
        let mut points = points.clone();
        points.sort_by_key(|point| x(point));
        if theory_each || !full {
            let known = points
                .iter()
                .filter_map(|point| Some(plot::Point::at(x(point) as f64, point.theory?)));
            drawn.push(Series::new(Look::Thin, "", style, known));
        }
        let rates = points
            .iter()
            .map(|point| plot::Point::within(x(point) as f64, point.rate, point.interval95));
        drawn.push(Series::new(Look::Curve, name, style, rates));
    }
    let y = Axis::linear(share).within(0.0, 1.0);
    Chart::new(title, Axis::logarithmic(label), y, drawn)
}

/// Figure 5: the share of vertices whose images lie in the hull of the other images, against the dimension of the images.
fn cubes(experiment: &Experiment) -> Option<Figure> {
    let cubes = &experiment.findings.cubes;
    let series = cubes.iter().enumerate().map(|(style, cube)| {
        let views = cube.views.iter();
        let mapped = views.filter(|view| view.space.starts_with("random:"));
        let share = |view: &View| view.inside as f64 / cube.vertices as f64;
        let points = mapped.map(|view| plot::Point::at(view.dim as f64, share(view)));
        Series::new(Look::Curve, format!("d = {}", cube.d), style, points)
    });
    let panel = Chart::new(
        "none is in the hull of the others before the map",
        Axis::linear("dimensions after a linear map"),
        Axis::linear("share that looks inside").within(0.0, 1.0),
        series.collect(),
    );
    (!cubes.is_empty()).then(|| Figure {
        title: "Vertices of a cube that look interpolated".into(),
        note: note(
            experiment,
            "random linear maps of the vertices of a cube in d dimensions",
        ),
        panels: vec![panel],
    })
}
