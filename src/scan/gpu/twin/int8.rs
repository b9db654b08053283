//! The twins of the passes in eight bits: integer sums, so a device must give exactly the same sums.

use super::{place, rows_of_spans, span_maxima};
use crate::scan::gpu::tile::{RescoreParams, ScanParams, TERMS, Tile};

/// Vectors in eight bits as the passes read them: words in panels, and the [`TERMS`] of each vector, also in panels.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    pub words: &'a [u32],
    pub terms: &'a [f32],
    /// Vectors in a panel.
    pub width: u32,
}

impl Words<'_> {
    fn term(&self, vector: usize, which: usize) -> f32 {
        self.terms[place(vector, which, TERMS, self.width as usize)]
    }
}

/// WGSL's `dot4I8Packed`.
fn dot(a: u32, b: u32) -> i32 {
    let each = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
    each.map(|(a, b)| i32::from(a as i8) * i32::from(b as i8))
        .sum()
}

/// An upper bound on a row's score: see `scan_int8.wgsl`.
fn upper(row: usize, query: usize, depth: usize, x: Words<'_>, w: Words<'_>) -> f32 {
    let word = |of: Words<'_>, vector, k| of.words[place(vector, k, depth, of.width as usize)];
    let sum: i32 = (0..depth)
        .map(|k| dot(word(x, row, k), word(w, query, k)))
        .sum();
    let lost = w.term(query, 3) * x.term(row, 3);
    let size = w.term(query, 2).mul_add(x.term(row, 2), lost);
    let rest = w.term(query, 1).mul_add(x.term(row, 1), size);
    (sum as f32 * x.term(row, 0)).mul_add(w.term(query, 0), rest)
}

/// `shaders/scan_int8.wgsl`.
pub fn scan_int8(params: &ScanParams, tile: &Tile, x: Words<'_>, w: Words<'_>, maxima: &mut [f32]) {
    let depth = params.depth as usize;
    span_maxima(params, tile, maxima, |row, query| {
        upper(row, query, depth, x, w)
    });
}

/// `shaders/rescore_int8.wgsl`.
pub fn rescore_int8(
    params: &RescoreParams,
    x: Words<'_>,
    w: Words<'_>,
    spans: &[u32],
    scores: &mut [f32],
) {
    let depth = params.depth as usize;
    rows_of_spans(params, spans, scores, |row, query| {
        upper(row, query, depth, x, w)
    });
}
