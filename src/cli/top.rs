//! `hullscope top`: the queries with the largest scores, from what a comparison left in its folder.

use crate::control::Control;
use crate::error::Result;
use crate::job::top::Options;
use crate::store::file;

const EXAMPLES: &str = "\
Examples:
  hullscope top out/ --by hull_score
      the ten queries that are farthest from the hull, in the first space of the comparison
  hullscope top out/ --space pca:8 --by ball_score --errors-only -n 20 --sheet errors.png
      the errors of the model that are farthest from all reference rows, as numbers and as pictures
  hullscope top out/ --by hull_score --least
      the ten queries with the smallest scores";

/// The queries with the largest scores, from the folder that `compare -o` wrote
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    what: Options,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    file::print(&args.what.run(control)?)
}
