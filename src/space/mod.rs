//! Spaces: transformations of rows before any analysis, such as cropping or blurring pixels, principal components,
//! projections, and features of a network.
//!
//! A space is a chain of [`Map`]s. Each is fitted on the reference, never on the queries, and applied to rows chunk by
//! chunk; [`Mapped`] rows are themselves [`Rows`]. Maps compute in f64, networks in f32, and nothing is rounded
//! further: a row of whole numbers is often exactly on a face of the hull, and verdicts in a rotated or rescaled space
//! must be those of the original hull. Maps that only select coordinates change no number. [`spec`] parses the text of
//! a space, [`Views`] fits it. Depends on [`crate::rows`] alone.

#[cfg(feature = "onnx")]
mod encoder;
mod frame;
mod joined;
mod pca;
mod pillow;
mod pixel;
pub(crate) mod pixel_index;
mod projection;
mod relu;
mod resample;
mod set;
mod shape_inference;
pub mod spec;
mod views;
mod wavelet;
mod way;

pub use crate::rows::normalise;
pub use frame::{Frame, Frames};
pub use joined::joined;
pub use set::{Framed, Set};
pub use shape_inference::frames;
pub use spec::Spec;
pub use views::{Settings, View, Views};
pub use way::{Ends, Way};

use crate::error::{Error, Place, Result};
use crate::rows::images::Shape;
use crate::rows::sharded::Share;
use crate::rows::{Element, Pack, Provenance, Rows};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A tensor of a network that is part of a row, and its numbers within the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub tensor: String,
    pub dim: usize,
}

/// All files of a network: its own, those with its external tensors, and the config that says how images are prepared.
/// Empty for a built-in network.
///
/// For a file that is not a network, only the file itself; running it reports the error.
pub fn network_files(file: &Path) -> Vec<PathBuf> {
    if !file.exists() {
        return Vec::new();
    }
    let beside = files_beside(file).into_iter();
    std::iter::once(file.to_path_buf()).chain(beside).collect()
}

#[cfg(feature = "onnx")]
fn files_beside(file: &Path) -> Vec<PathBuf> {
    let tensors = encoder::Model::open(file).map(|model| model.data_files());
    let config = encoder::config_of(file).into_iter();
    tensors
        .unwrap_or_default()
        .into_iter()
        .chain(config)
        .collect()
}

#[cfg(not(feature = "onnx"))]
fn files_beside(_: &Path) -> Vec<PathBuf> {
    Vec::new()
}

/// The tensors of the network in `file` (or of a built-in one) that have a row for each image, in reverse order: what
/// `onnx:FILE@TENSOR` may name. `size` is the width and height of images where the network leaves them open.
///
/// Errors: a file that is not a network for images.
#[cfg(feature = "onnx")]
pub fn network_tensors(file: &Path, size: Option<(usize, usize)>) -> Result<Vec<encoder::Listed>> {
    Ok(encoder::Model::open(file)?.signature().list(size))
}

/// A fitted map from rows to rows.
pub trait Map: Send + Sync {
    /// The number of values in a mapped row.
    fn dim(&self) -> usize;

    /// The shape of a mapped row, if it is an image.
    fn shape(&self) -> Option<Shape> {
        None
    }

    /// Whether every mapped number is one of the row's own numbers, so that nothing is rounded.
    fn selects(&self) -> bool {
        false
    }

    /// Whether the last bits of a mapped row may depend on the number of rows that are mapped together, as in matrix
    /// products.
    fn in_blocks(&self) -> bool {
        false
    }

    /// An approximate preimage of a mapped row, if the map has one: components that the map drops are set to the mean.
    fn back(&self, mapped: &[f64]) -> Option<Vec<f64>> {
        let _ = mapped;
        None
    }

    /// Stores the fitted or random parameters of the map in a pack, as arrays whose names begin with `name`; nothing
    /// for a map that the shape of images determines.
    fn pack(&self, name: &str, pack: &mut Pack) {
        let _ = (name, pack);
    }

    /// Maps n rows (row-major) into `out` (n x [`Map::dim`]).
    ///
    /// Errors: a network that cannot be run on them.
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()>;
}

/// A random linear map from d to `dims` dimensions, its entries from N(0, 1/`dims`).
pub fn random_map(d: usize, dims: usize, seed: u64) -> impl Map {
    projection::Linear::random(d, dims, projection::generator(seed, projection::RANDOM, 0))
}

/// Rows transformed by a map.
pub struct Mapped {
    source: Arc<dyn Rows>,
    map: Arc<dyn Map>,
    name: String,
}

/// How many numbers of the source are mapped at a time.
const CHUNK: usize = 1 << 17;

/// How many rows are mapped together where that matters. A row always has the same place in a block, its index modulo
/// this size, whichever rows fill the other places; so it has one value however it is read. Certificates are about
/// that value.
const BLOCK: usize = 64;

impl Mapped {
    /// `source` transformed by `map`, which was made for rows of its dimension.
    pub fn new(source: Arc<dyn Rows>, map: Arc<dyn Map>, name: impl Into<String>) -> Self {
        Mapped {
            source,
            map,
            name: name.into(),
        }
    }

    /// Maps consecutive rows chunk by chunk: (count of numbers before, mapped numbers).
    fn each(&self, first: usize, count: usize, mut take: impl FnMut(usize, &[f64])) -> Result<()> {
        let (from, to) = (self.source.dim(), self.map.dim());
        let step = match self.map.in_blocks() {
            true => BLOCK,
            false => (CHUNK / from.max(to)).max(1),
        };
        let (mut raw, mut mapped) = (Vec::new(), Vec::new());
        for done in (0..count).step_by(step) {
            let rows: Vec<usize> = (first + done..first + count.min(done + step)).collect();
            raw.resize(rows.len() * from, 0.0);
            mapped.resize(rows.len() * to, 0.0);
            self.source.read_f64(rows[0], &mut raw)?;
            self.apply(&rows, &raw, &mut mapped)?;
            take(done * to, &mapped);
        }
        Ok(())
    }

    /// Maps the source's `rows`; for a map in blocks, no two of them may have the same place in a block.
    fn apply(&self, rows: &[usize], raw: &[f64], mapped: &mut [f64]) -> Result<()> {
        let (from, to) = (self.source.dim(), self.map.dim());
        if self.map.in_blocks() {
            let (mut block, mut out) = (vec![0.0; BLOCK * from], vec![0.0; BLOCK * to]);
            for (row, values) in rows.iter().zip(raw.chunks_exact(from)) {
                block[row % BLOCK * from..][..from].copy_from_slice(values);
            }
            self.map.apply(&block, &mut out)?;
            for (row, values) in rows.iter().zip(mapped.chunks_exact_mut(to)) {
                values.copy_from_slice(&out[row % BLOCK * to..][..to]);
            }
        } else {
            self.map.apply(raw, mapped)?;
        }
        let wild = |value: &f64| !(*value as f32).is_finite();
        match mapped.iter().position(wild).filter(|_| !self.map.selects()) {
            None => Ok(()),
            Some(at) => Err(Error::input(
                &self.name,
                Place::Row(self.number(rows[at / to])),
                format!(
                    "the space makes {} of it, beyond the numbers of f32",
                    mapped[at]
                ),
                "scale the values down, as in --scale 1e-30",
            )),
        }
    }

    /// Splits `rows` into parts that are mapped together; the parts hold indices into `rows`.
    fn parts(&self, rows: &[usize]) -> Vec<Vec<usize>> {
        let mut parts: Vec<Vec<usize>> = Vec::new();
        if self.map.in_blocks() {
            let mut taken = [0; BLOCK];
            for (place, row) in rows.iter().enumerate() {
                let part = &mut taken[row % BLOCK];
                if *part == parts.len() {
                    parts.push(Vec::new());
                }
                parts[*part].push(place);
                *part += 1;
            }
        } else {
            let step = (CHUNK / self.source.dim().max(self.dim())).max(1);
            let places: Vec<usize> = (0..rows.len()).collect();
            parts.extend(places.chunks(step).map(<[usize]>::to_vec));
        }
        parts
    }
}

impl Rows for Mapped {
    fn name(&self) -> &str {
        &self.name
    }
    fn len(&self) -> usize {
        self.source.len()
    }
    fn dim(&self) -> usize {
        self.map.dim()
    }
    fn element(&self) -> Element {
        if self.map.selects() {
            self.source.element()
        } else {
            Element::F64
        }
    }
    fn fits_f32(&self) -> bool {
        self.map.selects() && self.source.fits_f32()
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        self.each(first, out.len() / self.dim(), |at, values| {
            for (out, value) in out[at..].iter_mut().zip(values) {
                *out = *value as f32;
            }
        })
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.each(first, out.len() / self.dim(), |at, values| {
            out[at..][..values.len()].copy_from_slice(values);
        })
    }
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        let (from, to) = (self.source.dim(), self.dim());
        for part in self.parts(rows) {
            let some: Vec<usize> = part.iter().map(|&place| rows[place]).collect();
            let (mut raw, mut mapped) = (vec![0.0; some.len() * from], vec![0.0; some.len() * to]);
            self.source.gather(&some, &mut raw)?;
            self.apply(&some, &raw, &mut mapped)?;
            for (place, values) in part.iter().zip(mapped.chunks_exact(to)) {
                out[place * to..][..to].copy_from_slice(values);
            }
        }
        Ok(())
    }
    fn dropped(&self) -> u64 {
        self.source.dropped()
    }
    fn number(&self, row: usize) -> u64 {
        self.source.number(row)
    }
    fn provenance(&self) -> Option<&Provenance> {
        self.source.provenance()
    }
}

/// Rows scaled to unit Euclidean length; a zero row stays zero.
pub struct Unit<'a>(pub &'a dyn Rows);

impl Rows for Unit<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn element(&self) -> Element {
        Element::F64
    }
    fn fits_f32(&self) -> bool {
        false
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.0.read_f64(first, out)?;
        normalise(out, self.dim());
        Ok(())
    }
    fn resident_bytes(&self) -> u64 {
        self.0.resident_bytes()
    }
    fn number(&self, row: usize) -> u64 {
        self.0.number(row)
    }
    fn shards(&self) -> Option<Share<'_>> {
        let unit = true;
        Some(Share {
            unit,
            ..self.0.shards()?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::synthetic;

    #[test]
    fn a_mapped_row_has_one_value_however_it_is_read() {
        let rows: Arc<dyn Rows> = Arc::new(synthetic::gaussian(150, 300, 1));
        let map = Arc::new(random_map(300, 17, 2));
        let mapped = Mapped::new(rows, map, "mapped");
        let mut all = vec![0.0; 150 * 17];
        mapped.read_f64(0, &mut all).unwrap();
        let mut narrow = vec![0f32; 150 * 17];
        mapped.read_f32(0, &mut narrow).unwrap();
        for row in 0..150 {
            for count in [1, 2, 65, 100] {
                let count = count.min(150 - row);
                let mut some = vec![0.0; count * 17];
                mapped.read_f64(row, &mut some).unwrap();
                assert_eq!(some, all[row * 17..(row + count) * 17]);
            }
        }
        let places = [149, 3, 67, 3, 131, 64, 0, 12];
        let mut some = vec![0.0; places.len() * 17];
        mapped.gather(&places, &mut some).unwrap();
        for (row, values) in places.iter().zip(some.chunks_exact(17)) {
            assert_eq!(values, &all[row * 17..(row + 1) * 17]);
        }
        assert!(all.iter().zip(&narrow).all(|(a, b)| *a as f32 == *b));
    }
}
