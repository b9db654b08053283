//! The eight-bit copy of the rows in a `.hull`: the integers in one member, as rows x columns of bytes; their scales and lengths
//! in others. With it the first scan in eight bits quantises nothing.

use super::archive::{ArchiveReader, ArchiveWriter, Array};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Pack, Rows};
use crate::scan::int8::{Extent, Quantiser, StoredCopy};
use crate::study::analyze::{AnalysisPlan, Metric};
use crate::study::reference::Prepared;
use std::io;

/// The member with the integers.
pub(super) const LEVELS: &str = "int8.levels.npy";

/// What the names of the arrays that belong to the integers begin with.
pub(super) const BESIDE: &str = "int8.";

fn levels(extent: Extent) -> Array {
    Array {
        name: LEVELS.into(),
        kind: "|i1",
        shape: vec![extent.rows, extent.width],
    }
}

/// Whether queries are scanned against the rows themselves. For the cosine alone they are scanned against rows of unit length, and
/// those of other machines by these.
fn is_scanned(plan: &AnalysisPlan, rows: &dyn Rows) -> bool {
    (plan.hull || plan.metric != Metric::Cosine) && rows.shards().is_none()
}

/// Whether a copy and the rows are at most `memory` bytes together.
fn has_room(extent: &Extent, rows: &dyn Rows, memory: u64) -> bool {
    rows.resident_bytes().saturating_add(extent.bytes()) <= memory
}

/// Writes the integers of the distinct rows, and puts what belongs to them into the pack, where scans will use them and `memory`
/// is enough for rows and copy.
pub(super) fn write(
    archive: &mut ArchiveWriter,
    plan: &AnalysisPlan,
    memory: u64,
    (rows, known): (&dyn Rows, &Prepared),
    pack: &mut Pack,
) -> Result<()> {
    let subset = known.distinct(rows);
    let distinct: &dyn Rows = subset.as_ref().map_or(rows, |subset| subset);
    let made = Quantiser::new(distinct, known.frame());
    let fits =
        |made: &Quantiser| is_scanned(plan, rows) && has_room(&made.extent(), distinct, memory);
    if let Some(mut made) = made.filter(fits) {
        let array = levels(made.extent());
        archive.array(&array, std::iter::from_fn(|| made.part().transpose()))?;
        made.pack(pack);
    }
    Ok(())
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
            Some(_) => Err(archive.fault(LEVELS, "it is missing")),
        };
    };
    let none = |why| archive.fault(LEVELS, format!("{why} that the set has no copy"));
    let extent = Extent::of(known.frame()).map_err(none)?;
    let mut copy = StoredCopy::unpack(pack, extent)?;
    if !has_room(&extent, rows, memory) {
        return Ok(());
    }
    let read = archive.array(&levels(extent), hash, |member, _| {
        let mut in_range = true;
        for _ in 0..extent.tiles() {
            control.check().map_err(io::Error::other)?;
            let mut levels = extent.buffer();
            member.read_exact(bytemuck::cast_slice_mut(&mut levels))?;
            in_range = in_range && copy.add(levels);
        }
        Ok(in_range)
    });
    control.check()?;
    if !read? {
        return Err(archive.fault(LEVELS, "a number is out of range"));
    }
    known.frame().made.leave_copy(copy);
    Ok(())
}
