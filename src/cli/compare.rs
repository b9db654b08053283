//! `hullscope compare`: the same queries through several spaces.

use super::backend::Chosen;
use super::images::{ImageArgs, Opened};
use super::inputs::{COLUMNS, RowArgs};
use super::judging::{self, Defaults, JudgingArgs};
use super::networks::NetworkArgs;
use super::outcomes::{Given, OutcomeArgs, Queries};
use super::progress::Bar;
use super::run::RunArgs;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::archive::{self, Folder, Origin};
use crate::report::outcomes::FileRows;
use crate::report::sheet::{Pictures, sheet};
use crate::report::{InputInfo, compare as show, file, json, outcomes, plot, queries};
use crate::rows::OpenOptions;
use crate::rows::sample::QUERY_PREDICTIONS;
use crate::space::spec::Stage;
use crate::space::{Set, Settings, Spec};
use crate::study::compare::{self as study, Classes, Forget, Plan, Report, Subject};
use crate::study::outcomes::Kind;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The spaces of the built-in sample.
const SAMPLE: [&str; 6] = [
    "pixels",
    "patch:4,8",
    "pca:8,16,32",
    "onnx:sample@bottleneck8",
    "onnx:sample@features",
    "onnx:sample-untrained@features",
];

const EXAMPLES: &str = "\
Examples:
  hullscope compare
      the built-in sample: pixels, patches, principal components, trained and untrained latents
  hullscope compare -o out/ --by-label
      the same with tables, plots and a page in out/, split by class
  hullscope compare train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz --space patch:4,6,8 --space pca:8,16,32
  hullscope compare photos/train photos/test --resize 224x224 --space onnx:resnet.onnx@features --space 'gray|patch:16'
  hullscope compare train/ test/ --space 'onnx:vit.onnx,pool=cls,preset=clip' -o out/
      each image prepared from its own size, whatever it is
  hullscope compare --space file:a-train.npy,a-test.npy --space file:b-train.npy,b-test.npy

After onnx:FILE[@TENSOR], by commas: mean= and std= (pixels run from 0 to 1), size=WxH (squashed), resize=S (the shorter
side) or WxH, crop=C (the centre), filter=bilinear or bicubic, antialias=no, preset=imagenet, clip, siglip or none,
pool=cls, mean, max or none, layout=nchw or nhwc. A processor_config.json, preprocessor_config.json or config.json of
timm beside the file is read; what is typed wins. Image files may have any sizes where every --space is such a network
and it is said how images go in; else bring them to one size with --resize.

Images: IDX, CIFAR's binary files, .npy of (N,H,W) or (N,H,W,C), or a folder of image files with a subfolder for each
class. Sets of plain vectors can be compared too, in the spaces that need no images.

With -o, finished spaces are kept: an interrupted comparison goes on where it was, and a changed input is noticed.";

/// The same queries through several spaces: extrapolation rates by space and notion, compared query by query
#[derive(Debug, clap::Args)]
#[command(after_long_help = examples(), after_help = "`--help` shows the spaces and examples.")]
pub struct Args {
    /// The images whose convex hull is asked about (without it: the built-in sample)
    reference: Option<String>,
    /// The images to ask about; without any, reference rows are asked about, each as if it were not in the reference
    queries: Option<String>,
    /// Several sets to ask about, NAME=FILE each: how well does each notion tell them apart?
    #[arg(
        long = "queries",
        value_name = "NAME=FILE",
        conflicts_with = "queries",
        requires = "reference"
    )]
    sets: Vec<String>,
    /// A space, as in pca:8,16 or 'smooth:2|pca:8'; may be given several times
    #[arg(long = "space", value_name = "SPACE")]
    spaces: Vec<String>,
    /// Write tables, plots, contact sheets and report.html into this folder
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Split the rates by class, and ask whether each query lies in the hull of its own class
    #[arg(long)]
    by_label: bool,
    /// Write the summary as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    outcomes: OutcomeArgs,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// The spaces that exist, and examples.
fn examples() -> String {
    let mut text = String::from("Spaces, joined by | where one is to follow another:\n");
    for (name, what) in crate::space::spec::KNOWN {
        text += &format!("  {name:<26}{what}\n");
    }
    text += &format!("\n{}", judging::help());
    text + "\n" + EXAMPLES + "\n\n" + COLUMNS
}

/// What is done where nothing is typed: distances, and reference rows left out.
const DEFAULTS: Defaults = Defaults {
    distance: true,
    gap: 0.05,
    leave_one_out: 1000,
};

impl Args {
    fn plan(&self) -> Plan {
        Plan {
            analysis: self.judging.plan(true, DEFAULTS),
            by_label: self.by_label,
            ..Plan::default()
        }
        .complete()
    }

    /// What became of the queries: what was named, or for the built-in sample what its network predicts.
    fn given(
        &self,
        queries: Option<&Set>,
        of: Option<FileRows>,
        classes: Option<&Classes>,
        control: &Control,
    ) -> Result<Given> {
        let labels: Option<Vec<Option<String>>> = classes.map(|classes| {
            let each = (0..classes.queries.len()).map(|query| classes.of_query(query));
            each.map(|class| class.map(|class| classes.name(class)))
                .collect()
        });
        let sample = self.reference.is_none() && self.outcomes.is_empty() && queries.is_some();
        if let (true, Some(labels), Some(classes), Some(queries)) =
            (sample, &labels, classes, queries)
        {
            let predicted = (0..queries.rows.len()).map(|row| {
                let class = QUERY_PREDICTIONS.get(queries.rows.number(row) as usize)?;
                Some(classes.name(u32::from(*class)))
            });
            return Ok(Given::compared(predicted.collect(), labels));
        }
        if self.outcomes.is_empty() {
            return Ok(Given::default());
        }
        let numbers: Vec<u64> = match queries {
            Some(queries) => (0..queries.rows.len())
                .map(|row| queries.rows.number(row))
                .collect(),
            None => (0..labels.as_ref().map_or(0, Vec::len) as u64).collect(),
        };
        let queries = Queries {
            name: queries.map_or("the set of queries", |queries| queries.rows.name()),
            of: of.unwrap_or(FileRows::Exactly(numbers.len() as u64)),
            numbers: &numbers,
            labels: labels.as_deref(),
            classes: classes.map_or(&[], |classes| &classes.names),
        };
        self.outcomes.read(&queries, control)
    }

    /// The two sets, if both were named.
    fn sets(&self) -> Option<(&str, &str)> {
        self.reference.as_deref().zip(self.queries.as_deref())
    }

    /// The spaces asked for; whether they need the two sets.
    fn specs(&self) -> Result<Option<Vec<Spec>>> {
        if self.spaces.is_empty() {
            return Ok(None);
        }
        Spec::parse_all(&self.spaces).map(Some)
    }

    /// Everything that the results depend on, beside the spaces.
    fn origin(&self, plan: Plan, subject: &Subject) -> Origin {
        let typed = [&self.reference, &self.queries];
        let sets = self
            .sets
            .iter()
            .filter_map(|set| Some(set.split_once('=')?.1.to_string()));
        let mut content = subject
            .classes
            .as_ref()
            .map_or_else(String::new, Classes::hash);
        content += &self.outcomes.files().collect::<Vec<_>>().join("\n");
        content += &blake3::hash(format!("{:?}", subject.outcome).as_bytes()).to_hex();
        content += &subject.query_sets.iter().fold(String::new(), |text, set| {
            text + &format!("{} {}\n", set.name, set.first)
        });
        Origin {
            command: super::command_line(),
            inputs: typed.into_iter().flatten().cloned().chain(sets).collect(),
            content,
            rows: self.rows.settings(),
            plan,
            seed: self.judging.seed,
            more: format!("{} {:?}", self.images.key(), self.networks.onnx_runtime),
        }
    }

    /// Every file, folder and pattern that is read.
    fn inputs(&self, specs: &[Spec]) -> Vec<String> {
        let mut inputs = super::guard::of_spaces(specs);
        inputs.extend(
            [&self.reference, &self.queries]
                .into_iter()
                .flatten()
                .cloned(),
        );
        let sets = self.sets.iter().filter_map(|set| set.split_once('='));
        inputs.extend(sets.map(|(_, file)| file.to_string()));
        inputs.extend(
            self.images
                .files()
                .chain(self.outcomes.files())
                .map(String::from),
        );
        inputs.extend(self.judging.files());
        inputs
    }

    /// The reading options of `file:` spaces.
    fn files(&self) -> Result<[OpenOptions; 2]> {
        let (reference, queries) = (self.rows.limit_reference, self.rows.limit_queries);
        Ok([
            self.rows.options(reference, 0, "reference")?,
            self.rows.options(queries, 0, "queries")?,
        ])
    }
}

/// Predicted classes in the numbering of the classes; a class that only a model knows is added to the names.
fn coded(predicted: &[Option<String>], names: &mut Vec<String>) -> Vec<Option<u32>> {
    let mut code = |name: &String| {
        let place = names.iter().position(|known| known == name);
        place.unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        }) as u32
    };
    predicted
        .iter()
        .map(|name| name.as_ref().map(&mut code))
        .collect()
}

/// Query sets as they were typed, `NAME=FILE`.
fn query_sets(typed: &[String]) -> Result<Vec<(String, String)>> {
    let mut sets: Vec<(String, String)> = Vec::new();
    for text in typed {
        let Some((name, file)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::Usage(format!(
                "--queries takes a name and a file, as in --queries test=test.npy, and was given {text:?}"
            )));
        };
        if sets.iter().any(|(other, _)| other == name) {
            return Err(Error::Usage(format!(
                "two sets of queries are called {name:?}; give each a name of its own"
            )));
        }
        sets.push((name.into(), file.into()));
    }
    Ok(sets)
}

/// The spaces of sets for which none were named.
fn usual(opened: &Opened, sample: bool) -> Result<Vec<Spec>> {
    if sample {
        return Spec::parse_all(&SAMPLE.map(String::from));
    }
    let mut texts = vec!["pixels".to_string()];
    if let Some(shape) = opened.reference.shape {
        let side = shape.width.min(shape.height);
        let patches = [4, 8].into_iter().filter(|&patch| patch < side);
        texts.extend(patches.map(|patch| format!("patch:{patch}")));
    }
    let dims = [8, 16, 32].into_iter();
    let dims = dims.filter(|&dims| dims < opened.reference.rows.dim());
    texts.extend(dims.map(|dims| format!("pca:{dims}")));
    Spec::parse_all(&texts)
}

/// Run the command.
pub fn run(args: Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.run.threads)?;
    let specs = args.specs()?;
    args.plan().analysis.check()?;
    let inputs = args.inputs(specs.as_deref().unwrap_or_default());
    super::check_outputs(args.output.as_deref(), args.json.as_deref(), &inputs)?;
    let Chosen { engine, note } = args.run.backend.engine(args.rows.memory, control)?;
    let bar = Bar::start(control, args.run.shown());
    let only_files = specs.as_ref().is_some_and(|specs| {
        let files = |spec: &Spec| matches!(spec.stages.first(), Some(Stage::File { .. }));
        args.reference.is_none() && specs.iter().all(files)
    });
    let frames = match &specs {
        Some(specs) if !only_files => crate::space::frames(specs)?,
        _ => None,
    };
    let frames = frames.as_ref();
    let (opened, query_sets) = match (only_files, &args.reference, &args.queries) {
        (true, ..) => (None, Vec::new()),
        (false, Some(reference), None) => {
            let sets = query_sets(&args.sets)?;
            let (opened, sets) = args
                .images
                .open_sets(&args.rows, reference, &sets, frames, control)?;
            (Some(opened), sets)
        }
        (false, ..) => {
            let opened = args.images.open(&args.rows, args.sets(), frames, control)?;
            (Some(opened), Vec::new())
        }
    };
    let specs = match (specs, &opened) {
        (Some(specs), _) => specs,
        (None, Some(opened)) => usual(opened, args.reference.is_none())?,
        (None, None) => Vec::new(),
    };
    if let Some(note) = note.filter(|_| !args.run.quiet) {
        file::tell(&note);
    }
    let settings = Settings {
        seed: args.judging.seed,
        memory: opened.as_ref().map_or_else(
            || {
                args.rows
                    .memory
                    .unwrap_or_else(super::memory::default_budget)
            },
            |opened| opened.left,
        ),
        files: args.files()?,
        onnx_runtime: args.networks.onnx_runtime.clone(),
    };
    if args.by_label
        && let Some(why) = opened.as_ref().and_then(|opened| opened.mismatch.as_ref())
    {
        return Err(Error::Usage(why.clone()));
    }
    let mut classes = match &opened {
        Some(opened) => opened.classes.clone(),
        None => args.images.classes(&args.rows, control)?,
    };
    let queries = opened.as_ref().map(|opened| &opened.queries);
    let of = opened.as_ref().map(|opened| opened.query_rows);
    let given = args.given(queries, of, classes.as_ref(), control)?;
    if let Some(classes) = &mut classes {
        classes.predicted = coded(&given.predicted, &mut classes.names);
    }
    let subject = Subject {
        sets: opened
            .as_ref()
            .map(|opened| (opened.reference.clone(), opened.queries.clone())),
        classes,
        outcome: given.outcome,
        query_sets,
        specs,
    };
    let plan = args.plan();
    let origin = args.origin(plan.clone(), &subject);
    let report = match &args.output {
        Some(folder) => {
            let mut archive = Folder::new(folder, origin.clone(), control);
            study::run(&plan, subject, settings, &*engine, &mut archive, control)
        }
        None => study::run(&plan, subject, settings, &*engine, &mut Forget, control),
    }?;
    drop(bar);
    write(&args, &origin, opened.as_ref(), &report, control)
}

/// The results, to whoever asked for them.
fn write(
    args: &Args,
    origin: &Origin,
    opened: Option<&Opened>,
    report: &Report,
    control: &Control,
) -> Result<()> {
    let mut notes = report.notes.clone();
    notes.extend(control.take_warnings());
    if let Some(why) = opened.and_then(|opened| opened.mismatch.as_ref()) {
        notes.push(format!("classes are left out: {why}"));
    }
    if let Some(skipped) = opened.map(|opened| opened.skipped).filter(|&n| n > 0) {
        notes.push(format!(
            "{skipped} image files could not be decoded and were left out"
        ));
    }
    if !args.run.quiet {
        let of_spaces = report.spaces.iter().flat_map(|space| {
            let each = space.warnings.iter();
            each.map(move |warning| format!("{}: {warning}", space.space))
        });
        for note in notes.iter().cloned().chain(of_spaces) {
            file::tell(&format!("note: {note}"));
        }
    }
    let labels = [&args.images.labels, &args.images.query_labels];
    let labels: Vec<_> = labels.into_iter().flatten().collect();
    let settings = json!({
        "inputs": origin.inputs,
        "labels": labels,
        "sets": opened.map(|opened| {
            [&opened.reference, &opened.queries].map(|set| InputInfo::of(&*set.rows))
        }),
        "rows": origin.rows,
        "comparison": origin.plan,
        "seed": origin.seed,
        "notes": notes,
    });
    let command = &origin.command;
    let summary = json::pretty(&show::json(command, &settings, report));
    if let Some(folder) = &args.output {
        files(folder, origin, &settings, opened, report)?;
        file::write_text(&folder.join("summary.json").display().to_string(), &summary)?;
    }
    if let Some(target) = &args.json {
        file::write_text(target, &summary)?;
    }
    if args.json.as_deref() != Some("-") {
        let mut text = show::table(report);
        for found in &show::shortened(report).0.outcomes {
            text += &format!("\n{}", outcomes::table(found));
            for (space, finding) in outcomes::findings(found) {
                text += &format!("{space}: {finding}\n");
            }
        }
        file::print(&text)?;
    }
    Ok(())
}

/// Tables, plots, contact sheets and the page.
fn files(
    folder: &Path,
    origin: &Origin,
    settings: &serde_json::Value,
    opened: Option<&Opened>,
    report: &Report,
) -> Result<()> {
    let command = &origin.command;
    show::write_rates(&folder.join("rates.parquet"), command, settings, report)?;
    let tables = report.spaces.iter();
    let tables = tables.map(|space| {
        folder
            .join("spaces")
            .join(format!("{}.parquet", archive::name(&space.space)))
    });
    let metadata = [
        ("hullscope.command", command.clone()),
        ("hullscope.settings", settings.to_string()),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_string(), value));
    let rows = opened.map(|opened| opened.query_rows.entry());
    queries::join(
        &tables.collect::<Vec<_>>(),
        &folder.join("queries.parquet"),
        metadata.into_iter().chain(rows).collect(),
    )?;
    for (place, found) in report.outcomes.iter().enumerate() {
        // The first stands in the folder itself, as that of `errors` does.
        let within = match (place, &found.kind) {
            (0, _) => folder.to_path_buf(),
            (_, Kind::Sets([_, name])) => folder.join(format!("outcomes-{}", archive::name(name))),
            (_, _) => folder.join(format!("outcomes-{place}")),
        };
        std::fs::create_dir_all(&within).map_err(|error| Error::io("create", &within, error))?;
        outcomes::write_all(&within, command, settings, found)?;
    }
    let by_label = folder.join("by_label.parquet");
    if origin.plan.by_label {
        show::write_labels(&by_label, command, settings, report)?;
    } else if by_label.exists() {
        // It is of another comparison than the other files.
        std::fs::remove_file(&by_label).map_err(|error| Error::io("remove", &by_label, error))?;
    }
    for (name, figure) in show::figures(report) {
        for ending in ["png", "svg"] {
            plot::write(&folder.join(format!("{name}.{ending}")), &figure)?;
        }
    }
    let sheets = pictures(opened, report)?;
    let mut names = Vec::new();
    for (space, png) in &sheets {
        let name = format!("sheet-{}.png", archive::name(space));
        file::write_bytes(&folder.join(&name), png)?;
        names.push(name);
    }
    without_others(folder, &names)?;
    let made = show::Made {
        command: command.clone(),
        date: crate::bench::date(),
        inputs: inputs(opened),
        settings: settings.clone(),
    };
    show::write_page(&folder.join("report.html"), &made, report, &sheets)
}

/// Remove contact sheets of an earlier comparison: they do not belong to the other files.
fn without_others(folder: &Path, sheets: &[String]) -> Result<()> {
    let failed = |error| Error::io("list", folder, error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let sheet = name.starts_with("sheet-") && name.ends_with(".png");
        if sheet && !sheets.contains(&name) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    Ok(())
}

/// What was read, by name.
fn inputs(opened: Option<&Opened>) -> Vec<(String, String)> {
    let set = |what: &str, set: &Set| {
        let (rows, dim) = (set.rows.len(), set.rows.dim());
        let shape = set.shape.map_or(format!("{dim} numbers a row"), |shape| {
            format!(
                "{} x {} pixels, {} channels",
                shape.width, shape.height, shape.channels
            )
        });
        (
            what.to_string(),
            format!("{}: {rows} rows, {shape}", set.rows.name()),
        )
    };
    opened.map_or_else(Vec::new, |opened| {
        vec![
            set("Reference", &opened.reference),
            set("Queries", &opened.queries),
        ]
    })
}

/// The contact sheet of each space whose rows are those of the images.
fn pictures(opened: Option<&Opened>, report: &Report) -> Result<Vec<(String, Vec<u8>)>> {
    let Some(opened) = opened else {
        return Ok(Vec::new());
    };
    let (Some(reference_shape), Some(query_shape)) = (opened.reference.shape, opened.queries.shape)
    else {
        return Ok(Vec::new());
    };
    let images = Pictures {
        reference: &*opened.reference.rows,
        reference_shape,
        queries: &*opened.queries.rows,
        query_shape,
        classes: opened.classes.as_ref(),
    };
    let mut sheets = Vec::new();
    for space in &report.spaces {
        let same = space.n_reference == images.reference.len() as u64
            && space.n_queries == images.queries.len() as u64;
        if same && let Some(png) = sheet(&space.space, &space.picks, &images)? {
            sheets.push((space.space.clone(), png));
        }
    }
    Ok(sheets)
}
