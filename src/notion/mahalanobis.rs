//! Mahalanobis distance: how many standard deviations a query lies from the mean, by the covariance of the reference.
//!
//! ```text
//! score^2 = (q - m)^T S^+ (q - m),      tied: the least over the means m of the classes, with S the covariance within classes
//! ```
//!
//! S^+ is the pseudo-inverse on the affine hull of the reference. A query off that hull has no finite distance: it is
//! outside, and its score is above [`OFF`]. For Gaussian rows the squared distance of a new row is chi-square with as many
//! degrees of freedom as the hull has dimensions (Mahalanobis 1936; the tied variant: Lee et al., NeurIPS 2018).

use super::moments::{Moments, Place};
use super::{
    Block, Classes, Column, Fact, Judge, Judgement, Needs, Notion, Reference, Type, Value,
    chi_square, fits, quantile, sample,
};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Numbers, Pack};
use std::sync::Arc;

/// The score of a query just off the affine hull.
const OFF: f64 = 1e30;

/// Above this many dimensions the memory of the covariance and the time of its decomposition would be too large.
const WIDEST: usize = 3072;

/// The most reference rows from which the threshold is taken.
const SAMPLE: usize = 2_000;

/// The most numbers of these rows that are read at once.
const READ: usize = 1 << 21;

/// The distance from the mean, or from the nearest class mean, in standard deviations.
pub struct Mahalanobis {
    /// Whether the distance is that from the nearest class mean.
    pub tied: bool,
}

impl Mahalanobis {
    fn from(&self) -> &'static str {
        match self.tied {
            true => "the nearest class mean, by the covariance within classes",
            false => "the mean, by the covariance of the reference",
        }
    }
}

impl Notion for Mahalanobis {
    fn id(&self) -> String {
        match self.tied {
            true => "mahalanobis_class",
            false => "mahalanobis",
        }
        .into()
    }

    fn score(&self) -> String {
        format!(
            "Mahalanobis distance from {}, in standard deviations; off the affine hull of the reference, 1e30 times 1 \
             + the distance from it in standard deviations of the columns",
            self.from()
        )
    }

    fn outside(&self) -> String {
        format!(
            "off the affine hull of the reference, or farther from {} than --quantile of the reference rows are, each left out",
            self.from()
        )
    }

    fn columns(&self) -> Vec<Column> {
        let id = self.id();
        let help = "share of a Gaussian law that lies farther out (chi-square tail of the squared distance); 0 off the \
                    affine hull";
        let mut columns = vec![Column::new(format!("{id}_p"), Type::Float, help)];
        if self.tied {
            let help = "the class whose mean is nearest";
            columns.push(Column::new(format!("{id}_nearest"), Type::Text, help));
        }
        columns
    }

    fn needs(&self) -> Needs {
        Needs {
            classes: self.tied,
            ..Needs::default()
        }
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let classes = reference.classes.filter(|_| self.tied);
        let (id, quantile) = (self.id(), reference.quantile.to_bits());
        let asked = [reference.seed, quantile, fits::of_classes(classes)];
        let law = reference.fits.of(&format!("{id} {asked:?}"), || {
            match reference.stored.holds(&asked_name(&id), &asked) {
                true => self.stored(reference),
                false => self.law(reference, control),
            }
        })?;
        Ok(Box::new(Fitted {
            id,
            asked,
            law,
            classes,
        }))
    }
}

/// The name of the stored options.
fn asked_name(id: &str) -> String {
    format!("{id}.asked")
}

impl Mahalanobis {
    /// What [`Judge::pack`] stored.
    fn stored(&self, reference: &Reference<'_>) -> Result<Law> {
        let (id, stored) = (self.id(), reference.stored);
        let (n, d) = (reference.rows.len(), reference.rows.dim());
        let threshold = stored.look(&format!("{id}.threshold"), 2)?;
        Ok(Law {
            moments: Moments::unpack(&id, stored, n, d)?,
            threshold: threshold[0],
            sample: threshold[1] as usize,
        })
    }

    fn law(&self, reference: &Reference<'_>, control: &Control) -> Result<Law> {
        let classes = reference.classes.filter(|_| self.tied);
        let class = |row: usize| match classes {
            Some(classes) => classes.of_reference(row),
            None => Some(0),
        };
        let moments = match reference.rows.dim() <= WIDEST {
            true => Moments::fit(reference, class, control)?,
            false => None,
        };
        let mut law = Law {
            moments,
            threshold: f64::INFINITY,
            sample: 0,
        };
        law.find_threshold(reference, classes, control)?;
        Ok(law)
    }
}

/// What depends on the reference alone.
struct Law {
    /// `None` if they cannot be computed.
    moments: Option<Moments>,
    threshold: f64,
    /// The number of reference rows that the threshold is from.
    sample: usize,
}

struct Fitted<'r> {
    id: String,
    /// The options that the law depends on.
    asked: [u64; 3],
    law: Arc<Law>,
    classes: Option<&'r Classes>,
}

impl Law {
    /// Sets the threshold: the quantile of the scores of reference rows, each as if it were not in the reference.
    fn find_threshold(
        &mut self,
        reference: &Reference<'_>,
        classes: Option<&Classes>,
        control: &Control,
    ) -> Result<()> {
        let (rows, d) = (reference.rows, reference.rows.dim());
        let mut own = Vec::new();
        let sample = sample(rows.len(), SAMPLE, reference.seed);
        for part in sample.chunks((READ / d).max(1)) {
            control.check()?;
            let mut values = vec![0.0; part.len() * d];
            rows.gather(part, &mut values)?;
            let found = self.places(&values, classes, |place| Some(part[place]));
            own.extend(found.iter().flatten().map(score));
        }
        self.sample = own.len();
        self.threshold = quantile(&mut own, reference.quantile);
        Ok(())
    }

    fn places(
        &self,
        values: &[f64],
        classes: Option<&Classes>,
        without: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Vec<Option<Place>> {
        let class = |row: usize| match classes {
            Some(classes) => classes.of_reference(row),
            None => Some(0),
        };
        let left = |place: usize| without(place).and_then(|row| Some((row, class(row)?)));
        match &self.moments {
            Some(moments) => moments.places(values, left),
            None => Vec::new(),
        }
    }
}

impl Fitted<'_> {
    fn judgement(&self, place: &Place, rank: usize) -> Judgement {
        let score = score(place);
        let p = match place.off > 0.0 {
            true => 0.0,
            false => chi_square::tail(rank, place.square),
        };
        let mut more = vec![Value::Float(p)];
        more.extend(self.classes.map(|all| Value::Text(all.name(place.class))));
        Judgement {
            outside: Some(place.off > 0.0 || score > self.law.threshold),
            score,
            more,
            ..Judgement::default()
        }
    }

    fn unknown(&self) -> Judgement {
        Judgement {
            score: f64::NAN,
            more: vec![Value::Null; 1 + usize::from(self.classes.is_some())],
            ..Judgement::default()
        }
    }
}

fn score(place: &Place) -> f64 {
    match place.off > 0.0 {
        true => OFF * (1.0 + place.off),
        false => place.square.sqrt(),
    }
}

impl Judge for Fitted<'_> {
    fn warnings(&self) -> Vec<String> {
        let unknown = self.law.moments.is_none().then(|| {
            format!(
                "{} cannot be computed: it needs up to {WIDEST} columns of moderate size, and the reference has others; put \
                 another space before it, as in pca:64",
                self.id
            )
        });
        unknown.into_iter().collect()
    }

    fn judge(&mut self, block: &Block<'_>, _: &Control) -> Result<Vec<Judgement>> {
        let Some(moments) = &self.law.moments else {
            return Ok(vec![self.unknown(); block.len()]);
        };
        let places = self
            .law
            .places(block.values, self.classes, |place| block.without(place));
        let judgement = |place: Option<Place>| match place {
            Some(place) => self.judgement(&place, moments.rank),
            None => self.unknown(),
        };
        Ok(places.into_iter().map(judgement).collect())
    }

    fn pack(&self, pack: &mut Pack) {
        let (id, law) = (&self.id, &self.law);
        pack.put(&asked_name(id), Numbers::U64(self.asked.to_vec()));
        let threshold = [law.threshold, law.sample as f64];
        pack.put_reals(&format!("{id}.threshold"), threshold);
        if let Some(moments) = &law.moments {
            moments.pack(id, pack);
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let Some(moments) = &self.law.moments else {
            return Vec::new();
        };
        let fact = |name: &str, value, what: String| Fact {
            name: name.into(),
            value,
            what,
        };
        let from = format!(
            "score beyond which a query is outside, from {} reference rows",
            self.law.sample
        );
        vec![
            fact("threshold", self.law.threshold, from),
            fact(
                "rank",
                moments.rank as f64,
                "dimensions of the affine hull: degrees of freedom of the chi-square law".into(),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, table};
    use super::*;
    use crate::rows::images::UNLABELLED;
    use crate::rows::{Memory, Rows, synthetic};

    const PLAIN: Mahalanobis = Mahalanobis { tied: false };
    const TIED: Mahalanobis = Mahalanobis { tied: true };

    /// The rows with a fifth column, a linear function of the others.
    fn five(values: Vec<f64>) -> Vec<f64> {
        let extended = |x: &[f64]| [x[0], x[1], x[2], x[3], x[0] - 2.0 * x[1] + 3.0];
        values.chunks_exact(4).flat_map(extended).collect()
    }

    fn by_three(rows: usize) -> Classes {
        let reference = (0..rows as u32).map(|row| row % 3).collect();
        Classes {
            reference,
            ..Classes::default()
        }
    }

    fn scores(all: &[Judgement]) -> Vec<f64> {
        all.iter().map(|judgement| judgement.score).collect()
    }

    fn close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            let off = *expected > OFF;
            let same = (found - expected).abs() <= 1e-9 * expected.max(1.0);
            assert!(same || off && *found > OFF, "{found} {expected}");
        }
    }

    /// NumPy and SciPy (benches/peers/notions.py), with means and covariance computed anew for every left-out row.
    #[test]
    fn distances_are_those_of_numpy() {
        let rows = || Memory::from_f64("rows", 5, five(table(0, 60, 4)));
        let queries = five(table(200, 5, 4));
        let found = Fixture::new(rows()).judged(&PLAIN, &queries);
        let expected = [
            1.6897965239607282,
            1.4428298418917607,
            2.3445073594939387,
            1.8121781361154035,
            2.1898219776479984,
        ];
        close(&scores(&found.queries), &expected);
        let expected = [
            2.4845804098779576,
            1.8812268001561145,
            2.3053108687018087,
            1.6710641078107977,
            2.172390970876567,
        ];
        close(&scores(&found.others), &expected);
        assert_eq!(found.fact("rank"), 4.0);
        let found = Fixture::new(rows())
            .with(by_three(60))
            .judged(&TIED, &queries);
        let expected = [
            1.4598911464101088,
            1.1237116951129105,
            2.166111683168042,
            1.6541593120369644,
            2.0820522156566614,
        ];
        close(&scores(&found.queries), &expected);
        let expected = [
            2.2570919010695616,
            1.6842111181639134,
            2.1856386900542324,
            1.3492373790490446,
            1.8303882148123247,
        ];
        close(&scores(&found.others), &expected);
    }

    /// Left-out rows equal a fit on the other rows, also where the row is alone in a direction or a class, or is repeated.
    #[test]
    fn a_row_left_out_is_judged_as_by_the_others() {
        let mut values = five(table(0, 40, 4));
        for (row, x) in values.chunks_exact_mut(5).enumerate() {
            x[4] += if row == 7 { 0.5 } else { 0.0 };
        }
        let repeated = values[15..20].to_vec();
        values[100..105].copy_from_slice(&repeated);
        let mut classes = by_three(40);
        classes.reference[11] = 9;
        for (notion, classes) in [(PLAIN, by_three(40)), (TIED, classes)] {
            let rows = Memory::from_f64("rows", 5, values.clone());
            let all = Fixture::new(rows).with(classes.clone());
            let found = all.judged(&notion, &[]);
            let mut off = 0;
            for row in 0..40 {
                let others = [&values[..5 * row], &values[5 * row + 5..]].concat();
                let mut kept = classes.clone();
                kept.reference.remove(row);
                let others = Fixture::new(Memory::from_f64("others", 5, others)).with(kept);
                let alone = others.judged(&notion, &values[5 * row..][..5]);
                close(&[found.others[row].score], &scores(&alone.queries));
                off += usize::from(found.others[row].score > OFF);
                if found.others[row].score < OFF {
                    assert_eq!(found.others[row].more.len(), alone.queries[0].more.len());
                }
            }
            assert_eq!(off, 1, "the row that alone leaves the plane");
        }
    }

    #[test]
    fn off_the_affine_hull_is_outside_with_a_score_that_says_so() {
        let rows = Memory::from_f64("rows", 5, five(table(0, 60, 4)));
        let near = five(table(3, 1, 4));
        let mut off = near.clone();
        off[4] += 0.01;
        let mut farther = near.clone();
        farther[4] += 0.02;
        let far = [1e300, -1e300, f64::MAX, 0.0, 1.0];
        let queries = [near, off, farther, far.to_vec()].concat();
        let found = Fixture::new(rows).judged(&PLAIN, &queries).queries;
        assert!(found[0].score < 10.0);
        assert!(found[1].score > OFF && found[2].score > found[1].score);
        assert!(found[3].score > found[2].score && found[3].score.is_finite());
        assert!(found[1..].iter().all(|found| found.outside == Some(true)));
        assert_eq!(found[1].more, [Value::Float(0.0)]);
    }

    /// A row ten million times as far as the others changes neither mean nor covariance.
    #[test]
    fn a_far_row_decides_nothing() {
        let values = table(0, 60, 4);
        let queries = table(200, 5, 4);
        let plain = Fixture::new(Memory::from_f64("rows", 4, values.clone()));
        let spoiled = [values, vec![1e8, -1e8, 1e8, 3e8]].concat();
        let spoiled = Fixture::new(Memory::from_f64("rows", 4, spoiled));
        let (plain, spoiled) = (
            plain.judged(&PLAIN, &queries),
            spoiled.judged(&PLAIN, &queries),
        );
        close(&scores(&spoiled.queries), &scores(&plain.queries));
        close(&scores(&spoiled.others), &scores(&plain.others));
        assert_eq!(spoiled.others[60].outside, Some(true));
    }

    /// Scores do not depend on units of columns or the order of rows, and 5 % of new rows exceed the 95 % quantile.
    #[test]
    fn units_and_order_change_nothing_and_gaussian_rows_follow_the_chi_square_law() {
        let d = 6;
        let read = |rows: &Memory| {
            let mut values = vec![0.0; rows.len() * d];
            rows.read_f64(0, &mut values).unwrap();
            values
        };
        let values = read(&synthetic::gaussian(3000, d, 1));
        let queries = read(&synthetic::gaussian(2000, d, 2));
        let found =
            Fixture::new(Memory::from_f64("rows", d, values.clone())).judged(&PLAIN, &queries);
        let p = |judgement: &Judgement| match judgement.more[0] {
            Value::Float(p) => p,
            _ => f64::NAN,
        };
        let rare = found.queries.iter().filter(|found| p(found) < 0.05).count();
        assert!((60..140).contains(&rare), "{rare}");
        let outside = found
            .queries
            .iter()
            .filter(|found| found.outside == Some(true));
        let outside = outside.count();
        assert!((60..140).contains(&outside), "{outside}");
        let stretched = |values: &[f64]| -> Vec<f64> {
            let unit = |j: usize| 10f64.powi(3 * j as i32 - 8);
            let each = values.iter().enumerate();
            each.map(|(at, v)| v * unit(at % d) + 7.0 * unit(at % d))
                .collect()
        };
        let turned: Vec<f64> = stretched(&values)
            .chunks_exact(d)
            .rev()
            .flatten()
            .copied()
            .collect();
        let other =
            Fixture::new(Memory::from_f64("rows", d, turned)).judged(&PLAIN, &stretched(&queries));
        for (a, b) in found.queries.iter().zip(&other.queries) {
            assert!((a.score - b.score).abs() < 1e-7 * a.score);
        }
    }

    /// Rows without a class are ignored.
    #[test]
    fn rows_without_a_label_are_in_no_class() {
        let (values, queries) = (table(0, 60, 4), table(200, 5, 4));
        let mut classes = Classes {
            reference: (0..60).map(|row| u32::from(row >= 45)).collect(),
            names: vec!["shoe".into(), UNLABELLED.into()],
            ..Classes::default()
        };
        let judged = |values: &[f64], classes| {
            let rows = Memory::from_f64("rows", 4, values.to_vec());
            Fixture::new(rows).with(classes).judged(&TIED, &queries)
        };
        let all = judged(&values, classes.clone());
        classes.reference.truncate(45);
        let labelled = judged(&values[..45 * 4], classes);
        close(&scores(&all.queries), &scores(&labelled.queries));
        close(&scores(&all.others[..45]), &scores(&labelled.others));
    }

    #[test]
    fn sets_of_one_and_two_rows() {
        let one = Fixture::new(Memory::from_f64("one", 2, vec![1.0, 2.0]));
        let found = one.judged(&PLAIN, &[1.0, 2.0, 1.0, 3.0]);
        assert_eq!(found.queries[0].score, 0.0);
        assert!(found.queries[1].score > OFF);
        assert!(found.others[0].score.is_nan() && found.others[0].outside.is_none());
        let two = Fixture::new(Memory::from_f64("two", 2, vec![1.0, 2.0, 1.0, 4.0]));
        let found = two.judged(&PLAIN, &[1.0, 3.0, 1.0, 6.0, 2.0, 3.0]);
        assert!(found.queries[0].score.abs() < 1e-12 && found.queries[1].score < 10.0);
        assert!(found.queries[2].score > OFF);
        assert!(found.others.iter().all(|found| found.outside == Some(true)));
    }
}
