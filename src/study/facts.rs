//! What a reader must know of a reference set before believing a rate: ranges, repeats, norms.
//!
//! One pass over the rows. Rows and columns count as repeated when the 64-bit hashes of their values agree; among
//! ten million rows a false repeat has probability 3e-6.

use crate::control::Control;
use crate::error::Result;
use crate::rows::{Rows, map_chunks};
use crate::scan::Frame;

/// Norms whose spread is below this share of the largest are one norm: unit rows stored in f16 spread by 5e-4.
const SAME_NORM: f64 = 1e-3;

/// Facts of one set.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub constant_columns: u64,
    /// Columns equal to an earlier one, constant ones not counted.
    pub duplicate_columns: u64,
    /// Rows equal to an earlier one.
    pub duplicate_rows: u64,
    /// The mean norm, if all rows have nearly the same one and it is not zero.
    pub constant_norm: Option<f64>,
}

struct Part {
    rows: Vec<u64>,
    columns: Vec<u64>,
    norms: [f64; 2],
}

/// Mix a value into a running hash (the multiply-xorshift finaliser of splitmix64, Steele et al. 2014).
fn mix(hash: u64, value: u64) -> u64 {
    let mut z = (hash ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The bits of a value, with one zero.
fn bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

fn part(values: &[f64], d: usize) -> Part {
    let mut part = Part {
        rows: Vec::with_capacity(values.len() / d),
        columns: vec![0; d],
        norms: [f64::INFINITY, 0.0],
    };
    for row in values.chunks_exact(d) {
        let mut hash = 0;
        let mut square = 0.0;
        for (column, &value) in part.columns.iter_mut().zip(row) {
            let bits = bits(value);
            hash = mix(hash, bits);
            *column = mix(*column, bits);
            square += value * value;
        }
        part.rows.push(hash);
        part.norms = [part.norms[0].min(square), part.norms[1].max(square)];
    }
    part
}

/// Values that occur before.
fn repeats(mut hashes: Vec<u64>) -> u64 {
    hashes.sort_unstable();
    hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
}

/// Survey a set whose frame is known.
pub fn facts(rows: &dyn Rows, frame: &Frame, control: &Control) -> Result<Facts> {
    let d = rows.dim();
    let parts = map_chunks(rows, control, |_, values| {
        control.advance((values.len() / d) as u64);
        part(values, d)
    })?;
    let mut columns = vec![0; d];
    let mut norms = [f64::INFINITY, 0.0f64];
    for part in &parts {
        for (all, &one) in columns.iter_mut().zip(&part.columns) {
            *all = mix(*all, one);
        }
        norms = [norms[0].min(part.norms[0]), norms[1].max(part.norms[1])];
    }
    let constant = |j: &usize| frame.lowest[*j] == frame.highest[*j];
    let varying = (0..d)
        .filter(|j| !constant(j))
        .map(|j| columns[j])
        .collect();
    let norms = norms.map(f64::sqrt);
    let same = rows.len() > 1 && norms[1] > 0.0 && norms[1] - norms[0] <= SAME_NORM * norms[1];
    Ok(Facts {
        constant_columns: (0..d).filter(constant).count() as u64,
        duplicate_columns: repeats(varying),
        duplicate_rows: repeats(parts.into_iter().flat_map(|part| part.rows).collect()),
        constant_norm: same.then_some(0.5 * (norms[0] + norms[1])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    fn of(d: usize, values: Vec<f64>) -> Facts {
        let rows = Memory::from_f64("rows", d, values);
        let control = Control::default();
        facts(&rows, &Frame::survey(&rows, &control).unwrap(), &control).unwrap()
    }

    #[test]
    fn repeats_and_constants_are_counted() {
        let found = of(
            4,
            vec![1.0, 5.0, 1.0, 0.0, 2.0, 5.0, 2.0, -0.0, 1.0, 5.0, 1.0, 0.0],
        );
        assert_eq!(found.constant_columns, 2);
        assert_eq!(found.duplicate_columns, 1);
        assert_eq!(found.duplicate_rows, 1);
        assert_eq!(found.constant_norm, None);
    }

    #[test]
    fn points_on_a_circle_have_one_norm() {
        let circle = (0..20)
            .flat_map(|i| [f64::from(i).cos(), f64::from(i).sin()])
            .collect();
        assert!((of(2, circle).constant_norm.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(of(2, vec![0.0, 0.0, 0.0, 0.0]).constant_norm, None);
    }
}
