//! The plain function of `shaders/tiny.wgsl`: many small problems, in plain loops.
//!
//! Unlike the other passes this one divides and takes roots, so a device may differ in the last bits and, rarely, in
//! its path. The claims must be the same, and every claim must hold.

use super::super::tile::{
    INSIDE, LOWEST, NONE, OPEN, OUTSIDE, TINY_BEHIND, TINY_DEPENDENT, TINY_IMPROVES, TINY_ROUNDS,
    TINY_VANISHED, TinyParams,
};

/// `shaders/tiny.wgsl`.
pub fn tiny(
    params: &TinyParams,
    vectors: &[f32],
    sizes: &[u32],
    claims: &mut [u32],
    directions: &mut [f32],
    supports: &mut [u32],
) {
    let (d, count) = (params.d as usize, params.sizes as usize);
    for problem in (params.first_problem as usize..).take(params.problems as usize) {
        let of_problem = params.rows as usize * d;
        let mut tiny = Tiny::new(params, &vectors[problem * of_problem..][..of_problem]);
        tiny.begin(sizes[0] as usize);
        let mut kind = OUTSIDE;
        for (s, &size) in sizes.iter().enumerate().take(count) {
            if kind == OUTSIDE {
                kind = tiny.judge(size as usize);
            }
            let place = problem * count + s;
            claims[place] = kind;
            if kind == OUTSIDE {
                directions[place * d..][..d].copy_from_slice(&tiny.residual[..d]);
            }
        }
        if kind == INSIDE {
            let support = &mut supports[problem * (d + 1)..][..=d];
            support.fill(NONE);
            support[..tiny.ids.len()].copy_from_slice(&tiny.ids);
        }
    }
}

/// The shared state of a workgroup of `shaders/tiny.wgsl`.
struct Tiny<'v> {
    rows: usize,
    d: usize,
    size: usize,
    vectors: &'v [f32],
    lift: f32,
    /// H by rows; R by columns.
    turned: Vec<f32>,
    factor: Vec<f32>,
    u: Vec<f32>,
    ids: Vec<u32>,
    residual: Vec<f32>,
    square: f32,
}

impl<'v> Tiny<'v> {
    fn new(params: &TinyParams, vectors: &'v [f32]) -> Self {
        let (d, size) = (params.d as usize, params.d as usize + 1);
        let mut turned = vec![0.0; size * size];
        (0..size).for_each(|i| turned[i * size + i] = 1.0);
        Tiny {
            rows: params.rows as usize,
            d,
            size,
            vectors,
            lift: 1.0,
            turned,
            factor: vec![0.0; size * size],
            u: Vec::new(),
            ids: Vec::new(),
            residual: vec![0.0; size],
            square: 0.0,
        }
    }

    fn at(&self, column: usize, row: usize) -> f32 {
        self.vectors[column * self.rows + row]
    }

    /// The row of the largest value, the lowest among equals.
    fn best(&self, count: usize, value: impl Fn(usize) -> f32) -> (f32, usize) {
        let rows = (0..count).map(|row| (value(row), row));
        rows.fold((LOWEST, usize::MAX), |best, next| {
            if next.0 > best.0 { next } else { best }
        })
    }

    /// Start with the nearest of the first `count` vectors; sets t.
    fn begin(&mut self, count: usize) {
        let d = self.d;
        let length =
            |row| (0..d).fold(0f32, |sum, k| self.at(k, row).mul_add(self.at(k, row), sum));
        let (longest, _) = self.best(self.rows, length);
        let (_, nearest) = self.best(count, |row| -length(row));
        if longest > 0.0 {
            self.lift = longest.sqrt();
        }
        self.square = self.lift * self.lift;
        self.residual[d] = self.lift;
        self.enter(nearest);
        self.settle();
    }

    /// The largest score along the residual, and its row.
    fn price(&self, count: usize) -> (f32, usize) {
        let score = |row| {
            (0..self.d).fold(0f32, |sum, k| {
                self.residual[k].mul_add(self.at(k, row), sum)
            })
        };
        self.best(count, score)
    }

    fn enter(&mut self, row: usize) -> bool {
        let (size, d, k) = (self.size, self.d, self.ids.len());
        let vector: Vec<f32> = (0..d).map(|k| self.at(k, row)).chain([self.lift]).collect();
        let product =
            |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0f32, |sum, (a, b)| a.mul_add(*b, sum));
        let mut turn: Vec<f32> = self
            .turned
            .chunks_exact(size)
            .map(|row| product(row, &vector))
            .collect();
        let along: Vec<f32> = (0..size)
            .map(|i| self.lift * self.turned[i * size + d])
            .collect();
        let rest = product(&turn[k..], &turn[k..]).sqrt();
        let gain = product(&turn[k..], &along[k..]);
        let length = product(&vector, &vector).sqrt();
        if k == size
            || rest <= TINY_DEPENDENT * length
            || gain <= TINY_IMPROVES * length * self.square.sqrt()
        {
            return false;
        }
        let pivot = if turn[k] > 0.0 { -rest } else { rest };
        turn[k] -= pivot;
        let half = -pivot * turn[k];
        self.factor[k * size..][..k].copy_from_slice(&turn[..k]);
        self.factor[k * size + k] = pivot;
        self.ids.push(row as u32);
        self.u.push(0.0);
        for j in 0..size {
            let sum = (k..size).fold(0f32, |sum, i| {
                turn[i].mul_add(self.turned[i * size + j], sum)
            });
            for i in k..size {
                self.turned[i * size + j] -= turn[i] / half * sum;
            }
        }
        true
    }

    /// A step towards the least-squares solution. Returns the column that stops it, if one does.
    fn solve(&mut self) -> Option<usize> {
        let (size, d, k) = (self.size, self.d, self.ids.len());
        let mut next: Vec<f32> = (0..k)
            .map(|i| self.lift * self.turned[i * size + d])
            .collect();
        let mut stop: Option<(f32, usize)> = None;
        for j in (0..k).rev() {
            let value = next[j] / self.factor[j * size + j];
            next[j] = value;
            for i in 0..j {
                next[i] -= value * self.factor[j * size + i];
            }
            if value <= 0.0 {
                let part = if self.u[j] > 0.0 {
                    self.u[j] / (self.u[j] - value)
                } else {
                    0.0
                };
                if stop.is_none_or(|(step, _)| part < step) {
                    stop = Some((part, j));
                }
            }
        }
        let step = stop.map_or(1.0, |(step, _)| step);
        for (u, next) in self.u.iter_mut().zip(&next) {
            *u += step * (next - *u);
        }
        stop.map(|(_, j)| j)
    }

    /// Remove a column of R; rotations make it triangular again.
    fn leave(&mut self, gone: usize) {
        let size = self.size;
        self.ids.remove(gone);
        self.u.remove(gone);
        let left = self.ids.len();
        self.factor
            .copy_within((gone + 1) * size..(left + 1) * size, gone * size);
        for i in gone..left {
            let (upper, lower) = (self.factor[i * size + i], self.factor[i * size + i + 1]);
            let length = (upper * upper + lower * lower).sqrt();
            let (c, s) = (upper / length, lower / length);
            let rotate = |a: f32, b: f32| (c * a + s * b, c * b - s * a);
            self.factor[i * size + i] = length;
            for j in i + 1..left {
                let (a, b) = rotate(self.factor[j * size + i], self.factor[j * size + i + 1]);
                (self.factor[j * size + i], self.factor[j * size + i + 1]) = (a, b);
            }
            for j in 0..size {
                let (a, b) = rotate(self.turned[i * size + j], self.turned[(i + 1) * size + j]);
                (self.turned[i * size + j], self.turned[(i + 1) * size + j]) = (a, b);
            }
        }
    }

    fn settle(&mut self) {
        while let Some(gone) = self.solve() {
            self.leave(gone);
        }
        let (size, d) = (self.size, self.d);
        let share = |i: usize| self.lift * self.turned[i * size + d];
        let left = self.ids.len()..size;
        self.square = left
            .clone()
            .fold(0.0, |sum, i| share(i).mul_add(share(i), sum));
        self.residual = (0..size)
            .map(|j| {
                left.clone().fold(0f32, |sum, i| {
                    share(i).mul_add(self.turned[i * size + j], sum)
                })
            })
            .collect();
    }

    fn judge(&mut self, count: usize) -> u32 {
        for _ in 0..TINY_ROUNDS {
            let (score, row) = self.price(count);
            if self.square <= TINY_VANISHED * TINY_VANISHED * self.lift * self.lift {
                return INSIDE;
            }
            let length = self.residual[..self.d]
                .iter()
                .fold(0f32, |sum, w| w.mul_add(*w, sum))
                .sqrt();
            if score < -((self.d + 4) as f32) * TINY_BEHIND * length * self.lift {
                return OUTSIDE;
            }
            if !self.enter(row) {
                return OPEN;
            }
            self.settle();
        }
        OPEN
    }
}
