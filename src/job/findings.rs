//! Findings of each experiment, kept in a folder as `findings/NAME.json`: a run adds its experiments to those of earlier
//! runs, each with its own command, date, settings and notes.

use crate::error::Result;
use crate::report::paper::{Experiment, NAMES};
use crate::store::file;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Version of the findings; raised when those of earlier versions can no longer be shown together with new ones.
const GENERATION: u32 = 1;

/// One experiment on disk.
#[derive(Serialize, Deserialize)]
struct KeptFindings<E> {
    generation: u32,
    version: String,
    #[serde(flatten)]
    experiment: E,
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join("findings").join(format!("{name}.json"))
}

/// Writes an experiment in place of its earlier run. The folder is created if it does not exist yet.
pub fn keep(folder: &Path, experiment: &Experiment) -> Result<()> {
    let path = path(folder, &experiment.name);
    file::create_folder(&folder.join("findings"))?;
    let kept = KeptFindings {
        generation: GENERATION,
        version: env!("CARGO_PKG_VERSION").into(),
        experiment,
    };
    file::write_json(&path, &kept)
}

/// All experiments of a folder, in the order of the paper: those just made, and the others as stored. The second list says
/// why stored ones cannot be used.
pub fn all(folder: &Path, made: &[Experiment]) -> (Vec<Experiment>, Vec<String>) {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for name in NAMES {
        if let Some(own) = made.iter().find(|experiment| experiment.name == name) {
            all.push(own.clone());
            continue;
        }
        match recall(folder, name) {
            Ok(known) => all.extend(known),
            Err(why) => notes.push(format!(
                "{} {why}: the findings of {name} are left out; run `hullscope paper {name}` with this folder again",
                path(folder, name).display()
            )),
        }
    }
    (all, notes)
}

/// The stored experiment of that name, if there is one; or why it cannot be used.
pub fn recall(folder: &Path, name: &str) -> Result<Option<Experiment>, String> {
    let text = match std::fs::read_to_string(path(folder, name)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read ({error})")),
    };
    let broken = |error| format!("does not hold what this program keeps ({error})");
    // The version is read first: in another version the other fields may differ.
    let head: KeptFindings<Value> = serde_json::from_str(&text).map_err(broken)?;
    if head.generation != GENERATION || head.version != env!("CARGO_PKG_VERSION") {
        return Err(format!(
            "was written by version {} of this program, and this is {}",
            head.version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let kept: KeptFindings<Experiment> = serde_json::from_str(&text).map_err(broken)?;
    if kept.experiment.name != name {
        return Err(format!("holds the findings of {}", kept.experiment.name));
    }
    Ok(Some(kept.experiment))
}
