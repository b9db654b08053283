//! Finished spaces of a comparison, in a folder: `spaces/NAME.parquet` holds the records, `spaces/NAME.json` the report
//! and the key under which it was made.
//!
//! The key is a hash of the inputs' content and of all settings: a later run reuses the spaces whose key is unchanged and
//! computes the others again. A space has both files or counts as absent: the report is written last and holds the hash of
//! the table.

use super::record_files::RecordFiles;
use super::results::{self, FolderOwner};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::report::records::About;
use crate::rows::{RowSettings, Watch, fingerprint};
use crate::space::spec::{SpaceStage, Spec, slug};
use crate::space::{View, network_files};
use crate::store::file::{self, Output};
use crate::store::{Context, InputInfo, queries};
use crate::study::compare::{Archive, ComparisonPlan, Keeper, RowContext, SpaceReport};
use crate::study::{Record, Sink};
use itertools::Itertools;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version of the reports; raised when reports of earlier versions can no longer be reused.
const GENERATION: u32 = 3;

/// What a comparison depends on, except for its spaces.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonRun {
    pub command: String,
    /// The two sets as typed; empty for the built-in sample.
    pub inputs: Vec<String>,
    /// Hash of the other inputs that change results: the classes, and the names of query sets.
    pub content: String,
    pub rows: RowSettings,
    pub plan: ComparisonPlan,
    pub seed: u64,
    /// Further settings that change the rows: how images are decoded.
    pub more: String,
    /// Whether the certificate of each verdict is kept.
    #[serde(skip)]
    pub certificates: bool,
    /// The files of the inputs, watched since before they were read.
    #[serde(skip)]
    pub watch: Arc<Watch>,
}

/// The folder of certificates within that of a comparison, one file per space.
const CERTIFICATES: &str = "certificates";

/// The name of a space's files: its slug, with a hash of the space as typed unless no other space can have that slug.
pub fn name(space: &str) -> String {
    let slug = slug(space);
    let plain = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || ":|-".contains(letter)
    };
    if space.chars().all(plain) && slug.len() == space.len() {
        return slug;
    }
    let hash = blake3::hash(space.as_bytes()).to_hex();
    format!("{slug}-{}", &hash[..6])
}

/// The state of one space on disk.
#[derive(Serialize, Deserialize)]
struct State {
    /// All settings.
    settings: Value,
    /// Hash of all inputs; empty where an input changed during the run.
    inputs: String,
    /// Hash of the table of records.
    table: String,
    report: SpaceReport,
}

/// The folder of a comparison.
pub struct Folder<'c> {
    folder: PathBuf,
    run: ComparisonRun,
    control: &'c Control,
    /// Hashes of input files by path, computed so far.
    known: HashMap<String, String>,
    /// The files of each network that were found so far.
    networks: HashMap<PathBuf, Vec<String>>,
    /// Notes for the user.
    notes: Vec<String>,
    /// The spaces that were recalled, and those that are computed again under other settings.
    reused: Vec<String>,
    differ: Vec<String>,
    /// The names of these settings.
    settings: BTreeSet<String>,
    /// The command and inputs to be written into the folder with the first space.
    owner: Option<FolderOwner>,
}

impl<'c> Folder<'c> {
    /// A folder, which need not exist yet: it is created with the first space.
    pub fn new(folder: &Path, run: ComparisonRun, control: &'c Control) -> Self {
        Folder {
            folder: folder.into(),
            run,
            control,
            known: HashMap::new(),
            networks: HashMap::new(),
            notes: Vec::new(),
            reused: Vec::new(),
            differ: Vec::new(),
            settings: BTreeSet::new(),
            owner: None,
        }
    }

    /// The same folder, which is marked with the command and inputs of its `owner` when the first space is written.
    pub fn marked_as(self, owner: FolderOwner) -> Self {
        Folder {
            owner: Some(owner),
            ..self
        }
    }

    /// A line about the spaces that were in the folder and are not computed again, and one about those that are, because settings
    /// differ. They are not in the results, which do not depend on how they were come by.
    pub fn reuse(&self) -> Vec<String> {
        let folder = self.folder.display();
        let settings = self.settings.iter().join(", ");
        let (reused, differ) = (self.reused.join(", "), self.differ.join(", "));
        let lines = [
            (!reused.is_empty()).then(|| format!("taken over from {folder}, where they are kept: {reused}")),
            (!differ.is_empty()).then(|| {
                format!("computed again, because settings differ from those in {folder} ({settings}): {differ}")
            }),
        ];
        lines.into_iter().flatten().collect()
    }

    fn path(&self, spec: &Spec, ending: &str) -> PathBuf {
        let name = name(&spec.text);
        self.folder.join("spaces").join(format!("{name}.{ending}"))
    }

    /// The file of a space's certificates.
    fn certificates(&self, spec: &Spec) -> PathBuf {
        let file = format!("{}.parquet", name(&spec.text));
        self.folder.join(CERTIFICATES).join(file)
    }

    fn hash(&mut self, input: &str) -> Result<String> {
        if let Some(hash) = self.known.get(input) {
            return Ok(hash.clone());
        }
        let hash = fingerprint(input, self.control)?;
        self.known.insert(input.into(), hash.clone());
        Ok(hash)
    }

    /// The files of a network: the ONNX file, and those that hold its weights.
    fn network(&mut self, file: &Path) -> Vec<String> {
        let find = || {
            let files = network_files(file);
            let names = files.iter().map(|file| file.display().to_string());
            names.collect()
        };
        self.networks
            .entry(file.into())
            .or_insert_with(find)
            .clone()
    }

    /// What a space reads: the sets, and its own embeddings and networks.
    fn inputs(&mut self, spec: &Spec) -> Vec<String> {
        let mut inputs = self.run.inputs.clone();
        for stage in &spec.stages {
            match stage {
                SpaceStage::File { reference, queries } => {
                    inputs.extend([reference.clone(), queries.clone()]);
                }
                SpaceStage::Onnx(args) => inputs.extend(self.network(&args.file)),
                _ => {}
            }
        }
        inputs
    }

    /// The key of a space: its settings, and a hash of its inputs.
    fn key(&mut self, spec: &Spec) -> Result<(Value, String)> {
        let mut hashes: Vec<String> = Vec::new();
        for input in self.inputs(spec) {
            hashes.push(self.hash(&input)?);
        }
        let run = &self.run;
        let settings = json!({
            "generation": GENERATION,
            "version": env!("CARGO_PKG_VERSION"),
            "space": spec.text,
            "rows": run.rows,
            "plan": run.plan,
            "seed": run.seed,
            "more": run.more,
            "inputs": run.inputs,
        });
        hashes.push(run.content.clone());
        let hash = blake3::hash(hashes.join(" ").as_bytes());
        Ok((settings, hash.to_hex().to_string()))
    }
}

impl Archive for Folder<'_> {
    fn recall(&mut self, spec: &Spec) -> Result<Option<SpaceReport>> {
        let (table, path) = (self.path(spec, "parquet"), self.path(spec, "json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            return Ok(None);
        };
        // A file that cannot be parsed is from another program or version: it is written anew.
        let Ok(state) = serde_json::from_str::<State>(&text) else {
            return Ok(None);
        };
        let (settings, inputs) = self.key(spec)?;
        if state.report.space != spec.text || !table.exists() {
            return Ok(None);
        }
        let mut others = others(&state.settings, &settings);
        if self.run.certificates && !self.certificates(spec).exists() {
            others.push("certificates".into());
        }
        if !others.is_empty() {
            self.differ.push(spec.text.clone());
            self.settings.extend(others);
            return Ok(None);
        }
        // The hash may be of files that took the place of those that this run has read.
        let read = self.inputs(spec);
        if !as_read(&self.run.watch, &read) {
            return Ok(None);
        }
        let changed = if state.inputs != inputs {
            "an input"
        } else if state.table != fingerprint(&table.display().to_string(), self.control)? {
            "the table beside it"
        } else {
            let mut report = state.report;
            let kept = queries::load(&table)?;
            let scores = report
                .notions
                .iter()
                .map(|notion| queries::scores(&table, &kept, &spec.text, &notion.rate.notion));
            report.scores = Arc::new(scores.collect::<Result<_>>()?);
            self.reused.push(spec.text.clone());
            return Ok(Some(report));
        };
        self.notes.push(format!(
            "{changed} has changed since {} was written: {} is computed again",
            path.display(),
            spec.text
        ));
        Ok(None)
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn begin<'v>(
        &mut self,
        spec: &Spec,
        view: &'v View,
        known: RowContext<'v>,
    ) -> Result<Box<dyn Keeper + 'v>> {
        if let Some(owner) = self.owner.take() {
            results::claim(&self.folder, &owner)?;
        }
        let (settings, inputs) = self.key(spec)?;
        let context = Context {
            command: self.run.command.clone(),
            reference: InputInfo::of(&*view.reference),
            queries: InputInfo::of(&*view.queries),
            plan: self.run.plan.analysis.clone(),
            rows: self.run.rows.clone(),
        };
        let path = self.path(spec, "json");
        file::create_folder(&self.folder.join("spaces"))?;
        // An old report must not remain beside new records.
        file::remove(&path)?;
        let table = self.path(spec, "parquet");
        let about = About {
            reference: &*view.reference,
            queries: &*view.queries,
            plan: &self.run.plan.analysis,
            space: Some(&spec.text),
            known,
        };
        let proofs = Some(self.certificates(spec));
        let proofs = proofs.filter(|_| self.run.certificates);
        match &proofs {
            Some(_) => file::create_folder(&self.folder.join(CERTIFICATES))?,
            // Those of an earlier run must not remain beside new records.
            None => file::remove(&self.certificates(spec))?,
        }
        let paths = [Some(&*table), proofs.as_deref()];
        Ok(Box::new(Space {
            files: RecordFiles::create(&context, &about, paths, self.control)?,
            table,
            path,
            settings,
            hash: inputs,
            inputs: self.inputs(spec),
            watch: self.run.watch.clone(),
        }))
    }
}

/// The names of the settings in which two runs differ.
fn others(one: &Value, other: &Value) -> Vec<String> {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return Vec::from_iter((one != other).then(|| "all".into()));
    };
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name));
    let within = differ.flat_map(|name| match (one.get(name), other.get(name)) {
        (Some(Value::Object(_)), Some(Value::Object(_))) => others(&one[name], &other[name]),
        _ => vec![name.clone()],
    });
    within.collect()
}

/// Whether inputs are still the files that were read. If not, their hash may be of what was read or of what replaced it, and no
/// later run may rely on it.
fn as_read(watch: &Watch, inputs: &[String]) -> bool {
    inputs.iter().all(|input| watch.check(input).is_ok())
}

/// A space that is being written into the folder.
struct Space<'v> {
    files: RecordFiles<'v>,
    table: PathBuf,
    path: PathBuf,
    settings: Value,
    /// Hash of the content of the inputs.
    hash: String,
    /// The paths of the inputs.
    inputs: Vec<String>,
    watch: Arc<Watch>,
}

impl Sink for Space<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        self.files.records(records)
    }
}

impl Keeper for Space<'_> {
    fn finish(self: Box<Self>, report: &SpaceReport) -> Result<()> {
        let Space {
            files,
            table,
            path,
            settings,
            hash,
            inputs,
            watch,
        } = *self;
        files.finish()?;
        let state = State {
            settings,
            inputs: match as_read(&watch, &inputs) {
                true => hash,
                false => String::new(),
            },
            table: fingerprint(&table.display().to_string(), &Control::default())?,
            report: report.clone(),
        };
        file::write_json(&path, &state)
    }
}

/// Extensions of tables, pages, figures and archives: a path that ends in one of them is not meant as a folder.
const FILE_ENDINGS: [&str; 19] = [
    "arrow", "csv", "feather", "html", "htm", "ipc", "jpg", "json", "jsonl", "md", "ndjson", "npy",
    "npz", "parquet", "pdf", "png", "pq", "svg", "txt",
];

/// Checks that files can be written into a folder, which need not exist yet; nothing is left behind.
///
/// Errors ([`Error::Usage`]): the path is a file, or does not exist and has a file's extension; or the folder cannot be
/// written.
pub fn check(folder: &Path) -> Result<()> {
    let ending = folder.extension().map(|ending| ending.to_ascii_lowercase());
    let of_file = ending.is_some_and(|ending| FILE_ENDINGS.iter().any(|known| ending == *known));
    if of_file && !folder.exists() {
        return Err(Error::Usage(format!(
            "-o {} has the ending of a file, and -o names the folder that several files are written into; type -o {}",
            folder.display(),
            folder.with_extension("").display()
        )));
    }
    if folder.exists() && !folder.is_dir() {
        let what = format!("{} is a file; -o names a folder", folder.display());
        return Err(Error::Usage(what));
    }
    let above = folder.ancestors().find(|above| above.exists());
    let there = above.unwrap_or(Path::new("."));
    Output::create(&there.join(".hullscope-check")).map(drop)
}

/// The spaces whose certificates a comparison's folder holds, as typed, each with its file.
///
/// Errors: a folder that cannot be read or holds no certificates of its results; a space whose report cannot be read.
pub fn certified(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let proofs = folder.join(CERTIFICATES);
    let failed = |error| Error::io("list", &proofs, error);
    let none = || {
        Error::Usage(format!(
            "{} holds no certificates: run `hullscope compare` with --certificates and this -o",
            folder.display()
        ))
    };
    if !proofs.is_dir() {
        return Err(none());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&proofs).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_table = path.extension().is_some_and(|ending| ending == "parquet");
        let Some(stem) = path.file_stem().filter(|_| is_table) else {
            continue;
        };
        let state = folder.join("spaces").join(stem);
        let state = state.with_added_extension("json");
        let text = std::fs::read_to_string(&state);
        let text = text.map_err(|error| Error::io("read", &state, error))?;
        let stored: State = serde_json::from_str(&text).map_err(|error| {
            let what = format!("it is no report of a space ({error})");
            let advice = "run the comparison into this folder again";
            Error::input(state.display().to_string(), Place::Whole, what, advice)
        })?;
        found.push((stored.report.space, path));
    }
    found.sort();
    if found.is_empty() {
        return Err(none());
    }
    of_results(folder, found)
}

/// The spaces that belong to the folder's latest results, if `summary.json` lists these: spaces of earlier comparisons stay
/// in the folder for reuse. Errors: a space of the results without a file.
fn of_results(folder: &Path, mut found: Vec<(String, PathBuf)>) -> Result<Vec<(String, PathBuf)>> {
    let text = std::fs::read_to_string(folder.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(spaces) = summary["spaces"].as_array() else {
        return Ok(found);
    };
    let spaces: Vec<&str> = spaces.iter().filter_map(|s| s["space"].as_str()).collect();
    let known = |space: &&&str| found.iter().any(|(other, _)| other == *space);
    let without = spaces.iter().filter(|space| !known(space)).copied();
    let without: Vec<&str> = without.collect();
    if !without.is_empty() {
        return Err(Error::Usage(format!(
            "{} has no certificates of its results in {}: run `hullscope compare` with --certificates and this -o",
            folder.display(),
            without.join(", ")
        )));
    }
    found.retain(|(space, _)| spaces.contains(&space.as_str()));
    Ok(found)
}
