//! What each experiment is, and what its points show, in words.

use super::{Curves, Experiment, Findings, curves};
use crate::report::compare::grouped;
use crate::study::paper::Point;
use crate::study::paper::fig1::{Half, INNER, KNOTS, SETTINGS};
use crate::study::theory;

/// What an experiment of the paper is, and how it was set up here.
pub fn set_up(experiment: &Experiment) -> String {
    let here = match experiment.name.as_str() {
        "fig1" => drawn(experiment),
        "fig5" => mapped(experiment),
        figure => asked(experiment, figure),
    };
    format!("{} Here: {here}.", about(&experiment.name))
}

/// What an experiment is, whatever it is made with.
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

/// `a, b and c`.
fn listed(parts: &[String]) -> String {
    match parts {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

fn seed(experiment: &Experiment) -> String {
    let seed = experiment.settings.get("seed");
    seed.map_or(String::new(), |seed| format!("; seed {seed}"))
}

/// Figure 1 as it was drawn here.
fn drawn(experiment: &Experiment) -> String {
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

/// The images that were asked about here.
fn asked(experiment: &Experiment, figure: &str) -> String {
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

/// The cubes that were mapped here.
fn mapped(experiment: &Experiment) -> String {
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
        false => format!("; {}", listed(&given)),
    };
    format!(
        "cubes of {} dimensions, mapped by Gaussian random matrices to {}{}{given}",
        listed(&dims),
        listed(&to),
        seed(experiment)
    )
}

/// What the points show, in words: a paragraph for each set of images, and one for all.
///
/// The conclusion is drawn only where the points bear it out.
pub fn reading(findings: &Findings) -> Vec<String> {
    let places = [
        ("pixels", "pixel space", "pixels"),
        ("latents", "latent space", "latents"),
    ];
    let (mut paragraphs, mut falls, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    let mut about: Vec<&str> = Vec::new();
    for (figure, place, short) in places {
        for (data, series) in curves(&findings.points, figure) {
            let Some(fall) = Fall::of(&series) else {
                continue;
            };
            paragraphs.push(fall.sentence(place, &data, &series));
            match fall.gone.filter(|_| fall.most) {
                Some(_) => falls.push(fall),
                None => doubts.push(format!("{place} of {data}")),
            }
            if !about.contains(&short) {
                about.push(short);
            }
        }
    }
    let (seen, agrees) = match halves(findings) {
        Some((sentence, agrees)) => (Some(sentence), agrees),
        None => (None, true),
    };
    let mut conclusion = Vec::new();
    if !doubts.is_empty() {
        conclusion.push(format!(
            "Over the dimensions measured, inside rates do not fall from most to none in {}.",
            doubts.join(", nor in ")
        ));
    } else if !falls.is_empty() {
        conclusion.push(fallen(&falls, &about, agrees));
    }
    conclusion.extend(seen);
    if !about.is_empty() {
        conclusion.push(
            "Compare each rate with that of Gaussian data of the same size and rank before reading anything else into it."
                .into(),
        );
    }
    if !conclusion.is_empty() {
        paragraphs.push(conclusion.join(" "));
    }
    paragraphs
}

/// How rates fall over all sets, and why if figure 1 agrees and ranks grow where rates fall.
fn fallen(falls: &[Fall], about: &[&str], agrees: bool) -> String {
    let low = falls.iter().map(|fall| fall.low.d).min().unwrap_or(0);
    let gone = falls.iter().filter_map(|fall| fall.gone).max().unwrap_or(0);
    let none: Option<Vec<u64>> = falls.iter().map(|fall| fall.none).collect();
    let span = match none.and_then(|none| none.into_iter().max()) {
        Some(none) if none == gone => format!("to none as d grows from {low} to {none}"),
        Some(none) => format!(
            "to none as d grows from {low} to {none}, to fewer than one in a hundred from {gone} on"
        ),
        None => format!("to fewer than one in a hundred as d grows from {low} to {gone}"),
    };
    let places = match about {
        [one] => one,
        _ => "pixels and in latents alike",
    };
    let matters = match agrees && falls.iter().all(|fall| fall.rank_grows) {
        true => {
            ": what matters is the dimension of the affine hull of the data, and the number of rows"
        }
        false => "",
    };
    format!("Inside rates fall from most {span}, in {places}{matters}.")
}

/// What figure 1 says of the three dimensions (of the space, of the affine hull, of the manifold), and whether that is
/// what the paper says; `None` without figure 1.
fn halves(findings: &Findings) -> Option<(String, bool)> {
    let [_, (manifold, ..), (flat, ..)] = SETTINGS;
    let of = |setting: &str| {
        let halves = findings.halves.iter();
        halves
            .filter(|half| half.data == setting)
            .collect::<Vec<_>>()
    };
    let (manifold, flat) = (of(manifold), of(flat));
    let exact = theory::first_n_half(INNER as u64);
    // The band is 95 % wide; once more its width on both sides are about six standard errors of the rate.
    let near = |half: &&Half| match half.interval95 {
        [Some(low), Some(high)] => {
            let slack = high - low;
            low <= exact + slack && exact <= high + slack
        }
        _ => false,
    };
    // Never half inside counts as later than any N.
    let place = |half: &Half| half.measured.unwrap_or(u64::MAX);
    let grows = manifold
        .windows(2)
        .all(|pair| place(pair[0]) <= place(pair[1]))
        && place(manifold.first()?) < place(manifold.last()?);
    if flat.is_empty() {
        return None;
    }
    let numbers = |halves: &[&Half]| {
        let known = halves.iter().filter_map(|half| half.measured);
        let known: Vec<String> = known.map(grouped).collect();
        match halves.iter().any(|half| half.measured.is_none()) {
            true => format!(
                "{}, and for the rest at none that was drawn",
                known.join(", ")
            ),
            false => listed(&known),
        }
    };
    let dims = |halves: &[&Half]| {
        listed(
            &halves
                .iter()
                .map(|half| half.d.to_string())
                .collect::<Vec<_>>(),
        )
    };
    let agrees = grows && flat.iter().all(near);
    let so = match agrees {
        true => {
            "it is neither the dimension of the space around nor that of the manifold that decides"
        }
        false => "that is not what the paper says, and needs a look, or more trials",
    };
    Some((
        format!(
            "In figure 1, Gaussian samples whose affine hull has {INNER} dimensions first have half of the new ones inside \
             at N = {} in {} dimensions, exactly at {exact}; samples of a manifold of dimension 1 that spans {} \
             dimensions, at N = {}: {so}.",
            numbers(&flat),
            dims(&flat),
            dims(&manifold),
            numbers(&manifold)
        ),
        agrees,
    ))
}

/// How the share inside falls over the curves of one data set.
struct Fall<'p> {
    low: &'p Point,
    high: &'p Point,
    /// Every curve begins with more than half inside.
    most: bool,
    /// The least dimension from which on fewer than one in a hundred are left on every curve; and from which on none.
    gone: Option<u64>,
    none: Option<u64>,
    /// On every curve the affine hull has more dimensions where fewest are left than where most are inside.
    rank_grows: bool,
    /// The affine hull has all d dimensions, wherever there is anything left.
    full: bool,
}

impl<'p> Fall<'p> {
    /// `None` without points.
    fn of(series: &Curves<'p>) -> Option<Self> {
        let all = || series.iter().flat_map(|(_, points)| points).copied();
        let order = |point: &&Point| (point.d, point.trials - point.inside);
        // What is undecided may be inside.
        let may = |point: &Point| (point.inside + point.undecided) as f64 / point.trials as f64;
        let after = |share: f64| {
            let left = all().filter(|point| may(point) > share);
            let left = left.map(|point| point.d).max();
            let beyond = all().map(|point| point.d);
            beyond.filter(|&d| left.is_none_or(|left| d > left)).min()
        };
        let ends = |points: &Vec<&Point>| {
            let by_d = |point: &&&Point| point.d;
            let (first, last) = (
                points.iter().min_by_key(by_d)?,
                points.iter().max_by_key(by_d)?,
            );
            Some(first.rank? < last.rank?)
        };
        let mut first = series
            .iter()
            .filter_map(|(_, points)| points.iter().min_by_key(|point| point.d));
        Some(Fall {
            low: all().min_by_key(order)?,
            high: all().max_by_key(order)?,
            most: first.all(|point| point.rate > 0.5),
            gone: after(0.01 - 1e-12),
            none: after(0.0),
            rank_grows: series.iter().all(|(_, points)| ends(points) == Some(true)),
            full: all().all(|point| point.rank == Some(point.d) || may(point) < 0.01),
        })
    }

    fn sentence(&self, place: &str, data: &str, series: &Curves) -> String {
        let Fall {
            low, high, gone, ..
        } = self;
        let gone = gone.map_or(String::new(), |d| {
            format!("; from d = {d} on fewer than one in a hundred are left on every curve")
        });
        let half = |(name, points): &(String, Vec<&Point>)| {
            Some(format!("{:.1} ({name})", half_left(points)?))
        };
        let halves: Vec<String> = series.iter().filter_map(half).collect();
        let gaussian = theory::effective_dimension(low.n, 0.5).filter(|_| self.full);
        let halves = match (halves.is_empty(), gaussian) {
            (false, Some(gaussian)) => format!(
                " Half are left at d = {}; of Gaussian data with as many rows, at d = {gaussian:.1}.",
                halves.join(", ")
            ),
            (false, None) => format!(" Half are left at d = {}.", halves.join(", ")),
            _ => String::new(),
        };
        let end = match high.d == low.d {
            true => String::new(),
            false => format!(
                " and {:.2} % at d = {} ({})",
                100.0 * high.rate,
                high.d,
                high.series
            ),
        };
        format!(
            "In {place} of {data}, {:.2} % of {} test images are inside the hull of {} training images at d = {} ({}){end}\
             {gone}.{halves}",
            100.0 * low.rate,
            grouped(low.trials),
            grouped(low.n),
            low.d,
            low.series
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
        // A hundredth is not none, and no fall of rates along one rank is due to it.
        let mut left = points("A", &[(4, 980), (16, 600), (64, 9), (196, 1)]);
        let text = read(left.clone());
        assert!(
            text.contains(
                "from most to fewer than one in a hundred as d grows from 4 to 64, in pixels: what"
            ),
            "{text}"
        );
        assert!(text.contains("of Gaussian data"), "{text}");
        left.extend(points("A", &[(400, 0)]));
        let text = read(left.clone());
        assert!(
            text.contains(
                "to none as d grows from 4 to 400, to fewer than one in a hundred from 64 on, in"
            ),
            "{text}"
        );
        left.iter_mut().for_each(|point| point.rank = Some(3));
        let text = read(left);
        assert!(
            !text.contains("what matters") && !text.contains("of Gaussian data with"),
            "{text}"
        );
        let high = points("B", &[(4, 980), (16, 900)]);
        let text = read([falling, high].concat());
        assert!(
            text.contains("do not fall from most to none in pixel space of B."),
            "{text}"
        );
        assert!(!text.contains("what matters"), "{text}");
        // One curve that begins low is enough.
        let low = points("A", &[(4, 300), (16, 100), (196, 0)]);
        let low = low.into_iter().map(|point| Point {
            series: "others".into(),
            ..point
        });
        let falling = points("A", &[(4, 980), (196, 0)]);
        let text = read(falling.into_iter().chain(low).collect());
        assert!(text.contains("do not fall from most"), "{text}");
        assert_eq!(read(Vec::new()), "");
    }

    fn half(setting: usize, d: u64, n: Option<u64>) -> Half {
        Half {
            data: SETTINGS[setting].0.into(),
            d,
            measured: n,
            interval95: [n.map(|n| n - 1), n.map(|n| n + 1)],
            exact: None,
        }
    }

    #[test]
    fn figure_1_backs_the_conclusion_or_takes_it_back() {
        let points = points("A", &[(4, 980), (196, 0)]);
        let mut halves = vec![
            half(1, 2, Some(9)),
            half(1, 3, Some(40)),
            half(1, 7, None),
            half(2, 5, Some(62)),
            half(2, 6, Some(63)),
        ];
        let say = |halves: &[Half]| {
            let findings = Findings {
                points: points.clone(),
                halves: halves.to_vec(),
                ..Findings::default()
            };
            reading(&findings).pop().unwrap()
        };
        let text = say(&halves);
        for part in [
            "what matters is the dimension of the affine hull",
            "at N = 62 and 63 in 5 and 6 dimensions, exactly at 63;",
            "spans 2, 3 and 7 dimensions, at N = 9, 40, and for the rest at none that was drawn:",
            "neither the dimension of the space around",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        halves[4].interval95 = [Some(90), Some(92)];
        let text = say(&halves);
        assert!(text.contains("from most to none as d grows from 4 to 196, in pixels."));
        assert!(!text.contains("what matters") && text.contains("not what the paper says"));
    }
}
