//! Membership by linear programming (Clarabel), independent of the library.
//!
//! With c the mean of the rows, `max s : sum l_i x_i = c + s (q - c), sum l = 1, l >= 0, s <= 4` has its optimum at 1
//! or more exactly if q is in the hull. If the optimum is close to 1 the query is close to the boundary, and tests that
//! compare verdicts skip it.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT,
};

/// How far the query can be pushed out from the mean: below 1 outside, above 1 inside; `None` if the LP failed.
pub fn reach(d: usize, rows: &[f64], query: &[f64]) -> Option<f64> {
    let n = rows.len() / d;
    let centre: Vec<f64> = (0..d)
        .map(|j| rows.iter().skip(j).step_by(d).sum::<f64>() / n as f64)
        .collect();
    // Columns: l_1 .. l_n, s. Rows: d equations, sum l = 1, then -l <= 0 and s <= 4.
    let (mut row, mut value, mut start) = (Vec::new(), Vec::new(), vec![0]);
    for i in 0..n {
        for j in 0..d {
            row.push(j);
            value.push(rows[i * d + j] - centre[j]);
        }
        row.extend([d, d + 1 + i]);
        value.extend([1.0, -1.0]);
        start.push(row.len());
    }
    for j in 0..d {
        row.push(j);
        value.push(centre[j] - query[j]);
    }
    row.push(d + 1 + n);
    value.push(1.0);
    start.push(row.len());
    let matrix = CscMatrix::new(d + 2 + n, n + 1, start, row, value);
    let mut right = vec![0.0; d + 2 + n];
    right[d] = 1.0;
    right[d + 1 + n] = 4.0;
    let mut cost = vec![0.0; n + 1];
    cost[n] = -1.0;
    let cones = [ZeroConeT(d + 1), NonnegativeConeT(n + 1)];
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .build()
        .unwrap();
    let mut solver = DefaultSolver::new(
        &CscMatrix::zeros((n + 1, n + 1)),
        &cost,
        &matrix,
        &right,
        &cones,
        settings,
    )
    .unwrap();
    solver.solve();
    (solver.solution.status == SolverStatus::Solved).then(|| solver.solution.x[n])
}
