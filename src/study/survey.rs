//! The survey of a reference set: one pass over the rows for everything that needs no mean.
//!
//! The pass computes the rows' hashes (which tell equal rows), the columns' hashes, norms, and the first half of the scan's
//! [`Frame`]. If no row repeats another, the frame needs one more pass; otherwise two over the distinct rows.

use crate::control::Control;
use crate::error::Result;
use crate::rows::pass::{Pass, pass};
use crate::rows::{ChunkHashes, KnownRows, Numbers, Pack, Repeats, Rows, bits, mix};
use crate::scan::{Frame, Sketch, SketchPart};
use std::sync::OnceLock;

/// The results of one pass over a set.
pub struct Survey {
    /// The groups of equal rows, if there are any.
    pub repeats: Option<Repeats>,
    /// The rows, looked up by value.
    pub known: KnownRows,
    /// Hashes of the columns.
    pub(super) columns: Vec<u64>,
    pub(super) zero_rows: u64,
    /// The least and the largest norm of the nonzero rows.
    pub(super) norms: [f64; 2],
    pub(super) rows: usize,
    /// What follows from the survey and the frame, computed when first needed.
    pub(super) facts: OnceLock<Facts>,
    /// The first half of the frame, until it is taken; none if rows repeat.
    half: Option<(Sketch, Vec<SketchPart>)>,
}

/// Rows that are far from all others.
#[derive(Debug, Clone, PartialEq)]
pub struct FarRows {
    /// Row indices, ascending; at least one.
    pub rows: Vec<usize>,
    /// The distance of the farthest row from the columns' medians, divided by that of the median row.
    pub ratio: f64,
}

/// Facts of one set.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub constant_columns: u64,
    /// Columns equal to an earlier one; constant columns are not counted.
    pub duplicate_columns: u64,
    /// Rows of zeros.
    pub zero_rows: u64,
    /// The mean norm, if all nonzero rows have nearly the same one.
    pub constant_norm: Option<f64>,
    pub far_rows: Option<FarRows>,
}

/// The results for a chunk of rows.
pub(super) struct ChunkSurvey {
    rows: ChunkHashes,
    columns: Vec<u64>,
    zero_rows: u64,
    norms: [f64; 2],
}

/// The range of norms of an empty set of rows.
const NO_NORMS: [f64; 2] = [f64::INFINITY, 0.0];

/// The number of rows hashed in parallel, because each step of a hash depends on the one before.
const LANES: usize = 4;

/// A chunk of rows, processed by code compiled for the instruction set found at run time.
struct Chunk<'v> {
    values: &'v [f64],
    d: usize,
}

impl pulp::NullaryFnOnce for Chunk<'_> {
    type Output = ChunkSurvey;

    #[inline(always)]
    fn call(self) -> ChunkSurvey {
        let d = self.d;
        let mut found = Tally {
            rows: Vec::with_capacity(self.values.len() / d),
            columns: vec![0; d],
            zero_rows: 0,
            norms: NO_NORMS,
        };
        let mut groups = self.values.chunks_exact(LANES * d);
        for group in groups.by_ref() {
            found.add::<LANES>(group, d);
        }
        for row in groups.remainder().chunks_exact(d) {
            found.add::<1>(row, d);
        }
        found.done()
    }
}

/// The results for the first rows of a chunk.
struct Tally {
    rows: Vec<u64>,
    columns: Vec<u64>,
    zero_rows: u64,
    norms: [f64; 2],
}

impl Tally {
    fn done(self) -> ChunkSurvey {
        ChunkSurvey {
            rows: ChunkHashes::of(self.rows),
            columns: self.columns,
            zero_rows: self.zero_rows,
            norms: self.norms,
        }
    }

    /// Adds L rows.
    #[inline(always)]
    fn add<const L: usize>(&mut self, values: &[f64], d: usize) {
        let (mut hashes, mut squares) = ([0; L], [0.0; L]);
        for (j, column) in self.columns.iter_mut().enumerate() {
            for lane in 0..L {
                let value = values[lane * d + j];
                let bits = bits(value);
                hashes[lane] = mix(hashes[lane], bits);
                *column = mix(*column, bits);
                squares[lane] += value * value;
            }
        }
        self.rows.extend(hashes);
        for (square, row) in squares.iter().zip(values.chunks_exact(d)) {
            if *square == 0.0 && row.iter().all(|&value| value == 0.0) {
                self.zero_rows += 1;
            } else {
                self.norms = widened(self.norms, [square.sqrt(); 2]);
            }
        }
    }
}

/// The smallest range that holds both.
fn widened(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0].min(b[0]), a[1].max(b[1])]
}

/// The pass of the survey.
pub(super) struct Look(Sketch);

impl Pass for Look {
    /// Without a sketch if rows of the chunk have the same hash: the frame is then that of the distinct rows.
    type Part = (ChunkSurvey, Option<SketchPart>);
    const NAME: &'static str = "survey";
    const COUNTED: bool = true;

    fn chunk(&self, first: usize, values: &[f64]) -> Self::Part {
        let chunk = Chunk {
            values,
            d: self.0.dim(),
        };
        let found = pulp::Arch::new().dispatch(chunk);
        let sketch = (!found.rows.repeats()).then(|| self.0.chunk(first, values));
        (found, sketch)
    }

    fn put(&self, question: &mut Pack) {
        self.0.put(question);
    }

    fn of(question: &mut Pack, dim: usize) -> Result<Self> {
        Sketch::of(question, dim).map(Look)
    }

    fn put_part((found, sketch): Self::Part, answer: &mut Pack) {
        answer.put("rows", Numbers::U64(found.rows.into_words()));
        answer.put("columns", Numbers::U64(found.columns));
        answer.put("zero_rows", Numbers::U64(vec![found.zero_rows]));
        answer.put_reals("norms", found.norms);
        if let Some(sketch) = sketch {
            Sketch::put_part(sketch, answer);
        }
    }

    fn part(answer: &mut Pack, rows: usize, dim: usize) -> Result<Self::Part> {
        let norms = answer.reals("norms", Some(2))?;
        let found = ChunkSurvey {
            rows: ChunkHashes::of(answer.words("rows", Some(rows))?),
            columns: answer.words("columns", Some(dim))?,
            zero_rows: answer.words("zero_rows", Some(1))?[0],
            norms: [norms[0], norms[1]],
        };
        let sketch = match found.rows.repeats() {
            true => None,
            false => Some(Sketch::part(answer, rows, dim)?),
        };
        Ok((found, sketch))
    }
}

impl Survey {
    /// Reads a set once, after a sample of it; rows whose hashes are equal are read once more.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn of(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let d = rows.dim();
        let sketch = Sketch::begin(rows, control)?;
        let look = Look(sketch);
        let found = pass(rows, &look, control)?;
        let mut columns = vec![0; d];
        let (mut zero_rows, mut norms) = (0, NO_NORMS);
        let mut hashes = Vec::with_capacity(found.len());
        let mut parts = Some(Vec::new());
        for (part, sketch) in found {
            for (all, one) in columns.iter_mut().zip(part.columns) {
                *all = mix(*all, one);
            }
            zero_rows += part.zero_rows;
            norms = widened(norms, part.norms);
            hashes.push(part.rows);
            match (sketch, &mut parts) {
                (Some(sketch), Some(parts)) => parts.push(sketch),
                _ => parts = None,
            }
        }
        let (repeats, known) = Repeats::of_rows(rows, hashes, control)?;
        let parts = parts.filter(|_| repeats.is_none());
        Ok(Survey {
            repeats,
            known,
            columns,
            zero_rows,
            norms,
            rows: rows.len(),
            facts: OnceLock::new(),
            half: parts.map(|parts| (look.0, parts)),
        })
    }

    /// Stores the results in `pack`.
    pub fn pack(&self, pack: &mut Pack) {
        self.known.pack(pack);
        if let Some(repeats) = &self.repeats {
            repeats.pack(pack);
        }
        pack.put("survey.columns", Numbers::U64(self.columns.clone()));
        pack.put("survey.zero_rows", Numbers::U64(vec![self.zero_rows]));
        pack.put_reals("survey.norms", self.norms);
    }

    /// Restores the results for `n` rows of `d` numbers. Errors: arrays that do not fit.
    pub fn unpack(pack: &mut Pack, n: usize, d: usize) -> Result<Self> {
        let norms = pack.reals("survey.norms", Some(2))?;
        Ok(Survey {
            known: KnownRows::unpack(pack, n)?,
            repeats: Repeats::unpack(pack, n)?,
            columns: pack.words("survey.columns", Some(d))?,
            zero_rows: pack.words("survey.zero_rows", Some(1))?[0],
            norms: [norms[0], norms[1]],
            rows: n,
            facts: OnceLock::new(),
            half: None,
        })
    }

    /// The frame of the distinct rows.
    ///
    /// Errors: as [`Survey::of`].
    pub fn frame(&mut self, distinct: &dyn Rows, control: &Control) -> Result<Frame> {
        match self.half.take() {
            Some((sketch, parts)) => Frame::of(distinct, sketch, parts, control),
            None => Frame::survey(distinct, control),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    /// Hashes and norms equal those of single rows; a frame that begins in the survey equals one that is made separately.
    #[test]
    fn all_rows_are_found_as_if_each_were_read_alone() {
        let control = Control::default();
        for (n, d) in [(1, 1), (3, 2), (4, 3), (70_001, 2), (1_003, 300)] {
            let value = |at: usize| ((at * 7919) % 100_003) as f64 / 64.0 - 100.0;
            let mut values: Vec<f64> = (0..n * d).map(value).collect();
            if n > 1_000 {
                values[d * 500..][..d].fill(0.0);
                values[d * 900..][..d].fill(1e12);
            }
            let rows = Memory::from_f64("rows", d, values.clone());
            let mut survey = Survey::of(&rows, &control).unwrap();
            let norm = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
            let norms = values.chunks_exact(d).map(norm).filter(|&norm| norm > 0.0);
            assert_eq!(
                norms.fold(NO_NORMS, |all, norm| widened(all, [norm; 2])),
                survey.norms
            );
            assert_eq!(survey.zero_rows, u64::from(n > 1_000));
            assert_eq!(survey.known.count(&rows, &values).unwrap(), n as u64);
            let (one, own) = (
                survey.frame(&rows, &control).unwrap(),
                Frame::survey(&rows, &control),
            );
            assert_eq!(format!("{one:?}"), format!("{:?}", own.unwrap()));
            assert_eq!(one.far.rows.len(), usize::from(n > 1_000));
        }
    }
}
