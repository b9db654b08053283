//! How often a query is inside, as a function of N and d: for laws of random points, or for a data set.
//!
//! For a law, each trial draws its own reference set and one query, and the first rows of a set serve as the smaller sizes:
//! the trials of one (law, d, N) are independent, the rates at two sizes of one (law, d) are not. If one reference is shared
//! by all queries, the interval covers only the variation of the queries. For data, the sets are nested random subsets of
//! the reference. In all cases a query that is inside a set is inside every larger one, and is not judged again.

mod expected;
mod shared;

pub use expected::expected;
pub use shared::{DataPlan, Order, run_data};

use super::rate::wilson95;
use super::theory::barany_furedi;
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::hull::Verdict;
use crate::hull::tiny::{self, Trials, Turn};
use crate::rows::law::{Law, Query};
use crate::scan::Engine;
use serde::{Serialize, Serializer};

/// The range of query variances in which the theory is accurate; beyond it the limit applies: the origin, or no point.
const LEAST_VARIANCE: f64 = 1e-12;
const MOST_VARIANCE: f64 = 1e12;

/// The plan of a sweep over laws. Built by a front end, checked by [`LawPlan::check`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LawPlan {
    #[serde(serialize_with = "as_text")]
    pub laws: Vec<Law>,
    pub dims: Vec<usize>,
    /// Numbers of reference rows, ascending.
    pub sizes: Vec<usize>,
    /// The number of queries of each (law, d, N).
    pub trials: u64,
    pub seed: u64,
    #[serde(serialize_with = "query_as_text")]
    pub query: Query,
    /// Whether all queries of a (law, d) share one reference set.
    pub shared_reference: bool,
    /// The most bytes of rows in memory.
    #[serde(skip)]
    pub memory: u64,
}

fn as_text<S: Serializer>(laws: &[Law], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(laws.iter().map(Law::to_string))
}

fn query_as_text<S: Serializer>(query: &Query, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(query)
}

/// The rate at one (law, d, N).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The law's text form, or a data set's name.
    pub law: String,
    pub d: usize,
    pub n: usize,
    pub trials: u64,
    pub inside: u64,
    pub undecided: u64,
    /// inside / trials.
    pub rate: f64,
    /// Wilson's 95 % interval of the rate.
    pub interval95: [f64; 2],
    /// The exact probability, where a theorem gives it.
    pub theory: Option<f64>,
    /// Expected vertices of the hull of n + 1 such points, by Efron's identity (1965) from the share that is not inside:
    /// (n + 1)(1 - rate). It holds for a fresh reference per trial and queries of the rows' law, not for a shared reference.
    pub vertices: Option<f64>,
    /// The exact expectation of the same.
    pub vertices_theory: Option<f64>,
}

impl LawPlan {
    /// The plan without repeated points: laws and dimensions in the order of their first appearance, sizes ascending.
    pub fn without_repeats(mut self) -> Self {
        self.laws = once(&self.laws);
        self.dims = once(&self.dims);
        self.sizes = ascending(&self.sizes);
        self
    }

    /// Checks the plan. Errors: [`Error::Usage`].
    pub fn check(&self) -> Result<()> {
        check_numbers("dimension", &self.dims)?;
        check_numbers("size", &self.sizes)?;
        let wrong = |what: String| Err(Error::Usage(what));
        if self.laws.is_empty() || self.trials == 0 {
            return wrong("a sweep needs at least one law and one trial".into());
        }
        for &law in &self.laws {
            self.dims.iter().try_for_each(|&d| law.check(d))?;
            if let Query::Variance(variance) = self.query {
                if variance != 0.0 && !(LEAST_VARIANCE..=MOST_VARIANCE).contains(&variance) {
                    return wrong(format!(
                        "the query variance is {variance}; it must be 0, or from {LEAST_VARIANCE:e} to {MOST_VARIANCE:e}"
                    ));
                }
                if !law.has_variance() {
                    return wrong(format!(
                        "a query variance goes with gaussian and subspace:D, not with {law}"
                    ));
                }
            }
        }
        let [n, d] = [&self.sizes, &self.dims].map(|all| all.iter().copied().max().unwrap_or(1));
        let of_law = self.laws.iter().map(|law| law.bytes(d)).max().unwrap_or(0);
        let numbers = if self.shared_reference { d as u64 } else { 0 };
        let answers = self
            .trials
            .saturating_mul(8 * numbers + size_of::<Turn>() as u64);
        check_memory(n, d, of_law.saturating_add(answers), self.memory)
    }
}

/// The values without repeats, in order of first appearance.
fn once<T: Copy + PartialEq>(all: &[T]) -> Vec<T> {
    let mut kept = Vec::new();
    for &value in all {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// The sizes sorted, without repeats.
fn ascending(sizes: &[usize]) -> Vec<usize> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Refuses an empty list, and lists with a 0.
fn check_numbers(what: &str, numbers: &[usize]) -> Result<()> {
    match numbers.iter().min() {
        None => Err(Error::Usage(format!("a sweep needs at least one {what}"))),
        Some(0) => Err(Error::Usage(format!(
            "a {what} of a sweep must be at least 1"
        ))),
        Some(_) => Ok(()),
    }
}

/// Refuses a set that does not fit the memory, before it is drawn.
fn check_memory(n: usize, d: usize, more: u64, memory: u64) -> Result<()> {
    let bytes = tiny::bytes(n, d).saturating_add(more);
    if bytes > memory {
        return Err(Error::Usage(format!(
            "{n} rows in {d} dimensions take {} MiB with all answers, and {} MiB may be used; ask for fewer rows, \
             dimensions or trials, or give more with --memory",
            bytes >> 20,
            memory >> 20
        )));
    }
    Ok(())
}

/// Runs the plan: points by law, then d, then N, in the plan's order and without repeats.
///
/// `engine` scans shared references, and may help with the others. Errors: an invalid plan ([`Error::Usage`]), and
/// [`Error::Interrupted`].
pub fn run(plan: &LawPlan, engine: &dyn Engine, control: &Control) -> Result<Vec<Point>> {
    plan.check()?;
    let plan = &plan.clone().without_repeats();
    let sizes = &plan.sizes;
    let mut points = Vec::new();
    let pairs = (plan.laws.len() * plan.dims.len()) as u64;
    if !plan.shared_reference {
        control.begin(WorkStage::Trials, pairs * plan.trials);
    }
    for &law in &plan.laws {
        for &d in &plan.dims {
            let turns = if plan.shared_reference {
                shared::law(plan, law, d, sizes, engine, control)?
            } else {
                let trials = Trials {
                    law,
                    query: plan.query,
                    d,
                    seed: plan.seed,
                };
                fresh(&trials, plan, sizes, engine, control)?
            };
            let theory = |n| expected(law, plan.query, d, n);
            let mut of_law = count(&law.to_string(), d, sizes, &turns, theory);
            if plan.query == Query::Same && !plan.shared_reference {
                of_law.iter_mut().for_each(|point| efron(law, point));
            }
            points.extend(of_law);
        }
    }
    Ok(points)
}

/// The trials with fresh references, with the engine's help if it has any.
fn fresh(
    trials: &Trials,
    plan: &LawPlan,
    sizes: &[usize],
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<Turn>> {
    let (all, memory) = (0..plan.trials, plan.memory);
    match engine.small() {
        None => tiny::first_inside(trials, all, sizes, memory, control),
        Some(small) => tiny::first_inside_with(small, trials, all, sizes, memory, control)
            .map(|(turns, _)| turns),
    }
}

/// The rates from the queries' turns, the sizes at which each query becomes inside.
fn count(
    law: &str,
    d: usize,
    sizes: &[usize],
    turns: &[Turn],
    theory: impl Fn(usize) -> Option<f64>,
) -> Vec<Point> {
    let trials = turns.len() as u64;
    let point = |(place, &n): (usize, &usize)| {
        let of = |verdict| {
            let found = turns.iter().filter(|turn| turn.verdict(place) == verdict);
            found.count() as u64
        };
        let inside = of(Verdict::Inside);
        Point {
            law: law.into(),
            d,
            n,
            trials,
            inside,
            undecided: of(Verdict::Undecided),
            rate: inside as f64 / trials as f64,
            interval95: wilson95(inside, trials),
            theory: theory(n),
            vertices: None,
            vertices_theory: None,
        }
    };
    sizes.iter().enumerate().map(point).collect()
}

/// Adds the expected number of vertices: each of n + 1 points is a vertex if it is outside the hull of the others.
fn efron(law: Law, point: &mut Point) {
    let outside = (point.trials - point.inside) as f64 / point.trials as f64;
    point.vertices = Some((point.n + 1) as f64 * outside);
    point.vertices_theory = expected::vertices(law, point.d, point.n + 1);
}

/// Barany and Furedi's thresholds, each with its dimension, that lie within the range of sizes of their dimension; a single
/// size has none.
pub fn thresholds(points: &[&Point]) -> Vec<(usize, f64)> {
    let mut ranges: Vec<(usize, usize, usize)> = Vec::new();
    for point in points {
        match ranges.iter_mut().find(|(d, ..)| *d == point.d) {
            Some((_, least, most)) => {
                (*least, *most) = (point.n.min(*least), point.n.max(*most));
            }
            None => ranges.push((point.d, point.n, point.n)),
        }
    }
    let within = |(d, least, most): (usize, usize, usize)| {
        let threshold = barany_furedi(d as u64);
        let inside = (least as f64..=most as f64).contains(&threshold);
        (least < most && inside).then_some((d, threshold))
    };
    ranges.into_iter().filter_map(within).collect()
}
