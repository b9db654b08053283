//! A shard's side of a sharded scan: its rows, and its answers to questions.
//!
//! Before a scan a shard is *prepared* for it: it gets the rows to scan and the frame. It keeps the latest few
//! preparations. A shard without the named preparation, for example after a restart, says so and gets it again: no
//! answer depends on earlier questions.

use super::{INT8, JUDGE, READY, SCAN, UNREADY};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::pass::{self, Pass, UNIT};
use crate::rows::sharded::{FETCH, Name, fetch};
use crate::rows::{Differ, Element, Numbers, Pack, Rows, Subset};
use crate::scan::{Batch, Engine, Frame, Norms, Sketch, cpu};
use crate::space::Unit;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// The most prepared scans of a shard at a time.
const MOST: usize = 16;

/// Rows in memory or on a disk of this machine, which are part of a larger set.
pub struct LocalShard {
    rows: Arc<dyn Rows>,
    engine: Arc<dyn Engine>,
    ready: Mutex<VecDeque<(Name, Arc<Ready>)>>,
}

/// A prepared scan: everything but its directions.
struct Ready {
    frame: Frame,
    /// Which rows of the shard are scanned; `None` for all.
    chosen: Option<Vec<usize>>,
    fits_f32: bool,
    unit: bool,
}

/// Rows of a set in which another shard may have values that are no f32: all shards must decode in the same way.
struct Alike<'a> {
    rows: &'a dyn Rows,
    fits_f32: bool,
}

impl Rows for Alike<'_> {
    fn name(&self) -> &str {
        self.rows.name()
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn dim(&self) -> usize {
        self.rows.dim()
    }
    fn element(&self) -> Element {
        self.rows.element()
    }
    fn fits_f32(&self) -> bool {
        self.fits_f32
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        self.rows.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.rows.read_f64(first, out)
    }
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        self.rows.gather(rows, out)
    }
    fn resident_bytes(&self) -> u64 {
        self.rows.resident_bytes()
    }
}

impl Ready {
    fn of(mut question: Pack, rows: &dyn Rows) -> Result<Self> {
        let view = question.indices("view", Some(2), 2)?;
        let chosen = question
            .has("chosen")
            .then(|| question.ascending("chosen", rows.len()))
            .transpose()?;
        let count = chosen.as_ref().map_or(rows.len(), Vec::len);
        Ok(Ready {
            frame: Frame::unpack(&mut question, count, rows.dim())?,
            chosen,
            fits_f32: view[0] == 1,
            unit: view[1] == 1,
        })
    }

    /// Call `then` with the rows to scan.
    fn with<T>(&self, rows: &dyn Rows, then: impl FnOnce(&dyn Rows) -> T) -> T {
        let fits_f32 = self.fits_f32;
        let all = Alike { rows, fits_f32 };
        let some = self.chosen.clone();
        let some = some.map(|chosen| Subset::new(rows.name(), &all, chosen));
        let some: &dyn Rows = some.as_ref().map_or(&all, |some| some);
        match self.unit {
            true => then(&Unit(some)),
            false => then(some),
        }
    }
}

impl LocalShard {
    /// A shard with these rows, which `engine` scans: an engine that gives the answers of [`CpuScan`](crate::scan::CpuScan), so
    /// that they do not depend on the machine.
    pub fn new(rows: Arc<dyn Rows>, engine: Arc<dyn Engine>) -> Self {
        LocalShard {
            rows,
            engine,
            ready: Mutex::default(),
        }
    }

    /// The rows.
    pub fn rows(&self) -> &dyn Rows {
        &*self.rows
    }

    /// The answer to a question; see [`crate::rows::sharded::Shards::ask`].
    ///
    /// Errors: a question that does not fit the rows, rows that can no longer be read, [`Error::Interrupted`].
    pub fn answer(&self, what: &str, question: Pack, control: &Control) -> Result<Pack> {
        let unit = Unit(&*self.rows);
        let rows: &dyn Rows = match question.has(UNIT) {
            true => &unit,
            false => &*self.rows,
        };
        match what {
            Differ::NAME => pass::answer::<Differ>(rows, question, control),
            Sketch::NAME => pass::answer::<Sketch>(rows, question, control),
            Norms::NAME => pass::answer::<Norms<'_>>(rows, question, control),
            FETCH => fetch(&*self.rows, question),
            READY => self.prepare(question),
            SCAN => self.scan(question, control),
            JUDGE => self.judge(question, control),
            other => Err(Error::unknown(
                "question to a shard",
                other,
                &[FETCH, READY, SCAN, JUDGE],
            )),
        }
    }

    fn prepare(&self, mut question: Pack) -> Result<Pack> {
        let name = name(&mut question)?;
        let ready = Arc::new(Ready::of(question, &*self.rows)?);
        let mut all = self.ready.lock().unwrap_or_else(|held| held.into_inner());
        all.retain(|(known, _)| *known != name);
        all.truncate(MOST - 1);
        all.push_front((name, ready));
        Ok(Pack::new("an answer"))
    }

    /// The prepared scan that a question refers to.
    fn found(&self, question: &mut Pack) -> Result<Option<Arc<Ready>>> {
        let name = name(question)?;
        let all = self.ready.lock().unwrap_or_else(|held| held.into_inner());
        let found = all.iter().find(|(known, _)| *known == name);
        Ok(found.map(|(_, ready)| Arc::clone(ready)))
    }

    fn scan(&self, mut question: Pack, control: &Control) -> Result<Pack> {
        let Some(ready) = self.found(&mut question)? else {
            return Ok(unready());
        };
        let bias = question.floats("bias", None)?;
        let wanted = bias.len() * self.rows.dim();
        let directions = question.floats("directions", Some(wanted))?;
        let k = question.indices("k", Some(1), usize::MAX)?[0];
        let hits = ready.with(&*self.rows, |rows| {
            let batch = Batch {
                directions: &directions,
                bias: &bias,
                k,
            };
            // What the engine computed of the rows before is kept in the frame.
            let scan = self.engine.scan_in(rows, ready.frame.clone(), control)?;
            scan.scan(&batch, control)
        })?;
        let mut answer = Pack::new("an answer");
        let int8 = hits
            .proved()
            .iter()
            .any(|(precision, _)| *precision == INT8);
        answer.put_counts(INT8, [usize::from(int8)]);
        answer.put("scores", Numbers::F32(hits.scores().to_vec()));
        answer.put_counts("rows", hits.rows().iter().copied());
        Ok(answer)
    }

    fn judge(&self, mut question: Pack, control: &Control) -> Result<Pack> {
        let Some(ready) = self.found(&mut question)? else {
            return Ok(unready());
        };
        let directions = question.reals("directions", None)?;
        if !directions.len().is_multiple_of(self.rows.dim()) {
            return Err(question.fault("directions", "they are not whole"));
        }
        let k = question.indices("k", Some(1), usize::MAX)?[0];
        let (scores, rows) = ready.with(&*self.rows, |rows| {
            cpu::scan_f64(rows, &ready.frame, &directions, k, control)
        })?;
        let mut answer = Pack::new("an answer");
        answer.put_reals("scores", scores);
        answer.put_counts("rows", rows);
        Ok(answer)
    }
}

/// The name of the scan that a question refers to.
fn name(question: &mut Pack) -> Result<Name> {
    let words = question.words("name", Some(2))?;
    Ok([words[0], words[1]])
}

/// The answer of a shard that is not prepared for a scan.
fn unready() -> Pack {
    let mut answer = Pack::new("an answer");
    answer.put_counts(UNREADY, []);
    answer
}
