// norms[s] = the largest |x_r| of the rows r of span s, as stored                        twin: scan::gpu::twin::norms
//
// The error of a score grows with the row's length; `select` uses these norms to bound the spans that it leaves out.
//
// binding  what    shape
// 0        params
// 1        x       panels x depth x PANEL   Stored
// 2        norms   spans                    f32, written

struct Params {
    spans: u32,
    depth: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;

var<workgroup> squares: array<f32, PASS_THREADS>;

@compute @workgroup_size(PASS_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = (group.x + group.y * groups.x) * PASS_THREADS + thread;
    let span = row / SPAN;
    var square = 0.0;
    if span < params.spans {
        let start = row / PANEL * params.depth * PANEL + row % PANEL;
        for (var k = 0u; k < params.depth; k++) {
            let value = f32(x[start + k * PANEL]);
            square = fma(value, value, square);
        }
    }
    squares[thread] = square;
    workgroupBarrier();
    if thread % SPAN == 0u && span < params.spans {
        for (var i = 1u; i < SPAN; i++) {
            square = max(square, squares[thread + i]);
        }
        norms[span] = sqrt(square);
    }
}
