//! The experiments of "Learning in High Dimension Always Amounts to Extrapolation": which are asked for, with which inputs,
//! and the folder that collects the findings of several runs.

mod run;
mod sets;

use super::guard::Outputs;
use super::images::ImageArgs;
use super::lock::Lock;
use super::networks::NetworkArgs;
use super::numbers;
use super::results::{self, FolderOwner};
use super::row_args::{Role, RowArgs};
use super::{archive, findings};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::paper::{self as show, Collection};
use crate::report::plot;
use crate::rows::{Rows, check_there, open};
use crate::space::{Settings, Spec, spec::SpaceStage};
use crate::store::file;
use crate::study::paper::fig1::{self, Fig1Plan};
use crate::study::paper::images::{self, Series};
use clap::ValueEnum;
use sets::{ImagePair, Named};
use std::path::{Path, PathBuf};

/// Trials of figure 1.
const TRIALS: u64 = 100_000;
const QUICK_TRIALS: u64 = 20_000;

/// The largest number N of samples in figure 1.
const MOST: usize = 10_000;

/// Test images of a quick run.
const QUICK_QUERIES: usize = 2_000;

/// Dimensions of the cubes of figure 5; the second list holds the dimensions that they are mapped to.
const CUBES: [u64; 2] = [8, 12];
const MAPPED: [u64; 4] = [2, 3, 4, 5];

/// The least budget of rows and spaces, in bytes, whatever the sets take.
const LEAST: u64 = 64 << 20;

/// The experiments, and their inputs.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Experiments to run
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// Fewer trials, sizes and images: finished in a minute
    #[arg(long)]
    quick: bool,
    /// Write tables, figures and report.html into this folder
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Remove what another command left in that folder
    #[arg(long, requires = "output")]
    replace: bool,
    /// Write all points as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    pub json: Option<String>,
    /// List the columns of points.parquet in the folder of -o, and stop
    #[arg(long)]
    pub help_columns: bool,
    /// Folder with mnist/ and fashion-mnist/ (without it: the built-in sample of Fashion-MNIST)
    #[arg(long, value_name = "FOLDER", env = "HULLSCOPE_DATA")]
    data: Option<PathBuf>,
    /// Training and test images to use instead of those; may be given several times
    #[arg(long, num_args = 2, value_names = ["TRAIN", "TEST"], action = clap::ArgAction::Append)]
    images: Vec<String>,
    /// Trials of figure 1 [default: 100000, quick 20000]
    #[arg(long, value_name = "T", value_parser = numbers::whole)]
    trials: Option<u64>,
    /// An embedding of a cube's vertices for figure 5: file:EMBEDDING,EMBEDDING
    #[arg(long = "space", value_name = "SPACE")]
    spaces: Vec<String>,
    /// Seed of everything random
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    decoding: ImageArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    #[command(flatten)]
    pub rows: RowArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// A new sample in the hull of N samples, against N
    Fig1,
    /// Test images in the hull of the training images, in pixels
    Pixels,
    /// The same in the latent space of a network
    Latents,
    /// The vertices of a cube, before and after a linear map
    Fig5,
    All,
}

/// Options that were checked.
pub struct Plan<'o> {
    options: &'o Options,
    named: Vec<Named>,
    /// Keeps other runs out of the folder.
    _lock: Option<Lock>,
}

/// The experiments that were asked for, with their inputs open.
pub struct Paper<'o> {
    options: &'o Options,
    fig1: Option<Fig1Plan>,
    /// Curves of figures 3 and 4, and of table 1.
    curves: Vec<Curves>,
    /// The cubes of figure 5, each with its embeddings.
    fig5: Vec<(u64, Embeddings)>,
    sets: Vec<ImagePair>,
    settings: Settings,
}

/// Embeddings as typed, and their rows.
type Embeddings = Vec<(String, Box<dyn Rows>)>;

/// The curves of one set in a figure.
struct Curves {
    figure: &'static str,
    /// The index of the set.
    set: usize,
    series: Vec<Series>,
    /// A note about points that were left out.
    note: Option<String>,
}

impl Options {
    /// The results on the terminal, as JSON, and in the folder of -o.
    pub fn outputs(&self) -> Outputs<'_> {
        Outputs::folder(self.output.as_deref(), self.json.as_deref())
    }

    /// Refuses options that contradict each other, missing files and outputs that cannot be written, before anything is read.
    pub fn plan(&self) -> Result<Plan<'_>> {
        let fig1 = self.asks_for(Which::Fig1);
        let images = self.asks_for(Which::Pixels) || self.asks_for(Which::Latents);
        let wrong = |what: &str| Err(Error::Usage(what.into()));
        if !self.spaces.is_empty() && !self.asks_for(Which::Fig5) {
            return wrong("--space goes with fig5");
        }
        if self.trials.is_some() && !fig1 {
            return wrong("--trials goes with fig1");
        }
        if !self.images.is_empty() && !images {
            return wrong("--images goes with pixels and latents");
        }
        let embeddings = self.embeddings()?;
        if fig1 {
            self.fig1(self.rows.budget()).check()?;
        }
        let named = self.named();
        let own = embeddings.iter().map(|(_, path)| path);
        let files: Vec<String> = named
            .iter()
            .flat_map(Named::files)
            .chain(own)
            .cloned()
            .collect();
        let beside = self.decoding.files().map(String::from);
        let inputs: Vec<String> = files.iter().cloned().chain(beside).collect();
        let lock = self.outputs().check(&inputs)?;
        if let Some(folder) = &self.output {
            results::check(folder, &owner(), self.replace)?;
            archive::check(&folder.join("findings"))?;
            check_names(folder)?;
        }
        // A folder of images is checked by its reader.
        let mut files = files.iter().filter(|file| !Path::new(file).is_dir());
        files.try_for_each(|file| check_there(file))?;
        Ok(Plan {
            options: self,
            named,
            _lock: lock,
        })
    }

    fn asks_for(&self, which: Which) -> bool {
        self.which == which || self.which == Which::All
    }

    /// The sets of images that the experiments use.
    fn named(&self) -> Vec<Named> {
        let mut named = match (&self.images[..], &self.data) {
            ([], None) => vec![Named::sample()],
            ([], Some(folder)) => sets::of_folder(folder),
            (images, _) => sets::given(images),
        };
        let (pixels, latents) = (self.asks_for(Which::Pixels), self.asks_for(Which::Latents));
        named.retain(|named| pixels || latents && named.has_latents);
        named
    }

    /// The reading options; a quick run has fewer queries.
    fn rows(&self) -> RowArgs {
        let mut rows = self.rows.clone();
        if self.quick {
            rows.settings.limit_queries.get_or_insert(QUICK_QUERIES);
        }
        rows
    }

    /// The plan of figure 1, with `memory` bytes for rows.
    fn fig1(&self, memory: u64) -> Fig1Plan {
        let usual = if self.quick { QUICK_TRIALS } else { TRIALS };
        Fig1Plan {
            trials: self.trials.unwrap_or(usual),
            sizes: fig1::sizes(if self.quick { 2 } else { 4 }, MOST),
            seed: self.seed,
            memory,
        }
    }

    /// The embeddings for figure 5.
    fn embeddings(&self) -> Result<Vec<(String, String)>> {
        let specs = Spec::parse_all(&self.spaces)?;
        let file = |spec: Spec| match &spec.stages[..] {
            [SpaceStage::File { reference, queries }] if reference == queries => {
                Ok((spec.text.clone(), reference.clone()))
            }
            _ => Err(Error::Usage(format!(
                "figure 5 takes embeddings as file:EMBEDDING,EMBEDDING (each vertex against the others), not {}",
                spec.text
            ))),
        };
        specs.into_iter().map(file).collect()
    }
}

impl<'o> Plan<'o> {
    /// Opens all sets and embeddings, and checks that the experiments can use them.
    ///
    /// Errors: files that cannot be read, spaces and embeddings that do not fit, too little memory.
    pub fn open(&self, control: &Control) -> Result<Paper<'o>> {
        let options = self.options;
        let budget = options.rows.budget();
        let fig5 = match options.asks_for(Which::Fig5) {
            true => options.cubes(control)?,
            false => Vec::new(),
        };
        let sets = sets::open(options, &self.named, control)?;
        let resident: u64 = sets.iter().map(ImagePair::resident_bytes).sum();
        let memory = budget.saturating_sub(resident).max(LEAST.min(budget));
        let fig1 = options.asks_for(Which::Fig1);
        let fig1 = fig1.then(|| options.fig1(memory));
        fig1.iter().try_for_each(Fig1Plan::check)?;
        let settings = (options.rows).spaces(options.seed, memory, &options.networks);
        let curves = options.curves(&sets)?;
        for Curves { set, series, .. } in &curves {
            images::check(&sets[*set].data, series, settings.clone(), control)?;
        }
        Ok(Paper {
            options,
            fig1,
            curves,
            fig5,
            sets,
            settings,
        })
    }
}

impl Options {
    /// The curves of the sets, figure by figure.
    fn curves(&self, sets: &[ImagePair]) -> Result<Vec<Curves>> {
        let mut curves = Vec::new();
        for (set, ImagePair { named, data, .. }) in sets.iter().enumerate() {
            if self.asks_for(Which::Pixels) {
                curves.push(Curves {
                    figure: "pixels",
                    set,
                    series: images::pixels(data.reference.shape, &data.name, self.quick)?,
                    note: None,
                });
            }
            if self.asks_for(Which::Latents) && named.has_latents {
                let (series, note) = images::latents(self.quick, data.reference.rows.dim())?;
                curves.push(Curves {
                    figure: "latents",
                    set,
                    series,
                    note: note.map(|note| format!("{}: {note}", data.name)),
                });
            }
        }
        Ok(curves)
    }

    /// The cubes with their embeddings: an embedding belongs to the cube that has as many vertices as the embedding has
    /// rows.
    fn cubes(&self, control: &Control) -> Result<Vec<(u64, Embeddings)>> {
        let options = self.rows.options(Role::Other, self.rows.budget());
        let mut cubes = CUBES.map(|d| (d, Embeddings::new()));
        for (text, path) in self.embeddings()? {
            let rows = open(&path, &options, control)?;
            match cubes.iter_mut().find(|(d, _)| rows.len() == 1 << d) {
                Some((_, own)) => own.push((text, rows)),
                None => {
                    return Err(Error::Usage(format!(
                        "{text} has {} rows, and the cubes of figure 5 have {} vertices: one row a vertex is needed",
                        rows.len(),
                        CUBES.map(|d| (1u64 << d).to_string()).join(" and ")
                    )));
                }
            }
        }
        Ok(cubes.into())
    }
}

/// What the folder of -o is marked as: it holds experiments of several runs, of any data sets.
fn owner() -> FolderOwner {
    FolderOwner {
        command: "paper".into(),
        inputs: Vec::new(),
        grows: false,
    }
}

/// Checks that files of these names can be written into the folder.
fn check_names(folder: &Path) -> Result<()> {
    let tables = ["points.parquet", "summary.json", "report.html"].map(String::from);
    let figures = show::NAMES.iter();
    let figures = figures.flat_map(|name| ["png", "svg"].map(|ending| format!("{name}.{ending}")));
    let paths = tables
        .into_iter()
        .chain(figures)
        .map(|name| folder.join(name));
    match { paths }.find(|path| path.is_dir()) {
        None => Ok(()),
        Some(path) => Err(Error::Usage(format!(
            "{} is a folder, and a file of this name is to be written; remove it, or name another folder with -o",
            path.display()
        ))),
    }
}

/// Writes tables, figures and the page of all experiments in a folder, of which `own` were just made; returns notes about
/// those that cannot be shown.
pub fn write(folder: &Path, own: &Collection) -> Result<Vec<String>> {
    let (experiments, notes) = findings::all(folder, &own.experiments);
    let all = &Collection {
        experiments,
        notes,
        ..own.clone()
    };
    let points = folder.join("points.parquet");
    if all.findings().points.is_empty() {
        // This file is from findings that the other files do not hold.
        file::remove(&points)?;
    } else {
        show::write_parquet(&points, all)?;
    }
    let summary = folder.join("summary.json").display().to_string();
    file::write_text(&summary, &file::pretty(&show::json(all)))?;
    for (name, figure) in show::figures(all) {
        plot::write_both(folder, &name, &figure)?;
    }
    file::write_bytes(&folder.join("report.html"), show::page(all).as_bytes())?;
    Ok(all.notes.clone())
}
