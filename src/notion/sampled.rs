//! A costly notion that judges a seeded sample of the queries, as the cone, the gauge and the Delaunay simplex do in `all`.
//!
//! The sample depends only on the seed and the number of queries, so that all such notions of a run judge the same queries.
//! The other queries get no judgement, not even where the hull's verdict would give their side: all numbers of such a notion
//! are about the same queries. Left-out reference rows are a sample already, and all are judged.

use super::{
    Asked, Block, Column, Fact, Judge, Judgement, Needs, Notion, Reference, Type, Value, sample,
};
use crate::control::Control;
use crate::error::Result;
use crate::hull::Certificate;
use crate::rows::Pack;

/// The most queries that are judged; a rate of one half then has an interval of 9 percentage points. On all of MNIST in
/// patches of 8 x 8 (60,000 x 10,000), half as many queries took no less processor time in all.
pub const MOST: usize = 500;

/// The ending that is added to the notion's id in the name of the column that marks the sample.
pub const ENDING: &str = "_sampled";

/// A notion that judges a sample of the queries.
pub struct Sampled(pub Box<dyn Notion>);

impl Notion for Sampled {
    fn id(&self) -> String {
        self.0.id()
    }

    fn score(&self) -> String {
        self.0.score()
    }

    fn outside(&self) -> String {
        self.0.outside()
    }

    fn columns(&self) -> Vec<Column> {
        let help = "whether the query was in the sample that this notion judged: its other columns are null for the others";
        let mut columns = self.0.columns();
        columns.push(Column::new(self.id() + ENDING, Type::Bool, help));
        columns
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn is_hull(&self) -> bool {
        self.0.is_hull()
    }

    fn sampled(&self) -> bool {
        true
    }

    fn judges(&self, queries: usize) -> usize {
        queries.min(MOST)
    }

    fn steps(&self) -> u64 {
        self.0.steps()
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        Ok(Box::new(OfSample {
            judge: self.0.fit(reference, control)?,
            columns: self.0.columns().len(),
            seed: reference.seed,
            drawn: None,
            certificates: None,
        }))
    }
}

/// The judge of a sample.
struct OfSample<'r> {
    judge: Box<dyn Judge + 'r>,
    /// The number of the notion's added columns.
    columns: usize,
    seed: u64,
    /// The number of queries that the sample is drawn from, and the indices of the sample, ascending.
    drawn: Option<(usize, Vec<usize>)>,
    /// The certificates of the block that was judged last.
    certificates: Option<Vec<Option<Certificate>>>,
}

impl OfSample<'_> {
    /// The places in a block that are in the sample.
    fn chosen(&mut self, block: &Block<'_>) -> Vec<usize> {
        let Asked::Queries { places, of } = block.asked else {
            return (0..block.len()).collect();
        };
        if self.drawn.as_ref().is_none_or(|(drawn, _)| *drawn != of) {
            self.drawn = Some((of, sample(of, MOST, self.seed)));
        }
        let drawn = self.drawn.as_ref().map_or(&[][..], |(_, drawn)| drawn);
        let among = |i: &usize| drawn.binary_search(&places[*i]).is_ok();
        (0..block.len()).filter(among).collect()
    }

    /// The judgement of a query that is not in the sample.
    fn passed_over(&self) -> Judgement {
        let mut more = vec![Value::Null; self.columns];
        more.push(Value::Bool(false));
        Judgement {
            score: f64::NAN,
            more,
            passed_over: true,
            ..Judgement::default()
        }
    }
}

impl Judge for OfSample<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let chosen = self.chosen(block);
        let mut judged = vec![self.passed_over(); block.len()];
        self.certificates = None;
        if chosen.is_empty() {
            return Ok(judged);
        }
        let found = block.part(&chosen, |part| self.judge.judge(part, control))?;
        // There must be one per query: with a gap, queries would get the judgements of others.
        assert_eq!(found.len(), chosen.len());
        for (&place, mut judgement) in chosen.iter().zip(found) {
            judgement.more.push(Value::Bool(true));
            judged[place] = judgement;
        }
        if let Some(found) = self.judge.certificates() {
            let mut all = vec![None; block.len()];
            for (&place, certificate) in chosen.iter().zip(found) {
                all[place] = certificate;
            }
            self.certificates = Some(all);
        }
        Ok(judged)
    }

    fn certificates(&mut self) -> Option<Vec<Option<Certificate>>> {
        self.certificates.take()
    }

    fn why_open(&self) -> String {
        self.judge.why_open()
    }

    fn finish(&mut self, control: &Control) -> Result<()> {
        self.judge.finish(control)
    }

    fn pack(&self, pack: &mut Pack) {
        self.judge.pack(pack);
    }

    fn facts(&self) -> Vec<Fact> {
        self.judge.facts()
    }
}

#[cfg(test)]
mod tests {
    use super::super::cone::Directions;
    use super::super::fixture::{Fixture, table};
    use super::super::gauge::GaugeAboutMean;
    use super::*;
    use crate::rows::Memory;

    /// Up to the limit all queries are judged; of more, the sample gets the notion's usual judgements, in any split into blocks.
    #[test]
    fn a_sample_is_judged_as_all_are() {
        let rows = Memory::from_f64("rows", 2, table(0, 40, 2));
        let fixture = Fixture::new(rows);
        let made: [fn() -> Box<dyn Notion>; 2] =
            [|| Box::new(Directions), || Box::new(GaugeAboutMean)];
        for notion in made {
            for count in [MOST, MOST + 500] {
                let queries: Vec<f64> = table(100, count, 2).iter().map(|v| v * 1.2).collect();
                let whole = fixture.judged(&*notion(), &queries);
                let part = fixture.judged(&Sampled(notion()), &queries);
                let said = |judgement: &Judgement| match notion().is_hull() {
                    true => judgement.clone(),
                    false => with_true(judgement),
                };
                let expected: Vec<Judgement> = whole.others.iter().map(said).collect();
                assert_eq!(part.others, expected);
                let drawn = sample(count, MOST, 0);
                assert_eq!(drawn.len(), MOST);
                for (query, (all, one)) in whole.queries.iter().zip(&part.queries).enumerate() {
                    if drawn.binary_search(&query).is_ok() {
                        assert_eq!(*one, with_true(all));
                        continue;
                    }
                    assert_eq!(one.outside, None);
                    assert_eq!((one.score.is_nan(), one.passed_over), (true, true));
                    assert_eq!(one.more.last(), Some(&Value::Bool(false)));
                    assert_eq!(one.more.len(), Sampled(notion()).columns().len());
                }
            }
        }
    }

    fn with_true(judgement: &Judgement) -> Judgement {
        let mut judgement = judgement.clone();
        judgement.more.push(Value::Bool(true));
        judgement
    }
}
