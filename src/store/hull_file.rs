//! `.hull`: a fitted reference in one file. The format is described in `docs/hull-format.md`.
//!
//! An archive with a manifest (`archive`), in which are `rows.npy` unless the rows are linked (`link`), one `.npy` for each
//! fitted array, and those of the eight-bit copy of the rows (`copy`). The hash of a member is checked before its content is
//! used.

mod archive;
mod copy;
mod link;

pub use link::{Link, Source};

use super::npy;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::images::Labels;
use crate::rows::{KeptRows, Numbers, Pack, Provenance, RowSettings, Rows, SetFacts};
use crate::space::{Ends, Way};
use crate::study::analyze::AnalysisPlan;
use crate::study::reference::Prepared;
use archive::{ArchiveReader, ArchiveWriter, Array, bytes};
use serde::{Deserialize, Serialize};
use std::iter::once;
use std::path::Path;

/// The member with the rows.
const ROWS: &str = "rows.npy";

/// The array with the rows' numbers in the file that they were read from.
const NUMBERS: &str = "rows.number";

/// The array with the class of each row.
const CLASSES: &str = "rows.class";

/// The inputs and the plan of a fitted reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceFacts {
    pub plan: AnalysisPlan,
    pub settings: RowSettings,
    pub set: SetFacts,
    /// The names of the columns before any space, if they have names.
    pub columns: Option<(String, Vec<String>)>,
    /// The input and output of its space, if it has one.
    pub space: Option<Ends>,
    /// The names of its classes, if it has labels.
    pub classes: Option<Vec<String>>,
    /// The path of the rows, if they are not in the file.
    pub link: Option<Link>,
}

/// A fitted reference.
pub struct Reference {
    pub about: ReferenceFacts,
    pub rows: Box<dyn Rows>,
    pub known: Prepared,
    pub space_and_labels: SpaceAndLabels,
}

/// The space and the labels of a reference.
pub struct SpaceAndLabels {
    /// The transformation into its space; its rows are stored after it.
    pub way: Option<Way>,
    /// The classes of its rows.
    pub labels: Option<Labels>,
}

impl ReferenceFacts {
    /// The facts about rows that are in the file, whose columns have no names, under the default plan and settings.
    pub fn of(rows: &dyn Rows, space_and_labels: &SpaceAndLabels) -> Self {
        let SpaceAndLabels { way, labels } = space_and_labels;
        ReferenceFacts {
            plan: AnalysisPlan::default(),
            settings: RowSettings::default(),
            set: SetFacts::of(rows),
            columns: None,
            space: way.as_ref().map(|way| way.ends.clone()),
            classes: labels.as_ref().map(|labels| labels.names.clone()),
            link: None,
        }
    }

    /// The rows as an array.
    fn rows(&self) -> Array {
        Array {
            name: ROWS.into(),
            kind: npy::kind(self.set.kept_as()),
            shape: vec![self.set.rows, self.set.dim],
        }
    }
}

/// Writes a reference, with its rows unless they are linked. `copy` is the most bytes for rows and their eight-bit copy together,
/// beyond which the copy is left out; `None` if scans do not use eight bits.
///
/// Errors: rows that can no longer be read, unlinked rows with ids, files or labels that the format does not hold, and a file
/// that cannot be written.
pub fn write(
    target: &Path,
    about: ReferenceFacts,
    copy: Option<u64>,
    rows: &dyn Rows,
    known: &Prepared,
    space_and_labels: &SpaceAndLabels,
) -> Result<()> {
    let mut archive = ArchiveWriter::create(target)?;
    let mut pack = known.pack();
    if let Some(way) = &space_and_labels.way {
        way.pack(&mut pack);
    }
    if let Some(labels) = &space_and_labels.labels {
        pack.put_counts(CLASSES, labels.classes.iter().map(|&class| class as usize));
    }
    if about.link.is_none() {
        refuse_names(rows, space_and_labels)?;
        let numbers = (0..rows.len()).map(|row| rows.number(row));
        if !numbers.clone().eq(0..rows.len() as u64) {
            pack.put(NUMBERS, Numbers::U64(numbers.collect()));
        }
        let numbers = npy::bytes(rows, 0..rows.len(), about.set.kept_as());
        archive.array(&about.rows(), numbers)?;
    }
    if let Some(memory) = copy {
        copy::write(&mut archive, &about.plan, memory, (rows, known), &mut pack)?;
    }
    for (name, numbers) in pack.arrays() {
        let array = Array {
            name: format!("{name}.npy"),
            kind: numbers.kind(),
            shape: vec![numbers.len()],
        };
        archive.array(&array, once(Ok(numbers.to_bytes())))?;
    }
    archive.finish(about)
}

/// Refuses rows with ids or files, and with labels that are not its classes: the format does not hold these.
fn refuse_names(rows: &dyn Rows, space_and_labels: &SpaceAndLabels) -> Result<()> {
    let SpaceAndLabels { way, labels } = space_and_labels;
    let named = |known: &Provenance| {
        known.has_ids() || known.has_labels() && labels.is_none() || known.has_files()
    };
    if !rows.provenance().is_some_and(named) {
        return Ok(());
    }
    let advice = match way.is_some() || labels.is_some() {
        true => "name a set without them",
        false => "with --link they are read from their own files",
    };
    Err(Error::Usage(format!(
        "the rows of {} have ids, labels or files of their own, which a .hull does not hold; {advice}",
        rows.name()
    )))
}

/// Checks that a file is a whole archive of this format and version, without reading its arrays.
///
/// Errors: as [`open`], except that changed arrays are not noticed.
pub fn check(path: &Path) -> Result<()> {
    ArchiveReader::open(path)?.manifest().map(drop)
}

/// Opens a reference; of linked rows at most `memory` bytes stay in memory.
///
/// Errors: a file of another format or version, an incomplete or changed file; linked rows that are not those that the
/// reference was fitted on.
pub fn open(path: &Path, memory: u64, control: &Control) -> Result<Reference> {
    let mut archive = ArchiveReader::open(path)?;
    let (about, mut members) = archive.manifest()?;
    let [kept, levels] = [ROWS, copy::LEVELS].map(|name| members.remove(name));
    let mut pack = Pack::new(path.display().to_string());
    for (name, hash) in &members {
        control.check()?;
        let file = archive.member(name, hash, bytes)?;
        let stem = name.strip_suffix(".npy");
        let stem = stem.ok_or_else(|| archive.fault(name, "no such member is known"))?;
        let numbers = npy::numbers(&file);
        let unknown = || archive.fault(name, "it is not an array of a known type");
        pack.put(stem, numbers.ok_or_else(unknown)?);
    }
    let rows: Box<dyn Rows> = match (&about.link, kept) {
        (Some(link), _) => link.open(path, &about, memory, control)?,
        (None, Some(hash)) => {
            let values = archive.array(&about.rows(), &hash, bytes)?;
            let numbers = pack.has(NUMBERS).then(|| pack.words(NUMBERS, None));
            let kept = KeptRows::new(about.set.clone(), values, numbers.transpose()?);
            let what = "its size is not that of the rows";
            Box::new(kept.ok_or_else(|| archive.fault(ROWS, what))?)
        }
        (None, None) => return Err(archive.fault(ROWS, "it is missing")),
    };
    let space_and_labels = unpack(&about, &mut pack)?;
    let mut beside = pack.part(copy::BESIDE);
    let known = Prepared::unpack(pack, &*rows)?;
    let found = (&*rows, &known, &mut beside);
    copy::read(&mut archive, levels.as_deref(), memory, found, control)?;
    Ok(Reference {
        about,
        rows,
        known,
        space_and_labels,
    })
}

/// The space and the labels, which are removed from the pack.
fn unpack(about: &ReferenceFacts, pack: &mut Pack) -> Result<SpaceAndLabels> {
    let way = about.space.clone().map(|ends| Way::unpack(ends, pack));
    let way = way.transpose()?;
    if way.as_ref().is_some_and(|way| way.dim() != about.set.dim) {
        let what = "they are not in the space that queries are transformed into";
        return Err(pack.fault("rows", what));
    }
    let labels = about.classes.clone().map(|names| {
        let classes = pack.indices(CLASSES, Some(about.set.rows), names.len())?;
        let classes = classes.into_iter().map(|class| class as u32).collect();
        Ok(Labels { classes, names })
    });
    let labels = labels.transpose()?;
    Ok(SpaceAndLabels { way, labels })
}

/// Whether a path has the extension of a `.hull` file.
pub fn is_hull(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "hull")
}
