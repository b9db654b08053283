//! The twin of every kernel, for any machine.

use super::{GROUP, Lanes, Panel, QUAD};

/// `out[r][b] = sum_j rows[r][j] lanes[j][b]`.
pub fn product(panel: Panel<'_>, lanes: &Lanes, out: &mut [i32]) {
    let rows = panel.rows.chunks_exact(panel.stride);
    for (row, out) in rows.zip(out.chunks_exact_mut(lanes.count)) {
        let groups = lanes.bytes.chunks_exact(GROUP * panel.stride);
        for (group, out) in groups.zip(out.chunks_exact_mut(GROUP)) {
            let mut sums = [0i32; GROUP];
            let quads = group.chunks_exact(GROUP * QUAD).take(lanes.quads());
            for (quad, x) in quads.zip(row.chunks_exact(QUAD)) {
                for (sum, v) in sums.iter_mut().zip(quad.chunks_exact(QUAD)) {
                    for (x, v) in x.iter().zip(v) {
                        *sum += i32::from(*x) * i32::from(*v);
                    }
                }
            }
            out.copy_from_slice(&sums);
        }
    }
}
