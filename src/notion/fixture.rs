//! For tests: fits notions on sets in memory and lets them judge, as an analysis does.

use super::metric::Metric;
use super::neighbours::Neighbours;
use super::{Asked, Block, Classes, Fact, Fits, Judgement, Notion, Reference, sample, side};
use crate::control::Control;
use crate::hull::{Answer, Certificate, Settings, Solver};
use crate::rows::{Memory, Pack, Repeats, Rows};
use crate::scan::{CpuEngine, Engine};
use crate::space::Layer;

/// A reference set in memory.
pub struct Fixture {
    rows: Memory,
    classes: Option<Classes>,
    layers: Vec<Layer>,
}

/// Judgements of queries, and of every reference row as if it were not in the reference.
#[derive(Debug)]
pub struct Judged {
    pub queries: Vec<Judgement>,
    pub others: Vec<Judgement>,
    pub facts: Vec<Fact>,
}

impl Judged {
    /// The value of a fact by name; NaN if there is none.
    pub fn fact(&self, name: &str) -> f64 {
        let found = self.facts.iter().find(|fact| fact.name == name);
        found.map_or(f64::NAN, |fact| fact.value)
    }
}

impl Fixture {
    pub fn new(rows: Memory) -> Self {
        Fixture {
            rows,
            classes: None,
            layers: Vec::new(),
        }
    }

    /// The same rows as tensors side by side, with the given numbers of columns.
    pub fn of_layers(self, dims: &[usize]) -> Self {
        let layer = |(place, &dim): (usize, &usize)| Layer {
            tensor: format!("layer{place}"),
            dim,
        };
        let layers = dims.iter().enumerate().map(layer).collect();
        Fixture { layers, ..self }
    }

    /// The same rows with classes.
    pub fn with(self, classes: Classes) -> Self {
        let classes = Some(classes);
        Fixture { classes, ..self }
    }

    /// Judges queries (B x d) in two blocks; between them, judges all rows as if each were not in the reference.
    pub fn judged(&self, notion: &dyn Notion, queries: &[f64]) -> Judged {
        let control = Control::default();
        let (rows, d) = (&self.rows, self.rows.dim());
        let mut values = vec![0.0; rows.len() * d];
        rows.read_f64(0, &mut values).unwrap();
        let repeats = Repeats::of_values(&values, d, &control).unwrap();
        let subset = repeats.as_ref().map(|repeats| repeats.subset(rows));
        let distinct: &dyn Rows = subset.as_ref().map_or(rows, |subset| subset);
        let scan = CpuEngine.scan(distinct, &control).unwrap();
        let search = Neighbours::new(distinct, &*scan, Metric::Euclidean);
        let search = search.filling(repeats.as_ref());
        let wanted = notion.needs().neighbours.max(1);
        let own = sample(rows.len(), 2000, 0);
        let near = search.others(&own, wanted, &control).unwrap();
        let own: Vec<_> = own.into_iter().zip(near).collect();
        let reference = Reference {
            rows,
            distinct,
            repeats: repeats.as_ref(),
            scan: &*scan,
            whitening: None,
            engine: &CpuEngine,
            metric: Metric::Euclidean,
            search: Some(&search),
            own: &own,
            classes: self.classes.as_ref(),
            layers: &self.layers,
            by_class: &[],
            settings: Settings::default(),
            quantile: 0.95,
            seed: 0,
            alone: false,
            fits: &Fits::default(),
            stored: &Pack::default(),
        };
        let mut hull = notion.needs().hull.then(|| {
            let solver = Solver::new(distinct, &*scan, Settings::default(), &control);
            Hulls {
                solver: solver.unwrap(),
                repeats: repeats.as_ref(),
            }
        });
        let mut fitted = notion.fit(&reference, &control).unwrap();
        let mut judge = |values: &[f64], asked| {
            let near = match asked {
                Asked::Queries { .. } => search.nearest(values, wanted, &control),
                Asked::Others(rows) => search.others(rows, wanted, &control),
            };
            let hull = hull.as_mut().map(|hull| hull.answers(values, asked));
            if let (Asked::Others(_), Some(hull), true) = (asked, &hull, notion.is_hull()) {
                let sides = hull.iter().map(|one| side(one.as_ref()));
                let known = sides.map(|outside| Judgement {
                    outside,
                    ..Judgement::default()
                });
                return known.collect();
            }
            let block = Block {
                values,
                dim: d,
                hull: hull.as_deref().unwrap_or(&[]),
                near: &near.unwrap(),
                asked,
            };
            fitted.judge(&block, &control).unwrap()
        };
        let count = queries.len() / d;
        let (half, places): (_, Vec<usize>) = (count / 2, (0..count).collect());
        let of = count;
        let mut found = judge(
            &queries[..half * d],
            Asked::Queries {
                places: &places[..half],
                of,
            },
        );
        let all: Vec<usize> = (0..rows.len()).collect();
        let others = judge(&values, Asked::Others(&all));
        found.extend(judge(
            &queries[half * d..],
            Asked::Queries {
                places: &places[half..],
                of,
            },
        ));
        fitted.finish(&control).unwrap();
        Judged {
            queries: found,
            others,
            facts: fitted.facts(),
        }
    }
}

/// Verdicts against the hull of the distinct rows.
struct Hulls<'r> {
    solver: Solver<'r>,
    repeats: Option<&'r Repeats>,
}

impl Hulls<'_> {
    /// One answer per query, with row indices of the whole reference; `None` for a reference row that equals another.
    fn answers(&mut self, values: &[f64], asked: Asked<'_>) -> Vec<Option<Answer>> {
        let d = self.solver.metric().dim();
        let single = |row: usize| match self.repeats {
            Some(all) => (all.count(all.place(row)) == 1).then(|| all.place(row)),
            None => Some(row),
        };
        let each = values.chunks_exact(d).enumerate();
        let each = each.map(|(i, query)| {
            let excluded = match asked {
                Asked::Queries { .. } => None,
                Asked::Others(rows) => Some([single(rows[i])?]),
            };
            let excluded = excluded.as_ref().map(|rows| &rows[..]);
            let found = self.solver.answer(query, excluded, &Control::default());
            let mut answer = found.unwrap().remove(0);
            if let (Certificate::Inside { rows, .. }, Some(all)) =
                (&mut answer.certificate, self.repeats)
            {
                rows.iter_mut().for_each(|row| *row = all.first(*row));
            }
            Some(answer)
        });
        each.collect()
    }
}

/// Rows first .. first + rows of a table with pseudorandom values from 0 to 100 in steps of a tenth.
pub fn table(first: usize, rows: usize, columns: usize) -> Vec<f64> {
    let value = |i: usize, j: usize| ((37 * i + 61 * j + i * i * (j + 3)) % 101) as f64 / 10.0;
    (first..first + rows)
        .flat_map(|i| (0..columns).map(move |j| value(i, j)))
        .collect()
}

/// Rows first .. first + rows of a table in which no row repeats another.
pub fn waves(first: usize, rows: usize, columns: usize) -> Vec<f64> {
    let value = |i: usize, j: usize| ((i * i) as f64 * 0.37 * j as f64).sin() * j as f64;
    (first..first + rows)
        .flat_map(|i| (1..=columns).map(move |j| value(i, j)))
        .collect()
}
