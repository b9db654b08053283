//! Sentences about the experiments: their set-up and their findings.

use super::{Curves, Experiment, Findings, curves};
use crate::report::compare::grouped;
use crate::study::paper::fig1::{INNER, KNOTS, SETTINGS};
use crate::study::paper::images::BESIDE;
use crate::study::paper::{Point, dimension_of_half};
use crate::study::theory;

/// Describes an experiment of the paper, and its set-up in this run.
pub fn set_up(experiment: &Experiment) -> String {
    let here = match experiment.name.as_str() {
        "fig1" => samples_of_run(experiment),
        "fig5" => cubes_of_run(experiment),
        figure => images_of_run(experiment, figure),
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

fn seed(experiment: &Experiment) -> String {
    let seed = experiment.settings.get("seed");
    seed.map_or(String::new(), |seed| format!("; seed {seed}"))
}

/// The set-up of figure 1 in this run.
fn samples_of_run(experiment: &Experiment) -> String {
    let mut sizes: Vec<u64> = experiment.findings.points.iter().map(|p| p.n).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let trials = experiment.findings.points.first().map_or(0, |p| p.trials);
    format!(
        "{} trials a curve; {} sizes from N = {} to {}{}",
        grouped(trials),
        sizes.len(),
        sizes.first().copied().unwrap_or(0),
        grouped(sizes.last().copied().unwrap_or(0)),
        seed(experiment)
    )
}

/// The images in this run.
fn images_of_run(experiment: &Experiment, figure: &str) -> String {
    let sets = curves(&experiment.findings.points, figure).into_iter();
    let each = sets.map(|(data, series)| {
        let first = series.iter().flat_map(|(_, points)| points).next();
        let [queries, rows] = first.map_or([0, 0], |point| [point.trials, point.n]);
        format!(
            "{} test images against {} training images of {data}",
            grouped(queries),
            grouped(rows)
        )
    });
    format!(
        "{}{}",
        each.collect::<Vec<_>>().join("; "),
        seed(experiment)
    )
}

/// The cubes in this run.
fn cubes_of_run(experiment: &Experiment) -> String {
    let cubes = &experiment.findings.cubes;
    let dims: Vec<String> = cubes.iter().map(|cube| cube.d.to_string()).collect();
    let views = cubes.first().map_or(&[][..], |cube| &cube.views);
    let to = views
        .iter()
        .filter(|view| view.space.starts_with("random:"));
    let to: Vec<String> = to.map(|view| view.dim.to_string()).collect();
    let given = cubes.iter().flat_map(|cube| &cube.views);
    let given = given.filter(|view| view.space.starts_with("file:"));
    let given: Vec<String> = given.map(|view| view.space.clone()).collect();
    let given = match given.is_empty() {
        true => String::new(),
        false => format!("; {}", given.join(", ")),
    };
    format!(
        "cubes of {} dimensions, mapped by Gaussian random matrices to {}{}{given}",
        dims.join(", "),
        to.join(", "),
        seed(experiment)
    )
}

/// The findings: a sentence for each set of images, one for figure 1, and what to compare with.
pub fn reading(findings: &Findings) -> Vec<String> {
    let places = [("pixels", "pixel space"), ("latents", "latent space")];
    let of_place = |(figure, place)| {
        let sets = curves(&findings.points, figure).into_iter();
        sets.filter_map(move |(data, mut series)| {
            // Principal components of the pixels are drawn beside the latents, but are no latents.
            series.retain(|(name, _)| figure != "latents" || name != BESIDE);
            images(place, &data, &series)
        })
    };
    let mut said: Vec<String> = places.into_iter().flat_map(of_place).collect();
    said.extend(halves(findings));
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
    let (low, high) = (all().min_by_key(order)?, all().max_by_key(order)?);
    let end = |point: &Point| {
        let rate = 100.0 * point.rate;
        format!("{rate:.2} % at d = {} ({})", point.d, point.series)
    };
    let half = |(name, points): &(String, Vec<&Point>)| {
        Some(format!("{:.1} ({name})", dimension_of_half(points)?))
    };
    let halves: Vec<String> = series.iter().filter_map(half).collect();
    let halves = match (halves.is_empty(), theory::effective_dimension(low.n, 0.5)) {
        (false, Some(gaussian)) => format!(
            "; it is one half at d = {}, of as many Gaussian rows at rank {gaussian:.1}",
            halves.join(", ")
        ),
        _ => String::new(),
    };
    Some(format!(
        "In {place} of {data}, the share of {} test images inside the hull of {} training images is {} and {}{halves}.",
        grouped(low.trials),
        grouped(low.n),
        end(low),
        end(high)
    ))
}

/// The N at which half of the new samples of figure 1 are inside; `None` without that figure.
fn halves(findings: &Findings) -> Option<String> {
    let [_, (manifold, ..), (flat, ..)] = SETTINGS;
    let of = |setting: &str| {
        let halves = findings.halves.iter().filter(|half| half.data == setting);
        let each = halves.map(|half| match half.measured {
            Some(n) => format!("{} (d = {})", grouped(n), half.d),
            None => format!("none drawn (d = {})", half.d),
        });
        each.collect::<Vec<_>>().join(", ")
    };
    let (manifold, flat) = (of(manifold), of(flat));
    (!flat.is_empty()).then(|| {
        format!(
            "Figure 1, the least N with half of the new samples inside: {flat} for Gaussian samples of rank {INNER}, exactly {}; \
             {manifold} for a manifold of dimension 1.",
            theory::first_n_half(INNER as u64)
        )
    })
}
