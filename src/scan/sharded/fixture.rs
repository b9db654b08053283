//! Shards in this process, for tests.

use super::LocalShard;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::sharded::{FETCH, Sharded, Shards};
use crate::rows::{Memory, Pack, Rows};
use crate::scan::CpuEngine;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// The function that answers for a shard.
type Answer = fn(&LocalShard, &str, Pack, &Control) -> Result<Pack>;

/// Shards in this process.
pub struct Here {
    lens: Vec<usize>,
    rows: Vec<Option<Arc<dyn Rows>>>,
    shards: Mutex<Vec<Option<Arc<LocalShard>>>>,
    /// How many times shards were asked.
    pub asked: AtomicUsize,
    /// How many times they were asked for a pass over all their rows.
    pub passes: AtomicUsize,
    /// Whether all shards are restarted, with an empty state, before every fourth question.
    pub forgets: AtomicBool,
    /// Whether shards answer only the question about their rows.
    pub broken: AtomicBool,
    answer: Answer,
}

impl Here {
    /// Split rows of d numbers into shards that end at these rows.
    pub fn cut(values: &[f64], d: usize, ends: &[usize], answer: Answer) -> Arc<Self> {
        let mut start = 0;
        let rows: Vec<Option<Arc<dyn Rows>>> = ends
            .iter()
            .map(|&end| {
                let own = values[start * d..end * d].to_vec();
                start = end;
                (!own.is_empty()).then(|| Arc::new(stored(own, d)) as _)
            })
            .collect();
        Arc::new(Here {
            lens: rows
                .iter()
                .map(|rows| rows.as_ref().map_or(0, |rows| rows.len()))
                .collect(),
            shards: Mutex::new(Self::started(&rows)),
            rows,
            asked: AtomicUsize::new(0),
            passes: AtomicUsize::new(0),
            forgets: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            answer,
        })
    }

    fn started(rows: &[Option<Arc<dyn Rows>>]) -> Vec<Option<Arc<LocalShard>>> {
        let shard = |rows: &Option<Arc<dyn Rows>>| {
            let rows = rows.clone()?;
            Some(Arc::new(LocalShard::new(rows, Arc::new(CpuEngine))))
        };
        rows.iter().map(shard).collect()
    }
}

impl Shards for Here {
    fn lens(&self) -> &[usize] {
        &self.lens
    }

    fn ask(
        &self,
        what: &str,
        questions: Vec<(usize, Pack)>,
        control: &Control,
    ) -> Result<Vec<Pack>> {
        if self.broken.load(Relaxed) && what != FETCH {
            return Err(Error::Usage("shard 1 is gone".into()));
        }
        if self.asked.fetch_add(1, Relaxed).is_multiple_of(4) && self.forgets.load(Relaxed) {
            *self.shards.lock().unwrap() = Self::started(&self.rows);
        }
        if ["sketch", "norms", "differ"].contains(&what) {
            self.passes.fetch_add(1, Relaxed);
        }
        let quiet = Control::default();
        control.check()?;
        let shards = self.shards.lock().unwrap().clone();
        // In reverse, because the order of answers must not matter.
        let answer = |(shard, question): (usize, Pack)| {
            let shard = shards[shard]
                .as_ref()
                .expect("an empty shard is never asked");
            (self.answer)(shard, what, question, &quiet)
        };
        let mut answers: Vec<Pack> = questions
            .into_iter()
            .rev()
            .map(answer)
            .collect::<Result<_>>()?;
        answers.reverse();
        Ok(answers)
    }
}

/// Rows in f32 if that loses nothing, because shards may be stored in different types.
fn stored(values: Vec<f64>, d: usize) -> Memory {
    let narrow: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    let same = narrow.iter().zip(&values);
    match same
        .into_iter()
        .all(|(&narrow, &value)| f64::from(narrow) == value)
    {
        true => Memory::from_f32("shard", d, narrow),
        false => Memory::from_f64("shard", d, values),
    }
}

/// All rows in one set on this machine.
pub fn whole(values: &[f64], d: usize) -> Memory {
    Memory::from_f64("X", d, values.to_vec())
}

/// The shards, and the same rows as one sharded set.
pub fn sharded(values: &[f64], d: usize, ends: &[usize], answer: Answer) -> (Arc<Here>, Sharded) {
    let shards = Here::cut(values, d, ends, answer);
    let like = whole(values, d);
    let kind = (d, like.element(), like.fits_f32());
    let rows = Sharded::new("X", kind, Arc::clone(&shards) as _).unwrap();
    (shards, rows)
}
