//! The hull of one class: the query's own, or the one that a model predicts for the query.
//!
//! A class is a part of the reference, so the hull of a class lies in the hull of all rows. Each class has its own solver,
//! which is made for the first query of the class and then kept.

use super::hull::of;
use super::{Block, Classes, Fits, Judge, Judgement, Needs, Notion, Reference};
use crate::control::Control;
use crate::error::Result;
use crate::hull::{Metric, Settings, Solver};
use crate::rows::{Repeats, Rows, Subset};
use crate::scan::Scan;
use std::collections::BTreeMap;

/// The id of the notion of the query's own class.
pub const OWN: &str = "class_own";

/// The hull of the class that a query belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// Whether the class is the one that a model predicted, instead of the query's own.
    pub predicted: bool,
    /// Whether distances are computed; otherwise the score is the verdict's margin.
    pub distance: bool,
}

impl Class {
    fn whose(&self) -> &'static str {
        match self.predicted {
            true => "the class that the model predicts for the query",
            false => "the query's own class",
        }
    }
}

impl Notion for Class {
    fn id(&self) -> String {
        match self.predicted {
            true => "class_predicted",
            false => OWN,
        }
        .into()
    }

    fn score(&self) -> String {
        let what = match self.distance {
            true => "Euclidean distance",
            false => "distance (the verdict's margin, often far below it)",
        };
        let whose = self.whose();
        format!("certified lower bound of the {what} to the hull of {whose}, 0 inside")
    }

    fn outside(&self) -> String {
        format!("outside the hull of the reference rows of {}", self.whose())
    }

    /// Its solvers count a verdict and a distance as two steps.
    fn steps(&self) -> u64 {
        if self.distance { 2 } else { 1 }
    }

    fn needs(&self) -> Needs {
        Needs {
            classes: true,
            predicted: self.predicted,
            ..Needs::default()
        }
    }

    fn fit<'r>(&self, reference: &Reference<'r>, _: &Control) -> Result<Box<dyn Judge + 'r>> {
        Ok(Box::new(Hulls {
            predicted: self.predicted,
            classes: reference.classes,
            of: reference.by_class,
            repeats: reference.repeats,
            settings: reference.settings,
            alone: reference.alone,
            fits: reference.fits,
            solvers: BTreeMap::new(),
        }))
    }
}

/// The distinct rows of a class, and a scan of them.
pub struct Members<'r> {
    pub class: u32,
    pub rows: &'r Subset<'r>,
    /// A name for the rows in [`Reference::fits`].
    pub fit_name: String,
    pub scan: Box<dyn Scan + 'r>,
}

/// The distinct rows of every class of the reference, by class; `distinct` are those of the whole reference.
pub fn members<'r>(
    classes: &Classes,
    distinct: &'r dyn Rows,
    repeats: Option<&Repeats>,
) -> Vec<(u32, Subset<'r>)> {
    let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, &class) in classes.reference.iter().enumerate() {
        let place = repeats.map_or(row, |all| all.place(row));
        places.entry(class).or_default().push(place);
    }
    let made = |(class, mut places): (u32, Vec<usize>)| {
        places.sort_unstable();
        places.dedup();
        let name = format!("class {}", classes.name(class));
        (class, Subset::new(name, distinct, places))
    };
    places.into_iter().map(made).collect()
}

struct Hulls<'r> {
    predicted: bool,
    classes: Option<&'r Classes>,
    of: &'r [Members<'r>],
    repeats: Option<&'r Repeats>,
    settings: Settings,
    /// Whether no answer may depend on the other queries.
    alone: bool,
    fits: &'r Fits,
    solvers: BTreeMap<u32, Solver<'r>>,
}

impl Judge for Hulls<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let unknown = Judgement {
            score: f64::NAN,
            ..Judgement::default()
        };
        let mut judged = vec![unknown; block.len()];
        let Some(classes) = self.classes else {
            return Ok(judged);
        };
        let mut asked: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for place in 0..block.len() {
            let class = match self.predicted {
                true => block.predicted(place, classes),
                false => block.class(place, classes),
            };
            if let Some(class) = class {
                asked.entry(class).or_default().push(place);
            }
        }
        for (class, places) in asked {
            self.one(class, &places, block, &mut judged, control)?;
        }
        Ok(judged)
    }

    fn why_open(&self) -> String {
        "they are too near the surface of the hull of the class for double precision, or were not decided in the rounds \
         allowed".into()
    }
}

impl Hulls<'_> {
    /// Judges the queries at some places of the block against one class. For a class without rows there is no judgement.
    fn one(
        &mut self,
        class: u32,
        places: &[usize],
        block: &Block<'_>,
        judged: &mut [Judgement],
        control: &Control,
    ) -> Result<()> {
        let Ok(found) = self
            .of
            .binary_search_by_key(&class, |members| members.class)
        else {
            return Ok(());
        };
        let members = &self.of[found];
        let mut asked = Vec::new();
        let mut excluded = Vec::new();
        for &place in places {
            let Some(row) = block.without(place) else {
                asked.push(place);
                continue;
            };
            match self.alone(class, row, members) {
                Some(_) if members.rows.len() == 1 => (),
                Some(own) => {
                    asked.push(place);
                    excluded.push(own);
                }
                None => judged[place] = of(None),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let queries: Vec<&[f64]> = block.queries().collect();
        let values: Vec<f64> = asked
            .iter()
            .flat_map(|&place| queries[place])
            .copied()
            .collect();
        let solver = match self.solvers.entry(class) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let (rows, scan) = (members.rows, &*members.scan);
                let name = format!("{} hull", members.fit_name);
                let fit = || Metric::whitening(rows, scan.frame(), control);
                let (metric, affine) = &*self.fits.of(&name, fit)?;
                let (metric, affine) = (metric.clone(), affine.clone());
                place.insert(Solver::of(rows, scan, self.settings, metric, affine))
            }
        };
        let answers = match excluded.is_empty() {
            true => solver.answer_queries(&values, self.alone, control)?,
            false => solver.answer_others(&values, &excluded, self.alone, control)?,
        };
        for (place, answer) in asked.into_iter().zip(&answers) {
            let judgement = of(Some(answer));
            judged[place] = Judgement {
                open: judgement.outside.is_none(),
                ..judgement
            };
        }
        Ok(())
    }

    /// The index of a reference row among the distinct ones of its class, unless another row of the class equals it.
    fn alone(&self, class: u32, row: usize, members: &Members<'_>) -> Option<usize> {
        let mut place = row;
        if let Some(repeats) = self.repeats {
            place = repeats.place(row);
            let twin = |other: usize| {
                let classes = self.classes.map(|classes| &classes.reference);
                other != row && classes.is_some_and(|of| of.get(other) == Some(&class))
            };
            if repeats.members(place).any(twin) {
                return None;
            }
        }
        members.rows.chosen().binary_search(&place).ok()
    }
}
