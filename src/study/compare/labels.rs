//! Rates split by class, and each query asked about the hull of its own class alone.

use super::{Classes, Plan, Rate, Scores};
use crate::control::{self, Control};
use crate::error::{Error, Result};
use crate::hull::{Answer, Settings, Solver, Verdict};
use crate::rows::{Rows, Subset};
use crate::scan::Engine;
use crate::space::View;
use serde::{Deserialize, Serialize};

/// Numbers of queries (f64) that are asked about together.
const TOGETHER: usize = 4 << 20;

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

/// There must be one for each of the rows of a space.
pub(super) fn check(
    classes: &Classes,
    space: &str,
    reference: usize,
    queries: usize,
) -> Result<()> {
    for (what, rows, known) in [
        ("reference", reference, classes.reference.len()),
        ("queries", queries, classes.queries.len()),
    ] {
        if rows != known {
            return Err(Error::Usage(format!(
                "the {what} of the space {space} has {rows} rows, and there are classes of {known}: they must \
                 match row by row"
            )));
        }
    }
    Ok(())
}

/// A report for each class.
pub(super) fn split(
    plan: &Plan,
    classes: &Classes,
    scores: &[Scores],
    view: &View,
    engine: &dyn Engine,
    control: &Control,
) -> Result<Vec<LabelReport>> {
    let mut reports = Vec::new();
    for class in classes.present() {
        let asked = crate::notion::members(&classes.queries, class);
        let among = classes.members(class);
        let rate = |scores: &Scores| {
            Rate::of(
                &scores.notion,
                asked.iter().map(|&query| scores.outside[query]),
            )
        };
        let rates = scores.iter().map(rate).collect();
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
    let mut outside = Vec::new();
    for part in asked.chunks((TOGETHER / d).max(1)) {
        let mut values = vec![0.0; part.len() * d];
        view.queries.gather(part, &mut values)?;
        let answers: Vec<Answer> = solver.answer(&values, None, control)?;
        outside.extend(answers.into_iter().map(|answer| match answer.verdict {
            Verdict::Inside => Some(false),
            Verdict::Outside => Some(true),
            Verdict::Undecided => None,
        }));
    }
    Ok(Rate::of("hull", outside.into_iter()))
}
