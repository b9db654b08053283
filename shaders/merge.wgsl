// merged[q] = the `kept` best of held[q] and of this chunk's candidates, by (score descending, row ascending)
// missed[q] = the most that a row in neither list can score                              twin: scan::gpu::twin::merge
//
// One workgroup per query; each entry counts the entries that rank before it and is written to that place. Rows are
// 64-bit numbers in two halves, so chunks may lie anywhere in a reference of any size. An empty entry has score LOWEST
// and row NONE.
//
// binding  what        shape
// 0        params
// 1        held        queries (of the batch) x kept     Entry
// 2        scores      queries x slots x SPAN     f32
// 3        spans       queries x slots            u32
// 4        chosen      queries x fresh            u32, indices into scores[q]
// 5        left        queries x 2                f32, what the choices of spans and of rows left out
// 6        slack       queries (of the batch)     vec4<f32>; z is a row's slack
// 7        missed      queries (of the batch)     f32, raised
// 8        merged      queries (of the batch) x kept     Entry, written

struct Params {
    kept: u32,
    fresh: u32,
    slots: u32,
    queries: u32,
    first_query: u32,
    // The chunk's first row.
    base_low: u32,
    base_high: u32,
}

struct Entry {
    score: f32,
    low: u32,
    high: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> held: array<Entry>;
@group(0) @binding(2) var<storage, read> scores: array<f32>;
@group(0) @binding(3) var<storage, read> spans: array<u32>;
@group(0) @binding(4) var<storage, read> chosen: array<u32>;
@group(0) @binding(5) var<storage, read> left: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read> slack: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> missed: array<f32>;
@group(0) @binding(8) var<storage, read_write> merged: array<Entry>;

fn entry(query: u32, i: u32) -> Entry {
    if i < params.kept {
        return held[(params.first_query + query) * params.kept + i];
    }
    // Clamped to the scores, whatever index was chosen.
    let local = min(chosen[query * params.fresh + i - params.kept], params.slots * SPAN - 1u);
    let row = spans[query * params.slots + local / SPAN] * SPAN + local % SPAN;
    let low = params.base_low + row;
    let carry = select(0u, 1u, low < row);
    return Entry(scores[query * params.slots * SPAN + local], low, params.base_high + carry);
}

// Whether a comes before b.
fn before(a: Entry, b: Entry) -> bool {
    if a.score != b.score {
        return a.score > b.score;
    }
    if a.high != b.high {
        return a.high < b.high;
    }
    return a.low < b.low;
}

@compute @workgroup_size(MERGE_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let query = group.x + group.y * groups.x;
    if query >= params.queries {
        return;
    }
    let place = params.first_query + query;
    let total = params.kept + params.fresh;
    for (var i = thread; i < total; i += MERGE_THREADS) {
        let mine = entry(query, i);
        var rank = 0u;
        for (var j = 0u; j < total; j++) {
            // Only empty entries compare equal; these keep the order of the list.
            let other = entry(query, j);
            if before(other, mine) || (j < i && !before(mine, other)) {
                rank += 1u;
            }
        }
        if rank < params.kept {
            merged[place * params.kept + rank] = mine;
        }
        // The best entry without a place bounds all later ones, and exactly one thread holds it.
        if rank == params.kept {
            var bound = max(missed[place], max(left[query].x, left[query].y));
            if mine.high != NONE {
                bound = max(bound, mine.score + slack[place].z);
            }
            missed[place] = bound;
        }
    }
}
