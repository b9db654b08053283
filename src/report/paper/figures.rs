//! The experiments as figures.

use super::{Collection, Curves, Experiment, curves};
use crate::report::numerals::grouped;
use crate::report::plot::{self, Axis, Chart, Figure, Look, Series, THEORY};
use crate::study::paper::Point;
use crate::study::paper::hypercube::View;
use crate::study::theory;
use itertools::Itertools;

/// The figures, each with the name of its experiment, which is that of its file.
pub fn figures(collection: &Collection) -> Vec<(String, Figure)> {
    let drawn = |experiment: &Experiment| Some((experiment.name.clone(), figure(experiment)?));
    collection.experiments.iter().filter_map(drawn).collect()
}

/// The figure of an experiment; `None` without points.
pub fn figure(experiment: &Experiment) -> Option<Figure> {
    match experiment.name.as_str() {
        "fig1" => samples(experiment),
        "fig5" => cubes(experiment),
        _ => images(experiment),
    }
}

/// The last line of a figure: remarks, and the date of its numbers.
fn note(experiment: &Experiment, about: &str) -> String {
    let day: String = experiment.date.chars().take(10).collect();
    format!("{about}; {day}; hullscope {}", env!("CARGO_PKG_VERSION"))
}

/// Figure 1.
fn samples(experiment: &Experiment) -> Option<Figure> {
    let points = &experiment.findings.points;
    let trials = grouped(points.first()?.trials);
    let about = format!("{trials} trials a curve; thin lines: exact; bands: 95 %");
    let panels = curves(points, "fig1").into_iter().map(|(setting, curves)| {
        let series = measured(&curves, |point| point.n);
        panel(&setting, "samples N", "share inside", series)
    });
    let title = "A new sample inside the hull of N samples";
    Figure::new(title, note(experiment, &about), panels).drawn()
}

/// Figures 3 and 4, and table 1 as a figure.
fn images(experiment: &Experiment) -> Option<Figure> {
    let figure = experiment.name.as_str();
    let sets = curves(&experiment.findings.points, figure);
    // This title is short enough for one panel.
    let space = figure.trim_end_matches('s');
    let title = format!("Inside the hull of the training images: {space} space");
    let panels = sets.into_iter().flat_map(|(data, curves)| {
        let each = by_network(figure, &data, curves).into_iter();
        each.map(|(title, curves)| of_images(&title, &curves))
    });
    let about = "dotted: Gaussian data of the same size and rank; bands: 95 %";
    Figure::new(title, note(experiment, about), panels).drawn()
}

/// The panels of one data set: latents of the trained and of the untrained network in separate panels, the pixels in both.
fn by_network<'p>(figure: &str, data: &str, curves: Curves<'p>) -> Vec<(String, Curves<'p>)> {
    if figure != "latents" {
        return vec![(data.into(), curves)];
    }
    let networks = ["trained, ", "untrained, "].map(|kind| {
        let shown = |name: &str| name.starts_with(kind) || name.starts_with("pixels");
        let own = curves.iter().filter(|(name, _)| shown(name));
        let own = own.map(|(name, points)| (name.trim_start_matches(kind).into(), points.clone()));
        let title = format!("{data}, {}network", kind.replace(',', ""));
        (title, own.collect())
    });
    networks.into()
}

/// The shares of images inside, beside those of Gaussian data of the same number of rows. One Gaussian curve serves all if every
/// rank equals the dimension, at least where that curve is above 0.001.
fn of_images(title: &str, curves: &Curves) -> Chart {
    let all = || curves.iter().flat_map(|(_, points)| points.iter().copied());
    let full = all()
        .all(|point| point.rank == Some(point.d) || point.theory.is_none_or(|null| null < 1e-3));
    let ends = all().map(|point| point.d).minmax().into_option();
    let gaussian = all().next().zip(ends).filter(|_| full);
    let gaussian = gaussian.map(|(point, (low, high))| {
        let curve = theory::absorption_curve(point.n, low, high).into_iter();
        let curve = curve.map(|(d, share)| plot::Point::at(d, share));
        Series::new(Look::Line, "Gaussian, same size and rank", THEORY, curve)
    });
    let each = measured(curves, |point| point.d).into_iter();
    // Thin lines would repeat the one curve.
    let each = each.filter(|series| !full || series.look != Look::Thin);
    let series = gaussian.into_iter().chain(each).collect();
    panel(title, "dimension d", "share of test images inside", series)
}

/// Curves with theory.
fn measured(curves: &Curves, x: fn(&Point) -> u64) -> Vec<Series> {
    let at = |p: &Point| plot::Point::within(x(p) as f64, p.rate, p.interval95);
    let numbered = curves.iter().enumerate();
    let series = numbered.flat_map(|(style, (name, points))| {
        plot::with_theory(name, style, points.iter().map(|p| (at(p), p.theory)))
    });
    series.collect()
}

fn panel(title: &str, x: &str, y: &str, series: Vec<Series>) -> Chart {
    let y = Axis::linear(y).within(0.0, 1.0);
    Chart::new(title, Axis::logarithmic(x), y, series)
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
    let about = "random linear maps of the vertices of a cube in d dimensions";
    let title = "Vertices of a cube that look interpolated";
    let panel = (!cubes.is_empty()).then_some(panel);
    Figure::new(title, note(experiment, about), panel).drawn()
}
