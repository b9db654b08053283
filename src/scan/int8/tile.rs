//! Quantised tiles of the reference: made at first use, of the copy in a file or from the rows, and kept if memory allows.

use super::bound::{Panel, Row};
use super::kernel::ROWS;
use super::levels::{Layout, Levels};
use super::stored::StoredCopy;
use crate::error::Result;
use crate::scan::cpu::{Space, TILE, TileDecoder, Tiles};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Rows that are multiplied and compared together: few enough for their products with a block of directions to fit the
/// L2 cache.
pub const PANEL: usize = 64;

const _: () = assert!(TILE.is_multiple_of(PANEL) && PANEL.is_multiple_of(ROWS));

/// A whole tile, quantised.
#[derive(Debug, PartialEq)]
pub struct Tile {
    /// TILE x stride.
    pub rows: Vec<i8>,
    /// One entry per row.
    pub bounds: Vec<Row>,
    /// One entry per panel.
    pub panels: Vec<Panel>,
}

impl Tile {
    /// From the levels of a tile's rows and the bias of each; d is the number of columns of the set.
    pub fn new(Levels { rows, each }: Levels, bias: &[f32], d: usize) -> Self {
        let mut panels = vec![Panel::default(); TILE / PANEL];
        let bounds = each.iter().zip(bias).enumerate();
        let bounds = bounds.map(|(r, (row, &bias))| panels[r / PANEL].admit(row, bias, d));
        Tile {
            bounds: bounds.collect(),
            rows,
            panels,
        }
    }

    /// Quantise the rows from `first` on. `None` as of [`Levels::read`].
    fn read(
        source: &TileDecoder<'_>,
        first: usize,
        layout: &Layout,
        space: &mut Space<f32>,
    ) -> Result<Option<Tile>> {
        let bias = &Tiles::<f32>::bias(source)[first..first + TILE];
        let levels = Levels::read(source, first, (layout, layout.stride), space)?;
        Ok(levels.map(|levels| Tile::new(levels, bias, layout.d)))
    }
}

/// What a lock holds. Rows and numbers behind a poisoned lock are still valid.
pub fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(|held| held.into_inner())
}

/// The tiles of a reference set.
pub struct Kept {
    /// One entry per whole tile, if tiles are kept.
    tiles: Option<Vec<OnceLock<Option<Tile>>>>,
    layout: Layout,
    /// The copy that a file held, of which tiles are made if they are kept.
    stored: Option<StoredCopy>,
    /// A buffer for products, which one batch of few directions leaves for the next.
    pub buffer: Mutex<Vec<i32>>,
}

impl Kept {
    /// Without any tile yet; `keep` says whether tiles are kept after their first use. They are made of `stored` where there is
    /// one of this layout.
    pub fn new(n: usize, layout: Layout, keep: bool, stored: Option<StoredCopy>) -> Self {
        Kept {
            tiles: keep.then(|| (0..n / TILE).map(|_| OnceLock::new()).collect()),
            stored: stored.filter(|stored| keep && stored.fits(n, &layout)),
            layout,
            buffer: Mutex::default(),
        }
    }

    /// The layout of the rows.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether tiles are kept.
    pub fn keeps(&self) -> bool {
        self.tiles.is_some()
    }

    /// Whether tiles are made of a copy that a file held.
    pub fn is_stored(&self) -> bool {
        self.stored.is_some()
    }

    /// Call `work` with a tile; `None` if the tile cannot be quantised.
    pub fn with<T>(
        &self,
        tile: usize,
        source: &TileDecoder<'_>,
        space: &mut Space<f32>,
        work: impl FnOnce(&Tile) -> Result<T>,
    ) -> Result<Option<T>> {
        match &self.tiles {
            None => {
                let made = Tile::read(source, tile * TILE, &self.layout, space)?;
                made.as_ref().map(work).transpose()
            }
            Some(tiles) => {
                let kept = match tiles[tile].get() {
                    Some(kept) => kept,
                    None => self.made(tile, &tiles[tile], source, space)?,
                };
                kept.as_ref().map(work).transpose()
            }
        }
    }

    /// Make all tiles of the stored copy.
    pub fn make_stored(&self, source: &TileDecoder<'_>) -> Result<()> {
        let Some(tiles) = self.tiles.as_ref().filter(|_| self.is_stored()) else {
            return Ok(());
        };
        let each = tiles.par_iter().enumerate();
        each.try_for_each_init(Space::default, |space, (at, place)| {
            self.made(at, place, source, space).map(|_| ())
        })
    }

    /// Makes a tile that is kept: of the stored copy, which gives up its part, or from the rows.
    fn made<'t>(
        &self,
        tile: usize,
        place: &'t OnceLock<Option<Tile>>,
        source: &TileDecoder<'_>,
        space: &mut Space<f32>,
    ) -> Result<&'t Option<Tile>> {
        if let Some(stored) = &self.stored {
            let bias = &Tiles::<f32>::bias(source)[tile * TILE..][..TILE];
            // A second thread waits here, and finds the tile made.
            let mut part = locked(stored.part(tile));
            if let Some(levels) = part.take() {
                let levels = stored.levels(tile, levels, self.layout.stride);
                let made = levels.map(|levels| Tile::new(levels, bias, self.layout.d));
                return Ok(place.get_or_init(|| made));
            }
            if let Some(made) = place.get() {
                return Ok(made);
            }
        }
        let made = Tile::read(source, tile * TILE, &self.layout, space)?;
        Ok(place.get_or_init(|| made))
    }
}
