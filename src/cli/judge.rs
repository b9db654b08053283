//! What `analyze` and `score` have in common: they open two sets, judge the queries, and show the summary.

use super::progress::Advice;
use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::guard::Outputs;
use crate::job::inputs::JudgedInputs;
use crate::job::judge::{Judge, Targets};
use crate::job::row_args::RowArgs;
use crate::report::{file, json, records, table};
use crate::study::analyze::AnalysisPlan;
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
        let (outputs, targets) = self.outputs();
        outputs.check(inputs)?;
        targets.records.map_or(Ok(()), records::check)?;
        let check = |path| file::check_parquet(path, "certificates");
        targets.certificates.map_or(Ok(()), check)?;
        let started = Instant::now();
        let (engine, bar) = self.run.begin(self.rows.memory, self.advice, control)?;
        let opened = started.elapsed().as_secs_f64();
        let (judged, plan) = open()?;
        let read = started.elapsed().as_secs_f64() - opened;
        let judge = Judge::new(super::command_line(), judged, plan);
        let mut summary = judge.run(&targets, self.rows.budget(), &*engine, control)?;
        let total = started.elapsed().as_secs_f64();
        let stages = [("read", read), ("open_backend", opened), ("total", total)];
        let stages = stages.map(|(stage, seconds)| (stage.into(), seconds));
        summary.seconds.extend(stages);
        drop(bar);
        self.run.manner.note(&summary.warnings);
        outputs.deliver(
            || json::summary(&judge.context, &summary),
            || table::summary(&judge.context, &summary),
        )
    }

    /// The outputs, and those of them that are written while queries are judged.
    fn outputs(&self) -> (Outputs<'_>, Targets<'_>) {
        let (output, json) = (self.targets.output.as_deref(), self.targets.json.as_deref());
        let outputs = Outputs {
            files: output.into_iter().chain(self.certificates).collect(),
            json,
            ..Outputs::default()
        };
        let targets = Targets {
            records: output.filter(|_| !outputs.stdout()),
            stream: outputs.stdout(),
            certificates: self.certificates,
            more: self.certificates.is_some() || json.is_some(),
        };
        (outputs, targets)
    }
}
