//! One reading of a reference set for all that is made of it.
//!
//! The pass takes what does not need the mean: the rows' hashes (which rows repeat others), the columns' hashes, norms,
//! and the first half of the scan's [`Frame`]. Where no row repeats another the frame needs one pass more; where some do,
//! two over the different rows.

use crate::control::Control;
use crate::error::Result;
use crate::rows::pass::{Pass, pass};
use crate::rows::{KnownRows, Numbers, Pack, Repeats, Rows, bits, mix};
use crate::scan::{Frame, Sketch, SketchPart};

/// What one pass over a set finds.
pub struct Survey {
    /// Rows that are equal, if there are any.
    pub repeats: Option<Repeats>,
    /// All rows, by value.
    pub known: KnownRows,
    /// Hashes of the columns.
    pub(super) columns: Vec<u64>,
    pub(super) zero_rows: u64,
    /// The least and the largest norm of the other rows.
    pub(super) norms: [f64; 2],
    pub(super) rows: usize,
    /// The half of the frame that is known, until it is taken.
    half: Option<(Sketch, Vec<SketchPart>)>,
}

/// What a chunk of rows adds.
pub(super) struct ChunkSurvey {
    rows: Vec<u64>,
    columns: Vec<u64>,
    zero_rows: u64,
    norms: [f64; 2],
}

/// Norms of no rows.
const NO_NORMS: [f64; 2] = [f64::INFINITY, 0.0];

/// Rows that are hashed side by side: a hash waits for each of its steps.
const LANES: usize = 4;

/// A chunk of rows, looked at by code compiled for the instruction set found at run time.
struct Chunk<'v> {
    values: &'v [f64],
    d: usize,
}

impl pulp::NullaryFnOnce for Chunk<'_> {
    type Output = ChunkSurvey;

    #[inline(always)]
    fn call(self) -> ChunkSurvey {
        let d = self.d;
        let mut found = ChunkSurvey {
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
        found
    }
}

impl ChunkSurvey {
    /// Add L rows.
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

/// The range that holds both.
fn widened(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0].min(b[0]), a[1].max(b[1])]
}

/// What every row is looked at for.
pub(super) struct Look(Sketch);

impl Pass for Look {
    type Part = (ChunkSurvey, SketchPart);
    const NAME: &'static str = "survey";
    const COUNTED: bool = true;

    fn chunk(&self, first: usize, values: &[f64]) -> (ChunkSurvey, SketchPart) {
        let chunk = Chunk {
            values,
            d: self.0.dim(),
        };
        let found = pulp::Arch::new().dispatch(chunk);
        (found, self.0.chunk(first, values))
    }

    fn put(&self, question: &mut Pack) {
        self.0.put(question);
    }

    fn of(question: &mut Pack, dim: usize) -> Result<Self> {
        Sketch::of(question, dim).map(Look)
    }

    fn put_part((found, part): (ChunkSurvey, SketchPart), answer: &mut Pack) {
        answer.put("rows", Numbers::U64(found.rows));
        answer.put("columns", Numbers::U64(found.columns));
        answer.put("zero_rows", Numbers::U64(vec![found.zero_rows]));
        answer.put_reals("norms", found.norms);
        Sketch::put_part(part, answer);
    }

    fn part(answer: &mut Pack, rows: usize, dim: usize) -> Result<(ChunkSurvey, SketchPart)> {
        let norms = answer.reals("norms", Some(2))?;
        let found = ChunkSurvey {
            rows: answer.words("rows", Some(rows))?,
            columns: answer.words("columns", Some(dim))?,
            zero_rows: answer.words("zero_rows", Some(1))?[0],
            norms: [norms[0], norms[1]],
        };
        Ok((found, Sketch::part(answer, rows, dim)?))
    }
}

impl Survey {
    /// Read a set once, a sample of it before, and its rows that may be equal once more.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn of(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let d = rows.dim();
        let sketch = Sketch::begin(rows, control)?;
        let look = Look(sketch);
        let found = pass(rows, &look, control)?;
        let (found, parts): (Vec<ChunkSurvey>, Vec<SketchPart>) = found.into_iter().unzip();
        let mut columns = vec![0; d];
        let (mut zero_rows, mut norms) = (0, NO_NORMS);
        let mut hashes = Vec::with_capacity(rows.len());
        for part in found {
            for (all, one) in columns.iter_mut().zip(part.columns) {
                *all = mix(*all, one);
            }
            zero_rows += part.zero_rows;
            norms = widened(norms, part.norms);
            hashes.extend(part.rows);
        }
        let known = KnownRows::new(&hashes);
        Ok(Survey {
            repeats: Repeats::of_rows(rows, &known, control)?,
            known,
            columns,
            zero_rows,
            norms,
            rows: rows.len(),
            half: Some((look.0, parts)),
        })
    }

    /// Keep what was found.
    pub fn pack(&self, pack: &mut Pack) {
        self.known.pack(pack);
        if let Some(repeats) = &self.repeats {
            repeats.pack(pack);
        }
        pack.put("survey.columns", Numbers::U64(self.columns.clone()));
        pack.put("survey.zero_rows", Numbers::U64(vec![self.zero_rows]));
        pack.put_reals("survey.norms", self.norms);
    }

    /// What was found of `n` rows of `d` numbers again. Errors: arrays that do not fit.
    pub fn unpack(pack: &mut Pack, n: usize, d: usize) -> Result<Self> {
        let norms = pack.reals("survey.norms", Some(2))?;
        Ok(Survey {
            known: KnownRows::unpack(pack, n)?,
            repeats: Repeats::unpack(pack, n)?,
            columns: pack.words("survey.columns", Some(d))?,
            zero_rows: pack.words("survey.zero_rows", Some(1))?[0],
            norms: [norms[0], norms[1]],
            rows: n,
            half: None,
        })
    }

    /// The frame of the different rows: of all, where none repeats another.
    ///
    /// Errors: as [`Survey::of`].
    pub fn frame(&mut self, distinct: &dyn Rows, control: &Control) -> Result<Frame> {
        match self.half.take() {
            Some((sketch, parts)) if self.repeats.is_none() => {
                Frame::of(distinct, sketch, parts, control)
            }
            _ => Frame::survey(distinct, control),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    /// Hashes and norms are those of rows one by one; a frame made on the way is the one that is made by itself.
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
