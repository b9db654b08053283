//! Makes one row per image from a tensor with several positions per image: the tokens of a transformer, or the cells of
//! a feature map.
//!
//! ```text
//! (batch, tokens, width)            positions: tokens
//! (batch, channels, height, width)  positions: height x width; (batch, height, width, channels) likewise
//! cls: the first position,  mean and max: over the positions,  none: all numbers
//! ```

use super::super::spec::{AxisOrder, Pool};
use crate::error::{Error, Place, Result};

/// How the numbers of an image become its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooling {
    kind: Pool,
    positions: usize,
    /// The number of values at a position.
    width: usize,
    /// Whether the values of a position are contiguous; otherwise the positions of a channel are.
    together: bool,
}

impl Pooling {
    /// The pooling for a tensor with these axes per image. In a feature map the channels come first or last, as its two
    /// equal axes show, and as in the network's input if they do not.
    ///
    /// Errors: the tensor has no positions, or no first token.
    pub fn new(
        network: &str,
        tensor: &str,
        axes: &[usize],
        asked: Option<Pool>,
        layout: AxisOrder,
    ) -> Result<Self> {
        let refuse = |what: String, advice: &str| {
            Err(Error::input(
                network,
                Place::Part(tensor.into()),
                what,
                advice,
            ))
        };
        let pooling = |positions: usize, width: usize, together: bool| Pooling {
            kind: asked.unwrap_or(Pool::Flat),
            positions,
            width,
            together,
        };
        let kind = match asked {
            None | Some(Pool::Flat) => return Ok(pooling(1, axes.iter().product(), true)),
            Some(kind) => kind,
        };
        match *axes {
            [tokens, width] => Ok(pooling(tokens, width, true)),
            [_, _, _] if kind == Pool::Cls => refuse(
                "pool=cls takes the first token, and the tensor is a grid".into(),
                "give pool=mean or pool=max",
            ),
            [a, b, c] if channels_last(axes, layout) => Ok(pooling(a * b, c, true)),
            [a, b, c] => Ok(pooling(b * c, a, false)),
            _ => refuse(
                format!(
                    "pool={} takes a tensor of (batch, tokens, width) or of a grid, and an image has {} here",
                    kind.name(),
                    shown(axes)
                ),
                "take pool= away",
            ),
        }
    }

    /// The length of a row.
    pub fn dim(&self) -> usize {
        match self.kind {
            Pool::Flat => self.positions * self.width,
            _ => self.width,
        }
    }

    /// The rows for a tensor of several images.
    pub fn apply(&self, values: &[f32]) -> Vec<f32> {
        if self.kind == Pool::Flat {
            return values.to_vec();
        }
        let images = values.chunks_exact(self.positions * self.width);
        images.flat_map(|image| self.row(image)).collect()
    }

    fn row(&self, image: &[f32]) -> impl Iterator<Item = f32> {
        (0..self.width).map(|number| {
            let at = |position: usize| match self.together {
                true => image[position * self.width + number],
                false => image[number * self.positions + position],
            };
            let all = (0..self.positions).map(at);
            match self.kind {
                Pool::Cls | Pool::Flat => at(0),
                Pool::Mean => (all.map(f64::from).sum::<f64>() / self.positions as f64) as f32,
                // A NaN must be kept.
                Pool::Max => all.fold(f32::NEG_INFINITY, |most, value| match value > most {
                    _ if value.is_nan() => value,
                    true => value,
                    false => most,
                }),
            }
        })
    }
}

/// Whether the last axis of a feature map holds the channels.
fn channels_last(axes: &[usize], layout: AxisOrder) -> bool {
    match (axes[0] == axes[1], axes[1] == axes[2]) {
        (true, false) => true,
        (false, true) => false,
        _ => layout == AxisOrder::Nhwc,
    }
}

/// The note on a tensor with several positions per image, if the user did not say how to pool it.
pub fn unpooled(tensor: &str, axes: &[usize], asked: Option<Pool>) -> Option<String> {
    let several = axes.iter().filter(|&&length| length > 1).count() > 1;
    let names = match axes.len() {
        2 => "pool=cls, pool=mean or pool=max takes",
        _ => "pool=mean or pool=max takes",
    };
    (asked.is_none() && several && axes.len() <= 3).then(|| {
        format!(
            "{tensor} has {} numbers an image, and all {} are one row; {names} one number for each \
             {}, and pool=none says that all are meant",
            shown(axes),
            axes.iter().product::<usize>(),
            if axes.len() == 2 {
                "of the last axis"
            } else {
                "channel"
            },
        )
    })
}

fn shown(axes: &[usize]) -> String {
    let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
    axes.join(" x ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(axes: &[usize], pool: Pool, layout: AxisOrder, values: &[f32]) -> Vec<f32> {
        let pooling = Pooling::new("net", "y", axes, Some(pool), layout).unwrap();
        let rows = pooling.apply(values);
        assert_eq!(pooling.dim() * 2, rows.len());
        rows
    }

    #[test]
    fn rows_by_hand() {
        // Two images of 3 tokens of 2 numbers.
        let tokens = [
            1.0, 2.0, 3.0, 9.0, 5.0, 4.0, //
            -1.0, -2.0, -3.0, -9.0, -5.0, -4.0,
        ];
        let of = |pool| pooled(&[3, 2], pool, AxisOrder::Nchw, &tokens);
        assert_eq!(of(Pool::Cls), [1.0, 2.0, -1.0, -2.0]);
        assert_eq!(of(Pool::Mean), [3.0, 5.0, -3.0, -5.0]);
        assert_eq!(of(Pool::Max), [5.0, 9.0, -1.0, -2.0]);
        assert_eq!(of(Pool::Flat), tokens);
        // Two images of 2 channels of 2 x 2 cells; the layout decides, since the axes are all equal.
        let grid: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let first = pooled(&[2, 2, 2], Pool::Mean, AxisOrder::Nchw, &grid);
        assert_eq!(first, [1.5, 5.5, 9.5, 13.5]);
        let last = pooled(&[2, 2, 2], Pool::Mean, AxisOrder::Nhwc, &grid);
        assert_eq!(last, [3.0, 4.0, 11.0, 12.0]);
        // Three channels of 2 x 2 cells, whatever the layout of the input.
        let grid: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let last = pooled(&[2, 2, 3], Pool::Max, AxisOrder::Nchw, &grid);
        assert_eq!(last, [9.0, 10.0, 11.0, 21.0, 22.0, 23.0]);
        let first = pooled(&[3, 2, 2], Pool::Max, AxisOrder::Nhwc, &grid);
        assert_eq!(first, [3.0, 7.0, 11.0, 15.0, 19.0, 23.0]);
    }

    #[test]
    fn a_number_that_is_none_is_not_lost() {
        for place in 0..3 {
            let mut tokens = [0.0f32; 6];
            tokens[place * 2] = f32::NAN;
            let pooling = Pooling::new("net", "y", &[3, 2], Some(Pool::Max), AxisOrder::Nchw);
            let row = pooling.unwrap().apply(&tokens);
            assert!(row[0].is_nan() && row[1] == 0.0, "{row:?}");
        }
    }

    #[test]
    fn what_has_no_positions_is_refused_and_what_is_not_pooled_is_said() {
        let refused = |axes: &[usize], pool| {
            let made = Pooling::new("net", "y", axes, Some(pool), AxisOrder::Nchw);
            made.unwrap_err().to_string()
        };
        assert!(refused(&[7], Pool::Mean).contains("take pool= away"));
        assert!(refused(&[2, 3, 4, 5], Pool::Max).contains("2 x 3 x 4 x 5"));
        assert!(refused(&[3, 4, 4], Pool::Cls).contains("pool=mean or pool=max"));
        let said = unpooled("y", &[197, 768], None).unwrap();
        assert!(said.contains("197 x 768") && said.contains("151296") && said.contains("pool=cls"));
        assert!(
            !unpooled("y", &[512, 7, 7], None)
                .unwrap()
                .contains("pool=cls")
        );
        for (axes, asked) in [
            (&[197, 768][..], Some(Pool::Flat)),
            (&[768], None),
            (&[512, 1, 1], None),
            (&[1, 768], None),
        ] {
            assert_eq!(unpooled("y", axes, asked), None);
        }
    }
}
