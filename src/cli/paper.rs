//! `hullscope paper`: the experiments of "Learning in High Dimension Always Amounts to Extrapolation".

use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::paper::{Options, write};
use crate::report::paper::{self as show, Collection};
use crate::store::file;

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

The paper: Balestriero, Pesenti and LeCun, arXiv 2110.09485. With -o, finished spaces are kept and not computed again, and
runs into one folder add up: the page, summary.json and points.parquet hold the last run of each experiment.";

/// The experiments of "Learning in High Dimension Always Amounts to Extrapolation" (arXiv 2110.09485)
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples.")]
pub struct Args {
    #[command(flatten)]
    what: Options,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let (what, manner) = (&args.what, &args.run.manner);
    if what.help_columns {
        return file::print(&show::help());
    }
    let plan = what.plan()?;
    let command = super::command_line();
    let memory = what.rows.memory;
    let made = args.run.run(memory, "paper", control, |engine, opened| {
        let sets = plan.open(control)?;
        opened();
        sets.run(&command, engine, control)
    })?;
    let own = Collection {
        command,
        date: crate::bench::date(),
        experiments: made,
        notes: Vec::new(),
    };
    manner.note(own.experiments.iter().flat_map(|made| &made.notes));
    if let Some(folder) = &what.output {
        manner.note(write(folder, &own)?);
    }
    what.outputs()
        .deliver(|| show::json(&own), || show::text(&own))
}
