//! The option that says what runs the networks of `onnx:` spaces; commands that know spaces share it.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// Run networks by this library of ONNX Runtime (libonnxruntime.so), in place of the built-in engine
    #[arg(long, value_name = "LIB")]
    pub onnx_runtime: Option<PathBuf>,
}
