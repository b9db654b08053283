//! The same queries through several spaces: how often is a query an extrapolation, by which notion, in which space?
//!
//! Every space is fitted on the reference and analyzed as one set ([`super::analyze`]). Each measured rate is reported with
//! that of the Gaussian null model of the same N and rank, and with the dimension at which the null model has the measured
//! rate ([`super::theory`]): a rate depends on sample size and dimension even for data without structure. All spaces see
//! the same queries, so that two spaces are compared query by query. Finished spaces go to an [`Archive`], which may return
//! them in a later run.

mod collect;
mod labels;
mod pairs;

pub use super::outcomes::Scores;
pub use super::rate::Rate;
pub use crate::notion::Classes;
pub use labels::LabelReport;
pub use pairs::Pair;

use super::analyze;
use super::outcomes::{self, Outcome, Outcomes};
use super::rate::Quantiles;
use super::summary::{NotionSummary, Summary};
use super::theory;
use super::{Record, Sink};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::scan::Engine;
use crate::space::{Set, Settings, Spec, View, Views};
use crate::warnings::Warnings;
use collect::Collected;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// What a comparison computes. Built by a front end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparisonPlan {
    /// How each space is analyzed.
    pub analysis: analyze::AnalysisPlan,
    /// Whether to split the rates by class, and to judge each query against its own class.
    pub by_label: bool,
    /// The number of queries of each kind that are kept with their neighbours and certificates, to be shown.
    pub picks: usize,
}

impl Default for ComparisonPlan {
    fn default() -> Self {
        ComparisonPlan {
            analysis: analyze::AnalysisPlan {
                gap: Some(0.05),
                ..analyze::AnalysisPlan::default()
            },
            by_label: false,
            picks: 6,
        }
    }
}

impl ComparisonPlan {
    /// The plan with what it implies: a split by class needs the notion of the hull of each query's own class.
    pub fn complete(mut self) -> Self {
        let class = "class".to_string();
        let notions = &mut self.analysis.notions.0;
        if self.by_label && !notions.contains(&class) {
            notions.push(class);
        }
        self
    }

    /// Whether any part of the plan needs the classes of the sets, so that these must fit all spaces. The notion `all` does
    /// not: it uses classes only if they fit.
    pub fn asks_for_classes(&self) -> Result<bool> {
        let made = self.analysis.made(None)?;
        Ok(self.by_label || made.iter().any(|notion| notion.needs().classes))
    }
}

/// A query to show, with its verdict and the rows that decide it. Row numbers are indices into the sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pick {
    pub query: u64,
    pub verdict: String,
    /// Certified lower bound of the distance to the hull over the reference's median nearest distance; 0 inside.
    pub distance_ratio: f64,
    /// The nearest reference row, and its distance over the same median.
    pub nearest: u64,
    pub nearest_ratio: f64,
    /// Rows and weights of the certificate of an inside query, by descending weight.
    pub support: Vec<(u64, f64)>,
    /// The query after the space's transformation, if that is an image other than the query's own.
    #[serde(default)]
    pub seen: Option<Picture>,
    /// The weighted mean of the certificate's rows after the transformation; present if `seen` is.
    #[serde(default)]
    pub mean: Option<Picture>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    pub shape: Shape,
    pub values: Vec<f32>,
}

/// The most numbers of an image that is kept to be shown.
const SEEN: usize = 1 << 12;

impl Picks {
    /// Adds to the picks their transformed images, and the means of their certificates. Errors: rows that can no longer be read.
    fn see(&mut self, view: &View) -> Result<()> {
        let mut row = vec![0.0; view.queries.dim()];
        let picture = |row: &[f64]| {
            let small = view.picture(row).filter(|(_, values)| values.len() <= SEEN);
            small.map(|(shape, values)| Picture {
                shape,
                values: values.iter().map(|value| *value as f32).collect(),
            })
        };
        for pick in self.interpolated.iter_mut().chain(&mut self.extrapolated) {
            view.queries.gather(&[pick.query as usize], &mut row)?;
            pick.seen = picture(&row);
            if pick.seen.is_none() || pick.support.is_empty() {
                continue;
            }
            let mut mean = vec![0.0; row.len()];
            for &(number, weight) in &pick.support {
                view.reference.gather(&[number as usize], &mut row)?;
                mean.iter_mut()
                    .zip(&row)
                    .for_each(|(mean, value)| *mean += weight * value);
            }
            pick.mean = picture(&mean);
        }
        Ok(())
    }
}

/// The queries of a space to show.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Picks {
    /// Whether distances are as measured, because the reference's median nearest distance is 0 or unknown.
    #[serde(default)]
    pub without_unit: bool,
    /// Whether distances to the hull are the verdicts' margins, weaker bounds, because no distances were computed.
    #[serde(default)]
    pub margins: bool,
    /// Inside queries, the nearest to a reference row first; then outside queries, the nearest to the hull first.
    pub interpolated: Vec<Pick>,
    /// Outside queries, the farthest from the hull first.
    pub extrapolated: Vec<Pick>,
}

/// The results in one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpaceReport {
    /// The space as typed.
    pub space: String,
    pub d: u64,
    /// Affine rank of the reference, the paper's d*; `None` where d is too large to find it.
    pub rank: Option<u64>,
    /// Intrinsic dimension by TwoNN, and by maximum likelihood below: see [`crate::notion::dimension`].
    pub two_nn: Option<f64>,
    pub mle: Option<f64>,
    /// Reference rows that repeat an earlier one; both estimates of the dimension count equal rows once.
    #[serde(default)]
    pub repeated_rows: u64,
    /// The norm of all reference rows, if they have the same one. No point of a sphere is in the hull of others, so the hull's
    /// verdicts on such rows are no evidence.
    #[serde(default)]
    pub sphere: Option<f64>,
    pub n_reference: u64,
    pub n_queries: u64,
    /// The notions in the order of the plan.
    pub notions: Vec<NotionSummary>,
    /// The extrapolation rate of Gaussian data of the same N and rank.
    pub null_rate: Option<f64>,
    /// The dimension at which the null model has the measured rate; `None` where all or none are outside.
    pub d_eff: Option<f64>,
    /// The same for the ends of the rate's interval; `None` for an end without bound.
    pub d_eff_interval: [Option<f64>; 2],
    /// Certified lower bounds of the distance of the queries to the hull (0 inside), over `median_nearest`.
    pub distance_ratio: Option<Quantiles>,
    /// Median leave-one-out nearest distance of the reference.
    pub median_nearest: Option<f64>,
    pub scans_per_query: f64,
    pub seconds: f64,
    /// The verdicts, one letter per query: `i`nside, `o`utside, `u`ndecided.
    pub verdicts: String,
    /// Rates by class, if asked for and if classes are known.
    pub labels: Vec<LabelReport>,
    /// Rates by query set, if there are several.
    pub sets: Vec<SetReport>,
    pub picks: Picks,
    pub warnings: Vec<String>,
    /// The scores of each notion; those of a space from an earlier run are read from its table.
    #[serde(skip)]
    pub scores: Arc<Vec<Scores>>,
}

/// The queries of one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetReport {
    pub set: String,
    /// The rates in the order of the plan.
    pub rates: Vec<Rate>,
}

/// The rates of each set of queries.
fn by_set(scores: &[Scores], sets: &[QuerySet], queries: usize) -> Vec<SetReport> {
    let ends = sets.iter().skip(1).map(|set| set.first).chain([queries]);
    let each = sets.iter().zip(ends);
    each.map(|(set, end)| SetReport {
        set: set.name.clone(),
        rates: scores
            .iter()
            .map(|one| Rate::of(&one.notion, one.sides(set.first..end)))
            .collect(),
    })
    .collect()
}

impl SpaceReport {
    /// The summary of a notion.
    pub fn notion(&self, id: &str) -> Option<&NotionSummary> {
        self.notions.iter().find(|notion| notion.rate.notion == id)
    }

    /// The rate of a notion.
    pub fn rate(&self, notion: &str) -> Option<&Rate> {
        Some(&self.notion(notion)?.rate)
    }

    /// The rate of reference rows that a notion judged as if they were not in the reference.
    pub fn leave_one_out(&self, notion: &str) -> Option<&Rate> {
        self.notion(notion)?.leave_one_out.as_ref()
    }
}

/// All spaces, in the order of the plan, and each pair of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub spaces: Vec<SpaceReport>,
    pub pairs: Vec<Pair>,
    /// How well each notion predicts the queries' outcomes, or tells the first query set from each other one.
    pub outcomes: Vec<Outcomes>,
    /// Notes about the comparison as a whole, from before any space was analyzed.
    pub notes: Vec<String>,
}

/// One of several query sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuerySet {
    pub name: String,
    /// The index of its first query among all queries.
    pub first: usize,
}

/// The facts about the rows of a space besides their values.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowContext<'v> {
    pub classes: Option<&'v Classes>,
    /// The query sets; empty if there is only one.
    pub sets: &'v [QuerySet],
    /// The outcome of each query.
    pub outcome: Option<&'v Outcome>,
}

/// Stores finished spaces, and returns those of an earlier run.
pub trait Archive {
    /// The report of a space from an earlier run with the same inputs and settings.
    fn recall(&mut self, spec: &Spec) -> Result<Option<SpaceReport>>;

    /// Notes from recalling spaces since the last call, such as an input that has changed.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the keeper of a space that will be analyzed.
    fn begin<'v>(
        &mut self,
        spec: &Spec,
        view: &'v View,
        known: RowContext<'v>,
    ) -> Result<Box<dyn Keeper + 'v>>;
}

/// Takes the records of one space, and finally its report.
pub trait Keeper: Sink {
    fn finish(self: Box<Self>, report: &SpaceReport) -> Result<()>;
}

/// An archive that keeps nothing.
pub struct Forget;

impl Archive for Forget {
    fn recall(&mut self, _: &Spec) -> Result<Option<SpaceReport>> {
        Ok(None)
    }
    fn begin<'v>(
        &mut self,
        _: &Spec,
        _: &'v View,
        _: RowContext<'v>,
    ) -> Result<Box<dyn Keeper + 'v>> {
        Ok(Box::new(Forget))
    }
}

impl Sink for Forget {
    fn records(&mut self, _: &[Record]) -> Result<()> {
        Ok(())
    }
}

impl Keeper for Forget {
    fn finish(self: Box<Self>, _: &SpaceReport) -> Result<()> {
        Ok(())
    }
}

/// The inputs of a comparison: the sets (none if all spaces are files), their classes, the spaces.
pub struct Subject {
    pub sets: Option<(Set, Set)>,
    pub classes: Option<Classes>,
    /// The query sets; empty if there is only one.
    pub query_sets: Vec<QuerySet>,
    /// The outcome of each query, if known.
    pub outcome: Option<Outcome>,
    pub specs: Vec<Spec>,
    /// What was noticed as the sets were read.
    pub warnings: Warnings,
}

/// Compares the spaces of a subject.
///
/// Errors: spaces that do not fit the sets, different numbers of queries, classes that do not match, any error of an
/// analysis, and [`Error::Interrupted`]; spaces finished before the error are in the archive.
pub fn run(
    plan: &ComparisonPlan,
    mut subject: Subject,
    settings: Settings,
    engine: &dyn Engine,
    archive: &mut dyn Archive,
    control: &Control,
) -> Result<Report> {
    let specs = std::mem::take(&mut subject.specs);
    if !plan.analysis.hull {
        return Err(Error::Usage(
            "a comparison asks about the convex hull in every space; the plan leaves it out".into(),
        ));
    }
    if plan.by_label && subject.classes.is_none() {
        return Err(Error::Usage(
            "--by-label needs the classes of both sets; name files with --labels and --query-labels".into(),
        ));
    }
    let plan = &plan.clone().complete();
    // The warnings so far are about the sets, not about the first space.
    let mut notes = engine.take_warnings();
    notes.extend(subject.warnings.take());
    let known: Vec<Option<SpaceReport>> = specs
        .iter()
        .map(|spec| archive.recall(spec))
        .collect::<Result<_>>()?;
    notes.extend(archive.notes());
    let open = |(_, known): &(&Spec, &Option<SpaceReport>)| known.is_none();
    let pending = specs.iter().zip(&known).filter(open);
    let pending = pending.map(|(spec, _)| spec.clone()).collect();
    let mut views = Views::new(subject.sets.take(), pending, settings, control)?;
    let by_class = plan.asks_for_classes()?;
    let classes = subject.classes.as_ref().filter(|_| by_class);
    agree(&specs, &known, &views, classes)?;
    if views.may_leave_out() {
        same_left_out(&specs, &mut views, classes.is_some(), control)?;
    }
    let mut spaces: Vec<SpaceReport> = Vec::new();
    for (place, (spec, known)) in specs.iter().zip(known).enumerate() {
        control.set_task(format!("{} ({} of {})", spec.text, place + 1, specs.len()));
        spaces.push(match known {
            Some(report) => report,
            None => {
                let known = RowContext {
                    classes: subject.classes.as_ref(),
                    sets: &subject.query_sets,
                    outcome: subject.outcome.as_ref(),
                };
                one(plan, spec, known, &mut views, engine, archive, control)?
            }
        });
    }
    control.set_task("");
    let pairs = pairs::all(&spaces);
    let outcomes = outcomes(&subject, &spaces)?;
    Ok(Report {
        spaces,
        pairs,
        outcomes,
        notes,
    })
}

/// How well the notions predict the outcome, and the query set.
fn outcomes(subject: &Subject, spaces: &[SpaceReport]) -> Result<Vec<Outcomes>> {
    let scores: Vec<Scores> = spaces
        .iter()
        .flat_map(|space| space.scores.iter().cloned())
        .collect();
    let Some(queries) = spaces.first().map(|space| space.n_queries as usize) else {
        return Ok(Vec::new());
    };
    let classes = subject.classes.as_ref();
    let classes: Option<Vec<Option<u32>>> = classes
        .filter(|classes| classes.queries.len() == queries)
        .map(|classes| (0..queries).map(|query| classes.of_query(query)).collect());
    let mut asked: Vec<Outcome> = subject.outcome.iter().cloned().collect();
    let sets = &subject.query_sets;
    let ends: Vec<usize> = sets
        .iter()
        .skip(1)
        .map(|set| set.first)
        .chain([queries])
        .collect();
    for other in 1..sets.len() {
        let second = |query: usize| match query {
            query if query < ends[0] => Some(false),
            query if (sets[other].first..ends[other]).contains(&query) => Some(true),
            _ => None,
        };
        asked.push(Outcome::Sets {
            names: [sets[0].name.clone(), sets[other].name.clone()],
            second: (0..queries).map(second).collect(),
        });
    }
    let measured = asked
        .iter()
        .map(|outcome| outcomes::measure(&scores, outcome, classes.as_deref(), NEAREST));
    measured.collect()
}

/// The notion whose score is the distance to the nearest row.
const NEAREST: &str = "ball";

/// Checks that all spaces have the same queries, and with classes the rows that the classes are of.
fn agree(
    specs: &[Spec],
    known: &[Option<SpaceReport>],
    views: &Views,
    classes: Option<&Classes>,
) -> Result<()> {
    let mut first: Option<(&Spec, usize)> = None;
    for (spec, known) in specs.iter().zip(known) {
        let (reference, queries) = match known {
            Some(report) => (report.n_reference as usize, report.n_queries as usize),
            None => views.rows(spec),
        };
        if let Some(classes) = classes {
            labels::check(classes, &spec.text, reference, queries)?;
        }
        let (other, theirs) = *first.get_or_insert((spec, queries));
        if theirs != queries {
            return Err(Error::Usage(format!(
                "the spaces must see the same queries: {} has {theirs}, {} has {queries}",
                other.text, spec.text
            )));
        }
    }
    Ok(())
}

/// Checks that all spaces left out the same queries, because queries are compared one by one; with classes, also the same
/// reference rows.
fn same_left_out(
    specs: &[Spec],
    views: &mut Views,
    by_class: bool,
    control: &Control,
) -> Result<()> {
    let mut first: Option<View> = None;
    for spec in specs {
        let view = views.start(spec, control)?;
        let other = first.get_or_insert_with(|| view.clone());
        let sets = [
            (&other.queries, &view.queries, true),
            (&other.reference, &view.reference, by_class),
        ];
        for (a, b, _) in sets.into_iter().filter(|set| set.2) {
            let same = a.dropped() == b.dropped()
                && (a.dropped() == 0 || (0..a.len()).all(|row| a.number(row) == b.number(row)));
            if !same {
                return Err(Error::Usage(format!(
                    "rows with numbers that are not finite were left out, and not the same ones of {} and of {}: then rows \
                     of one do not belong to those of the other; remove these rows from all files",
                    a.name(),
                    b.name()
                )));
            }
        }
    }
    Ok(())
}

/// Runs one space, from the rows to its report.
fn one(
    plan: &ComparisonPlan,
    spec: &Spec,
    known: RowContext<'_>,
    views: &mut Views,
    engine: &dyn Engine,
    archive: &mut dyn Archive,
    control: &Control,
) -> Result<SpaceReport> {
    let started = Instant::now();
    let view = views.view(spec, control)?;
    let noticed = views.take_warnings();
    let fits = |classes: &&Classes| {
        let rows = (classes.reference.len(), classes.queries.len());
        rows == (view.reference.len(), view.queries.len())
    };
    let classes = known.classes.filter(fits);
    let known = RowContext { classes, ..known };
    let mut keeper = archive.begin(spec, &view, known)?;
    let notions = plan.analysis.made(classes)?;
    let scores = notions
        .iter()
        .map(|notion| Scores::empty(&spec.text, &**notion))
        .collect();
    let mut collected = Collected::new(plan.picks, scores, &view, &mut *keeper);
    let sets = analyze::Sets {
        reference: &*view.reference,
        queries: &*view.queries,
        classes,
        layers: &view.layers,
        warnings: &noticed,
        memory: views.left(),
    };
    let summary = analyze::run_sets(&plan.analysis, engine, &sets, &mut collected, control)?;
    let mut found = collected.finish();
    let labels = match classes.filter(|_| plan.by_label) {
        Some(classes) => labels::split(classes, &found.scores),
        None => Vec::new(),
    };
    let mut report = SpaceReport {
        labels,
        sets: by_set(&found.scores, known.sets, view.queries.len()),
        seconds: started.elapsed().as_secs_f64(),
        ..report(spec, &summary, &mut found, plan.analysis.gap.is_some())
    };
    report.picks.see(&view)?;
    keeper.finish(&report)?;
    Ok(report)
}

/// The results of the analysis, with the theory for the same size.
fn report(
    spec: &Spec,
    summary: &Summary,
    found: &mut collect::QueryResults,
    distances: bool,
) -> SpaceReport {
    let facts = &summary.reference;
    let hull = &summary.notions[0].rate;
    let effective = |rate: f64| theory::effective_dimension(facts.rows, rate);
    SpaceReport {
        space: spec.text.clone(),
        d: facts.dim,
        rank: facts.affine_rank,
        two_nn: facts.two_nn,
        mle: facts.mle,
        repeated_rows: facts.duplicate_rows,
        sphere: facts.constant_norm,
        n_reference: facts.rows,
        n_queries: summary.queries,
        null_rate: facts
            .affine_rank
            // A reference of rank 0 is a single point, for which there is no null model.
            .filter(|rank| *rank > 0)
            .map(|rank| theory::null_rate(facts.rows, rank)),
        d_eff: hull.rate.and_then(effective),
        d_eff_interval: hull
            .interval95
            .map_or([None; 2], |ends| ends.map(effective)),
        distance_ratio: distances
            .then(|| found.distance_ratio(facts.median_nearest))
            .flatten(),
        median_nearest: facts.median_nearest,
        scans_per_query: summary
            .hull
            .as_ref()
            .map_or(0.0, |hull| hull.scans_per_query),
        verdicts: found.letters(),
        picks: Picks {
            margins: !distances,
            ..found.picks(facts.median_nearest)
        },
        warnings: match spec.stages.as_slice() {
            [crate::space::spec::SpaceStage::Pixels] => {
                let leakage = super::notes::leakage(summary, None);
                leakage
                    .into_iter()
                    .chain(summary.warnings.clone())
                    .collect()
            }
            _ => summary.warnings.clone(),
        },
        notions: summary.notions.clone(),
        labels: Vec::new(),
        sets: Vec::new(),
        seconds: 0.0,
        scores: Arc::new(std::mem::take(&mut found.scores)),
    }
}
