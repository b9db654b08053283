// gathered[i, k] = x_r, r = rows[i]; 0 where r is no row of x                          twin: scan::gpu::twin::gather
//
// Copies rows of a resident reference, unpacked, in the stored type.
//
// binding  what       shape
// 0        params
// 1        x          panels x depth x PANEL   Stored
// 2        rows       count                    u32
// 3        gathered   count x columns          Raw, written

struct Params {
    count: u32,
    columns: u32,
    depth: u32,
    // The number of rows in x.
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> gathered: array<Raw>;

@compute @workgroup_size(PASS_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let item = (group.x + group.y * groups.x) * PASS_THREADS + thread;
    if item >= params.count * params.columns {
        return;
    }
    let row = rows[item / params.columns];
    let k = item % params.columns;
    var value = Raw();
    if row < params.rows {
        value = Raw(x[(row / PANEL * params.depth + k) * PANEL + row % PANEL]);
    }
    gathered[item] = value;
}
