//! The pass for small problems against its twin: the claims must be equal, and every claim must hold in f64.
//!
//! Vectors have entries in fine steps, so that problems are in general position: no origin lies near a boundary, and a
//! device that computes with the precision of f32 makes the same claims as the twin, whatever its intermediate steps.

use super::super::device::Trouble;
use super::super::pipeline::Variant;
use super::super::tile::{INSIDE, NONE, OUTSIDE, TINY_DIMS, TinyParams};
use super::super::twin;
use super::Bench;

/// The most columns: in more dimensions, so few vectors never contain the origin.
const COLUMNS: usize = 5;

/// A claim about the problems on the device.
struct Claimed<'a> {
    params: TinyParams,
    vectors: &'a [f32],
    sizes: &'a [u32],
    claims: Vec<u32>,
    directions: Vec<f32>,
    supports: Vec<u32>,
}

impl Bench<'_> {
    pub(super) fn tiny(&mut self) -> Result<(), Trouble> {
        let variant = self.variant;
        let (d, rows) = (self.problem.columns.clamp(1, COLUMNS), self.problem.rows);
        self.tiny_in(variant, d, rows)?;
        // The largest number of columns, with room for a few more vectors.
        self.tiny_in(variant, TINY_DIMS as usize, rows)
    }

    fn tiny_in(&mut self, variant: Variant, d: usize, rows: usize) -> Result<(), Trouble> {
        let problems = self.problem.queries;
        let mut sizes = vec![
            rows.div_ceil(8) as u32,
            rows.div_ceil(2) as u32,
            rows as u32,
        ];
        sizes.dedup();
        let vectors = spread(problems * rows * d, self.problem.seed);
        let params = TinyParams {
            problems: problems as u32,
            first_problem: 0,
            d: d as u32,
            rows: rows as u32,
            sizes: sizes.len() as u32,
        };
        let places = problems * sizes.len();
        let mut expected = Claimed {
            params,
            vectors: &vectors,
            sizes: &sizes,
            claims: vec![9; places],
            directions: vec![9.0; places * d],
            supports: vec![NONE; problems * (d + 1)],
        };
        let buffers = [
            self.device.filled("vectors", &vectors)?,
            self.device.filled("sizes", &sizes)?,
            self.device.filled("claims", &expected.claims)?,
            self.device.filled("directions", &expected.directions)?,
            self.device.filled("supports", &expected.supports)?,
        ];
        twin::tiny(
            &params,
            &vectors,
            &sizes,
            &mut expected.claims,
            &mut expected.directions,
            &mut expected.supports,
        );
        let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
        // In two parts, as the engine splits its submissions.
        for (first, count) in [
            (0, problems.div_ceil(3)),
            (problems.div_ceil(3), problems - problems.div_ceil(3)),
        ] {
            if count > 0 {
                let part = TinyParams {
                    problems: count as u32,
                    first_problem: first as u32,
                    ..params
                };
                self.run(&part, &bound, count)?;
            }
        }
        let found = Claimed {
            claims: self.device.read(&buffers[2], places)?,
            directions: self.device.read(&buffers[3], places * d)?,
            supports: self.device.read(&buffers[4], problems * (d + 1))?,
            ..expected
        };
        let wrong = |what: String| Err(Trouble::Wrong(variant, what));
        for (place, (found, expected)) in found.claims.iter().zip(&expected.claims).enumerate() {
            if found != expected {
                return wrong(format!(
                    "claim {place} is of kind {found} on the device, {expected} by its twin"
                ));
            }
        }
        for (who, all) in [("the device", &found), ("the twin", &expected)] {
            if let Some(what) = all.fault() {
                return wrong(format!("{who} claims what does not hold: {what}"));
            }
        }
        Ok(())
    }
}

impl Claimed<'_> {
    fn vector(&self, problem: usize, row: usize) -> Vec<f64> {
        let (d, rows) = (self.params.d as usize, self.params.rows as usize);
        (0..d)
            .map(|k| f64::from(self.vectors[(problem * d + k) * rows + row]))
            .collect()
    }

    /// Describes the first claim that is false in f64.
    fn fault(&self) -> Option<String> {
        (0..self.claims.len()).find_map(|place| match self.claims[place] {
            OUTSIDE => self.outside_fault(place),
            INSIDE => self.inside_fault(place),
            kind => Some(format!("claim {place} is of kind {kind}")),
        })
    }

    fn outside_fault(&self, place: usize) -> Option<String> {
        let (d, problem, s) = (
            self.params.d as usize,
            place / self.sizes.len(),
            place % self.sizes.len(),
        );
        let direction = &self.directions[place * d..][..d];
        let score = |row| -> f64 {
            let vector = self.vector(problem, row);
            vector
                .iter()
                .zip(direction)
                .map(|(a, &w)| a * f64::from(w))
                .sum()
        };
        let most = (0..self.sizes[s] as usize)
            .map(score)
            .fold(f64::MIN, f64::max);
        // NaN is a fault as well.
        let behind = most < 0.0 && direction.iter().all(|w| w.is_finite());
        (!behind).then(|| format!("problem {problem}, size {s}: the largest score is {most}"))
    }

    /// The fault of an inside claim, if any: the weights of the support must be positive and meet the origin.
    fn inside_fault(&self, place: usize) -> Option<String> {
        let (d, problem, s) = (
            self.params.d as usize,
            place / self.sizes.len(),
            place % self.sizes.len(),
        );
        // The support belongs to the first inside size.
        let of_problem = &self.claims[problem * self.sizes.len()..][..=s];
        let first = of_problem.iter().position(|&kind| kind == INSIDE)?;
        let size = self.sizes[first] as usize;
        let support = &self.supports[problem * (d + 1)..][..=d];
        let rows: Vec<usize> = support
            .iter()
            .take_while(|&&row| row != NONE)
            .map(|&row| row as usize)
            .collect();
        let bad = |what: &str| Some(format!("problem {problem}, size {s}: {what}: {rows:?}"));
        if rows.is_empty() || rows.iter().any(|&row| row >= size) {
            return bad("not rows of it");
        }
        let vectors: Vec<Vec<f64>> = rows.iter().map(|&row| self.vector(problem, row)).collect();
        let Some(weights) = nearest(&vectors) else {
            return bad("these rows depend on each other");
        };
        let sum = |k: usize| -> f64 { vectors.iter().zip(&weights).map(|(v, w)| w * v[k]).sum() };
        let residual = (0..d).map(|k| sum(k).powi(2)).sum::<f64>().sqrt();
        if residual > 1e-4 || weights.iter().any(|&w| w < -1e-4) {
            return bad("the origin is not between these rows");
        }
        None
    }
}

/// Weights of the point nearest to the origin in the affine hull of some vectors: `[A^T A, 1; 1^T, 0] [w; v] = [0; 1]`,
/// by Gaussian elimination. `None` if the vectors are affinely dependent.
fn nearest(vectors: &[Vec<f64>]) -> Option<Vec<f64>> {
    let n = vectors.len();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut rows: Vec<Vec<f64>> = vectors
        .iter()
        .map(|a| {
            vectors
                .iter()
                .map(|b| product(a, b))
                .chain([1.0, 0.0])
                .collect()
        })
        .collect();
    rows.push((0..n).map(|_| 1.0).chain([0.0, 1.0]).collect());
    for k in 0..=n {
        let pivot = (k..=n).max_by(|&a, &b| rows[a][k].abs().total_cmp(&rows[b][k].abs()))?;
        rows.swap(k, pivot);
        if rows[k][k].abs() < 1e-12 {
            return None;
        }
        let upper = rows[k].clone();
        for row in &mut rows[k + 1..] {
            let factor = row[k] / upper[k];
            row.iter_mut()
                .zip(&upper)
                .for_each(|(a, b)| *a -= factor * b);
        }
    }
    let mut solution = vec![0.0; n + 1];
    for k in (0..=n).rev() {
        let known = product(&rows[k][k + 1..=n], &solution[k + 1..]);
        solution[k] = (rows[k][n + 1] - known) / rows[k][k];
    }
    solution.truncate(n);
    Some(solution)
}

/// Numbers from -4 to 4 in steps of 2^-13, by a linear congruential generator.
fn spread(count: usize, seed: u32) -> Vec<f32> {
    let mut state = u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let step = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 48) % 65_537) as f32 / 8192.0 - 4.0
    };
    (0..count).map(step).collect()
}
