//! The twins of the passes in eight bits: whole numbers, so that a device must give the very same sums.

use super::place;
use crate::scan::gpu::tile::{LOWEST, RescoreParams, SPAN, ScanParams, TERMS, Tile};

/// Vectors in eight bits as the passes see them: words in panels, and in panels of [`TERMS`] rows what goes with each.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    pub words: &'a [u32],
    pub terms: &'a [f32],
    /// Vectors of a panel.
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

/// The most that a row can score: see `scan_int8.wgsl`.
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
    let spans_of_panel = tile.rows / SPAN;
    let spans =
        params.first_panel * spans_of_panel..(params.first_panel + params.panels) * spans_of_panel;
    for query in 0..params.queries.min(params.tiles * tile.queries) {
        let place = (params.first_tile * tile.queries + query) as usize;
        for span in spans.start..spans.end.min(params.spans) {
            let rows = span * SPAN..((span + 1) * SPAN).min(params.rows);
            maxima[(query * params.spans + span) as usize] = rows
                .map(|row| upper(row as usize, place, params.depth as usize, x, w))
                .fold(LOWEST, f32::max);
        }
    }
}

/// `shaders/rescore_int8.wgsl`.
pub fn rescore_int8(
    params: &RescoreParams,
    x: Words<'_>,
    w: Words<'_>,
    spans: &[u32],
    scores: &mut [f32],
) {
    for item in 0..(params.queries * params.slots * SPAN) as usize {
        let slot = item / SPAN as usize;
        let row = spans[slot] as usize * SPAN as usize + item % SPAN as usize;
        let query = params.first_query as usize + slot / params.slots as usize;
        scores[item] = if row < params.rows as usize {
            upper(row, query, params.depth as usize, x, w)
        } else {
            LOWEST
        };
    }
}
