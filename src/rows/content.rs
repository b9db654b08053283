//! A hash of the numbers of a set: the same rows have the same hash, whatever file they were read from.
//!
//! The hash covers N and d, then for each chunk the bits of its values as f64 (with -0 as 0) and its row numbers:
//! blake3 over the blake3 hashes of the chunks. The size of a chunk is part of the definition, since files store these
//! hashes.

use super::Rows;
use super::chunks::fold_chunks;
use crate::control::Control;
use crate::error::Result;

/// Numbers in a chunk, which holds at least one row. Changing this value changes every hash.
const CHUNK: usize = 1 << 17;

/// The hash of all rows: 64 hexadecimal digits.
///
/// Unlike [`fingerprint`](super::fingerprint()) it reads every row, and does not depend on names, times or formats.
/// Errors: rows that can no longer be read, and [`Error::Interrupted`](crate::Error::Interrupted).
pub fn content_hash(rows: &dyn Rows, control: &Control) -> Result<String> {
    let d = rows.dim();
    let mut all = blake3::Hasher::new();
    for size in [rows.len(), d] {
        all.update(&(size as u64).to_le_bytes());
    }
    let step = (CHUNK / d).max(1);
    let of_chunk = |first: usize, values: &mut [f64]| {
        for value in values.iter_mut() {
            *value = f64::from_bits((*value + 0.0).to_bits().to_le());
        }
        let mut chunk = blake3::Hasher::new();
        chunk.update(bytemuck::cast_slice(values));
        for row in first..first + values.len() / d {
            chunk.update(&rows.number(row).to_le_bytes());
        }
        chunk.finalize()
    };
    fold_chunks(rows, step, control, of_chunk, |_, hash| {
        all.update(hash.as_bytes());
    })?;
    Ok(all.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Memory, OpenOptions};

    fn hash(rows: &Memory) -> String {
        content_hash(rows, &Control::default()).unwrap()
    }

    #[test]
    fn numbers_decide_and_their_type_does_not() {
        let values: Vec<f64> = (0..300_000).map(|i| f64::from(i % 251)).collect();
        let set = |d, values: &[f64]| Memory::from_f64("a", d, values.to_vec());
        let of = hash(&set(3, &values));
        let bytes = values.iter().map(|&v| v as u8).collect();
        assert_eq!(of, hash(&Memory::from_u8("another name", 3, bytes)));
        let floats = values.iter().map(|&v| v as f32).collect();
        assert_eq!(of, hash(&Memory::from_f32("b", 3, floats)));
        assert_ne!(of, hash(&set(2, &values)), "another shape");
        assert_ne!(of, hash(&set(3, &values[3..])), "a row less");
        for place in [0, 150_000, 299_999] {
            let mut other = values.clone();
            other[place] += 1e-13;
            assert_ne!(of, hash(&set(3, &other)), "{place}");
        }
        let mut swapped = values.clone();
        swapped.swap(0, 3);
        assert_ne!(of, hash(&set(3, &swapped)), "rows in another order");
        let negative = values.iter().map(|&v| if v == 0.0 { -0.0 } else { v });
        assert_eq!(of, hash(&set(3, &negative.collect::<Vec<_>>())));
        let options = OpenOptions {
            scale: Some(2.0),
            ..OpenOptions::default()
        };
        let scaled = set(3, &values)
            .prepared(&options, &Control::default())
            .unwrap();
        assert_ne!(of, hash(&scaled));
    }
}
