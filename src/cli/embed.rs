//! `hullscope embed`: the rows of a space, as files that other programs read.

use super::numbers;
use super::progress::{Bar, Shown};
use super::run::tell_notes;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::archive;
use crate::job::images::{ImageArgs, Labelled};
use crate::job::networks::NetworkArgs;
use crate::job::row_args::RowArgs;
use crate::report::embeddings::Embeddings;
use crate::rows::said;
use crate::space::spec::{SpaceStage, Spec, slug};
use crate::space::{Frames, Set, Settings, View, Views, frames, joined};
use crate::store::{file, parquet_file};
use crate::warnings::Warnings;
use clap::ValueEnum;
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  hullscope embed --space onnx:sample@features -o out/
      the built-in sample: out/sample-reference.npy and out/sample-queries.npy, with their classes
  hullscope embed --space onnx:vit.onnx,pool=cls,preset=clip photos/train photos/test -o out/
      each image prepared from its own size, whatever it is
  hullscope embed --space pca:64 --format parquet train.npy test.npy extra.npy -o out/
      all three in the principal components of the first, with row numbers, ids and labels
  hullscope embed --space 'file:a.npy,b.npy|whiten' -o out/";

/// The rows of a space as files: networks run and components fitted, for other programs
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples; `compare --help` lists the spaces.")]
pub struct Args {
    /// Sets of images or vectors; spaces are fitted on the first (without any: the built-in sample)
    sets: Vec<String>,
    /// A space, as in pca:8,16 or onnx:resnet.onnx@features; may be given several times
    #[arg(long = "space", value_name = "SPACE", required = true)]
    spaces: Vec<String>,
    /// Write one file per set into this folder, or one per set and space where there are several spaces
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Format of the files: .npy (classes in NAME.labels.txt), or .parquet with row numbers, ids, files and labels
    #[arg(long, value_enum, default_value_t = FileFormat::Npy)]
    format: FileFormat,
    /// Seed of random spaces
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    #[command(flatten)]
    rows: RowArgs,
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<usize>,
    /// No lines about what was written, no notes, no progress bar
    #[arg(short, long)]
    quiet: bool,
    /// How progress is shown: a bar on a terminal and plain lines elsewhere (auto), lines, or nothing
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Shown::Auto)]
    progress: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Npy,
    Parquet,
}

/// Runs the command.
pub fn run(args: Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.threads)?;
    let specs = Spec::parse_all(&args.spaces)?;
    let source = Source::of(&args, &specs)?;
    let names = source.names(&specs);
    check_outputs(&args, &specs, &source, &names)?;
    let bar = Bar::start(control, args.progress.unless(args.quiet));
    let frames = frames(&specs)?;
    let (sets, left) = source.open(&args, frames.as_ref(), control)?;
    let settings = args.settings(left)?;
    let mut views = Views::new(pair(&sets)?, specs.clone(), settings, control)?;
    let mut said = notes_of(&sets, &args, &mut views);
    let mut written = Vec::new();
    for (place, spec) in specs.iter().enumerate() {
        control.set_task(format!("{} ({} of {})", spec.text, place + 1, specs.len()));
        let view = views.view(spec, control)?;
        let notes = views.take_warnings().into_iter();
        said.extend(notes.map(|note| format!("{}: {note}", spec.text)));
        for (set, name) in names.iter().enumerate() {
            let [rows, labels] = paths(&args, &file_name(name, spec, specs.len() > 1));
            let made = embeddings_of(&view, set, &sets);
            written.push(write(&args, spec, &made, &rows, control)?);
            written.extend(write_labels(&args, &made, &labels)?);
        }
    }
    drop(bar);
    tell_notes(args.quiet, said);
    match args.quiet {
        true => Ok(()),
        false => file::print(&(written.join("\n") + "\n")),
    }
}

impl Args {
    fn settings(&self, memory: u64) -> Result<Settings> {
        Ok(Settings {
            seed: self.seed,
            memory,
            files: self.rows.both()?,
            onnx_runtime: self.networks.onnx_runtime.clone(),
        })
    }
}

/// The first set as the reference, and all others one after another as the queries.
fn pair(sets: &[Labelled]) -> Result<Option<(Set, Set)>> {
    let Some((Labelled { set: first, .. }, others)) = sets.split_first() else {
        return Ok(None);
    };
    let others: Vec<Set> = others.iter().map(|other| other.set.clone()).collect();
    let others = match others.is_empty() {
        true => first.first_row(),
        false => joined(first, others)?,
    };
    Ok(Some((first.clone(), others)))
}

/// Where the rows that the spaces transform come from.
enum Source {
    /// Every space begins with files of its own (`file:`).
    Files,
    Sample,
    Sets(Vec<String>),
}

impl Source {
    fn of(args: &Args, specs: &[Spec]) -> Result<Source> {
        let files = |spec: &&Spec| matches!(spec.stages.first(), Some(SpaceStage::File { .. }));
        let of_files = specs.iter().filter(files).count();
        let wrong = |why: &str| Err(Error::Usage(why.into()));
        if of_files > 0 && (of_files < specs.len() || !args.sets.is_empty()) {
            return wrong(
                "`file:` names its own two sets: name no sets, and only spaces that begin with `file:`",
            );
        }
        if args.images.labels.is_some() && args.sets.len() != 2 {
            return wrong("--labels and --query-labels are for two sets");
        }
        Ok(match (of_files > 0, args.sets.is_empty()) {
            (true, _) => Source::Files,
            (false, true) => Source::Sample,
            (false, false) => Source::Sets(args.sets.clone()),
        })
    }

    /// Opens the sets; also the bytes of the budget that they leave. No set is opened where spaces name files.
    fn open(
        &self,
        args: &Args,
        frames: Option<&Frames>,
        control: &Control,
    ) -> Result<(Vec<Labelled>, u64)> {
        match self {
            Source::Files => Ok((Vec::new(), args.rows.budget())),
            Source::Sample => args.images.open_sample(&args.rows, control),
            Source::Sets(sets) => args.images.open_all(&args.rows, sets, frames, control),
        }
    }

    /// The inputs as they were typed.
    fn inputs(&self, specs: &[Spec]) -> Vec<String> {
        match self {
            Source::Sets(sets) => sets.clone(),
            Source::Sample => ["sample-reference", "sample-queries"]
                .map(String::from)
                .into(),
            Source::Files => match specs.first().and_then(|spec| spec.stages.first()) {
                Some(SpaceStage::File { reference, queries }) => {
                    vec![reference.clone(), queries.clone()]
                }
                _ => Vec::new(),
            },
        }
    }

    /// The file name of each set: the [`stem`] of its path, or the whole path or a number where stems are equal.
    fn names(&self, specs: &[Spec]) -> Vec<String> {
        let inputs = self.inputs(specs);
        let apart = |names: &[String]| {
            let set: HashSet<&String> = names.iter().collect();
            set.len() == names.len() && names.iter().all(|name| !name.is_empty())
        };
        let short: Vec<String> = inputs.iter().map(|input| slug(&stem(input))).collect();
        if apart(&short) {
            return short;
        }
        let long: Vec<String> = inputs.iter().map(|input| slug(&plain(input))).collect();
        if apart(&long) {
            return long;
        }
        let numbered = (1..).zip(&short);
        numbered
            .map(|(place, name)| format!("{place}-{name}"))
            .collect()
    }
}

/// A set's path without file extensions, with the member of the file that it names.
fn plain(input: &str) -> String {
    let (path, member) = match input.rsplit_once(':') {
        Some((path, member)) if !Path::new(input).exists() => (path, Some(member)),
        _ => (input, None),
    };
    let path = path.trim_end_matches('/');
    let path = path.trim_end_matches(".gz").trim_end_matches(".zst");
    let plain = match Path::new(path).extension() {
        Some(ending) => &path[..path.len() - ending.len() - 1],
        None => path,
    };
    member.map_or(plain.into(), |member| format!("{plain}-{member}"))
}

/// The last component of [`plain`].
fn stem(input: &str) -> String {
    let plain = plain(input);
    let name = plain.rsplit('/').next();
    name.map_or(plain.clone(), String::from)
}

fn file_name(set: &str, spec: &Spec, several: bool) -> String {
    match several {
        true => format!("{set}-{}", archive::name(&spec.text)),
        false => set.into(),
    }
}

/// The files of a set in a space: its rows, and its classes.
fn paths(args: &Args, name: &str) -> [PathBuf; 2] {
    let ending = match args.format {
        FileFormat::Npy => "npy",
        FileFormat::Parquet => "parquet",
    };
    let rows = args.output.join(format!("{name}.{ending}"));
    [rows, args.output.join(format!("{name}.labels.txt"))]
}

/// Refuses files that cannot be written, or that are inputs, before anything is read.
fn check_outputs(args: &Args, specs: &[Spec], source: &Source, names: &[String]) -> Result<()> {
    archive::check(&args.output)?;
    let mut outputs: Vec<PathBuf> = Vec::new();
    for spec in specs {
        for name in names {
            outputs.extend(paths(args, &file_name(name, spec, specs.len() > 1)));
        }
    }
    let outputs: Vec<&Path> = outputs.iter().map(PathBuf::as_path).collect();
    super::check_apart(&outputs)?;
    let mut inputs = match source {
        Source::Sample => Vec::new(),
        _ => source.inputs(specs),
    };
    inputs.extend(crate::job::guard::of_spaces(specs));
    inputs.extend(args.images.files().map(String::from));
    crate::job::guard::check(&outputs, None, None, &inputs)
}

/// The notes about the sets.
fn notes_of(sets: &[Labelled], args: &Args, views: &mut Views) -> Vec<String> {
    let mut notes = Warnings::default();
    for set in sets {
        notes.extend(set.warnings.iter().cloned());
    }
    notes.extend(views.take_warnings());
    for Labelled { set, .. } in sets {
        notes.extend(said(&*set.rows));
        if set.rows.dropped() > 0 && args.format == FileFormat::Npy {
            notes.add(format!(
                "{}: {} rows were left out, so rows of the output have other numbers than in the input; --format parquet \
                 keeps these",
                set.rows.name(),
                set.rows.dropped()
            ));
        }
    }
    notes.take()
}

/// A set in a space. The first set is the reference; the others lie one after another in the queries.
fn embeddings_of<'m>(view: &'m View, set: usize, sets: &'m [Labelled]) -> Embeddings<'m> {
    let len = |set: &Labelled| set.set.rows.len();
    let before: usize = sets.iter().take(set).skip(1).map(len).sum();
    let rows = match set {
        0 => &*view.reference,
        _ => &*view.queries,
    };
    let known = sets.get(set);
    Embeddings {
        rows,
        range: before..before + known.map_or(rows.len(), len),
        source: known.map_or(rows, |known| &*known.set.rows),
        labels: known.and_then(|known| known.labels.as_ref()),
    }
}

/// Writes the rows of a set; the result is a line about them.
fn write(
    args: &Args,
    spec: &Spec,
    made: &Embeddings,
    path: &Path,
    control: &Control,
) -> Result<String> {
    file::create_folder(&args.output)?;
    match args.format {
        FileFormat::Npy => made.write_npy(path, control)?,
        FileFormat::Parquet => made.write_parquet(path, metadata(args, spec), control)?,
    }
    let (rows, dim, element) = (made.range.len(), made.rows.dim(), made.element());
    Ok(format!(
        "{}: {rows} x {dim} {element}, {}",
        path.display(),
        spec.text
    ))
}

/// Writes the classes of a set beside its rows, if it has any and the format of the rows cannot hold them; the result is
/// a line about them.
fn write_labels(args: &Args, made: &Embeddings, path: &Path) -> Result<Option<String>> {
    let Some(labels) = made.labels.filter(|_| args.format == FileFormat::Npy) else {
        return Ok(None);
    };
    made.write_labels(path)?;
    let none = labels.unlabelled();
    let (rows, classes) = (made.range.len() - none, labels.names.len() - none.min(1));
    Ok(Some(format!(
        "{}: {rows} labels of {classes} classes",
        path.display()
    )))
}

/// The metadata that say how a file was made.
fn metadata(args: &Args, spec: &Spec) -> Vec<(String, String)> {
    let settings = json!({ "space": spec.text, "sets": args.sets, "rows": args.rows.settings(), "seed": args.seed });
    parquet_file::metadata(&super::command_line(), &settings)
}
