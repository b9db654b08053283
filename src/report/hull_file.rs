//! `.hull`: a reference that is ready for queries, in one file. The format is described in `docs/hull-format.md`.
//!
//! A zip archive whose members are stored as they are: `manifest.json` (version, settings, the BLAKE3 hash of every other
//! member), `manifest.blake3` (the hash of that), `rows.npy` unless the rows are linked, and one `.npy` for each array of
//! what was found. Nothing is used before its hash was compared.

use super::RowSettings;
use super::embeddings::{little_endian, npy_header};
use super::file::Output;
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::images::Labels;
use crate::rows::{self, Element, KeptRows, Numbers, Pack, Rows, SetFacts};
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

/// Counts up when files of an earlier version cannot be read any more.
const VERSION: u32 = 2;

/// What stands first in a manifest.
const FORMAT: &str = "hullscope reference";

/// The largest manifest.
const LONGEST: u64 = 16 << 20;

/// What to do about a file that is not whole.
const AGAIN: &str = "copy it again, or make it again with hullscope fit";

/// What a file says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    tool: String,
    about: About,
    /// The BLAKE3 hash of each other member, in hexadecimal.
    members: BTreeMap<String, String>,
}

/// Of what the reference was made, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub plan: AnalysisPlan,
    pub settings: RowSettings,
    pub set: SetFacts,
    /// The names of its columns, before any space, where it has some.
    pub columns: Option<(String, Vec<String>)>,
    /// Where the way into its space begins, if it is in one, and where it leads.
    pub space: Option<Ends>,
    /// What its classes are called, where they are known.
    pub classes: Option<Vec<String>>,
    /// Where the rows are, if they are not in the file.
    pub link: Option<Link>,
}

/// Rows in files of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// As it was typed, with its folder.
    pub path: String,
    /// What [`rows::fingerprint`] says of it.
    pub fingerprint: String,
}

/// A reference that is ready.
pub struct Reference {
    pub about: About,
    pub rows: Box<dyn Rows>,
    pub known: Prepared,
    pub beside: SpaceAndLabels,
}

/// What goes with the rows of a reference.
pub struct SpaceAndLabels {
    /// The way into its space, in which its rows are.
    pub way: Option<Way>,
    /// The classes of its rows.
    pub labels: Option<Labels>,
}

/// How a reference is to be written.
pub struct Make {
    pub plan: AnalysisPlan,
    pub settings: RowSettings,
    /// The names of its columns, before any space, where it has some.
    pub columns: Option<(String, Vec<String>)>,
    /// Where the rows are, if they are not to be in the file.
    pub link: Option<Link>,
}

/// Rows written at a time.
const PART: usize = 4096;

/// Write a reference; its rows too, unless they are linked.
///
/// Errors: rows that can no longer be read, rows with names of their own that are not linked, and a file that cannot be
/// written.
pub fn write(
    target: &Path,
    make: Make,
    rows: &dyn Rows,
    known: &Prepared,
    beside: &SpaceAndLabels,
) -> Result<()> {
    let about = About {
        plan: make.plan,
        settings: make.settings,
        set: SetFacts::of(rows),
        columns: make.columns,
        space: beside.way.as_ref().map(|way| way.ends.clone()),
        classes: beside.labels.as_ref().map(|labels| labels.names.clone()),
        link: make.link,
    };
    let output = Output::create(target)?;
    let mut archive = Writer {
        zip: zip::ZipWriter::new(output.writer()?),
        members: BTreeMap::new(),
        output: &output,
    };
    let mut pack = known.pack();
    if let Some(way) = &beside.way {
        way.pack(&mut pack);
    }
    if let Some(labels) = &beside.labels {
        let classes = labels.classes.iter().map(|&class| u64::from(class));
        pack.put(CLASSES, Numbers::U64(classes.collect()));
    }
    if about.link.is_none() {
        unnamed(rows, beside)?;
        if (0..rows.len()).any(|row| rows.number(row) != row as u64) {
            let numbers = (0..rows.len()).map(|row| rows.number(row)).collect();
            pack.put(NUMBERS, Numbers::U64(numbers));
        }
        archive.rows(rows, about.set.kept_as())?;
    }
    for (name, array) in pack.arrays() {
        archive.array(name, array)?;
    }
    let writer = archive.finish(about)?;
    output.close(writer)
}

/// The class of each row.
const CLASSES: &str = "rows.class";

/// What was kept with the rows, which are taken out of the pack.
fn beside(about: &About, pack: &mut Pack) -> Result<SpaceAndLabels> {
    let way = about.space.clone().map(|ends| Way::unpack(ends, pack));
    let way = way.transpose()?;
    if way.as_ref().is_some_and(|way| way.dim() != about.set.dim) {
        return Err(pack.fault(
            "rows",
            "they are not of the space that queries are taken to",
        ));
    }
    let labels = about.classes.clone().map(|names| {
        let classes = pack.indices(CLASSES, Some(about.set.rows), names.len())?;
        let classes = classes.into_iter().map(|class| class as u32).collect();
        Ok(Labels { classes, names })
    });
    let labels = labels.transpose()?;
    Ok(SpaceAndLabels { way, labels })
}

/// The numbers of rows in the file that they were read from.
const NUMBERS: &str = "rows.number";

/// Ids and files of rows are not kept, nor are labels that are not its classes.
fn unnamed(rows: &dyn Rows, beside: &SpaceAndLabels) -> Result<()> {
    let named = |known: &rows::Provenance| {
        known.has_ids() || known.has_labels() && beside.labels.is_none() || known.has_files()
    };
    if !rows.provenance().is_some_and(named) {
        return Ok(());
    }
    let advice = match beside.way.is_some() || beside.labels.is_some() {
        true => "name a set without them",
        false => "write --link, and they are read from where they are",
    };
    Err(Error::Usage(format!(
        "the rows of {} have ids, labels or files of their own, which a .hull does not hold; {advice}",
        rows.name()
    )))
}

/// An archive on its way.
struct Writer<'o> {
    zip: zip::ZipWriter<BufWriter<File>>,
    members: BTreeMap<String, String>,
    output: &'o Output,
}

impl Writer<'_> {
    fn start(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .large_file(true)
            .with_alignment(64);
        let started = self.zip.start_file(name, options);
        started.map_err(|error| self.output.failed(error))
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

    /// All rows, in a type that holds them.
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

    /// The manifest and its hash, last.
    fn finish(mut self, about: About) -> Result<BufWriter<File>> {
        let manifest = Manifest {
            format: FORMAT.into(),
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").into(),
            about,
            members: std::mem::take(&mut self.members),
        };
        let text = super::json::pretty(&serde_json::json!(manifest));
        let mut hash = blake3::Hasher::new();
        self.start("manifest.json")?;
        self.write(text.as_bytes(), &mut hash)?;
        let hash = hash.finalize().to_hex();
        self.start("manifest.blake3")?;
        self.write(hash.as_bytes(), &mut blake3::Hasher::new())?;
        let finished = self.zip.finish();
        finished.map_err(|error| self.output.failed(error))
    }
}

/// Open a reference; `memory` are the bytes of linked rows that may stay in memory.
///
/// Errors: a file that is not one, of another version, not whole or changed; linked rows that are not those that it was
/// made of.
pub fn open(path: &Path, memory: u64, control: &Control) -> Result<Reference> {
    let mut archive = Reader::open(path)?;
    let manifest = archive.manifest()?;
    let about = manifest.about;
    let mut pack = Pack::new(path.display().to_string());
    let mut stored = None;
    for (name, hash) in &manifest.members {
        control.check()?;
        let mut bytes = archive.member(name, Some(hash))?;
        let array =
            Array::of(&bytes).ok_or_else(|| archive.fault(name, "it is no array", AGAIN))?;
        match name.strip_suffix(".npy") {
            Some("rows") => {
                // The head goes: of many rows there is no second copy.
                let head = bytes.len() - array.values.len();
                bytes.drain(..head);
                stored = Some(bytes);
            }
            Some(name) => pack.put(
                name,
                array
                    .numbers()
                    .ok_or_else(|| archive.fault(name, "its type is not known", AGAIN))?,
            ),
            None => return Err(archive.fault(name, "no such member is known", AGAIN)),
        }
    }
    let rows: Box<dyn Rows> = match (&about.link, stored) {
        (Some(link), _) => linked(path, &about, link, memory, control)?,
        (None, Some(bytes)) => {
            let numbers = pack
                .has(NUMBERS)
                .then(|| pack.words(NUMBERS, None))
                .transpose()?;
            let kept = KeptRows::new(about.set.clone(), bytes, numbers);
            Box::new(kept.ok_or_else(|| {
                archive.fault("rows.npy", "its size is not that of the rows", AGAIN)
            })?)
        }
        (None, None) => return Err(archive.fault("rows.npy", "it is missing", AGAIN)),
    };
    let beside = beside(&about, &mut pack)?;
    let known = Prepared::unpack(pack, &*rows)?;
    Ok(Reference {
        about,
        rows,
        known,
        beside,
    })
}

/// The rows of a link, which must be what they were.
fn linked(
    path: &Path,
    about: &About,
    link: &Link,
    memory: u64,
    control: &Control,
) -> Result<Box<dyn Rows>> {
    let options = rows::OpenOptions {
        memory,
        ..about.settings.reference_options()
    };
    let changed = |what: String| {
        let advice = "put the first one back, or make the file again with hullscope fit";
        Error::input(path.display().to_string(), Place::Whole, what, advice)
    };
    if rows::fingerprint(&link.path, control)? != link.fingerprint {
        let what = format!("the rows are those of {}, which has changed", link.path);
        return Err(changed(what));
    }
    let found = rows::open(&link.path, &options, control)?;
    if (found.len(), found.dim()) != (about.set.rows, about.set.dim) {
        let what = format!("the rows are those of {}, which now are others", link.path);
        return Err(changed(what));
    }
    Ok(found)
}

/// An `.npy` of this program's: its type, and the bytes of its values.
struct Array<'b> {
    kind: &'b [u8],
    values: &'b [u8],
}

impl<'b> Array<'b> {
    fn of(bytes: &'b [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let kind = header.strip_prefix(b"{'descr': '")?.get(..3)?;
        Some(Array { kind, values })
    }

    fn numbers(&self) -> Option<Numbers> {
        let (eight, four) = (self.values.as_chunks::<8>(), self.values.as_chunks::<4>());
        let whole = match self.kind {
            b"<f4" => four.1.is_empty(),
            _ => eight.1.is_empty(),
        };
        let eight = eight.0.iter();
        match self.kind {
            _ if !whole => None,
            b"<f8" => Some(Numbers::F64(
                eight.map(|v| f64::from_le_bytes(*v)).collect(),
            )),
            b"<u8" => Some(Numbers::U64(
                eight.map(|v| u64::from_le_bytes(*v)).collect(),
            )),
            b"<f4" => Some(Numbers::F32(
                four.0.iter().map(|v| f32::from_le_bytes(*v)).collect(),
            )),
            _ => None,
        }
    }
}

/// An archive that is read.
struct Reader {
    zip: ZipArchive<File>,
    name: String,
    size: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self> {
        let file = crate::rows::open_file(path)?;
        let size = file
            .metadata()
            .map_err(|error| Error::io("read", path, error))?
            .len();
        let name = path.display().to_string();
        let zip = ZipArchive::new(file).map_err(|error| {
            let what = format!("it is no .hull file, or not all of one: {error}");
            let advice = "name a file that `hullscope fit` wrote; rows themselves are taken by `hullscope analyze`, or made ready by \
                          `hullscope fit ROWS -o ref.hull`";
            Error::input(&name, Place::Whole, what, advice)
        })?;
        Ok(Reader { zip, name, size })
    }

    fn fault(&self, member: &str, what: impl Into<String>, advice: &str) -> Error {
        Error::input(&self.name, Place::Part(member.into()), what, advice)
    }

    /// The bytes of a member, whose hash is known where it is not the manifest's.
    fn member(&mut self, name: &str, hash: Option<&str>) -> Result<Vec<u8>> {
        let most = if hash.is_some() { self.size } else { LONGEST };
        let read = match self.zip.by_name(name) {
            Ok(member) if member.compression() != zip::CompressionMethod::Stored => {
                Err("it is packed, where members are stored".into())
            }
            Ok(member) if member.size() > most => Err("it is longer than the file".into()),
            Ok(mut member) => {
                let mut bytes = Vec::with_capacity(member.size() as usize);
                let read = member.read_to_end(&mut bytes);
                read.map(|_| bytes).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let bytes = read.map_err(|what| self.fault(name, what, AGAIN))?;
        match hash.is_some_and(|hash| blake3::hash(&bytes).to_hex().as_str() != hash) {
            true => Err(self.fault(name, "it was changed: its hash is another", AGAIN)),
            false => Ok(bytes),
        }
    }

    fn manifest(&mut self) -> Result<Manifest> {
        let name = "manifest.json";
        let bytes = self.member(name, None)?;
        let hash = self.member("manifest.blake3", None)?;
        if blake3::hash(&bytes).to_hex().as_bytes() != hash {
            return Err(self.fault(name, "it was changed: its hash is another", AGAIN));
        }
        // Before all fields, which another version may not have.
        let broken = |this: &Self, error: serde_json::Error| {
            this.fault(name, format!("it cannot be read: {error}"), AGAIN)
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| broken(self, error))?;
        if head.format != FORMAT || head.version != VERSION {
            let what = format!(
                "it is version {} of {:?}, written by hullscope {}; this is hullscope {}, which reads version {VERSION} of \
                 {FORMAT:?}",
                head.version,
                head.format,
                head.tool,
                env!("CARGO_PKG_VERSION")
            );
            return Err(self.fault(name, what, "make it again with this hullscope fit"));
        }
        serde_json::from_slice(&bytes).map_err(|error| broken(self, error))
    }
}

/// What every version of the manifest has.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
    tool: String,
}
