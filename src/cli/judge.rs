//! What `analyze` and `score` have in common: they open two sets, judge the queries, and show the summary.

use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::inputs::JudgedInputs;
use crate::job::judge::{Judge, Targets};
use crate::job::row_args::RowArgs;
use crate::report::{json, table};
use crate::study::analyze::AnalysisPlan;
use indexmap::IndexMap;
use std::time::Instant;

/// The options of a command that judges queries.
#[derive(Debug, clap::Args)]
pub(super) struct JudgeArgs {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    pub rows: RowArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

impl JudgeArgs {
    /// Judges the queries of the sets that `open` returns, by the plan that it returns; `inputs` is every file, folder and
    /// pattern that is read, and `command` the subcommand.
    pub fn judge(
        &self,
        command: &'static str,
        inputs: &[String],
        control: &Control,
        open: impl FnOnce() -> Result<(JudgedInputs, AnalysisPlan)>,
    ) -> Result<()> {
        let (targets, memory) = (&self.targets, self.rows.memory);
        targets.check(inputs)?;
        let started = Instant::now();
        let since = || started.elapsed().as_secs_f64();
        let (judge, summary) = (self.run).run(memory, command, control, |engine, opened| {
            let backend = since();
            let (judged, plan) = open()?;
            opened();
            let mut seconds = IndexMap::from([
                ("open_backend".into(), backend),
                ("read".into(), since() - backend),
            ]);
            let judge = Judge::new(super::command_line(), judged, plan);
            let mut summary = judge.run(targets, self.rows.budget(), engine, control)?;
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
