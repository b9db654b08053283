//! The passes that compute a frame, as they are sent to shards.

use super::{ColumnRanges, FAR_BIAS, Far, Frame, Made, Sketch, SketchPart};
use crate::error::Result;
use crate::rows::pass::Pass;
use crate::rows::{Numbers, Pack, Spreads};
use std::borrow::Cow;
use std::sync::Arc;

/// The pass that finds the longest rows and the bias of each row, in a frame that is otherwise complete.
pub struct Norms<'f>(pub(super) Cow<'f, Frame>);

/// The result of [`Norms`] for a chunk.
pub struct Lengths {
    /// The largest `|x'|^2` and the largest `e^2 |x - m|^2`.
    pub(super) largest: [f64; 2],
    pub(super) bias: Vec<f32>,
}

impl Frame {
    /// Send the frame's affine map and its far rows.
    pub fn send(&self, question: &mut Pack) {
        question.put_reals("centre", self.centre.iter().copied());
        question.put_reals("scale", self.scale.iter().copied());
        question.put_reals("euclid", [self.euclid]);
        question.put_counts("far", self.far.rows.iter().copied());
    }

    /// Restores a frame that [`Frame::send`] sent; its other fields are empty. Errors: arrays that do not fit.
    pub fn sent(question: &mut Pack, dim: usize) -> Result<Self> {
        Ok(Frame {
            centre: question.reals("centre", Some(dim))?,
            scale: question.reals("scale", Some(dim))?,
            euclid: question.reals("euclid", Some(1))?[0],
            radius: 0.0,
            euclid_radius: 0.0,
            lowest: Vec::new(),
            highest: Vec::new(),
            range: Vec::new(),
            bias: Arc::default(),
            far: Far {
                rows: question.ascending("far", usize::MAX)?,
                ..Far::default()
            },
            unit: Vec::new(),
            made: Made::default(),
        })
    }
}

impl Pass for Norms<'_> {
    type Part = Lengths;
    const NAME: &'static str = "norms";
    const COUNTED: bool = true;

    fn chunk(&self, first: usize, values: &[f64]) -> Lengths {
        let frame = &*self.0;
        let (mut largest, mut largest_euclid) = (0.0f64, 0.0f64);
        let mut bias = Vec::with_capacity(values.len() / frame.dim());
        for (i, row) in values.chunks_exact(frame.dim()).enumerate() {
            if frame.far.contains(first + i) {
                bias.push(FAR_BIAS);
                continue;
            }
            let (mut scaled, mut euclid) = (0.0, 0.0);
            for (j, value) in row.iter().enumerate() {
                let difference = value - frame.centre[j];
                scaled += (difference * frame.scale[j]).powi(2);
                euclid += (difference * frame.euclid).powi(2);
            }
            largest = largest.max(scaled);
            largest_euclid = largest_euclid.max(euclid);
            bias.push((-0.5 * euclid) as f32);
        }
        Lengths {
            largest: [largest, largest_euclid],
            bias,
        }
    }

    fn put(&self, question: &mut Pack) {
        self.0.send(question);
    }

    fn of(question: &mut Pack, dim: usize) -> Result<Self> {
        Frame::sent(question, dim).map(|frame| Norms(Cow::Owned(frame)))
    }

    fn put_part(part: Lengths, answer: &mut Pack) {
        answer.put_reals("largest", part.largest);
        answer.put("bias", Numbers::F32(part.bias));
    }

    fn part(answer: &mut Pack, rows: usize, _: usize) -> Result<Lengths> {
        let largest = answer.reals("largest", Some(2))?;
        Ok(Lengths {
            largest: [largest[0], largest[1]],
            bias: answer.floats("bias", Some(rows))?,
        })
    }
}

impl Pass for Sketch {
    type Part = SketchPart;
    const NAME: &'static str = "sketch";

    fn chunk(&self, _: usize, values: &[f64]) -> SketchPart {
        let d = self.dim();
        let lengths = values.chunks_exact(d).map(|row| self.length(row) as f32);
        SketchPart {
            lengths: lengths.collect(),
            columns: ColumnRanges::of(0, values, d, &Far::default()),
        }
    }

    fn put(&self, question: &mut Pack) {
        question.put_reals("sketch.centre", self.spreads.centre.iter().copied());
        question.put_reals("sketch.unit", self.spreads.unit.iter().copied());
        question.put_reals("sketch.scale", self.scale.iter().copied());
    }

    fn of(question: &mut Pack, dim: usize) -> Result<Self> {
        Ok(Sketch {
            spreads: Spreads {
                centre: question.reals("sketch.centre", Some(dim))?,
                unit: question.reals("sketch.unit", Some(dim))?,
            },
            scale: question.reals("sketch.scale", Some(dim))?,
        })
    }

    fn put_part(part: SketchPart, answer: &mut Pack) {
        let columns = part.columns;
        answer.put("lengths", Numbers::F32(part.lengths));
        answer.put_reals("sum", columns.sum);
        answer.put_reals("near_lowest", columns.near_lowest);
        answer.put_reals("near_highest", columns.near_highest);
        answer.put_reals("lowest", columns.lowest);
        answer.put_reals("highest", columns.highest);
        answer.put_counts("near", [columns.near]);
    }

    fn part(answer: &mut Pack, rows: usize, dim: usize) -> Result<SketchPart> {
        Ok(SketchPart {
            lengths: answer.floats("lengths", Some(rows))?,
            columns: ColumnRanges {
                sum: answer.reals("sum", Some(dim))?,
                near_lowest: answer.reals("near_lowest", Some(dim))?,
                near_highest: answer.reals("near_highest", Some(dim))?,
                near: answer.indices("near", Some(1), rows + 1)?[0],
                lowest: answer.reals("lowest", Some(dim))?,
                highest: answer.reals("highest", Some(dim))?,
            },
        })
    }
}
