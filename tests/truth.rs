//! Verdicts compared with exact rational arithmetic: one far row, units of columns, affine maps, faces, flat data,
//! repeated rows.
//!
//! Every answer must satisfy the same rules for all data: a direction separates by its margin as real numbers; `exact`
//! is stated only if the rows of the certificate contain the query as real numbers, and `tolerance` only if the
//! residual is within the tolerance. In up to 5 dimensions membership itself is computed exactly.

use crate::common::{exact, gaussian, random, rows};
use crate::mnist;
use hullscope::control::Control;
use hullscope::hull::{Answer, Certificate, Evidence, Settings, Solver, Verdict};
use hullscope::rows::{Memory, Rows};
use hullscope::scan::CpuScan;
use rand::RngExt;
use std::collections::BTreeMap;

/// Rows and queries with a name for messages.
struct Problem {
    name: String,
    d: usize,
    x: Vec<f64>,
    q: Vec<f64>,
}

/// Answers of the solver on the CPU scan.
fn answers(reference: &dyn Rows, q: &[f64], settings: Settings) -> Vec<Answer> {
    let control = Control::default();
    let scan = CpuScan::new(reference, &control).unwrap();
    let mut solver = Solver::new(reference, &scan, settings, &control).unwrap();
    solver.answer(q, None, &control).unwrap()
}

fn kinds(answers: &[Answer]) -> Vec<Verdict> {
    answers.iter().map(|a| a.verdict).collect()
}

/// How much of the truth is known.
#[derive(Clone, Copy, PartialEq)]
enum Truth {
    /// Membership, by the exact simplex method.
    Known,
    /// The queries are outside by construction.
    Outside,
    /// Only the certificates are checked.
    Certificate,
}

/// Counts of checked answers, and the faults found.
#[derive(Default)]
struct Tally {
    /// For each kind of fault, where it was found.
    faults: BTreeMap<&'static str, Vec<String>>,
    exact: usize,
    tolerance: usize,
    outside: usize,
    undecided: usize,
}

impl Tally {
    fn add(&mut self, problem: &Problem, truth: Truth) -> Vec<Answer> {
        let reference = rows(problem.d, &problem.x);
        let found = answers(&reference, &problem.q, Settings::default());
        self.judge(problem, &found, truth);
        found
    }

    fn count(&mut self, answer: &Answer) {
        match (answer.verdict, answer.proof) {
            (Verdict::Inside, Some(Evidence::Exact)) => self.exact += 1,
            (Verdict::Inside, _) => self.tolerance += 1,
            (Verdict::Outside, _) => self.outside += 1,
            (Verdict::Undecided, _) => self.undecided += 1,
        }
    }

    fn judge(&mut self, problem: &Problem, found: &[Answer], truth: Truth) {
        let queries = problem.q.chunks_exact(problem.d);
        assert_eq!(found.len(), queries.len());
        for (i, (answer, query)) in found.iter().zip(queries).enumerate() {
            self.count(answer);
            let fault = match truth {
                Truth::Known => verdict_fault(answer, exact::inside(problem.d, &problem.x, query)),
                Truth::Outside if answer.verdict == Verdict::Inside => {
                    Some("inside, and it is outside")
                }
                _ => None,
            };
            let fault = fault.or_else(|| certificate_fault(problem.d, &problem.x, query, answer));
            if let Some(fault) = fault {
                self.faults.entry(fault).or_default().push(format!(
                    "{}, query {i}: {:?} by {:?}, residual {:?}, margin {:e}",
                    problem.name, answer.verdict, answer.proof, answer.residual, answer.margin
                ));
            }
        }
    }

    /// Asserts that there are no faults, no undecided answers, and enough answers on both sides.
    fn hold(&self, inside: usize, outside: usize) {
        let all = self.exact + self.tolerance + self.outside + self.undecided;
        let mut wrong = String::new();
        for (fault, places) in &self.faults {
            let some = places[..places.len().min(5)].join("\n  ");
            wrong += &format!("{} of {all}: {fault}, such as\n  {some}\n", places.len());
        }
        println!(
            "{} exact, {} within tolerance, {} outside, {} undecided",
            self.exact, self.tolerance, self.outside, self.undecided
        );
        assert!(wrong.is_empty(), "{wrong}");
        assert_eq!(self.undecided, 0, "undecided of {all}");
        assert!(
            self.exact + self.tolerance >= inside && self.outside >= outside,
            "{} inside, {} outside: too one-sided a test",
            self.exact + self.tolerance,
            self.outside
        );
    }
}

/// How the verdict contradicts the exact truth, if it does.
fn verdict_fault(answer: &Answer, inside: bool) -> Option<&'static str> {
    match (answer.verdict, answer.proof, inside) {
        (Verdict::Inside, Some(Evidence::Exact), false) => Some("exact, and it is not inside"),
        (Verdict::Outside, _, true) => Some("outside, and it is inside"),
        _ => None,
    }
}

/// Which claim of the answer the certificate does not prove, if any.
fn certificate_fault(d: usize, x: &[f64], query: &[f64], answer: &Answer) -> Option<&'static str> {
    match (&answer.certificate, answer.verdict) {
        (Certificate::Outside { direction, margin }, Verdict::Outside) => {
            let holds = exact::separates(d, x, query, direction, *margin);
            (!holds || *margin != answer.margin).then_some("the direction does not separate")
        }
        (
            Certificate::Inside {
                rows,
                weights,
                exact,
            },
            Verdict::Inside,
        ) => {
            let chosen: Vec<f64> = rows
                .iter()
                .flat_map(|&r| x[r * d..(r + 1) * d].iter().copied())
                .collect();
            if rows.len() > d + 1 || rows.len() != weights.len() {
                return Some("more rows than d + 1, or not a weight a row");
            }
            if *exact != (answer.proof == Some(Evidence::Exact)) {
                return Some("the certificate and the answer name different proofs");
            }
            if *exact {
                // With more than 41 rows the exact simplex method takes too long here.
                let holds = d > 41 || exact::inside(d, &chosen, query);
                return (!holds).then_some("the rows of an exact proof do not contain the query");
            }
            if !answer
                .residual
                .is_some_and(|r| r <= Settings::default().tolerance)
            {
                return Some("within tolerance, and the residual is not");
            }
            separable(d, x, query, &chosen, weights)
                .then_some("inside, and the residual's direction separates")
        }
        (Certificate::None, Verdict::Undecided) => answer
            .reason
            .is_none()
            .then_some("undecided without a reason"),
        _ => Some("the verdict and the certificate do not fit"),
    }
}

/// Whether the direction from the weighted rows to the query separates as real numbers by more than the rounding of a
/// plain f64 scan, `(2 d + 8) u |w| (max |x - q|)`, below which a separation does not count.
fn separable(d: usize, x: &[f64], query: &[f64], chosen: &[f64], weights: &[f64]) -> bool {
    let residual: Vec<f64> = (0..d)
        .map(|j| {
            let column = chosen.iter().skip(j).step_by(d);
            column.zip(weights).map(|(x, w)| w * (query[j] - x)).sum()
        })
        .collect();
    let far = x.chunks_exact(d).map(|x| {
        let each = x.iter().zip(query);
        each.map(|(x, q)| (x - q).powi(2)).sum::<f64>().sqrt()
    });
    let rounding = (2 * d + 8) as f64 * f64::EPSILON * far.fold(0.0, f64::max);
    exact::separates(d, x, query, &residual, rounding)
}

/// A unit vector.
fn unit(d: usize, seed: u64) -> Vec<f64> {
    let v = gaussian(d, seed);
    let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    v.iter().map(|v| v / length).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Rows of which some are filled with a large number, with queries outside the others, and queries inside.
///
/// Every filled row is on the other side of the direction in which a query was moved, so it does not bring the query inside.
fn beside_far_rows(n: usize, d: usize, far: &[f64], seed: u64) -> (Problem, Problem) {
    let mut x = gaussian(n * d, seed);
    for (i, &fill) in far.iter().enumerate() {
        x[(7 + 10 * i) * d..(8 + 10 * i) * d].fill(fill);
    }
    let mut random = random(seed);
    let mut out = Vec::new();
    for i in 0..20 {
        let mut along = unit(d, seed + 100 + i);
        if along.iter().sum::<f64>() > -0.2 {
            along.iter_mut().for_each(|v| *v = -v.abs());
        }
        let highest = x
            .chunks_exact(d)
            .map(|x| dot(x, &along))
            .fold(f64::MIN, f64::max);
        let off = highest + 1.6 + 12.2 * random.random::<f64>();
        out.extend(along.iter().map(|v| v * off));
        let query = &out[out.len() - d..];
        assert!(exact::separates(d, &x, query, &along, 1.5), "not outside");
    }
    let within = gaussian(20 * d, seed + 1).iter().map(|v| 0.2 * v).collect();
    let named = |q| Problem {
        name: format!("{n} x {d}, far rows {far:?}"),
        d,
        x: x.clone(),
        q,
    };
    (named(out), named(within))
}

/// Fill values: one row, and ten rows, up to 1e20.
fn fills() -> Vec<Vec<f64>> {
    let one = [1e5, 1e7, 1e9, 1e11, 1e13, 1e14, 1e15, 1e17, 1e20];
    let ten = (0..10).map(|i| 10f64.powi(11 + i)).collect();
    one.iter().map(|&fill| vec![fill]).chain([ten]).collect()
}

#[test]
fn far_rows_decide_about_no_other_row() {
    let mut tally = Tally::default();
    for far in fills() {
        let (out, within) = beside_far_rows(500, 8, &far, 3);
        tally.add(&out, Truth::Outside);
        tally.add(&within, Truth::Certificate);
    }
    tally.hold(200, 200);
}

#[test]
fn far_rows_take_no_exact_proof_away() {
    for far in fills() {
        let (_, within) = beside_far_rows(500, 8, &far, 4);
        let mut tally = Tally::default();
        tally.add(&within, Truth::Certificate);
        assert_eq!(tally.exact, 20, "{}", within.name);
    }
}

/// Small sets with far rows in 2 to 5 dimensions.
fn far_rows() -> Vec<Problem> {
    let mut problems = Vec::new();
    for d in 2..=5 {
        for (i, far) in fills().iter().enumerate() {
            let n = if far.len() == 1 { 40 } else { 110 };
            let seed = 50 + 10 * d as u64 + i as u64;
            let (out, mut within) = beside_far_rows(n, d, far, seed);
            let few = out.q[..4 * d].iter();
            within.q.truncate(4 * d);
            within.q.extend(few);
            within.q.extend(gaussian(6 * d, seed + 7));
            // On the segment from an ordinary row to a far one, up to rounding.
            let (near, far) = (&within.x[..d], &within.x[7 * d..8 * d]);
            let between = near.iter().zip(far).map(|(a, b)| 0.75 * a + 0.25 * b);
            within.q.extend(between.collect::<Vec<f64>>());
            problems.push(within);
        }
    }
    problems
}

#[test]
fn verdicts_beside_far_rows_are_the_truth() {
    let mut tally = Tally::default();
    for problem in far_rows() {
        tally.add(&problem, Truth::Known);
    }
    tally.hold(150, 150);
}

/// A facet of a set of rows in 3 dimensions: its centre, its outward unit normal, and the depth of the hull below it.
fn facet(x: &[f64], seed: u64) -> (Vec<f64>, Vec<f64>, f64) {
    let n = x.len() / 3;
    let row = |i: usize| &x[i * 3..(i + 1) * 3];
    let mut random = random(seed);
    loop {
        let [a, b, c] = [0; 3].map(|_| row(random.random_range(0..n)));
        let e: Vec<f64> = (0..3).map(|j| b[j] - a[j]).collect();
        let f: Vec<f64> = (0..3).map(|j| c[j] - a[j]).collect();
        let normal: Vec<f64> = (0..3)
            .map(|j| e[(j + 1) % 3] * f[(j + 2) % 3] - e[(j + 2) % 3] * f[(j + 1) % 3])
            .collect();
        let length = dot(&normal, &normal).sqrt();
        if length < 1e-3 {
            continue;
        }
        let normal: Vec<f64> = normal.iter().map(|v| v / length).collect();
        let heights = (0..n).map(|i| dot(row(i), &normal) - dot(a, &normal));
        let (least, most) = heights.fold((0f64, 0f64), |(l, m), h| (l.min(h), m.max(h)));
        let sign = if most < 1e-12 {
            1.0
        } else if least > -1e-12 {
            -1.0
        } else {
            continue;
        };
        let centre = (0..3).map(|j| (a[j] + b[j] + c[j]) / 3.0).collect();
        return (
            centre,
            normal.iter().map(|v| sign * v).collect(),
            most - least,
        );
    }
}

/// Columns in different units, with queries close to a facet on both sides.
fn stretched() -> Vec<Problem> {
    let mut problems = Vec::new();
    for seed in 0..20 {
        let x = gaussian(30 * 3, 900 + seed);
        let mut q = Vec::new();
        for step in [1e-1, 1e-2, 1e-3, 1e-4] {
            let (centre, normal, depth) = facet(&x, seed);
            for side in [step, -step] {
                q.extend((0..3).map(|j| centre[j] + side * depth * normal[j]));
            }
        }
        for stretch in [1e6, 1e8, 1e12f64] {
            let middle = if seed % 2 == 0 { 1.0 } else { stretch.sqrt() };
            let units = [[1.0, middle, stretch], [stretch, 1.0, middle]][seed as usize / 2 % 2];
            let map = |v: &[f64]| -> Vec<f64> {
                v.iter()
                    .zip(units.iter().cycle())
                    .map(|(v, u)| v * u)
                    .collect()
            };
            problems.push(Problem {
                name: format!("seed {seed}, stretch {stretch:e}"),
                d: 3,
                x: map(&x),
                q: map(&q),
            });
        }
    }
    problems
}

#[test]
fn units_of_columns_change_no_verdict() {
    let mut tally = Tally::default();
    let problems = stretched();
    assert_eq!(problems.len(), 60);
    for problem in problems {
        let found = kinds(&tally.add(&problem, Truth::Known));
        let expected = [Verdict::Outside, Verdict::Inside].repeat(4);
        assert_eq!(found, expected, "{}", problem.name);
    }
    tally.hold(240, 240);
}

/// A random affine map of a given condition and its inverse, each d x d.
struct Map {
    forward: Vec<f64>,
    backward: Vec<f64>,
    shift: Vec<f64>,
}

/// An orthogonal matrix, by Gram-Schmidt.
fn orthogonal(d: usize, seed: u64) -> Vec<f64> {
    let mut m = gaussian(d * d, seed);
    for _ in 0..2 {
        for i in 0..d {
            for k in 0..i {
                let (before, row) = m.split_at_mut(i * d);
                let other = &before[k * d..(k + 1) * d];
                let share = dot(&row[..d], other);
                row[..d]
                    .iter_mut()
                    .zip(other)
                    .for_each(|(v, o)| *v -= share * o);
            }
            let row = &mut m[i * d..(i + 1) * d];
            let length = dot(row, row).sqrt();
            row.iter_mut().for_each(|v| *v /= length);
        }
    }
    m
}

impl Map {
    fn new(d: usize, condition: f64, seed: u64) -> Self {
        let (left, right) = (orthogonal(d, seed), orthogonal(d, seed + 1));
        let sizes: Vec<f64> = (0..d)
            .map(|k| condition.powf(-(k as f64) / (d as f64 - 1.0)))
            .collect();
        let product = |a: &[f64], b: &[f64], power: i32| -> Vec<f64> {
            (0..d * d)
                .map(|e| {
                    let (i, j) = (e / d, e % d);
                    (0..d)
                        .map(|k| a[k * d + i] * sizes[k].powi(power) * b[k * d + j])
                        .sum()
                })
                .collect()
        };
        Map {
            forward: product(&left, &right, 1),
            backward: product(&right, &left, -1),
            shift: gaussian(d, seed + 2).iter().map(|v| 3.0 * v).collect(),
        }
    }

    fn apply(&self, points: &[f64]) -> Vec<f64> {
        let d = self.shift.len();
        let images = points.chunks_exact(d).flat_map(|x| {
            (0..d).map(move |i| dot(&self.forward[i * d..(i + 1) * d], x) + self.shift[i])
        });
        images.collect()
    }

    /// A bound on the rounding error of mapped points, transformed back: at most
    /// `|A^-1| gamma_(d+1) (|A| |x| + |shift|)` in the Euclidean norm, for the largest of the points.
    fn rounding(&self, points: &[f64]) -> f64 {
        let d = self.shift.len();
        let gamma = (d as f64 + 1.0) * f64::EPSILON;
        let seen = |x: &[f64]| -> f64 {
            let image: Vec<f64> = (0..d)
                .map(|i| {
                    let terms = (0..d).map(|j| (self.forward[i * d + j] * x[j]).abs());
                    gamma * (terms.sum::<f64>() + self.shift[i].abs())
                })
                .collect();
            let back = (0..d).map(|i| {
                let terms = (0..d).map(|j| self.backward[i * d + j].abs() * image[j]);
                terms.sum::<f64>().powi(2)
            });
            back.sum::<f64>().sqrt()
        };
        points.chunks_exact(d).map(seen).fold(0.0, f64::max)
    }
}

/// A set about the origin, queries at and near its boundary along random rays, and the radius of a ball inside its hull.
fn near_the_boundary(d: usize, seed: u64) -> (Vec<f64>, Vec<f64>, f64) {
    let x = gaussian(30 * d, seed);
    let mut ball = 0.6;
    let contains = |r: f64| {
        (0..2 * d).all(|i| {
            let mut corner = vec![0.0; d];
            corner[i / 2] = if i % 2 == 0 { r } else { -r };
            exact::inside(d, &x, &corner)
        })
    };
    while !contains(ball) {
        ball *= 0.7;
        assert!(ball > 1e-3, "the origin is not inside");
    }
    let mut q = Vec::new();
    for ray in 0..2 {
        let along = unit(d, seed + 10 + ray);
        let at = |r: f64| -> Vec<f64> { along.iter().map(|v| v * r).collect() };
        let (mut low, mut high) = (0.0, 8.0);
        for _ in 0..36 {
            let middle = 0.5 * (low + high);
            if exact::inside(d, &x, &at(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        for power in [1, 2, 3, 4, 5, 6, 8, 10] {
            q.extend(at(low * (1.0 - 0.1f64.powi(power))));
            q.extend(at(low * (1.0 + 0.1f64.powi(power))));
        }
        q.extend(at(low));
    }
    // A cross-polytope with corners at r contains the ball of radius r / sqrt(d).
    (x, q, ball / (d as f64).sqrt())
}

/// Maps of condition 1 to 1e8, as (mapped problem, expected verdicts: those of the unmapped problem, or `None` where
/// the rounding of the images may change the verdict).
fn mapped() -> Vec<(Problem, Vec<Option<bool>>)> {
    let mut problems = Vec::new();
    for d in 2..=5 {
        let (x, q, ball) = near_the_boundary(d, 300 + d as u64);
        for condition in [1.0, 1e2, 1e4, 1e6, 1e8] {
            let map = Map::new(d, condition, 40 + d as u64);
            let error = map.rounding(&x) + map.rounding(&q);
            // A query that keeps its verdict when it is moved by this share away from the origin and towards it is
            // farther from the boundary than all rounding errors, because the hull contains the ball.
            let push = 2.0 * error / ball;
            let sure = q.chunks_exact(d).map(|q| {
                let at = |s: f64| -> Vec<f64> { q.iter().map(|v| v * s).collect() };
                let near = exact::inside(d, &x, &at(1.0 - push));
                let far = exact::inside(d, &x, &at(1.0 + push));
                (near == far).then_some(near)
            });
            let sure = sure.collect();
            let problem = Problem {
                name: format!("d = {d}, condition {condition:e}"),
                d,
                x: map.apply(&x),
                q: map.apply(&q),
            };
            problems.push((problem, sure));
        }
    }
    problems
}

#[test]
fn affine_maps_change_no_verdict_but_by_rounding() {
    let mut tally = Tally::default();
    let (mut compared, mut changed) = (0, Vec::new());
    for (problem, sure) in mapped() {
        let found = tally.add(&problem, Truth::Known);
        for (i, (answer, sure)) in found.iter().zip(sure).enumerate() {
            let Some(inside) = sure else { continue };
            compared += 1;
            if (answer.verdict == Verdict::Inside) != inside {
                changed.push(format!("{}, query {i}: {:?}", problem.name, answer.verdict));
            }
        }
    }
    assert!(changed.is_empty(), "changed:\n{}", changed.join("\n"));
    assert!(compared > 450, "only {compared} were clear of the rounding");
    tally.hold(250, 250);
}

/// Each query, and its neighbours one ulp away in one coordinate.
fn with_neighbours(d: usize, q: &[f64]) -> Vec<f64> {
    q.chunks_exact(d)
        .enumerate()
        .flat_map(|(i, q)| {
            let (mut up, mut down) = (q.to_vec(), q.to_vec());
            up[i % d] = q[i % d].next_up();
            down[i % d] = q[i % d].next_down();
            [q.to_vec(), up, down].concat()
        })
        .collect()
}

/// Integers, bytes and bytes divided by 255: queries on vertices, edges and faces, and one ulp off.
fn lattices() -> Vec<Problem> {
    let mut problems = Vec::new();
    for seed in 0..32 {
        let d = 2 + seed as usize % 4;
        let mut random = random(7_000 + seed);
        let (most, share) = [(3, 1.0), (8, 1.0), (255, 1.0), (255, 255.0)][seed as usize / 4 % 4];
        let mut point = |d: usize| -> Vec<f64> {
            (0..d)
                .map(|_| f64::from(random.random_range(0..=most)) / share)
                .collect()
        };
        let n = 8 + seed as usize;
        let x: Vec<f64> = (0..n).flat_map(|_| point(d)).collect();
        let mut q: Vec<f64> = (0..4).flat_map(|_| point(d)).collect();
        // Means of the first 1, 2, 3, .. d rows in the order along a direction: the first row is a vertex.
        for ray in 0..2 {
            let along = unit(d, seed * 10 + ray);
            let mut sorted: Vec<&[f64]> = x.chunks_exact(d).collect();
            sorted.sort_by(|a, b| dot(b, &along).total_cmp(&dot(a, &along)));
            for size in 1..=d {
                q.extend(
                    (0..d).map(|j| sorted[..size].iter().map(|x| x[j]).sum::<f64>() / size as f64),
                );
            }
        }
        problems.push(Problem {
            name: format!("lattice of {most} / {share}, d = {d}, seed {seed}"),
            d,
            x,
            q: with_neighbours(d, &q),
        });
    }
    problems
}

#[test]
fn lattice_data_on_faces_and_an_ulp_off_have_the_true_verdict() {
    let mut tally = Tally::default();
    for problem in lattices() {
        tally.add(&problem, Truth::Known);
    }
    tally.hold(400, 200);
}

/// The corner simplex in d dimensions: the origin and the unit vectors.
fn simplex(d: usize) -> Vec<f64> {
    (0..(d + 1) * d)
        .map(|i| f64::from(u8::from(i >= d && (i - d) / d == i % d)))
        .collect()
}

#[test]
fn points_just_off_a_triangle_are_outside() {
    let q = [
        0.9 + 2e-10,
        0.1 + 2e-10,
        0.5 + 2e-10,
        0.5 + 2e-10,
        0.3,
        -2e-9,
    ];
    let problem = Problem {
        name: "triangle".to_string(),
        d: 2,
        x: simplex(2),
        q: q.to_vec(),
    };
    let mut tally = Tally::default();
    tally.add(&problem, Truth::Known);
    tally.hold(0, 3);
}

/// Queries outside a simplex by 1e-10 to 1e-8 of the radius, off a coordinate facet and off the slanted facet.
fn off_simplices() -> Vec<Problem> {
    let mut problems = Vec::new();
    for d in [2, 3, 5, 10, 40] {
        let mut random = random(d as u64);
        let mut q = Vec::new();
        for i in 0..20 {
            let step = 10f64.powf(-10.0 + 2.0 * random.random::<f64>());
            let mut on: Vec<f64> = (0..d).map(|_| 0.05 - random.random::<f64>().ln()).collect();
            let total: f64 = on.iter().sum();
            if i % 2 == 0 {
                on.iter_mut().for_each(|v| *v *= 0.7 / total);
                on[i % d] = -step;
            } else {
                on.iter_mut()
                    .for_each(|v| *v = *v / total + step / (d as f64).sqrt());
            }
            q.extend(on);
        }
        problems.push(Problem {
            name: format!("simplex, d = {d}"),
            d,
            x: simplex(d),
            q,
        });
    }
    problems
}

#[test]
fn queries_a_little_outside_a_simplex_are_outside() {
    let mut tally = Tally::default();
    for problem in off_simplices() {
        tally.add(&problem, Truth::Outside);
    }
    tally.hold(0, 100);
}

/// Convex combinations of at most d / 2 neighbours on the moment curve: on faces of a cyclic polytope, up to rounding.
fn on_cyclic_faces() -> Problem {
    let d = 40;
    let x: Vec<f64> = (0..80)
        .flat_map(|i| (1..=d).map(move |power| (f64::from(i) / 40.0 - 1.0).powi(power)))
        .collect();
    let d = d as usize;
    let mut random = random(40);
    let mut q = Vec::new();
    for i in 0..13 {
        let count = 2 + 3 * i % 19;
        let chosen: Vec<usize> = (0..count).map(|_| random.random_range(0..80)).collect();
        let weights: Vec<f64> = chosen
            .iter()
            .map(|_| -random.random::<f64>().ln())
            .collect();
        let total: f64 = weights.iter().sum();
        q.extend((0..d).map(|j| {
            let terms = chosen.iter().zip(&weights);
            terms.map(|(r, w)| w / total * x[r * d + j]).sum::<f64>()
        }));
    }
    Problem {
        name: "cyclic polytope".to_string(),
        d,
        x,
        q,
    }
}

#[test]
fn faces_of_a_cyclic_polytope_are_decided() {
    let mut tally = Tally::default();
    tally.add(&on_cyclic_faces(), Truth::Certificate);
    tally.hold(0, 0);
}

/// Eleven queries in and near a set, with known verdicts.
fn eleven() -> Problem {
    let d = 4;
    let x = gaussian(200 * d, 11);
    let q = gaussian(11 * d, 12).iter().map(|v| 0.6 * v).collect();
    Problem {
        name: "eleven".to_string(),
        d,
        x,
        q,
    }
}

#[test]
fn the_tolerance_decides_nothing_that_can_be_proved() {
    let mut all = lattices();
    all.truncate(8);
    all.push(eleven());
    for problem in all {
        let reference = rows(problem.d, &problem.x);
        let found = [1e-15, 1e-9, 1e-3].map(|tolerance| {
            let settings = Settings {
                tolerance,
                ..Settings::default()
            };
            answers(&reference, &problem.q, settings)
        });
        let outside = found.each_ref().map(|found| {
            let outside = found.iter().map(|a| a.verdict == Verdict::Outside);
            outside.collect::<Vec<bool>>()
        });
        // With a small tolerance, queries separated only by rounding need a proof; with larger ones nothing depends on
        // the tolerance.
        let rounding = outside[0].iter().zip(&outside[1]);
        assert!(
            rounding.into_iter().all(|(small, usual)| *small || !usual),
            "{}",
            problem.name
        );
        assert_eq!(outside[1], outside[2], "{}", problem.name);
        let inside = problem.q.chunks_exact(problem.d);
        for (i, (answer, q)) in found[0].iter().zip(inside).enumerate() {
            let expected = if exact::inside(problem.d, &problem.x, q) {
                Verdict::Inside
            } else {
                Verdict::Outside
            };
            assert!(
                answer.verdict == expected
                    || (answer.verdict, answer.proof)
                        == (Verdict::Inside, Some(Evidence::Tolerance)),
                "{}, query {i}: {q:?}, {answer:?}",
                problem.name
            );
        }
    }
}

/// At least 99 of 100 inside verdicts are exact.
fn mostly_exact(tally: &Tally, least: usize, name: &str) {
    let inside = tally.exact + tally.tolerance;
    println!(
        "{name}: {} of {inside} inside are exact, {} outside, {} undecided",
        tally.exact, tally.outside, tally.undecided
    );
    assert!(inside >= least, "{name}: only {inside} inside");
    assert!(
        100 * tally.exact >= 99 * inside,
        "{name}: {} of {inside} are exact",
        tally.exact
    );
}

#[test]
fn inside_verdicts_on_normal_rows_are_exact() {
    for (d, n) in [(4, 400), (8, 800), (16, 1500), (32, 2000)] {
        let x = gaussian(n * d, d as u64);
        let q = gaussian(40 * d, d as u64 + 1);
        let problem = Problem {
            name: format!("normal, d = {d}"),
            d,
            x,
            q: q.iter().map(|v| v * 0.9 / (d as f64).sqrt()).collect(),
        };
        let found = answers(&rows(d, &problem.x), &problem.q, Settings::default());
        let mut tally = Tally::default();
        // The exact check of a certificate of 33 rows takes long, so only some are checked.
        let some = if d == 32 { 4 } else { 40 };
        for (answer, q) in found.iter().zip(problem.q.chunks_exact(d)).take(some) {
            let fault = certificate_fault(d, &problem.x, q, answer);
            assert_eq!(fault, None, "{}", problem.name);
        }
        for answer in &found {
            tally.count(answer);
        }
        mostly_exact(&tally, 30, &problem.name);
    }
}

#[test]
fn inside_verdicts_on_patches_of_images_are_exact() {
    let train = mnist::images(mnist::TRAIN, 5_000);
    let (Some(train), Some(test)) = (train, mnist::images(mnist::TEST, 300)) else {
        return;
    };
    for (side, least) in [(4, 50), (8, 1)] {
        let d = side * side;
        let reference = Memory::from_f32("train", d, mnist::patch(&train, side));
        let queries: Vec<f64> = mnist::patch(&test, side)
            .iter()
            .map(|&v| f64::from(v))
            .collect();
        let mut tally = Tally::default();
        for answer in answers(&reference, &queries, Settings::default()) {
            tally.count(&answer);
        }
        assert_eq!(tally.undecided, 0, "side {side}");
        mostly_exact(&tally, least, &format!("patch:{side}"));
    }
}

/// Rows of rank 5 in 500 dimensions, stored in f64 or f32, and queries on their span up to the same rounding.
fn flat_rows(offset: f64, single: bool) -> Problem {
    let (n, d, rank) = (60, 500, 5);
    let basis = gaussian(rank * d, 21);
    let from = |coordinates: Vec<f64>| -> Vec<f64> {
        coordinates
            .chunks_exact(rank)
            .flat_map(|c| {
                let basis = &basis;
                (0..d).map(move |j| {
                    let value = offset + (0..rank).map(|k| c[k] * basis[k * d + j]).sum::<f64>();
                    if single {
                        f64::from(value as f32)
                    } else {
                        value
                    }
                })
            })
            .collect()
    };
    let within = gaussian(10 * rank, 23).iter().map(|v| 0.3 * v).collect();
    let out = gaussian(10 * rank, 24).iter().map(|v| 5.0 * v).collect();
    Problem {
        name: format!("rank 5 at {offset:e}, single: {single}"),
        d,
        x: from(gaussian(n * rank, 22)),
        q: [from(within), from(out)].concat(),
    }
}

#[test]
fn rows_of_low_rank_are_judged_by_what_is_proved() {
    for single in [false, true] {
        let mut tally = Tally::default();
        for offset in [1.0, 1e2, 1e4, 1e6] {
            let problem = flat_rows(offset, single);
            let reference = if single {
                let stored = problem.x.iter().map(|&v| v as f32).collect();
                Memory::from_f32("rows", problem.d, stored)
            } else {
                rows(problem.d, &problem.x)
            };
            let found = answers(&reference, &problem.q, Settings::default());
            tally.judge(&problem, &found, Truth::Certificate);
            // Far outside within the span: no rounding can make the query inside.
            assert!(
                found[10..].iter().all(|a| a.verdict == Verdict::Outside),
                "{}",
                problem.name
            );
        }
        tally.hold(0, 40);
    }
}

/// Reordered and repeated rows change no verdict.
#[test]
fn order_and_repeats_of_rows_change_no_verdict() {
    let mut problems: Vec<Problem> = far_rows();
    problems.extend(stretched().into_iter().take(12));
    problems.extend(mapped().into_iter().map(|(problem, _)| problem));
    problems.extend(lattices());
    problems.extend(off_simplices());
    // In many dimensions a few queries suffice.
    for (mut problem, few) in [(on_cyclic_faces(), 8), (flat_rows(1e4, false), 2)] {
        problem.q.truncate(few * problem.d);
        problems.push(problem);
    }
    problems.push(eleven());
    let mut changed = Vec::new();
    for (place, problem) in problems.into_iter().enumerate() {
        let d = problem.d;
        let reversed: Vec<f64> = problem.x.chunks_exact(d).rev().flatten().copied().collect();
        let repeated = [&problem.x[..], &reversed, &problem.x[..d].repeat(5)].concat();
        let of = |x: &[f64]| kinds(&answers(&rows(d, x), &problem.q, Settings::default()));
        let as_they_are = of(&problem.x);
        // Repeated rows take most of the time: about half of the problems, of every kind, since kinds come in even numbers.
        let ways = [("reversed", reversed), ("repeated", repeated)];
        for (how, x) in ways.into_iter().take(2 - (place + place / 4) % 2) {
            let found = of(&x);
            for (i, (before, after)) in as_they_are.iter().zip(&found).enumerate() {
                if before != after {
                    let name = &problem.name;
                    changed.push(format!("{name}, {how}, query {i}: {before:?}, {after:?}"));
                }
            }
        }
    }
    assert!(
        changed.is_empty(),
        "{} changed, such as\n{}",
        changed.len(),
        changed[..changed.len().min(12)].join("\n")
    );
}
