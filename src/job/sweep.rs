//! Rates of new points inside, as the numbers of rows and dimensions grow: of a law, or of subsets of a data set.

use super::inputs::Inputs;
use super::numbers::{self, Numbers};
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::numerals::{grouped, grouped_size};
use crate::rows::law::{Law, Query};
use crate::rows::{RowSettings, Rows};
use crate::scan::Engine;
use crate::space::{Set, Settings, Spec, Views};
use crate::study::sweep::{self as study, DataPlan, LawPlan, Order, Point};
use crate::warnings::Warnings;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is swept.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A data set instead of a law: the rows to take subsets of
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The rows to ask about
    queries: Option<String>,
    /// How points are distributed; may be given several times [default: gaussian]
    #[arg(long, value_name = "LAW", conflicts_with = "reference")]
    law: Vec<Law>,
    /// Numbers of dimensions [default: 2,4,8; for a data set all columns]
    #[arg(long, value_name = "D,D,..", value_parser = numbers::parse)]
    dims: Option<Numbers>,
    /// Numbers of reference rows [default: 10,20,50,..,1e4; for a data set N/16, N/8, .., N]
    #[arg(long, value_name = "N,N,..", value_parser = numbers::parse)]
    sizes: Option<Numbers>,
    /// Queries at each point
    #[arg(long, value_name = "T", value_parser = numbers::whole, default_value = "2000", conflicts_with = "reference")]
    trials: u64,
    /// Seed of rows and queries
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Where queries come from
    #[arg(long, value_enum, default_value_t = QueryArg::Law, conflicts_with = "reference")]
    query: QueryArg,
    /// Variance of a Gaussian query, where that of the rows is 1
    #[arg(long, value_name = "V", conflicts_with_all = ["reference", "query"])]
    query_variance: Option<f64>,
    /// Use one reference set for all queries of a law and dimension
    #[arg(long, conflicts_with = "reference")]
    shared_reference: bool,
    /// Use the first d principal components of a data set instead of d random columns
    #[arg(long, requires = "reference")]
    components: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum QueryArg {
    /// Another point of the law
    Law,
    /// The origin
    Origin,
}

/// The default sizes: three a decade.
const SIZES: [usize; 10] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const DIMS: [usize; 3] = [2, 4, 8];

/// A finished sweep.
pub struct Swept {
    /// The plan.
    pub settings: Value,
    /// A line about the sweep.
    pub about: String,
    pub points: Vec<Point>,
    pub warnings: Warnings,
}

impl Options {
    /// Refuses options that contradict each other.
    pub fn check(&self, rows: &RowArgs) -> Result<()> {
        if self.of_data() {
            return Ok(());
        }
        self.law_plan(rows).check()?;
        match rows.settings == RowSettings::default() {
            true => Ok(()),
            false => Err(Error::Usage(
                "--limit-reference, --limit-queries, --exclude-rows, --scale, --normalize and --skip-nonfinite are about \
                 the rows of a data set; name REFERENCE and QUERIES, or leave them out"
                    .into(),
            )),
        }
    }

    /// The sets as typed.
    pub fn inputs(&self) -> Vec<String> {
        let sets = [&self.reference, &self.queries].into_iter().flatten();
        sets.cloned().collect()
    }

    /// Whether a data set is swept.
    pub fn of_data(&self) -> bool {
        self.reference.is_some()
    }

    /// Whether scans take most of the time. Independent trials scan nothing: they draw points.
    pub fn scans(&self) -> bool {
        self.of_data() || self.shared_reference
    }

    /// The rates; `opened` is called once the sets, if there are any, are open.
    ///
    /// Errors: sets that cannot be read or are too small, an engine that fails, an interrupt.
    pub fn run(
        &self,
        rows: &RowArgs,
        engine: &dyn Engine,
        opened: impl FnOnce(),
        control: &Control,
    ) -> Result<Swept> {
        let named = self.reference.as_deref().zip(self.queries.as_deref());
        let sets = named.map(|named| rows.inputs(Some(named), control));
        let sets = sets.transpose()?;
        opened();
        let mut swept = match sets {
            Some(sets) => self.run_data(sets, rows, engine, control)?,
            None => self.run_laws(rows, engine, control)?,
        };
        swept.warnings.extend(engine.take_warnings());
        Ok(swept)
    }

    fn run_laws(&self, rows: &RowArgs, engine: &dyn Engine, control: &Control) -> Result<Swept> {
        let plan = self.law_plan(rows);
        let points = study::run(&plan, engine, control)?;
        let kind = match plan.shared_reference {
            true => "queries of one reference set",
            false => "trials",
        };
        let query = match plan.query {
            Query::Same => String::new(),
            other => format!("; query: {other}"),
        };
        let (trials, seed) = (grouped(plan.trials), plan.seed);
        let about = format!("{trials} {kind} a point, seed {seed}{query}");
        Ok(Swept {
            settings: json!(plan),
            about,
            points,
            warnings: Warnings::default(),
        })
    }

    fn law_plan(&self, rows: &RowArgs) -> LawPlan {
        let plan = LawPlan {
            laws: match &self.law[..] {
                [] => vec![Law::Gaussian],
                laws => laws.to_vec(),
            },
            dims: list(&self.dims, &DIMS),
            sizes: list(&self.sizes, &SIZES),
            trials: self.trials,
            seed: self.seed,
            query: match (self.query_variance, self.query) {
                (Some(variance), _) => Query::Variance(variance),
                (None, QueryArg::Origin) => Query::Origin,
                (None, QueryArg::Law) => Query::Same,
            },
            shared_reference: self.shared_reference,
            memory: rows.budget(),
        };
        plan.without_repeats()
    }

    fn run_data(
        &self,
        inputs: Inputs,
        rows: &RowArgs,
        engine: &dyn Engine,
        control: &Control,
    ) -> Result<Swept> {
        let mut warnings: Warnings = inputs.said().collect();
        let plan = self.data_plan(rows, &*inputs.reference);
        plan.check(&*inputs.reference, &*inputs.queries)?;
        let taken = match self.components {
            true => "random rows, and principal components,",
            false => "random rows and columns",
        };
        let about = format!(
            "{} queries from {}; {taken} of {}, seed {}",
            grouped_size(inputs.queries.len()),
            inputs.queries.name(),
            inputs.reference.name(),
            plan.seed
        );
        let (reference, queries) = self.as_judged(&plan, inputs, &mut warnings, control)?;
        let points = study::run_data(&plan, &*reference, &*queries, engine, control)?;
        Ok(Swept {
            settings: json!(plan),
            about,
            points,
            warnings,
        })
    }

    fn data_plan(&self, rows: &RowArgs, reference: &dyn Rows) -> DataPlan {
        let parts = [16, 8, 4, 2, 1].map(|part| (reference.len() / part).max(1));
        let plan = DataPlan {
            dims: list(&self.dims, &[reference.dim()]),
            sizes: list(&self.sizes, &parts),
            order: match self.components {
                true => Order::Leading,
                false => Order::Seeded,
            },
            seed: self.seed,
            memory: rows.budget(),
        };
        plan.without_repeats()
    }

    /// Both sets as the sweep uses them: as they are, or as their first principal components.
    fn as_judged(
        &self,
        plan: &DataPlan,
        inputs: Inputs,
        warnings: &mut Warnings,
        control: &Control,
    ) -> Result<(Arc<dyn Rows>, Arc<dyn Rows>)> {
        let (reference, queries) = (Arc::from(inputs.reference), inputs.queries);
        if !self.components {
            return Ok((reference, queries));
        }
        let most = plan.dims.iter().copied().max().unwrap_or(1);
        let specs = Spec::parse(&format!("pca:{most}"))?;
        let settings = Settings {
            seed: self.seed,
            memory: plan.memory,
            ..Settings::default()
        };
        let sets = (Set::vectors(reference), Set::vectors(queries));
        let mut views = Views::new(Some(sets), specs.clone(), settings, control)?;
        let view = views.view(&specs[0], control)?;
        warnings.extend(views.take_warnings());
        Ok((view.reference, view.queries))
    }
}

/// The numbers that were typed, or the default.
fn list(typed: &Option<Numbers>, default: &[usize]) -> Vec<usize> {
    let typed = typed.as_ref().map(|Numbers(numbers)| numbers.as_slice());
    typed.unwrap_or(default).to_vec()
}
