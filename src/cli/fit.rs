//! `hullscope fit`: a reference with everything that can be computed before the first query, in a file for `score` and
//! `analyze`.

use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::fit::Options;

const EXAMPLES: &str = "\
Examples:
  hullscope fit train.npy -o ref.hull
      verdicts and nearest rows of any queries; then: hullscope score ref.hull queries.npy
  hullscope fit train.npy --distance --neighbours 10 --metric cosine -o ref.hull
      with distances to the hull, and ten nearest rows by the cosine
  hullscope fit train.npy --link -o ref.hull
      the rows stay in train.npy, which must not change";

/// Prepare a reference for queries and write it to a file, from which `score` and `analyze` start at once
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    what: Options,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let (what, manner) = (&args.what, &args.run.manner);
    what.check()?;
    let int8 = args.run.backend.allows_int8();
    let memory = what.rows.memory;
    let done = args.run.run(memory, "fit", control, |engine, opened| {
        what.run(engine, int8, opened, control)
    })?;
    manner.note(done.notes);
    manner.tell(&done.line);
    Ok(())
}
