//! A plain matrix product on the CPU, on all threads: the speed of a scan that did nothing else.
//!
//! faer's product, which needs no `unsafe` here.

use super::workload::normal;
use crate::study::bench::Shape;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::time::Instant;

/// The most numbers in a result: 256 MiB.
const MOST: usize = 64 << 20;

/// How many rows of a shape are multiplied at a time.
pub fn rows(shape: &Shape) -> usize {
    (MOST / shape.queries).clamp(1, shape.rows)
}

/// Prepares products of N x d rows with B directions, which write all N x B numbers.
pub fn cpu(shape: &Shape) -> Box<dyn FnMut() -> Option<f64>> {
    let (n, d, b) = (shape.rows, shape.dim, shape.queries);
    let (x, w) = (normal(n * d, 0, 0), normal(b * d, 0, 1));
    let mut out = vec![0f32; n * b];
    Box::new(move || {
        let started = Instant::now();
        matmul(
            MatMut::from_row_major_slice_mut(&mut out, n, b),
            Accum::Replace,
            MatRef::from_row_major_slice(&x, n, d),
            MatRef::from_row_major_slice(&w, b, d).transpose(),
            1.0,
            Par::rayon(0),
        );
        Some(started.elapsed().as_secs_f64())
    })
}
