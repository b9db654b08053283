// claims[p, s] = is the origin inside the hull of the first sizes[s] vectors of problem p?    twin: scan::gpu::twin::tiny
//
// One workgroup per problem, from the first vector to the last size. The non-negative least squares problem
// `min |[A; t 1^T] u - [0; t]|, u >= 0` grows by the vector furthest along the residual, with an orthogonal factor
// `H [A; t 1^T] = [R; 0]` (Lawson and Hanson, Solving Least Squares Problems, ch. 23; as `hull::tiny` does in f64). If all
// vectors lie behind the residual's direction, the claim is OUTSIDE with that direction; if the residual vanishes, it is
// INSIDE with the active vectors. The host proves the claims in f64 and solves the problems that are open or cannot be proved.
// Each thread below d + 1 owns a column of H, or a row; thread 0 does the steps that are too small to share.
//
// binding  what         shape
// 0        params
// 1        vectors      problems x d x rows            f32, column by column
// 2        sizes        sizes                          u32, ascending; larger ones count as `rows`
// 3        claims       problems x sizes               u32, written: OPEN, OUTSIDE or INSIDE
// 4        directions   problems x sizes x d           f32, written where outside is claimed
// 5        supports     problems x (d + 1)             u32, row numbers, then NONE; written where inside is claimed

struct Params {
    problems: u32,
    first_problem: u32,
    d: u32,
    rows: u32,
    sizes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> vectors: array<f32>;
@group(0) @binding(2) var<storage, read> sizes: array<u32>;
@group(0) @binding(3) var<storage, read_write> claims: array<u32>;
@group(0) @binding(4) var<storage, read_write> directions: array<f32>;
@group(0) @binding(5) var<storage, read_write> supports: array<u32>;

const SIZE: u32 = TINY_DIMS + 1u;

// Each thread owns at most one column or row of the factor.
const_assert SIZE <= TINY_THREADS;

var<workgroup> turned: array<f32, SIZE * SIZE>;
var<workgroup> factor: array<f32, SIZE * SIZE>;
var<workgroup> u: array<f32, SIZE>;
var<workgroup> next: array<f32, SIZE>;
var<workgroup> ids: array<u32, SIZE>;
var<workgroup> vector: array<f32, SIZE>;
var<workgroup> turn: array<f32, SIZE>;
var<workgroup> residual: array<f32, SIZE>;
var<workgroup> rotations: array<vec2<f32>, SIZE>;
var<workgroup> best_scores: array<f32, TINY_THREADS>;
var<workgroup> best_rows: array<u32, TINY_THREADS>;
// The number of active vectors; whether one entered; which one leaves; |v|^2 / 2 of a reflection; |r|^2; t; the claim
// so far.
var<workgroup> active_count: u32;
var<workgroup> entered: u32;
var<workgroup> leaving: u32;
var<workgroup> half: f32;
var<workgroup> square: f32;
var<workgroup> lift: f32;
var<workgroup> outcome: u32;

fn at(problem: u32, column: u32, row: u32) -> f32 {
    return vectors[(problem * params.d + column) * params.rows + row];
}

// Puts the largest value of all threads into place 0, with the lowest row among equals.
fn reduce(thread: u32) {
    workgroupBarrier();
    for (var step = TINY_THREADS / 2u; step > 0u; step /= 2u) {
        if thread < step {
            let score = best_scores[thread + step];
            let row = best_rows[thread + step];
            if score > best_scores[thread] || (score == best_scores[thread] && row < best_rows[thread]) {
                best_scores[thread] = score;
                best_rows[thread] = row;
            }
        }
        workgroupBarrier();
    }
}

// Sets t from the longest vector, empties the active set, and puts the nearest of the first `count` vectors into place 0.
fn begin(problem: u32, count: u32, thread: u32) {
    var nearest = LOWEST;
    var nearest_row = NONE;
    var longest = 0.0;
    for (var row = thread; row < params.rows; row += TINY_THREADS) {
        var length = 0.0;
        for (var k = 0u; k < params.d; k++) {
            let value = at(problem, k, row);
            length = fma(value, value, length);
        }
        longest = max(longest, length);
        if row < count && -length > nearest {
            nearest = -length;
            nearest_row = row;
        }
    }
    best_scores[thread] = longest;
    best_rows[thread] = thread;
    reduce(thread);
    let size = params.d + 1u;
    if thread == 0u {
        lift = select(1.0, sqrt(best_scores[0]), best_scores[0] > 0.0);
        square = lift * lift;
        active_count = 0u;
    }
    workgroupBarrier();
    if thread < size {
        for (var i = 0u; i < size; i++) {
            turned[i * size + thread] = select(0.0, 1.0, i == thread);
        }
        residual[thread] = select(0.0, lift, thread == params.d);
    }
    best_scores[thread] = nearest;
    best_rows[thread] = nearest_row;
    reduce(thread);
}

// Puts the vector of the first `count` that lies furthest along the residual into place 0.
fn price(problem: u32, count: u32, thread: u32) {
    var best = LOWEST;
    var best_row = NONE;
    for (var row = thread; row < count; row += TINY_THREADS) {
        var score = 0.0;
        for (var k = 0u; k < params.d; k++) {
            score = fma(residual[k], at(problem, k, row), score);
        }
        if score > best {
            best = score;
            best_row = row;
        }
    }
    best_scores[thread] = best;
    best_rows[thread] = best_row;
    reduce(thread);
}

// Extend the factor by a vector that shortens the residual; sets `entered` if it does.
fn enter(problem: u32, row: u32, thread: u32) {
    let size = params.d + 1u;
    let k = active_count;
    if thread < params.d {
        // There is no best row if all scores are NaN.
        vector[thread] = at(problem, thread, min(row, params.rows - 1u));
    }
    if thread == params.d {
        vector[thread] = lift;
    }
    workgroupBarrier();
    if thread < size {
        var sum = 0.0;
        for (var j = 0u; j < size; j++) {
            sum = fma(turned[thread * size + j], vector[j], sum);
        }
        turn[thread] = sum;
    }
    workgroupBarrier();
    if thread == 0u {
        var rest = 0.0;
        var gain = 0.0;
        var length = 0.0;
        for (var i = 0u; i < size; i++) {
            length = fma(vector[i], vector[i], length);
            if i >= k {
                rest = fma(turn[i], turn[i], rest);
                gain = fma(turn[i], lift * turned[i * size + params.d], gain);
            }
        }
        rest = sqrt(rest);
        length = sqrt(length);
        entered = select(0u, 1u, k < size && rest > TINY_DEPENDENT * length && gain > TINY_IMPROVES * length * sqrt(square));
        if entered == 1u {
            // Householder's reflection of the part below R onto its first axis.
            let pivot = select(rest, -rest, turn[k] > 0.0);
            turn[k] -= pivot;
            half = -pivot * turn[k];
            for (var i = 0u; i < k; i++) {
                factor[k * size + i] = turn[i];
            }
            factor[k * size + k] = pivot;
            ids[k] = row;
            u[k] = 0.0;
            active_count = k + 1u;
        }
    }
    if workgroupUniformLoad(&entered) == 1u && thread < size {
        var sum = 0.0;
        for (var i = k; i < size; i++) {
            sum = fma(turn[i], turned[i * size + thread], sum);
        }
        for (var i = k; i < size; i++) {
            turned[i * size + thread] -= turn[i] / half * sum;
        }
    }
    workgroupBarrier();
}

// Thread 0: a step towards the least-squares solution; sets the column that stops it and must leave R, if one does.
fn solve() {
    let size = params.d + 1u;
    let k = active_count;
    for (var i = 0u; i < k; i++) {
        next[i] = lift * turned[i * size + params.d];
    }
    var step = 1.0;
    leaving = NONE;
    for (var left = k; left > 0u; left--) {
        let j = left - 1u;
        let value = next[j] / factor[j * size + j];
        next[j] = value;
        for (var i = 0u; i < j; i++) {
            next[i] -= value * factor[j * size + i];
        }
        if value <= 0.0 {
            let part = select(0.0, u[j] / (u[j] - value), u[j] > 0.0);
            if leaving == NONE || part < step {
                step = part;
                leaving = j;
            }
        }
    }
    for (var i = 0u; i < k; i++) {
        u[i] += step * (next[i] - u[i]);
    }
    if leaving == NONE {
        return;
    }
    active_count = k - 1u;
    for (var j = leaving; j < k - 1u; j++) {
        ids[j] = ids[j + 1u];
        u[j] = u[j + 1u];
        for (var i = 0u; i < j + 2u; i++) {
            factor[j * size + i] = factor[(j + 1u) * size + i];
        }
    }
    for (var i = leaving; i < k - 1u; i++) {
        let upper = factor[i * size + i];
        let lower = factor[i * size + i + 1u];
        let length = sqrt(upper * upper + lower * lower);
        let turn = vec2<f32>(upper, lower) / length;
        rotations[i] = turn;
        factor[i * size + i] = length;
        for (var j = i + 1u; j < k - 1u; j++) {
            let pair = vec2<f32>(factor[j * size + i], factor[j * size + i + 1u]);
            factor[j * size + i] = dot(turn, pair);
            factor[j * size + i + 1u] = turn.x * pair.y - turn.y * pair.x;
        }
    }
}

// Lawson and Hanson's inner loop, then the residual.
fn settle(thread: u32) {
    let size = params.d + 1u;
    for (var left = size; left > 0u; left--) {
        if thread == 0u {
            solve();
        }
        let gone = workgroupUniformLoad(&leaving);
        if gone == NONE {
            break;
        }
        if thread < size {
            for (var i = gone; i < active_count; i++) {
                let upper = turned[i * size + thread];
                let lower = turned[(i + 1u) * size + thread];
                turned[i * size + thread] = rotations[i].x * upper + rotations[i].y * lower;
                turned[(i + 1u) * size + thread] = rotations[i].x * lower - rotations[i].y * upper;
            }
        }
        workgroupBarrier();
    }
    if thread < size {
        var sum = 0.0;
        for (var i = active_count; i < size; i++) {
            sum = fma(lift * turned[i * size + params.d], turned[i * size + thread], sum);
        }
        residual[thread] = sum;
    }
    if thread == 0u {
        square = 0.0;
        for (var i = active_count; i < size; i++) {
            let share = lift * turned[i * size + params.d];
            square = fma(share, share, square);
        }
    }
    workgroupBarrier();
}

// Thread 0: whether a score is below zero by more than its rounding.
fn behind(score: f32) -> bool {
    var length = 0.0;
    for (var k = 0u; k < params.d; k++) {
        length = fma(residual[k], residual[k], length);
    }
    return score < -f32(params.d + 4u) * TINY_BEHIND * sqrt(length) * lift;
}

// Judges one size: sets `outcome` to OUTSIDE, INSIDE or OPEN.
fn judge(problem: u32, count: u32, thread: u32) {
    for (var left = TINY_ROUNDS; left > 0u; left--) {
        price(problem, count, thread);
        if thread == 0u {
            outcome = select(select(UNKNOWN, OUTSIDE, behind(best_scores[0])), INSIDE, vanished());
        }
        if workgroupUniformLoad(&outcome) != UNKNOWN {
            return;
        }
        enter(problem, workgroupUniformLoad(&best_rows[0]), thread);
        if workgroupUniformLoad(&entered) == 0u {
            break;
        }
        settle(thread);
    }
    if thread == 0u {
        outcome = OPEN;
    }
    workgroupBarrier();
}

// Thread 0: whether the residual is zero up to rounding.
fn vanished() -> bool {
    return square <= TINY_VANISHED * TINY_VANISHED * lift * lift;
}

@compute @workgroup_size(TINY_THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let item = group.x + group.y * groups.x;
    if item >= params.problems {
        return;
    }
    let problem = params.first_problem + item;
    begin(problem, min(sizes[0], params.rows), thread);
    enter(problem, workgroupUniformLoad(&best_rows[0]), thread);
    settle(thread);
    if thread == 0u {
        outcome = OUTSIDE;
    }
    for (var s = 0u; s < params.sizes; s++) {
        // After INSIDE or OPEN the later sizes have the same outcome.
        if workgroupUniformLoad(&outcome) == OUTSIDE {
            judge(problem, min(sizes[s], params.rows), thread);
        }
        let kind = workgroupUniformLoad(&outcome);
        let place = problem * params.sizes + s;
        if thread == 0u {
            claims[place] = kind;
        }
        if kind == OUTSIDE && thread < params.d {
            directions[place * params.d + thread] = residual[thread];
        }
    }
    if workgroupUniformLoad(&outcome) == INSIDE && thread <= params.d {
        supports[problem * (params.d + 1u) + thread] = select(NONE, ids[thread], thread < active_count);
    }
}
