// scores[q, t SPAN + i] = <x_r, w_q> + c_q b_r,  r = spans[q, t] SPAN + i; LOWEST past the last row
//                                                                                     twin: scan::gpu::twin::rescore
//
// Scores the rows of the chosen spans, one thread per row; SPAN neighbouring threads read SPAN neighbouring numbers.
//
// binding  what        shape
// 0        params
// 1        x           panels x depth x PANEL   Stored
// 2        w           tiles x depth x TILE     f32
// 3        row_bias    panels x PANEL           f32
// 4        query_bias  tiles x TILE             f32
// 5        spans       queries x slots          u32
// 6        scores      queries x slots x SPAN   f32, written

struct Params {
    rows: u32,
    slots: u32,
    queries: u32,
    first_query: u32,
    depth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> row_bias: array<f32>;
@group(0) @binding(4) var<storage, read> query_bias: array<f32>;
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
    var sum = 0.0;
    for (var k = 0u; k < params.depth; k += 4u) {
        sum = fma(f32(x[x_start + k * PANEL]), w[w_start + k * TILE], sum);
        sum = fma(f32(x[x_start + (k + 1u) * PANEL]), w[w_start + (k + 1u) * TILE], sum);
        sum = fma(f32(x[x_start + (k + 2u) * PANEL]), w[w_start + (k + 2u) * TILE], sum);
        sum = fma(f32(x[x_start + (k + 3u) * PANEL]), w[w_start + (k + 3u) * TILE], sum);
    }
    scores[item] = fma(query_bias[query], row_bias[row], sum);
}
