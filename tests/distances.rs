//! Brackets of distances compared with exact rational distances, in 2 and 3 dimensions: both ends hold without any tolerance.

use crate::common::{exact, gaussian, random, rows};
use hullscope::control::Control;
use hullscope::hull::{Answer, Evidence, Settings, Solver, Verdict};
use hullscope::scan::CpuScan;
use rand::RngExt;
use std::cmp::Ordering;

/// The requested relative gap.
const GAP: f64 = 0.01;

/// Distances of the queries from the hull, as shares of the radius.
const STEPS: [f64; 15] = [
    1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
];

fn bracketed(d: usize, x: &[f64], q: &[f64]) -> Vec<Answer> {
    let (reference, control) = (rows(d, x), Control::default());
    let scan = CpuScan::new(&reference, &control).unwrap();
    let settings = Settings {
        gap: Some(GAP),
        ..Settings::default()
    };
    let mut solver = Solver::new(&reference, &scan, settings, &control).unwrap();
    solver.answer(q, None, &control).unwrap()
}

/// Largest distance of a row from the mean.
fn radius(d: usize, x: &[f64]) -> f64 {
    let n = (x.len() / d) as f64;
    let mean: Vec<f64> = (0..d)
        .map(|j| x.iter().skip(j).step_by(d).sum::<f64>() / n)
        .collect();
    x.chunks_exact(d)
        .map(|x| length(&minus(x, &mean)))
        .fold(0.0, f64::max)
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn length(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// How the brackets of a problem compare with the exact distances.
#[derive(Default)]
struct Tally {
    faults: Vec<String>,
    outside: usize,
    inside: usize,
    narrow: usize,
}

impl Tally {
    /// Compare the brackets of all queries with the exact distances.
    fn add(&mut self, name: &str, d: usize, x: &[f64], q: &[f64]) {
        let radius = radius(d, x);
        for (answer, query) in bracketed(d, x, q).iter().zip(q.chunks_exact(d)) {
            let square = exact::square_distance(d, x, query);
            if square.is_zero() {
                self.inside += 1;
            } else {
                self.outside += 1;
            }
            for fault in self.faults_of(answer, &square, radius) {
                self.faults.push(format!(
                    "{name}, query {query:?} at {:e}: {fault}: {:?} by {:?}, {:?}",
                    square.root(),
                    answer.verdict,
                    answer.proof,
                    answer.distance,
                ));
            }
        }
    }

    fn faults_of(
        &mut self,
        answer: &Answer,
        square: &exact::Fraction,
        radius: f64,
    ) -> Vec<&'static str> {
        let mut faults = Vec::new();
        let Some(bracket) = answer.distance else {
            return vec!["no bracket"];
        };
        let numbers = bracket.lower >= 0.0 && bracket.upper.is_finite();
        if !numbers || bracket.lower > bracket.upper {
            return vec!["not a bracket"];
        }
        let (lower, upper) = (
            exact::Fraction::square_of(bracket.lower),
            exact::Fraction::square_of(bracket.upper),
        );
        if lower.compare(square) == Ordering::Greater {
            faults.push("the lower end is above the truth");
        }
        if upper.compare(square) == Ordering::Less {
            faults.push("the upper end is below the truth");
        }
        if answer.proof == Some(Evidence::Exact) && bracket.upper != 0.0 {
            faults.push("proved inside at a positive distance");
        }
        if answer.verdict == Verdict::Outside && square.is_zero() {
            faults.push("outside, and it is not");
        }
        let reached = bracket.upper - bracket.lower <= GAP * bracket.upper;
        self.narrow += usize::from(reached);
        if square.root() > 1e-12 * radius && !reached {
            faults.push("the gap that was asked for is not reached");
        }
        faults
    }

    fn hold(self, outside: usize, inside: usize) {
        assert!(
            self.faults.is_empty(),
            "{} of {} brackets are wrong, such as\n{}",
            self.faults.len(),
            self.outside + self.inside,
            self.faults[..self.faults.len().min(12)].join("\n")
        );
        assert!(
            self.outside >= outside && self.inside >= inside,
            "{} outside, {} inside: too one-sided a test",
            self.outside,
            self.inside
        );
        assert!(self.narrow > (self.outside + self.inside) / 2);
    }
}

/// A simplex about the origin with more rows inside it: all rows, and the corners.
fn shape(d: usize, seed: u64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let noise = gaussian((d + 1) * d, seed);
    let corners: Vec<Vec<f64>> = (0..=d)
        .map(|i| {
            (0..d)
                .map(|j| {
                    let corner = if i < d {
                        f64::from(u8::from(i == j)) * 2.0
                    } else {
                        -1.0
                    };
                    corner + 0.2 * noise[i * d + j]
                })
                .collect()
        })
        .collect();
    let mut random = random(seed);
    let within = (0..4).flat_map(|_| mix(&corners, &mut random));
    let x = corners.iter().flatten().copied().chain(within).collect();
    (x, corners)
}

/// A convex combination of corners in which no weight is small.
fn mix(corners: &[Vec<f64>], random: &mut impl RngExt) -> Vec<f64> {
    let weights: Vec<f64> = corners
        .iter()
        .map(|_| 0.1 + random.random::<f64>())
        .collect();
    let total: f64 = weights.iter().sum();
    (0..corners[0].len())
        .map(|j| {
            let terms = corners.iter().zip(&weights);
            terms.map(|(c, w)| w / total * c[j]).sum()
        })
        .collect()
}

/// Queries at the given distances from a random point of a face of the simplex, away from the farthest corner, and one
/// the same distance inside.
fn off_face(d: usize, corners: &[Vec<f64>], size: usize, seed: u64) -> Vec<f64> {
    let mut random = random(seed);
    let first = random.random_range(0..corners.len());
    let face: Vec<Vec<f64>> = (0..size)
        .map(|i| corners[(first + i) % corners.len()].clone())
        .collect();
    let rest: Vec<Vec<f64>> = (size..corners.len())
        .map(|i| corners[(first + i) % corners.len()].clone())
        .collect();
    let foot = mix(&face, &mut random);
    let away = minus(&foot, &mix(&rest, &mut random));
    let unit = length(&away);
    let at = |step: f64| -> Vec<f64> { (0..d).map(|j| foot[j] + step / unit * away[j]).collect() };
    STEPS
        .iter()
        .flat_map(|&step| [at(2.0 * step), at(-2.0 * step)])
        .flatten()
        .chain(foot.iter().copied())
        .collect()
}

/// Queries off a facet (d rows), an edge (2) and a vertex (1), with the whole set translated by `offset`.
fn off_faces(offset: f64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    for d in [2, 3] {
        for round in 0..4 {
            let (mut x, corners) = shape(d, seed + round);
            x.iter_mut().for_each(|v| *v += offset);
            for size in 1..=d {
                let mut q = off_face(d, &corners, size, seed + 10 * round + size as u64);
                q.iter_mut().for_each(|v| *v += offset);
                tally.add(&format!("d = {d}, face of {size}"), d, &x, &q);
            }
        }
    }
    tally
}

#[test]
fn brackets_hold_off_facets_edges_and_vertices() {
    off_faces(0.0, 1).hold(250, 200);
}

#[test]
fn brackets_hold_at_an_offset_of_a_thousand_radii() {
    off_faces(1e3, 2).hold(200, 150);
}

#[test]
fn brackets_hold_at_an_offset_of_a_million_radii() {
    off_faces(1e6, 3).hold(200, 100);
}

/// A square along the axes: the distances are known, and at a side through the origin small steps are not rounded away.
#[test]
fn brackets_hold_at_the_sides_of_a_square_and_a_cube() {
    let mut tally = Tally::default();
    for d in [2, 3] {
        let x: Vec<f64> = (0..1 << d)
            .flat_map(|i| (0..d).map(move |j| f64::from(i >> j & 1)))
            .collect();
        let q: Vec<f64> = STEPS
            .iter()
            .flat_map(|&step| {
                let mut side = vec![0.3; d];
                side[0] = -step;
                let mut edge = vec![0.0; d];
                edge[1] = -step;
                [side, edge, vec![-step; d], vec![1.0 + step; d]].concat()
            })
            .collect();
        tally.add("cube", d, &x, &q);
    }
    tally.hold(100, 0);
}

/// Queries anywhere near sets of any shape, including flat ones.
#[test]
fn brackets_hold_anywhere() {
    let mut tally = Tally::default();
    for seed in 0..40 {
        let d = 2 + seed as usize % 2;
        let n = 1 + seed as usize % 9;
        let mut x = gaussian(n * d, seed);
        let mut q = gaussian(20 * d, seed + 100);
        if seed % 4 == 3 {
            // Flat: the last column repeats the first.
            let both = x.chunks_exact_mut(d).chain(q.chunks_exact_mut(2 * d));
            both.for_each(|row| row[d - 1] = row[0]);
        }
        q.iter_mut().for_each(|v| *v *= 0.7);
        tally.add(&format!("seed {seed}"), d, &x, &q);
    }
    tally.hold(400, 80);
}

/// Reordered and repeated rows change none of the proofs.
#[test]
fn brackets_hold_for_rows_in_any_order_and_repeated() {
    let mut tally = Tally::default();
    for d in [2, 3] {
        let (x, corners) = shape(d, 77);
        let q = off_face(d, &corners, d, 78);
        let reversed: Vec<f64> = x.chunks_exact(d).rev().flatten().copied().collect();
        tally.add("reversed", d, &reversed, &q);
        tally.add("repeated", d, &[x.clone(), reversed, x].concat(), &q);
    }
    tally.hold(45, 40);
}
