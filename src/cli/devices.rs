//! `hullscope devices`: the graphics adapters of this machine, whether they compute right, and which one is taken.

use crate::control::Control;
use crate::error::Result;
use crate::store::file;

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
#[cfg(feature = "gpu")]
pub fn run(args: &Args, control: &Control) -> Result<()> {
    use crate::report::devices;
    let found = crate::bench::survey(control)?;
    if let Some(target) = &args.json {
        return file::write_text(target, &crate::report::json::pretty(&devices::json(&found)));
    }
    file::print(&devices::table(&found))
}

/// Runs the command.
#[cfg(not(feature = "gpu"))]
pub fn run(args: &Args, _: &Control) -> Result<()> {
    if let Some(target) = &args.json {
        let found = serde_json::json!({ "adapters": [], "auto": {
            "backend": "cpu", "adapter": null, "why": crate::job::backend::NOT_BUILT } });
        return file::write_text(target, &crate::report::json::pretty(&found));
    }
    file::print(&format!("{}\n", crate::job::backend::NOT_BUILT))
}
