// chosen[q] = the `wanted` best of values[q] by (value descending, index ascending), listed by ascending index
// left[q, which] = the most that anything not chosen can be: max of  value + (slack_q.x norm + slack_q.y, or slack_q.z)
//                                                                                      twin: scan::gpu::twin::select
//
// One workgroup per query. Four passes of a radix select over order-preserving keys find the last chosen value and how
// many values equal to it are chosen; then stripes of PASS_THREADS values are compacted in order by a prefix sum. There
// is no queue, no divergence between queries, and no assumption about subgroups: counts are atomics in workgroup
// memory, which commute. `wanted` is at most `count`, so a last value always exists.
//
// binding  what     shape
// 0        params
// 1        values   queries x count     f32
// 2        norms    count               f32; read only where `by_norm` is 1
// 3        slack    queries (of the batch, from `first_query` on)    vec4<f32>
// 4        chosen   queries x wanted    u32, written
// 5        left     queries x 2         f32, column `which` written

struct Params {
    count: u32,
    wanted: u32,
    queries: u32,
    first_query: u32,
    // 1: a value's slack grows with its norm (spans); 0: it does not (rows). Spans go to column 0, rows to column 1.
    by_norm: u32,
    which: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read> slack: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;
@group(0) @binding(5) var<storage, read_write> left: array<f32>;

const_assert PASS_THREADS == 256u;

var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> prefix: u32;
var<workgroup> needed: u32;
// Prefix sums: the count of values above the last chosen one in the high half, of values equal to it in the low half.
var<workgroup> sums: array<u32, PASS_THREADS>;
var<workgroup> bounds: array<f32, PASS_THREADS>;

// Larger values have larger keys; +0 and -0 have the same key.
fn key(value: f32) -> u32 {
    let bits = select(bitcast<u32>(value), 0u, value == 0.0);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

@compute @workgroup_size(PASS_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let query = group.x + group.y * groups.x;
    if query >= params.queries {
        return;
    }
    let start = query * params.count;

    if thread == 0u {
        prefix = 0u;
        needed = params.wanted;
    }
    for (var shift = 32u; shift > 0u;) {
        shift -= 8u;
        atomicStore(&histogram[thread], 0u);
        workgroupBarrier();
        let above = workgroupUniformLoad(&prefix);
        for (var i = thread; i < params.count; i += PASS_THREADS) {
            let bits = key(values[start + i]);
            // Count values with the prefix found so far (in the first pass, all values).
            if shift == 24u || bits >> (shift + 8u) == above >> (shift + 8u) {
                atomicAdd(&histogram[(bits >> shift) & 255u], 1u);
            }
        }
        workgroupBarrier();
        if thread == 0u {
            var digit = 255u;
            var seen = atomicLoad(&histogram[255]);
            while seen < needed && digit > 0u {
                needed -= seen;
                digit -= 1u;
                seen = atomicLoad(&histogram[digit]);
            }
            prefix = above | (digit << shift);
        }
        workgroupBarrier();
    }
    let last = workgroupUniformLoad(&prefix);
    let equals = workgroupUniformLoad(&needed);

    var larger_before = 0u;
    var equal_before = 0u;
    var bound = LOWEST;
    let room = slack[params.first_query + query];
    for (var stripe = 0u; stripe < params.count; stripe += PASS_THREADS) {
        let i = stripe + thread;
        var value = LOWEST;
        var flags = 0u;
        if i < params.count {
            value = values[start + i];
            let bits = key(value);
            flags = select(0u, 0x10000u, bits > last) | select(0u, 1u, bits == last);
        }
        sums[thread] = flags;
        workgroupBarrier();
        for (var step = 1u; step < PASS_THREADS; step *= 2u) {
            var sum = sums[thread];
            if thread >= step {
                sum += sums[thread - step];
            }
            workgroupBarrier();
            sums[thread] = sum;
            workgroupBarrier();
        }
        let before = sums[thread] - flags;
        let larger = larger_before + (before >> 16u);
        let equal = equal_before + (before & 0xffffu);
        if flags == 0x10000u || (flags == 1u && equal < equals) {
            chosen[query * params.wanted + larger + min(equal, equals)] = i;
        } else if i < params.count {
            var room_here = room.z;
            if params.by_norm == 1u {
                room_here = fma(room.x, norms[i], room.y);
            }
            bound = max(bound, value + room_here);
        }
        larger_before += sums[PASS_THREADS - 1u] >> 16u;
        equal_before += sums[PASS_THREADS - 1u] & 0xffffu;
        workgroupBarrier();
    }

    bounds[thread] = bound;
    workgroupBarrier();
    for (var step = PASS_THREADS / 2u; step > 0u; step /= 2u) {
        if thread < step {
            bounds[thread] = max(bounds[thread], bounds[thread + step]);
        }
        workgroupBarrier();
    }
    if thread == 0u {
        left[2u * query + params.which] = bounds[0];
    }
}
