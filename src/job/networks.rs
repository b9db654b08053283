//! The option that chooses the engine for the networks of `onnx:` spaces; shared by commands that take spaces.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// Run networks by this library of ONNX Runtime (libonnxruntime.so), in place of the built-in engine
    #[arg(long, value_name = "LIB")]
    pub onnx_runtime: Option<PathBuf>,
}
