//! Figure 5 of the paper: the vertices of a cube look interpolated after dimension reduction, though none is.
//!
//! Every vertex is judged against all others. In d dimensions none is inside, and its distance to the hull of the others is
//! exactly `1/sqrt(d)`. After a generic linear map to k dimensions exactly `2 sum_{i<k} C(d-1, i)` vertices remain extreme,
//! because the image of the cube is a zonotope of d generic segments.

use crate::control::{self, Control};
use crate::error::{Error, Result};
use crate::hull::{Answer, Settings, Solver, Verdict};
use crate::rows::{Memory, Rows, synthetic};
use crate::scan::Engine;
use crate::space::{Map, random_map};
use crate::study::theory;
use serde::{Deserialize, Serialize};

/// Relative gap of the distance bounds.
const GAP: f64 = 1e-9;

/// The largest d: 2^d rows, each judged against all others.
pub const MOST: u64 = 16;

/// A cube, and the verdicts on its vertices in each space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypercube {
    pub d: u64,
    pub vertices: u64,
    pub views: Vec<View>,
    /// Certified bounds on the distance of every vertex to the hull of the others: the least and the largest.
    pub distance: [f64; 2],
    /// `1/sqrt(d)`.
    pub exact_distance: f64,
}

/// The vertices in one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// `vertices`, `random:K` or the name of an embedding.
    pub space: String,
    pub dim: u64,
    pub inside: u64,
    pub outside: u64,
    pub undecided: u64,
    /// The exact number of vertices outside, where it is known.
    pub exact_outside: Option<u64>,
}

/// Judges each vertex against the others: as they are, after a random linear map to each of `dims` dimensions, and in
/// `embeddings` from elsewhere (one row per vertex, in the order of [`synthetic::hypercube`]).
///
/// Errors ([`Error::Usage`]): d beyond [`MOST`], embeddings of another number of rows.
pub fn run(
    d: u64,
    dims: &[u64],
    embeddings: &[(String, Box<dyn Rows>)],
    seed: u64,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Hypercube> {
    if !(2..=MOST).contains(&d) {
        return Err(Error::Usage(format!(
            "a cube of {d} dimensions: between 2 and {MOST} can be asked about"
        )));
    }
    let cube = synthetic::hypercube(d as usize);
    control.set_task(format!("cube, d = {d}"));
    let answers = among_others(&cube, Some(GAP), engine, control)?;
    let brackets = || answers.iter().filter_map(|answer| answer.distance);
    let distance = [
        brackets().map(|b| b.lower).fold(f64::INFINITY, f64::min),
        brackets().map(|b| b.upper).fold(0.0, f64::max),
    ];
    let all = cube.len() as u64;
    let mut views = vec![view("vertices", d, &answers, Some(all))];
    for &k in dims.iter().filter(|&&k| k < d) {
        control.set_task(format!("cube, d = {d}, random:{k}"));
        let mapped = mapped(&cube, k as usize, seed)?;
        let answers = among_others(&mapped, None, engine, control)?;
        let exact = theory::hypercube_extreme(d, k);
        views.push(view(&format!("random:{k}"), k, &answers, exact));
    }
    for (name, rows) in embeddings {
        if rows.len() as u64 != all {
            return Err(Error::Usage(format!(
                "{} has {} rows, and the cube of {d} dimensions has {all} vertices: one row a vertex is needed",
                rows.name(),
                rows.len()
            )));
        }
        control.set_task(format!("cube, d = {d}, {name}"));
        let answers = among_others(&**rows, None, engine, control)?;
        views.push(view(name, rows.dim() as u64, &answers, None));
    }
    control.set_task("");
    Ok(Hypercube {
        d,
        vertices: all,
        views,
        distance,
        exact_distance: 1.0 / (d as f64).sqrt(),
    })
}

fn view(space: &str, dim: u64, answers: &[Answer], exact_outside: Option<u64>) -> View {
    let count = |verdict| {
        let those = answers.iter().filter(|answer| answer.verdict == verdict);
        those.count() as u64
    };
    View {
        space: space.into(),
        dim,
        inside: count(Verdict::Inside),
        outside: count(Verdict::Outside),
        undecided: count(Verdict::Undecided),
        exact_outside,
    }
}

/// The rows after a random linear map, in f64, because rounding to f32 could move a vertex off a face.
fn mapped(cube: &Memory, dims: usize, seed: u64) -> Result<Memory> {
    let d = cube.dim();
    let map = random_map(d, dims, seed);
    let mut values = vec![0.0; cube.len() * d];
    cube.read_f64(0, &mut values)?;
    let mut out = vec![0.0; cube.len() * dims];
    map.apply(&values, &mut out)?;
    Ok(Memory::from_f64(
        format!("{} after a random map to {dims}", cube.name()),
        dims,
        out,
    ))
}

/// Judges every row against the others.
fn among_others(
    rows: &dyn Rows,
    gap: Option<f64>,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<Answer>> {
    let (n, d) = (rows.len(), rows.dim());
    let passes = if gap.is_some() { 2 } else { 1 };
    control.begin(control::WorkStage::Hull, passes * n as u64);
    let scan = engine.scan(rows, control)?;
    let settings = Settings {
        gap,
        ..Settings::default()
    };
    let mut solver = Solver::new(rows, &*scan, settings, control)?;
    let mut values = vec![0.0; n * d];
    rows.read_f64(0, &mut values)?;
    let each: Vec<usize> = (0..n).collect();
    solver.answer(&values, Some(&each), control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::CpuEngine;

    #[test]
    fn no_vertex_is_inside_and_exactly_so_many_stay_extreme() {
        let control = Control::default();
        let cube = run(6, &[2, 3, 4, 5], &[], 1, &CpuEngine, &control).unwrap();
        let outside: Vec<u64> = cube.views.iter().map(|view| view.outside).collect();
        assert_eq!(outside, [64, 12, 32, 52, 62]);
        for view in &cube.views {
            assert_eq!(view.exact_outside, Some(view.outside), "{view:?}");
            assert_eq!(view.inside + view.outside, 64);
        }
        let exact = 1.0 / 6f64.sqrt();
        assert!(cube.distance[0] <= exact && exact <= cube.distance[1] * (1.0 + 1e-15));
        assert!((cube.distance[1] - cube.distance[0]) < 1e-8);
    }

    #[test]
    fn embeddings_need_a_row_a_vertex() {
        let rows: Box<dyn Rows> = Box::new(synthetic::gaussian(7, 2, 1));
        let found = run(
            3,
            &[],
            &[("file:x".into(), rows)],
            0,
            &CpuEngine,
            &Control::default(),
        );
        assert!(found.unwrap_err().to_string().contains("8 vertices"));
        let rows: Box<dyn Rows> = Box::new(synthetic::sphere(8, 2, 1));
        let found = run(
            3,
            &[],
            &[("file:x".into(), rows)],
            0,
            &CpuEngine,
            &Control::default(),
        );
        assert_eq!(found.unwrap().views[1].outside, 8);
    }
}
