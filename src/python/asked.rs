//! Converts the options of a Python program into plans.

use crate::error::{Error, Result};
use crate::notion::Classes;
use crate::notion::registry::Wanted;
use crate::rows::images::{self, UNLABELLED};
use crate::study::analyze::{AnalysisPlan, Metric};
use crate::study::outcomes::Outcome;
use pyo3::prelude::*;
use std::collections::HashMap;

/// The options of judging, from a dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    hull: bool,
    neighbours: usize,
    metric: String,
    notions: Vec<String>,
    gap: Option<f64>,
    quantile: f64,
    seed: u64,
}

impl Asked {
    /// Errors ([`Error::Usage`]): an unknown metric, numbers outside their range.
    pub fn plan(self) -> Result<AnalysisPlan> {
        let plan = AnalysisPlan {
            hull: self.hull,
            neighbours: self.neighbours,
            metric: match &*self.metric {
                "euclidean" => Metric::Euclidean,
                "cosine" => Metric::Cosine,
                "dot" => Metric::Dot,
                other => {
                    let known = ["euclidean", "cosine", "dot"];
                    return Err(Error::unknown("metric", other, &known));
                }
            },
            notions: Wanted(self.notions),
            gap: self.gap,
            quantile: self.quantile,
            seed: self.seed,
            ..AnalysisPlan::default()
        };
        plan.check()?;
        Ok(plan)
    }
}

/// The class of each row by name; `None` for a row whose class is unknown.
pub type Labels = Vec<Option<String>>;

/// The facts about queries besides their values.
#[derive(FromPyObject, Default)]
#[pyo3(from_item_all)]
pub struct QueryFacts {
    pub labels: Option<Labels>,
    pub predicted: Option<Labels>,
    pub loss: Option<Vec<f64>>,
}

impl QueryFacts {
    /// Errors ([`Error::Usage`]): lists without exactly one entry per query.
    pub fn check(&self, queries: usize) -> Result<()> {
        let lists = [
            ("labels", self.labels.as_ref().map(Vec::len)),
            ("predictions", self.predicted.as_ref().map(Vec::len)),
            ("loss", self.loss.as_ref().map(Vec::len)),
        ];
        for (name, len) in lists {
            if let Some(len) = len.filter(|&len| len != queries) {
                return Err(Error::Usage(format!(
                    "{name} has {len} values, and there are {queries} queries; give one for each"
                )));
            }
        }
        Ok(())
    }

    /// The outcome of the queries: the loss, or whether the predicted class is wrong.
    pub fn outcome(&self) -> Option<Outcome> {
        if let Some(loss) = &self.loss {
            return Some(Outcome::Loss(loss.clone()));
        }
        let pairs = self.predicted.as_ref()?.iter().zip(self.labels.as_ref()?);
        let wrong = pairs.map(|(predicted, label)| Some(predicted.as_ref()? != label.as_ref()?));
        Some(Outcome::Wrong(wrong.collect()))
    }

    /// The classes of both sets, if those of one are known. `rows` and `queries` are the sizes of the sets.
    pub fn classes(
        &self,
        reference: Option<&Coded>,
        rows: usize,
        queries: usize,
    ) -> Option<Classes> {
        if reference.is_none() && self.labels.is_none() && self.predicted.is_none() {
            return None;
        }
        // The classes of the reference have the same numbers in every call.
        let mut codes = reference.map_or_else(Codes::default, |all| all.codes.clone());
        let mut all = |labels: Option<&Labels>, n: usize| -> Vec<u32> {
            let label = |row: usize| labels.and_then(|labels| labels[row].as_deref());
            (0..n).map(|row| codes.of(label(row))).collect()
        };
        let reference = match reference {
            Some(known) => known.classes.clone(),
            None => all(None, rows),
        };
        let own = all(self.labels.as_ref(), queries);
        let predicted = self.predicted.iter().flatten();
        let predicted = predicted.map(|name| Some(codes.of(Some(name.as_deref()?))));
        Some(Classes {
            reference,
            queries: own,
            predicted: predicted.collect(),
            names: codes.names,
        })
    }
}

/// The labels of all reference rows as numbers of classes.
pub struct Coded {
    classes: Vec<u32>,
    codes: Codes,
}

impl Coded {
    /// Numbers the classes of labels.
    pub fn of<'a>(labels: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut codes = Codes::default();
        let classes = labels.into_iter().map(|label| codes.of(label)).collect();
        Coded { classes, codes }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// The classes and their names, as files hold them.
    pub fn labels(&self) -> images::Labels {
        images::Labels {
            classes: self.classes.clone(),
            names: self.codes.names.clone(),
        }
    }
}

/// Numbers classes in the order of their first appearance.
#[derive(Default, Clone)]
struct Codes {
    names: Vec<String>,
    known: HashMap<String, u32>,
}

impl Codes {
    fn of(&mut self, name: Option<&str>) -> u32 {
        let name = name.unwrap_or(UNLABELLED);
        if let Some(&code) = self.known.get(name) {
            return code;
        }
        let code = self.names.len() as u32;
        self.names.push(name.into());
        self.known.insert(name.into(), code);
        code
    }
}
