//! Rows that a `.hull` does not hold: it names their file, and knows by a hash whether it is still the same.

use super::{ReferenceFacts, SpaceAndLabels};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::{self, Rows, Watch};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Rows that stay in their own files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The absolute path.
    pub path: String,
    /// The [`rows::fingerprint`] of the rows.
    pub fingerprint: String,
}

/// Where rows were read from, as far as a link needs to know it.
#[derive(Debug, Clone)]
pub enum Source {
    /// Files, as they were when they were about to be read.
    Files { path: String, watch: Watch },
    /// The files of a link that was opened.
    Linked(Link),
    /// What cannot be read again.
    Pipe,
}

impl Source {
    /// Of rows that are about to be read, named as the user does. Errors: there is no current folder.
    pub fn of(named: &str) -> Result<Self> {
        let is_pipe = named.split(':').next() == Some(rows::PIPE);
        if is_pipe || rows::check_repeatable(named).is_err() {
            return Ok(Source::Pipe);
        }
        let path = std::path::absolute(named);
        let path = path.map_err(|error| Error::io("find", Path::new(named), error))?;
        let path = path.display().to_string();
        Ok(Source::Files {
            watch: Watch::of([path.clone()]),
            path,
        })
    }

    /// The link to the rows that a reference was fitted on; `source` is that of the rows, if they are those of files.
    ///
    /// Errors: rows that are in no file, or cannot be read from there again; files that have changed since they were read; a
    /// reference with a space or labels.
    pub fn link(source: Option<&Self>, beside: &SpaceAndLabels, control: &Control) -> Result<Link> {
        let why = match (source, beside.way.is_some(), beside.labels.is_some()) {
            (_, true, _) => "rows in a space are in no file that could be named",
            (_, _, true) => "a reference with labels cannot name the file of its rows",
            (None, ..) => "the rows are in no file that could be named",
            (Some(Source::Pipe), ..) => "rows from a pipe cannot be read again",
            (Some(Source::Linked(link)), ..) => {
                link.check(Path::new(&link.path), control)?;
                return Ok(link.clone());
            }
            (Some(Source::Files { path, watch }), ..) => {
                let (path, fingerprint) = (path.clone(), rows::fingerprint(path, control)?);
                watch.check(&path)?;
                return Ok(Link { path, fingerprint });
            }
        };
        Err(Error::Usage(format!(
            "{why}; leave out --link, and the file holds the rows"
        )))
    }
}

impl Link {
    /// The rows, of which at most `memory` bytes stay in memory; `path` is the file with the link.
    ///
    /// Errors: rows that cannot be read, or whose fingerprint has changed.
    pub(super) fn open(
        &self,
        path: &Path,
        about: &ReferenceFacts,
        memory: u64,
        control: &Control,
    ) -> Result<Box<dyn Rows>> {
        let options = rows::OpenOptions {
            memory,
            ..about.settings.reference_options()
        };
        self.check(path, control)?;
        let found = rows::open(&self.path, &options, control)?;
        if (found.len(), found.dim()) != (about.set.rows, about.set.dim) {
            return Err(self.changed(path, "whose content has changed"));
        }
        Ok(found)
    }

    /// Refuses files that have changed; `path` is the file with the link.
    fn check(&self, path: &Path, control: &Control) -> Result<()> {
        match rows::fingerprint(&self.path, control)? == self.fingerprint {
            true => Ok(()),
            false => Err(self.changed(path, "which has changed")),
        }
    }

    /// The error of `path`, a file with the link, or the linked file itself.
    fn changed(&self, path: &Path, what: &str) -> Error {
        let what = format!("the rows are those of {}, {what}", self.path);
        let advice = "put the first one back, or make the file again with hullscope fit";
        Error::input(path.display().to_string(), Place::Whole, what, advice)
    }
}
