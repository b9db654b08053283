//! `.hull`: a fitted reference in one file. The format is described in `docs/hull-format.md`.
//!
//! A zip archive with uncompressed members: `manifest.json` (version, settings, the BLAKE3 hash of every other member),
//! `manifest.blake3` (the hash of the manifest), `rows.npy` unless the rows are linked, one `.npy` for each fitted array, and
//! those of the eight-bit copy of the rows. The hash of a member is checked before its content is used.

mod copy;
mod link;

pub use link::{Link, Source};

use super::file::{Output, pretty};
use super::npy::{little_endian, npy_header};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::images::Labels;
use crate::rows::{self, Element, KeptRows, Numbers, Pack, RowSettings, Rows, SetFacts};
use crate::space::{Ends, Way};
use crate::study::analyze::AnalysisPlan;
use crate::study::reference::Prepared;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use zip::ZipArchive;
use zip::write::SimpleFileOptions;

/// Version of the format; raised when earlier versions of the program cannot read its files.
const VERSION: u32 = 3;

/// The oldest version that is read: it has no copy in eight bits.
const OLDEST: u32 = 2;

/// The name of the format in the manifest.
const FORMAT: &str = "hullscope reference";

/// The members with the manifest and its hash.
const MANIFEST: [&str; 2] = ["manifest.json", "manifest.blake3"];

/// The largest manifest, in bytes.
const LONGEST: u64 = 16 << 20;

/// What is wrong with a member that is not the one that was written.
const CHANGED: &str = "it was changed: its hash does not match";

/// Advice for a file that is incomplete or damaged.
const AGAIN: &str = "copy it again, or make it again with hullscope fit";

/// The manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    tool: String,
    about: ReferenceFacts,
    /// The BLAKE3 hash of each other member, in hexadecimal.
    members: BTreeMap<String, String>,
}

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

/// What a file is written from.
pub struct Make {
    pub plan: AnalysisPlan,
    pub settings: RowSettings,
    /// The names of the columns before any space, if they have names.
    pub columns: Option<(String, Vec<String>)>,
    /// The path of the rows, if they are not to be in the file.
    pub link: Option<Link>,
    /// The most bytes for rows and their eight-bit copy together, beyond which the copy is left out; `None` if scans do not use
    /// eight bits.
    pub copy: Option<u64>,
}

/// Rows that are written at a time.
const PART: usize = 4096;

/// Writes a reference, with its rows unless they are linked.
///
/// Errors: rows that can no longer be read, unlinked rows with ids, files or labels that the format does not hold, and a file
/// that cannot be written.
pub fn write(
    target: &Path,
    make: Make,
    rows: &dyn Rows,
    known: &Prepared,
    space_and_labels: &SpaceAndLabels,
) -> Result<()> {
    let about = ReferenceFacts {
        plan: make.plan,
        settings: make.settings,
        set: SetFacts::of(rows),
        columns: make.columns,
        space: space_and_labels.way.as_ref().map(|way| way.ends.clone()),
        classes: space_and_labels
            .labels
            .as_ref()
            .map(|labels| labels.names.clone()),
        link: make.link,
    };
    let output = Output::create(target)?;
    let mut archive = ArchiveWriter {
        zip: zip::ZipWriter::new(output.writer()?),
        members: BTreeMap::new(),
        output: &output,
    };
    let mut pack = known.pack();
    if let Some(way) = &space_and_labels.way {
        way.pack(&mut pack);
    }
    if let Some(labels) = &space_and_labels.labels {
        let classes = labels.classes.iter().map(|&class| u64::from(class));
        pack.put(CLASSES, Numbers::U64(classes.collect()));
    }
    if about.link.is_none() {
        refuse_names(rows, space_and_labels)?;
        if (0..rows.len()).any(|row| rows.number(row) != row as u64) {
            let numbers = (0..rows.len()).map(|row| rows.number(row)).collect();
            pack.put(NUMBERS, Numbers::U64(numbers));
        }
        archive.rows(rows, about.set.kept_as())?;
    }
    if let Some(memory) = make.copy {
        archive.copy(&about.plan, memory, (rows, known), &mut pack)?;
    }
    for (name, array) in pack.arrays() {
        archive.array(name, array)?;
    }
    let writer = archive.finish(about)?;
    output.close(writer)
}

/// The array with the class of each row.
const CLASSES: &str = "rows.class";

/// The space and the labels, which are removed from the pack.
fn space_and_labels(about: &ReferenceFacts, pack: &mut Pack) -> Result<SpaceAndLabels> {
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

/// The array with the rows' numbers in the file that they were read from.
const NUMBERS: &str = "rows.number";

/// Refuses rows with ids or files, and with labels that are not its classes: the format does not hold these.
fn refuse_names(rows: &dyn Rows, space_and_labels: &SpaceAndLabels) -> Result<()> {
    let named = |known: &rows::Provenance| {
        known.has_ids()
            || known.has_labels() && space_and_labels.labels.is_none()
            || known.has_files()
    };
    if !rows.provenance().is_some_and(named) {
        return Ok(());
    }
    let advice = match space_and_labels.way.is_some() || space_and_labels.labels.is_some() {
        true => "name a set without them",
        false => "with --link they are read from their own files",
    };
    Err(Error::Usage(format!(
        "the rows of {} have ids, labels or files of their own, which a .hull does not hold; {advice}",
        rows.name()
    )))
}

/// An archive that is being written.
struct ArchiveWriter<'o> {
    zip: zip::ZipWriter<BufWriter<File>>,
    members: BTreeMap<String, String>,
    output: &'o Output,
}

impl ArchiveWriter<'_> {
    fn start(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .large_file(true)
            .with_alignment(64);
        let started = self.zip.start_file(name, options);
        started.map_err(|error| self.output.format_error(error))
    }

    fn write(&mut self, bytes: &[u8], hash: &mut blake3::Hasher) -> Result<()> {
        hash.update(bytes);
        let written = self.zip.write_all(bytes);
        written.map_err(|error| self.output.error(error))
    }

    fn note(&mut self, name: &str, hash: &blake3::Hasher) {
        let hash = hash.finalize().to_hex().to_string();
        self.members.insert(name.into(), hash);
    }

    /// Writes all rows in the number type `element`, which must hold them exactly.
    fn rows(&mut self, rows: &dyn Rows, element: Element) -> Result<()> {
        let (n, d) = (rows.len(), rows.dim());
        let kind = match element {
            Element::U8 => "|u1",
            Element::F32 => "<f4",
            _ => "<f8",
        };
        let mut hash = blake3::Hasher::new();
        self.start("rows.npy")?;
        self.write(&npy_header(kind, &[n, d]), &mut hash)?;
        let (mut single, mut double) = (Vec::new(), Vec::new());
        for first in (0..n).step_by(PART) {
            let count = PART.min(n - first) * d;
            let bytes: Vec<u8> = if element == Element::F64 {
                double.resize(count, 0.0);
                rows.read_f64(first, &mut double)?;
                little_endian(&double, f64::to_le_bytes)
            } else {
                single.resize(count, 0.0);
                rows.read_f32(first, &mut single)?;
                match element {
                    Element::U8 => single.iter().map(|&value| value as u8).collect(),
                    _ => little_endian(&single, f32::to_le_bytes),
                }
            };
            self.write(&bytes, &mut hash)?;
        }
        self.note("rows.npy", &hash);
        Ok(())
    }

    fn array(&mut self, name: &str, array: &Numbers) -> Result<()> {
        let (kind, len, bytes) = match array {
            Numbers::F64(v) => ("<f8", v.len(), little_endian(v, f64::to_le_bytes)),
            Numbers::F32(v) => ("<f4", v.len(), little_endian(v, f32::to_le_bytes)),
            Numbers::U64(v) => ("<u8", v.len(), little_endian(v, u64::to_le_bytes)),
        };
        let name = format!("{name}.npy");
        let mut hash = blake3::Hasher::new();
        self.start(&name)?;
        self.write(&npy_header(kind, &[len]), &mut hash)?;
        self.write(&bytes, &mut hash)?;
        self.note(&name, &hash);
        Ok(())
    }

    /// Writes the manifest and its hash, which come last.
    fn finish(mut self, about: ReferenceFacts) -> Result<BufWriter<File>> {
        let manifest = Manifest {
            format: FORMAT.into(),
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").into(),
            about,
            members: std::mem::take(&mut self.members),
        };
        let text = pretty(&serde_json::json!(manifest));
        let mut hash = blake3::Hasher::new();
        self.start(MANIFEST[0])?;
        self.write(text.as_bytes(), &mut hash)?;
        let hash = hash.finalize().to_hex();
        self.start(MANIFEST[1])?;
        self.write(hash.as_bytes(), &mut blake3::Hasher::new())?;
        let finished = self.zip.finish();
        finished.map_err(|error| self.output.format_error(error))
    }
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
    let Manifest { about, members, .. } = archive.manifest()?;
    archive.no_others(&members)?;
    let mut pack = Pack::new(path.display().to_string());
    let stored = archive.arrays(&members, &mut pack, control)?;
    let rows: Box<dyn Rows> = match (&about.link, stored) {
        (Some(link), _) => link.open(path, &about, memory, control)?,
        (None, Some(bytes)) => {
            let numbers = pack.has(NUMBERS).then(|| pack.words(NUMBERS, None));
            let kept = KeptRows::new(about.set.clone(), bytes, numbers.transpose()?);
            let what = "its size is not that of the rows";
            Box::new(kept.ok_or_else(|| archive.fault("rows.npy", what, AGAIN))?)
        }
        (None, None) => return Err(archive.fault("rows.npy", "it is missing", AGAIN)),
    };
    let space_and_labels = space_and_labels(&about, &mut pack)?;
    let mut beside = pack.part(copy::BESIDE);
    let known = Prepared::unpack(pack, &*rows)?;
    let hash = members.get(copy::LEVELS).map(String::as_str);
    let found = (&*rows, &known, &mut beside);
    copy::read(&mut archive, hash, memory, found, control)?;
    Ok(Reference {
        about,
        rows,
        known,
        space_and_labels,
    })
}

/// A `.npy` array as this program writes it: its type, and the bytes of its values.
struct Array<'b> {
    kind: &'b [u8],
    values: &'b [u8],
}

/// Bytes before the head of an `.npy`; the last two of them are its length.
const PREFIX: u64 = 10;

impl<'b> Array<'b> {
    fn of(member: &'b Member) -> Option<Self> {
        Some(Array {
            kind: Self::kind(&member.head)?,
            values: &member.values,
        })
    }

    /// The type that the head of an array names.
    fn kind(head: &'b [u8]) -> Option<&'b [u8]> {
        let rest = head.strip_prefix(b"\x93NUMPY\x01\x00")?;
        let (length, head) = rest.split_first_chunk::<2>()?;
        let kind = head.strip_prefix(b"{'descr': '")?.get(..3)?;
        let whole = head.len() == usize::from(u16::from_le_bytes(*length));
        whole.then_some(kind)
    }

    fn numbers(&self) -> Option<Numbers> {
        let (eight, four) = (self.values.as_chunks::<8>(), self.values.as_chunks::<4>());
        let whole = match self.kind {
            b"<f4" => four.1.is_empty(),
            _ => eight.1.is_empty(),
        };
        let (eight, four) = (eight.0.iter().copied(), four.0.iter().copied());
        Some(match self.kind {
            _ if !whole => return None,
            b"<f8" => Numbers::F64(eight.map(f64::from_le_bytes).collect()),
            b"<u8" => Numbers::U64(eight.map(u64::from_le_bytes).collect()),
            b"<f4" => Numbers::F32(four.map(f32::from_le_bytes).collect()),
            _ => return None,
        })
    }
}

/// Bytes that are read and hashed at a time: few enough to stay in a cache.
const STEP: u64 = 1 << 20;

/// A member of the archive: the header of an array, if it is one, and all other bytes.
#[derive(Default)]
struct Member {
    head: Vec<u8>,
    values: Vec<u8>,
}

impl Member {
    /// Reads the head of an array.
    fn head(member: &mut dyn Read, hash: &mut blake3::Hasher) -> std::io::Result<Vec<u8>> {
        let mut head = Vec::new();
        Read::take(&mut *member, PREFIX).read_to_end(&mut head)?;
        let length = head
            .last_chunk()
            .map_or(0, |last| u16::from_le_bytes(*last));
        let length = u64::from(length);
        Read::take(&mut *member, length).read_to_end(&mut head)?;
        hash.update(&head);
        Ok(head)
    }

    /// Reads a member of `size` bytes, and the hash of all of them.
    fn read(
        member: &mut dyn Read,
        size: u64,
        is_array: bool,
    ) -> std::io::Result<(Self, blake3::Hash)> {
        let mut found = Member::default();
        let mut hash = blake3::Hasher::new();
        if is_array {
            found.head = Self::head(member, &mut hash)?;
        }
        let values = &mut found.values;
        values.reserve_exact(size.saturating_sub(found.head.len() as u64) as usize);
        loop {
            let before = values.len();
            if Read::take(&mut *member, STEP).read_to_end(values)? == 0 {
                return Ok((found, hash.finalize()));
            }
            hash.update(&values[before..]);
        }
    }
}

/// An archive that is being read.
struct ArchiveReader {
    zip: ZipArchive<File>,
    name: String,
    size: u64,
}

impl ArchiveReader {
    fn open(path: &Path) -> Result<Self> {
        let file = crate::rows::open_file(path)?;
        let size = file.metadata();
        let size = size.map_err(|error| Error::io("read", path, error))?.len();
        let name = path.display().to_string();
        let zip = ZipArchive::new(file).map_err(|error| {
            let what = format!("it is not a .hull file, or it is incomplete: {error}");
            let advice = "name a file that `hullscope fit` wrote; `hullscope analyze` reads rows themselves, and `hullscope fit \
                          ROWS -o ref.hull` makes such a file";
            Error::input(&name, Place::Whole, what, advice)
        })?;
        Ok(ArchiveReader { zip, name, size })
    }

    fn fault(&self, member: &str, what: impl Into<String>, advice: &str) -> Error {
        Error::input(&self.name, Place::Part(member.into()), what, advice)
    }

    /// A member. Its hash is checked if known, which it is for every member but the manifest's.
    fn member(&mut self, name: &str, hash: Option<&str>) -> Result<Member> {
        let most = if hash.is_some() { self.size } else { LONGEST };
        let is_array = name.ends_with(".npy");
        let read = self.reading(name, most, |member, size| {
            Member::read(member, size, is_array)
        });
        let (member, found) = read.map_err(|what| self.fault(name, what, AGAIN))?;
        match hash.is_some_and(|hash| found.to_hex().as_str() != hash) {
            true => Err(self.fault(name, CHANGED, AGAIN)),
            false => Ok(member),
        }
    }

    /// What `read` makes of a member of at most `most` bytes, and of its size; or what is wrong with it.
    fn reading<T>(
        &mut self,
        name: &str,
        most: u64,
        read: impl FnOnce(&mut dyn Read, u64) -> std::io::Result<T>,
    ) -> std::result::Result<T, String> {
        let mut member = self.zip.by_name(name).map_err(|error| error.to_string())?;
        if member.compression() != zip::CompressionMethod::Stored {
            return Err("it is compressed, and members of a .hull file are not".into());
        }
        if member.size() > most {
            return Err("it is longer than the file".into());
        }
        let size = member.size();
        read(&mut member, size).map_err(|error| error.to_string())
    }

    /// Puts all arrays into a pack but the rows, whose bytes are returned, and the copy, which is read when the rows are known.
    fn arrays(
        &mut self,
        members: &BTreeMap<String, String>,
        pack: &mut Pack,
        control: &Control,
    ) -> Result<Option<Vec<u8>>> {
        let mut rows = None;
        for (name, hash) in members.iter().filter(|member| member.0 != copy::LEVELS) {
            control.check()?;
            let member = self.member(name, Some(hash))?;
            let fault = |what: &str| self.fault(name, what, AGAIN);
            let array = Array::of(&member).ok_or_else(|| fault("it is no array"))?;
            match name.strip_suffix(".npy") {
                Some("rows") => rows = Some(member.values),
                Some(name) => {
                    let numbers = array.numbers();
                    pack.put(name, numbers.ok_or_else(|| fault("its type is not known"))?);
                }
                None => return Err(fault("no such member is known")),
            }
        }
        Ok(rows)
    }

    /// Refuses members that the manifest does not name.
    fn no_others(&self, members: &BTreeMap<String, String>) -> Result<()> {
        for name in self.zip.file_names() {
            let name = name.map_err(|error| self.fault("a member", error.to_string(), AGAIN))?;
            if !members.contains_key(&*name) && !MANIFEST.contains(&&*name) {
                return Err(self.fault(&name, "the manifest does not name it", AGAIN));
            }
        }
        Ok(())
    }

    fn manifest(&mut self) -> Result<Manifest> {
        let [name, hash] = MANIFEST;
        let bytes = self.member(name, None)?.values;
        let hash = self.member(hash, None)?.values;
        if blake3::hash(&bytes).to_hex().as_bytes() != hash {
            return Err(self.fault(name, CHANGED, AGAIN));
        }
        // The version is read before the other fields, which another version may not have.
        let broken = |this: &Self, error: serde_json::Error| {
            this.fault(name, format!("it cannot be read: {error}"), AGAIN)
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| broken(self, error))?;
        if head.format != FORMAT || !(OLDEST..=VERSION).contains(&head.version) {
            let what = format!(
                "it is version {} of {:?}, written by hullscope {}; this is hullscope {}, which reads versions {OLDEST} \
                 to {VERSION} of {FORMAT:?}",
                head.version,
                head.format,
                head.tool,
                env!("CARGO_PKG_VERSION")
            );
            return Err(self.fault(
                name,
                what,
                "make it again with this version of `hullscope fit`",
            ));
        }
        serde_json::from_slice(&bytes).map_err(|error| broken(self, error))
    }
}

/// The fields that every version of the manifest has.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
    tool: String,
}

/// Whether a path has the extension of a `.hull` file.
pub fn is_hull(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "hull")
}
