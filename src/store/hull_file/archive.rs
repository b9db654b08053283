//! The archive of a `.hull`: uncompressed members, a manifest with their hashes, and the hash of the manifest.

use super::ReferenceFacts;
use crate::error::{Error, Place, Result};
use crate::store::file::{Output, pretty};
use crate::store::npy;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::iter::once;
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Version of the format; raised when earlier versions of the program cannot read its files.
const VERSION: u64 = 3;

/// The oldest version that is read: it has no copy in eight bits.
const OLDEST: u64 = 2;

/// The name of the format in the manifest.
const FORMAT: &str = "hullscope reference";

/// The members with the manifest and its hash.
const MANIFEST: &str = "manifest.json";
const HASH: &str = "manifest.blake3";

/// The largest manifest, in bytes.
const LONGEST: u64 = 16 << 20;

/// Bytes that are read and hashed at a time: few enough to stay in a cache.
const STEP: usize = 1 << 20;

/// What is wrong with a member that is not the one that was written.
const CHANGED: &str = "it was changed: its hash does not match";

/// The name of each member but the manifest and its hash, and the BLAKE3 hash of its bytes in hexadecimal.
pub(super) type Members = BTreeMap<String, String>;

/// What the header of an array says.
pub(super) struct Array {
    /// The name of the member.
    pub name: String,
    /// The type of its numbers, as NumPy names it.
    pub kind: &'static str,
    pub shape: Vec<usize>,
}

/// An archive that is being written.
pub(super) struct ArchiveWriter {
    zip: ZipWriter<BufWriter<File>>,
    members: Members,
    output: Output,
}

impl ArchiveWriter {
    pub fn create(target: &Path) -> Result<Self> {
        let output = Output::create(target)?;
        Ok(ArchiveWriter {
            zip: ZipWriter::new(output.writer()?),
            members: Members::new(),
            output,
        })
    }

    /// Writes an array from the parts of its bytes.
    pub fn array(
        &mut self,
        array: &Array,
        parts: impl Iterator<Item = Result<Vec<u8>>>,
    ) -> Result<()> {
        let header = once(Ok(npy::header(array.kind, &array.shape)));
        let hash = self.member(&array.name, header.chain(parts))?;
        self.members.insert(array.name.clone(), hash);
        Ok(())
    }

    /// Writes a member part by part, and returns its hash.
    fn member(
        &mut self,
        name: &str,
        parts: impl Iterator<Item = Result<Vec<u8>>>,
    ) -> Result<String> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true)
            .with_alignment(64);
        let started = self.zip.start_file(name, options);
        started.map_err(|error| self.output.format_error(error))?;
        let mut hash = blake3::Hasher::new();
        for part in parts {
            let part = part?;
            hash.update(&part);
            let written = self.zip.write_all(&part);
            written.map_err(|error| self.output.error(error))?;
        }
        Ok(hash.finalize().to_hex().to_string())
    }

    /// Writes the manifest and its hash, which come last, and puts the file in its place.
    pub fn finish(mut self, about: ReferenceFacts) -> Result<()> {
        let manifest = json!({
            "format": FORMAT,
            "version": VERSION,
            "tool": env!("CARGO_PKG_VERSION"),
            "about": about,
            "members": self.members,
        });
        let hash = self.member(MANIFEST, once(Ok(pretty(&manifest).into_bytes())))?;
        self.member(HASH, once(Ok(hash.into_bytes())))?;
        match self.zip.finish() {
            Ok(writer) => self.output.close(writer),
            Err(error) => Err(self.output.format_error(error)),
        }
    }
}

/// Hashes what is read.
struct Hashed<R> {
    inner: R,
    hash: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(STEP);
        let read = self.inner.read(&mut buffer[..most])?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

/// The next bytes of a member.
pub(super) fn bytes(member: &mut dyn Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count as usize];
    member.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// An archive that is being read.
pub(super) struct ArchiveReader {
    zip: ZipArchive<File>,
    name: String,
    size: u64,
}

impl ArchiveReader {
    pub fn open(path: &Path) -> Result<Self> {
        let file = crate::rows::open_expected(path, "name a file that `hullscope fit` wrote")?;
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

    /// The error for a member that is incomplete or damaged.
    pub fn fault(&self, member: &str, what: impl Display) -> Error {
        let (place, what) = (Place::Part(member.into()), what.to_string());
        let advice = "copy it again, or make it again with hullscope fit";
        Error::input(&self.name, place, what, advice)
    }

    /// What `read` makes of a member of at most `most` bytes and of its size, and the hash of what it read.
    fn read<T>(
        &mut self,
        name: &str,
        most: u64,
        read: impl FnOnce(&mut dyn Read, u64) -> io::Result<T>,
    ) -> Result<(T, blake3::Hash)> {
        let found = match self.zip.by_name(name) {
            Err(error) => Err(error.to_string()),
            Ok(member) if member.compression() != CompressionMethod::Stored => {
                Err("it is compressed, and members of a .hull file are not".into())
            }
            Ok(member) if member.size() > most => Err("it is longer than the file".into()),
            Ok(member) => {
                let (size, hash) = (member.size(), blake3::Hasher::new());
                let mut member = Hashed {
                    inner: member,
                    hash,
                };
                let made = read(&mut member, size).map_err(|error| error.to_string());
                made.map(|made| (made, member.hash.finalize()))
            }
        };
        found.map_err(|what| self.fault(name, what))
    }

    /// What `read` makes of a member and of its size, if the hash of what it read is the given one.
    pub fn member<T>(
        &mut self,
        name: &str,
        hash: &str,
        read: impl FnOnce(&mut dyn Read, u64) -> io::Result<T>,
    ) -> Result<T> {
        let (made, found) = self.read(name, self.size, read)?;
        match found.to_hex().as_str() == hash {
            true => Ok(made),
            false => Err(self.fault(name, CHANGED)),
        }
    }

    /// What `read` makes of the numbers of an array and of their size in bytes, if the hash of the array is the given one.
    pub fn array<T>(
        &mut self,
        array: &Array,
        hash: &str,
        read: impl FnOnce(&mut dyn Read, u64) -> io::Result<T>,
    ) -> Result<T> {
        let Array { name, kind, shape } = array;
        self.member(name, hash, |member, size| {
            let header = npy::header(kind, shape);
            let length = size.min(header.len() as u64);
            match bytes(member, length)? == header {
                true => read(member, size - length),
                false => Err(io::Error::other(format!(
                    "it is not an array of the shape {shape:?} with numbers of the type {kind}"
                ))),
            }
        })
    }

    /// The facts about the reference, and the members. Errors: also members that the manifest does not name.
    pub fn manifest(&mut self) -> Result<(ReferenceFacts, Members)> {
        let (text, found) = self.read(MANIFEST, LONGEST, bytes)?;
        let (stated, _) = self.read(HASH, LONGEST, bytes)?;
        if found.to_hex().as_bytes() != stated {
            return Err(self.fault(MANIFEST, CHANGED));
        }
        let broken = |error| self.fault(MANIFEST, format!("it cannot be read: {error}"));
        let mut manifest: Value = serde_json::from_slice(&text).map_err(broken)?;
        self.check_version(&manifest)?;
        let mut field = |name| manifest[name].take();
        let about = serde_json::from_value(field("about")).map_err(broken)?;
        let members: Members = serde_json::from_value(field("members")).map_err(broken)?;
        for name in self.zip.file_names() {
            let name = name.map_err(|error| self.fault("a member", error))?;
            if !members.contains_key(&*name) && ![MANIFEST, HASH].contains(&&*name) {
                return Err(self.fault(&name, "the manifest does not name it"));
            }
        }
        Ok((about, members))
    }

    /// Refuses another version, in which the other fields of the manifest may not be there.
    fn check_version(&self, manifest: &Value) -> Result<()> {
        let (format, version) = (&manifest["format"], &manifest["version"]);
        let is_read = |version| (OLDEST..=VERSION).contains(&version);
        if format == FORMAT && version.as_u64().is_some_and(is_read) {
            return Ok(());
        }
        let tool = manifest["tool"].as_str().unwrap_or("of another version");
        let what = format!(
            "it is version {version} of {format}, written by hullscope {tool}; this is hullscope {}, which reads versions \
             {OLDEST} to {VERSION} of {FORMAT:?}",
            env!("CARGO_PKG_VERSION")
        );
        let advice = "make it again with this version of `hullscope fit`";
        Err(Error::input(
            &self.name,
            Place::Part(MANIFEST.into()),
            what,
            advice,
        ))
    }
}
