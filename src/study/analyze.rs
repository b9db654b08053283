//! One reference set, one query set: verdicts, distances, neighbours.
//!
//! The reference is surveyed once and the notions are fitted on it; then blocks of queries go through the hull solver, the
//! neighbour search and the notions, and their records to the [`Sink`] in query order. Of the records only the numbers
//! that the summary needs are kept. Of equal reference rows the solver and the scan get only the first, and equal queries
//! of a block are answered once.

use super::notes;
use super::notions::FittedNotion;
pub use super::plan::{AnalysisPlan, Metric, QUANTILE};
use super::rate::share95;
use super::reference::{HullParts, Prepared, Sample, SampleKey};
use super::summary::{ReferenceFacts, SelfTest, Summary, Tally};
use super::survey::Survey;
use super::verdicts::{Extreme, Verdicts};
use super::{Neighbour, Record, Sink};
use crate::control::{self, Control};
use crate::error::{Error, Result};
use crate::hull::{Answer, Solver};
use crate::notion::class::{self, Members};
use crate::notion::metric::Near;
use crate::notion::neighbours::{Neighbours, UnitReference};
use crate::notion::tree::Tree;
use crate::notion::{
    Asked, Block, Classes, Fits, Judgement, Needs, Notion, Reference, fits, sample,
};
use crate::rows::{KnownRows, Pack, Repeats, Rows, Subset};
use crate::scan::{Ahead, CountingEngine, CpuScan, Engine, Frame, Scan};
use crate::space::Layer;
use crate::warnings::Warnings;
use indexmap::IndexMap;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of queries (in f64) in a block.
const BLOCK_BYTES: usize = 32 << 20;

/// The most and the fewest queries of a block: with fewer, the reference would be read too often. `WIDE` is the factor by
/// which a block of the fewest queries may exceed `BLOCK_BYTES` where rows are wide.
const BLOCK_MOST: usize = 8_192;
const BLOCK_LEAST: usize = 256;
const WIDE: usize = 8;

/// The two sets of an analysis.
#[derive(Clone, Copy)]
pub struct Sets<'s> {
    pub reference: &'s dyn Rows,
    pub queries: &'s dyn Rows,
    /// The classes of both sets, for the notions that need them.
    pub classes: Option<&'s Classes>,
    /// The tensors of a network that a row consists of, in order; empty for other rows.
    pub layers: &'s [Layer],
    /// Warnings from making the sets, for the summary.
    pub warnings: &'s [String],
    /// The most bytes for the rows and the search structures built from them.
    pub memory: u64,
}

impl Sets<'_> {
    /// Bytes of `memory` that the rows leave for search structures; 0 for a sharded reference, because a tree would copy all
    /// shards into this process.
    fn room(&self) -> u64 {
        if self.reference.shards().is_some() {
            return 0;
        }
        let resident = self.reference.resident_bytes() + self.queries.resident_bytes();
        self.memory.saturating_sub(resident)
    }
}

/// Analyzes `queries` against `reference` on `engine`; records go to `sink` in query order.
///
/// Errors: a plan that does not fit the sets ([`Error::Usage`]), different dimensions, rows that can no longer be read,
/// errors of the sink, and [`Error::Interrupted`].
pub fn run(
    plan: &AnalysisPlan,
    engine: &dyn Engine,
    reference: &dyn Rows,
    queries: &dyn Rows,
    sink: &mut dyn Sink,
    control: &Control,
) -> Result<Summary> {
    let sets = Sets {
        reference,
        queries,
        classes: None,
        layers: &[],
        warnings: &[],
        memory: u64::MAX,
    };
    run_sets(plan, engine, &sets, sink, control)
}

/// The same for sets whose classes may be known.
pub fn run_sets(
    plan: &AnalysisPlan,
    engine: &dyn Engine,
    sets: &Sets<'_>,
    sink: &mut dyn Sink,
    control: &Control,
) -> Result<Summary> {
    run_prepared(plan, engine, sets, None, sink, control)
}

/// The same with the result of [`prepare`], if there is one, which is then not computed again.
pub fn run_prepared(
    plan: &AnalysisPlan,
    engine: &dyn Engine,
    sets: &Sets<'_>,
    known: Option<&Prepared>,
    sink: &mut dyn Sink,
    control: &Control,
) -> Result<Summary> {
    with_session(plan, engine, sets, known, control, |mut session| {
        session.answer(sets.queries, sink)?;
        session.finish()
    })
}

/// Computes everything about a reference that does not depend on queries.
///
/// Errors: as [`run`].
pub fn prepare(
    plan: &AnalysisPlan,
    engine: &dyn Engine,
    sets: &Sets<'_>,
    control: &Control,
) -> Result<Prepared> {
    with_session(plan, engine, sets, None, control, |mut session| {
        let mut found = session.prepared();
        found.warnings = session.warnings.clone();
        found.warnings.extend(session.noticed());
        Ok(found)
    })
}

/// Prepares a session that answers queries about a reference, and passes it to `then`. Of the queries in `sets` only the
/// number of columns and the size in memory are used.
///
/// Errors: as [`run`], and those of `then`.
pub fn with_session<T>(
    plan: &AnalysisPlan,
    engine: &dyn Engine,
    sets: &Sets<'_>,
    known: Option<&Prepared>,
    control: &Control,
    then: impl FnOnce(Session<'_, '_>) -> Result<T>,
) -> Result<T> {
    let reference = sets.reference;
    let notions = plan.made(sets.classes)?;
    let needs = needs(&notions);
    check(plan, sets, &notions)?;
    let mut clock = Clock::default();
    let engine = &CountingEngine::new(engine);
    let mut noticed: Warnings = engine.take_warnings().into_iter().collect();
    noticed.extend(sets.warnings.iter().cloned());
    control.begin(control::WorkStage::Survey, 2 * reference.len() as u64);
    let (survey, frame) = surveyed(reference, known, control)?;
    let repeats = survey.repeats.as_ref();
    let subset = repeats.map(|all| all.subset(reference));
    let distinct: &dyn Rows = subset.as_ref().map_or(reference, |subset| subset);
    let scan = engine.scan_in(distinct, frame, control)?;
    let ahead = Ahead::new(&*scan);
    let scan: &dyn Scan = if plan.alone { &ahead } else { &*scan };
    clock.lap("survey");
    let found = match plan.hull && known.is_none_or(|known| known.hull.is_none()) {
        true => Some(HullParts::of(distinct, scan.frame(), control)?),
        false => None,
    };
    let hull = found
        .as_ref()
        .or(known.and_then(|known| known.hull.as_ref()));
    let hull = hull.filter(|_| plan.hull);
    let few = hull.and_then(|hull| hull.extreme.clone());
    let few = few.map(|chosen| Subset::new(distinct.name(), distinct, chosen));
    let few = few.as_ref().map(|few| {
        let frame = scan.frame().of_some(few.chosen());
        (few, engine.counted(Box::new(CpuScan::in_frame(few, frame))))
    });
    let verdicts = hull.map(|hull| {
        let (metric, affine) = (hull.metric.clone(), hull.affine.clone());
        let solver = Solver::of(distinct, scan, plan.settings(), metric, affine);
        Verdicts {
            extreme: few
                .as_ref()
                .map(|(rows, scan)| Extreme::new(&solver, rows, &**scan)),
            solver,
            repeats,
            dim: reference.dim(),
            alone: plan.alone,
            passes: if plan.gap.is_some() { 2 } else { 1 },
        }
    });
    clock.lap("whiten");
    let searched = plan.neighbours.max(needs.neighbours);
    let fits = known.map_or_else(Arc::default, |known| Arc::clone(&known.fits));
    let tree = (searched > 0)
        .then(|| {
            fits.of_some(&format!("tree {:?}", plan.metric), || {
                Tree::where_it_pays(distinct, scan.frame(), plan.metric, sets.room(), control)
            })
        })
        .transpose()?
        .flatten();
    let unit = UnitReference::new(distinct);
    let unit_scan = (plan.metric == Metric::Cosine && searched > 0 && tree.is_none())
        .then(|| {
            control.begin(control::WorkStage::Survey, distinct.len() as u64);
            unit.scan(engine, &fits, control)
        })
        .transpose()?;
    let search_scan: &dyn Scan = unit_scan.as_ref().map_or(scan, |scan| &**scan);
    let search = (searched > 0).then(|| {
        let search = match tree {
            Some(tree) => Neighbours::by_tree(distinct, tree),
            None => Neighbours::new(distinct, search_scan, plan.metric),
        };
        search.filling(repeats)
    });
    let asked = SampleKey::of(plan, needs.neighbours, repeats.is_some());
    let kept = known.and_then(|known| known.sample.as_ref());
    let kept = kept.filter(|kept| kept.asked == asked);
    let found = match (&search, kept) {
        (Some(search), None) => {
            let scanned: (&dyn Rows, &dyn Scan) = (distinct, scan);
            Some(Sample::of(asked, search, reference, scanned, control)?)
        }
        _ => None,
    };
    let sample = found.as_ref().or(kept).filter(|_| search.is_some());
    clock.lap("reference_neighbours");
    let mut facts = reference_facts(reference, scan, &survey, verdicts.as_ref());
    if let Some(sample) = sample {
        sample.describe(&mut facts);
    }
    let members = match sets.classes.filter(|_| needs.classes) {
        Some(classes) => class::members(classes, distinct, repeats),
        None => Vec::new(),
    };
    let by_class = scans_of(&members, engine, &fits, control)?;
    let nothing = Pack::default();
    let reference_known = Reference {
        rows: reference,
        distinct,
        repeats,
        scan,
        whitening: hull.map(|hull| &hull.metric),
        engine,
        metric: plan.metric,
        search: search.as_ref(),
        own: sample.map_or(&[], |sample| &sample.own),
        classes: sets.classes,
        layers: sets.layers,
        by_class: &by_class,
        settings: plan.settings(),
        quantile: plan.quantile,
        seed: plan.seed,
        alone: plan.alone,
        fits: &fits,
        stored: known.map_or(&nothing, |known| &known.notions),
    };
    let fitted = FittedNotion::all(&notions, &reference_known, control)?;
    clock.lap("fit_notions");
    let work = Work {
        plan,
        verdicts,
        search: search.as_ref(),
        searched,
        fitted,
        median: facts.median_nearest,
        known: &survey.known,
        control,
    };
    let mut warnings = notes::of_reference(plan, &facts);
    warnings.extend(notes::of_classes(&notions, sets.classes));
    let mut session = Session {
        engine,
        reference,
        survey: &survey,
        frame: scan.frame(),
        hull,
        sample,
        fits: &fits,
        facts,
        warnings,
        noticed,
        self_test: None,
        queries: 0,
        work,
        tally: Tally::default(),
        clock,
    };
    session.test()?;
    then(session)
}

/// The survey of a reference, and the frame of its distinct rows.
fn surveyed(
    reference: &dyn Rows,
    known: Option<&Prepared>,
    control: &Control,
) -> Result<(Arc<Survey>, Frame)> {
    if let Some(known) = known {
        return Ok((Arc::clone(&known.survey), known.frame.clone()));
    }
    let mut survey = Survey::of(reference, control)?;
    let subset = survey.repeats.as_ref().map(|all| all.subset(reference));
    let distinct: &dyn Rows = subset.as_ref().map_or(reference, |subset| subset);
    let frame = survey.frame(distinct, control)?;
    Ok((Arc::new(survey), frame))
}

/// A prepared reference, and the plan by which queries are answered.
pub struct Session<'p, 'r> {
    engine: &'p CountingEngine<'p>,
    reference: &'p dyn Rows,
    survey: &'p Arc<Survey>,
    frame: &'p Frame,
    hull: Option<&'p HullParts>,
    sample: Option<&'p Sample>,
    fits: &'p Arc<Fits>,
    facts: ReferenceFacts,
    /// What the figures say of the reference.
    warnings: Vec<String>,
    /// What was noticed as the sets were made, and by the engine since.
    noticed: Warnings,
    self_test: Option<SelfTest>,
    /// The number of queries answered so far.
    queries: u64,
    work: Work<'p, 'r>,
    tally: Tally,
    clock: Clock,
}

impl Session<'_, '_> {
    /// Runs the tests on reference rows that the plan asks for.
    fn test(&mut self) -> Result<()> {
        let (plan, control) = (self.work.plan, self.work.control);
        if let Some(verdicts) = &mut self.work.verdicts
            && plan.self_test > 0
        {
            self.self_test = Some(self_test(plan, verdicts, self.reference, control)?);
        }
        self.clock.lap("self_test");
        if plan.leave_one_out > 0 {
            self.work.leave_out(self.reference)?;
            self.clock.lap("leave_one_out");
        }
        Ok(())
    }

    /// Answers queries; their records go to `sink` in order. It may be called again with other queries.
    ///
    /// Errors: as [`run`].
    pub fn answer(&mut self, queries: &dyn Rows, sink: &mut dyn Sink) -> Result<()> {
        same_columns(self.reference, queries)?;
        self.queries += queries.len() as u64;
        self.work.blocks(
            self.reference,
            queries,
            sink,
            &mut self.tally,
            &mut self.clock,
        )
    }

    /// Verdicts on some of the reference's own rows, each against the hull of all others, without distances. A row that equals
    /// another has `None`: it is inside. Empty if the plan has no hull verdicts.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn others(&mut self, rows: &[usize]) -> Result<Vec<Option<Answer>>> {
        let control = self.work.control;
        let Some(verdicts) = &mut self.work.verdicts else {
            return Ok(Vec::new());
        };
        let mut values = vec![0.0; rows.len() * self.reference.dim()];
        self.reference.gather(rows, &mut values)?;
        control.begin(control::WorkStage::LeaveOneOut, rows.len() as u64);
        verdicts.leave_out(rows, &values, control)
    }

    /// The results about the reference.
    pub(super) fn prepared(&self) -> Prepared {
        Prepared {
            survey: Arc::clone(self.survey),
            frame: self.frame.clone(),
            hull: self.hull.cloned(),
            sample: self.sample.cloned(),
            notions: FittedNotion::pack(&self.work.fitted),
            fits: Arc::clone(self.fits),
            warnings: Vec::new(),
        }
    }

    /// All warnings: from making the sets, of the notions, and of the engine.
    fn noticed(&mut self) -> Vec<String> {
        self.noticed
            .extend(FittedNotion::warnings(&self.work.fitted));
        self.noticed.extend(self.engine.take_warnings());
        self.noticed.take()
    }

    /// The summary of all answers. Errors: as [`run`].
    pub fn finish(mut self) -> Result<Summary> {
        FittedNotion::finish(&mut self.work.fitted, self.work.control)?;
        let noticed = self.noticed();
        let Session {
            work,
            mut warnings,
            mut clock,
            mut tally,
            ..
        } = self;
        let plan = work.plan;
        clock.lap("notions");
        let counts = self.engine.counts();
        warnings.extend(notes::of_queries(plan, &tally, self.queries));
        warnings.extend(FittedNotion::notes(&work.fitted));
        warnings.extend(noticed);
        let hull = work.verdicts.as_ref();
        let search = work.search.filter(|_| plan.neighbours > 0);
        Ok(Summary {
            backend: self.engine.describe(),
            queries: self.queries,
            reference: self.facts,
            hull: hull.map(|verdicts| tally.hull(verdicts, plan.gap)),
            neighbours: search.map(|search| tally.neighbours(plan, search.method())),
            notions: work.fitted.into_iter().map(FittedNotion::summary).collect(),
            self_test: self.self_test,
            leakage: tally.leakage(),
            warnings,
            seconds: clock.seconds,
            scan_gflop: counts.flop as f64 * 1e-9,
            scan_gflop_per_second: counts.gflop_per_second(),
            directions: counts.directions,
        })
    }
}

/// A scan of the rows of each class.
fn scans_of<'r>(
    members: &'r [(u32, Subset<'r>)],
    engine: &dyn Engine,
    fits: &Fits,
    control: &Control,
) -> Result<Vec<Members<'r>>> {
    let rows: usize = members.iter().map(|(_, rows)| rows.len()).sum();
    control.begin(control::WorkStage::Survey, rows as u64);
    let scan = |(class, rows): &'r (u32, Subset<'r>)| {
        let fit_name = format!("class {}", fits::of_rows(rows.chosen()));
        Ok(Members {
            class: *class,
            rows,
            scan: fits.scan(&fit_name, rows, engine, control)?,
            fit_name,
        })
    };
    members.iter().map(scan).collect()
}

/// The union of the needs of all notions.
fn needs(notions: &[Box<dyn Notion>]) -> Needs {
    let each = notions.iter().map(|notion| notion.needs());
    each.fold(Needs::default(), |all, one| Needs {
        neighbours: all.neighbours.max(one.neighbours),
        hull: all.hull || one.hull,
        classes: all.classes || one.classes,
        predicted: all.predicted || one.predicted,
    })
}

/// Refuses sets with different numbers of columns ([`Error::Usage`]).
fn same_columns(reference: &dyn Rows, queries: &dyn Rows) -> Result<()> {
    if reference.dim() != queries.dim() {
        return Err(Error::Usage(format!(
            "the two sets have different dimensions: {} has {} columns, {} has {}; both must come from the same space",
            reference.name(),
            reference.dim(),
            queries.name(),
            queries.dim()
        )));
    }
    Ok(())
}

/// Refuses a plan that does not fit the sets.
fn check(plan: &AnalysisPlan, sets: &Sets<'_>, notions: &[Box<dyn Notion>]) -> Result<()> {
    same_columns(sets.reference, sets.queries)?;
    plan.check()?;
    if !plan.hull && plan.neighbours == 0 && notions.is_empty() {
        return Err(Error::Usage(
            "nothing is left to do: verdicts, neighbours and notions are turned off".into(),
        ));
    }
    for notion in notions {
        let needs = notion.needs();
        if needs.hull && !plan.hull {
            return Err(Error::Usage(format!(
                "the notion {} needs hull verdicts, and they are turned off",
                notion.id()
            )));
        }
        if needs.classes && sets.classes.is_none() {
            return Err(Error::Usage(format!(
                "the notion {} needs the classes of both sets: name files of `compare` with --labels and --query-labels, columns of \
                 `analyze` with --label-column; from Python give labels",
                notion.id()
            )));
        }
    }
    if !plan.hull && (plan.gap.is_some() || plan.self_test > 0) {
        return Err(Error::Usage(
            "the distance to the hull and the self-test need hull verdicts".into(),
        ));
    }
    Ok(())
}

/// Wall time by stage.
struct Clock {
    last: Instant,
    seconds: IndexMap<String, f64>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock {
            last: Instant::now(),
            seconds: IndexMap::new(),
        }
    }
}

impl Clock {
    /// Adds the time since the last lap to a stage.
    fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        *self.seconds.entry(stage.into()).or_default() += (now - self.last).as_secs_f64();
        self.last = now;
    }
}

fn reference_facts(
    reference: &dyn Rows,
    scan: &dyn Scan,
    survey: &Survey,
    verdicts: Option<&Verdicts<'_>>,
) -> ReferenceFacts {
    let found = survey.facts(scan.frame());
    let far = found.far_rows.as_ref();
    let affine = verdicts.map(|verdicts| verdicts.solver.affine());
    let flat = affine.and_then(|affine| affine.flat);
    let copies = |all: &Repeats| all.rows() - all.distinct();
    ReferenceFacts {
        rows: reference.len() as u64,
        dim: reference.dim() as u64,
        affine_rank: affine
            .and_then(|affine| affine.rank)
            .map(|rank| rank as u64),
        element: reference.element(),
        flat_rank: flat.map(|flat| flat.rank as u64),
        flat_share: flat.map(|flat| flat.share),
        constant_columns: found.constant_columns,
        duplicate_columns: found.duplicate_columns,
        duplicate_rows: survey.repeats.as_ref().map_or(0, copies) as u64,
        zero_rows: found.zero_rows,
        constant_norm: found.constant_norm,
        far_ratio: far.map(|far| far.ratio),
        far_rows: far.map_or_else(Vec::new, |far| {
            far.rows.iter().map(|&row| reference.number(row)).collect()
        }),
        radius: scan.frame().reference_radius(),
        median_nearest: None,
        nearest_q95: None,
        median_nearest_sample: 0,
        two_nn: None,
        mle: None,
        dimension_sample: 0,
    }
}

/// Judges reference rows against their own set, and each against the set without it.
fn self_test(
    plan: &AnalysisPlan,
    verdicts: &mut Verdicts<'_>,
    reference: &dyn Rows,
    control: &Control,
) -> Result<SelfTest> {
    let d = reference.dim();
    let rows = sample(reference.len(), plan.self_test, plan.seed);
    let settled = (verdicts.passes + 1) * rows.len() as u64;
    control.begin(control::WorkStage::SelfTest, settled);
    let mut with = Tally::default();
    let mut without = Tally::default();
    for part in rows.chunks(block(d)) {
        let mut values = vec![0.0; part.len() * d];
        reference.gather(part, &mut values)?;
        with.hull_answers(&verdicts.answer(&values, control)?);
        if reference.len() > 1 {
            for answer in verdicts.leave_out(part, &values, control)? {
                match answer {
                    Some(answer) => without.hull_answers(&[answer]),
                    None => without.inside += 1,
                }
            }
        }
    }
    let asked = without.inside + without.outside + without.undecided;
    Ok(SelfTest {
        rows: rows.len() as u64,
        inside: with.inside,
        leave_one_out_inside: without.inside,
        leave_one_out_outside: without.outside,
        leave_one_out_undecided: without.undecided,
        leave_one_out_interval95: share95(without.outside, asked),
    })
}

/// The number of queries in a block.
fn block(d: usize) -> usize {
    let fit = BLOCK_BYTES / 8 / d;
    fit.max(BLOCK_LEAST.min(WIDE * fit)).clamp(1, BLOCK_MOST)
}

/// The solvers and searches that answer blocks of queries.
struct Work<'p, 'r> {
    plan: &'p AnalysisPlan,
    verdicts: Option<Verdicts<'r>>,
    search: Option<&'r Neighbours<'r>>,
    /// The number of nearest rows that are searched for.
    searched: usize,
    fitted: Vec<FittedNotion<'r>>,
    median: Option<f64>,
    known: &'p KnownRows,
    control: &'p Control,
}

impl Work<'_, '_> {
    /// Answers all queries, block by block.
    fn blocks(
        &mut self,
        reference: &dyn Rows,
        queries: &dyn Rows,
        sink: &mut dyn Sink,
        tally: &mut Tally,
        clock: &mut Clock,
    ) -> Result<()> {
        let d = queries.dim();
        let (control, all) = (self.control, queries.len() as u64);
        let mut values = Vec::new();
        for first in (0..queries.len()).step_by(block(d)) {
            let count = block(d).min(queries.len() - first);
            values.resize(count * d, 0.0);
            queries.read_f64(first, &mut values)?;
            clock.lap("read_queries");
            let before = first as u64;
            if let (Some(search), true) = (self.search, self.plan.alone && count == 1) {
                search.expect(&values, self.searched);
            }
            let answers = match &mut self.verdicts {
                Some(verdicts) => {
                    let passes = verdicts.passes;
                    control.resume(control::WorkStage::Hull, passes * before, passes * all);
                    verdicts.answer(&values, control)?
                }
                None => Vec::new(),
            };
            clock.lap("hull");
            let near = match &self.search {
                Some(search) => {
                    control.resume(control::WorkStage::Neighbours, before, all);
                    let near = search.nearest(&values, self.searched, control)?;
                    control.advance(count as u64);
                    near
                }
                None => Vec::new(),
            };
            clock.lap("neighbours");
            let answers: Vec<Option<Answer>> = answers.into_iter().map(Some).collect();
            let places: Vec<usize> = (first..first + count).collect();
            let block = Block {
                values: &values,
                dim: d,
                hull: &answers,
                near: &near,
                asked: Asked::Queries {
                    places: &places,
                    of: queries.len(),
                },
            };
            let (judgements, cone) = FittedNotion::judge(&mut self.fitted, &block, control)?;
            clock.lap("notions");
            let mut records = self.records(first, answers, near, judgements, reference, queries);
            for (record, certificate) in records.iter_mut().zip(cone.into_iter().flatten()) {
                record.cone = certificate;
            }
            tally.records(&records);
            tally.zeros(&values, d);
            tally.repeats += self.known.count(reference, &values)?;
            sink.records(&records)?;
            clock.lap("write");
        }
        Ok(())
    }

    /// Lets every notion judge a sample of reference rows, each as if it were not in the reference.
    fn leave_out(&mut self, reference: &dyn Rows) -> Result<()> {
        let d = reference.dim();
        let rows = sample(reference.len(), self.plan.leave_one_out, self.plan.seed);
        let size = block(d);
        for (place, part) in rows.chunks(size).enumerate() {
            let progress = (place * size, rows.len());
            let (before, all) = (progress.0 as u64, progress.1 as u64);
            self.control
                .resume(control::WorkStage::LeaveOneOut, before, all);
            let mut values = vec![0.0; part.len() * d];
            reference.gather(part, &mut values)?;
            let hull = match &mut self.verdicts {
                Some(verdicts) => verdicts.leave_out(part, &values, self.control)?,
                None => Vec::new(),
            };
            let near = match self.search {
                Some(search) => search.others(part, self.searched, self.control)?,
                None => Vec::new(),
            };
            self.control.reach(before + part.len() as u64);
            let block = Block {
                values: &values,
                dim: d,
                hull: &hull,
                near: &near,
                asked: Asked::Others(part),
            };
            FittedNotion::leave_out(&mut self.fitted, &block, progress, self.control)?;
        }
        Ok(())
    }

    fn records(
        &self,
        first: usize,
        answers: Vec<Option<Answer>>,
        near: Vec<Vec<Near>>,
        judgements: Vec<Vec<Judgement>>,
        reference: &dyn Rows,
        queries: &dyn Rows,
    ) -> Vec<Record> {
        let count = judgements.len();
        // Every list must have one entry per query: with a gap, queries would get the answers of others.
        assert!(self.verdicts.is_none() || answers.len() == count);
        assert!(self.search.is_none() || near.len() == count);
        let mut answers = answers.into_iter();
        let mut near = near.into_iter();
        (first..first + count)
            .zip(judgements)
            .map(|(query, judgements)| {
                let neighbours: Vec<Neighbour> = near
                    .next()
                    .unwrap_or_default()
                    .into_iter()
                    .take(self.plan.neighbours)
                    .map(|(row, distance)| Neighbour {
                        row: reference.number(row),
                        distance,
                    })
                    .collect();
                let median = self
                    .median
                    .filter(|&median| median > 0.0 && self.plan.metric != Metric::Dot);
                let ratio = neighbours
                    .first()
                    .zip(median)
                    .map(|(nearest, median)| nearest.distance / median);
                Record {
                    place: query,
                    query: queries.number(query),
                    hull: answers.next().flatten(),
                    cone: None,
                    judgements,
                    neighbours,
                    nearest_ratio: ratio.unwrap_or(f64::NAN),
                }
            })
            .collect()
    }
}
