//! A reference with everything that can be computed before the first query, as a file.

use super::guard::Outputs;
use super::images::{classes_beside, open_plain};
use super::judging::{ANALYZE, JudgingArgs};
use super::row_args::{Role, RowArgs};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::report::numerals::grouped_size;
use crate::rows::{self, Rows};
use crate::scan::Engine;
use crate::space::{Set, Settings, Way};
use crate::store::hull_file::{self, ReferenceFacts, Source, SpaceAndLabels};
use crate::store::{InputInfo, file};
use crate::study::analyze::{Sets, prepare};
use crate::warnings::Warnings;
use std::path::PathBuf;
use std::sync::Arc;

/// The reference, the file, and how queries will be judged.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The rows whose convex hull will be asked about
    reference: String,
    /// The file to write, as in ref.hull
    #[arg(short, long, value_name = "FILE.hull")]
    output: PathBuf,
    /// Do not copy the rows into the file: store their path and a hash of their content; they must stay there unchanged
    #[arg(long)]
    link: bool,
    /// The space to fit and judge in, as in pca:16 or 'patch:8|pca:4'; queries are transformed in the same way
    #[arg(long, value_name = "SPACE", conflicts_with = "link")]
    space: Option<String>,
    /// Classes of the rows, for notions that use them: a file of one integer a row (with --space the default is the classes
    /// beside MNIST, CIFAR and in a label column)
    #[arg(long, value_name = "FILE", conflicts_with = "link")]
    labels: Option<String>,
    /// Compute no hull verdicts
    #[arg(long, conflicts_with = "distance")]
    no_hull: bool,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    pub rows: RowArgs,
}

/// A file that was written.
pub struct Written {
    /// A line about it.
    pub line: String,
    pub notes: Vec<String>,
}

impl Options {
    /// Refuses options that contradict each other and a file that cannot be written.
    pub fn check(&self) -> Result<()> {
        if !hull_file::is_hull(&self.output) {
            let named = self.output.display();
            let what = format!("{named} does not end in .hull; write -o NAME.hull");
            return Err(Error::Usage(what));
        }
        if self.rows.settings.limit_queries.is_some() {
            return Err(Error::Usage(
                "--limit-queries goes with score and analyze: fit reads no queries".into(),
            ));
        }
        self.space.as_deref().map_or(Ok(()), Way::check)?;
        let files = self.labels.iter().cloned().chain(self.judging.files());
        let inputs: Vec<String> = files.chain([self.reference.clone()]).collect();
        Outputs::files([&*self.output], None).check(&inputs)?;
        file::Output::create(&self.output).map(drop)
    }

    /// Fits the reference, and writes the file; `opened` is called once its inputs are open.
    ///
    /// Errors: rows, labels and notions' files that cannot be read, a file that cannot be written, an interrupt.
    pub fn run(
        &self,
        engine: &dyn Engine,
        int8: bool,
        opened: impl FnOnce(),
        control: &Control,
    ) -> Result<Written> {
        let source = Source::of(&self.reference)?;
        control.begin(WorkStage::Read, 0);
        let mut warnings = Warnings::default();
        let (set, labels) = self.open(&mut warnings, control)?;
        let columns = rows::like(&*set.rows);
        let (reference, way) = self.in_space(set, &mut warnings, control)?;
        let names = (reference.name(), reference.name());
        let classes = labels.as_ref();
        let classes = classes.map(|labels| classes_beside(labels, None, 0, names));
        let classes = classes.transpose()?;
        let plan = self.judging.plan(!self.no_hull, ANALYZE);
        opened();
        let sets = Sets {
            reference: &*reference,
            queries: &*reference,
            classes: classes.as_ref(),
            layers: &[],
            warnings: &warnings,
            memory: self.rows.budget(),
        };
        let known = prepare(&plan, engine, &sets, control)?;
        let mut notes: Vec<String> = InputInfo::of(&*reference).sentences().collect();
        notes.extend(known.warnings.iter().cloned());
        let space_and_labels = SpaceAndLabels { way, labels };
        let link = || Source::link(Some(&source), &space_and_labels, control);
        let about = ReferenceFacts {
            plan,
            settings: self.rows.settings.clone(),
            columns,
            link: self.link.then(link).transpose()?,
            ..ReferenceFacts::of(&*reference, &space_and_labels)
        };
        let copy = int8.then(|| self.rows.budget());
        let (target, rows) = (&self.output, &*reference);
        hull_file::write(target, about, copy, rows, &known, &space_and_labels)?;
        let [n, d] = [reference.len(), reference.dim()].map(grouped_size);
        let line = format!("{}: {n} rows x {d}, ready", self.output.display());
        Ok(Written { line, notes })
    }

    /// The rows as they are. Classes are used with a space, or if their file is named.
    fn open(
        &self,
        warnings: &mut Warnings,
        control: &Control,
    ) -> Result<(Set, Option<rows::images::Labels>)> {
        let options = self.rows.options(Role::Reference, self.rows.budget());
        if self.space.is_none() && self.labels.is_none() {
            let rows = rows::open(&self.reference, &options, control)?;
            return Ok((Set::vectors(Arc::from(rows)), None));
        }
        let labels = self.labels.as_deref();
        let opened = open_plain(&self.reference, options, labels, control)?;
        warnings.extend(opened.warnings);
        Ok((opened.set, opened.labels))
    }

    /// The rows in their space.
    fn in_space(
        &self,
        set: Set,
        warnings: &mut Warnings,
        control: &Control,
    ) -> Result<(Arc<dyn Rows>, Option<Way>)> {
        let Some(space) = &self.space else {
            return Ok((set.rows, None));
        };
        let settings = Settings {
            seed: self.judging.seed,
            memory: (self.rows.budget()).saturating_sub(set.rows.resident_bytes()),
            ..Settings::default()
        };
        let (rows, way) = Way::fit(set, space, settings, warnings, control)?;
        Ok((rows, Some(way)))
    }
}
