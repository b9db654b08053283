//! Some rows of a set, in any order, as a set of their own: for instance one class, a sample or a permutation. Nothing
//! is copied.

use super::sharded::Share;
use super::{Element, Rows};
use crate::error::Result;

/// Selected rows of another set: row i is that set's row `chosen[i]`, and keeps its number.
pub struct Subset<'a> {
    name: String,
    rows: &'a dyn Rows,
    chosen: Vec<usize>,
}

impl<'a> Subset<'a> {
    /// Rows `chosen` of `rows`, in that order; a row may be chosen more than once. Panics if one is outside the set.
    pub fn new(name: impl Into<String>, rows: &'a dyn Rows, chosen: Vec<usize>) -> Self {
        assert!(
            chosen.iter().all(|&row| row < rows.len()),
            "rows outside the set"
        );
        Subset {
            name: name.into(),
            rows,
            chosen,
        }
    }

    /// For each row, its index in the other set.
    pub fn chosen(&self) -> &[usize] {
        &self.chosen
    }

    /// Calls `read` for each run of rows that are consecutive in the other set, with the first row there and the output
    /// slice.
    fn runs<T>(
        &self,
        first: usize,
        mut out: &mut [T],
        mut read: impl FnMut(usize, &mut [T]) -> Result<()>,
    ) -> Result<()> {
        let d = self.dim();
        let mut chosen = &self.chosen[first..first + out.len() / d];
        while let Some(&start) = chosen.first() {
            let run = chosen
                .iter()
                .zip(start..)
                .take_while(|&(&row, expected)| row == expected)
                .count();
            let (now, later) = out.split_at_mut(run * d);
            read(start, now)?;
            (chosen, out) = (&chosen[run..], later);
        }
        Ok(())
    }
}

impl Rows for Subset<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.chosen.len()
    }

    fn dim(&self) -> usize {
        self.rows.dim()
    }

    fn axes(&self) -> Vec<usize> {
        self.rows.axes()
    }

    fn element(&self) -> Element {
        self.rows.element()
    }

    fn fits_f32(&self) -> bool {
        self.rows.fits_f32()
    }

    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        self.runs(first, out, |row, out| self.rows.read_f32(row, out))
    }

    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.runs(first, out, |row, out| self.rows.read_f64(row, out))
    }

    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        let rows: Vec<usize> = rows.iter().map(|&row| self.chosen[row]).collect();
        self.rows.gather(&rows, out)
    }

    fn resident_bytes(&self) -> u64 {
        self.rows.resident_bytes()
    }
    fn number(&self, row: usize) -> u64 {
        self.rows.number(self.chosen[row])
    }

    fn shards(&self) -> Option<Share<'_>> {
        Some(self.rows.shards()?.some(&self.chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use std::sync::Mutex;

    /// Rows that record how they were read: (first row, number of rows).
    struct Watched(Memory, Mutex<Vec<(usize, usize)>>);

    impl Rows for Watched {
        fn name(&self) -> &str {
            self.0.name()
        }
        fn len(&self) -> usize {
            self.0.len()
        }
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn axes(&self) -> Vec<usize> {
            self.0.axes()
        }
        fn element(&self) -> Element {
            self.0.element()
        }
        fn fits_f32(&self) -> bool {
            self.0.fits_f32()
        }
        fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
            self.0.read_f32(first, out)
        }
        fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
            self.1.lock().unwrap().push((first, out.len() / self.dim()));
            self.0.read_f64(first, out)
        }
        fn number(&self, row: usize) -> u64 {
            1000 + row as u64
        }
    }

    #[test]
    fn rows_are_those_chosen_and_runs_are_read_at_once() {
        let all = Memory::from_u8("all", 2, (0..20).collect()).with_axes(&[2, 1]);
        let all = Watched(all, Mutex::default());
        let some = Subset::new("some", &all, vec![3, 4, 5, 9, 0, 1, 1]);
        assert_eq!((some.name(), some.len(), some.dim()), ("some", 7, 2));
        assert_eq!(some.axes(), [2, 1]);
        let expected = [6, 7, 8, 9, 10, 11, 18, 19, 0, 1, 2, 3, 2, 3].map(f64::from);
        let mut values = [0.0; 14];
        some.read_f64(0, &mut values).unwrap();
        assert_eq!(values, expected);
        let reads = std::mem::take(&mut *all.1.lock().unwrap());
        assert_eq!(reads, [(3, 3), (9, 1), (0, 2), (1, 1)]);
        some.read_f64(2, &mut values[..4]).unwrap();
        assert_eq!(values[..4], expected[4..8]);
        let mut single = [0.0f32; 14];
        some.read_f32(0, &mut single).unwrap();
        assert!(single.iter().zip(expected).all(|(&s, e)| f64::from(s) == e));
        some.gather(&[6, 3], &mut values[..4]).unwrap();
        assert_eq!(values[..4], [2.0, 3.0, 18.0, 19.0]);
        assert_eq!((some.number(3), some.number(4)), (1009, 1000));
    }

    #[test]
    #[should_panic(expected = "outside the set")]
    fn rows_outside_the_set_are_refused() {
        Subset::new("some", &Memory::from_u8("all", 1, vec![0, 1]), vec![2]);
    }
}
