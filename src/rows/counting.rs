//! Finds columns of whole numbers that grow from row to row. Beside other numbers such a column is more likely a key of
//! the rows than a feature, and as a feature it would dominate every distance.

use super::columns::some;
use super::{Element, decode};

/// How many rows a column must grow through before it is reported.
const ROWS: u64 = 8;

/// The columns that have grown in every row so far.
pub(super) struct Counting {
    dim: usize,
    /// The index and the last value of each column that grows in whole numbers.
    grows: Vec<(usize, f64)>,
    /// Whether a column has held a number that is not whole.
    fractions: bool,
    rows: u64,
    values: Vec<f64>,
}

impl Counting {
    pub fn new(dim: usize) -> Self {
        Counting {
            dim,
            grows: (0..dim).map(|place| (place, f64::NEG_INFINITY)).collect(),
            fractions: false,
            rows: 0,
            values: Vec::new(),
        }
    }

    /// Takes in the next rows.
    pub fn see(&mut self, element: Element, bytes: &[u8]) {
        if self.grows.is_empty() {
            return;
        }
        self.values.resize(bytes.len() / element.size(), 0.0);
        decode::to_f64(element, bytes, &mut self.values);
        for row in self.values.chunks_exact(self.dim) {
            self.fractions |= row.iter().any(|value| value.fract() != 0.0);
            self.grows.retain_mut(|(place, last)| {
                let value = row[*place];
                let grows = value > *last && value.fract() == 0.0;
                *last = value;
                grows
            });
            self.rows += 1;
        }
    }

    /// The note for the user, if there is one; `names` are the names of the columns.
    pub fn note(&self, names: &[String]) -> Option<String> {
        if self.grows.is_empty() || !self.fractions || self.rows < ROWS {
            return None;
        }
        let name = |&(place, _): &(usize, f64)| match names.get(place) {
            Some(name) => name.clone(),
            None => format!("column {place}"),
        };
        let growing: Vec<String> = self.grows.iter().map(name).collect();
        Some(format!(
            "the whole numbers of {} grow from row to row, as keys of rows do, and are used as a feature: leave a key out with \
             --drop, or name it with --id-column",
            some(&growing)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(rows: &[[f64; 2]]) -> Option<String> {
        let mut counting = Counting::new(2);
        for row in rows {
            counting.see(Element::F64, bytemuck::cast_slice(row));
        }
        counting.note(&["key".into(), "size".into()])
    }

    #[test]
    fn keys_beside_fractions_are_noticed_and_nothing_else() {
        let keys: Vec<[f64; 2]> = (0..9)
            .map(|i| [f64::from(i * i), 0.5 / f64::from(i + 1)])
            .collect();
        assert!(note(&keys).is_some_and(|note| note.contains("key") && !note.contains("size")));
        assert_eq!(note(&keys[..7]), None, "too few rows");
        let mut repeats = keys.clone();
        repeats[5][0] = repeats[4][0];
        assert_eq!(note(&repeats), None);
        let whole: Vec<[f64; 2]> = keys.iter().map(|row| [row[0], row[1].round()]).collect();
        assert_eq!(
            note(&whole),
            None,
            "whole numbers alone may all be features"
        );
    }
}
