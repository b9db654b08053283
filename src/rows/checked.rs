//! Checks that every set passes before it is used: all values are finite, and exactly those that are stored.
//!
//! All computation is in f64. A 64-bit integer beyond 2^53 is often not representable, and would be rounded to a
//! neighbour: two identifiers become equal, or a point on a facet moves off it. Such a set is refused, and so are NaN,
//! infinity, and a scale that overflows.

use super::store::{Store, Transform};
use super::{OpenOptions, RowList, Rows, decode};
use crate::control::Control;
use crate::error::{Error, Place, Result};

/// Numbers checked at a time.
const CHECK: usize = 1 << 17;

impl Store {
    /// The same rows with the limit, scale, normalisation and excluded rows of `options`.
    ///
    /// Errors: excluded rows that do not exist; a value that is not finite, as stored or once scaled; a zero row that
    /// must be scaled to unit length.
    pub fn prepared(mut self, options: &OpenOptions, control: &Control) -> Result<Self> {
        self.transform = Transform {
            scale: options.scale,
            normalize: options.normalize,
        };
        self.len = self.len.min(options.limit.unwrap_or(usize::MAX));
        checked(self, options, control)
    }
}

/// The checked set, without the rows that `options` allows to be dropped.
///
/// Errors: excluded rows that do not exist, no row left, a value that is not finite or not exactly an f64, or a zero
/// row that must be scaled to unit length; each error names the file, row and column.
pub(super) fn checked(mut store: Store, options: &OpenOptions, control: &Control) -> Result<Store> {
    if let Some(list) = &options.exclude {
        exclude(&mut store, list)?;
    }
    leave_out(&mut store)?;
    if store.element.size() == 8 && !store.element.is_float() {
        check_exact(&store, control)?;
    }
    if store.element.is_float() || store.transform.scale.is_some() {
        check_finite(&mut store, options, control)?;
    }
    if options.normalize {
        check_nonzero(&store, control)?;
    }
    Ok(store)
}

/// Adds the rows of a list to those to drop, whatever values they hold.
fn exclude(store: &mut Store, list: &RowList) -> Result<()> {
    let rows = store.len as u64;
    let refuse = |what| {
        let advice = "name rows of the reference in --exclude-rows";
        Err(Error::input(&store.name, Place::Whole, what, advice))
    };
    if let Some(beyond) = list.last().filter(|&last| last >= rows) {
        return refuse(format!(
            "row {beyond} is to be left out, and rows are numbered 0 to {}",
            rows - 1
        ));
    }
    let gone = list.rows().map(|row| row as usize);
    store.dropped.extend(gone);
    store.dropped.sort_unstable();
    if store.dropped.len() == store.len {
        return refuse("every row is to be left out".into());
    }
    Ok(())
}

/// Counts the rows that are left. Errors: no row is left.
fn leave_out(store: &mut Store) -> Result<()> {
    store.len -= store.dropped.len();
    match store.len {
        0 => Err(Error::input(
            &store.name,
            Place::Whole,
            "every row lacks a number",
            "no row is left",
        )),
        _ => Ok(()),
    }
}

/// The error for a stored integer that f64 rounds.
pub(super) fn inexact(file: &str, place: Place, value: impl std::fmt::Display) -> Error {
    Error::input(
        file,
        place,
        format!(
            "the value is {value}, an integer beyond 2^53 that would be rounded: values are computed with in f64"
        ),
        "leave out columns that only name things, subtract a constant, or store the column as f64 to have it rounded",
    )
}

/// Refuses integers that f64 cannot represent.
fn check_exact(store: &Store, control: &Control) -> Result<()> {
    let step = (CHECK / store.dim).max(1);
    let mut fault = None;
    for first in (0..store.len).step_by(step) {
        control.check()?;
        store.runs(first, step.min(store.len - first), |at, bytes| {
            if let Some((place, value)) = decode::rounded(store.element, bytes)
                && fault.is_none()
            {
                fault = Some((first * store.dim + at + place, value));
            }
        })?;
        if let Some((at, value)) = fault {
            let (file, place) = cell(store, at / store.dim, at % store.dim);
            return Err(inexact(file, place, value));
        }
    }
    Ok(())
}

/// The file and the place in it of a value, by its row and column in the set.
fn cell(store: &Store, row: usize, column: usize) -> (&str, Place) {
    let (file, row) = store.locate(store.number(row) as usize);
    let (row, column) = (row as u64, column as u64);
    (file, Place::Cell { row, column })
}

/// Refuses or drops rows with NaN or infinity.
fn check_finite(store: &mut Store, options: &OpenOptions, control: &Control) -> Result<()> {
    let normalize = std::mem::replace(&mut store.transform.normalize, false);
    let mut bad = Vec::new();
    each_chunk(store, control, |first, values| {
        // NaN and infinity are the only values whose product with zero is not zero.
        if values.iter().fold(0.0, |sum, v| sum + v * 0.0) == 0.0 {
            return Ok(());
        }
        for (row, values) in values.chunks_exact(store.dim).enumerate() {
            let Some(column) = values.iter().position(|v| !v.is_finite()) else {
                continue;
            };
            if !options.skip_nonfinite {
                return nonfinite(store, first + row, column, values[column]);
            }
            bad.push(store.number(first + row) as usize);
        }
        Ok(())
    })?;
    store.len -= bad.len();
    store.dropped.append(&mut bad);
    store.dropped.sort_unstable();
    store.transform.normalize = normalize;
    if store.len == 0 {
        return Err(Error::input(
            &store.name,
            Place::Whole,
            "every row has a NaN or an infinity",
            "no row is left",
        ));
    }
    Ok(())
}

/// The error for a value that is not finite, as stored or only once scaled.
fn nonfinite(store: &Store, row: usize, column: usize, value: f64) -> Result<()> {
    let (file, place) = cell(store, row, column);
    let mut stored = vec![0.0; store.dim];
    store.stored(row, &mut stored)?;
    Err(match (store.transform.scale, stored[column]) {
        (Some(scale), stored) if stored.is_finite() => Error::input(
            file,
            place,
            format!("the value {stored:e} times the scale {scale:e} is beyond the largest f64"),
            "give a smaller --scale",
        ),
        _ => Error::input(
            file,
            place,
            format!("the value is {value}, and only finite numbers can be used"),
            "mend the data, or drop such rows with --skip-nonfinite",
        ),
    })
}

/// Refuses zero rows, which have no direction.
fn check_nonzero(store: &Store, control: &Control) -> Result<()> {
    each_chunk(store, control, |first, values| {
        let zero = values
            .chunks_exact(store.dim)
            .position(|row| row.iter().all(|&v| v == 0.0));
        let Some(row) = zero else { return Ok(()) };
        let (file, row) = store.locate(store.number(first + row) as usize);
        Err(Error::input(
            file,
            Place::Row(row as u64),
            "the row is zero, so it cannot be scaled to unit length",
            "remove it, or leave out --normalize",
        ))
    })
}

/// Calls a function on all rows in order, a chunk at a time.
fn each_chunk(
    store: &Store,
    control: &Control,
    mut work: impl FnMut(usize, &[f64]) -> Result<()>,
) -> Result<()> {
    let step = (CHECK / store.dim).max(1);
    let mut values = Vec::new();
    for first in (0..store.len).step_by(step) {
        control.check()?;
        values.resize(step.min(store.len - first) * store.dim, 0.0);
        store.read_f64(first, &mut values)?;
        work(first, &values)?;
    }
    Ok(())
}
