//! What each experiment is, and what its points show, in words.

use super::{Curves, Findings, curves};
use crate::report::compare::grouped;
use crate::study::paper::Point;
use crate::study::theory;

/// What an experiment of the paper is, and how it was set up here.
pub fn set_up(figure: &str) -> &'static str {
    match figure {
        "fig1" => {
            "Figure 1. N samples are drawn, and one more: is it in the hull of the N? Every trial draws a fresh set; the \
             first rows of a set are the smaller sets, so that the points of one curve share their trials. Left: standard \
             normal samples, with the exact probability (Kabluchko and Zaporozhets 2020) as a thin line. Middle: samples of a \
             manifold of dimension 1 that spans all d dimensions, a natural cubic spline through 64 standard normal knots, \
             drawn afresh each trial, at a uniform parameter. Right: standard normal samples of 4 dimensions, mapped by a \
             random affine map into d."
        }
        "pixels" => {
            "Figures 3 and 4. Which test images are in the hull of the training images, when they are reduced to their \
             central C x C pixels, or smoothed (Gaussian of half a step) and subsampled? The thin line is the probability for \
             Gaussian data of the same number of rows and the same rank."
        }
        "latents" => {
            "Table 1. The same question in the latent space of a small residual network (64 features, 93 % on the test \
             set of Fashion-MNIST) and of the same network before training: random subsets of its features, their principal \
             components, and heads of 2, 8 and 16 dimensions on the same trunk; beside them the principal components of the \
             pixels."
        }
        _ => {
            "Figure 5. Every vertex of a cube against all others. None is in their hull; its distance is 1/sqrt(d). After a \
             linear map to k dimensions most of them are, though nothing was interpolated: exactly 2 sum_{i<k} C(d-1, i) \
             vertices stay extreme under a generic map."
        }
    }
}

/// What the points show, in words; empty without points of images.
///
/// The conclusion is drawn only where the points bear it out.
pub fn reading(findings: &Findings) -> Vec<String> {
    let places = [
        ("pixels", "pixel space", "pixels"),
        ("latents", "latent space", "latents"),
    ];
    let (mut sentences, mut falls, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    let mut about: Vec<&str> = Vec::new();
    for (figure, place, short) in places {
        for (data, series) in curves(&findings.points, figure) {
            let Some(fall) = Fall::of(&series) else {
                continue;
            };
            sentences.push(fall.sentence(place, &data, &series));
            match fall.gone.filter(|_| fall.low.rate > 0.5) {
                Some(gone) => falls.push((fall.low.d, gone)),
                None => doubts.push(format!("{place} of {data}")),
            }
            if !about.contains(&short) {
                about.push(short);
            }
        }
    }
    if !doubts.is_empty() {
        sentences.push(format!(
            "Over the dimensions measured, inside rates do not fall from most to none in {}.",
            doubts.join(", nor in ")
        ));
    } else if let (Some(low), Some(gone)) = (
        falls.iter().map(|fall| fall.0).min(),
        falls.iter().map(|fall| fall.1).max(),
    ) {
        sentences.push(format!(
            "Inside rates fall from most to none as d grows from {low} to {gone}, in {}: what matters is the dimension of \
             the affine hull of the data, and the number of rows. Compare each rate with that of Gaussian data of the same \
             size and rank before reading anything else into it.",
            if about.len() > 1 { "pixels and in latents alike" } else { about[0] }
        ));
    }
    sentences
}

/// How the share inside falls over the curves of one data set.
struct Fall<'p> {
    low: &'p Point,
    high: &'p Point,
    /// The least dimension from which on fewer than one in a hundred are left on every curve.
    gone: Option<u64>,
}

impl<'p> Fall<'p> {
    /// `None` without points.
    fn of(series: &Curves<'p>) -> Option<Self> {
        let all = || series.iter().flat_map(|(_, points)| points).copied();
        let order = |point: &&Point| (point.d, point.trials - point.inside);
        let left = all().filter(|point| point.rate >= 0.01);
        let left = left.map(|point| point.d).max();
        let gone = all()
            .map(|point| point.d)
            .filter(|&d| left.is_none_or(|left| d > left));
        Some(Fall {
            low: all().min_by_key(order)?,
            high: all().max_by_key(order)?,
            gone: gone.min(),
        })
    }

    fn sentence(&self, place: &str, data: &str, series: &Curves) -> String {
        let Fall { low, high, gone } = self;
        let gone = gone.map_or(String::new(), |d| {
            format!("; from d = {d} on fewer than one in a hundred are left on every curve")
        });
        let half = |(name, points): &(String, Vec<&Point>)| {
            Some(format!("{:.1} ({name})", half_left(points)?))
        };
        let halves: Vec<String> = series.iter().filter_map(half).collect();
        let gaussian = theory::effective_dimension(low.n, 0.5);
        let halves = match (halves.is_empty(), gaussian) {
            (false, Some(gaussian)) => format!(
                " Half are left at d = {}; of Gaussian data with as many rows, at d = {gaussian:.1}.",
                halves.join(", ")
            ),
            _ => String::new(),
        };
        format!(
            "In {place} of {data}, {:.2} % of {} test images are inside the hull of {} training images at d = {} and {:.2} % \
             at d = {}{gone}.{halves}",
            100.0 * low.rate,
            grouped(low.trials),
            grouped(low.n),
            low.d,
            100.0 * high.rate,
            high.d
        )
    }
}

/// The dimension at which a curve first falls to one half, between its points by log d.
fn half_left(points: &[&Point]) -> Option<f64> {
    let mut points = points.to_vec();
    points.sort_by_key(|point| point.d);
    points.windows(2).find_map(|pair| {
        let (above, below) = (pair[0].rate - 0.5, pair[1].rate - 0.5);
        let (from, to) = ((pair[0].d as f64).ln(), (pair[1].d as f64).ln());
        (above > 0.0 && below <= 0.0).then(|| (from + (to - from) * above / (above - below)).exp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(data: &str, rates: &[(u64, u64)]) -> Vec<Point> {
        let point = |&(d, inside): &(u64, u64)| Point {
            figure: "pixels".into(),
            data: data.into(),
            series: "patches".into(),
            space: String::new(),
            d,
            rank: Some(d),
            n: 6000,
            trials: 1000,
            inside,
            undecided: 0,
            rate: inside as f64 / 1000.0,
            interval95: [0.0, 1.0],
            theory: None,
        };
        rates.iter().map(point).collect()
    }

    fn read(points: Vec<Point>) -> String {
        reading(&Findings {
            points,
            ..Findings::default()
        })
        .join("\n")
    }

    #[test]
    fn the_conclusion_is_drawn_only_from_points_that_bear_it_out() {
        let falling = points("A", &[(4, 980), (16, 600), (64, 200), (196, 0)]);
        let text = read(falling.clone());
        assert!(text.contains("from d = 196 on"), "{text}");
        assert!(
            text.contains("from most to none as d grows from 4 to 196, in pixels:"),
            "{text}"
        );
        // ln d from 16 to 64, a quarter of the way.
        assert!(text.contains("d = 22.6 (patches)"), "{text}");
        let high = points("B", &[(4, 980), (16, 900)]);
        let text = read([falling, high].concat());
        assert!(
            text.contains("do not fall from most to none in pixel space of B."),
            "{text}"
        );
        assert!(!text.contains("what matters"), "{text}");
        assert_eq!(read(Vec::new()), "");
    }
}
