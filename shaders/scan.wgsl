// maxima[q, s] = max over the rows r of span s of  <x_r, w_q> + c_q b_r           twin: scan::gpu::twin::scan
//
// One workgroup scores a panel of PANEL rows against a tile of TILE queries. A thread holds ROW_LANE x QUERY_LANE
// scores: its rows are vec4s `row_lane`, `row_lane + ROW_GROUPS`, ..; its queries likewise. Slabs of DEPTH columns go
// through workgroup memory, double-buffered: the next slab is fetched into registers while this one is multiplied, so
// one barrier per slab is enough. Rows and queries are packed (see pack.wgsl), so a slab is one contiguous copy.
//
// binding  what        shape
// 0        params
// 1        x           panels x depth x PANEL   Stored, zero-padded
// 2        w           tiles x depth x TILE     f32, zero-padded
// 3        row_bias    panels x PANEL           f32, zero-padded
// 4        query_bias  tiles x TILE             f32, zero-padded
// 5        maxima      queries x spans          f32, written

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
    // Columns, a multiple of DEPTH.
    depth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> row_bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> query_bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> maxima: array<f32>;

// Numbers of vec4s in a slab of rows, in a slab of queries, and in both.
const X_SLAB: u32 = DEPTH * PANEL / 4u;
const W_SLAB: u32 = DEPTH * TILE / 4u;
const SLAB: u32 = X_SLAB + W_SLAB;

const_assert X_SLAB == X_LOADS * THREADS;
const_assert W_SLAB == W_LOADS * THREADS;
const_assert ROW_GROUPS * QUERY_GROUPS == THREADS;
const_assert ROW_VECS * 4u * ROW_GROUPS == PANEL;
const_assert QUERY_VECS * 4u * QUERY_GROUPS == TILE;
const_assert PANEL % SPAN == 0u;
// The maxima of the last step fit into the memory of the slabs.
const_assert TILE / 4u * (PANEL / 4u) <= 2u * SLAB;

var<workgroup> slabs: array<vec4<f32>, 2u * SLAB>;

// The largest score of four rows, ignoring rows past the end.
fn largest(products: vec4<f32>, c: f32, bias: vec4<f32>, counts: vec4<bool>) -> f32 {
    let scores = select(vec4<f32>(LOWEST), fma(vec4<f32>(c), bias, products), counts);
    return max(max(scores.x, scores.y), max(scores.z, scores.w));
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

    var sums: array<vec4<f32>, ROW_VECS * QUERY_VECS * 4u>;
    var x_next: array<vec4<f32>, X_LOADS>;
    var w_next: array<vec4<f32>, W_LOADS>;
    for (var i = 0u; i < X_LOADS; i++) { // unroll
        slabs[i * THREADS + thread] = vec4<f32>(x[x_start + i * THREADS]);
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
                x_next[i] = vec4<f32>(x[x_start + (slab + 1u) * X_SLAB + i * THREADS]);
            }
            for (var i = 0u; i < W_LOADS; i++) { // unroll
                w_next[i] = w[w_start + (slab + 1u) * W_SLAB + i * THREADS];
            }
        }
        for (var k = 0u; k < DEPTH; k++) { // unroll
            var rows: array<vec4<f32>, ROW_VECS>;
            for (var h = 0u; h < ROW_VECS; h++) { // unroll
                rows[h] = slabs[here + k * (PANEL / 4u) + h * ROW_GROUPS + row_lane];
            }
            for (var j = 0u; j < QUERY_VECS; j++) { // unroll
                let q = slabs[here + X_SLAB + k * (TILE / 4u) + j * QUERY_GROUPS + query_lane];
                for (var h = 0u; h < ROW_VECS; h++) { // unroll
                    sums[(h * QUERY_VECS + j) * 4u] = fma(rows[h], vec4<f32>(q.x), sums[(h * QUERY_VECS + j) * 4u]);
                    sums[(h * QUERY_VECS + j) * 4u + 1u] = fma(rows[h], vec4<f32>(q.y), sums[(h * QUERY_VECS + j) * 4u + 1u]);
                    sums[(h * QUERY_VECS + j) * 4u + 2u] = fma(rows[h], vec4<f32>(q.z), sums[(h * QUERY_VECS + j) * 4u + 2u]);
                    sums[(h * QUERY_VECS + j) * 4u + 3u] = fma(rows[h], vec4<f32>(q.w), sums[(h * QUERY_VECS + j) * 4u + 3u]);
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
        let counts = vec4<u32>(first, first + 1u, first + 2u, first + 3u) < vec4<u32>(params.rows);
        let bias = row_bias[panel * (PANEL / 4u) + place];
        for (var j = 0u; j < QUERY_VECS; j++) { // unroll
            let queries = j * QUERY_GROUPS + query_lane;
            let c = query_bias[tile * (TILE / 4u) + queries];
            slabs[queries * (PANEL / 4u) + place] = vec4<f32>(
                largest(sums[(h * QUERY_VECS + j) * 4u], c.x, bias, counts),
                largest(sums[(h * QUERY_VECS + j) * 4u + 1u], c.y, bias, counts),
                largest(sums[(h * QUERY_VECS + j) * 4u + 2u], c.z, bias, counts),
                largest(sums[(h * QUERY_VECS + j) * 4u + 3u], c.w, bias, counts),
            );
        }
    }
    workgroupBarrier();
    for (var item = thread; item < (TILE / 4u) * (PANEL / SPAN); item += THREADS) {
        let queries = item / (PANEL / SPAN);
        let local_span = item % (PANEL / SPAN);
        let start = queries * (PANEL / 4u) + local_span * (SPAN / 4u);
        var best = slabs[start];
        for (var i = 1u; i < SPAN / 4u; i++) {
            best = max(best, slabs[start + i]);
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
