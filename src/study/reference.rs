//! Everything that is computed about a reference before the first query; it can be stored in a file and used again.
//!
//! A [`Prepared`] holds the survey of the rows, their frame, the solver's metric and affine hull, the extreme rows in few
//! dimensions, the nearest rows of the sample from which thresholds come, and the fitted data of the notions. None of it
//! depends on queries. Parts that depend on options (seed, metric, number of nearest rows) store these, and are computed
//! again for other options.

use super::plan::AnalysisPlan;
use super::rate::{Quantiles, quantiles};
use super::summary::ReferenceFacts;
use super::survey::Survey;
use crate::control::Control;
use crate::error::Result;
use crate::hull::{self, AffineHull, Metric as Whitening};
use crate::notion::dimension::{self, Dimension};
use crate::notion::metric::{Metric, Near};
use crate::notion::neighbours::Neighbours;
use crate::notion::{Fits, sample};
use crate::rows::{Numbers, Pack, Rows, Subset};
use crate::scan::{Engine, Frame, Scan};
use std::sync::Arc;

/// The number of reference rows whose nearest distances define the unit of distances.
const SAMPLE: usize = 2_000;

/// Bytes of sampled rows (in f64) in one search.
const PART: usize = 32 << 20;

/// The prepared data of a reference.
pub struct Prepared {
    pub(super) survey: Arc<Survey>,
    /// The frame of the distinct rows.
    pub(super) frame: Frame,
    /// Present if hull verdicts were asked for.
    pub(super) hull: Option<HullParts>,
    /// Present if nearest rows were asked for.
    pub(super) sample: Option<Sample>,
    /// The fitted data of notions, under names of the notions' choice.
    pub(super) notions: Pack,
    /// What sessions computed, for the next session of this process.
    pub(super) fits: Arc<Fits>,
    /// Caveats about the reference. They are not stored in a file, but derived again from the other data.
    pub warnings: Vec<String>,
}

/// The solver's data about the distinct rows.
#[derive(Clone)]
pub(super) struct HullParts {
    pub metric: Whitening,
    pub affine: AffineHull,
    /// The rows whose hull holds all rows, if they are few: indices among the distinct rows.
    pub extreme: Option<Vec<usize>>,
}

/// The options that a [`Sample`] was computed for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SampleKey {
    pub seed: u64,
    pub metric: Metric,
    /// The number of nearest rows of each.
    pub k: usize,
}

/// A sample of reference rows, and the nearest other rows of each.
#[derive(Clone)]
pub(super) struct Sample {
    pub asked: SampleKey,
    pub own: Vec<(usize, Vec<Near>)>,
    pub dimension: Dimension,
    /// The distances to the nearest row.
    nearest: Option<Quantiles>,
}

/// Metrics; a file stores the index.
const METRICS: [Metric; 3] = [Metric::Euclidean, Metric::Cosine, Metric::Dot];

impl Prepared {
    /// All data as arrays.
    pub fn pack(&self) -> Pack {
        let mut pack = self.notions.clone();
        self.survey.pack(&mut pack);
        self.frame.pack(&mut pack);
        if let Some(hull) = &self.hull {
            hull.metric.pack(&mut pack);
            hull.affine.pack(&mut pack);
            if let Some(extreme) = &hull.extreme {
                pack.put_counts("extreme.rows", extreme.iter().copied());
            }
        }
        if let Some(sample) = &self.sample {
            sample.pack(&mut pack);
        }
        pack
    }

    /// The frame of the distinct rows.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Makes now what the first scan would make of the stored copy of the rows, so that the first query waits no longer than others.
    ///
    /// Errors: rows that can no longer be read.
    pub fn make_ready(
        &self,
        rows: &dyn Rows,
        engine: &dyn Engine,
        control: &Control,
    ) -> Result<()> {
        let subset = self.distinct(rows);
        let distinct = subset.as_ref().map_or(rows, |subset| subset);
        let scan = engine.scan_in(distinct, self.frame.clone(), control)?;
        scan.make_ready()
    }

    /// The distinct rows, if some of `rows` are equal.
    pub fn distinct<'r>(&self, rows: &'r dyn Rows) -> Option<Subset<'r>> {
        self.survey.repeats.as_ref().map(|all| all.subset(rows))
    }

    /// Restores the data of `rows`. The notions' arrays remain in the pack.
    ///
    /// Errors: arrays that are missing, or do not fit the rows or each other.
    pub fn unpack(mut pack: Pack, rows: &dyn Rows) -> Result<Self> {
        let (n, d) = (rows.len(), rows.dim());
        let survey = Survey::unpack(&mut pack, n, d)?;
        let distinct = survey.repeats.as_ref().map_or(n, |all| all.distinct());
        let frame = Frame::unpack(&mut pack, distinct, d)?;
        let hull = pack.has("metric.deviation").then(|| -> Result<HullParts> {
            Ok(HullParts {
                metric: Whitening::unpack(&mut pack, d)?,
                affine: AffineHull::unpack(&mut pack, d)?,
                extreme: extreme(&mut pack, distinct)?,
            })
        });
        let hull = hull.transpose()?;
        let sample = pack
            .has("sample.rows")
            .then(|| Sample::unpack(&mut pack, n))
            .transpose()?;
        Ok(Prepared {
            survey: Arc::new(survey),
            frame,
            hull,
            sample,
            notions: pack,
            fits: Arc::default(),
            warnings: Vec::new(),
        })
    }
}

fn extreme(pack: &mut Pack, below: usize) -> Result<Option<Vec<usize>>> {
    if !pack.has("extreme.rows") {
        return Ok(None);
    }
    let rows = pack.ascending("extreme.rows", below)?;
    match rows.is_empty() {
        true => Err(pack.fault("extreme.rows", "there is no row")),
        false => Ok(Some(rows)),
    }
}

impl HullParts {
    /// Computes the data from the distinct rows, in the frame of a scan of them.
    pub fn of(distinct: &dyn Rows, frame: &Frame, control: &Control) -> Result<Self> {
        let (metric, affine) = Whitening::whitening(distinct, frame, control)?;
        let extreme = hull::extreme(distinct, frame, control)?;
        Ok(HullParts {
            metric,
            affine,
            extreme: extreme.map(|few| few.chosen().to_vec()),
        })
    }
}

impl SampleKey {
    /// The options of a plan; `repeats` says whether some rows are equal. If the metric is Euclidean and no rows are equal, the
    /// sample gets enough nearest rows to estimate the intrinsic dimension too.
    pub fn of(plan: &AnalysisPlan, k: usize, repeats: bool) -> Self {
        let asked = SampleKey {
            seed: plan.seed,
            metric: plan.metric,
            k: k.max(1),
        };
        match asked.tells_dimension(repeats) {
            true => SampleKey {
                k: k.max(dimension::NEIGHBOURS),
                ..asked
            },
            false => asked,
        }
    }

    fn tells_dimension(&self, repeats: bool) -> bool {
        self.metric == Metric::Euclidean && !repeats
    }
}

impl Sample {
    /// Searches the nearest rows. `distinct` are the distinct rows, and `scan` scans them.
    pub fn of(
        asked: SampleKey,
        search: &Neighbours<'_>,
        reference: &dyn Rows,
        (distinct, scan): (&dyn Rows, &dyn Scan),
        control: &Control,
    ) -> Result<Self> {
        let rows = sample(reference.len(), SAMPLE, asked.seed);
        let mut own = Vec::with_capacity(rows.len());
        for part in rows.chunks((PART / 8 / reference.dim()).max(1)) {
            let near = search.others(part, asked.k, control)?;
            own.extend(part.iter().copied().zip(near));
        }
        let repeats = distinct.len() < reference.len();
        let dimension = match asked.tells_dimension(repeats) {
            true => Dimension::of_nearest(&own),
            false => Dimension::of(distinct, scan, asked.seed, control)?,
        };
        Ok(Sample::new(asked, own, dimension))
    }

    fn new(asked: SampleKey, own: Vec<(usize, Vec<Near>)>, dimension: Dimension) -> Self {
        let nearest = own.iter().filter_map(|row| Some(row.1.first()?.1));
        Sample {
            nearest: quantiles(&mut nearest.collect::<Vec<f64>>()),
            asked,
            own,
            dimension,
        }
    }

    /// Adds what the sample tells about the reference to `facts`.
    pub fn describe(&self, facts: &mut ReferenceFacts) {
        facts.median_nearest = self.nearest.map(|all| all.median);
        facts.nearest_q95 = self.nearest.map(|all| all.q95);
        facts.median_nearest_sample = self.own.len() as u64;
        facts.two_nn = self.dimension.two_nn;
        facts.mle = self.dimension.mle;
        facts.dimension_sample = self.dimension.sample as u64;
    }

    fn pack(&self, pack: &mut Pack) {
        let SampleKey { seed, metric, k } = self.asked;
        let metric = METRICS.iter().position(|known| *known == metric);
        let asked = vec![seed, metric.unwrap_or_default() as u64, k as u64];
        pack.put("sample.asked", Numbers::U64(asked));
        pack.put_counts("sample.rows", self.own.iter().map(|own| own.0));
        pack.put_counts("sample.found", self.own.iter().map(|own| own.1.len()));
        let near = || self.own.iter().flat_map(|own| &own.1);
        pack.put_counts("sample.nearest", near().map(|near| near.0));
        pack.put_reals("sample.distance", near().map(|near| near.1));
        let found = &self.dimension;
        // A missing estimate is stored as NaN.
        let numbers = [found.two_nn, found.mle].map(|found| found.unwrap_or(f64::NAN));
        pack.put_reals("sample.dimension", numbers);
        pack.put_counts("sample.dimension_rows", [found.sample]);
    }

    fn unpack(pack: &mut Pack, n: usize) -> Result<Self> {
        let asked = pack.words("sample.asked", Some(3))?;
        let Some(&metric) = METRICS.get(asked[1] as usize) else {
            return Err(pack.fault("sample.asked", "the metric is none that is known"));
        };
        let rows = pack.indices("sample.rows", None, n)?;
        let found = pack.indices("sample.found", Some(rows.len()), n)?;
        let all: usize = found.iter().sum();
        let nearest = pack.indices("sample.nearest", Some(all), n)?;
        let distance = pack.reals("sample.distance", Some(all))?;
        let mut near = nearest.into_iter().zip(distance);
        let own = rows.into_iter().zip(found);
        let own = own.map(|(row, found)| (row, near.by_ref().take(found).collect()));
        let estimates = pack.reals("sample.dimension", Some(2))?;
        let estimate = |place: usize| Some(estimates[place]).filter(|value| !value.is_nan());
        let asked = SampleKey {
            seed: asked[0],
            metric,
            k: asked[2] as usize,
        };
        let dimension = Dimension {
            two_nn: estimate(0),
            mle: estimate(1),
            sample: pack.indices("sample.dimension_rows", Some(1), usize::MAX)?[0],
        };
        Ok(Sample::new(asked, own.collect(), dimension))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notion::Classes;
    use crate::notion::registry::Wanted;
    use crate::rows::{Memory, synthetic};
    use crate::scan::{CountingEngine, CpuEngine};
    use crate::study::analyze::{Sets, prepare, run_prepared, with_session};
    use crate::study::fixture::KeptRecords;
    use crate::study::{Record, Sink};
    use std::ops::Range;

    /// Pseudorandom numbers, with some equal rows if `equal`, and one constant column.
    fn rows(n: usize, d: usize, equal: bool) -> Memory {
        let value = |at: usize| match at % d {
            0 if d > 4 => 7.0,
            _ => ((at * 7919 + at / d * at) % 10_007) as f64 / 64.0,
        };
        let mut values: Vec<f64> = (0..n * d).map(value).collect();
        if equal {
            values.copy_within(0..d, 5 * d);
        }
        Memory::from_f64("rows", d, values)
    }

    #[test]
    fn what_was_kept_gives_the_same_records() {
        let control = Control::default();
        for (n, d, equal, metric) in [
            (5_000, 2, true, Metric::Euclidean),
            (300, 7, false, Metric::Euclidean),
            (300, 7, true, Metric::Cosine),
        ] {
            let (reference, queries) = (rows(n, d, equal), rows(40, d, false));
            let plan = AnalysisPlan {
                metric,
                gap: Some(0.01),
                ..AnalysisPlan::default()
            };
            let sets = Sets {
                reference: &reference,
                queries: &queries,
                classes: None,
                layers: &[],
                warnings: &[],
                memory: u64::MAX,
            };
            let pack = prepare(&plan, &CpuEngine, &sets, &control).unwrap().pack();
            let known = Prepared::unpack(pack.clone(), &reference).unwrap();
            assert_eq!(known.pack(), pack);
            assert_eq!(known.hull.as_ref().unwrap().extreme.is_some(), n == 5_000);
            let answers = |known| {
                let mut sink = KeptRecords::default();
                let done = run_prepared(&plan, &CpuEngine, &sets, known, &mut sink, &control);
                (sink.0, format!("{:?}", done.unwrap().reference))
            };
            assert_eq!(answers(Some(&known)), answers(None));
            // The error names the arrays that do not fit the rows.
            let fewer = rows(n - 1, d, equal);
            let error = Prepared::unpack(pack, &fewer).err().unwrap().to_string();
            assert!(error.contains("make the file again"), "{error}");
        }
    }

    /// Gaussian numbers, and three classes.
    fn gaussian(n: usize, d: usize, seed: u64) -> (Vec<f64>, Vec<u32>) {
        let rows = synthetic::gaussian(n, d, seed);
        let mut values = vec![0.0; n * d];
        rows.read_f64(0, &mut values).unwrap();
        (values, (0..n as u32).map(|row| row * row % 3).collect())
    }

    #[test]
    fn no_judgement_depends_on_the_queries_beside_it() {
        let (control, n, d, count) = (Control::default(), 4_000, 5, 12);
        let (values, of_rows) = gaussian(n, d, 1);
        let reference = Memory::from_f64("rows", d, values);
        let (queries, of_queries) = gaussian(count, d, 2);
        let queries: Vec<f64> = queries.iter().map(|v| 1.3 * v).collect();
        let plan = AnalysisPlan {
            notions: Wanted(vec!["all".into()]),
            gap: Some(0.05),
            alone: true,
            ..AnalysisPlan::default()
        };
        let known = {
            let classes = classes(of_rows.clone());
            let sets = sets(&reference, &reference, &classes);
            prepare(&plan, &CpuEngine, &sets, &control).unwrap()
        };
        let part = |plan: &AnalysisPlan, range: Range<usize>| {
            let values = &queries[range.start * d..range.end * d];
            let queries = Memory::from_f64("queries", d, values.to_vec());
            let classes = Classes {
                queries: of_queries[range].to_vec(),
                ..classes(of_rows.clone())
            };
            let sets = sets(&reference, &queries, &classes);
            let mut sink = Judgements::default();
            run_prepared(plan, &CpuEngine, &sets, Some(&known), &mut sink, &control).unwrap();
            sink.0
        };
        let by = |plan: &AnalysisPlan, together: usize| -> Vec<Said> {
            let starts = (0..count).step_by(together);
            let each = starts.map(|start| start..count.min(start + together));
            each.flat_map(|range| part(plan, range)).collect()
        };
        let whole = by(&plan, count);
        for together in [5, 1] {
            assert_eq!(by(&plan, together), whole, "{together} at a time");
        }
        // The test can fail: of queries that share a pool of rows, some scores depend on each other.
        let shared = AnalysisPlan {
            alone: false,
            ..plan
        };
        let made = shared.made(Some(&classes(of_rows.clone()))).unwrap();
        let (one, all) = (by(&shared, 1), by(&shared, count));
        let differs = |place: &usize| (0..count).any(|q| one[q].1[*place] != all[q].1[*place]);
        let different = (0..made.len())
            .filter(differs)
            .map(|place| made[place].id());
        let different: Vec<String> = different.collect();
        assert!(!different.is_empty());
    }

    fn sets<'s>(reference: &'s dyn Rows, queries: &'s dyn Rows, classes: &'s Classes) -> Sets<'s> {
        Sets {
            reference,
            queries,
            classes: Some(classes),
            layers: &[],
            warnings: &[],
            memory: u64::MAX,
        }
    }

    /// The classes of `of_rows` for all rows, and none for queries.
    fn classes(of_rows: Vec<u32>) -> Classes {
        Classes {
            reference: of_rows,
            ..Classes::default()
        }
    }

    #[test]
    fn what_was_stored_of_every_notion_is_not_computed_again() {
        let (control, n, d) = (Control::default(), 600, 5);
        let (values, of_rows) = gaussian(n, d, 1);
        let reference = Memory::from_f64("rows", d, values);
        let queries = Memory::from_f64("queries", d, gaussian(9, d, 2).0);
        let classes = classes(of_rows);
        let sets = sets(&reference, &queries, &classes);
        let plan = AnalysisPlan {
            notions: Wanted(vec!["all".into()]),
            ..AnalysisPlan::default()
        };
        let pack = prepare(&plan, &CpuEngine, &sets, &control).unwrap().pack();
        let known = Prepared::unpack(pack.clone(), &reference).unwrap();
        let engine = CountingEngine::new(&CpuEngine);
        let again = with_session(&plan, &engine, &sets, Some(&known), &control, |session| {
            Ok(session.prepared().pack())
        });
        assert!(again.unwrap() == pack);
        let scans = |engine: &CountingEngine| engine.counts().directions.values().sum::<u64>();
        assert_eq!(
            scans(&engine),
            0,
            "nothing is scanned before the first query"
        );
        let answers = |known| {
            let mut sink = KeptRecords::default();
            run_prepared(&plan, &engine, &sets, known, &mut sink, &control).unwrap();
            sink.0
        };
        assert_eq!(answers(Some(&known)), answers(None));
        // Another seed, or another quantile, is another fit.
        let other = AnalysisPlan {
            seed: 1,
            quantile: 0.5,
            ..plan.clone()
        };
        let facts = |known| {
            let mut sink = KeptRecords::default();
            let done = run_prepared(&other, &CpuEngine, &sets, known, &mut sink, &control);
            (sink.0, format!("{:?}", done.unwrap().notions))
        };
        assert_eq!(facts(Some(&known)), facts(None));
    }

    /// What is said of a query, without its place, and the bits of the scores.
    type Said = (String, Vec<u64>);

    #[derive(Default)]
    struct Judgements(Vec<Said>);

    impl Sink for Judgements {
        fn records(&mut self, records: &[Record]) -> Result<()> {
            let each = records.iter().map(|r| {
                let (hull, cone, near) = (&r.hull, &r.cone, &r.neighbours);
                let all = format!("{hull:?} {cone:?} {:?} {near:?}", r.judgements);
                let scores = r.judgements.iter().map(|one| one.score.to_bits());
                (all, scores.collect())
            });
            self.0.extend(each);
            Ok(())
        }
    }
}
