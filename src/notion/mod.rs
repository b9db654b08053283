//! Definitions of "inside": a [`Notion`] is fitted on a reference set and then judges queries.
//!
//! One file a notion, one line each in [`registry`]. A judgement is whether a query is outside, and a score that is
//! larger the more the query extrapolates; a notion may add [`Column`]s of its own. Notions see
//! [`Rows`], a [`Scan`], and what an analysis finds anyway (nearest rows,
//! hull verdicts); they never read the queries themselves.

pub mod ball;
mod balls;
mod chi_square;
pub mod class;
mod classes;
mod column;
pub mod cone;
mod delaunay;
pub mod dimension;
#[cfg(test)]
mod fixture;
pub mod gauge;
mod hull;
mod leaf;
pub mod local;
mod mahalanobis;
mod manifold;
mod moments;
pub mod neighbours;
pub mod range;
mod region;
pub mod registry;
pub mod sampled;
pub mod tree;
mod wide;

pub use classes::{Classes, members};
pub use column::{Column, Type, Value};

use crate::control::Control;
use crate::error::Result;
use crate::hull::{Answer, Certificate, Metric as Whitening, Settings};
use crate::rows::{Pack, Repeats, Rows};
use crate::scan::{Engine, Scan};
use crate::space::Layer;
use neighbours::{Metric, Near, Neighbours};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a notion asks an analysis to find for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Nearest reference rows of each query.
    pub neighbours: usize,
    /// Hull verdicts.
    pub hull: bool,
    /// The classes of both sets.
    pub classes: bool,
    /// The classes that a model predicted for the queries: without them, the notion is left out.
    pub predicted: bool,
}

/// A definition of "inside", with its arguments.
pub trait Notion: Send + Sync {
    /// Its name in columns and tables, as in `hull` or `knn_10`.
    fn id(&self) -> String;

    /// What its score is, with its unit.
    fn score(&self) -> String;

    /// When a query is outside, in a sentence.
    fn outside(&self) -> String;

    /// What it adds to `ID_outside` and `ID_score`.
    fn columns(&self) -> Vec<Column> {
        Vec::new()
    }

    /// What the analysis must find for it.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Whether a query is outside exactly where it is outside the hull: then the score alone is the notion's own, and it is
    /// never asked about reference rows that are left out.
    fn is_hull(&self) -> bool {
        false
    }

    /// Whether it judges a sample of the queries: [`sampled`].
    fn sampled(&self) -> bool {
        false
    }

    /// How many of so many queries it judges.
    fn judges(&self, queries: usize) -> usize {
        queries
    }

    /// How often it counts a query as progress while it judges it.
    fn steps(&self) -> u64 {
        1
    }

    /// Learn what queries are judged by.
    ///
    /// Errors: rows that can no longer be read, a reference that does not fit the notion, and
    /// [`crate::Error::Interrupted`].
    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>>;

    /// The judge that was fitted on this reference before, from what it kept ([`Judge::pack`]); `None` where that is
    /// nothing, and it must be fitted.
    ///
    /// Errors: what was kept does not fit the reference.
    fn again<'r>(&self, _: &Reference<'r>, _: &Pack) -> Result<Option<Box<dyn Judge + 'r>>> {
        Ok(None)
    }
}

/// A fitted notion.
pub trait Judge {
    /// One judgement for each query of the block, in order.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>>;

    /// The certificates of the block that was judged last, with row indices of the reference: of the cone alone, as those
    /// of the hull go with its answers.
    fn certificates(&mut self) -> Option<Vec<Option<Certificate>>> {
        None
    }

    /// Why a query that was judged may stay [`Judgement::open`], and what helps where something does, in a clause.
    fn why_open(&self) -> String {
        String::new()
    }

    /// After the last query: whatever takes all of them.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    fn finish(&mut self, _: &Control) -> Result<()> {
        Ok(())
    }

    /// What is to be said of the whole: what could not be learned, or was not found in the end.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Keep what was learned of the reference, where learning it takes a pass over the rows or more.
    fn pack(&self, _: &mut Pack) {}

    /// What it knows of the whole: thresholds before any query was judged, and figures of the two sets afterwards.
    fn facts(&self) -> Vec<Fact> {
        Vec::new()
    }
}

/// A figure of a notion, by name.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fact {
    pub name: String,
    pub value: f64,
    /// What it is, with its unit.
    pub what: String,
}

/// What a notion says of one query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judgement {
    /// `None` where the notion cannot decide or does not apply.
    pub outside: Option<bool>,
    /// Larger for what extrapolates more; NaN where it is not known.
    pub score: f64,
    /// The values of the notion's own columns.
    pub more: Vec<Value>,
    /// There is an answer, and the notion could not prove one; no class, no outcome or another that lacks leaves it at `false`.
    pub open: bool,
    /// Not judged, as it is not in the sample of a costly notion: it counts for no rate.
    pub passed_over: bool,
}

/// A reference set and what is known of it.
#[derive(Clone, Copy)]
pub struct Reference<'r> {
    /// All rows.
    pub rows: &'r dyn Rows,
    /// The rows of different values: the first of each.
    pub distinct: &'r dyn Rows,
    /// Which rows are equal, if any are.
    pub repeats: Option<&'r Repeats>,
    /// A scan of the distinct rows.
    pub scan: &'r dyn Scan,
    /// The metric in which verdicts about the hull are found, where they are asked for.
    pub whitening: Option<&'r Whitening>,
    /// For scans of other rows.
    pub engine: &'r dyn Engine,
    pub metric: Metric,
    /// The search for nearest rows, if any notion needs one.
    pub search: Option<&'r Neighbours<'r>>,
    /// A seeded sample of reference rows with the nearest *other* rows of each, as many as any notion needs.
    pub own: &'r [(usize, Vec<Near>)],
    pub classes: Option<&'r Classes>,
    /// The tensors of a network that a row consists of, in order; none of other rows.
    pub layers: &'r [Layer],
    /// The rows of each class, ascending, if any notion needs classes.
    pub by_class: &'r [class::Members<'r>],
    /// How hulls are asked about.
    pub settings: Settings,
    /// Share of the reference's own rows that are inside by their own measure, where a notion needs a threshold.
    pub quantile: f64,
    pub seed: u64,
}

/// Queries that are judged together, or reference rows that are judged as if they were not in the reference.
pub struct Block<'b> {
    /// B x d, raw values.
    pub values: &'b [f64],
    pub dim: usize,
    /// Hull verdicts, where a notion needs them; `None` for a reference row that equals another one.
    pub hull: &'b [Option<Answer>],
    /// The nearest rows of each, where a notion needs them; of a reference row, the nearest others.
    pub near: &'b [Vec<Near>],
    pub asked: Asked<'b>,
}

/// What is judged.
#[derive(Clone, Copy)]
pub enum Asked<'b> {
    /// Queries: their places among all, ascending, and how many there are in all.
    Queries { places: &'b [usize], of: usize },
    /// Reference rows by index, each without itself.
    Others(&'b [usize]),
}

impl Block<'_> {
    /// How many are judged.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The queries, one after the other.
    pub fn queries(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.dim)
    }

    /// Some of it, by their places in the block, ascending, as a block of its own that is handed to `then`.
    fn part<T>(&self, places: &[usize], then: impl FnOnce(&Block<'_>) -> T) -> T {
        let values: Vec<f64> = places
            .iter()
            .flat_map(|&i| &self.values[i * self.dim..][..self.dim])
            .copied()
            .collect();
        let hull = some(self.hull, places);
        let near = some(self.near, places);
        let (of, numbers) = match self.asked {
            Asked::Queries { places: all, of } => (Some(of), some(all, places)),
            Asked::Others(rows) => (None, some(rows, places)),
        };
        then(&Block {
            values: &values,
            dim: self.dim,
            hull: &hull,
            near: &near,
            asked: match of {
                Some(of) => Asked::Queries {
                    places: &numbers,
                    of,
                },
                None => Asked::Others(&numbers),
            },
        })
    }

    /// The reference row that judgement `place` must do without.
    pub fn without(&self, place: usize) -> Option<usize> {
        match self.asked {
            Asked::Queries { .. } => None,
            Asked::Others(rows) => rows.get(place).copied(),
        }
    }

    /// The class of what is judged.
    pub fn class(&self, place: usize, classes: &Classes) -> Option<u32> {
        match self.asked {
            Asked::Queries { places, .. } => classes.of_query(*places.get(place)?),
            Asked::Others(rows) => classes.of_reference(*rows.get(place)?),
        }
    }

    /// The class that a model predicted for a query.
    pub fn predicted(&self, place: usize, classes: &Classes) -> Option<u32> {
        match self.asked {
            Asked::Queries { places, .. } => {
                let query = *places.get(place)?;
                classes.predicted.get(query).copied().flatten()
            }
            Asked::Others(_) => None,
        }
    }
}

/// What stands at some places of a list; nothing of an empty one.
fn some<T: Clone>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|&i| all.get(i)).cloned().collect()
}

/// The side of the hull that a query is on; no answer stands for a row that equals another one, which is inside.
pub fn side(answer: Option<&Answer>) -> Option<bool> {
    hull::of(answer).outside
}

/// The value below which a share of the values lies, by linear interpolation; infinite without any.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return f64::INFINITY;
    }
    values.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(values, share)
}

/// The same of values that ascend; at least one.
pub fn quantile_of_sorted(values: &[f64], share: f64) -> f64 {
    let place = share * (values.len() - 1) as f64;
    let (low, rest) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(values.len() - 1);
    if values[low] == values[high] {
        return values[low];
    }
    values[low] + rest * (values[high] - values[low])
}

/// A seeded sample of at most `most` row indices, ascending.
pub fn sample(rows: usize, most: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = rand::seq::index::sample(&mut random, rows, most.min(rows)).into_vec();
    sample.sort_unstable();
    sample
}
