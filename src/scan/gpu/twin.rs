//! The plain function of each WGSL pass: same name, same buffers in the same order, plain loops.
//!
//! Tests run each shader and compare it with its function here, so that a wrong answer can be traced to one pass; the
//! functions are also the shortest statement of what the shaders compute. Packed vectors are panels of `width` vectors,
//! column by column: element (v, k) of depth D lies at `(v / width * D + k) * width + v % width`.

use super::tile::{
    Entry, GatherParams, LOWEST, MergeParams, NormsParams, PackParams, RescoreParams, SPAN,
    ScanParams, SelectParams, Tile,
};
use crate::scan::topk::order;

mod int8;
mod tiny;

pub use int8::{Words, rescore_int8, scan_int8};
pub use tiny::tiny;

/// The index of element (v, k) in packed vectors.
pub fn place(v: usize, k: usize, depth: usize, width: usize) -> usize {
    (v / width * depth + k) * width + v % width
}

/// `shaders/pack.wgsl`; `round` is the conversion to the stored type and back.
pub fn pack<T: Copy + Default>(
    params: &PackParams,
    width: u32,
    raw: &[T],
    packed: &mut [T],
    round: impl Fn(T) -> T,
) {
    let (columns, depth, width) = (
        params.columns as usize,
        params.depth as usize,
        width as usize,
    );
    let first = params.first_panel as usize * width;
    for v in 0..params.panels as usize * width {
        for k in 0..depth {
            let inside = v < params.rows as usize && k < columns;
            let value = if inside {
                raw[v * columns + k]
            } else {
                T::default()
            };
            packed[place(first + v, k, depth, width)] = round(value);
        }
    }
}

/// `shaders/norms.wgsl`.
pub fn norms(params: &NormsParams, tile: &Tile, x: &[f32], norms: &mut [f32]) {
    let (depth, width) = (params.depth as usize, tile.rows as usize);
    for (span, norm) in norms.iter_mut().enumerate().take(params.spans as usize) {
        let rows = span * SPAN as usize..(span + 1) * SPAN as usize;
        let square = |row| {
            (0..depth)
                .map(|k| x[place(row, k, depth, width)].powi(2))
                .sum::<f32>()
        };
        *norm = rows.map(square).fold(0.0, f32::max).sqrt();
    }
}

/// `<x_r, w_q> + c_q b_r`, summed column by column.
#[allow(clippy::too_many_arguments)] // the shaders' buffers
fn score(
    row: usize,
    query: usize,
    depth: usize,
    tile: &Tile,
    x: &[f32],
    w: &[f32],
    row_bias: &[f32],
    query_bias: &[f32],
) -> f32 {
    let (panel, width) = (tile.rows as usize, tile.queries as usize);
    let product = (0..depth).fold(0f32, |sum, k| {
        x[place(row, k, depth, panel)].mul_add(w[place(query, k, depth, width)], sum)
    });
    query_bias[query].mul_add(row_bias[row], product)
}

/// `shaders/scan.wgsl`.
pub fn scan(
    params: &ScanParams,
    tile: &Tile,
    x: &[f32],
    w: &[f32],
    row_bias: &[f32],
    query_bias: &[f32],
    maxima: &mut [f32],
) {
    let depth = params.depth as usize;
    span_maxima(params, tile, maxima, |row, query| {
        score(row, query, depth, tile, x, w, row_bias, query_bias)
    });
}

/// The largest `score` of a row, for each query of a dispatch and each of its spans.
fn span_maxima(
    params: &ScanParams,
    tile: &Tile,
    maxima: &mut [f32],
    score: impl Fn(usize, usize) -> f32,
) {
    let spans_of_panel = tile.rows / SPAN;
    let spans =
        params.first_panel * spans_of_panel..(params.first_panel + params.panels) * spans_of_panel;
    for query in 0..params.queries.min(params.tiles * tile.queries) {
        let place = (params.first_tile * tile.queries + query) as usize;
        for span in spans.start..spans.end.min(params.spans) {
            let rows = span * SPAN..((span + 1) * SPAN).min(params.rows);
            maxima[(query * params.spans + span) as usize] = rows
                .map(|row| score(row as usize, place))
                .fold(LOWEST, f32::max);
        }
    }
}

/// `shaders/scan_coop.wgsl`: the same from f16 rows and directions. The shader may sum in another order.
pub fn scan_coop(
    params: &ScanParams,
    tile: &Tile,
    x: &[f32],
    w: &[f32],
    row_bias: &[f32],
    query_bias: &[f32],
    maxima: &mut [f32],
) {
    scan(params, tile, x, w, row_bias, query_bias, maxima);
}

/// `shaders/select.wgsl`.
pub fn select(
    params: &SelectParams,
    values: &[f32],
    norms: &[f32],
    slack: &[[f32; 4]],
    chosen: &mut [u32],
    left: &mut [f32],
) {
    let (count, wanted) = (params.count as usize, params.wanted as usize);
    for query in 0..params.queries as usize {
        let values = &values[query * count..(query + 1) * count];
        let mut ranked: Vec<usize> = (0..count).collect();
        ranked.sort_by(|&a, &b| order((values[a], a), (values[b], b)));
        let room = slack[params.first_query as usize + query];
        let bound = |&i: &usize| match params.by_norm {
            1 => values[i] + room[0].mul_add(norms[i], room[1]),
            _ => values[i] + room[2],
        };
        left[2 * query + params.which as usize] =
            ranked[wanted..].iter().map(bound).fold(LOWEST, f32::max);
        ranked.truncate(wanted);
        ranked.sort_unstable();
        for (slot, i) in ranked.into_iter().enumerate() {
            chosen[query * wanted + slot] = i as u32;
        }
    }
}

/// `shaders/rescore.wgsl`.
#[allow(clippy::too_many_arguments)] // the shader's buffers
pub fn rescore(
    params: &RescoreParams,
    tile: &Tile,
    x: &[f32],
    w: &[f32],
    row_bias: &[f32],
    query_bias: &[f32],
    spans: &[u32],
    scores: &mut [f32],
) {
    let depth = params.depth as usize;
    rows_of_spans(params, spans, scores, |row, query| {
        score(row, query, depth, tile, x, w, row_bias, query_bias)
    });
}

/// The `score` of every row in the spans chosen for a query.
fn rows_of_spans(
    params: &RescoreParams,
    spans: &[u32],
    scores: &mut [f32],
    score: impl Fn(usize, usize) -> f32,
) {
    for item in 0..(params.queries * params.slots * SPAN) as usize {
        let slot = item / SPAN as usize;
        let row = spans[slot] as usize * SPAN as usize + item % SPAN as usize;
        let query = params.first_query as usize + slot / params.slots as usize;
        scores[item] = match row < params.rows as usize {
            true => score(row, query),
            false => LOWEST,
        };
    }
}

/// `shaders/merge.wgsl`.
#[allow(clippy::too_many_arguments)] // the shader's buffers
pub fn merge(
    params: &MergeParams,
    held: &[Entry],
    scores: &[f32],
    spans: &[u32],
    chosen: &[u32],
    left: &[[f32; 2]],
    slack: &[[f32; 4]],
    missed: &mut [f32],
    merged: &mut [Entry],
) {
    let (kept, slots, span) = (params.kept as usize, params.slots as usize, SPAN as usize);
    let base = u64::from(params.base_high) << 32 | u64::from(params.base_low);
    for query in 0..params.queries as usize {
        let place = params.first_query as usize + query;
        let mut all = held[place * kept..(place + 1) * kept].to_vec();
        for &local in &chosen[query * params.fresh as usize..][..params.fresh as usize] {
            let local = local as usize;
            let row = base
                + u64::from(spans[query * slots + local / span]) * span as u64
                + (local % span) as u64;
            all.push(Entry {
                score: scores[query * slots * span + local],
                low: row as u32,
                high: (row >> 32) as u32,
            });
        }
        let rank = |entry: &Entry| (entry.high, entry.low);
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(rank(a).cmp(&rank(b))));
        let dropped = all[kept];
        let mut bound = missed[place].max(left[query][0]).max(left[query][1]);
        if dropped.row().is_some() {
            bound = bound.max(dropped.score + slack[place][2]);
        }
        missed[place] = bound;
        merged[place * kept..(place + 1) * kept].copy_from_slice(&all[..kept]);
    }
}

/// `shaders/gather.wgsl`.
pub fn gather<T: Copy + Default>(
    params: &GatherParams,
    tile: &Tile,
    x: &[T],
    rows: &[u32],
    gathered: &mut [T],
) {
    let columns = params.columns as usize;
    for (row, out) in rows
        .iter()
        .zip(gathered.chunks_exact_mut(columns))
        .take(params.count as usize)
    {
        for (k, value) in out.iter_mut().enumerate() {
            *value = if *row < params.rows {
                x[place(*row as usize, k, params.depth as usize, tile.rows as usize)]
            } else {
                T::default()
            };
        }
    }
}
