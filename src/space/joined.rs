//! Concatenates several sets, so that a space is computed once for all of them.

use super::set::{Framed, Set};
use super::views::{check_alike, in_order};
use crate::error::Result;
use crate::rows::{Element, Rows};
use std::sync::Arc;

/// The concatenated rows of several sets of one dimension.
pub struct Joined {
    name: String,
    parts: Vec<Arc<dyn Rows>>,
    /// The first row of each part, and the end of the last one.
    starts: Vec<usize>,
}

impl Joined {
    /// At least one set, all of one dimension.
    pub fn new(parts: Vec<Arc<dyn Rows>>) -> Self {
        assert!(parts.windows(2).all(|pair| pair[0].dim() == pair[1].dim()));
        let mut starts = vec![0];
        for part in &parts {
            starts.push(starts[starts.len() - 1] + part.len());
        }
        let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
        Joined {
            name: names.join(", "),
            parts,
            starts,
        }
    }

    /// The first `rows` rows of one set, or all if it has fewer.
    pub fn head(part: Arc<dyn Rows>, rows: usize) -> Self {
        Joined {
            name: part.name().into(),
            starts: vec![0, rows.min(part.len())],
            parts: vec![part],
        }
    }

    /// The part that holds a row.
    fn part(&self, row: usize) -> usize {
        self.starts.partition_point(|&start| start <= row) - 1
    }

    /// Reads rows part by part: (part, first row in it, count of numbers before, numbers).
    fn each(
        &self,
        first: usize,
        numbers: usize,
        mut read: impl FnMut(&dyn Rows, usize, std::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let (d, end) = (self.dim(), first + numbers / self.dim());
        let mut row = first;
        while row < end {
            let part = self.part(row);
            let until = end.min(self.starts[part + 1]);
            let range = (row - first) * d..(until - first) * d;
            read(&*self.parts[part], row - self.starts[part], range)?;
            row = until;
        }
        Ok(())
    }
}

impl Rows for Joined {
    fn name(&self) -> &str {
        &self.name
    }
    fn len(&self) -> usize {
        self.starts[self.parts.len()]
    }
    fn dim(&self) -> usize {
        self.parts[0].dim()
    }
    fn element(&self) -> Element {
        let first = self.parts[0].element();
        match self.parts.iter().all(|part| part.element() == first) {
            true => first,
            false => Element::F64,
        }
    }
    fn fits_f32(&self) -> bool {
        self.parts.iter().all(|part| part.fits_f32())
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        self.each(first, out.len(), |part, row, range| {
            part.read_f32(row, &mut out[range])
        })
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.each(first, out.len(), |part, row, range| {
            part.read_f64(row, &mut out[range])
        })
    }
    fn dropped(&self) -> u64 {
        let parts = self.parts.iter().zip(self.starts.windows(2));
        // Rows beyond a head do not count as dropped.
        let whole = parts.filter(|(part, ends)| ends[1] - ends[0] == part.len());
        whole.map(|(part, _)| part.dropped()).sum()
    }
    fn number(&self, row: usize) -> u64 {
        let part = self.part(row);
        let read = |part: &Arc<dyn Rows>| part.len() as u64 + part.dropped();
        let before: u64 = self.parts[..part].iter().map(read).sum();
        before + self.parts[part].number(row - self.starts[part])
    }
    fn resident_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.resident_bytes()).sum()
    }
}

impl Set {
    /// The set without its rows; other properties are kept.
    pub fn without_rows(&self) -> Set {
        self.head(0)
    }

    /// A set of the first row alone, for work that needs a second set where there is none.
    pub fn first_row(&self) -> Set {
        self.head(1)
    }

    fn head(&self, rows: usize) -> Set {
        let head = |part: &Arc<dyn Rows>| Arc::new(Joined::head(Arc::clone(part), rows));
        let framed = self.framed.iter().map(|framed| Framed {
            rows: head(&framed.rows),
            ..*framed
        });
        Set {
            rows: head(&self.rows),
            framed: framed.collect(),
            ..*self
        }
    }
}

/// Concatenates sets, converted to the channel order of `first`.
///
/// Errors: a set of another shape or scale than `first`; the message names it.
pub fn joined(first: &Set, others: Vec<Set>) -> Result<Set> {
    let mut parts = Vec::new();
    let mut framed = vec![Vec::new(); first.framed.len()];
    for set in others {
        check_alike(first, &set, true)?;
        for (parts, part) in framed.iter_mut().zip(&set.framed) {
            parts.push(Arc::clone(&part.rows));
        }
        parts.push(in_order(set, first.shape));
    }
    let framed = first.framed.iter().zip(framed);
    let framed = framed.map(|(first, parts)| Framed {
        rows: Arc::new(Joined::new(parts)),
        ..*first
    });
    Ok(Set {
        rows: Arc::new(Joined::new(parts)),
        shape: first.shape,
        range: first.range,
        framed: framed.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::rows::images::Shape;

    fn counting(name: &str, from: usize, rows: usize) -> Memory {
        let values = (from * 2..(from + rows) * 2).map(|v| v as f64).collect();
        Memory::from_f64(name, 2, values)
    }

    #[test]
    fn rows_are_those_of_the_parts_wherever_reading_starts() {
        let parts = [("a", 0, 3), ("b", 3, 1), ("c", 4, 4)];
        let parts = parts
            .map(|(name, from, rows)| -> Arc<dyn Rows> { Arc::new(counting(name, from, rows)) });
        let joined = Joined::new(parts.to_vec());
        assert_eq!((joined.len(), joined.name()), (8, "a, b, c"));
        for first in 0..8 {
            for count in 1..=8 - first {
                let (mut double, mut single) = (vec![0.0; count * 2], vec![0f32; count * 2]);
                joined.read_f64(first, &mut double).unwrap();
                joined.read_f32(first, &mut single).unwrap();
                for (place, (a, b)) in double.iter().zip(&single).enumerate() {
                    assert_eq!(
                        (*a, *b as usize),
                        ((first * 2 + place) as f64, first * 2 + place)
                    );
                }
            }
        }
        let mut head = [0.0; 2];
        let first = Joined::head(Arc::new(joined), 1);
        first.read_f64(0, &mut head).unwrap();
        assert_eq!((first.len(), head), (1, [0.0, 1.0]));
        let joined = first.parts[0].clone();
        let mut some = [0.0; 4];
        joined.gather(&[7, 3], &mut some).unwrap();
        assert_eq!(some, [14.0, 15.0, 6.0, 7.0]);
    }

    #[test]
    fn a_set_of_another_kind_is_named() {
        let set = |name: &str, values: usize, range| Set {
            rows: Arc::new(Memory::from_f64(name, values, vec![0.0; values])),
            shape: Some(Shape {
                height: 1,
                width: values,
                channels: 1,
                planar: false,
            }),
            range,
            framed: Vec::new(),
        };
        let first = set("first", 2, 255.0);
        let refused = |other| joined(&first, vec![set("same", 2, 255.0), other]).err();
        assert!(joined(&first, vec![set("same", 2, 255.0)]).is_ok());
        for other in [set("odd", 3, 255.0), set("odd", 2, 1.0)] {
            assert!(refused(other).unwrap().to_string().contains("odd"));
        }
    }
}
