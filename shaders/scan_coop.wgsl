// maxima[q, s] = max over the rows r of span s of  <x_r, w_q> + c_q b_r, by cooperative matrices (f16 in, f32 out)
//                                                                                   twin: scan::gpu::twin::scan_coop
//
// One workgroup of four subgroups scores PANEL = 128 rows against TILE = 128 queries; a subgroup holds 64 x 64 scores as
// 4 x 4 matrices of 16 x 16. The packed layout is column by column: a block of rows is a column-major matrix A, a block
// of queries a row-major matrix B, both read straight from storage, where four subgroups share them in the first-level
// cache. Scores pass through workgroup memory 16 query columns per subgroup at a time and are reduced by plain threads,
// because a cooperative matrix has no maximum. This module deliberately uses no subgroup arithmetic (a driver crashes
// on the combination) and no early return: control flow is uniform.
//
// binding  what        shape
// 0        params
// 1        x           panels x depth x PANEL   f16, zero-padded
// 2        w           tiles x depth x TILE     f16, zero-padded
// 3        row_bias    panels x PANEL           f32
// 4        query_bias  tiles x TILE             f32
// 5        maxima      queries x spans          f32, written

struct Params {
    rows: u32,
    spans: u32,
    first_panel: u32,
    panels: u32,
    first_tile: u32,
    tiles: u32,
    queries: u32,
    depth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f16>;
@group(0) @binding(2) var<storage, read> w: array<f16>;
@group(0) @binding(3) var<storage, read> row_bias: array<f32>;
@group(0) @binding(4) var<storage, read> query_bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> maxima: array<f32>;

const_assert PANEL == 128u && TILE == 128u && COOP_THREADS == 128u && SPAN == 32u;

// A strip: 64 rows x 16 queries of each of the four subgroups.
const STRIP: u32 = 64u * 16u;
var<workgroup> strips: array<f32, 4u * STRIP>;

@compute @workgroup_size(COOP_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    // The host fills whole rows of groups; surplus groups in the last row repeat the last panel and tile.
    let index = min(group.x + group.y * groups.x, params.panels * params.tiles - 1u);
    let local_tile = index % params.tiles;
    let tile = params.first_tile + local_tile;
    let panel = params.first_panel + index / params.tiles;
    // The four subgroups are a 2 x 2 grid of 64 x 64 scores.
    let subgroup = thread / 32u;
    let row_half = subgroup % 2u;
    let query_half = subgroup / 2u;
    let x_start = panel * params.depth * PANEL + row_half * 64u;
    let w_start = tile * params.depth * TILE + query_half * 64u;

    var sums: array<coop_mat16x16<f32, C>, 16>;
    for (var k = 0u; k < params.depth; k += 16u) {
        var rows: array<coop_mat16x16<f16, A>, 4>;
        for (var i = 0u; i < 4u; i++) { // unroll
            let at = x_start + k * PANEL + i * 16u;
            rows[i] = coopLoad<coop_mat16x16<f16, A>>(&x[at], PANEL);
        }
        for (var j = 0u; j < 4u; j++) { // unroll
            let at = w_start + k * TILE + j * 16u;
            let queries = coopLoadT<coop_mat16x16<f16, B>>(&w[at], TILE);
            for (var i = 0u; i < 4u; i++) { // unroll
                sums[i * 4u + j] = coopMultiplyAdd(rows[i], queries, sums[i * 4u + j]);
            }
        }
    }

    for (var j = 0u; j < 4u; j++) { // unroll
        for (var i = 0u; i < 4u; i++) { // unroll
            let at = subgroup * STRIP + i * 16u;
            coopStore(sums[i * 4u + j], &strips[at], 64u);
        }
        workgroupBarrier();
        reduce(j, thread, panel, tile, local_tile);
        workgroupBarrier();
    }
}

// One thread reduces one span of one query of strip j.
fn reduce(j: u32, thread: u32, panel: u32, tile: u32, local_tile: u32) {
    let column = thread % 16u;
    let half = thread / 16u % 2u;
    let subgroup = thread / 32u;
    let first = (subgroup % 2u) * 64u + half * SPAN;
    let query = (subgroup / 2u) * 64u + j * 16u + column;
    let c = query_bias[tile * TILE + query];
    var best = LOWEST;
    for (var i = 0u; i < SPAN; i++) {
        let row = panel * PANEL + first + i;
        let score = fma(c, row_bias[row], strips[subgroup * STRIP + column * 64u + half * SPAN + i]);
        best = select(best, max(best, score), row < params.rows);
    }
    let span = panel * (PANEL / SPAN) + first / SPAN;
    if span < params.spans && local_tile * TILE + query < params.queries {
        maxima[(local_tile * TILE + query) * params.spans + span] = best;
    }
}
