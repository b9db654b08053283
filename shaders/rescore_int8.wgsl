// scores[q, t SPAN + i] = upper(r, q),  r = spans[q, t] SPAN + i; LOWEST past the last row
//                                                                                twin: scan::gpu::twin::rescore_int8
//
// Bounds the scores of the rows in the chosen spans, as scan_int8.wgsl does, one thread per row; SPAN neighbouring
// threads read SPAN neighbouring words.
//
// binding  what         shape
// 0        params
// 1        x            panels x depth x PANEL   words of four i8
// 2        w            tiles x depth x TILE     words of four i8
// 3        row_terms    panels x 4 x PANEL       f32: s, b, l, e
// 4        query_terms  tiles x 4 x TILE         f32: t, c, phi, n
// 5        spans        queries x slots          u32
// 6        scores       queries x slots x SPAN   f32, written

struct Params {
    rows: u32,
    slots: u32,
    queries: u32,
    first_query: u32,
    // Words of a vector.
    depth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<u32>;
@group(0) @binding(3) var<storage, read> row_terms: array<f32>;
@group(0) @binding(4) var<storage, read> query_terms: array<f32>;
@group(0) @binding(5) var<storage, read> spans: array<u32>;
@group(0) @binding(6) var<storage, read_write> scores: array<f32>;

@compute @workgroup_size(PASS_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let item = (group.x + group.y * groups.x) * PASS_THREADS + thread;
    let slot = item / SPAN;
    if slot >= params.queries * params.slots {
        return;
    }
    let row = spans[slot] * SPAN + item % SPAN;
    if row >= params.rows {
        scores[item] = LOWEST;
        return;
    }
    let query = params.first_query + slot / params.slots;
    let x_start = row / PANEL * params.depth * PANEL + row % PANEL;
    let w_start = query / TILE * params.depth * TILE + query % TILE;
    var sum = 0i;
    for (var k = 0u; k < params.depth; k += 4u) {
        sum += dot4I8Packed(x[x_start + k * PANEL], w[w_start + k * TILE]);
        sum += dot4I8Packed(x[x_start + (k + 1u) * PANEL], w[w_start + (k + 1u) * TILE]);
        sum += dot4I8Packed(x[x_start + (k + 2u) * PANEL], w[w_start + (k + 2u) * TILE]);
        sum += dot4I8Packed(x[x_start + (k + 3u) * PANEL], w[w_start + (k + 3u) * TILE]);
    }
    let of_row = row / PANEL * 4u * PANEL + row % PANEL;
    let of_query = query / TILE * 4u * TILE + query % TILE;
    let lost = query_terms[of_query + 3u * TILE] * row_terms[of_row + 3u * PANEL];
    let size = fma(query_terms[of_query + 2u * TILE], row_terms[of_row + 2u * PANEL], lost);
    let rest = fma(query_terms[of_query + TILE], row_terms[of_row + PANEL], size);
    scores[item] = fma(f32(sum) * row_terms[of_row], query_terms[of_query], rest);
}
