//! The type in which rows are packed on the device.

use serde::{Deserialize, Serialize};

/// Columns are padded to a multiple of this, which every slab depth divides.
pub const DEPTH_STEP: usize = 16;

/// The element type of packed rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    F32,
    F16,
    /// Words of four columns of eight bits each, with the terms of `integers` instead of a bias.
    Int8,
}

impl Stored {
    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Stored::F32 | Stored::Int8 => 4,
            Stored::F16 => 2,
        }
    }

    /// Columns of one element.
    pub const fn columns(self) -> usize {
        match self {
            Stored::F32 | Stored::F16 => 1,
            Stored::Int8 => 4,
        }
    }

    /// Elements of a vector of d columns before padding.
    pub const fn elements(self, d: usize) -> usize {
        d.div_ceil(self.columns())
    }

    /// The same after padding.
    pub const fn depth(self, d: usize) -> usize {
        padded(self.elements(d))
    }

    /// Its type in WGSL.
    pub const fn wgsl(self) -> &'static str {
        match self {
            Stored::F32 => "f32",
            Stored::F16 => "f16",
            Stored::Int8 => "u32",
        }
    }

    /// The WGSL type of an element on its way to the device and back.
    pub const fn raw(self) -> &'static str {
        match self {
            Stored::F32 | Stored::F16 => "f32",
            Stored::Int8 => "u32",
        }
    }

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Stored::Int8 => "int8",
            other => other.wgsl(),
        }
    }
}

/// The number of columns, or of other elements of a vector, after padding.
pub const fn padded(columns: usize) -> usize {
    columns.next_multiple_of(DEPTH_STEP)
}
