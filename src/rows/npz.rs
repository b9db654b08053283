//! `.npz`: a zip archive of `.npy` members. The chosen member is unpacked once into a spool file.

use super::npy;
use super::open::{HEAD, Input, Table, broken_stream};
use crate::error::{Error, Place, Result};
use std::io::{Read, Seek};
use std::path::Path;
use zip::ZipArchive;

pub(super) fn open(input: Input, member: Option<&str>, temporary: &Path) -> Result<Table> {
    let path = input.path.clone();
    let corrupt = |error: zip::result::ZipError| {
        super::open::input_error(
            &path,
            Place::Whole,
            format!("not a valid zip archive: {error}"),
            "it is truncated or corrupt; save it again with numpy.savez",
        )
    };
    let mut archive = ZipArchive::new(input.rewound()?).map_err(corrupt)?;
    let names: Vec<String> = archive
        .file_names()
        .filter_map(|name| name.ok().map(|name| name.into_owned()))
        .filter(|name| name.ends_with(".npy"))
        .collect();
    let chosen = choose(&path, &names, member)?;
    let mut packed = archive.by_name(&chosen).map_err(corrupt)?;
    let mut spool = tempfile::tempfile_in(temporary)
        .map_err(|error| Error::io("write a spool file in", temporary, error))?;
    let size = copy(&path, &mut packed, &mut spool, temporary)?;
    spool
        .rewind()
        .map_err(|error| Error::io("read", &path, error))?;
    let mut head = vec![0; HEAD.min(size as usize)];
    spool
        .read_exact(&mut head)
        .map_err(|error| Error::io("read", &path, error))?;
    let path = Path::new(&format!(
        "{}:{}",
        path.display(),
        chosen.trim_end_matches(".npy")
    ))
    .to_path_buf();
    npy::open(Input {
        file: spool,
        path,
        size,
        head,
    })
}

/// Copy a member; a fault in reading is the archive's, one in writing the spool's.
fn copy(
    path: &Path,
    from: &mut dyn Read,
    to: &mut dyn std::io::Write,
    temporary: &Path,
) -> Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = from
            .read(&mut buffer)
            .map_err(|error| broken_stream(path, size, &error))?;
        if read == 0 {
            return Ok(size);
        }
        to.write_all(&buffer[..read])
            .map_err(|error| Error::io("write a spool file in", temporary, error))?;
        size += read as u64;
    }
}

/// The member asked for, with or without `.npy`, or the only one.
fn choose(path: &Path, names: &[String], member: Option<&str>) -> Result<String> {
    let list = || {
        names
            .iter()
            .map(|name| name.trim_end_matches(".npy"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let fault = |place, what: String| {
        Err(super::open::input_error(
            path,
            place,
            what,
            "write FILE:MEMBER",
        ))
    };
    match (member, names) {
        (_, []) => fault(Place::Whole, "the archive holds no arrays (.npy)".into()),
        (Some(member), _) => match names
            .iter()
            .find(|name| name.trim_end_matches(".npy") == member.trim_end_matches(".npy"))
        {
            Some(name) => Ok(name.clone()),
            None => fault(
                Place::Part(member.into()),
                format!("there is no such member; there are: {}", list()),
            ),
        },
        (None, [only]) => Ok(only.clone()),
        (None, _) => fault(
            Place::Whole,
            format!("the archive holds several arrays: {}", list()),
        ),
    }
}
