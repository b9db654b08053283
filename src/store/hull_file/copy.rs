//! The eight-bit copy of the rows in a `.hull`: the integers in one member, as rows x columns of bytes; their scales and lengths
//! in others. With it the first scan in eight bits quantises nothing.

use super::{AGAIN, ArchiveReader, ArchiveWriter, Array, Member};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Pack, Rows};
use crate::scan::int8::{Extent, Quantiser, StoredCopy};
use crate::store::npy::npy_header;
use crate::study::analyze::{AnalysisPlan, Metric};
use crate::study::reference::Prepared;

/// The member with the integers.
pub(super) const LEVELS: &str = "int8.levels.npy";

/// What the names of the arrays that belong to the integers begin with.
pub(super) const BESIDE: &str = "int8.";

/// The number type of the integers.
const KIND: &str = "|i1";

/// Whether queries are scanned against the rows themselves. For the cosine alone they are scanned against rows of unit length, and
/// those of other machines by these.
fn is_scanned(plan: &AnalysisPlan, rows: &dyn Rows) -> bool {
    (plan.hull || plan.metric != Metric::Cosine) && rows.shards().is_none()
}

/// Whether a copy and the rows are at most `memory` bytes together.
fn has_room(extent: &Extent, rows: &dyn Rows, memory: u64) -> bool {
    rows.resident_bytes().saturating_add(extent.bytes()) <= memory
}

impl ArchiveWriter<'_> {
    /// Writes the integers of the distinct rows, and puts what belongs to them into the pack, where scans will use them and
    /// `memory` is enough for rows and copy.
    pub(super) fn copy(
        &mut self,
        plan: &AnalysisPlan,
        memory: u64,
        (rows, known): (&dyn Rows, &Prepared),
        pack: &mut Pack,
    ) -> Result<()> {
        let subset = known.distinct(rows);
        let distinct: &dyn Rows = subset.as_ref().map_or(rows, |subset| subset);
        let made = Quantiser::new(distinct, known.frame());
        let made = made
            .filter(|made| is_scanned(plan, rows) && has_room(&made.extent(), distinct, memory));
        let Some(mut made) = made else {
            return Ok(());
        };
        let mut hash = blake3::Hasher::new();
        let Extent { rows, width, .. } = made.extent();
        self.start(LEVELS)?;
        self.write(&npy_header(KIND, &[rows, width]), &mut hash)?;
        while let Some(bytes) = made.part()? {
            self.write(&bytes, &mut hash)?;
        }
        self.note(LEVELS, &hash);
        made.pack(pack);
        Ok(())
    }
}

/// Leaves the copy of a file, if it has one, to the first scan in the frame of its rows. It is not read if `memory` is not enough
/// for rows and copy.
///
/// Errors: a copy that is not whole, does not fit the rows, or was changed.
pub(super) fn read(
    archive: &mut ArchiveReader,
    hash: Option<&str>,
    memory: u64,
    (rows, known, pack): (&dyn Rows, &Prepared, &mut Pack),
    control: &Control,
) -> Result<()> {
    let Some(hash) = hash else {
        return match pack.arrays().next() {
            None => Ok(()),
            Some(_) => Err(archive.fault(LEVELS, "it is missing", AGAIN)),
        };
    };
    let Some(extent) = Extent::of(known.frame()) else {
        return Err(archive.fault(LEVELS, "the rows are so few that they have no copy", AGAIN));
    };
    let mut copy = StoredCopy::unpack(pack, extent)?;
    if has_room(&extent, rows, memory) {
        archive.levels(hash, &mut copy, extent, control)?;
        known.frame().made.leave_copy(copy);
    }
    Ok(())
}

impl ArchiveReader {
    /// Adds the integers to a copy, tile by tile.
    fn levels(
        &mut self,
        expected: &str,
        copy: &mut StoredCopy,
        extent: Extent,
        control: &Control,
    ) -> Result<()> {
        let mut hash = blake3::Hasher::new();
        let all = extent.tiles() as u64 * extent.tile() as u64;
        let mut in_range = true;
        let read = self.reading(LEVELS, self.size, |member, size| {
            let head = Member::head(member, &mut hash)?;
            let is_known = Array::kind(&head) == Some(KIND.as_bytes());
            if !is_known || size != head.len() as u64 + all {
                return Ok(false);
            }
            for _ in 0..extent.tiles() {
                if control.check().is_err() {
                    break;
                }
                let mut levels = extent.buffer();
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut levels);
                member.read_exact(bytes)?;
                hash.update(bytes);
                in_range = in_range && copy.add(levels);
            }
            Ok(true)
        });
        control.check()?;
        let is_whole = read.map_err(|what| self.fault(LEVELS, what, AGAIN))?;
        let what = match hash.finalize().to_hex().as_str() == expected {
            _ if !is_whole => "its size or its type is not that of a copy of the rows",
            false => super::CHANGED,
            true if !in_range => "a number is out of range",
            true => return Ok(()),
        };
        Err(self.fault(LEVELS, what, AGAIN))
    }
}
