//! Finished spaces of a comparison, in a folder: `spaces/NAME.parquet` holds the records, `spaces/NAME.json` the report
//! and the key under which it was made.
//!
//! The key is a hash of the inputs' content and of all settings, so that a later run takes over what is still true,
//! notices what is not, and computes that again. A space is either there with both files or not at all: the report is
//! written last, and knows the table's content.

use super::certificates::{self, Writer};
use super::file::{self, Output};
use super::outcomes;
use super::records::{self, About};
use super::results::{self, Made};
use super::{Context, FileSink, InputInfo, RowSettings};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::fingerprint;
use crate::space::spec::{SpaceStage, Spec, slug};
use crate::space::{View, network_files};
use crate::study::compare::{Archive, ComparisonPlan, Keeper, RowContext, SpaceReport};
use crate::study::{Record, Sink};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Counts up when reports of an earlier version cannot be taken over any more.
const GENERATION: u32 = 3;

/// What a comparison is made from, beside the spaces.
#[derive(Debug, Clone, Serialize)]
pub struct Origin {
    pub command: String,
    /// The two sets as typed; empty for the built-in sample.
    pub inputs: Vec<String>,
    /// Hash of what was read beside the sets and changes results: the classes, and the names of query sets.
    pub content: String,
    pub rows: RowSettings,
    pub plan: ComparisonPlan,
    pub seed: u64,
    /// Further settings that change what is read: how images are decoded.
    pub more: String,
    /// The certificate of each verdict is kept too.
    #[serde(skip)]
    pub certificates: bool,
}

/// The folder of certificates in that of a comparison, a file a space.
pub const CERTIFICATES: &str = "certificates";

/// The name of a space's files: its slug, and a hash of it as typed unless no other space can have that slug.
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
    /// Hash of all settings, and of all inputs.
    settings: String,
    inputs: String,
    /// Hash of the table of records.
    table: String,
    report: SpaceReport,
}

/// The folder of a comparison.
pub struct Folder<'c> {
    folder: PathBuf,
    origin: Origin,
    control: &'c Control,
    /// Hashes of files met so far.
    known: HashMap<String, String>,
    /// The files of networks met so far.
    networks: HashMap<PathBuf, Vec<String>>,
    /// What was noticed.
    notes: Vec<String>,
    /// What the folder says its results are of, once there are some.
    made: Option<Made>,
}

impl<'c> Folder<'c> {
    /// A folder, which need not be there yet: it is made with the first space.
    pub fn new(folder: &Path, origin: Origin, control: &'c Control) -> Self {
        Folder {
            folder: folder.into(),
            origin,
            control,
            known: HashMap::new(),
            networks: HashMap::new(),
            notes: Vec::new(),
            made: None,
        }
    }

    /// The same, and the folder becomes one of these results with the first space that is computed.
    pub fn of(self, made: Made) -> Self {
        Folder {
            made: Some(made),
            ..self
        }
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

    /// A writer of a space's certificates, if they are asked for; else those of an earlier run are removed.
    fn proofs<'v>(
        &self,
        spec: &Spec,
        view: &'v View,
        context: &Context,
    ) -> Result<Option<Writer<'v>>> {
        let path = self.certificates(spec);
        if !self.origin.certificates {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::io("remove", &path, error))
                }
                _ => Ok(None),
            };
        }
        let folder = self.folder.join(CERTIFICATES);
        std::fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
        let (reference, queries) = (&*view.reference, &*view.queries);
        let rows = self.origin.rows.clone();
        let origin = certificates::Origin::of(reference, queries, rows, self.control)?;
        Writer::create(&path, context, origin, reference).map(Some)
    }

    fn hash(&mut self, input: &str) -> Result<String> {
        if let Some(hash) = self.known.get(input) {
            return Ok(hash.clone());
        }
        let hash = fingerprint(input, self.control)?;
        self.known.insert(input.into(), hash.clone());
        Ok(hash)
    }

    /// The files of a network, in as many as there are.
    fn network(&mut self, file: &Path) -> Vec<String> {
        let files = self.networks.entry(file.into()).or_insert_with(|| {
            let files = network_files(file);
            files
                .iter()
                .map(|file| file.display().to_string())
                .collect()
        });
        files.clone()
    }

    /// The key of a space: hashes of its settings and of its inputs.
    fn key(&mut self, spec: &Spec) -> Result<(String, String)> {
        let Origin {
            rows,
            plan,
            seed,
            more,
            inputs,
            ..
        } = &self.origin;
        let settings = serde_json::json!({
            "generation": GENERATION,
            "version": env!("CARGO_PKG_VERSION"),
            "space": spec.text,
            "rows": rows,
            "plan": plan,
            "seed": seed,
            "more": more,
            "inputs": inputs,
        });
        let mut files = inputs.clone();
        for stage in &spec.stages {
            match stage {
                SpaceStage::File { reference, queries } => {
                    files.extend([reference.clone(), queries.clone()]);
                }
                SpaceStage::Onnx(args) => files.extend(self.network(&args.file)),
                _ => {}
            }
        }
        let mut hashes: Vec<String> = files
            .iter()
            .map(|file| self.hash(file))
            .collect::<Result<_>>()?;
        hashes.push(self.origin.content.clone());
        let hex = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
        Ok((hex(&settings.to_string()), hex(&hashes.join(" "))))
    }
}

impl Archive for Folder<'_> {
    fn recall(&mut self, spec: &Spec) -> Result<Option<SpaceReport>> {
        let (table, path) = (self.path(spec, "parquet"), self.path(spec, "json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            return Ok(None);
        };
        // A file that cannot be read any more is from another program or version: it is written anew.
        let Ok(state) = serde_json::from_str::<State>(&text) else {
            return Ok(None);
        };
        let (settings, inputs) = self.key(spec)?;
        let lacks = self.origin.certificates && !self.certificates(spec).exists();
        let other = state.report.space != spec.text || state.settings != settings;
        if other || lacks || !table.exists() {
            return Ok(None);
        }
        let changed = if state.inputs != inputs {
            "an input"
        } else if state.table != fingerprint(&table.display().to_string(), self.control)? {
            "the table beside it"
        } else {
            let mut report = state.report;
            let ids = report
                .notions
                .iter()
                .map(|notion| notion.rate.notion.clone());
            let kept = outcomes::load(&table)?;
            let scores = ids.map(|id| outcomes::scores(&table, &kept, &spec.text, &id));
            report.scores = std::sync::Arc::new(scores.collect::<Result<_>>()?);
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
        if let Some(made) = self.made.take() {
            results::claim(&self.folder, &made)?;
        }
        let (settings, inputs) = self.key(spec)?;
        let context = Context {
            command: self.origin.command.clone(),
            reference: InputInfo::of(&*view.reference),
            queries: InputInfo::of(&*view.queries),
            plan: self.origin.plan.analysis.clone(),
            rows: self.origin.rows.clone(),
        };
        let path = self.path(spec, "json");
        let spaces = self.folder.join("spaces");
        std::fs::create_dir_all(&spaces).map_err(|error| Error::io("create", &spaces, error))?;
        // An old report must not stand beside new records.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("replace", &path, error));
            }
            _ => {}
        }
        let table = self.path(spec, "parquet");
        let about = About {
            reference: &*view.reference,
            queries: &*view.queries,
            plan: &self.origin.plan.analysis,
            space: Some(&spec.text),
            known,
        };
        Ok(Box::new(Space {
            proofs: self.proofs(spec, view, &context)?,
            records: records::create(&table, &context, &about)?,
            table,
            path,
            settings,
            inputs,
        }))
    }
}

/// One space on its way into the folder.
struct Space<'v> {
    records: Box<dyn FileSink + 'v>,
    proofs: Option<Writer<'v>>,
    table: PathBuf,
    path: PathBuf,
    settings: String,
    inputs: String,
}

impl Sink for Space<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        self.records.records(records)?;
        self.proofs
            .as_mut()
            .map_or(Ok(()), |proofs| proofs.records(records))
    }
}

impl Keeper for Space<'_> {
    fn finish(self: Box<Self>, report: &SpaceReport) -> Result<()> {
        let Space {
            records,
            proofs,
            table,
            path,
            settings,
            inputs,
        } = *self;
        let proofs = proofs.map(|proofs| Box::new(proofs).written());
        let written = [proofs, Some(records.written())];
        file::commit_all(written.into_iter().flatten().collect::<Result<_>>()?)?;
        let state = State {
            settings,
            inputs,
            table: fingerprint(&table.display().to_string(), &Control::default())?,
            report: report.clone(),
        };
        let text = serde_json::to_string(&state);
        let text = text.map_err(|error| Error::io("write", &path, error.into()))?;
        file::write_text(&path.display().to_string(), &text)
    }
}

/// What no folder's name ends in by intent: the formats of tables, pages, figures and archives.
const FILE_ENDINGS: [&str; 19] = [
    "arrow", "csv", "feather", "html", "htm", "ipc", "jpg", "json", "jsonl", "md", "ndjson", "npy",
    "npz", "parquet", "pdf", "png", "pq", "svg", "txt",
];

/// See whether files can be written into a folder that may not be there yet; nothing is left behind.
///
/// Errors ([`Error::Usage`]): the path is a file, or is not there and has a file's ending; or a folder that cannot be
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
        return Err(Error::Usage(format!(
            "{} is a file; -o names a folder",
            folder.display()
        )));
    }
    let mut there = folder;
    while !there.as_os_str().is_empty() && !there.exists() {
        there = there.parent().unwrap_or(Path::new(""));
    }
    let there = if there.as_os_str().is_empty() {
        Path::new(".")
    } else {
        there
    };
    Output::create(&there.join(".hullscope-check")).map(drop)
}

/// The spaces whose certificates a comparison's folder holds, as typed, each with its file.
///
/// Errors: a folder that cannot be read, or holds none, or none of a space of its results; a space whose report cannot be read.
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
        let Some(stem) = path
            .file_stem()
            .filter(|_| path.extension().is_some_and(|e| e == "parquet"))
        else {
            continue;
        };
        let state = folder
            .join("spaces")
            .join(stem)
            .with_added_extension("json");
        let text =
            std::fs::read_to_string(&state).map_err(|error| Error::io("read", &state, error))?;
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

/// Those of the spaces that are among a folder's results, if these are there: files of earlier comparisons stay to be taken
/// over. Errors: a space of the results without a file.
fn of_results(folder: &Path, mut found: Vec<(String, PathBuf)>) -> Result<Vec<(String, PathBuf)>> {
    let text = std::fs::read_to_string(folder.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(spaces) = summary["spaces"].as_array() else {
        return Ok(found);
    };
    let spaces: Vec<&str> = spaces.iter().filter_map(|s| s["space"].as_str()).collect();
    let known = |space: &&&str| found.iter().any(|(other, _)| other == *space);
    let without: Vec<&str> = spaces
        .iter()
        .filter(|space| !known(space))
        .copied()
        .collect();
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
