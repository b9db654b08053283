// maxima[q, s] = max over the rows r of span s of  upper(r, q)                    twin: scan::gpu::twin::scan_int8
//
//     upper(r, q) = s_r t_q <x_r, w_q> + phi_q l_r + n_q e_r + c_q b_r
//
// An upper bound on the score of row r in direction q, from vectors of integers: the errors of rounding the row and the
// direction to eight bits are in phi, l, n and e (see scan::gpu::integers). A word holds four numbers, and dot4I8Packed
// multiplies two words; the 32-bit sum is exact. The tiling is that of scan.wgsl, with words instead of numbers.
//
// binding  what         shape
// 0        params
// 1        x            panels x depth x PANEL   words of four i8, zero-padded
// 2        w            tiles x depth x TILE     words of four i8, zero-padded
// 3        row_terms    panels x 4 x PANEL       f32: s, b, l, e
// 4        query_terms  tiles x 4 x TILE         f32: t, c, phi, n
// 5        maxima       queries x spans          f32, written

struct Params {
    // Rows and spans of the whole chunk, and the panels of this dispatch.
    rows: u32,
    spans: u32,
    first_panel: u32,
    panels: u32,
    // Queries of this dispatch start at tile `first_tile`; maxima start at its first query.
    first_tile: u32,
    tiles: u32,
    queries: u32,
    // Words of a vector, a multiple of DEPTH.
    depth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> row_terms: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> query_terms: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> maxima: array<f32>;

// Numbers of vec4s: in a slab of rows, a slab of queries, both; in one term of a panel, and of a tile.
const X_SLAB: u32 = DEPTH * PANEL / 4u;
const W_SLAB: u32 = DEPTH * TILE / 4u;
const SLAB: u32 = X_SLAB + W_SLAB;
const X_TERM: u32 = PANEL / 4u;
const W_TERM: u32 = TILE / 4u;

const_assert X_SLAB == X_LOADS * THREADS;
const_assert W_SLAB == W_LOADS * THREADS;
const_assert ROW_GROUPS * QUERY_GROUPS == THREADS;
const_assert ROW_VECS * 4u * ROW_GROUPS == PANEL;
const_assert QUERY_VECS * 4u * QUERY_GROUPS == TILE;
const_assert PANEL % SPAN == 0u;
// The maxima of the last step fit into the memory of the slabs.
const_assert TILE / 4u * (PANEL / 4u) <= 2u * SLAB;

var<workgroup> slabs: array<vec4<u32>, 2u * SLAB>;

// The products of four rows' words with a query's.
fn products(rows: vec4<u32>, query: u32) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(rows.x, query),
        dot4I8Packed(rows.y, query),
        dot4I8Packed(rows.z, query),
        dot4I8Packed(rows.w, query),
    );
}

// The terms of four rows.
struct Four {
    scale: vec4<f32>,
    bias: vec4<f32>,
    size: vec4<f32>,
    lost: vec4<f32>,
    counts: vec4<bool>,
}

// The largest bound of four rows for a query with terms t, c, phi, n, ignoring rows past the end.
fn largest(sums: vec4<i32>, query: vec4<f32>, rows: Four) -> f32 {
    let rest = fma(vec4<f32>(query.y), rows.bias, fma(vec4<f32>(query.z), rows.size, query.w * rows.lost));
    let upper = fma(vec4<f32>(sums) * rows.scale, vec4<f32>(query.x), rest);
    let bounds = select(vec4<f32>(LOWEST), upper, rows.counts);
    return max(max(bounds.x, bounds.y), max(bounds.z, bounds.w));
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.x + group.y * groups.x;
    if index >= params.panels * params.tiles {
        return;
    }
    // Queries vary fastest: groups that run together share a panel in the cache.
    let local_tile = index % params.tiles;
    let tile = params.first_tile + local_tile;
    let panel = params.first_panel + index / params.tiles;
    let row_lane = thread % ROW_GROUPS;
    let query_lane = thread / ROW_GROUPS;
    let x_start = panel * params.depth * (PANEL / 4u) + thread;
    let w_start = tile * params.depth * (TILE / 4u) + thread;

    var sums: array<vec4<i32>, ROW_VECS * QUERY_VECS * 4u>;
    var x_next: array<vec4<u32>, X_LOADS>;
    var w_next: array<vec4<u32>, W_LOADS>;
    for (var i = 0u; i < X_LOADS; i++) { // unroll
        slabs[i * THREADS + thread] = x[x_start + i * THREADS];
    }
    for (var i = 0u; i < W_LOADS; i++) { // unroll
        slabs[X_SLAB + i * THREADS + thread] = w[w_start + i * THREADS];
    }
    workgroupBarrier();

    let count = params.depth / DEPTH;
    for (var slab = 0u; slab < count; slab++) {
        let here = (slab & 1u) * SLAB;
        let more = slab + 1u < count;
        if more {
            for (var i = 0u; i < X_LOADS; i++) { // unroll
                x_next[i] = x[x_start + (slab + 1u) * X_SLAB + i * THREADS];
            }
            for (var i = 0u; i < W_LOADS; i++) { // unroll
                w_next[i] = w[w_start + (slab + 1u) * W_SLAB + i * THREADS];
            }
        }
        for (var k = 0u; k < DEPTH; k++) {
            var rows: array<vec4<u32>, ROW_VECS>;
            for (var h = 0u; h < ROW_VECS; h++) { // unroll
                rows[h] = slabs[here + k * (PANEL / 4u) + h * ROW_GROUPS + row_lane];
            }
            for (var j = 0u; j < QUERY_VECS; j++) { // unroll
                let q = slabs[here + X_SLAB + k * (TILE / 4u) + j * QUERY_GROUPS + query_lane];
                for (var h = 0u; h < ROW_VECS; h++) { // unroll
                    sums[(h * QUERY_VECS + j) * 4u] += products(rows[h], q.x);
                    sums[(h * QUERY_VECS + j) * 4u + 1u] += products(rows[h], q.y);
                    sums[(h * QUERY_VECS + j) * 4u + 2u] += products(rows[h], q.z);
                    sums[(h * QUERY_VECS + j) * 4u + 3u] += products(rows[h], q.w);
                }
            }
        }
        if more {
            let there = SLAB - here;
            for (var i = 0u; i < X_LOADS; i++) { // unroll
                slabs[there + i * THREADS + thread] = x_next[i];
            }
            for (var i = 0u; i < W_LOADS; i++) { // unroll
                slabs[there + X_SLAB + i * THREADS + thread] = w_next[i];
            }
        }
        workgroupBarrier();
    }

    // Each thread reduces its four-row groups; then spans are reduced through workgroup memory.
    for (var h = 0u; h < ROW_VECS; h++) { // unroll
        let place = h * ROW_GROUPS + row_lane;
        let first = panel * PANEL + place * 4u;
        let terms = panel * 4u * X_TERM + place;
        let rows = Four(
            row_terms[terms],
            row_terms[terms + X_TERM],
            row_terms[terms + 2u * X_TERM],
            row_terms[terms + 3u * X_TERM],
            vec4<u32>(first, first + 1u, first + 2u, first + 3u) < vec4<u32>(params.rows),
        );
        for (var j = 0u; j < QUERY_VECS; j++) { // unroll
            let queries = j * QUERY_GROUPS + query_lane;
            let at = tile * 4u * W_TERM + queries;
            let t = query_terms[at];
            let c = query_terms[at + W_TERM];
            let phi = query_terms[at + 2u * W_TERM];
            let n = query_terms[at + 3u * W_TERM];
            slabs[queries * (PANEL / 4u) + place] = bitcast<vec4<u32>>(vec4<f32>(
                largest(sums[(h * QUERY_VECS + j) * 4u], vec4<f32>(t.x, c.x, phi.x, n.x), rows),
                largest(sums[(h * QUERY_VECS + j) * 4u + 1u], vec4<f32>(t.y, c.y, phi.y, n.y), rows),
                largest(sums[(h * QUERY_VECS + j) * 4u + 2u], vec4<f32>(t.z, c.z, phi.z, n.z), rows),
                largest(sums[(h * QUERY_VECS + j) * 4u + 3u], vec4<f32>(t.w, c.w, phi.w, n.w), rows),
            ));
        }
    }
    workgroupBarrier();
    for (var item = thread; item < (TILE / 4u) * (PANEL / SPAN); item += THREADS) {
        let queries = item / (PANEL / SPAN);
        let local_span = item % (PANEL / SPAN);
        let start = queries * (PANEL / 4u) + local_span * (SPAN / 4u);
        var best = bitcast<vec4<f32>>(slabs[start]);
        for (var i = 1u; i < SPAN / 4u; i++) {
            best = max(best, bitcast<vec4<f32>>(slabs[start + i]));
        }
        let span = panel * (PANEL / SPAN) + local_span;
        if span < params.spans {
            let query = local_tile * TILE + queries * 4u;
            if query < params.queries { maxima[query * params.spans + span] = best.x; }
            if query + 1u < params.queries { maxima[(query + 1u) * params.spans + span] = best.y; }
            if query + 2u < params.queries { maxima[(query + 2u) * params.spans + span] = best.z; }
            if query + 3u < params.queries { maxima[(query + 3u) * params.spans + span] = best.w; }
        }
    }
}
