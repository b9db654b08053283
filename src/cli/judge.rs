//! What `analyze` and `score` have in common: they open two sets, judge the queries, and show the summary.

use super::progress::Advice;
use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::inputs::JudgedInputs;
use crate::job::judge::{Judge, Targets};
use crate::job::row_args::RowArgs;
use crate::report::{json, table};
use crate::study::analyze::AnalysisPlan;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The files of a command that judges queries.
#[derive(Debug, clap::Args)]
pub(super) struct TargetArgs {
    /// Write a record for each query: .parquet, .arrow, .csv or .jsonl (- for CSV on stdout, without the table)
    #[arg(short, long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// Write the summary as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

/// The options of a command that judges queries.
pub(super) struct Judging<'a> {
    pub run: &'a RunArgs,
    pub rows: &'a RowArgs,
    pub targets: &'a TargetArgs,
    pub certificates: Option<&'a Path>,
    pub advice: Advice,
}

impl Judging<'_> {
    /// Judges the queries of the sets that `open` returns, by the plan that it returns; `inputs` is every file, folder and
    /// pattern that is read.
    pub fn judge(
        &self,
        inputs: &[String],
        control: &Arc<Control>,
        open: impl FnOnce() -> Result<(JudgedInputs, AnalysisPlan)>,
    ) -> Result<()> {
        let targets = Targets {
            records: self.targets.output.as_deref(),
            certificates: self.certificates,
            json: self.targets.json.as_deref(),
        };
        targets.check(inputs)?;
        let started = Instant::now();
        let since = || started.elapsed().as_secs_f64();
        let memory = self.rows.memory;
        let (judge, summary) = (self.run).run(memory, self.advice, control, |engine, opened| {
            let backend = since();
            let (judged, plan) = open()?;
            opened();
            let mut seconds = IndexMap::from([
                ("open_backend".into(), backend),
                ("read".into(), since() - backend),
            ]);
            let judge = Judge::new(super::command_line(), judged, plan);
            let mut summary = judge.run(&targets, self.rows.budget(), engine, control)?;
            seconds.append(&mut summary.seconds);
            seconds.insert("total".into(), since());
            summary.seconds = seconds;
            Ok((judge, summary))
        })?;
        self.run.manner.note(&summary.warnings);
        targets.outputs().deliver(
            || json::summary(&judge.context, &summary),
            || table::summary(&judge.context, &summary),
        )
    }
}
