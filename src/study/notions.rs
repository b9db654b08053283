//! Notions within an analysis: they are fitted, judge blocks of queries, and their judgements are counted.

use super::rate::{Rate, quantiles};
use super::summary::NotionSummary;
use crate::control::{Control, WorkStage};
use crate::error::Result;
use crate::hull::Certificate;
use crate::notion::{Asked, Block, Judge, Judgement, Notion, Reference, side};
use crate::rows::Pack;

/// A fitted notion with the counts of its judgements so far.
pub(super) struct FittedNotion<'r> {
    notion: &'r dyn Notion,
    judge: Box<dyn Judge + 'r>,
    queries: Counts,
    others: Counts,
    /// Queries of the current set that were judged so far.
    done: usize,
    /// Queries that the notion judged without a result.
    open: u64,
    scores: Vec<f64>,
}

/// The judgements of a block: for each query a list with one judgement per notion; and certificates, if a notion gives its
/// own.
pub(super) type Judged = (Vec<Vec<Judgement>>, Option<Vec<Option<Certificate>>>);

#[derive(Default)]
struct Counts {
    all: u64,
    outside: u64,
    undecided: u64,
}

impl Counts {
    fn add(&mut self, outside: Option<bool>) {
        self.all += 1;
        self.outside += u64::from(outside == Some(true));
        self.undecided += u64::from(outside.is_none());
    }

    fn rate(&self, notion: &str) -> Rate {
        Rate::new(notion, self.all, self.outside, self.undecided)
    }
}

impl<'r> FittedNotion<'r> {
    /// Fits every notion.
    pub(super) fn all(
        notions: &'r [Box<dyn Notion>],
        reference: &Reference<'r>,
        control: &Control,
    ) -> Result<Vec<Self>> {
        let fit = |notion: &'r dyn Notion| {
            Ok(FittedNotion {
                notion,
                judge: control.within(&notion.id(), || {
                    control.begin(WorkStage::Fit, 0);
                    notion.fit(reference, control)
                })?,
                queries: Counts::default(),
                others: Counts::default(),
                done: 0,
                open: 0,
                scores: Vec::new(),
            })
        };
        notions.iter().map(|notion| fit(&**notion)).collect()
    }

    /// The fitted data of all notions, as far as they can be stored.
    pub(super) fn pack(all: &[Self]) -> Pack {
        let mut pack = Pack::default();
        all.iter().for_each(|fitted| fitted.judge.pack(&mut pack));
        pack
    }

    /// Judges a block of queries.
    pub(super) fn judge(all: &mut [Self], block: &Block<'_>, control: &Control) -> Result<Judged> {
        let mut certificates = None;
        let mut judged: Vec<Vec<Judgement>> = vec![Vec::with_capacity(all.len()); block.len()];
        for fitted in all {
            let found = fitted.block(block, control)?;
            for (judgements, judgement) in judged.iter_mut().zip(found) {
                if !judgement.passed_over {
                    fitted.queries.add(judgement.outside);
                }
                fitted.open += u64::from(judgement.open);
                let score = Some(judgement.score).filter(|score| score.is_finite());
                fitted.scores.extend(score);
                judgements.push(judgement);
            }
            certificates = fitted.judge.certificates().or(certificates);
        }
        Ok((judged, certificates))
    }

    /// The judgements of a block of queries, one per query. The progress stage is the notion's, and counts the queries judged.
    fn block(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let id = self.notion.id();
        let (first, of) = match block.asked {
            Asked::Queries { places, of } => (places.first() == Some(&0), of),
            Asked::Others(rows) => (true, rows.len()),
        };
        if first {
            self.done = 0;
        }
        let steps = self.notion.steps();
        let units = |queries: usize| steps * queries as u64;
        let total = units(self.notion.judges(of));
        let found = control.within(&id, || {
            control.resume(WorkStage::Notion, units(self.done), total);
            self.judge.judge(block, control)
        })?;
        // There must be one per query: with a gap, queries would get the judgements of others.
        assert_eq!(found.len(), block.len(), "{id}");
        self.done += found.iter().filter(|one| !one.passed_over).count();
        control.reach(units(self.done));
        Ok(found)
    }

    /// Counts the judgements of every notion on left-out reference rows. `place` is the index of the first row among all that
    /// are left out, and `rows` their number.
    pub(super) fn leave_out(
        all: &mut [Self],
        block: &Block<'_>,
        (place, rows): (usize, usize),
        control: &Control,
    ) -> Result<()> {
        for fitted in all {
            let sides: Vec<Option<bool>> = match fitted.notion.is_hull() {
                true => block.hull.iter().map(|one| side(one.as_ref())).collect(),
                false => {
                    let found = control.within(&fitted.notion.id(), || {
                        control.resume(WorkStage::LeaveOneOut, place as u64, rows as u64);
                        fitted.judge.judge(block, control)
                    })?;
                    control.reach((place + block.len()) as u64);
                    found.iter().map(|judgement| judgement.outside).collect()
                }
            };
            assert_eq!(sides.len(), block.len(), "{}", fitted.notion.id());
            for side in sides {
                fitted.others.add(side);
            }
        }
        Ok(())
    }

    /// Ends the judgements after the last query.
    pub(super) fn finish(all: &mut [Self], control: &Control) -> Result<()> {
        all.iter_mut().try_for_each(|fitted| {
            let id = fitted.notion.id();
            control.within(&id, || fitted.judge.finish(control))
        })
    }

    /// Notes on how many queries each notion left without a result, and why; not for the hull, whose reasons are counted one
    /// by one.
    pub(super) fn notes(all: &[Self]) -> Vec<String> {
        let open = all.iter().filter(|fitted| fitted.open > 0);
        open.map(|fitted| {
            format!(
                "{} is null for {} of the {} queries that it judged: {}",
                fitted.notion.id(),
                fitted.open,
                fitted.queries.all,
                fitted.judge.why_open()
            )
        })
        .collect()
    }

    /// The warnings of all notions.
    pub(super) fn warnings(all: &[Self]) -> impl Iterator<Item = String> {
        all.iter().flat_map(|fitted| fitted.judge.warnings())
    }

    /// The summary of the notion.
    pub(super) fn summary(mut self) -> NotionSummary {
        let id = self.notion.id();
        NotionSummary {
            rate: self.queries.rate(&id),
            outside_means: self.notion.outside(),
            score_means: self.notion.score(),
            score: quantiles(&mut self.scores),
            leave_one_out: (self.others.all > self.others.undecided).then(|| self.others.rate(&id)),
            facts: self.judge.facts(),
        }
    }
}
