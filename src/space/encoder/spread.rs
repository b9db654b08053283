//! Warns of features that hardly vary between rows, for which verdicts may be due to rounding.

use crate::error::Result;
use crate::rows::{Rows, Store};

/// How many rows are sampled to measure the variation.
const SAMPLED: usize = 101;

/// Features that vary by less than this, relative to their size, are near the precision of a network's f32 numbers.
const BARELY: f64 = 1e-5;

/// The warning for features that hardly vary, if they do.
///
/// Errors: rows that cannot be read.
pub fn note(name: &str, set: &Store) -> Result<Option<String>> {
    let barely = spread(set)?.filter(|&share| share < BARELY);
    Ok(barely.map(|share| {
        format!(
            "{name}: these features hardly vary: their spread is {share:.0e} of their size, and a network's numbers are \
             right to about 1e-6; verdicts may come of rounding"
        )
    }))
}

/// The distance between rows of a set relative to their length: medians over some rows, so that no single row decides.
/// None for fewer than two rows, or for rows of zeros.
fn spread(set: &Store) -> Result<Option<f64>> {
    let (n, d) = (set.len(), set.dim());
    let some = n.min(SAMPLED);
    if some < 2 || d == 0 {
        return Ok(None);
    }
    let mut rows = vec![0.0; some * d];
    for (place, row) in rows.chunks_exact_mut(d).enumerate() {
        set.read_f64(place * (n - 1) / (some - 1), row)?;
    }
    let middle: Vec<f64> = (0..d)
        .map(|column| median(rows.iter().skip(column).step_by(d).copied().collect()))
        .collect();
    let length =
        |differences: &mut dyn Iterator<Item = f64>| differences.map(|v| v * v).sum::<f64>().sqrt();
    let apart = |row: &[f64]| length(&mut row.iter().zip(&middle).map(|(a, b)| a - b));
    let lengths = rows
        .chunks_exact(d)
        .map(|row| length(&mut row.iter().copied()));
    let size = median(lengths.collect());
    let spread = median(rows.chunks_exact(d).map(apart).collect());
    Ok((size > 0.0).then_some(spread / size))
}

/// The median of some finite numbers.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}
