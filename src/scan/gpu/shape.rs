//! How a scan is cut to fit a device: chunks of rows, groups of directions, queries per dispatch. Pure arithmetic.
//!
//! Every array of the scan must fit one binding, and together they must fit the memory cap: half for the rows, the rest
//! for directions, maxima and lists.

use super::tile::{Entry, SPAN, Stored, Tile, padded};

/// Bytes of raw rows in one upload.
pub const PIECE: u64 = 16 << 20;

/// Bytes of a streamed chunk: enough to hide the upload, and little work lost if the device fails.
const STREAMED: u64 = 64 << 20;

/// The most bytes of a resident chunk: some drivers fail beyond a gigabyte.
const RESIDENT: u64 = 1 << 30;

/// The most bytes of the maxima, and of the scores of chosen spans.
const SCRATCH: u64 = 128 << 20;

/// The most rows that the device keeps for a direction.
pub const KEPT: usize = 1024;

/// The memory that the device offers, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The largest binding.
    pub binding: u64,
    /// All memory.
    pub total: u64,
}

/// How one reference set is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCut {
    /// Rows in a chunk, a multiple of a panel.
    pub chunk: usize,
    /// Whether all chunks stay on the device.
    pub resident: bool,
}

/// How one batch is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchCut {
    /// Directions that are on the device together, a multiple of a tile.
    pub group: usize,
    /// Queries in one dispatch, a multiple of a tile.
    pub queries: usize,
}

/// Bytes of one packed row.
pub fn row_bytes(d: usize, stored: Stored) -> u64 {
    (stored.depth(d) * stored.bytes()) as u64
}

/// Bytes that the smallest cut needs: two chunks of one panel, one tile of directions with its lists, one piece.
pub fn least(d: usize, tile: &Tile, stored: Stored) -> u64 {
    let panel = u64::from(tile.rows) * row_bytes(d, stored);
    let raw = u64::from(tile.rows) * d as u64 * 4;
    let directions = u64::from(tile.queries) * (6 * padded(d) as u64 + 64);
    let scores = u64::from(tile.queries) * 64 * u64::from(SPAN) * 4;
    2 * (2 * panel + 3 * raw + directions + scores)
}

/// Cut N rows of d columns; `limit` caps the rows of a chunk (halved after each failure). `None` if a single panel
/// exceeds a binding.
pub fn rows(
    n: usize,
    d: usize,
    tile: &Tile,
    stored: Stored,
    room: Room,
    limit: usize,
) -> Option<RowCut> {
    let (row, panel) = (row_bytes(d, stored), tile.rows as usize);
    let whole = n.next_multiple_of(panel);
    let fit = |bytes: u64| (bytes / row) as usize / panel * panel;
    if fit(room.binding) == 0 {
        return None;
    }
    let resident = whole as u64 * row <= room.total / 2;
    let most = if resident {
        room.binding.min(RESIDENT)
    } else {
        STREAMED.min(room.binding).min(room.total / 8)
    };
    let limit = (limit / panel * panel).max(panel);
    // The maxima of one tile of queries must fit their buffer, and the panels one dispatch.
    let maxima =
        (SCRATCH.min(room.binding) / (u64::from(tile.queries) * 4)) as usize * SPAN as usize;
    let chunk = fit(most)
        .min(limit)
        .min(whole)
        .min(maxima / panel * panel)
        .max(panel);
    Some(RowCut { chunk, resident })
}

/// Cut B directions with lists of `kept` rows, for chunks of `chunk` rows.
pub fn batch(
    count: usize,
    d: usize,
    kept: usize,
    chunk: usize,
    tile: &Tile,
    room: Room,
) -> BatchCut {
    let width = tile.queries as usize;
    let tiles = |bytes: u64, each: u64| ((bytes / each) as usize / width * width).max(width);
    let share = room.binding.min(room.total / 8);
    let direction = (6 * padded(d)) as u64;
    let list = (kept * size_of::<Entry>()) as u64;
    let whole = count.next_multiple_of(width);
    let group = tiles(share, direction.max(list)).min(whole);
    let spans = chunk.div_ceil(SPAN as usize);
    let maxima = (spans * 4) as u64;
    let scores = (kept.min(spans) * SPAN as usize * 4) as u64;
    let queries = tiles(share.min(SCRATCH), maxima.max(scores)).min(group);
    BatchCut { group, queries }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::gpu::tile::TILES;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cuts_fit(
            n in 1usize..5_000_000, d in 1usize..8193, count in 1usize..20_000, k in 1usize..KEPT,
            which in 0..TILES.len(), binding in 27u32..32, total in 27u32..37,
        ) {
            let tile = TILES[which];
            let room = Room { binding: 1 << binding, total: 1 << total };
            let cut = rows(n, d, &tile, Stored::F32, room, usize::MAX).unwrap();
            prop_assert!(cut.chunk > 0 && cut.chunk.is_multiple_of(tile.rows as usize));
            prop_assert!(cut.chunk as u64 * row_bytes(d, Stored::F32) <= room.binding);
            let batch = batch(count, d, k, cut.chunk, &tile, room);
            prop_assert!(batch.queries <= batch.group && batch.queries.is_multiple_of(tile.queries as usize));
            let spans = cut.chunk.div_ceil(32);
            prop_assert!((batch.queries * spans * 4) as u64 <= room.binding);
            prop_assert!((batch.queries * k.min(spans) * 128) as u64 <= room.binding);
            prop_assert!((batch.group * padded(d) * 4) as u64 <= room.binding);
            prop_assert!((batch.group * k * 12) as u64 <= room.binding);
        }
    }

    #[test]
    fn a_row_beyond_a_binding_is_refused() {
        let room = Room {
            binding: 1 << 16,
            total: 1 << 30,
        };
        assert_eq!(
            rows(10, 8192, &TILES[0], Stored::F32, room, usize::MAX),
            None
        );
    }

    #[test]
    fn a_small_set_is_one_resident_chunk_and_a_large_one_streams() {
        let room = Room {
            binding: 1 << 30,
            total: 4 << 30,
        };
        let small = rows(1000, 16, &TILES[0], Stored::F32, room, usize::MAX);
        assert_eq!(
            small,
            Some(RowCut {
                chunk: 1024,
                resident: true
            })
        );
        let large = rows(10_000_000, 512, &TILES[0], Stored::F32, room, usize::MAX).unwrap();
        assert!(!large.resident && large.chunk * 2048 <= 64 << 20);
    }
}
