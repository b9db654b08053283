//! `hullscope encoder`: the tensors of a network that `onnx:FILE@TENSOR` may name.

use crate::error::{Error, Result};
use crate::space::spec;
use std::path::PathBuf;
#[cfg(feature = "onnx")]
use {
    crate::job::guard::Outputs, crate::report::text_table, crate::space, serde_json::json,
    std::path::Path,
};

const EXAMPLES: &str = "\
Examples:
  hullscope encoder resnet18.onnx
  hullscope encoder resnet18.onnx --size 320x240
  hullscope encoder sample --json

A space names a tensor by its name, by the PyTorch module whose output it is, or as the one before the last linear layer:
  --space onnx:resnet18.onnx@layer4    --space onnx:vit.onnx@blocks.3    --space onnx:resnet18.onnx@penultimate
@layer3+layer4 puts several tensors side by side in a row; @preactivations is the inputs of all ReLUs and similar units,
for --notion region.";

/// Tensors of a network in ONNX that have a row for each image, the last first: shapes, operators, PyTorch's modules
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The network, also as a space names it, onnx:FILE (`sample` and `sample-untrained` are built in)
    #[arg(value_name = "FILE")]
    network: PathBuf,
    /// Width and height of the images, where the network leaves them open (default: 224x224)
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Write JSON to a file, or to stdout (-, or without a name)
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    json: Option<String>,
}

fn size(text: &str) -> std::result::Result<(usize, usize), String> {
    spec::extent(text).ok_or_else(|| "a width and a height, as in 224x224".into())
}

/// The network's file, or the name of a built-in one, from what was typed: the prefix `onnx:` is removed unless a file has
/// that name.
///
/// Errors ([`Error::Usage`]): a tensor, settings or steps after the network's name, which this command does not use.
#[cfg(feature = "onnx")]
fn network(typed: &Path) -> Result<PathBuf> {
    let named = typed.to_str().and_then(|text| text.strip_prefix("onnx:"));
    let Some(named) = named.filter(|named| !named.is_empty() && !typed.exists()) else {
        return Ok(typed.into());
    };
    match named.split(['@', ',', '|']).next() {
        Some(file) if file != named && !Path::new(named).exists() => Err(Error::Usage(format!(
            "{} names a tensor, settings or several steps, and every tensor of the network is listed; type onnx:{file}",
            typed.display()
        ))),
        _ => Ok(named.into()),
    }
}

/// Runs the command.
#[cfg(feature = "onnx")]
pub fn run(args: &Args) -> Result<()> {
    let network = &network(&args.network)?;
    let inputs = space::network_files(network).into_iter();
    let inputs: Vec<String> = inputs.map(|file| file.display().to_string()).collect();
    let outputs = Outputs::files([], args.json.as_deref());
    outputs.check(&inputs)?;
    let tensors = space::network_tensors(network, args.size)?;
    let network = network.display().to_string();
    if tensors.is_empty() {
        return Err(Error::Usage(format!(
            "no tensor of {network} has a row for each image"
        )));
    }
    let rows = tensors.iter().map(|t| {
        json!({
            "tensor": t.name, "operator": t.operator, "module": t.module, "shape": t.shape,
            "numbers": t.shape.as_ref().map(|shape| shape.iter().product::<usize>()),
        })
    });
    let mut table = text_table::table();
    table.set_header(["tensor", "numbers an image", "operator", "module"]);
    for tensor in &tensors {
        let shape = tensor.lengths().unwrap_or("?".into());
        table.add_row([&tensor.name, &shape, &tensor.operator, &tensor.module]);
    }
    outputs.deliver(
        || json!({ "network": network, "tensors": rows.collect::<Vec<_>>() }),
        || text_table::unindented(table),
    )
}

/// Runs the command.
#[cfg(not(feature = "onnx"))]
pub fn run(_: &Args) -> Result<()> {
    Err(Error::Usage(
        "this program was built without the feature `onnx`".into(),
    ))
}
