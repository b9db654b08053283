//! `hullscope devices`: the graphics adapters of this machine, whether they compute right, and which one is taken.

use crate::control::Control;
use crate::error::Result;
use crate::job::guard::Outputs;
#[cfg(feature = "gpu")]
use crate::report::devices;
use serde_json::Value;

const EXAMPLES: &str = "\
Examples:
  hullscope devices
  hullscope devices --json
  hullscope analyze train.npy test.npy --backend gpu --adapter 0";

/// Graphics adapters: what they are, what the scan uses of them, and which one `--backend auto` takes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Write JSON to a file, or to stdout (-, or without a name)
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    json: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let (json, table) = found(control)?;
    Outputs::files([], args.json.as_deref()).deliver(|| json, || table)
}

/// The adapters as JSON and as a table.
#[cfg(feature = "gpu")]
fn found(control: &Control) -> Result<(Value, String)> {
    let found = crate::bench::survey(control)?;
    Ok((devices::json(&found), devices::table(&found)))
}

#[cfg(not(feature = "gpu"))]
fn found(_: &Control) -> Result<(Value, String)> {
    let why = crate::job::backend::NOT_BUILT;
    let auto = serde_json::json!({ "backend": "cpu", "adapter": null, "why": why });
    let found = serde_json::json!({ "adapters": [], "auto": auto });
    Ok((found, format!("{why}\n")))
}
