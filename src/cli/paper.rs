//! `hullscope paper`: the experiments of "Learning in High Dimension Always Amounts to Extrapolation".

use super::backend::Chosen;
use super::images::{ImageArgs, Opened};
use super::inputs::RowArgs;
use super::progress::Bar;
use super::run::RunArgs;
use super::{memory, numbers};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::archive::{Folder, Origin};
use crate::report::paper::{self as show, Context, Findings};
use crate::report::{file, json, plot};
use crate::rows::{Rows, open};
use crate::scan::Engine;
use crate::space::{Settings, Spec, spec::Stage};
use crate::study::compare::{Archive, Forget};
use crate::study::paper::images::Data;
use crate::study::paper::{fig1, hypercube, images};
use clap::ValueEnum;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Trials of figure 1.
const TRIALS: u64 = 100_000;
const QUICK_TRIALS: u64 = 20_000;

/// The most samples of figure 1.
const MOST: usize = 10_000;

/// Test images of a quick run.
const QUICK_QUERIES: usize = 2_000;

/// Dimensions of the cubes, and those they are mapped to.
const CUBES: [u64; 2] = [8, 12];
const MAPPED: [u64; 4] = [2, 3, 4, 5];

const EXAMPLES: &str = "\
Examples:
  hullscope paper --quick -o paper/
      all experiments on the built-in sample: tables, figures, and a page
  hullscope paper fig1 --trials 500000 -o paper/
  hullscope paper pixels --data DIR -o paper/
      MNIST and Fashion-MNIST, whole: DIR holds mnist/ and fashion-mnist/ with their four files each
  hullscope paper pixels --images train/ test/ --images other.npy other-test.npy
  hullscope paper fig5 --space file:tsne.npy,tsne.npy
      also each vertex of the embedding of a cube that another program made, against the others

The paper: Balestriero, Pesenti and LeCun, arXiv 2110.09485. With -o, finished spaces are kept and not computed again.";

/// The experiments of \"Learning in High Dimension Always Amounts to Extrapolation\" (arXiv 2110.09485)
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples.")]
pub struct Args {
    /// Which experiments
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// Fewer trials, sizes and images: readable in a minute
    #[arg(long)]
    quick: bool,
    /// Write tables, figures and report.html into this folder
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Write all points as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// Folder with mnist/ and fashion-mnist/ (without it: the built-in sample of Fashion-MNIST)
    #[arg(long, value_name = "FOLDER", env = "HULLSCOPE_DATA")]
    data: Option<PathBuf>,
    /// Training and test images instead; may be given several times
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
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
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

/// A data set as it was typed.
struct Named {
    name: String,
    /// `None` for the built-in sample.
    sets: Option<(String, String)>,
}

impl Args {
    fn asks_for(&self, which: Which) -> bool {
        self.which == which || self.which == Which::All
    }

    fn memory(&self) -> u64 {
        self.rows.memory.unwrap_or_else(memory::default_budget)
    }

    /// The data sets asked for.
    fn named(&self) -> Vec<Named> {
        if !self.images.is_empty() {
            let pairs = self.images.chunks_exact(2);
            return pairs
                .map(|pair| Named {
                    name: pair[0].clone(),
                    sets: Some((pair[0].clone(), pair[1].clone())),
                })
                .collect();
        }
        let Some(folder) = &self.data else {
            return vec![Named {
                name: "sample of Fashion-MNIST".into(),
                sets: None,
            }];
        };
        [("MNIST", "mnist"), ("Fashion-MNIST", "fashion-mnist")]
            .map(|(name, part)| {
                let file = |kind: &str| {
                    let file = folder.join(part).join(format!("{kind}-images-idx3-ubyte"));
                    let packed = file.with_file_name(format!("{kind}-images-idx3-ubyte.gz"));
                    let there = if file.exists() { file } else { packed };
                    there.display().to_string()
                };
                Named {
                    name: name.into(),
                    sets: Some((file("train"), file("t10k"))),
                }
            })
            .into()
    }

    /// The reading options, with fewer queries for a quick run.
    fn rows(&self) -> RowArgs {
        let mut rows = self.rows.clone();
        if self.quick && rows.limit_queries.is_none() {
            rows.limit_queries = Some(QUICK_QUERIES);
        }
        rows
    }

    fn settings(&self) -> serde_json::Value {
        json!({
            "quick": self.quick,
            "trials": self.trials(),
            "seed": self.seed,
            "rows": self.rows().settings(),
        })
    }

    fn trials(&self) -> u64 {
        let usual = if self.quick { QUICK_TRIALS } else { TRIALS };
        self.trials.unwrap_or(usual)
    }

    /// The embeddings for figure 5.
    fn embeddings(&self) -> Result<Vec<(String, String)>> {
        let specs = Spec::parse_all(&self.spaces)?;
        let file = |spec: Spec| match &spec.stages[..] {
            [Stage::File { reference, queries }] if reference == queries => {
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

/// Run the command.
pub fn run(args: Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.run.threads)?;
    check(&args)?;
    let Chosen { engine, note } = args.run.backend.engine(control)?;
    if let Some(note) = note.filter(|_| !args.run.quiet) {
        file::tell(&note);
    }
    let bar = Bar::start(control, args.run.quiet);
    let mut findings = Findings::default();
    if args.asks_for(Which::Fig1) {
        let plan = fig1::Plan {
            trials: args.trials(),
            sizes: fig1::sizes(if args.quick { 2 } else { 4 }, MOST),
            seed: args.seed,
            memory: args.memory(),
        };
        findings.points = fig1::run(&plan, &*engine, control)?;
        findings.halves = fig1::halves(&findings.points);
    }
    if args.asks_for(Which::Pixels) || args.asks_for(Which::Latents) {
        for named in args.named() {
            of_images(&args, &named, &*engine, &mut findings, control)?;
        }
    }
    if args.asks_for(Which::Fig5) {
        cubes(&args, &*engine, &mut findings, control)?;
    }
    drop(bar);
    write(&args, &findings, control)
}

/// What does not fit, and outputs that cannot be written, are found out first.
fn check(args: &Args) -> Result<()> {
    if !args.spaces.is_empty() && !args.asks_for(Which::Fig5) {
        return Err(Error::Usage("--space goes with fig5".into()));
    }
    args.embeddings()?;
    super::check_outputs(args.output.as_deref(), args.json.as_deref())
}

/// Pixels and latents of one data set.
fn of_images(
    args: &Args,
    named: &Named,
    engine: &dyn Engine,
    findings: &mut Findings,
    control: &Control,
) -> Result<()> {
    let rows = args.rows();
    let sets = named.sets.as_ref().map(|(a, b)| (a.as_str(), b.as_str()));
    let opened = args.decoding.open(&rows, sets, control)?;
    let data = Data {
        name: named.name.clone(),
        reference: opened.reference.clone(),
        queries: opened.queries.clone(),
    };
    let shape = opened.reference.shape;
    // The built-in networks were trained on Fashion-MNIST: of the two sets of a folder they see that one.
    let latents = args.asks_for(Which::Latents) && (named.name != "MNIST" || args.data.is_none());
    let mut wanted = Vec::new();
    if args.asks_for(Which::Pixels) {
        wanted.push(("pixels", images::pixels(shape, &named.name, args.quick)?));
    }
    if latents {
        wanted.push(("latents", images::latents(args.quick)?));
    }
    for (figure, curves) in wanted {
        let mut archive = archive(args, named, &opened, figure, control);
        let settings = Settings {
            seed: args.seed,
            memory: opened.left,
            // None of these spaces begins with files.
            files: Default::default(),
        };
        let points = images::run(
            figure,
            &data,
            &curves,
            args.seed,
            settings,
            engine,
            &mut *archive,
            control,
        )?;
        findings.points.extend(points);
    }
    Ok(())
}

/// Where the finished spaces of a figure go.
fn archive<'c>(
    args: &Args,
    named: &Named,
    opened: &Opened,
    figure: &str,
    control: &'c Control,
) -> Box<dyn Archive + 'c> {
    let Some(folder) = &args.output else {
        return Box::new(Forget);
    };
    let sets = named.sets.iter().flat_map(|(a, b)| [a.clone(), b.clone()]);
    let origin = Origin {
        command: super::command_line(),
        inputs: sets.collect(),
        content: String::new(),
        rows: args.rows().settings(),
        plan: images::plan(args.seed),
        seed: args.seed,
        more: format!("{} {}", args.decoding.key(), opened.skipped),
    };
    let name: String = named
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let folder = folder.join(format!("{figure}-{}", name.trim_matches('-')));
    Box::new(Folder::new(&folder, origin, control))
}

/// Figure 5.
fn cubes(
    args: &Args,
    engine: &dyn Engine,
    findings: &mut Findings,
    control: &Control,
) -> Result<()> {
    let options = args.rows.options(None, args.memory(), "reference")?;
    let mut embeddings: Vec<(String, Box<dyn Rows>)> = Vec::new();
    for (text, path) in args.embeddings()? {
        embeddings.push((text, open(&path, &options, control)?));
    }
    // An embedding belongs to the cube that has as many vertices.
    for (text, rows) in &embeddings {
        if !CUBES.iter().any(|&d| rows.len() == 1 << d) {
            return Err(Error::Usage(format!(
                "{text} has {} rows, and the cubes of figure 5 have {} vertices: one row a vertex is needed",
                rows.len(),
                CUBES.map(|d| (1u64 << d).to_string()).join(" and ")
            )));
        }
    }
    for d in CUBES {
        let (own, rest) = embeddings
            .into_iter()
            .partition(|(_, rows)| rows.len() == 1 << d);
        embeddings = rest;
        let cube = hypercube::run(d, &MAPPED, &own, args.seed, engine, control)?;
        findings.cubes.push(cube);
    }
    Ok(())
}

/// The results, to whoever asked for them.
fn write(args: &Args, findings: &Findings, control: &Control) -> Result<()> {
    let context = Context {
        command: super::command_line(),
        date: crate::bench::date(),
        settings: args.settings(),
        notes: control.take_warnings(),
    };
    if !args.run.quiet {
        for note in &context.notes {
            file::tell(&format!("note: {note}"));
        }
    }
    if let Some(folder) = &args.output {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        if !findings.points.is_empty() {
            show::write_parquet(&folder.join("points.parquet"), &context, &findings.points)?;
        }
        let text = json::pretty(&show::json(&context, findings));
        file::write_text(&folder.join("summary.json").display().to_string(), &text)?;
        for (name, figure) in show::figures(&context, findings) {
            for ending in ["png", "svg"] {
                plot::write(&folder.join(format!("{name}.{ending}")), &figure)?;
            }
        }
        let path = folder.join("report.html");
        let page = show::page(&context, findings);
        let page = page.map_err(|why| Error::io("draw", &path, std::io::Error::other(why)))?;
        file::write_bytes(&path, page.as_bytes())?;
    }
    if let Some(target) = &args.json {
        file::write_text(target, &json::pretty(&show::json(&context, findings)))?;
    }
    if !args.run.quiet && args.json.as_deref() != Some("-") {
        file::print(&show::table(findings))?;
        for sentence in show::reading(findings) {
            file::print(&format!("{sentence}\n"))?;
        }
    }
    Ok(())
}
