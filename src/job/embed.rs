//! The rows of spaces as files that other programs read: one file for each set, or for each set and space.

use super::archive;
use super::guard::{Outputs, of_spaces};
use super::images::{ImageArgs, Labelled};
use super::networks::NetworkArgs;
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::embeddings::Embeddings;
use crate::report::numerals::grouped_size;
use crate::rows::said;
use crate::space::spec::{Spec, slug};
use crate::space::{Set, View, Views, frames, joined};
use crate::store::{file, parquet_file};
use crate::warnings::Warnings;
use clap::ValueEnum;
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The names of the built-in sample's two sets.
const SAMPLE: [&str; 2] = ["sample-reference", "sample-queries"];

/// The sets, their spaces, and the files.
#[derive(Debug, clap::Args)]
pub struct Options {
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Npy,
    Parquet,
}

/// Options that were checked.
pub struct Embed<'o> {
    options: &'o Options,
    specs: Vec<Spec>,
    /// Whether every space begins with files of its own, so that no set is opened.
    of_files: bool,
    /// The name of each set in the names of its files.
    names: Vec<String>,
}

/// A line for each file that was written, and notes.
pub struct Written {
    pub lines: Vec<String>,
    pub notes: Vec<String>,
}

impl Options {
    /// Refuses options that contradict each other, and files that cannot be written or that are inputs, before anything is
    /// read.
    pub fn plan(&self) -> Result<Embed<'_>> {
        let specs = Spec::parse_all(&self.spaces)?;
        let wrong = |why: &str| Err(Error::Usage(why.into()));
        let own: Vec<[&str; 2]> = specs.iter().filter_map(Spec::files).collect();
        if !own.is_empty() && (own.len() < specs.len() || !self.sets.is_empty()) {
            return wrong(
                "`file:` names its own two sets: name no sets, and only spaces that begin with `file:`",
            );
        }
        if self.images.labels.is_some() && self.sets.len() != 2 {
            return wrong("--labels and --query-labels are for two sets");
        }
        let names = match (own.first(), self.sets.is_empty()) {
            (Some(files), _) => names(&files.map(String::from)),
            (None, true) => SAMPLE.map(String::from).into(),
            (None, false) => names(&self.sets),
        };
        let embed = Embed {
            options: self,
            of_files: !own.is_empty(),
            names,
            specs,
        };
        archive::check(&self.output)?;
        let each = embed.specs.iter().flat_map(|spec| {
            let names = embed.names.iter();
            names.flat_map(|name| embed.paths(name, spec))
        });
        let files: Vec<PathBuf> = each.collect();
        let outputs = Outputs::files(files.iter().map(PathBuf::as_path), None);
        let mut inputs = of_spaces(&embed.specs);
        inputs.extend(self.sets.iter().cloned());
        inputs.extend(self.images.files().map(String::from));
        outputs.check(&inputs)?;
        Ok(embed)
    }
}

impl Embed<'_> {
    /// Opens the sets, fits the spaces and writes the files; `command` is written into those that can hold it.
    ///
    /// Errors: sets that cannot be read, spaces that do not fit them, files that cannot be written, an interrupt.
    pub fn run(&self, command: &str, control: &Control) -> Result<Written> {
        let options = self.options;
        let (sets, left) = match self.of_files {
            true => (Vec::new(), options.rows.budget()),
            false => {
                let sets: Vec<&str> = options.sets.iter().map(String::as_str).collect();
                let frames = frames(&self.specs)?;
                (options.images).open_all(&options.rows, &sets, frames.as_ref(), control)?
            }
        };
        let settings = (options.rows).spaces(options.seed, left, &options.networks);
        let mut views = Views::new(pair(&sets)?, self.specs.clone(), settings, control)?;
        let mut notes = self.notes(&sets, &mut views);
        let mut lines = Vec::new();
        for (place, spec) in self.specs.iter().enumerate() {
            control.set_task(format!(
                "{} ({} of {})",
                spec.text,
                place + 1,
                self.specs.len()
            ));
            let view = views.view(spec, control)?;
            let noticed = views.take_warnings().into_iter();
            notes.extend(noticed.map(|note| format!("{}: {note}", spec.text)));
            for (set, name) in self.names.iter().enumerate() {
                let made = embeddings_of(&view, set, &sets);
                lines.extend(self.write(&made, self.paths(name, spec), spec, command, control)?);
            }
        }
        Ok(Written { lines, notes })
    }

    /// The files of a set in a space: its rows, and its classes.
    fn paths(&self, name: &str, spec: &Spec) -> [PathBuf; 2] {
        let name = match self.specs.len() {
            1 => name.into(),
            _ => format!("{name}-{}", archive::name(&spec.text)),
        };
        let ending = match self.options.format {
            FileFormat::Npy => "npy",
            FileFormat::Parquet => "parquet",
        };
        let file = |ending: &str| self.options.output.join(format!("{name}.{ending}"));
        [file(ending), file("labels.txt")]
    }

    /// The notes about the sets.
    fn notes(&self, sets: &[Labelled], views: &mut Views) -> Vec<String> {
        let noticed = sets.iter().flat_map(|set| set.warnings.iter().cloned());
        let mut notes: Warnings = noticed.chain(views.take_warnings()).collect();
        for Labelled { set, .. } in sets {
            notes.extend(said(&*set.rows));
            if set.rows.dropped() > 0 && self.options.format == FileFormat::Npy {
                notes.add(format!(
                    "{}: {} rows were left out, so rows of the output have other numbers than in the input; --format \
                     parquet keeps these",
                    set.rows.name(),
                    set.rows.dropped()
                ));
            }
        }
        notes.take()
    }

    /// Writes the rows of a set, and its classes beside them if it has any and the format of the rows cannot hold them; the
    /// result is a line about each file.
    fn write(
        &self,
        made: &Embeddings,
        [rows, classes]: [PathBuf; 2],
        spec: &Spec,
        command: &str,
        control: &Control,
    ) -> Result<Vec<String>> {
        let options = self.options;
        file::create_folder(&options.output)?;
        let [count, dim] = [made.range.len(), made.rows.dim()].map(grouped_size);
        let element = made.element();
        let mut lines = vec![format!(
            "{}: {count} x {dim} {element}, {}",
            rows.display(),
            spec.text
        )];
        if options.format == FileFormat::Parquet {
            let settings = json!({
                "space": spec.text, "sets": options.sets, "rows": options.rows.settings, "seed": options.seed });
            let metadata = parquet_file::metadata(command, &settings);
            made.write_parquet(&rows, metadata, control)?;
            return Ok(lines);
        }
        made.write_npy(&rows, control)?;
        if let Some(labels) = made.labels {
            made.write_labels(&classes)?;
            let none = labels.unlabelled();
            lines.push(format!(
                "{}: {} labels of {} classes",
                classes.display(),
                grouped_size(made.range.len() - none),
                grouped_size(labels.names.len() - none.min(1))
            ));
        }
        Ok(lines)
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

/// A name for each input: the last component of its path, or the whole path or a number where these are equal.
fn names(inputs: &[String]) -> Vec<String> {
    let paths = inputs.iter().map(|input| plain(input));
    let (short, long): (Vec<String>, Vec<String>) = paths
        .map(|path| (slug(path.rsplit('/').next().unwrap_or(&path)), slug(&path)))
        .unzip();
    let apart = |names: &[String]| {
        let different: HashSet<&String> = names.iter().collect();
        different.len() == names.len() && names.iter().all(|name| !name.is_empty())
    };
    if apart(&short) {
        return short;
    }
    if apart(&long) {
        return long;
    }
    let numbered = (1..).zip(&short);
    numbered.map(|(n, name)| format!("{n}-{name}")).collect()
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
