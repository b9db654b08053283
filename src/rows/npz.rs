//! `.npz`: a zip archive of `.npy` members. The chosen member is unpacked once into a spool file.

use super::archive::{self, Archive};
use super::format::Format;
use super::input::{Input, input_error};
use super::table::{Ask, Table};
use super::{npy, refused};
use crate::error::{Place, Result, SHOWN, first_of};
use std::path::{Path, PathBuf};

/// The members of every sparse matrix that SciPy saves, besides its indices.
const SPARSE: [&str; 3] = ["format.npy", "shape.npy", "data.npy"];

/// NumPy's archives of arrays.
pub(in crate::rows) struct Npz;

impl Format for Npz {
    fn name(&self) -> &'static str {
        "npz"
    }

    fn sniff(&self, input: &Input) -> bool {
        archive::is_zip(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        ".npz"
    }

    fn member(&self) -> Option<&'static str> {
        Some("MEMBER")
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["npz"]
    }
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let path = &input.path;
    let mut archive = Archive::open(&input)?;
    let mut names = archive.names();
    names.retain(|name| name.ends_with(".npy"));
    let is_there = |member: &&str| names.iter().any(|name| name == member);
    if ask.member.is_none() && SPARSE.iter().all(is_there) {
        return Err(input.error(
            Place::Whole,
            "this is a sparse matrix of SciPy, which is not read",
            refused::of_file(refused::SPARSE, path),
        ));
    }
    let chosen = choose(path, &names, ask.member)?;
    let name = PathBuf::from(format!(
        "{}:{}",
        path.display(),
        chosen.trim_end_matches(".npy")
    ));
    // A few packed bytes can unpack to a disk full of zeros, so no more than the array claims is unpacked, and one byte
    // to detect excess.
    let head = archive.start(&chosen, npy::LONGEST_HEADER as u64 + 12)?;
    let claimed = npy::size(&name, &head, ask.dtype)?;
    let spool = archive.unpack(&chosen, claimed.saturating_add(1), ask)?;
    npy::open(Input::of(spool, name, "npy".into())?, ask)
}

/// The member that the user names, with or without `.npy`, or the only one.
fn choose(path: &Path, names: &[String], member: Option<&str>) -> Result<String> {
    let list = || {
        let arrays: Vec<&str> = names
            .iter()
            .map(|name| name.trim_end_matches(".npy"))
            .collect();
        first_of(&arrays, SHOWN)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_lists_the_first_members_and_counts_the_others() {
        let names: Vec<String> = (0..60_000).map(|at| format!("a{at}.npy")).collect();
        for member in [Some("b"), None] {
            let said = choose(Path::new("many.npz"), &names, member)
                .unwrap_err()
                .to_string();
            assert!(said.contains("a0, a1, "), "{said}");
            assert!(said.contains("a59 and 59940 more"), "{said}");
            assert!(said.len() < 500, "{said}");
        }
        let few = choose(Path::new("few.npz"), &names[..2], None)
            .unwrap_err()
            .to_string();
        assert!(few.contains("a0, a1") && !few.contains("more"), "{few}");
    }
}
