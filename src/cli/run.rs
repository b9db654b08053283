//! What every command that computes takes: where, on how many threads, how quietly.

use super::backend::BackendArgs;
use clap::Args;

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// No table, no notes, no progress bar
    #[arg(short, long)]
    pub quiet: bool,
}
