//! Definitions of "inside": a [`Notion`] is fitted on a reference set and then judges queries.
//!
//! One file per notion, and one line for each in [`registry`]. A judgement says whether a query is outside, with a score that
//! is larger the more the query extrapolates; a notion may add [`Column`]s of its own. Notions get [`Rows`], a [`Scan`], and
//! results that an analysis computes anyway (nearest rows, hull verdicts); they never read the query files themselves.

pub mod ball;
mod balls;
mod chi_square;
pub mod class;
mod classes;
mod column;
pub mod cone;
mod delaunay;
pub mod dimension;
pub mod fits;
#[cfg(test)]
mod fixture;
pub mod gauge;
mod hull;
mod leaf;
pub mod local;
mod mahalanobis;
mod manifold;
pub mod metric;
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
pub use fits::Fits;

use crate::control::Control;
use crate::error::Result;
use crate::hull::{Answer, Certificate, Metric as Whitening, Settings};
use crate::rows::{Pack, Repeats, Rows};
use crate::scan::{Engine, Scan};
use crate::space::Layer;
use metric::{Metric, Near};
use neighbours::Neighbours;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The results that a notion needs from the analysis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The number of nearest reference rows of each query.
    pub neighbours: usize,
    /// Hull verdicts.
    pub hull: bool,
    /// The classes of both sets.
    pub classes: bool,
    /// The classes that a model predicted for the queries; if they are unknown, the notion is left out.
    pub predicted: bool,
}

/// A definition of "inside", with its arguments.
pub trait Notion: Send + Sync {
    /// The name in columns and tables, as in `hull` or `knn_10`.
    fn id(&self) -> String;

    /// The meaning of the score, with its unit.
    fn score(&self) -> String;

    /// A sentence on when a query is outside.
    fn outside(&self) -> String;

    /// The columns that the notion adds to `ID_outside` and `ID_score`.
    fn columns(&self) -> Vec<Column> {
        Vec::new()
    }

    /// The results that the notion needs from the analysis.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Whether a query is outside exactly where it is outside the hull: then the notion contributes only its score, and does not
    /// judge left-out reference rows.
    fn is_hull(&self) -> bool {
        false
    }

    /// Whether the notion judges a sample of the queries: [`sampled`].
    fn sampled(&self) -> bool {
        false
    }

    /// The number of queries that the notion judges, of `queries`.
    fn judges(&self, queries: usize) -> usize {
        queries
    }

    /// Units of progress per judged query.
    fn steps(&self) -> u64 {
        1
    }

    /// Fits the notion on a reference. What takes a pass over the rows is fetched from [`Reference::fits`], and made there if it
    /// is new: taken from [`Reference::stored`] where [`Judge::pack`] stored it.
    ///
    /// Errors: rows that can no longer be read, a reference that does not fit the notion, and
    /// [`crate::Error::Interrupted`].
    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>>;
}

/// A fitted notion.
pub trait Judge {
    /// One judgement for each query of the block, in order.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>>;

    /// The certificates of the block that was judged last, with row indices of the reference. Only the cone has some, because
    /// those of the hull are in its answers.
    fn certificates(&mut self) -> Option<Vec<Option<Certificate>>> {
        None
    }

    /// A clause on why a judged query may be [`Judgement::open`], and what helps, if anything.
    fn why_open(&self) -> String {
        String::new()
    }

    /// Called after the last query, for results that need all queries.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    fn finish(&mut self, _: &Control) -> Result<()> {
        Ok(())
    }

    /// Warnings about the fit and about all queries together.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Stores what was fitted on the reference, if fitting takes at least a pass over the rows, together with the options that it
    /// depends on.
    fn pack(&self, _: &mut Pack) {}

    /// Numbers about the whole: thresholds before any query was judged, and figures of the two sets afterwards.
    fn facts(&self) -> Vec<Fact> {
        Vec::new()
    }
}

/// A number of a notion, by name.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fact {
    pub name: String,
    pub value: f64,
    /// The meaning, with the unit.
    pub what: String,
}

/// The judgement of a notion on one query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judgement {
    /// `None` where the notion cannot decide or does not apply.
    pub outside: Option<bool>,
    /// Larger for queries that extrapolate more; NaN where it is not known.
    pub score: f64,
    /// The values of the notion's added columns.
    pub more: Vec<Value>,
    /// Whether an answer exists that could not be proved; if there is no answer, as without a class, this is `false`.
    pub open: bool,
    /// Whether the query is not in the sample of a costly notion: it then counts for no rate.
    pub passed_over: bool,
}

/// A reference set with the results that notions may use.
#[derive(Clone, Copy)]
pub struct Reference<'r> {
    /// All rows.
    pub rows: &'r dyn Rows,
    /// The distinct rows: the first of each value.
    pub distinct: &'r dyn Rows,
    /// The groups of equal rows, if there are any.
    pub repeats: Option<&'r Repeats>,
    /// A scan of the distinct rows.
    pub scan: &'r dyn Scan,
    /// The metric of the hull solver, if hull verdicts are computed.
    pub whitening: Option<&'r Whitening>,
    /// The engine, for scans of other rows.
    pub engine: &'r dyn Engine,
    pub metric: Metric,
    /// The search for nearest rows, if any notion needs one.
    pub search: Option<&'r Neighbours<'r>>,
    /// A seeded sample of reference rows with the nearest *other* rows of each, as many as any notion needs.
    pub own: &'r [(usize, Vec<Near>)],
    pub classes: Option<&'r Classes>,
    /// The tensors of a network that a row consists of, in order; empty for other rows.
    pub layers: &'r [Layer],
    /// The rows of each class, ascending, if any notion needs classes.
    pub by_class: &'r [class::Members<'r>],
    /// The settings of hull solvers.
    pub settings: Settings,
    /// The share of reference rows inside, from which notions with a threshold compute it (leave-one-out).
    pub quantile: f64,
    pub seed: u64,
    /// Whether each query is judged as if it were the only one: no judgement may depend on the other queries.
    pub alone: bool,
    /// What was computed about this reference, also in earlier sessions.
    pub fits: &'r Fits,
    /// What [`Judge::pack`] stored of this reference; nothing if it is fitted for the first time.
    pub stored: &'r Pack,
}

/// Queries that are judged together, or reference rows that are each judged as if not in the reference.
pub struct Block<'b> {
    /// The values, B x d, as they are.
    pub values: &'b [f64],
    pub dim: usize,
    /// Hull verdicts, if a notion needs them; `None` for a reference row that equals another one.
    pub hull: &'b [Option<Answer>],
    /// The nearest rows of each, if a notion needs them; of a reference row, the nearest other rows.
    pub near: &'b [Vec<Near>],
    pub asked: Asked<'b>,
}

/// Which rows are judged.
#[derive(Clone, Copy)]
pub enum Asked<'b> {
    /// Queries: their indices among all, ascending, and the number of all.
    Queries { places: &'b [usize], of: usize },
    /// Reference rows by index, each left out.
    Others(&'b [usize]),
}

impl Block<'_> {
    /// The number of rows that are judged.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The judged rows, one after the other.
    pub fn queries(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.dim)
    }

    /// Passes the rows at some places of the block (ascending) to `then`, as a block.
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

    /// The reference row that is left out for judgement `place`; `None` for queries.
    pub fn without(&self, place: usize) -> Option<usize> {
        match self.asked {
            Asked::Queries { .. } => None,
            Asked::Others(rows) => rows.get(place).copied(),
        }
    }

    /// The class of the judged row.
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

/// The entries at some places of a list; empty for an empty list.
fn some<T: Clone>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|&i| all.get(i)).cloned().collect()
}

/// Whether a query is outside the hull; a missing answer is a row that equals another one and is therefore inside.
pub fn side(answer: Option<&Answer>) -> Option<bool> {
    hull::of(answer).outside
}

/// The quantile `share` of the values, by linear interpolation; infinite for no values.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return f64::INFINITY;
    }
    values.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(values, share)
}

/// The same for values that ascend; there must be at least one.
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
