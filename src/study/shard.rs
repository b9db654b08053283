//! What a shard of a reference answers: everything that an analysis asks of all rows.

use super::survey::Look;
use crate::control::Control;
use crate::error::Result;
use crate::hull::Off;
use crate::notion::range::Ends;
use crate::rows::pass::{self, Pass, UNIT};
use crate::rows::{Pack, Rows};
use crate::scan::LocalShard;
use crate::space::Unit;

/// The answer of a shard to a question; see [`crate::rows::sharded::Shards::ask`].
///
/// Errors: as [`LocalShard::answer`].
pub fn answer(shard: &LocalShard, what: &str, question: Pack, control: &Control) -> Result<Pack> {
    let unit = Unit(shard.rows());
    let rows: &dyn Rows = match question.has(UNIT) {
        true => &unit,
        false => shard.rows(),
    };
    match what {
        Look::NAME => pass::answer::<Look>(rows, question, control),
        Off::NAME => pass::answer::<Off<'_>>(rows, question, control),
        Ends::NAME => pass::answer::<Ends>(rows, question, control),
        _ => shard.answer(what, question, control),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notion::registry::Wanted;
    use crate::rows::sharded::Sharded;
    use crate::scan::sharded::fixture::{sharded, whole};
    use crate::scan::{CpuEngine, Engine, ShardedEngine};
    use crate::study::analyze::{AnalysisPlan, Metric, Sets, prepare, run_prepared};
    use crate::study::fixture::KeptRecords;
    use std::sync::atomic::Ordering::Relaxed;

    /// Everything that is said of the queries, and of the reference, and what was kept of it.
    fn said(
        plan: &AnalysisPlan,
        engine: &dyn Engine,
        reference: &dyn Rows,
        queries: &dyn Rows,
    ) -> (Vec<String>, String, Pack) {
        let control = Control::default();
        let sets = Sets {
            reference,
            queries,
            classes: None,
            layers: &[],
            warnings: &[],
            memory: 0,
        };
        let known = prepare(plan, engine, &sets, &control).unwrap();
        let mut sink = KeptRecords::default();
        let done = run_prepared(plan, engine, &sets, Some(&known), &mut sink, &control).unwrap();
        (sink.0, format!("{:?}", done.reference), known.pack())
    }

    /// Numbers without a pattern, one column constant but for one row, some rows equal across shards, and one far away.
    fn rows(n: usize, d: usize, equal: bool) -> Vec<f64> {
        let value = |at: usize| match at % d {
            0 => f64::from(u8::from(at / d == n - 2)),
            _ => ((at * 7919 + at / d * at) % 10_007) as f64 / 64.0,
        };
        let mut values: Vec<f64> = (0..n * d).map(value).collect();
        values[(3 * n / 4) * d..][..d].fill(1e9);
        if equal {
            values.copy_within(0..3 * d, (n - 5) * d);
        }
        values
    }

    #[test]
    fn a_reference_in_shards_says_to_the_last_bit_what_one_machine_says() {
        for (n, d, equal, metric) in [
            (2_500, 80, true, Metric::Euclidean),
            (400, 7, false, Metric::Cosine),
            (5_000, 2, true, Metric::Euclidean),
        ] {
            let plan = AnalysisPlan {
                metric,
                neighbours: 3,
                gap: Some(0.2),
                alone: true,
                notions: Wanted(["hull", "range", "ball"].map(String::from).to_vec()),
                ..AnalysisPlan::default()
            };
            let values = rows(n, d, equal);
            let asked: Vec<f64> = rows(60, d, false).iter().map(|v| v * 0.9 + 3.0).collect();
            let queries = whole(&asked[..3 * d], d);
            let one = said(&plan, &CpuEngine, &whole(&values, d), &queries);
            for ends in [vec![n], vec![0, n / 3, n / 3 + 1, n], vec![1, n - 1, n, n]] {
                let (shards, there): (_, Sharded) = sharded(&values, d, &ends, answer);
                shards.forgets.store(n == 400, Relaxed);
                let many = said(&plan, &ShardedEngine, &there, &queries);
                assert_eq!(many.0, one.0, "{n} {ends:?}");
                assert_eq!(many.1, one.1, "{n} {ends:?}");
                assert_eq!(many.2, one.2, "{n} {ends:?}");
            }
        }
    }
}
