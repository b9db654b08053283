//! A comparison as a job. [`Options`] open the two sets, classes and outcomes and choose the spaces, which gives one
//! validated plan; the run gives [`Done`], whose files in the folder are those of [`super::folder`].

use super::archive::{ComparisonRun, Folder};
use super::images::{ImageArgs, Opened};
use super::judging::{COMPARE, JudgingArgs};
use super::networks::NetworkArgs;
use super::outcomes::{Given, OutcomeArgs, Queries, numbered};
use super::results::{self, FolderOwner};
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::numerals::grouped;
use crate::report::{compare as show, records};
use crate::rows::sample::QUERY_PREDICTIONS;
use crate::rows::{Memory, Rows, Watch};
use crate::scan::Engine;
use crate::space::{Set, Settings, Spec};
use crate::store::InputInfo;
use crate::store::queries::FileRows;
use crate::study::compare::{
    self as study, Classes, ComparisonPlan, Forget, QuerySet, Report, RowContext, Subject,
};
use serde_json::json;
use std::path::Path;
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

/// The options of a comparison.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The images whose convex hull is asked about (without it: the built-in sample)
    pub reference: Option<String>,
    /// The images to ask about; without any, reference rows are asked about, each as if it were not in the reference
    pub queries: Option<String>,
    /// Several sets to ask about, NAME=FILE each: how well does each notion tell them apart?
    #[arg(
        long = "queries",
        value_name = "NAME=FILE",
        conflicts_with = "queries",
        requires = "reference"
    )]
    pub sets: Vec<String>,
    /// A space, as in pca:8,16 or 'smooth:2|pca:8'; may be given several times
    #[arg(long = "space", value_name = "SPACE")]
    pub spaces: Vec<String>,
    /// Split the rates by class, and ask whether each query lies in the hull of its own class
    #[arg(long)]
    pub by_label: bool,
    /// Keep the certificate of each verdict in the folder of -o, for `hullscope verify FOLDER`
    #[arg(long, requires = "output")]
    pub certificates: bool,
    /// Remove what another run, with other inputs, left in the folder of -o
    #[arg(long, requires = "output")]
    pub replace: bool,
    #[command(flatten)]
    pub judging: JudgingArgs,
    #[command(flatten)]
    pub outcomes: OutcomeArgs,
    #[command(flatten)]
    pub images: ImageArgs,
    #[command(flatten)]
    pub networks: NetworkArgs,
    #[command(flatten)]
    pub rows: RowArgs,
}

impl Options {
    pub fn plan(&self) -> ComparisonPlan {
        ComparisonPlan {
            analysis: self.judging.plan(true, COMPARE),
            by_label: self.by_label,
            ..ComparisonPlan::default()
        }
        .complete()
    }

    /// The outcomes of the queries: those that were named, or for the built-in sample its network's predictions.
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
            classes: &numbered(classes.map_or(&[], |classes| &classes.names)),
        };
        self.outcomes.read(&queries, control)
    }

    /// The spaces that were asked for, if any.
    pub fn specs(&self) -> Result<Option<Vec<Spec>>> {
        if self.spaces.is_empty() {
            return Ok(None);
        }
        Spec::parse_all(&self.spaces).map(Some)
    }

    /// Everything that the results depend on, except for the spaces.
    fn comparison_run(
        &self,
        command: &str,
        plan: ComparisonPlan,
        subject: &Subject,
        watch: Watch,
    ) -> ComparisonRun {
        let mut content = subject
            .classes
            .as_ref()
            .map_or_else(String::new, Classes::hash);
        content += &self.outcomes.files().collect::<Vec<_>>().join("\n");
        content += &blake3::hash(format!("{:?}", subject.outcome).as_bytes()).to_hex();
        content += &subject.query_sets.iter().fold(String::new(), |text, set| {
            text + &format!("{} {}\n", set.name, set.first)
        });
        ComparisonRun {
            command: command.into(),
            inputs: self.named().collect(),
            content,
            rows: self.rows.settings.clone(),
            plan,
            seed: self.judging.seed,
            more: format!("{} {:?}", self.images.key(), self.networks.onnx_runtime),
            certificates: self.certificates,
            watch: Arc::new(watch),
        }
    }

    /// The inputs of the results, to mark the folder that holds them.
    pub fn owner(&self, specs: &[Spec]) -> FolderOwner {
        let mut inputs: Vec<String> = [&self.reference, &self.queries]
            .into_iter()
            .flatten()
            .chain(&self.sets)
            .cloned()
            .collect();
        let grows = self.reference.is_none() && brings_all(specs);
        if grows {
            let embeddings = specs.iter().filter_map(Spec::files).flatten();
            inputs.extend(embeddings.map(String::from));
        }
        FolderOwner {
            command: "compare".into(),
            inputs,
            grows,
        }
    }

    /// The two sets as typed: files, folders and patterns.
    fn named(&self) -> impl Iterator<Item = String> {
        let typed = [&self.reference, &self.queries].into_iter().flatten();
        let sets = self.sets.iter().filter_map(|set| set.split_once('='));
        typed.cloned().chain(sets.map(|(_, file)| file.to_string()))
    }

    /// Every file, folder and pattern that is read.
    pub fn inputs(&self, specs: &[Spec]) -> Vec<String> {
        let mut inputs = crate::job::guard::of_spaces(specs);
        inputs.extend(self.named());
        inputs.extend(
            self.images
                .files()
                .chain(self.outcomes.files())
                .map(String::from),
        );
        inputs.extend(self.judging.files());
        inputs
    }
}

/// Predicted classes as codes; a class that only the model has is added to the names.
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

/// The default spaces of the sets.
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

impl Options {
    /// Opens the named inputs and fills in the defaults: spaces, budget, classes. `command` is written into the files of the
    /// comparison as the command that made them; `specs` are the spaces of [`Options::specs`].
    ///
    /// Errors: inputs that cannot be read, or do not match.
    pub fn open(
        &self,
        command: &str,
        specs: Option<Vec<Spec>>,
        control: &Control,
    ) -> Result<Compare> {
        let of_spaces = crate::job::guard::of_spaces(specs.as_deref().unwrap_or_default());
        let watch = Watch::of(self.named().chain(of_spaces));
        let (opened, query_sets) = self.sets_of(specs.as_deref(), control)?;
        let specs = match (specs, &opened) {
            (Some(specs), _) => specs,
            (None, Some(opened)) => usual(opened, self.reference.is_none())?,
            (None, None) => Vec::new(),
        };
        let left = opened
            .as_ref()
            .map_or(self.rows.budget(), |opened| opened.left);
        let settings = (self.rows).spaces(self.judging.seed, left, &self.networks);
        if self.by_label
            && let Some(why) = opened.as_ref().and_then(|opened| opened.mismatch.as_ref())
        {
            return Err(Error::Usage(why.clone()));
        }
        let mut classes = match &opened {
            Some(opened) => opened.classes.clone(),
            None => self.images.classes(&self.rows, control)?,
        };
        let queries = opened.as_ref().map(|opened| &opened.queries);
        let of = opened.as_ref().map(|opened| opened.query_rows);
        let given = self.given(queries, of, classes.as_ref(), control)?;
        let names = classes.as_ref().map(|classes| classes.names.clone());
        if let Some(classes) = &mut classes {
            classes.predicted = coded(&given.predicted, &mut classes.names);
        }
        let owner = self.owner(&specs);
        let sets = opened
            .as_ref()
            .map(|opened| (opened.reference.clone(), opened.queries.clone()));
        let noticed = opened.as_ref().map(|opened| opened.warnings.clone());
        let subject = Subject {
            sets,
            classes,
            outcome: given.outcome,
            query_sets,
            specs,
            warnings: noticed.unwrap_or_default(),
        };
        let run = self.comparison_run(command, self.plan(), &subject, watch);
        let labels = [&self.images.labels, &self.images.query_labels];
        Ok(Compare {
            subject,
            settings,
            run,
            opened,
            labels: labels.into_iter().flatten().cloned().collect(),
            classes: names.unwrap_or_default(),
            owner,
            replace: self.replace,
        })
    }

    /// The two sets, and where each set of queries begins; `None` where every space begins with `file:`.
    fn sets_of(
        &self,
        specs: Option<&[Spec]>,
        control: &Control,
    ) -> Result<(Option<Opened>, Vec<QuerySet>)> {
        if self.reference.is_none() && specs.is_some_and(brings_all) {
            return Ok((None, Vec::new()));
        }
        let frames = specs.map_or(Ok(None), crate::space::frames)?;
        let named = query_sets(&self.sets)?;
        let files = named.iter().map(|(_, file)| file).chain(&self.queries);
        let sets: Vec<&str> = (self.reference.iter().chain(files))
            .map(String::as_str)
            .collect();
        let sets = match self.reference {
            Some(_) => &sets[..],
            None => &[],
        };
        let opened = (self.images).open(&self.rows, sets, frames.as_ref(), control)?;
        let sets = named.into_iter().zip(&opened.starts);
        let sets = sets.map(|((name, _), &first)| QuerySet { name, first });
        let sets = sets.collect();
        Ok((Some(opened), sets))
    }
}

/// Whether every space begins with `file:`, so that no other sets are needed.
pub(super) fn brings_all(specs: &[Spec]) -> bool {
    !specs.is_empty() && specs.iter().all(|spec| spec.files().is_some())
}

/// A comparison that can be run.
pub struct Compare {
    pub subject: Subject,
    pub settings: Settings,
    /// What the results depend on, with the plan.
    pub run: ComparisonRun,
    /// The sets, with the facts about their files; `None` where every space begins with `file:`.
    pub opened: Option<Opened>,
    /// Files of labels, as typed.
    pub labels: Vec<String>,
    /// The names of the classes, in the order of their codes.
    pub classes: Vec<String>,
    /// The inputs of the results.
    pub owner: FolderOwner,
    /// Whether results of other inputs are removed from the folder.
    pub replace: bool,
}

impl Compare {
    /// Runs the comparison. Finished spaces are kept in `folder`, and those of an earlier run are reused; results of other
    /// inputs are removed from it if `replace` is set.
    ///
    /// Errors: rows that cannot be read, a folder that cannot be written, an engine that fails, an interrupt.
    pub fn run(
        self,
        engine: &dyn Engine,
        folder: Option<&Path>,
        control: &Control,
    ) -> Result<Done> {
        let (subject, settings, plan) = (self.subject, self.settings, &self.run.plan);
        let mut reuse = Vec::new();
        let report = match folder {
            Some(folder) => {
                results::check(folder, &self.owner, self.replace)?;
                if self.replace {
                    results::clear(folder, &self.owner)?;
                }
                let archive = Folder::new(folder, self.run.clone(), control);
                let mut archive = archive.marked_as(self.owner);
                let report = study::run(plan, subject, settings, engine, &mut archive, control);
                reuse = archive.reuse();
                report
            }
            None => study::run(plan, subject, settings, engine, &mut Forget, control),
        }?;
        let mut notes = report.notes.clone();
        let queries = report.spaces.first().map_or(0, |space| space.n_queries);
        notes.extend(plan.analysis.sampled(queries as usize)?);
        notes.extend(engine.take_warnings());
        if let Some(opened) = &self.opened {
            let mismatch = opened.mismatch.as_ref();
            notes.extend(mismatch.map(|why| format!("classes are left out: {why}")));
            notes.extend((opened.skipped > 0).then(|| {
                let skipped = grouped(opened.skipped);
                format!("{skipped} image files could not be decoded and were left out")
            }));
        }
        Ok(Done {
            report,
            notes,
            reuse,
            run: self.run,
            opened: self.opened,
            labels: self.labels,
            classes: self.classes,
        })
    }

    /// A line for each column of the tables in the folder of this comparison: the file, the column and its meaning.
    ///
    /// Errors: unknown notions.
    pub fn help_columns(&self) -> Result<String> {
        // The files of `file:` spaces are not opened for this; their rows have neither ids nor files.
        let none = Memory::from_f64("rows", 1, vec![0.0]);
        let subject = &self.subject;
        let (reference, queries): (&dyn Rows, &dyn Rows) = match &subject.sets {
            Some((reference, queries)) => (&*reference.rows, &*queries.rows),
            None => (&none, &none),
        };
        let about = records::About {
            reference,
            queries,
            plan: &self.run.plan.analysis,
            space: Some(""),
            known: RowContext {
                classes: subject.classes.as_ref(),
                sets: &subject.query_sets,
                outcome: subject.outcome.as_ref(),
            },
        };
        let queries = records::help("queries.parquet", &about)?;
        let rates = show::help(self.run.plan.by_label);
        let more = "outcomes.parquet and others of outcomes: hullscope errors --help-columns\n";
        Ok(queries + &rates + more)
    }
}

/// A finished comparison.
pub struct Done {
    pub report: Report,
    /// Notes about the sets and the run; those about one space are in its report.
    pub notes: Vec<String>,
    /// What was taken over from the folder, and why other spaces in it were not.
    pub reuse: Vec<String>,
    pub(super) run: ComparisonRun,
    pub(super) opened: Option<Opened>,
    labels: Vec<String>,
    /// The names of the classes, in the order of their codes.
    pub(super) classes: Vec<String>,
}

impl Done {
    /// All notes, those of a space with its name.
    pub fn all_notes(&self) -> Vec<String> {
        let of_spaces = self.report.spaces.iter().flat_map(|space| {
            let each = space.warnings.iter();
            each.map(move |warning| format!("{}: {warning}", space.space))
        });
        self.notes.iter().cloned().chain(of_spaces).collect()
    }

    /// The options that rows were read with and queries judged by, for every file that is written.
    pub fn settings(&self) -> serde_json::Value {
        json!({
            "inputs": self.run.inputs,
            "labels": self.labels,
            "sets": self.opened.as_ref().map(|opened| {
                [&opened.reference, &opened.queries].map(|set| InputInfo::of(&*set.rows))
            }),
            "rows": self.run.rows,
            "comparison": self.run.plan,
            "seed": self.run.seed,
            "notes": self.notes,
        })
    }

    /// All results as JSON.
    pub fn json(&self) -> serde_json::Value {
        show::json(&self.run.command, &self.settings(), &self.report)
    }

    /// The text that is printed.
    pub fn text(&self) -> String {
        show::text(&self.report)
    }
}
