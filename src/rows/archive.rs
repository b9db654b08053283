//! Reads zip archives, on which several formats are built: members are found by name, and read in place or unpacked
//! into a spool file.

use super::input::{Input, input_error};
use super::packed;
use super::table::Ask;
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zip::ZipArchive;
use zip::result::ZipError;

/// An open archive.
pub(super) struct Archive {
    zip: ZipArchive<File>,
    file: File,
    path: PathBuf,
    size: u64,
}

/// Whether a file begins with the signature of a zip archive.
pub(super) fn is_zip(input: &Input) -> bool {
    input.head.starts_with(b"PK\x03\x04") || input.head.starts_with(b"PK\x05\x06")
}

/// Whether a file is an archive with a member whose name `such` accepts; false for a broken archive.
pub(super) fn has(input: &Input, such: impl Fn(&str) -> bool) -> bool {
    let archive = is_zip(input).then(|| Archive::open(input));
    archive.is_some_and(|archive| {
        archive.is_ok_and(|archive| archive.names().iter().any(|name| such(name)))
    })
}

impl Archive {
    pub fn open(input: &Input) -> Result<Self> {
        let again = || {
            let file = input.file.try_clone();
            file.map_err(|error| Error::io("open", &input.path, error))
        };
        let zip = ZipArchive::new(again()?).map_err(|error| fault(&input.path, &error))?;
        Ok(Archive {
            zip,
            file: again()?,
            path: input.path.clone(),
            size: input.size,
        })
    }

    /// The names of all members that can be read as text.
    pub fn names(&self) -> Vec<String> {
        let names = self.zip.file_names();
        names
            .filter_map(|name| name.ok().map(|name| name.into_owned()))
            .collect()
    }

    /// Where the bytes of a member are: file, offset and size. A packed member is first unpacked into a spool file.
    pub fn place(&mut self, name: &str, ask: &Ask) -> Result<(File, u64, u64)> {
        if let Some(place) = self.stored(name)? {
            return Ok(place);
        }
        let file = self.unpack(name, u64::MAX, ask)?;
        let metadata = file.metadata();
        let size = metadata
            .map_err(|error| Error::io("read", &self.path, error))?
            .len();
        Ok((file, 0, size))
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// Where the bytes of a member that is not packed are: file, offset and size. None if the member is packed.
    pub fn stored(&mut self, name: &str) -> Result<Option<(File, u64, u64)>> {
        let path = &self.path;
        let member = self.zip.by_name(name);
        let member = member.map_err(|error| fault(path, &error))?;
        let size = member.size();
        if member.compression() != zip::CompressionMethod::Stored || member.encrypted() {
            return Ok(None);
        }
        let start = member.data_start();
        drop(member);
        let start =
            start.filter(|start| start.checked_add(size).is_some_and(|end| end <= self.size));
        let start = start.ok_or_else(|| {
            input_error(
                path,
                Place::Part(name.into()),
                format!("it claims {size} bytes, which the archive does not hold"),
                BROKEN,
            )
        })?;
        let file = self.file.try_clone();
        let file = file.map_err(|error| Error::io("open", path, error))?;
        Ok(Some((file, start, size)))
    }

    /// The first bytes of a member, at most `most`.
    pub fn start(&mut self, name: &str, most: u64) -> Result<Vec<u8>> {
        let path = &self.path;
        let member = self.zip.by_name(name);
        let member = member.map_err(|error| fault(path, &error))?;
        let mut bytes = Vec::new();
        let read = member.take(most).read_to_end(&mut bytes);
        read.map_err(|error| packed::broken_stream(path, 0, &error))?;
        Ok(bytes)
    }

    /// Unpacks a member, or its first `most` bytes, into a file of its own.
    pub fn unpack(&mut self, name: &str, most: u64, ask: &Ask) -> Result<File> {
        let path = &self.path;
        let member = self
            .zip
            .by_name(name)
            .map_err(|error| fault(path, &error))?;
        let claimed = member.size().min(most);
        packed::spool(path, &mut member.take(most), Some(claimed), ask)
    }

    /// All bytes of a small member. None if there is no such member; an error if it has more than `most` bytes.
    pub fn small(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let path = &self.path;
        let member = match self.zip.by_name(name) {
            Ok(member) => member,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(fault(path, &error)),
        };
        let mut bytes = Vec::new();
        let read = member.take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| packed::broken_stream(path, 0, &error))?;
        if bytes.len() as u64 > most {
            return Err(input_error(
                path,
                Place::Part(name.into()),
                format!("it unpacks to more than {most} bytes, and may not take more memory"),
                "give more --memory, or save the array alone",
            ));
        }
        Ok(Some(bytes))
    }
}

const BROKEN: &str = "it is truncated or corrupt; save it again";

/// The error for an archive or a member that cannot be opened.
fn fault(path: &Path, error: &ZipError) -> Error {
    if let ZipError::Io(error) = error
        && let Some(code) = error.raw_os_error()
    {
        return Error::io("read", path, std::io::Error::from_raw_os_error(code));
    }
    let (what, advice) = match error {
        ZipError::UnsupportedArchive(_)
        | ZipError::CompressionMethodNotSupported(_)
        | ZipError::InvalidPassword => (
            "packed in a way that is not read",
            "pack it again without a password, stored or deflated",
        ),
        _ => ("not a valid zip archive", BROKEN),
    };
    input_error(path, Place::Whole, format!("{what}: {error}"), advice)
}
