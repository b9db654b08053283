//! Rows that are distributed over shards, for instance on other machines because no machine can hold them all.
//!
//! The whole set consists of the rows of its shards in order, and row numbers count through all of them. Rows can be
//! fetched by number; single fetched rows are cached for a while. A computation over all rows is sent to the shards as
//! a question ([`Shards::ask`]). [`Rows::shards`] tells an algorithm that a set lies in shards, and which rows of the
//! sharded set it has.

use super::{Element, Numbers, Pack, Rows, chunk_rows};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The size of the cache of fetched rows in numbers (64 MiB), divided over two generations.
const KEPT: usize = 8 << 20;

/// The name of the question for rows by their numbers in the shard; see [`Sharded`].
pub const FETCH: &str = "fetch";

/// Sends questions to shards, wherever they are, and returns their answers.
pub trait Shards: Send + Sync {
    /// The number of rows of each shard, in order; a shard of 0 rows is never asked.
    fn lens(&self) -> &[usize];

    /// Answers questions of one kind, each paired with the index of its shard, in the order of the questions. They may
    /// be processed concurrently, and more than once: an answer depends only on the question and the shard's rows.
    ///
    /// Errors: a shard that cannot answer, [`Error::Interrupted`].
    fn ask(
        &self,
        what: &str,
        questions: Vec<(usize, Pack)>,
        control: &Control,
    ) -> Result<Vec<Pack>>;
}

/// The rows of all shards as one set.
pub struct Sharded {
    name: String,
    dim: usize,
    element: Element,
    fits_f32: bool,
    shards: Arc<dyn Shards>,
    /// The first row of each shard; the last entry is N.
    starts: Vec<usize>,
    kept: Mutex<Generations>,
    /// The names and the contents of the latest scans, as sent to the shards.
    told: Mutex<VecDeque<(Name, Vec<Pack>)>>,
}

/// The name of a scan, random and so unique across machines.
pub type Name = [u64; 2];

/// How many scans' names are remembered.
const NAMES: usize = 2;

/// Some or all rows of a sharded set.
#[derive(Clone)]
pub struct Share<'a> {
    pub all: &'a Sharded,
    /// The chosen rows of the set; `None` for all, in order.
    pub chosen: Option<Cow<'a, [usize]>>,
    /// Whether the rows are scaled to unit length.
    pub unit: bool,
}

/// A cache of two generations: the rows used lately, and the ones before.
#[derive(Default)]
struct Generations {
    young: HashMap<usize, Arc<[f64]>>,
    old: HashMap<usize, Arc<[f64]>>,
}

impl Generations {
    fn take(&mut self, row: usize, most: usize) -> Option<Arc<[f64]>> {
        if let Some(found) = self.young.get(&row) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(&row)?;
        self.put(row, Arc::clone(&found), most);
        Some(found)
    }

    fn put(&mut self, row: usize, values: Arc<[f64]>, most: usize) {
        if self.young.len() >= most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(row, values);
    }
}

impl Sharded {
    /// The rows of `shards`, of `dim` numbers each, stored as `element`; `fits_f32` says whether f32 represents every
    /// value exactly.
    ///
    /// Errors ([`Error::Usage`]): no shard has rows.
    pub fn new(
        name: impl Into<String>,
        (dim, element, fits_f32): (usize, Element, bool),
        shards: Arc<dyn Shards>,
    ) -> Result<Self> {
        let mut starts = vec![0];
        for len in shards.lens() {
            starts.push(starts[starts.len() - 1] + len);
        }
        let name = name.into();
        if starts[starts.len() - 1] == 0 || dim == 0 {
            return Err(Error::Usage(format!(
                "the shards of {name} have no row; give at least one shard that has"
            )));
        }
        Ok(Sharded {
            name,
            dim,
            element,
            fits_f32,
            shards,
            starts,
            kept: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// The first row of each shard; the last entry is N.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The shard of a row.
    pub fn shard(&self, row: usize) -> usize {
        self.starts.partition_point(|&start| start <= row) - 1
    }

    /// Sends questions to shards; see [`Shards::ask`].
    pub fn ask(
        &self,
        what: &str,
        questions: Vec<(usize, Pack)>,
        control: &Control,
    ) -> Result<Vec<Pack>> {
        control.check()?;
        let wanted = questions.len();
        let answers = self.shards.ask(what, questions, control)?;
        match answers.len() == wanted {
            true => Ok(answers),
            false => Err(self.fault(format!(
                "{wanted} questions were answered {} times",
                answers.len()
            ))),
        }
    }

    /// The name of a scan with this content (one pack for each shard): that of an earlier scan if the content is the
    /// same, else a new one.
    pub fn named(&self, told: Vec<Pack>) -> Name {
        let mut all = self.told.lock().unwrap_or_else(|held| held.into_inner());
        if let Some((name, _)) = all.iter().find(|(_, before)| *before == told) {
            return *name;
        }
        let name = [0, 1].map(|_| RandomState::new().build_hasher().finish());
        all.truncate(NAMES - 1);
        all.push_front((name, told));
        name
    }

    /// The error for an invalid answer.
    pub fn fault(&self, what: String) -> Error {
        let advice =
            "every shard must run this version of hullscope and keep its rows as they were";
        Error::input(&self.name, Place::Part("its shards".into()), what, advice)
    }

    /// Fetches rows by number from the shards.
    fn fetch(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        let mut of_shard: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, &row) in rows.iter().enumerate() {
            of_shard.entry(self.shard(row)).or_default().push(place);
        }
        let places: Vec<(usize, Vec<usize>)> = of_shard.into_iter().collect();
        let question = |(shard, places): &(usize, Vec<usize>)| {
            let mut question = Pack::new("a question");
            let start = self.starts[*shard];
            question.put_counts("rows", places.iter().map(|&place| rows[place] - start));
            (*shard, question)
        };
        let questions = places.iter().map(question).collect();
        let answers = self.ask(FETCH, questions, &Control::default())?;
        let d = self.dim;
        for ((_, places), answer) in places.iter().zip(answers) {
            let values = fetched(answer, places.len() * d)?;
            for (&place, row) in places.iter().zip(values.chunks_exact(d)) {
                out[place * d..][..d].copy_from_slice(row);
            }
        }
        Ok(())
    }

    /// Fetches consecutive rows from the shards.
    fn range(&self, first: usize, out: &mut [f64]) -> Result<()> {
        let (d, end) = (self.dim, first + out.len() / self.dim);
        let mut questions = Vec::new();
        for (shard, bounds) in self.starts.windows(2).enumerate() {
            let (from, to) = (first.max(bounds[0]), end.min(bounds[1]));
            if from < to {
                let mut question = Pack::new("a question");
                question.put_counts("range", [from - bounds[0], to - from]);
                questions.push((shard, question));
            }
        }
        let lens: Vec<usize> = questions.iter().map(|(shard, _)| *shard).collect();
        let answers = self.ask(FETCH, questions, &Control::default())?;
        let mut left = out;
        for (shard, answer) in lens.into_iter().zip(answers) {
            let (from, to) = (
                first.max(self.starts[shard]),
                end.min(self.starts[shard + 1]),
            );
            let (now, later) = left.split_at_mut((to - from) * d);
            now.copy_from_slice(&fetched(answer, now.len())?);
            left = later;
        }
        Ok(())
    }
}

/// The values in an answer to [`FETCH`].
fn fetched(mut answer: Pack, len: usize) -> Result<Vec<f64>> {
    match answer.has("narrow") {
        true => Ok(answer
            .floats("narrow", Some(len))?
            .into_iter()
            .map(f64::from)
            .collect()),
        false => answer.reals("values", Some(len)),
    }
}

/// A shard's answer to [`FETCH`], from its rows; as f32 where that is exact.
///
/// Errors: a question that does not fit the rows, rows that can no longer be read.
pub fn fetch(rows: &dyn Rows, mut question: Pack) -> Result<Pack> {
    let (n, d) = (rows.len(), rows.dim());
    let mut values;
    if question.has("range") {
        let range = question.indices("range", Some(2), n + 1)?;
        let (first, count) = (range[0], range[1]);
        if count > n - first {
            return Err(question.fault("range", format!("it ends behind row {n}")));
        }
        values = vec![0.0; count * d];
        rows.read_f64(first, &mut values)?;
    } else {
        let wanted = question.indices("rows", None, n)?;
        values = vec![0.0; wanted.len() * d];
        for (rows_now, out) in wanted
            .chunks(chunk_rows(d))
            .zip(values.chunks_mut(chunk_rows(d) * d))
        {
            rows.gather(rows_now, out)?;
        }
    }
    let mut answer = Pack::new("an answer");
    match rows.fits_f32() {
        true => answer.put(
            "narrow",
            Numbers::F32(values.iter().map(|&value| value as f32).collect()),
        ),
        false => answer.put_reals("values", values),
    }
    Ok(answer)
}

impl Rows for Sharded {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn element(&self) -> Element {
        self.element
    }

    fn fits_f32(&self) -> bool {
        self.fits_f32
    }

    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        let count = out.len() / self.dim;
        assert!(first + count <= self.len(), "rows that exist");
        match count {
            1 => self.gather(&[first], out),
            _ => self.range(first, out),
        }
    }

    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        let (d, most) = (self.dim, (KEPT / 2 / self.dim).max(1));
        let mut missing = Vec::new();
        {
            let mut kept = self.kept.lock().unwrap_or_else(|held| held.into_inner());
            for (place, (&row, out)) in rows.iter().zip(out.chunks_exact_mut(d)).enumerate() {
                match kept.take(row, most) {
                    Some(values) => out.copy_from_slice(&values),
                    None => missing.push(place),
                }
            }
        }
        for part in missing.chunks(chunk_rows(d)) {
            let wanted: Vec<usize> = part.iter().map(|&place| rows[place]).collect();
            let mut values = vec![0.0; wanted.len() * d];
            self.fetch(&wanted, &mut values)?;
            let mut kept = self.kept.lock().unwrap_or_else(|held| held.into_inner());
            for (&place, row) in part.iter().zip(values.chunks_exact(d)) {
                out[place * d..][..d].copy_from_slice(row);
                kept.put(rows[place], row.into(), most);
            }
        }
        Ok(())
    }

    fn shards(&self) -> Option<Share<'_>> {
        Some(Share {
            all: self,
            chosen: None,
            unit: false,
        })
    }
}

impl<'a> Share<'a> {
    /// Splits the `n` rows by shard: for each shard that holds some, its index and its range among them. `None` if they
    /// are not in the order of the shards' rows.
    pub fn parts(&self, n: usize) -> Option<Vec<(usize, Range<usize>)>> {
        let chosen = self.chosen.as_deref();
        if chosen.is_some_and(|chosen| !chosen.is_sorted_by(|a, b| a < b)) {
            return None;
        }
        let place = |row: usize| match chosen {
            Some(chosen) => chosen.partition_point(|&at| at < row),
            None => row.min(n),
        };
        let bounds = self.all.starts.windows(2).enumerate();
        let parts = bounds.map(|(shard, bounds)| (shard, place(bounds[0])..place(bounds[1])));
        Some(parts.filter(|(_, part)| !part.is_empty()).collect())
    }

    /// A selection of these rows, by index.
    pub fn some(self, chosen: &'a [usize]) -> Share<'a> {
        let chosen = match &self.chosen {
            None => Cow::Borrowed(chosen),
            Some(before) => chosen.iter().map(|&row| before[row]).collect(),
        };
        Share {
            chosen: Some(chosen),
            ..self
        }
    }
}
