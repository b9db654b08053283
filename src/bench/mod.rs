//! Measures how fast the engines of this machine are, and whether they agree.
//!
//! The same seeded rows and queries go through every [`Candidate`]; the answers of the first one are the expected ones.
//! Each figure is the median of repeats after a warm-up. Verdicts and neighbours (row numbers and f64 distances) are
//! compared first; an engine with different answers is reported as such, without a ratio and without a curve. Results
//! are the plain types of [`crate::study::bench`], which [`crate::report`] writes and draws. `survey` checks the adapters.

mod candidates;
#[cfg(feature = "gpu")]
mod devices;
mod machine;
mod measure;
mod product;
mod workload;

pub use candidates::{Candidate, PrepareProduct, ReadBack, candidates};
#[cfg(feature = "gpu")]
pub use devices::survey;
pub use machine::{date, machine};

use crate::control::Control;
use crate::error::{Error, Result};
use crate::hull::Verdict;
use crate::notion::metric::Near;
use crate::study::bench::{EngineReport, Report, Shape, SweepPoint, Verdicts};
use clap::ArgAction;
use itertools::Itertools;
use measure::{Answers, Limits};
use workload::Workload;

/// How many queries' neighbours are compared at each point of a sweep.
const SPOT_CHECK: usize = 64;

/// What to measure. Built by a front end, validated by [`BenchPlan::check`].
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct BenchPlan {
    #[command(flatten)]
    pub shape: Shape,
    /// Share of the queries that lie inside the hull: these take more scans
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub inside: f64,
    /// Time scans against these numbers of rows [default with --plot: N/16, N/8, .., N]
    #[arg(long, value_name = "N,N,..", value_delimiter = ',')]
    pub sizes: Vec<usize>,
    /// Time scans against these numbers of columns [default with --plot: D/8, D/4, .., 2 D]
    #[arg(long, value_name = "D,D,..", value_delimiter = ',')]
    pub dims: Vec<usize>,
    /// Repeats of each measurement, after one to warm up
    #[arg(long, value_name = "R", default_value_t = 5)]
    pub repeats: usize,
    /// Repeat a measurement no more once it has taken this many seconds in all
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0)]
    pub patience: f64,
    /// Seed of rows and queries
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Time no hull verdicts
    #[arg(long = "no-hull", action = ArgAction::SetFalse)]
    pub hull: bool,
}

/// The numbers of a curve that were asked for, or else the usual ones above 0; ascending.
fn curve(asked: &[usize], usual: Option<[usize; 5]>) -> Vec<usize> {
    let usual = usual.into_iter().flatten().filter(|&number| number > 0);
    let all = match asked.is_empty() {
        true => usual.collect(),
        false => asked.to_vec(),
    };
    all.into_iter().sorted_unstable().dedup().collect()
}

impl BenchPlan {
    /// The plan with the usual points of the curves where none were asked for, if `usual` is set.
    pub fn with_curves(self, usual: bool) -> Self {
        let (n, d) = (self.shape.rows, self.shape.dim);
        let sizes = usual.then_some([n / 16, n / 8, n / 4, n / 2, n]);
        let dims = usual.then_some([d / 8, d / 4, d / 2, d, d.saturating_mul(2)]);
        BenchPlan {
            sizes: curve(&self.sizes, sizes),
            dims: curve(&self.dims, dims),
            ..self
        }
    }

    /// An inconsistent plan is an [`Error::Usage`]; must be called before outputs are created.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Usage(what));
        let Shape {
            rows,
            dim,
            queries,
            k,
        } = self.shape;
        let all = [
            ("--rows", rows),
            ("--dim", dim),
            ("--queries", queries),
            ("-k", k),
            ("--repeats", self.repeats),
        ];
        let sweeps = self.sizes.iter().map(|&n| ("--sizes", n));
        let sweeps = sweeps.chain(self.dims.iter().map(|&d| ("--dims", d)));
        for (name, value) in all.into_iter().chain(sweeps) {
            if value == 0 {
                return wrong(format!("{name} is 0; it must be at least 1"));
            }
        }
        if k > rows {
            return wrong(format!(
                "-k is {k}, and there are {rows} rows: ask for at most as many neighbours as there are rows"
            ));
        }
        if !(0.0..=1.0).contains(&self.inside) {
            return wrong(format!(
                "--inside is {}; it is a share of the queries, between 0 and 1",
                self.inside
            ));
        }
        if !(self.patience >= 0.0 && self.patience.is_finite()) {
            return wrong(format!(
                "--patience is {}; it must be a number of seconds",
                self.patience
            ));
        }
        if self.bytes().is_none() {
            return wrong(format!(
                "{rows} rows, {dim} columns and {queries} queries are more than a machine can address; ask for fewer"
            ));
        }
        Ok(())
    }

    /// Memory for the rows and queries of the largest shape; `None` on overflow.
    pub fn bytes(&self) -> Option<u64> {
        let each = self.shapes().map(|shape| {
            // f32 rows, twice while they are generated; f64 queries, and the solver's copies of them.
            let rows = (shape.rows as u64).checked_mul(8)?;
            let queries = (shape.queries as u64).checked_mul(32)?;
            rows.checked_add(queries)?.checked_mul(shape.dim as u64)
        });
        each.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// The main shape and those of the sweeps.
    fn shapes(&self) -> impl Iterator<Item = Shape> {
        let by_rows = self.sizes.iter().map(|&rows| self.with_rows(rows));
        let by_dim = self.dims.iter().map(|&dim| self.with_dim(dim));
        std::iter::once(self.shape).chain(by_rows).chain(by_dim)
    }

    fn with_rows(&self, rows: usize) -> Shape {
        let k = self.shape.k.min(rows);
        Shape {
            rows,
            k,
            ..self.shape
        }
    }

    fn with_dim(&self, dim: usize) -> Shape {
        Shape { dim, ..self.shape }
    }

    fn limits(&self) -> Limits {
        Limits {
            repeats: self.repeats,
            patience: self.patience,
        }
    }
}

/// The curve to which a point belongs.
#[derive(Clone, Copy)]
enum Sweep {
    Rows,
    Dim,
}

/// Measure every engine; `watch` is told which measurement is running.
///
/// Errors: an inconsistent plan, no engines, errors of an engine, [`Error::Interrupted`].
pub fn run(
    plan: &BenchPlan,
    engines: &[Candidate],
    control: &Control,
    watch: &mut dyn FnMut(&str),
) -> Result<Report> {
    plan.check()?;
    let (mut reports, verdicts) = main_shape(plan, engines, control, watch)?;
    let by_rows = plan.sizes.iter().map(|&n| (Sweep::Rows, plan.with_rows(n)));
    let by_dim = plan.dims.iter().map(|&d| (Sweep::Dim, plan.with_dim(d)));
    for (sweep, shape) in by_rows.chain(by_dim) {
        watch(&format!(
            "{} x {}, {} queries: the nearest scan",
            shape.rows, shape.dim, shape.queries
        ));
        sweep_point(plan, sweep, shape, engines, &mut reports, control)?;
    }
    compare(&mut reports);
    Ok(Report {
        shape: plan.shape,
        seed: plan.seed,
        verdicts,
        engines: reports,
    })
}

/// All figures for the plan's main shape.
fn main_shape(
    plan: &BenchPlan,
    engines: &[Candidate],
    control: &Control,
    watch: &mut dyn FnMut(&str),
) -> Result<(Vec<EngineReport>, Option<Verdicts>)> {
    watch("making rows and queries");
    let work = Workload::new(plan.shape, plan.inside, plan.seed);
    let mut judge: Option<Answers> = None;
    let mut reports = Vec::new();
    for candidate in engines {
        let name = candidate.engine.describe();
        let mut say = |what: &str| watch(&format!("{}: {what}", candidate.label));
        let earlier = candidate.proved();
        let (figures, answers) = measure::all(
            plan.limits(),
            plan.hull,
            candidate,
            &work,
            control,
            &mut say,
        )?;
        let differs = judge.as_ref().and_then(|judge| difference(judge, &answers));
        judge.get_or_insert(answers);
        reports.push(EngineReport {
            label: candidate.label.clone(),
            engine: name,
            differs,
            fell_back: candidate.fell_back_since(earlier),
            figures,
            by_rows: Vec::new(),
            by_dim: Vec::new(),
            scan_speedup: None,
            hull_speedup: None,
            neighbours_speedup: None,
        });
    }
    let judge = judge.ok_or_else(|| Error::Usage("there is no engine to measure".into()))?;
    Ok((reports, plan.hull.then(|| count(&judge.verdicts))))
}

/// One shape of a curve, on every engine that still agrees.
fn sweep_point(
    plan: &BenchPlan,
    sweep: Sweep,
    shape: Shape,
    engines: &[Candidate],
    reports: &mut [EngineReport],
    control: &Control,
) -> Result<()> {
    let work = Workload::new(shape, plan.inside, plan.seed);
    let mut judge: Option<Answers> = None;
    for (candidate, report) in engines.iter().zip(reports) {
        if !Report::comparable(report) {
            continue;
        }
        let earlier = candidate.proved();
        let (timing, answers) =
            measure::nearest_only(plan.limits(), candidate, &work, SPOT_CHECK, control)?;
        if let Some(what) = judge.as_ref().and_then(|judge| difference(judge, &answers)) {
            report.differs = Some(format!("at {} x {}: {what}", shape.rows, shape.dim));
            report.by_rows.clear();
            report.by_dim.clear();
            continue;
        }
        judge.get_or_insert(answers);
        if candidate.fell_back_since(earlier) {
            // The engine has warned; the time would be the CPU's.
            continue;
        }
        let points = match sweep {
            Sweep::Rows => &mut report.by_rows,
            Sweep::Dim => &mut report.by_dim,
        };
        points.push(SweepPoint { shape, timing });
    }
    Ok(())
}

/// Ratios to the first engine, for engines that gave the same answers without help of the CPU.
fn compare(reports: &mut [EngineReport]) {
    let Some((first, others)) = reports.split_first_mut() else {
        return;
    };
    let judge = &first.figures;
    for other in others.iter_mut().filter(|other| Report::comparable(other)) {
        let own = &other.figures;
        other.scan_speedup = Some(own.nearest.gflop_per_second / judge.nearest.gflop_per_second);
        other.neighbours_speedup =
            Some(own.neighbours.queries_per_second / judge.neighbours.queries_per_second);
        other.hull_speedup = own
            .hull
            .as_ref()
            .zip(judge.hull.as_ref())
            .map(|(own, judge)| own.queries_per_second / judge.queries_per_second);
    }
}

fn count(verdicts: &[Verdict]) -> Verdicts {
    let of = |wanted| {
        verdicts
            .iter()
            .filter(|&&verdict| verdict == wanted)
            .count() as u64
    };
    Verdicts {
        inside: of(Verdict::Inside),
        outside: of(Verdict::Outside),
        undecided: of(Verdict::Undecided),
    }
}

/// How an engine's answers differ from the expected ones; `None` if they are the same.
fn difference(judge: &Answers, other: &Answers) -> Option<String> {
    let verdicts = judge.verdicts.iter().zip(&other.verdicts);
    let wrong: Vec<usize> = verdicts
        .enumerate()
        .filter(|(_, (judge, other))| judge != other)
        .map(|(query, _)| query)
        .collect();
    if let Some(&query) = wrong.first() {
        return Some(format!(
            "{} verdicts; query {query} is {}, not {}",
            wrong.len(),
            word(other.verdicts[query]),
            word(judge.verdicts[query])
        ));
    }
    let neighbours = judge.neighbours.iter().zip(&other.neighbours);
    let wrong: Vec<usize> = neighbours
        .enumerate()
        .filter(|(_, (judge, other))| judge != other)
        .map(|(query, _)| query)
        .collect();
    let &query = wrong.first()?;
    let place = judge.neighbours[query]
        .iter()
        .zip(&other.neighbours[query])
        .position(|(judge, other)| judge != other)
        .unwrap_or(0);
    Some(format!(
        "neighbours of {} queries; number {} of query {query} is {}, not {}",
        wrong.len(),
        place + 1,
        near(other.neighbours[query].get(place)),
        near(judge.neighbours[query].get(place))
    ))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Inside => "inside",
        Verdict::Outside => "outside",
        Verdict::Undecided => "undecided",
    }
}

fn near(found: Option<&Near>) -> String {
    found.map_or("missing".into(), |(row, distance)| {
        format!("row {row} at {distance}")
    })
}
