//! Times one engine on one workload, and keeps the answers for comparison.

use super::Candidate;
use super::product;
use super::workload::Workload;
use crate::control::{Control, WorkStage};
use crate::error::Result;
use crate::hull::{Settings, Solver, Verdict};
use crate::notion::metric::{Metric, Near};
use crate::notion::neighbours::Neighbours;
use crate::scan::{Batch, Floor, Frame, Hits, Scan};
use crate::study::bench::{
    AnswerFigures, Measurements, ProductFigures, ScanFigures, Shape, Timing,
};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// How many queries are answered together, as in an analysis.
const TOGETHER: usize = 8_192;

/// When to stop repeating a measurement.
#[derive(Clone, Copy)]
pub struct Limits {
    pub repeats: usize,
    pub patience: f64,
}

/// The answers of an engine.
pub struct Answers {
    /// Empty unless verdicts were asked for.
    pub verdicts: Vec<Verdict>,
    pub neighbours: Vec<Vec<Near>>,
}

/// Measures everything about one engine.
pub fn all(
    limits: Limits,
    hull: bool,
    candidate: &Candidate,
    work: &Workload,
    control: &Control,
    watch: &mut dyn FnMut(&str),
) -> Result<(Measurements, Answers)> {
    watch("scans");
    let (make_seconds, first, scan) = make(candidate, work, control)?;
    let scan = Counted::new(scan);
    let scans = scans(limits, candidate, work, &scan, control)?;
    let mut verdicts = Vec::new();
    let (mut setup, mut hull_figures) = (None, None);
    if hull {
        watch("verdicts");
        let found = hull_verdicts(limits, work, &scan, control)?;
        (setup, hull_figures) = (Some(found.setup_seconds), Some(found.figures));
        verdicts = found.verdicts;
    }
    watch("neighbours");
    let (neighbours, near) = neighbours(limits, work, &scan, control)?;
    let upload = first - scans.nearest.timing.median_seconds;
    let figures = Measurements {
        make_seconds,
        upload_seconds: Some(upload.max(0.0)),
        read_back_seconds: candidate
            .read_back
            .as_ref()
            .and_then(|seconds| seconds(&work.shape)),
        product: scans.product,
        support: scans.support,
        nearest: scans.nearest,
        hull_setup_seconds: setup,
        hull: hull_figures,
        neighbours,
        proved: candidate.proved(),
    };
    let answers = Answers {
        verdicts,
        neighbours: near,
    };
    Ok((figures, answers))
}

/// Measures only the nearest-neighbour scan, and finds the neighbours of a few queries for comparison.
pub fn nearest_only(
    limits: Limits,
    candidate: &Candidate,
    work: &Workload,
    check: usize,
    control: &Control,
) -> Result<(Timing, Answers)> {
    let scan = candidate.engine.scan(&work.reference, control)?;
    let directions = Directions::nearest(scan.frame(), work);
    let mut run = || timed(|| directions.scan(&*scan, control));
    let timing = in_turn(limits, control, &mut [&mut run])?.remove(0);
    let search = Neighbours::new(&work.reference, &*scan, Metric::Euclidean);
    let some = check.min(work.shape.queries) * work.shape.dim;
    let near = search.nearest(&work.queries[..some], work.shape.k, control)?;
    let answers = Answers {
        verdicts: Vec::new(),
        neighbours: near,
    };
    Ok((timing, answers))
}

/// A scan, the seconds to make it, and the seconds of its first use, in which rows are copied to the device.
///
/// An earlier scan of the same set has made the device compile and tune what it needs.
fn make<'w>(
    candidate: &Candidate,
    work: &'w Workload,
    control: &Control,
) -> Result<(f64, f64, Box<dyn Scan + 'w>)> {
    let warm = candidate.engine.scan(&work.reference, control)?;
    let directions = Directions::nearest(warm.frame(), work);
    directions.scan(&*warm, control)?;
    drop(warm);
    let started = Instant::now();
    let scan = candidate.engine.scan(&work.reference, control)?;
    let made = started.elapsed().as_secs_f64();
    let first = timed(|| directions.scan(&*scan, control))?;
    Ok((made, first, scan))
}

/// The scans of a shape and the product that they are compared with.
struct Scans {
    product: Option<ProductFigures>,
    support: ScanFigures,
    nearest: ScanFigures,
}

/// Times both scans and the product in turn, so that other load on the machine affects all of them.
fn scans(
    limits: Limits,
    candidate: &Candidate,
    work: &Workload,
    scan: &dyn Scan,
    control: &Control,
) -> Result<Scans> {
    let shape = work.shape;
    let (support, nearest) = (
        Directions::support(scan.frame(), work),
        Directions::nearest(scan.frame(), work),
    );
    let part = Shape {
        rows: product::rows(&shape),
        ..shape
    };
    let mut product = candidate.product.as_ref().map(|prepare| prepare(&part));
    let mut support_run = || timed(|| support.scan(scan, control));
    let mut nearest_run = || timed(|| nearest.scan(scan, control));
    // If the device is gone, there is no product to compare with.
    let mut product_run = || Ok(product.as_mut().and_then(|run| run()).unwrap_or(f64::NAN));
    let mut runs: Vec<&mut dyn FnMut() -> Result<f64>> = vec![&mut support_run, &mut nearest_run];
    if candidate.product.is_some() {
        runs.push(&mut product_run);
    }
    let timings = in_turn(limits, control, &mut runs)?;
    let product = timings
        .get(2)
        .filter(|timing| timing.most_seconds.is_finite())
        .map(|&timing| ProductFigures {
            rows: part.rows,
            timing,
            gflop_per_second: part.gflop() / timing.median_seconds,
        });
    let figures = |timing: Timing| {
        let speed = shape.gflop() / timing.median_seconds;
        ScanFigures {
            timing,
            gflop_per_second: speed,
            share_of_product: product
                .as_ref()
                .map(|product| speed / product.gflop_per_second),
        }
    };
    Ok(Scans {
        support: figures(timings[0]),
        nearest: figures(timings[1]),
        product,
    })
}

/// The verdicts and their cost.
struct Hull {
    setup_seconds: f64,
    figures: AnswerFigures,
    verdicts: Vec<Verdict>,
}

/// Verdicts of all queries, with a fresh solver for each pass, because a filled pool makes a second pass cheaper.
fn hull_verdicts(
    limits: Limits,
    work: &Workload,
    scan: &Counted<'_>,
    control: &Control,
) -> Result<Hull> {
    let mut setups = Vec::new();
    let mut verdicts = Vec::new();
    let settings = Settings::default();
    scan.reset();
    let mut run = || {
        let started = Instant::now();
        let mut solver = Solver::new(&work.reference, scan, settings, control)?;
        setups.push(started.elapsed().as_secs_f64());
        control.begin(WorkStage::Hull, work.shape.queries as u64);
        verdicts.clear();
        timed(|| {
            for part in work.queries.chunks(TOGETHER * work.shape.dim) {
                let answers = solver.answer(part, None, control)?;
                verdicts.extend(answers.iter().map(|answer| answer.verdict));
            }
            Ok(())
        })
    };
    let timing = in_turn(limits, control, &mut [&mut run])?.remove(0);
    let passes = setups.len();
    Ok(Hull {
        setup_seconds: Timing::of(setups).map_or(0.0, |setup| setup.median_seconds),
        figures: answer_figures(timing, work, scan, passes),
        verdicts,
    })
}

/// The nearest rows of all queries.
fn neighbours(
    limits: Limits,
    work: &Workload,
    scan: &Counted<'_>,
    control: &Control,
) -> Result<(AnswerFigures, Vec<Vec<Near>>)> {
    let search = Neighbours::new(&work.reference, scan, Metric::Euclidean);
    let mut near = Vec::new();
    let mut passes = 0;
    scan.reset();
    let mut run = || {
        control.begin(WorkStage::Neighbours, work.shape.queries as u64);
        passes += 1;
        near.clear();
        timed(|| {
            for part in work.queries.chunks(TOGETHER * work.shape.dim) {
                near.extend(search.nearest(part, work.shape.k, control)?);
            }
            Ok(())
        })
    };
    let timing = in_turn(limits, control, &mut [&mut run])?.remove(0);
    Ok((answer_figures(timing, work, scan, passes), near))
}

/// Figures for `passes` passes over all queries, of which the first is a warm-up.
fn answer_figures(
    timing: Timing,
    work: &Workload,
    scan: &Counted<'_>,
    passes: usize,
) -> AnswerFigures {
    let queries = work.shape.queries as f64;
    AnswerFigures {
        timing,
        queries_per_second: queries / timing.median_seconds,
        scans_per_query: scan.directions.load(Relaxed) as f64 / (passes as f64 * queries),
    }
}

/// Each work once as a warm-up, then all in turn until there are enough repeats or the time is used up.
fn in_turn(
    limits: Limits,
    control: &Control,
    works: &mut [&mut dyn FnMut() -> Result<f64>],
) -> Result<Vec<Timing>> {
    let mut laps = vec![Vec::new(); works.len()];
    for work in works.iter_mut() {
        control.check()?;
        work()?;
    }
    let started = Instant::now();
    for repeat in 0..limits.repeats {
        if repeat > 0 && started.elapsed().as_secs_f64() > limits.patience {
            break;
        }
        for (work, laps) in works.iter_mut().zip(&mut laps) {
            control.check()?;
            laps.push(work()?);
        }
    }
    // There is at least one repeat, because a plan without any is refused.
    Ok(laps.into_iter().filter_map(Timing::of).collect())
}

/// The wall-clock seconds of some work.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

/// The queries as directions and biases of a scan.
struct Directions {
    values: Vec<f32>,
    bias: Vec<f32>,
    k: usize,
}

impl Directions {
    /// Support directions `w = S (q - m)`, c = 0: the rows that reach furthest towards the query.
    fn support(frame: &Frame, work: &Workload) -> Self {
        Directions::of(frame, work, 0.0, |scale| scale)
    }

    /// Nearest-neighbour directions `w = e^2 S^-1 (q - m)`, c = 1.
    fn nearest(frame: &Frame, work: &Workload) -> Self {
        Directions::of(frame, work, 1.0, |scale| {
            frame.euclid * frame.euclid / scale
        })
    }

    fn of(frame: &Frame, work: &Workload, c: f32, factor: impl Fn(f64) -> f64) -> Self {
        let each = work.queries.chunks_exact(work.shape.dim);
        let values = each.flat_map(|query| {
            let each = query.iter().zip(&frame.centre).zip(&frame.scale);
            each.map(|((q, m), &s)| ((q - m) * factor(s)) as f32)
        });
        Directions {
            values: values.collect(),
            bias: vec![c; work.shape.queries],
            k: work.shape.k,
        }
    }

    fn scan(&self, scan: &dyn Scan, control: &Control) -> Result<Hits> {
        let batch = Batch {
            directions: &self.values,
            bias: &self.bias,
            k: self.k,
        };
        scan.scan(&batch, control)
    }
}

/// A scan that counts its directions.
struct Counted<'a> {
    scan: Box<dyn Scan + 'a>,
    directions: AtomicU64,
}

impl<'a> Counted<'a> {
    fn new(scan: Box<dyn Scan + 'a>) -> Self {
        Counted {
            scan,
            directions: AtomicU64::new(0),
        }
    }

    fn reset(&self) {
        self.directions.store(0, Relaxed);
    }
}

impl Scan for Counted<'_> {
    fn len(&self) -> usize {
        self.scan.len()
    }

    fn frame(&self) -> &Frame {
        self.scan.frame()
    }

    fn scan_above(&self, batch: &Batch<'_>, floors: &[Floor], control: &Control) -> Result<Hits> {
        self.directions.fetch_add(batch.bias.len() as u64, Relaxed);
        self.scan.scan_above(batch, floors, control)
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.scan.error_bound(norm, c)
    }
}
