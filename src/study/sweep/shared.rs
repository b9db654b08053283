//! One reference set for many queries, at growing sizes: the solver on a prefix, for the queries still outside.

use super::{Law, LawPlan, Point, ascending, check_memory, check_numbers, count, once};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::hull::tiny::Turn;
use crate::hull::{Settings, Solver, Verdict};
use crate::rows::view::{Prefix, SomeColumns};
use crate::rows::{Memory, Rows};
use crate::scan::Engine;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Numbers (in f64) of queries that are asked together.
const BLOCK: usize = 4 << 20;

/// Which columns make the first d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// A seeded order, so that each d is a random subset that holds the smaller ones.
    Seeded,
    /// As they stand: for columns in order of importance, like principal components.
    Leading,
}

/// What to find out about a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataPlan {
    /// Numbers of columns.
    pub dims: Vec<usize>,
    /// Numbers of reference rows: seeded random subsets, each of which holds the smaller ones.
    pub sizes: Vec<usize>,
    pub order: Order,
    pub seed: u64,
    /// Bytes of rows that may be in memory.
    #[serde(skip)]
    pub memory: u64,
}

impl DataPlan {
    /// The same points, each once: dimensions in the order in which they are named first, sizes ascending.
    pub fn without_repeats(mut self) -> Self {
        self.dims = once(&self.dims);
        self.sizes = ascending(&self.sizes);
        self
    }

    /// What does not fit the sets, as [`Error::Usage`].
    pub fn check(&self, reference: &dyn Rows, queries: &dyn Rows) -> Result<()> {
        check_numbers("dimension", &self.dims)?;
        check_numbers("size", &self.sizes)?;
        let wrong = |what: String| Err(Error::Usage(what));
        if reference.dim() != queries.dim() {
            return wrong(format!(
                "the two sets have different dimensions: {} has {} columns, {} has {}; both must come from the same space",
                reference.name(),
                reference.dim(),
                queries.name(),
                queries.dim()
            ));
        }
        let [d, n] = [&self.dims, &self.sizes].map(|all| all.iter().copied().max().unwrap_or(1));
        if d > reference.dim() {
            return wrong(format!(
                "{d} dimensions were asked for and {} has {}",
                reference.name(),
                reference.dim()
            ));
        }
        if n > reference.len() {
            return wrong(format!(
                "a size of {n} was asked for and {} has {} rows",
                reference.name(),
                reference.len()
            ));
        }
        check_memory(n, d, 0, self.memory)
    }
}

/// Rates of a data set: points by d, then N, in the plan's order, each once; their law is the reference's name.
///
/// Errors: a plan that does not fit ([`Error::Usage`]), rows that can no longer be read, [`Error::Interrupted`].
pub fn run_data(
    plan: &DataPlan,
    reference: &dyn Rows,
    queries: &dyn Rows,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<Point>> {
    plan.check(reference, queries)?;
    let plan = plan.clone().without_repeats();
    let sizes = &plan.sizes;
    let all = reference.dim();
    let columns = match plan.order {
        Order::Seeded => shuffled(all, all, plan.seed),
        Order::Leading => (0..all).collect(),
    };
    let most = sizes[sizes.len() - 1];
    let rows = shuffled(reference.len(), most, plan.seed.wrapping_add(1));
    let mut points = Vec::new();
    for &d in &plan.dims {
        let part = |rows| SomeColumns::new(rows, columns[..d].to_vec());
        let nested = picked(&part(reference), &rows, control)?;
        let asked = part(queries);
        let turns = turns(&nested, sizes, &asked, engine, control)?;
        points.extend(count(reference.name(), d, sizes, &turns, |_| None));
    }
    Ok(points)
}

/// The first `most` of the numbers below `count` in a seeded random order.
fn shuffled(count: usize, most: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    rand::seq::index::sample(&mut random, count, most).into_vec()
}

/// Some rows in a given order, in memory.
fn picked(rows: &dyn Rows, order: &[usize], control: &Control) -> Result<Memory> {
    let d = rows.dim();
    let (mut single, mut double) = (Vec::new(), Vec::new());
    let step = (BLOCK / rows.dim()).max(1);
    let mut values = Vec::new();
    for part in order.chunks(step) {
        control.check()?;
        values.resize(part.len() * d, 0.0);
        rows.gather(part, &mut values)?;
        if rows.fits_f32() {
            single.extend(values.iter().map(|&value| value as f32));
        } else {
            double.extend_from_slice(&values);
        }
    }
    Ok(if rows.fits_f32() {
        Memory::from_f32(rows.name(), d, single)
    } else {
        Memory::from_f64(rows.name(), d, double)
    })
}

/// One reference of a law, and queries of the same kind: of the same subspace, curve or clusters.
pub(super) fn law(
    plan: &LawPlan,
    law: Law,
    d: usize,
    sizes: &[usize],
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<Turn>> {
    let (reference, mut more) = law.sample(sizes[sizes.len() - 1], d, plan.seed, 0);
    let mut queries = vec![0.0; plan.trials as usize * d];
    for query in queries.chunks_exact_mut(d) {
        more.query(plan.query, query);
    }
    let queries = Memory::from_f64("queries", d, queries);
    turns(&reference, sizes, &queries, engine, control)
}

/// Where each query turns inside among ascending prefixes of a reference.
fn turns(
    reference: &dyn Rows,
    sizes: &[usize],
    queries: &dyn Rows,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<Turn>> {
    let outside = Turn {
        outside: 0,
        inside: sizes.len(),
    };
    let mut turns = vec![outside; queries.len()];
    let mut open: Vec<usize> = (0..queries.len()).collect();
    for (place, &size) in sizes.iter().enumerate() {
        let rows = Prefix::new(reference, size);
        control.begin(WorkStage::Survey, size as u64);
        let scan = engine.scan(&rows, control)?;
        let mut solver = Solver::new(&rows, &*scan, Settings::default(), control)?;
        control.begin(WorkStage::Hull, open.len() as u64);
        let mut values = Vec::new();
        for part in open.chunks((BLOCK / queries.dim()).max(1)) {
            values.resize(part.len() * queries.dim(), 0.0);
            queries.gather(part, &mut values)?;
            let answers = solver.answer(&values, None, control)?;
            for (&query, answer) in part.iter().zip(answers) {
                match answer.verdict {
                    // Whatever was undecided before is a smaller set, and outside with this one.
                    Verdict::Outside => turns[query].outside = place + 1,
                    Verdict::Inside => turns[query].inside = place,
                    Verdict::Undecided => (),
                }
            }
        }
        open.retain(|&query| turns[query].inside > place);
    }
    Ok(turns)
}
