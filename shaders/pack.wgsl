// packed[p, k, i] = raw[p WIDTH + i - first, k], 0 past the end of rows and columns          twin: scan::gpu::twin::pack
//
// Row-major vectors become panels of WIDTH vectors, column by column, so that the scan copies slabs without
// transposing, without bounds checks and without bank conflicts. A piece of `rows` vectors is written from vector
// `first` (a multiple of WIDTH) of the packed buffer on; its last panel is padded. In eight bits an element is a word
// of four columns.
//
// binding  what    shape
// 0        params
// 1        raw     rows x columns             Raw
// 2        packed  panels x depth x WIDTH     Stored, written

struct Params {
    rows: u32,
    columns: u32,
    // Columns after padding.
    depth: u32,
    // The first panel of this piece in `packed`, and the number of panels in the piece.
    first_panel: u32,
    panels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> raw: array<Raw>;
@group(0) @binding(2) var<storage, read_write> packed: array<Stored>;

@compute @workgroup_size(PASS_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let item = (group.x + group.y * groups.x) * PASS_THREADS + thread;
    if item >= params.panels * params.depth * WIDTH {
        return;
    }
    let lane = item % WIDTH;
    let k = item / WIDTH % params.depth;
    let row = item / WIDTH / params.depth * WIDTH + lane;
    var value = Raw();
    if row < params.rows && k < params.columns {
        value = raw[row * params.columns + k];
    }
    packed[params.first_panel * params.depth * WIDTH + item] = Stored(value);
}
