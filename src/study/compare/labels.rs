//! Rates split by class, and each query asked about the hull of its own class alone.

use super::{Plan, Rate};
use crate::control::{self, Control};
use crate::error::{Error, Result};
use crate::hull::{Answer, Settings, Solver, Verdict};
use crate::rows::{Rows, Subset};
use crate::scan::Engine;
use crate::space::View;
use serde::{Deserialize, Serialize};

/// Numbers of queries (f64) that are asked about together.
const TOGETHER: usize = 4 << 20;

/// The class of every row of both sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    pub reference: Vec<u32>,
    pub queries: Vec<u32>,
    /// The name of each class.
    pub names: Vec<String>,
}

/// The queries of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelReport {
    pub label: String,
    /// Reference rows of the class.
    pub n_reference: u64,
    pub n_queries: u64,
    /// Against the whole reference; the hull first.
    pub rates: Vec<Rate>,
    /// Against the hull of the class's own reference rows; `None` without any.
    pub own_class: Option<Rate>,
}

/// What every query was found to be, by notion; empty where a notion was not asked.
pub(super) struct Answers<'a> {
    pub verdicts: &'a [Verdict],
    pub ranges: &'a [bool],
    pub balls: &'a [bool],
}

impl Classes {
    /// A hash of the classes of all rows and their names.
    pub fn hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        for class in self.reference.iter().chain(&self.queries) {
            hash.update(&class.to_le_bytes());
        }
        hash.update(self.names.join("\n").as_bytes());
        hash.finalize().to_hex().to_string()
    }

    /// There must be one for each of the rows of a space.
    pub(super) fn check(&self, space: &str, reference: usize, queries: usize) -> Result<()> {
        for (what, rows, classes) in [
            ("reference", reference, self.reference.len()),
            ("queries", queries, self.queries.len()),
        ] {
            if rows != classes {
                return Err(Error::Usage(format!(
                    "the {what} of the space {space} has {rows} rows, and there are classes of {classes}: they must \
                     match row by row"
                )));
            }
        }
        Ok(())
    }

    /// Every class that occurs among the queries.
    fn present(&self) -> Vec<u32> {
        let mut present = self.queries.clone();
        present.sort_unstable();
        present.dedup();
        present
    }

    fn name(&self, class: u32) -> String {
        let known = self.names.get(class as usize);
        known.cloned().unwrap_or_else(|| class.to_string())
    }
}

fn members(classes: &[u32], class: u32) -> Vec<usize> {
    (0..classes.len())
        .filter(|&row| classes[row] == class)
        .collect()
}

/// A report for each class.
pub(super) fn split(
    plan: &Plan,
    classes: &Classes,
    answers: &Answers<'_>,
    view: &View,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<LabelReport>> {
    let mut reports = Vec::new();
    for class in classes.present() {
        let asked = members(&classes.queries, class);
        let among = members(&classes.reference, class);
        let mut rates = vec![hull_rate(asked.iter().map(|&q| answers.verdicts[q]))];
        for (notion, outside) in [("range", answers.ranges), ("knn_ball", answers.balls)] {
            if !outside.is_empty() {
                rates.push(Rate::of(notion, asked.iter().map(|&q| outside[q])));
            }
        }
        let (n_reference, n_queries) = (among.len() as u64, asked.len() as u64);
        let own_class = match among.is_empty() {
            true => None,
            false => Some(own(plan, among, &asked, view, engine, control)?),
        };
        reports.push(LabelReport {
            label: classes.name(class),
            n_reference,
            n_queries,
            rates,
            own_class,
        });
    }
    Ok(reports)
}

fn hull_rate(verdicts: impl Iterator<Item = Verdict>) -> Rate {
    let (mut queries, mut outside, mut undecided) = (0, 0, 0);
    for verdict in verdicts {
        queries += 1;
        outside += u64::from(verdict == Verdict::Outside);
        undecided += u64::from(verdict == Verdict::Undecided);
    }
    Rate::new("hull", queries, outside, undecided)
}

/// The queries `asked` against the reference rows `among`.
fn own(
    plan: &Plan,
    among: Vec<usize>,
    asked: &[usize],
    view: &View,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Rate> {
    let rows = Subset::new("one class of the reference", &*view.reference, among);
    control.begin(control::Stage::Hull, asked.len() as u64);
    let scan = engine.scan(&rows, control)?;
    let settings = Settings {
        tolerance: plan.analysis.tolerance,
        max_rounds: plan.analysis.max_rounds,
        gap: None,
    };
    let mut solver = Solver::new(&rows, &*scan, settings, control)?;
    let d = rows.dim();
    let mut verdicts = Vec::new();
    for part in asked.chunks((TOGETHER / d).max(1)) {
        let mut values = vec![0.0; part.len() * d];
        view.queries.gather(part, &mut values)?;
        let answers: Vec<Answer> = solver.answer(&values, None, control)?;
        verdicts.extend(answers.into_iter().map(|answer| answer.verdict));
    }
    Ok(hull_rate(verdicts.into_iter()))
}
