//! The shape of rows in a space, inferred before anything is read, so that mistakes are reported at once.

#[cfg(feature = "onnx")]
use super::encoder::{Encoder, Model, Pixels, Signature, Wanted, frame as own_frame};
use super::frame::{Frame, Frames};
use super::relu;
use super::spec::{OnnxArgs, SpaceStage, Spec};
use crate::error::{Error, Result};
use crate::rows::images::Shape;
#[cfg(feature = "onnx")]
use std::collections::HashMap;
#[cfg(feature = "onnx")]
use std::path::{Path, PathBuf};
#[cfg(feature = "onnx")]
use std::sync::Arc;

/// What is known of rows in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    pub shape: Option<Shape>,
    /// The length of a row; `None` for rows from files that are not yet open.
    pub dim: Option<usize>,
    /// Whether the images were already brought to the size of a network.
    pub framed: bool,
}

impl Outline {
    /// Rows that are not images.
    pub fn of(dim: Option<usize>) -> Self {
        Outline {
            shape: None,
            dim,
            framed: false,
        }
    }
}

/// Facts about networks, cached.
#[derive(Default)]
pub struct Networks {
    /// The signatures of networks by file; each file is read once.
    #[cfg(feature = "onnx")]
    signatures: HashMap<PathBuf, Arc<Signature>>,
    /// The lengths of tensors that were tried, by request and image shape.
    #[cfg(feature = "onnx")]
    dims: HashMap<String, usize>,
    /// The library that runs networks, if it is not tract.
    #[cfg(feature = "onnx")]
    library: Option<PathBuf>,
}

#[cfg(feature = "onnx")]
impl Networks {
    /// Networks run by this ONNX Runtime library, or by tract.
    pub fn by(library: Option<PathBuf>) -> Self {
        Networks {
            library,
            ..Networks::default()
        }
    }

    /// Prepares a network to run.
    pub fn encoder(&self, args: &OnnxArgs, wanted: &[Wanted], images: Pixels) -> Result<Encoder> {
        let model = Model::open(&args.file)?;
        Encoder::new(model, args, wanted, images, self.library.as_deref())
    }

    /// The signature of a network file. Errors: a file that is not a network that can be run.
    pub fn signature(&mut self, file: &Path) -> Result<Arc<Signature>> {
        if let Some(known) = self.signatures.get(file) {
            return Ok(Arc::clone(known));
        }
        let signature = Model::open(file)?.signature();
        self.signatures.insert(file.into(), Arc::clone(&signature));
        Ok(signature)
    }

    /// How a network brings images to its size, if it or the user says so.
    fn frame(&mut self, args: &OnnxArgs) -> Result<Option<Frame>> {
        let signature = self.signature(&args.file)?;
        Ok(match own_frame(&signature, args)? {
            Frame::Squash(_) => None,
            frame => Some(frame),
        })
    }

    /// The length of a tensor per image, found by running the network once on noise.
    fn dim(&mut self, args: &OnnxArgs, shape: Shape, framed: bool) -> Result<usize> {
        let signature = self.signature(&args.file)?;
        let wanted = Wanted {
            tensors: signature.outputs(args.output.as_deref())?,
            pool: args.pool,
        };
        let key = format!("{args:?} {shape:?} {framed}");
        if let Some(&known) = self.dims.get(&key) {
            return Ok(known);
        }
        // The range of pixels has no effect on whether images fit.
        let images = Pixels {
            shape,
            range: 1.0,
            bytes: false,
            framed,
        };
        let encoder = self.encoder(args, &[wanted], images)?;
        let dim = encoder.dims()[0];
        self.dims.insert(key, dim);
        Ok(dim)
    }
}

/// How the network at the start of a space brings images to its size. None for a space that does not start with a
/// network; an inner None if neither the network nor the user says how.
#[cfg(feature = "onnx")]
pub fn frame_of(spec: &Spec, networks: &mut Networks) -> Option<Result<Option<Frame>>> {
    let mut stages = spec.stages.iter();
    match stages.find(|stage| **stage != SpaceStage::Pixels) {
        Some(SpaceStage::Onnx(args)) => Some(networks.frame(args)),
        _ => None,
    }
}

#[cfg(not(feature = "onnx"))]
pub fn frame_of(_: &Spec, _: &mut Networks) -> Option<Result<Option<Frame>>> {
    None
}

/// How images are brought to the sizes of networks while they are decoded, if all spaces start with networks that say
/// how, so that no space needs the images in their own size.
///
/// Errors: a network that cannot be read, or unsupported settings.
pub fn frames(specs: &[Spec]) -> Result<Option<Frames>> {
    let mut networks = Networks::default();
    let mut frames = Vec::new();
    for spec in specs {
        if let Some(SpaceStage::File { .. }) = spec.stages.first() {
            continue;
        }
        match frame_of(spec, &mut networks).transpose()?.flatten() {
            Some(frame) => frames.push(frame),
            None => return Ok(None),
        }
    }
    Ok(Frames::new(frames))
}

/// The shape of rows in a space. Errors ([`Error::Usage`] and [`Error::Input`]): a stage that does not fit them.
pub fn outline(spec: &Spec, rows: Option<Outline>, networks: &mut Networks) -> Result<Outline> {
    let mut outline = rows.unwrap_or(Outline::of(None));
    if rows.is_none() && !matches!(spec.stages.first(), Some(SpaceStage::File { .. })) {
        return Err(Error::Usage(format!(
            "the space {} needs a reference and queries: name both",
            spec.text
        )));
    }
    for stage in &spec.stages {
        outline = after(stage, outline, &spec.text, networks)?;
    }
    Ok(outline)
}

/// As [`outline`], for a space that begins with files, which are now known to have `dim` columns.
pub fn after_files(spec: &Spec, dim: usize, networks: &mut Networks) -> Result<Outline> {
    let files = Outline::of(Some(dim));
    let mut stages = spec.stages.iter().skip(1);
    stages.try_fold(files, |rows, stage| {
        after(stage, rows, &spec.text, networks)
    })
}

/// The image shape that a stage needs. Errors: the rows are not images.
pub fn image(shape: Option<Shape>, text: &str) -> Result<Shape> {
    shape.ok_or_else(|| {
        Error::Usage(format!(
            "the space {text} needs images, and here are rows of numbers without a height and a width"
        ))
    })
}

/// The most numbers in the matrix of a map: 1 GiB.
const MATRIX: usize = 1 << 27;

/// Refuses a matrix from `from` to `dims` numbers that is too large; called again if `from` becomes known only later.
pub fn matrix(from: usize, dims: usize, text: &str) -> Result<()> {
    match from.checked_mul(dims) {
        Some(numbers) if numbers <= MATRIX => Ok(()),
        _ => Err(Error::Usage(format!(
            "the space {text} asks for {dims} dimensions, and its matrix would take more than 1 GiB; ask for fewer"
        ))),
    }
}

fn after(
    stage: &SpaceStage,
    rows: Outline,
    text: &str,
    networks: &mut Networks,
) -> Result<Outline> {
    let of = |shape: Shape| Outline {
        shape: Some(shape),
        ..Outline::of(Some(shape.height * shape.width * shape.channels))
    };
    let vector = |dim: usize| Outline::of(Some(dim));
    let at_most = |dims: usize, what: &str| match rows.dim {
        Some(dim) if dims > dim => Err(Error::Usage(format!(
            "the space {text} asks for {dims} {what}, and the rows have {dim} numbers; ask for at most as many"
        ))),
        _ => Ok(vector(dims)),
    };
    let made = |from: usize, dims: usize| matrix(from, dims, text).map(|()| vector(dims));
    Ok(match stage {
        SpaceStage::Pixels => rows,
        SpaceStage::Patch(side) => {
            let shape = image(rows.shape, text)?;
            if *side > shape.width || *side > shape.height {
                return Err(Error::Usage(format!(
                    "the space {text} asks for a patch of {side} x {side} pixels, and the images are {} x {}",
                    shape.width, shape.height
                )));
            }
            of(Shape {
                height: *side,
                width: *side,
                ..shape
            })
        }
        SpaceStage::Smooth(step) => {
            let shape = image(rows.shape, text)?;
            of(Shape {
                height: shape.height.div_ceil(*step),
                width: shape.width.div_ceil(*step),
                ..shape
            })
        }
        SpaceStage::Resize { width, height } => of(Shape {
            width: *width,
            height: *height,
            ..image(rows.shape, text)?
        }),
        SpaceStage::Gray => of(Shape {
            channels: 1,
            ..image(rows.shape, text)?
        }),
        SpaceStage::Wavelet => {
            image(rows.shape, text)?;
            Outline::of(rows.dim)
        }
        SpaceStage::Whiten => Outline::of(rows.dim),
        // The number of components that hold the share is known only after fitting.
        SpaceStage::PcaShare(_) => Outline::of(None),
        SpaceStage::Pca(dims) | SpaceStage::PcaLast(dims) => {
            at_most(*dims, "principal components")?
        }
        SpaceStage::Dims { dims, .. } => at_most(*dims, "coordinates")?,
        SpaceStage::Random { dims, .. } => made(rows.dim.unwrap_or(1), *dims)?,
        SpaceStage::ReluFeatures { dims, .. } => {
            let inputs = relu::inputs(image(rows.shape, text)?);
            made(inputs, *dims)?
        }
        SpaceStage::Onnx(args) => vector(network(args, rows, text, networks)?),
        SpaceStage::File { reference, queries } => {
            crate::rows::check_there(reference)?;
            crate::rows::check_there(queries)?;
            Outline::of(None)
        }
    })
}

/// Checks that a network has the tensor, accepts the images, and runs; returns the length of a row.
#[cfg(feature = "onnx")]
fn network(args: &OnnxArgs, rows: Outline, text: &str, networks: &mut Networks) -> Result<usize> {
    networks.dim(args, image(rows.shape, text)?, rows.framed)
}

#[cfg(not(feature = "onnx"))]
fn network(_: &OnnxArgs, _: Outline, text: &str, _: &mut Networks) -> Result<usize> {
    Err(Error::Usage(format!(
        "the space {text} needs a program built with the feature `onnx`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Outline> {
        let shape = Shape {
            height: 28,
            width: 20,
            channels: 3,
            planar: false,
        };
        let rows = Outline {
            shape: Some(shape),
            ..Outline::of(Some(28 * 20 * 3))
        };
        outline(
            &Spec::parse(text).unwrap()[0],
            Some(rows),
            &mut Networks::default(),
        )
    }

    #[test]
    fn dimensions_follow_the_stages() {
        for (text, dim) in [
            ("pixels", 1680),
            ("patch:4", 48),
            ("smooth:3", 10 * 7 * 3),
            ("gray|smooth:2", 140),
            ("resize:5x6|gray", 30),
            ("wavelet|dims:16", 16),
            ("whiten", 1680),
            ("random:5000", 5000),
        ] {
            assert_eq!(of(text).unwrap().dim, Some(dim), "{text}");
        }
    }

    #[test]
    fn what_cannot_work_is_said_before_anything_is_read() {
        for (text, part) in [
            ("patch:21", "20 x 28"),
            ("patch:4|pca:49", "48 numbers"),
            ("pca:8|patch:2", "needs images"),
            ("dims:1681", "1680"),
            ("random:100000", "1 GiB"),
            // 7 x 5 x 32 inputs.
            ("relu-features:120000", "1 GiB"),
            ("file:no/such.npy,nor/this.npy", "no/such.npy"),
        ] {
            let message = of(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let pixels = &Spec::parse("pixels").unwrap()[0];
        assert!(outline(pixels, None, &mut Networks::default()).is_err());
    }
}
