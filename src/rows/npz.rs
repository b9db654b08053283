//! `.npz`: a zip archive of `.npy` members. The chosen member is unpacked once into a spool file.

use super::input::{Input, input_error};
use super::npy;
use super::packed;
use super::table::{Ask, Table};
use crate::error::{Place, Result};
use std::path::Path;
use zip::ZipArchive;

pub(super) fn open(input: Input, ask: &Ask) -> Result<Table> {
    let path = input.path.clone();
    let corrupt = |error: zip::result::ZipError| {
        input_error(
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
    let chosen = choose(&path, &names, ask.member)?;
    let mut packed = archive.by_name(&chosen).map_err(corrupt)?;
    let claimed = packed.size();
    let spool = packed::spool(&path, &mut packed, Some(claimed), ask)?;
    let name = format!("{}:{}", path.display(), chosen.trim_end_matches(".npy"));
    npy::open(Input::of(spool, name.into(), "npy".into())?, ask)
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
    let fault = |place, what: String| Err(input_error(path, place, what, "write FILE:MEMBER"));
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
