//! Rows that a Python program passes: NumPy arrays, read in place, and names of files.

use crate::control::{Control, WorkStage};
use crate::error::Result;
use crate::job::images::open_plain;
use crate::job::memory::default_budget;
use crate::rows::images::shape_of;
use crate::rows::{self, Borrowed, OpenOptions, Rows, Stored};
use crate::space::Set;
use crate::warnings::Warnings;
use numpy::{Element, PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Arc, OnceLock};

/// The most bytes of rows of a file in memory, and of trees over rows: the default of the command line.
pub fn memory() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(default_budget)
}

/// Rows as they were passed. While an array is held here, it stays in memory, and Rust code cannot write to it.
pub enum Given<'py> {
    F16(PyReadonlyArray2<'py, half::f16>),
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
    U8(PyReadonlyArray2<'py, u8>),
    /// A file, in any format that the command line reads.
    File(String),
}

/// The same for threads that run without the Python interpreter.
#[derive(Clone, Copy)]
pub enum ArrayOrFile<'a> {
    F16(Values<'a, half::f16>),
    F32(Values<'a, f32>),
    F64(Values<'a, f64>),
    U8(Values<'a, u8>),
    File(&'a str),
}

/// An array in row-major order.
#[derive(Clone, Copy)]
pub struct Values<'a, T> {
    name: &'a str,
    dim: usize,
    values: &'a [T],
}

/// Whether the values of an array have been checked before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen {
    Never,
    Before,
}

impl<'py> Given<'py> {
    /// Errors: `TypeError` for an object that is neither text nor an array of two axes of float16, float32, float64 or uint8.
    pub fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(file) = object.extract() {
            return Ok(Given::File(file));
        }
        if let Ok(array) = object.extract() {
            return Ok(Given::F32(array));
        }
        if let Ok(array) = object.extract() {
            return Ok(Given::F64(array));
        }
        if let Ok(array) = object.extract() {
            return Ok(Given::U8(array));
        }
        if let Ok(array) = object.extract() {
            return Ok(Given::F16(array));
        }
        let found = match object.cast::<PyUntypedArray>() {
            Ok(array) => format!("{} axes of {}", array.ndim(), array.dtype()),
            Err(_) => object.get_type().to_string(),
        };
        Err(PyTypeError::new_err(format!(
            "a C-contiguous array of two axes of float16, float32, float64 or uint8 is needed, not {found}"
        )))
    }

    /// The rows, called `name` in messages if they are an array.
    ///
    /// Errors: `ValueError` for an array that is not C-contiguous.
    pub fn source<'a>(&'a self, name: &'a str) -> PyResult<ArrayOrFile<'a>> {
        Ok(match self {
            Given::F16(array) => ArrayOrFile::F16(Values::of(array, name)?),
            Given::F32(array) => ArrayOrFile::F32(Values::of(array, name)?),
            Given::F64(array) => ArrayOrFile::F64(Values::of(array, name)?),
            Given::U8(array) => ArrayOrFile::U8(Values::of(array, name)?),
            Given::File(file) => ArrayOrFile::File(file),
        })
    }
}

impl<'a, T: Element + Stored> Values<'a, T> {
    fn of(array: &'a PyReadonlyArray2<'_, T>, name: &'a str) -> PyResult<Self> {
        let values = array
            .as_slice()
            .map_err(|_| PyValueError::new_err(format!("{name} is not C-contiguous: copy it")))?;
        Ok(Values {
            name,
            dim: array.shape()[1],
            values,
        })
    }

    fn rows(self, seen: Seen) -> Result<Box<dyn Rows + 'a>> {
        Ok(Box::new(match seen {
            Seen::Never => Borrowed::new(self.name, self.dim, self.values)?,
            Seen::Before => Borrowed::again(self.name, self.dim, self.values),
        }))
    }
}

impl<'a> ArrayOrFile<'a> {
    /// The rows in place. `like` holds the column names of the reference, into whose order the columns of a file are put.
    ///
    /// Errors: an array that is empty or holds a value that is not finite; any error of a file.
    pub fn open(
        self,
        seen: Seen,
        like: Option<(String, Vec<String>)>,
        control: &Control,
    ) -> Result<Box<dyn Rows + 'a>> {
        match self {
            ArrayOrFile::F16(values) => values.rows(seen),
            ArrayOrFile::F32(values) => values.rows(seen),
            ArrayOrFile::F64(values) => values.rows(seen),
            ArrayOrFile::U8(values) => values.rows(seen),
            ArrayOrFile::File(file) => opened(file, like, control),
        }
    }

    /// The rows as from [`ArrayOrFile::kept`], with the shape of their images: for an array, `axes` are those of one row; a file
    /// has its own shape.
    ///
    /// Errors: as [`ArrayOrFile::open`].
    pub fn set(self, axes: &[usize], warnings: &mut Warnings, control: &Control) -> Result<Set> {
        match self {
            ArrayOrFile::File(file) => {
                control.begin(WorkStage::Read, 0);
                let opened = open_plain(file, options(None), None, control)?;
                warnings.extend(opened.warnings);
                Ok(opened.set)
            }
            array => Ok(Set {
                shape: shape_of(axes),
                ..Set::vectors(array.kept(control)?)
            }),
        }
    }

    /// Rows that outlive the call: a copy of an array, or the rows of the file.
    ///
    /// Errors: as [`ArrayOrFile::open`].
    pub fn kept(self, control: &Control) -> Result<Arc<dyn Rows>> {
        Ok(match self {
            ArrayOrFile::File(file) => Arc::from(opened(file, None, control)?),
            array => {
                let rows = array.open(Seen::Never, None, control)?;
                Arc::new(rows::keep(&*rows, u64::MAX, control)?)
            }
        })
    }
}

fn opened(
    file: &str,
    like: Option<(String, Vec<String>)>,
    control: &Control,
) -> Result<Box<dyn Rows>> {
    control.begin(WorkStage::Read, 0);
    rows::open(file, &options(like), control)
}

fn options(like: Option<(String, Vec<String>)>) -> OpenOptions {
    OpenOptions {
        memory: memory(),
        like,
        ..OpenOptions::default()
    }
}
