//! Sentences about the experiments: their set-up and their findings.

use super::{Curves, Experiment, Findings, curves};
use crate::report::numerals::{grouped, or_nothing};
use crate::study::paper::fig1::{INNER, KNOTS};
use crate::study::paper::images::BESIDE;
use crate::study::paper::{Point, dimension_of_half};
use crate::study::theory;
use itertools::Itertools;
use std::collections::BTreeSet;

/// Describes an experiment of the paper, and its set-up in this run.
pub fn set_up(experiment: &Experiment) -> String {
    let here = match experiment.name.as_str() {
        "fig1" => samples_of_run(experiment),
        "fig5" => cubes_of_run(experiment),
        _ => images_of_run(experiment),
    };
    format!("{} Here: {here}.", about(&experiment.name))
}

/// Describes an experiment, whatever its settings.
fn about(name: &str) -> String {
    match name {
        "fig1" => format!(
            "Figure 1. N samples are drawn, and one more: is it in the hull of the N? Every trial draws a fresh set; the \
             first rows of a set are the smaller sets, so that the points of one curve share their trials. Left: standard \
             normal samples, with the exact probability (Kabluchko and Zaporozhets 2020) as a thin line. Middle: samples of a \
             manifold of dimension 1 that spans all d dimensions, a natural cubic spline through {KNOTS} standard normal \
             knots, drawn afresh each trial, at a uniform parameter. With few knots much of the curve is surrounded by no other \
             part of it, and the share inside levels off, for 64 knots and d = 6 and 7 below one half; with very many its \
             points are nearly Gaussian. {KNOTS} are about the number that comes nearest to the paper's figure, where all six \
             curves reach one half; no number gives the same N. Right: standard normal samples of {INNER} dimensions, \
             mapped by a random affine map into d."
        ),
        "pixels" => {
            "Figures 3 and 4. Which test images are in the hull of the training images, when they are reduced to their \
             central C x C pixels, or smoothed (Gaussian of half a step) and subsampled? The dotted line is the probability for \
             Gaussian data of the same number of rows and the same rank."
                .into()
        }
        "latents" => {
            "Table 1. Which test images are in the hull of the training images in the latent space of a small residual \
             network (64 features, 93 % on the test set of Fashion-MNIST), and of the same network before training: random \
             subsets of its features, their principal components, and heads of 2, 8 and 16 dimensions on the same trunk; \
             beside them the principal components of the pixels. The dotted line is the probability for Gaussian data of the \
             same number of rows and the same rank. Of the two sets of --data only Fashion-MNIST is asked about, which the \
             network was trained on."
                .into()
        }
        _ => {
            "Figure 5. Every vertex of a cube against all others. None is in their hull; its distance is 1/sqrt(d). After a \
             linear map to k dimensions many look inside, though nothing was interpolated: exactly 2 sum_{i<k} C(d-1, i) \
             vertices stay extreme under a generic map."
                .into()
        }
    }
}

/// The seed of a run.
fn seed(experiment: &Experiment) -> String {
    let seed = experiment.settings.get("seed");
    seed.map_or(String::new(), |seed| format!("; seed {seed}"))
}

/// The set-up of figure 1 in this run.
fn samples_of_run(experiment: &Experiment) -> String {
    let points = &experiment.findings.points;
    let sizes: BTreeSet<u64> = points.iter().map(|point| point.n).collect();
    format!(
        "{} trials a curve; {} sizes from N = {} to {}{}",
        grouped(points.first().map_or(0, |point| point.trials)),
        sizes.len(),
        sizes.first().unwrap_or(&0),
        grouped(*sizes.last().unwrap_or(&0)),
        seed(experiment)
    )
}

/// The images in this run.
fn images_of_run(experiment: &Experiment) -> String {
    let sets = curves(&experiment.findings.points, &experiment.name).into_iter();
    let mut each = sets.map(|(data, series)| {
        let first = series.iter().flat_map(|(_, points)| points).next();
        let [queries, rows] = first.map_or([0, 0], |point| [point.trials, point.n]);
        let [queries, rows] = [queries, rows].map(grouped);
        format!("{queries} test images against {rows} training images of {data}")
    });
    each.join("; ") + &seed(experiment)
}

/// The cubes in this run.
fn cubes_of_run(experiment: &Experiment) -> String {
    let cubes = &experiment.findings.cubes;
    let views = || cubes.iter().flat_map(|cube| &cube.views);
    let of_kind = |kind: &'static str| views().filter(move |view| view.space.starts_with(kind));
    let given = of_kind("file:").map(|view| view.space.as_str()).join(", ");
    let given = Some(given).filter(|given| !given.is_empty());
    let given = given.map_or(String::new(), |given| format!("; {given}"));
    format!(
        "cubes of {} dimensions, mapped by Gaussian random matrices to {}{}{given}",
        cubes.iter().map(|cube| cube.d).join(", "),
        of_kind("random:").map(|view| view.dim).unique().join(", "),
        seed(experiment)
    )
}

/// The findings: a sentence for each set of images, and what to compare with.
pub fn reading(findings: &Findings) -> Vec<String> {
    let mut said = Vec::new();
    for (figure, place) in [("pixels", "pixel space"), ("latents", "latent space")] {
        for (data, mut series) in curves(&findings.points, figure) {
            // Principal components of the pixels are drawn beside the latents, but are no latents.
            series.retain(|(name, _)| figure != "latents" || name != BESIDE);
            said.extend(images(place, &data, &series));
        }
    }
    if !findings.points.is_empty() {
        said.push(
            "Compare each rate with that of Gaussian data of the same size and rank before reading anything else into it."
                .into(),
        );
    }
    said
}

/// The rates of one set of images at the smallest and largest dimension, and the dimension at which half are inside; `None`
/// without points.
fn images(place: &str, data: &str, series: &Curves) -> Option<String> {
    let all = || series.iter().flat_map(|(_, points)| points).copied();
    let order = |point: &&Point| (point.d, point.trials - point.inside);
    let ends = [all().min_by_key(order)?, all().max_by_key(order)?];
    let rates = ends.map(|point| {
        let rate = 100.0 * point.rate;
        format!("{rate:.2} % at d = {} ({})", point.d, point.series)
    });
    let mut halves = series
        .iter()
        .filter_map(|(name, points)| Some(format!("{:.1} ({name})", dimension_of_half(points)?)));
    let gaussian = theory::effective_dimension(ends[0].n, 0.5);
    Some(format!(
        "In {place} of {data}, the share of {} test images inside the hull of {} training images is {}; it is one half at \
         d = {}, of as many Gaussian rows at rank {}.",
        grouped(ends[0].trials),
        grouped(ends[0].n),
        rates.join(" and "),
        halves.join(", "),
        or_nothing(gaussian, |rank| format!("{rank:.1}"))
    ))
}
