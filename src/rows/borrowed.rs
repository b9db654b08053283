//! Rows in memory that another owner keeps, such as an array of a calling program, read where they lie.

use super::{Element, Rows, decode};
use crate::error::{Error, Place, Result};

/// Rows in memory that someone else owns, row-major and in native byte order.
#[derive(Debug, Clone, Copy)]
pub struct Borrowed<'a> {
    name: &'a str,
    dim: usize,
    element: Element,
    bytes: &'a [u8],
}

/// A type whose arrays can be read where they lie.
pub trait Stored: bytemuck::Pod {
    /// The element type of the rows.
    const ELEMENT: Element;
}

macro_rules! stored {
    ($($of:ty => $element:ident),*) => {
        $(impl Stored for $of {
            const ELEMENT: Element = Element::$element;
        })*
    };
}
stored!(f32 => F32, f64 => F64, half::f16 => F16, u8 => U8);

impl<'a> Borrowed<'a> {
    /// N x `dim` values, row-major, all of which must be finite.
    ///
    /// Errors ([`Error::Input`]): no row, no column, part of a row, or a value that is not finite, with its row and column.
    pub fn new<T: Stored>(name: &'a str, dim: usize, values: &'a [T]) -> Result<Self> {
        if dim == 0 || values.is_empty() || !values.len().is_multiple_of(dim) {
            let what = format!("{} values are not rows of {dim} columns", values.len());
            let advice = "give an array of at least one row and one column";
            return Err(Error::input(name, Place::Whole, what, advice));
        }
        let rows = Borrowed::again(name, dim, values);
        rows.finite()?;
        Ok(rows)
    }

    /// As [`Borrowed::new`], for values that it has checked before and that have not changed since.
    pub fn again<T: Stored>(name: &'a str, dim: usize, values: &'a [T]) -> Self {
        Borrowed {
            name,
            dim,
            element: T::ELEMENT,
            bytes: bytemuck::cast_slice(values),
        }
    }

    /// Values checked at a time.
    const STEP: usize = 1 << 16;

    fn finite(&self) -> Result<()> {
        if !self.element.is_float() {
            return Ok(());
        }
        let mut values = vec![0.0; Self::STEP];
        let size = self.element.size();
        for (part, bytes) in self.bytes.chunks(Self::STEP * size).enumerate() {
            let values = &mut values[..bytes.len() / size];
            decode::to_f64(self.element, bytes, values);
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let cell = part * Self::STEP + at;
                let place = Place::Cell {
                    row: (cell / self.dim) as u64,
                    column: (cell % self.dim) as u64,
                };
                let what = format!("the value is {}; every value must be finite", values[at]);
                let advice = "leave the row out, or fill the value in";
                return Err(Error::input(self.name, place, what, advice));
            }
        }
        Ok(())
    }

    /// The bytes of `count` rows.
    fn bytes(&self, first: usize, count: usize) -> &[u8] {
        let width = self.dim * self.element.size();
        &self.bytes[first * width..(first + count) * width]
    }
}

impl Rows for Borrowed<'_> {
    fn name(&self) -> &str {
        self.name
    }
    fn len(&self) -> usize {
        self.bytes.len() / (self.dim * self.element.size())
    }
    fn dim(&self) -> usize {
        self.dim
    }
    fn element(&self) -> Element {
        self.element
    }
    fn fits_f32(&self) -> bool {
        self.element.fits_f32()
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        decode::to_f32(self.element, self.bytes(first, out.len() / self.dim), out);
        Ok(())
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        decode::to_f64(self.element, self.bytes(first, out.len() / self.dim), out);
        Ok(())
    }
    fn resident_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_where_they_lie() {
        let values = [1u8, 2, 3, 4, 250, 6];
        let rows = Borrowed::new("q", 2, &values).unwrap();
        assert_eq!((rows.len(), rows.dim()), (3, 2));
        let mut read = [0.0; 4];
        rows.read_f64(1, &mut read).unwrap();
        assert_eq!(read, [3.0, 4.0, 250.0, 6.0]);
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused_with_its_place() {
        let mut values = vec![0.5f32; Borrowed::STEP + 20];
        values[Borrowed::STEP + 5] = f32::NAN;
        let error = Borrowed::new("X", 4, &values).unwrap_err().to_string();
        assert!(error.starts_with("X, row 16385, column 1: the value is NaN"));
        assert!(Borrowed::new("X", 3, &[1.0, 2.0]).is_err());
    }
}
