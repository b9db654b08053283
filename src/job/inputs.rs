//! The sets that a command opens by its options of rows: two files, the built-in sample, or a fitted reference and queries.

use super::images::{Labelled, classes_beside, open_plain};
use super::row_args::{Role, RowArgs, one_pipe};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::notion::Classes;
use crate::rows::{OpenOptions, RowSettings, Rows, like, open, said, sample};
use crate::store::hull_file::{self, SpaceAndLabels};
use crate::study::analyze::AnalysisPlan;
use crate::study::reference::Prepared;
use crate::warnings::Warnings;
use std::path::Path;
use std::sync::Arc;

/// The least budget of a set, in bytes: a streamed set needs this much for its buffers.
const LEAST: u64 = 64 << 20;

/// The two opened sets.
pub struct Inputs {
    pub reference: Box<dyn Rows>,
    pub queries: Arc<dyn Rows>,
}

/// Both sets, with what a fitted reference brings along.
pub struct JudgedInputs {
    pub inputs: Inputs,
    /// What was computed when the reference was fitted; `None` where it was not.
    pub known: Option<Prepared>,
    /// The plan with which the reference was fitted.
    pub plan: AnalysisPlan,
    /// How the rows of both were read.
    pub settings: RowSettings,
    /// The classes of the reference, if it has labels, and those of the queries as far as they are known.
    pub classes: Option<Classes>,
    /// The space of both sets; `None` where rows are used as they are.
    pub space: Option<String>,
    /// What was noticed as the queries were read.
    pub warnings: Warnings,
}

impl Inputs {
    /// The notes about choices that were made when the sets were opened.
    pub fn said(&self) -> impl Iterator<Item = String> {
        said(&*self.reference).chain(said(&*self.queries))
    }
}

impl RowArgs {
    /// The named sets, or the built-in sample: the reference first, the queries with the rest of the budget.
    pub fn inputs(&self, named: Option<(&str, &str)>, control: &Control) -> Result<Inputs> {
        let budget = self.budget();
        let first = self.options(Role::Reference, budget);
        let Some((reference, queries)) = named else {
            let second = self.options(Role::Queries, budget);
            return Ok(Inputs {
                reference: Box::new(sample::reference()?.prepared(&first, control)?),
                queries: Arc::new(sample::queries()?.prepared(&second, control)?),
            });
        };
        control.begin(WorkStage::Read, 0);
        one_pipe(&[reference, queries])?;
        let reference = open(reference, &first, control)?;
        let left = budget.saturating_sub(reference.resident_bytes());
        let second = OpenOptions {
            like: like(&*reference),
            ..self.options(Role::Queries, left.max(LEAST.min(budget)))
        };
        let queries = Arc::from(open(queries, &second, control)?);
        Ok(Inputs { reference, queries })
    }

    /// The sets of [`RowArgs::inputs`], with a reference that was not fitted.
    pub fn not_fitted(
        &self,
        named: Option<(&str, &str)>,
        control: &Control,
    ) -> Result<JudgedInputs> {
        Ok(JudgedInputs {
            inputs: self.inputs(named, control)?,
            known: None,
            plan: AnalysisPlan::default(),
            settings: self.settings.clone(),
            classes: None,
            space: None,
            warnings: Warnings::default(),
        })
    }

    /// Opens a fitted reference, and queries that are read under the same options and transformed into its space. `labels` is
    /// the file of their classes.
    ///
    /// Errors: options that differ from those of the reference, files that cannot be read, labels where the reference has none.
    pub fn fitted(
        &self,
        reference: &Path,
        queries: &str,
        labels: Option<&str>,
        control: &Control,
    ) -> Result<JudgedInputs> {
        let typed = RowSettings {
            limit_queries: None,
            ..self.settings.clone()
        };
        if typed != RowSettings::default() {
            return Err(Error::Usage(format!(
                "rows are read by the options given to hullscope fit, which {} holds; leave out {}",
                reference.display(),
                typed.options()
            )));
        }
        control.begin(WorkStage::Read, 0);
        let budget = self.budget();
        let found = hull_file::open(reference, budget, control)?;
        let left = budget.saturating_sub(found.rows.resident_bytes());
        let about = found.about;
        let settings = RowSettings {
            limit_queries: self.settings.limit_queries,
            ..about.settings
        };
        let options = OpenOptions {
            limit: self.settings.limit_queries,
            exclude: None,
            memory: left.max(LEAST.min(budget)),
            work: Some(budget),
            spool: self.spool,
            like: about.columns,
            ..settings.reference_options()
        };
        let SpaceAndLabels { way, labels: own } = found.space_and_labels;
        if labels.is_some() && own.is_none() {
            return Err(Error::Usage(format!(
                "{} holds no labels to compare those of the queries with; make it again with hullscope fit --labels",
                reference.display()
            )));
        }
        let mut warnings = Warnings::default();
        let (queries, named) = match way.is_some() || own.is_some() {
            true => {
                let Labelled {
                    set,
                    labels: named,
                    warnings: noticed,
                    ..
                } = open_plain(queries, options, labels, control)?;
                warnings = noticed;
                let rows = match &way {
                    Some(way) => way.take(set, left, control)?,
                    None => set.rows,
                };
                (rows, named)
            }
            false => (Arc::from(open(queries, &options, control)?), None),
        };
        let classes = own.map(|own| {
            let names = (queries.name(), found.rows.name());
            let known = classes_beside(&own, named.as_ref(), queries.len(), names);
            // Labels that were found beside the file may be of other classes.
            known.or_else(|fault| match labels {
                Some(_) => Err(fault),
                None => {
                    warnings.add(format!(
                        "the labels found with the queries are not used: {fault}"
                    ));
                    classes_beside(&own, None, queries.len(), names)
                }
            })
        });
        Ok(JudgedInputs {
            inputs: Inputs {
                reference: found.rows,
                queries,
            },
            known: Some(found.known),
            plan: about.plan,
            settings,
            classes: classes.transpose()?,
            space: about.space.map(|ends| ends.space),
            warnings,
        })
    }
}
